// What a model without options learns, against the best fixed setting, in simulated time: random models, some of which need longer a row from
// some size on, on a machine that pauses now and then or does not.

import { describe, expect, test } from 'vitest';
import { type BatcherSettings, completeBatcherOptions } from '../../lib/batching/options.js';
import { type ServedModel, serve } from '../batching/callers.js';
import { type Link, serveChain } from '../batching/chain.js';
import { mulberry } from '../batching/simulation.js';

const models = 100;
const sizes = [1, 2, 4, 8, 16, 32];
const base = completeBatcherOptions({}, 'batching');
const learning: BatcherSettings = {
  ...base,
  learns: {
    bounds: { leastRows: 1, mostRows: 32, leastAtOnce: 1, mostAtOnce: 2, leastThreads: 1, mostThreads: 2 },
    tuned: undefined,
  },
};

interface RandomModel extends ServedModel {
  /** How long a row takes by itself. */
  readonly one: number;
  readonly helped: number;
}

interface How {
  readonly seed: number;
  readonly thinkMicros: number;
}

/** A row by itself takes 0.2 to 10 ms, of which more or less is for the whole batch. A second thread may be a help or a hindrance. */
function randomModel(seed: number, pauseMicros: number): RandomModel {
  const random = mulberry(seed * 77);
  const one = 10 ** (2.3 + 1.7 * random());
  const fixed = one * random() ** 0.7;
  const perRow = one - fixed;
  const cliff = random() < 0.4 ? 2 ** Math.floor(1 + 5 * random()) : Number.POSITIVE_INFINITY;
  const worse = 1 + 0.6 * random();
  const shared = random() < 0.3 ? 0.1 * random() : 1.1 * random();
  const noise = 0.03 + 0.09 * random();
  const helped = 0.6 + 0.6 * random();
  const micros = (rows: number) => fixed + perRow * rows * (rows >= cliff ? worse : 1);
  return { one, micros, shared, noise, helped, pauseMicros };
}

/** For how many seconds after the first three it is watched: long enough for some hundred batches. */
/** What a model without options could be given by hand. */
interface Setting {
  readonly maxBatchSize: number;
  readonly concurrency: number;
  readonly threads: number;
}
const lanesAndThreads = [
  { concurrency: 1, threads: 1 },
  { concurrency: 1, threads: 2 },
  { concurrency: 2, threads: 2 },
];

const watched = (one: number) => Math.min(9, Math.max(1, one * 1e-3));

async function best(model: RandomModel, count: number, how: How): Promise<number> {
  const candidates = sizes
    // All callers fit into one of the last.
    .filter((rows) => rows < 2 * count)
    .flatMap((maxBatchSize) => lanesAndThreads.map((one) => ({ ...one, maxBatchSize })));
  const measured: { setting: Setting; rate: number }[] = [];
  for (const setting of candidates) {
    const seconds = watched(model.one) / 3;
    const { rate } = await serveBy(setting, model, count, seconds, how);
    measured.push({ setting, rate: rate(seconds / 5, seconds) });
  }
  // The best of few batches is the luckiest: the three best are measured for as long as what is compared with them.
  measured.sort((a, b) => b.rate - a.rate);
  const rates: number[] = [];
  for (const { setting } of measured.slice(0, 3)) rates.push(await rateOf(model, setting, count, how));
  return Math.max(...rates);
}

/** What a fixed setting gives. */
async function rateOf(model: RandomModel, setting: Setting, count: number, how: How): Promise<number> {
  const seconds = 0.3 + watched(model.one);
  const { rate } = await serveBy(setting, model, count, seconds, how);
  return rate(0.3, seconds);
}

function serveBy({ threads, ...setting }: Setting, model: RandomModel, count: number, seconds: number, how: How) {
  const helped = threads === 1 ? 1 : model.helped;
  return serve({ ...model, helped }, { ...base, ...setting }, [{ callers: count, seconds }], how);
}

describe.each([
  ['that asks again at once', 0, 0, [1, 2, 3, 8, 12, 64]],
  ['that works for 100 us, on a machine that pauses', 100, 5000, [8, 64]],
] as const)('a caller %s', (_name, thinkMicros, pauseMicros, callers) => {
  test.each(callers)('%s of them', async (count) => {
    const short: string[] = [];
    let least = Number.POSITIVE_INFINITY;
    for (let seed = 1; seed <= models; seed++) {
      const model = randomModel(seed, pauseMicros);
      const how = { seed, thinkMicros };
      const seconds = 3 + watched(model.one);
      const served = await serve(model, learning, [{ callers: count, seconds }], how);
      const most = await best(model, count, how);
      // With the trials that go on.
      least = Math.min(least, served.rate(3, seconds) / most);
      const { measured } = served.batcher.stats().adaptive!;
      const { rows: maxBatchSize, atOnce: concurrency, threads } = measured!.find(({ ratio }) => ratio === 1)!;
      const part = (await rateOf(model, { maxBatchSize, concurrency, threads }, count, how)) / most;
      if (part < 0.95) short.push(`model ${seed}: ${part.toFixed(3)}, ${JSON.stringify(measured)}`);
    }
    expect(
      short.length,
      `models that settled on less than 0.95 of the best setting:\n${short.join('\n')}`,
    ).toBeLessThanOrEqual(5);
    expect(least, 'the worst model’s answers after 3 s, of its best setting').toBeGreaterThanOrEqual(0.8);
  });
});

// Where a batch of 32 takes half a second, a single trial of one lane may cost a second, and a slow moment is a whole trial.
test('batches that do not pay and take long, on a machine that is slower at times', async () => {
  const parts: number[] = [];
  for (let seed = 1; seed <= 20; seed++) {
    const perRow = 8000 + 600 * seed;
    const model: ServedModel = {
      micros: (rows) => 500 + perRow * rows,
      shared: 0.05,
      noise: 0.1,
      helped: seed % 2 === 0 ? 0.7 : 1.1,
      slower: slowSpells(mulberry(seed * 31), 8e6),
    };
    const how = { seed, thinkMicros: 0 };
    const load = [{ callers: 64, seconds: 8 }];
    const served = await serve(model, learning, load, how);
    const single = await serve({ ...model, helped: 1 }, { ...base, maxBatchSize: 1, concurrency: 2 }, load, how);
    parts.push(served.rate(3, 8) / single.rate(3, 8));
  }
  parts.sort((a, b) => a - b);
  const all = parts.map((part) => part.toFixed(2)).join(' ');
  expect(parts[0], `after 3 s, of single rows on two lanes, the worst model: ${all}`).toBeGreaterThanOrEqual(0.7);
  expect(parts[10], `after 3 s, of single rows on two lanes, in the middle: ${all}`).toBeGreaterThanOrEqual(0.92);
});

// What a woken thread does in its first moments, before the system has given it a core of its own, says nothing about it.
test.each([200, 1000, 4000])(
  'a caller of a model of %s us, which is helped once the threads are placed',
  async (micros) => {
    const wrong: string[] = [];
    for (let seed = 1; seed <= 20; seed++) {
      const model: ServedModel = { micros: () => micros, shared: 0.9, noise: 0.1, helped: 0.7, placing: 8000 };
      const served = await serve(model, learning, [{ callers: 1, seconds: 3 }], { seed, thinkMicros: 100 });
      const { why, threads } = served.batcher.stats().adaptive!;
      if (threads !== 2) wrong.push(`seed ${seed}: ${threads} threads, ${why}`);
    }
    expect(wrong.length, `of 20, on one thread after 3 s:\n${wrong.join('\n')}`).toBeLessThanOrEqual(1);
  },
);

// Three models on one device, each of which learns while the others do: what one tries must not look like what another does, and how many
// rows each has waiting changes all the time. Detection takes most of the time, and longer in batches; a classifier gains by them.
test('a chain like that of the demo, beside the best of what is set by hand', async () => {
  const growing = (fixed: number, perRow: number, from: number, worse: number) => (rows: number) =>
    fixed + perRow * rows * (rows >= from ? worse : 1);
  const links: Link[] = [
    { micros: growing(500, 28_000, 2, 1.25), shared: 0.1, helped: 0.6, noise: 0.08, ownMicros: 2500 },
    { micros: growing(400, 400, 16, 1.3), shared: 0.2, helped: 0.7, noise: 0.08, ownMicros: 600 },
    {
      micros: growing(1000, 10_000, 4, 1.3),
      shared: 0.15,
      helped: 0.7,
      noise: 0.08,
      ownMicros: 800,
      shapes: [0.6, 1, 1.4, 2],
    },
  ];
  const alone = links.map((link) => ({ ...link, helped: 1 }));
  const byHand = [
    [1, 1, 1],
    [1, 8, 1],
    [1, 8, 2],
    [8, 8, 8],
  ].flatMap((rows) =>
    [1, 2].map((concurrency) => rows.map((maxBatchSize) => ({ ...base, maxBatchSize, concurrency }))),
  );
  for (let seed = 1; seed <= 5; seed++) {
    const how = { callers: 64, seconds: 18, seed };
    const rates: number[] = [];
    for (const settings of byHand) rates.push((await serveChain(alone, settings, how)).rate(3, 18));
    const learned = await serveChain(
      links,
      links.map(() => learning),
      how,
    );
    const most = Math.max(...rates);
    expect(learned.rate(3, 18) / most, `seed ${seed}, after 3 s`).toBeGreaterThanOrEqual(0.95);
    expect(learned.rate(0, 3) / most, `seed ${seed}, in the first 3 s`).toBeGreaterThanOrEqual(0.8);
  }
});

/** 1.6 times as slow for 0.4 s or so, every 2 s or so. */
function slowSpells(random: () => number, micros: number): (now: number) => number {
  const spells: (readonly [number, number])[] = [];
  const about = (mean: number) => -Math.log(1 - random()) * mean;
  for (let at = 0; at < micros; ) {
    const begins = at + about(1.6e6);
    at = begins + about(0.4e6);
    spells.push([begins, at]);
  }
  return (now) => (spells.some(([begins, ends]) => now >= begins && now < ends) ? 1.6 : 1);
}

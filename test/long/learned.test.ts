// What a model without options learns, against the best fixed setting, in simulated time: random models, some of which need longer a row from
// some size on, on a machine that pauses now and then or does not.

import { describe, expect, test } from 'vitest';
import { type ServedModel, serve } from '../batching/callers.js';
import { type Link, serveChain } from '../batching/chain.js';
import { base, best, learning, randomModel, rateOf, watched } from '../batching/random-model.js';
import { mulberry } from '../batching/simulation.js';

const models = 100;

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

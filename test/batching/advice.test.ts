// What is said to be wrong: each rule on a load that shows it, in simulated time, and on one beside it that is as it should be.

import { describe, expect, test } from 'vitest';
import { Batcher } from '../../lib/batching/batcher.js';
import { type BatcherOptions, completeBatcherOptions } from '../../lib/batching/options.js';
import { Limiter } from '../../lib/batching/running/limiter.js';
import {
  type AdviceRule,
  adviceOn,
  adviceOnProcess,
  type Served,
  spanOf,
} from '../../lib/batching/statistics/advice.js';
import { EventClock, mulberry, timedExecutor } from './simulation.js';

interface Loaded {
  readonly options: BatcherOptions;
  /** Of a batch, by its rows. */
  readonly micros?: (rows: number) => number;
  /** Callers that ask again when they are answered, and for how long they think before. */
  readonly callers: number;
  readonly thinkMicros?: number;
  readonly shapes?: number;
  readonly limiter?: Limiter;
  readonly alone?: string;
  readonly padsLengths?: boolean;
  readonly threadBusy?: number;
}

const tenth = 1e5;

/** What is said of a model after a tenth of a second under that load. */
async function said(given: Loaded) {
  const { options, micros = () => 1000, callers, thinkMicros = 0, shapes = 1, threadBusy = 0.1 } = given;
  const clock = new EventClock();
  const random = mulberry(1);
  const executor = timedExecutor(clock, random, { micros, shared: 0, noise: 0 });
  const settings = completeBatcherOptions({ maxBatchSize: 8, concurrency: 1, ...options }, 'batching');
  const limiter = given.limiter ?? new Limiter(64);
  const share = { of: limiter, weight: 1, resources: 1 };
  const batcher = new Batcher<string, string>(executor, settings, { clock, limiter: share });
  const ask = (caller: number) => {
    const shape = String(Math.floor(random() * shapes));
    const think = thinkMicros * (0.5 + random());
    const kind = { key: shape, rows: 1, alone: given.alone !== undefined };
    void batcher.submit(shape, kind).then(() => clock.after(think, () => ask(caller)));
  };
  for (let caller = 0; caller < callers; caller++) ask(caller);
  await clock.run(tenth * 5);
  const stats = batcher.stats();
  const model: Served = {
    name: 'm',
    stats,
    alone: given.alone,
    maxBatchSize: settings.maxBatchSize,
    maxQueueDelayMicros: settings.maxQueueDelayMicros,
    allowedBatchSizes: settings.allowedBatchSizes,
    padsLengths: given.padsLengths ?? false,
    targetLatencyMicros: settings.targetLatencyMicros,
    mostByResources: limiter.resources,
  };
  const deviceBusy = limiter.time.busyMicros(clock.now()) / clock.now();
  const around = { deviceBusy, kind: 'cuda', threadBusy } as const;
  return adviceOn(model, spanOf(undefined, stats, clock.now()), around);
}

const rules = async (load: Loaded): Promise<AdviceRule[]> => (await said(load)).map(({ rule }) => rule);
const few = { options: { concurrency: 2 }, callers: 2, thinkMicros: 1000 };

test('nothing of a model that is asked for no more than it can do, nor of a few requests', async () => {
  expect(await said(few)).toEqual([]);
  expect(await said({ options: { allowedBatchSizes: [8] }, callers: 1, thinkMicros: 20_000 })).toEqual([]);
});

describe('shapes', () => {
  test('that close batches', async () => {
    const load = { options: { concurrency: 2 }, callers: 6, shapes: 4, micros: () => 500, thinkMicros: 800 };
    const [advice] = await said(load);
    expect(advice).toMatchObject({ rule: 'shapes', model: 'm', change: expect.stringContaining('padVariableLength') });
    expect(advice!.problem).toMatch(/^\d\d%? of the batches closed because what else waited had another shape/);
    expect((await said({ ...load, padsLengths: true }))[0]!.change).toContain('fewer lengths');
    expect(await rules({ ...load, shapes: 1 })).not.toContain('shapes');
  });
});

describe('a delay', () => {
  test('that nobody comes in', async () => {
    const load = { options: { maxQueueDelayMicros: 2000 }, callers: 1, thinkMicros: 500, micros: () => 300 };
    const [advice] = await said(load);
    expect(advice).toMatchObject({ rule: 'delay', change: expect.stringContaining('maxQueueDelayMicros: 0') });
    expect(advice!.problem).toBe('100% of the batches waited 2 ms for more, and have 1 requests all the same');
    // Four come in it.
    expect(await rules({ ...load, callers: 8, thinkMicros: 4000 })).not.toContain('delay');
    expect(await rules({ ...load, options: {} })).toEqual([]);
  });

  test('that keeps the device from what waits', async () => {
    const load = { options: { maxQueueDelayMicros: 9000, maxBatchSize: 64 }, callers: 8, micros: () => 100 };
    const [advice] = await said(load);
    expect(advice).toMatchObject({
      rule: 'device',
      change: expect.stringContaining('lower batching.maxQueueDelayMicros'),
    });
    expect(advice!.problem).toMatch(
      /^7\.\d requests wait on average, and the GPU has something to run for 1% of the time$/,
    );
    expect(await rules({ ...load, options: {} })).not.toContain('device');
    expect(await rules({ ...load, threadBusy: 0.97 }), 'that is told of the thread').not.toContain('device');
  });
});

describe('padding', () => {
  test('of rows', async () => {
    const load = { options: { allowedBatchSizes: [8] }, callers: 2, thinkMicros: 300 };
    const [advice] = await said(load);
    expect(advice).toMatchObject({ rule: 'padding', change: expect.stringContaining('allowedBatchSizes') });
    expect(await rules({ ...load, options: { allowedBatchSizes: [1, 2, 4, 8] } })).toEqual([]);
  });

  test('of lengths', async () => {
    const { batches, ...others } = (await statsOf()) as Served['stats'];
    const stats = { ...others, batches: { ...batches, paddedLengths: 0.4 * batches.rows } };
    const model = { ...plain, stats, padsLengths: true };
    const around = { deviceBusy: 1, kind: 'cpu', threadBusy: 0 } as const;
    const [advice] = adviceOn(model, spanOf(undefined, stats, 1e6), around);
    expect(advice).toMatchObject({ rule: 'padding', change: expect.stringContaining('padVariableLength.lengths') });
    expect(advice!.problem).toBe('40% of what is computed is padding, of lengths');
  });
});

describe('a queue that never empties', () => {
  const load = { options: { maxBatchSize: 4 }, callers: 40, micros: (rows: number) => 300 + 100 * rows };

  test('of full batches', async () => {
    const [advice] = await said(load);
    expect(advice).toMatchObject({ rule: 'queue', change: expect.stringContaining('maxBatchSize above 4') });
    expect(advice!.problem).toMatch(
      /^the queue never empties: 3\d requests wait on average, .* ms each, while 1 of 1 lanes work$/,
    );
    expect(await rules({ ...load, callers: 2, thinkMicros: 1000 })).toEqual([]);
  });

  test('of requests that share nothing', async () => {
    const [advice] = await said({ ...load, alone: 'batching was switched off' });
    expect(advice).toMatchObject({ rule: 'queue', change: expect.stringContaining('for batching was switched off') });
  });
});

test('lanes that others’ resources keep idle', async () => {
  const load = { options: { concurrency: 4, maxBatchSize: 1 }, callers: 16 };
  const [advice] = await said({ ...load, limiter: new Limiter(1) });
  expect(advice).toMatchObject({ rule: 'lanes', change: expect.stringContaining('open({ resources }) lets 1') });
  expect(advice!.problem).toContain('1 batches run at once of 4');
  expect(await rules({ ...load, limiter: new Limiter(4) })).toEqual(['queue']);
});

describe('the JS thread', () => {
  const around = { deviceBusy: 0.1, kind: 'cpu', threadBusy: 0.95 } as const;
  const span = (queued: number) => ({ ...spanOf(undefined, someStats, 1e6), requests: 1000, queued });

  test('that works all the time', () => {
    expect(adviceOnProcess([span(0)], around)).toMatchObject([
      { rule: 'thread', problem: 'the JS thread works for 95% of the time' },
    ]);
    expect(adviceOnProcess([span(0)], { ...around, threadBusy: 0.85 })).toEqual([]);
    expect(adviceOnProcess([{ ...span(0), requests: 10 }], around)).toEqual([]);
    const [advice] = adviceOnProcess([span(2), span(1)], { ...around, threadBusy: 0.85 });
    expect(advice!.problem).toBe('the JS thread works for 85% of the time, and 3 requests wait on average');
  });

  test('is not told of as lanes that others keep idle, nor are lanes where there are no others', () => {
    const stats = { ...someStats, lanes: { size: 4, busyMicros: 0 } };
    const one = { ...span(10), running: 0.6, batches: 500 };
    const model = { ...plain, stats };
    const on = (given: object) => adviceOn(model, one, { ...around, ...given }).map(({ rule }) => rule);
    expect(on({ deviceBusy: 0.6, threadBusy: 0.85 })).toEqual([]);
    expect(on({ deviceBusy: 0.6, threadBusy: 0.5 })).toEqual([]);
    expect(adviceOn(model, { ...one, running: 0.2 }, { ...around, deviceBusy: 0.9, threadBusy: 0.5 })).toMatchObject([
      { rule: 'lanes', change: expect.stringContaining('other models have the device') },
    ]);
  });
});

test('a span counts what came in it alone', async () => {
  const before = await statsOf(100);
  const after = await statsOf(300);
  const span = spanOf(before, after, 1e6);
  expect(span.requests).toBe(200);
  expect(span.rows).toBe(200);
  expect(Object.values(span.closed).reduce((sum, count) => sum + count, 0)).toBe(span.batches);
});

const plain: Omit<Served, 'stats'> = {
  name: 'm',
  alone: undefined,
  maxBatchSize: 8,
  maxQueueDelayMicros: 0,
  allowedBatchSizes: undefined,
  padsLengths: false,
  targetLatencyMicros: undefined,
  mostByResources: 64,
};

/** Of so many requests, one after the other. */
async function statsOf(requests = 200) {
  const clock = new EventClock();
  const executor = timedExecutor(clock, mulberry(1), { micros: () => 100, shared: 0, noise: 0 });
  const settings = completeBatcherOptions({ maxBatchSize: 8, concurrency: 1 }, 'batching');
  const batcher = new Batcher<string, string>(executor, settings, { clock });
  for (let i = 0; i < requests; i++) clock.at(i * 500, () => void batcher.submit('x', { key: '', rows: 1 }));
  await clock.run(requests * 500 + 1000);
  return batcher.stats();
}

const someStats = await statsOf();

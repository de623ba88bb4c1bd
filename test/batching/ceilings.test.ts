// Batches that fail for their size, as where there is no memory for so many rows: smaller ones take their place, with a target latency and
// without, in simulated time.

import { describe, expect, test } from 'vitest';
import { Adaptive } from '../../lib/batching/learning/adaptive.js';
import { Ceilings } from '../../lib/batching/learning/ceilings.js';
import { completeBatcherOptions } from '../../lib/batching/options.js';
import { type ServedModel, serve } from './callers.js';

const base = completeBatcherOptions({}, 'batching');
const bounds = { leastRows: 1, mostRows: 32, leastAtOnce: 1, mostAtOnce: 2, leastThreads: 1, mostThreads: 1 };

const model: ServedModel = { micros: (rows) => 10_000 + 1000 * rows, shared: 0.5, noise: 0.05, fits: 8 };
const load = [{ callers: 64, seconds: 9 }];
const how = { seed: 1, thinkMicros: 0 };

test.each([
  ['without options', { ...base, learns: { bounds, tuned: undefined } }],
  ['with a target latency', completeBatcherOptions({ targetLatencyMicros: 2_000_000 }, 'batching')],
])('a model %s', async (_what, settings) => {
  const served = await serve(model, settings, load, how);
  const best = await serve(model, { ...base, maxBatchSize: 8 }, load, how);
  const { batches, adaptive, requests } = served.batcher.stats();
  expect(served.rate(4, 9) / best.rate(4, 9)).toBeGreaterThan(0.9);
  expect(batches.retried / batches.count).toBeLessThan(0.1);
  expect(requests.failed).toBe(0);
  expect(served.batcher.tuned!.loads.at(-1), adaptive!.why).toMatchObject({ rows: 8 });
});

describe('after a batch that failed', () => {
  test('half as many rows, and twice as many again after some batches, later each time that they fail', () => {
    const ceilings = new Ceilings();
    expect(ceilings.of('a', 0)).toBe(Number.POSITIVE_INFINITY);
    ceilings.failed('a', 31, 10);
    expect(ceilings.of('a', 11)).toBe(15);
    expect(ceilings.of('b', 11), 'another shape').toBe(Number.POSITIVE_INFINITY);
    ceilings.failed('a', 32, 12); // ran beside it
    expect(ceilings.of('a', 12)).toBe(15);
    const allowed = (from: number) => {
      let batches = from;
      while (ceilings.of('a', batches) === 15) batches++;
      return batches - from;
    };
    const first = allowed(12);
    expect(ceilings.of('a', 12 + first)).toBe(30);
    ceilings.failed('a', 30, 12 + first);
    expect(ceilings.of('a', 13 + first)).toBe(15);
    expect(allowed(13 + first)).toBeGreaterThan(1.9 * first);
    ceilings.failed('c', 1, 0);
    expect(ceilings.of('c', 0)).toBe(1);
  });

  test('nothing, where one of its requests was the culprit', () => {
    const adaptive = new Adaptive({ targetMicros: 1e6, ...bounds });
    for (const [retried, rows] of [
      ['in part', 32],
      ['well', 16],
    ] as const) {
      adaptive.ended({ key: '', rows: 32, atOnce: 1, micros: 100, requests: 32, retried, tooLate: 0, now: 0 });
      expect(adaptive.rowsOf(''), retried).toBe(rows);
    }
  });
});

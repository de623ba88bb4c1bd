// What is learned where there are many lanes, in simulated time: all of them on one thread each are found from one lane on all threads, though
// every step between the two is worse.

import { describe, expect, test } from 'vitest';
import { Surface } from '../../lib/batching/learning/surface.js';
import { completeBatcherOptions } from '../../lib/batching/options.js';
import { type ServedModel, serve } from './callers.js';

const base = completeBatcherOptions({}, 'batching');
const learns = (mostAtOnce: number) => ({
  bounds: { leastRows: 1, mostRows: 32, leastAtOnce: 1, mostAtOnce, leastThreads: 1, mostThreads: mostAtOnce },
  tuned: undefined,
});
const how = { seed: 1, thinkMicros: 0 };

test.each([
  [8, 16],
  [16, 16],
  [16, 64],
])('%i lanes, %i callers', async (lanes, callers) => {
  // Batches do not pay; threads help one that has the cores to itself.
  const model: ServedModel = { micros: (rows) => 200 + 3000 * rows, shared: 0.02, helped: 0.3, noise: 0.08 };
  const load = [{ callers, seconds: 5 }];
  const served = await serve(model, { ...base, learns: learns(lanes) }, load, how);
  const best = await serve({ ...model, helped: 1 }, { ...base, maxBatchSize: 1, concurrency: lanes }, load, how);
  const { why, measured } = served.batcher.stats().adaptive!;
  const rate = served.rate(3, 5) / best.rate(3, 5);
  expect(rate, `${why}: ${JSON.stringify(measured)}`).toBeGreaterThan(0.9);
});

describe('the ends of a surface', () => {
  const surface = new Surface(learns(8).bounds);
  const atMost = (most: number) => (cell: { rows: number; atOnce: number }) => cell.rows * cell.atOnce <= most;

  test('all lanes on one thread, and one on all', () => {
    const from = surface.find(4, 2, 8)!;
    expect(surface.ends(from, atMost(64))).toEqual([
      { rows: 4, atOnce: 8, threads: 1 },
      { rows: 4, atOnce: 1, threads: 8 },
    ]);
  });

  test('as many lanes as the load fills', () => {
    expect(surface.ends(surface.find(2, 1, 8)!, atMost(6))).toEqual([
      { rows: 1, atOnce: 4, threads: 1 },
      { rows: 2, atOnce: 1, threads: 8 },
    ]);
  });

  test('none where all is next to the rest', () => {
    const two = new Surface(learns(2).bounds);
    expect(two.ends(two.last, atMost(64))).toEqual([]);
  });
});

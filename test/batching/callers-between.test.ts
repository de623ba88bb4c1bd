// As many callers as fit into no batch of a power of two: what is learned has a batch that holds them all, where that is the best, in
// simulated time.

import { expect, test } from 'vitest';
import { completeBatcherOptions } from '../../lib/batching/options.js';
import { type ServedModel, serve } from './callers.js';

const base = completeBatcherOptions({}, 'batching');
const bounds = { leastRows: 1, mostRows: 32, leastAtOnce: 1, mostAtOnce: 2, leastThreads: 1, mostThreads: 1 };
const learning = { ...base, learns: { bounds, tuned: undefined } };
/** The weights are read once a batch, and two of those at once are in each other's way. */
const model: ServedModel = { micros: (rows) => 1200 + 60 * rows, shared: 1, noise: 0.05 };
const how = { seed: 1, thinkMicros: 0 };

test.each([
  [3, 4],
  [5, 8],
  [12, 16],
])('%i callers', async (callers, rows) => {
  const load = [{ callers, seconds: 4 }];
  const served = await serve(model, learning, load, how);
  const best = await serve(model, { ...base, maxBatchSize: rows, concurrency: 1 }, load, how);
  expect(served.rate(2, 4) / best.rate(2, 4), served.batcher.stats().adaptive!.why).toBeGreaterThan(0.93);
});

test('fewer than before find a smaller one again', async () => {
  const served = await serve(
    model,
    learning,
    [7, 4].map((callers) => ({ callers, seconds: 3 })),
    how,
  );
  const best = await serve(model, { ...base, maxBatchSize: 4, concurrency: 1 }, [{ callers: 4, seconds: 3 }], how);
  expect(served.rate(4, 6) / best.rate(1, 3)).toBeGreaterThan(0.93);
});

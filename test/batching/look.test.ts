// What the learning costs a single caller of a small model: it does not look for another setting with every batch.

import { afterEach, expect, test, vi } from 'vitest';
import { Surface } from '../../lib/batching/learning/surface.js';
import { serve } from './callers.js';
import { learning } from './random-model.js';

afterEach(() => {
  vi.restoreAllMocks();
});

test.each([30, 200])('a model of %i us', async (micros) => {
  // Each look asks for the ends of the surface once.
  const looks = vi.spyOn(Surface.prototype, 'ends');
  const { batcher } = await serve(
    { micros: () => micros, shared: 0.9, noise: 0.1 },
    learning,
    [{ callers: 1, seconds: 1 }],
    { seed: 1, thinkMicros: 0 },
  );
  const batches = batcher.stats().batches.count;
  expect(batches).toBeGreaterThan(4000);
  expect(looks).toHaveBeenCalled();
  expect(looks.mock.calls.length, `looks in ${batches} batches`).toBeLessThan(batches / 10);
});

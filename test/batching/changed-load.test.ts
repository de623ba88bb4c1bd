// Fewer callers than before: what was learned of many is left where they cannot fill it. Two callers of batches of two on two lanes either share a
// batch, and a lane is idle, or have a lane each, and stay as they are: whichever it was when it was tried says nothing of later.

import { expect, test } from 'vitest';
import { serve } from './callers.js';
import { base, best, learning, randomModel } from './random-model.js';

const secondsEach = 4;

test.each([[[64, 8, 2]], [[64, 8]], [[64, 3]]])(
  'of %j callers the last have 0.85 of the best fixed setting',
  async (callers) => {
    const parts: string[] = [];
    let least = Number.POSITIVE_INFINITY;
    for (const seed of [1, 7, 15, 16, 28, 30, 31, 32]) {
      const model = randomModel(seed, 0);
      const how = { seed, thinkMicros: 0 };
      const phases = callers.map((one) => ({ callers: one, seconds: secondsEach }));
      const { rate } = await serve(model, learning, phases, how);
      const until = secondsEach * callers.length;
      const part = rate(until - 1.5, until) / (await best(model, callers.at(-1)!, how));
      parts.push(`${seed}: ${part.toFixed(2)}`);
      least = Math.min(least, part);
    }
    expect(least, `parts of the best fixed setting, by model: ${parts.join(', ')}`).toBeGreaterThanOrEqual(0.85);
  },
);

test('a size that only a larger load fills is tried again when that comes back', async () => {
  const model = { micros: (rows: number) => 2000 + 20 * rows, shared: 1, noise: 0.03 };
  const load = [64, 2, 64].map((callers) => ({ callers, seconds: 3 }));
  const { rate } = await serve(model, learning, load, { seed: 1, thinkMicros: 0 });
  const whole = await serve(model, { ...base, maxBatchSize: 32, concurrency: 2 }, [{ callers: 64, seconds: 3 }], {
    seed: 1,
    thinkMicros: 0,
  });
  expect(rate(7, 9) / whole.rate(1, 3), 'of the rate of batches of 32').toBeGreaterThanOrEqual(0.95);
});

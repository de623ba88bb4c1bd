// More or fewer callers than before. What full batches have shown at one load is known at the next: it does not begin anew there. Fewer: what was learned of many is left where they cannot fill it. Two callers of batches of two on two lanes either share a
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

// While it goes on learning, from the moment of the change on.
test.each([
  [64, 8, [50, 44, 19, 6, 40, 53, 8, 3]],
  [8, 64, [4, 50, 29, 19, 6, 52, 12]],
])('in the two seconds after a change from %i callers to %i', async (before, after, seeds) => {
  const parts: number[] = [];
  for (const seed of seeds) {
    const model = randomModel(seed, 0);
    const how = { seed, thinkMicros: 0 };
    const load = [
      { callers: before, seconds: secondsEach },
      { callers: after, seconds: 2 },
    ];
    const { rate } = await serve(model, learning, load, how);
    parts.push(rate(secondsEach, secondsEach + 2) / (await best(model, after, how)));
  }
  const mean = parts.reduce((sum, part) => sum + part, 0) / parts.length;
  const all = parts.map((part, i) => `${seeds[i]}: ${part.toFixed(2)}`).join(', ');
  expect(mean, `the mean of parts of the best fixed setting, by model: ${all}`).toBeGreaterThanOrEqual(0.87);
  expect(Math.min(...parts), `parts of the best fixed setting, by model: ${all}`).toBeGreaterThanOrEqual(0.8);
});

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

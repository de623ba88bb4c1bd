// Random users of the public surface: whatever they do, in whatever order, every promise settles, with the right answer or with an
// error of ours that says what was wrong, and nothing crashes. Half a minute of it, or TENSORLANE_FUZZ_SECONDS, of the same users each
// time, so that a change is judged by what it changes; others come by TENSORLANE_FUZZ_SEED.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomSteps } from '../fuzz/steps.js';
import { type Tally, World } from '../fuzz/world.js';

const seconds = Number(process.env.TENSORLANE_FUZZ_SECONDS ?? 30);
// Told before, because a crash tells nothing.
const seed = Number(process.env.TENSORLANE_FUZZ_SEED ?? 20);

test('random users', { timeout: (seconds + 600) * 1000 }, async () => {
  console.log(`seed ${seed}: TENSORLANE_FUZZ_SEED=${seed} does the same again`);
  let users = 0;
  const tally: Tally = new Map();
  await fc.assert(
    fc.asyncProperty(randomSteps, async (steps) => {
      users++;
      const world = await World.make(tally);
      expect(await world.live(steps)).toEqual([]);
    }),
    { seed, numRuns: 1e9, interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false },
  );
  const ends = [...tally].filter(([name]) => !name.includes('.')).sort();
  console.log([`${users} users`, ...ends.map(([name, count]) => `${count} ${name}`)].join('\n'));
  // They do get answers, or nothing would have been shown.
  for (const what of ['a run of square with rows', 'a push', 'matmul', 'get', 'slice']) {
    expect(tally.get(`${what}: right`), what).toBeGreaterThan(0);
  }
});

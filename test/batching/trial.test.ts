// What a trial of a setting finds, by batches whose times are given.

import { expect, test } from 'vitest';
import { LoadLevel } from '../../lib/batching/learning/load-level.js';
import { Trial, type Verdict } from '../../lib/batching/learning/trial.js';

const present = { rows: 32, atOnce: 1, threads: 2 };
const single = { rows: 1, atOnce: 1, threads: 2 };

const batch = (aim: typeof present, micros: number) => ({
  key: '',
  rows: aim.rows,
  micros,
  part: micros,
  pending: 64,
  aim,
  mixed: false,
});

/** What a trial of single rows finds beside batches of 32 that take so long; and after how many of them. */
function tried(presentMicros: number, singles: readonly number[]): { verdict: Verdict | undefined; batches: number } {
  const level = new LoadLevel(present);
  for (let i = 0; i < 8; i++) level.learn(batch(present, presentMicros));
  const trial = new Trial(level, single, 0);
  for (const [i, micros] of singles.entries()) {
    const verdict = trial.watch(batch(single, micros));
    if (verdict !== undefined) return { verdict, batches: i + 1 };
  }
  return { verdict: undefined, batches: singles.length };
}

test('single rows that take nine times as long show it, though one cannot be told from a pause by itself', () => {
  const { verdict } = tried(3200, Array<number>(30).fill(900));
  expect(verdict).toMatchObject({ isBetter: false });
  expect(verdict!.ratio).toBeCloseTo(9);
});

test.each([
  [0, 'first'],
  [1, 'second'],
  [2, 'third'],
])('a pause in its group %i counts as no more than three of the others', (group) => {
  // The one before them does not count: it began beside another setting.
  const singles = Array.from({ length: 30 }, (_, i) => (i === group + 1 ? 90_000 : 900));
  const { verdict } = tried(3200, singles);
  expect(verdict!.groups).toBeGreaterThanOrEqual(3);
  expect(verdict!.ratio).toBeLessThan(9 * 2);
});

test('of what takes long and is far worse one group is enough', () => {
  const { verdict, batches } = tried(320_000, Array<number>(30).fill(30_000));
  expect(verdict).toMatchObject({ groups: 1, isBetter: false });
  expect(batches).toBe(2);
});

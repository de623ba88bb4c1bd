// What is known of the settings at one load.

import { expect, test } from 'vitest';
import { emptyGroup, LoadLevel } from '../../lib/batching/learning/load-level.js';

/** As many shapes as are remembered. */
const remembered = 256;

test('what batches take stays a number where more shapes come than are remembered', () => {
  const aim = { rows: 4, atOnce: 2, threads: 1 };
  const level = new LoadLevel(aim);
  const batch = (key: string) => ({ key, rows: 4, micros: 1000, part: 500, pending: 8, aim, mixed: false });
  for (let shape = 0; shape < remembered; shape++) level.learn(batch(`${shape}`));
  // Of a group whose first batch is of the oldest shape, the second one's takes its place.
  level.learn(batch('0'));
  level.learn(batch('another'));
  const group = emptyGroup();
  level.add(group, batch('0'));
  expect(group.expected).toBeGreaterThan(0);
  level.learn(batch('0'));
  level.learn(batch('1'));
  expect(level.groupMicros).toBe(1000);
  const next = emptyGroup();
  level.add(next, batch('1'));
  expect(next.expected).toBeGreaterThan(0);
});

// ONNX's own backend tests: what onnxruntime-node answers rightly, tensorlane does as well; and whoever asks at the same time, with
// the same inputs or with others, each caller gets what it gets alone. `npm run backend` prints what became of each.

import { expect, test } from 'vitest';
import { backendTests } from '../backend/cases.js';
import { counts, runBackendTests, worse } from '../backend/run.js';

const tests = backendTests();
if ('missing' in tests) console.warn(`ONNX's backend tests are skipped: ${tests.missing}.`);

test.skipIf('missing' in tests)("ONNX's backend tests", { timeout: 1_800_000 }, async () => {
  const { folder } = tests as { folder: string };
  const own = await runBackendTests('tensorlane', folder);
  const other = await runBackendTests('onnxruntime-node', folder);
  const all = [...own.values()];
  console.log(`tensorlane: ${JSON.stringify(counts(own))}\nonnxruntime-node: ${JSON.stringify(counts(other))}`);
  expect(worse(own, other)).toEqual([]);
  expect(all.filter(({ result }) => result === 'crashed')).toEqual([]);
  expect(all.filter(({ wrong, batched }) => wrong !== undefined || batched?.wrong !== undefined)).toEqual([]);
  // Or nothing would have been shown.
  expect(counts(own).pass).toBeGreaterThan(0);
  expect(all.some(({ batched }) => batched?.enabled && batched.shared > 0)).toBe(true);
});

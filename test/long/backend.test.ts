// ONNX's own backend tests: what onnxruntime-node answers rightly, tensorlane does as well; whoever asks at the same time, with the same
// inputs or with others, each caller gets what it gets alone; and what stands in for onnxruntime-node answers as that does, rightly or
// not. `npm run backend` prints what became of each.

import { expect, test } from 'vitest';
import { backendTests } from '../backend/cases.js';
import { counts, type Engine, runBackendTests, unlike, worse } from '../backend/run.js';

const tests = backendTests();
if ('missing' in tests) console.warn(`ONNX's backend tests are skipped: ${tests.missing}.`);

const ran = new Map<Engine, ReturnType<typeof runBackendTests>>();
/** Once each. */
function outcomes(engine: Engine) {
  if (!ran.has(engine)) ran.set(engine, runBackendTests(engine, (tests as { folder: string }).folder));
  return ran.get(engine)!;
}

test.skipIf('missing' in tests)("ONNX's backend tests", { timeout: 1_800_000 }, async () => {
  const own = await outcomes('tensorlane');
  const other = await outcomes('onnxruntime-node');
  const all = [...own.values()];
  console.log(`tensorlane: ${JSON.stringify(counts(own))}\nonnxruntime-node: ${JSON.stringify(counts(other))}`);
  expect(worse(own, other)).toEqual([]);
  expect(all.filter(({ result }) => result === 'crashed')).toEqual([]);
  expect(all.filter(({ wrong, batched }) => wrong !== undefined || batched?.wrong !== undefined)).toEqual([]);
  // Or nothing would have been shown.
  expect(counts(own).pass).toBeGreaterThan(0);
  expect(all.some(({ batched }) => batched?.enabled && batched.shared > 0)).toBe(true);
});

test.skipIf('missing' in tests)('the same in place of onnxruntime-node', { timeout: 1_800_000 }, async () => {
  const own = await outcomes('@tensorlane/onnxruntime');
  const other = await outcomes('onnxruntime-node');
  console.log(`@tensorlane/onnxruntime: ${JSON.stringify(counts(own))}`);
  expect(unlike(own, other)).toEqual([]);
  expect(counts(own).crashed).toBe(0);
  // It takes more types of elements, and sequences.
  expect(counts(own).pass).toBeGreaterThan(counts(other).pass);
});

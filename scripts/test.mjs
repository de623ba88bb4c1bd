// All tests that need no GPU: `npm test`, which is also what CI runs.
//   node scripts/test.mjs            everything: the TypeScript tests, then the C++ tests under the sanitizers
//   node scripts/test.mjs --fast     the TypeScript tests without test/long
//   node scripts/test.mjs --native   only the C++ tests
//   node scripts/test.mjs ARGS...    the TypeScript tests, with these arguments given to vitest
// The last line is the sum: `N passed, N failed`.

import { setUpOrExit } from './setup.mjs';
import { runNativeTests } from './test/native.mjs';
import { runVitest } from './test/vitest.mjs';

const own = ['--fast', '--native'];
const args = process.argv.slice(2);
const only = (flag) => args.includes(flag);
const vitestArgs = args.filter((arg) => !own.includes(arg));

await setUpOrExit('test');

const results = [];
if (!only('--native'))
  results.push(await runVitest(only('--fast') ? [...vitestArgs, '--project', 'fast'] : vitestArgs));
if (only('--native') || args.length === 0) {
  for (const sanitizer of ['address', 'thread']) results.push(await runNativeTests(sanitizer));
}

const sum = (key) => results.reduce((total, result) => total + result[key], 0);
const passed = sum('passed');
const failed = sum('failed');
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

// All tests that need no GPU: `npm test`, which is also what CI runs.
//   node scripts/test.mjs              everything
//   node scripts/test.mjs --fast       the TypeScript tests without test/long
//   node scripts/test.mjs --native     only the C++ tests, under the sanitizers
//   node scripts/test.mjs --emulation  only those of the CUDA device, on the emulated GPU: C++ under the sanitizers, TypeScript
//   node scripts/test.mjs ARGS...      the TypeScript tests, with these arguments given to vitest
// The last line is the sum: `N passed, N failed`.

import { setUpOrExit } from './setup.mjs';
import { runNativeTests } from './test/native.mjs';
import { runNvidiaTests } from './test/nvidia.mjs';
import { runVitest, underAddressSanitizer } from './test/vitest.mjs';

const own = ['--fast', '--native', '--emulation'];
const args = process.argv.slice(2);
const vitestArgs = args.filter((arg) => !own.includes(arg));
const asked = (flag) => args.includes(flag);
const all = args.length === 0;

await setUpOrExit(all || asked('--emulation') ? 'emulation' : 'test');

const parts = [];
async function part(name, work) {
  const started = performance.now();
  const result = await work();
  parts.push({ name, seconds: (performance.now() - started) / 1000, ...result });
}

if (all || asked('--fast') || vitestArgs.length > 0)
  await part('TypeScript', () => runVitest(asked('--fast') ? [...vitestArgs, '--project', 'fast'] : vitestArgs));
for (const suite of ['native', 'emulation']) {
  if (!all && !asked(`--${suite}`)) continue;
  for (const sanitizer of ['address', 'thread'])
    await part(`C++ ${suite}, ${sanitizer} sanitizer`, () => runNativeTests(suite, sanitizer));
}
if (all || asked('--emulation')) {
  const emulated = (...args) => ['--config', 'vitest.cuda.config.ts', ...args];
  // Those of the reliability tests start programs of their own, and count memory, which a sanitizer spoils.
  const unsanitized = 'test/reliability';
  await part('TypeScript on it, address sanitizer', () =>
    runVitest(emulated('--exclude', `${unsanitized}/**`), underAddressSanitizer()),
  );
  await part('TypeScript on it, the rest', () => runVitest(emulated(unsanitized)));
}
if (all) await part("NVIDIA's own files", runNvidiaTests);

console.log();
for (const { name, seconds, passed, failures } of parts)
  console.log(`${name.padEnd(34)} ${seconds.toFixed(0).padStart(5)} s  ${passed} passed, ${failures.length} failed`);
const failures = parts.flatMap((part) => part.failures.map((failure) => `${part.name}: ${failure}`));
const passed = parts.reduce((total, part) => total + part.passed, 0);
console.log();
for (const failure of failures) console.log(`failed: ${failure}`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length > 0 || passed === 0 ? 1 : 0;

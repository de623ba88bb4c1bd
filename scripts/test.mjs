// The tests that need no GPU. The last line is the sum: `N passed, N failed`.
//   node scripts/test.mjs              those that find most faults soonest: `npm test`
//   node scripts/test.mjs --rest       all others: the emulated GPU, the thread sanitizer, the long ones, the fuzzers, what can
//                                      be told from NVIDIA's own files
//   node scripts/test.mjs --all        both: `npm run test:all`
//   node scripts/test.mjs --fast       the TypeScript tests without test/long
//   node scripts/test.mjs --native     the C++ tests of native/, under both sanitizers
//   node scripts/test.mjs --emulation  those of the CUDA device, on the emulated GPU: C++ under both sanitizers, TypeScript
//   node scripts/test.mjs ARGS...      the TypeScript tests, with these arguments given to vitest
// One part runs while what the next ones need is built.

import { setUpOrExit } from './setup.mjs';
import { buildEmulatedAddon } from './test/builds.mjs';
import { buildFuzzers, runFuzzers } from './test/fuzz.mjs';
import { buildTests, runTests } from './test/native.mjs';
import { runNvidiaTests } from './test/nvidia.mjs';
import { runParts } from './test/parts.mjs';
import { runVitest, underAddressSanitizer } from './test/vitest.mjs';

const typescript = (name, ...args) => ({ name, run: (report) => runVitest(args, { report }) });

const cpp = (suite, sanitizer) => ({
  name: `C++ ${suite}, ${sanitizer} sanitizer`,
  build: (report) => buildTests(suite, sanitizer, report),
  run: (report) => runTests(suite, sanitizer, report),
});

const emulated = ['--config', 'vitest.cuda.config.ts'];
// Those of the reliability tests start programs of their own, and count memory, which a sanitizer spoils.
const unsanitized = 'test/reliability';
const onEmulatedGpu = [
  {
    name: 'TypeScript on the emulated GPU, address sanitizer',
    build: (report) => buildTests('addon', 'address', report),
    run: (report) =>
      runVitest([...emulated, '--exclude', `${unsanitized}/**`], { report, env: underAddressSanitizer() }),
  },
  {
    name: 'TypeScript on the emulated GPU, reliability',
    build: buildEmulatedAddon,
    run: (report) => runVitest([...emulated, unsanitized], { report }),
  },
];

const fast = typescript('TypeScript', '--project', 'fast*');
const long = typescript('TypeScript, long', '--project', 'long');
const soonest = [fast, cpp('native', 'address')];
const nvidia = { name: "NVIDIA's own files", run: runNvidiaTests };
const fuzzers = { name: 'fuzzers of graphs and of JSON', build: buildFuzzers, run: runFuzzers };
const rest = [
  long,
  fuzzers,
  cpp('emulation', 'address'),
  ...onEmulatedGpu,
  cpp('native', 'thread'),
  cpp('emulation', 'thread'),
  nvidia,
];

const asked = {
  '--all': [...soonest, ...rest],
  '--rest': rest,
  '--fast': [fast],
  '--native': [cpp('native', 'address'), cpp('native', 'thread')],
  '--emulation': [cpp('emulation', 'address'), cpp('emulation', 'thread'), ...onEmulatedGpu],
};
const args = process.argv.slice(2);
const chosen = args.filter((arg) => arg in asked);
const forVitest = args.filter((arg) => !(arg in asked));
const parts = new Set(chosen.flatMap((arg) => asked[arg]));
if (args.length === 0) for (const part of soonest) parts.add(part);
if (forVitest.length > 0) parts.add(typescript('TypeScript', ...forVitest));

await setUpOrExit('test');
process.exitCode = (await runParts([...parts])) ? 0 : 1;

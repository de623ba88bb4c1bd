// The C++ tests, built and run under a sanitizer: 'address' (with undefined behaviour) or 'thread'. A process for each file of
// tests, as many at once as there are cores: most tests keep one busy.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { ask, runProgram } from '../processes.mjs';
import { inRoot, run } from '../setup/run.mjs';
import { buildTarget } from './builds.mjs';

// What every device must pass: in each suite, for its device.
const conformance = 'test/conformance';
// What one thread does alone, which is not built under the thread sanitizer: see test/native/tests.cmake.
const serial = 'serial/';

/** Where the tests are, and the program that they make. */
const suites = {
  native: { source: 'test/native', program: 'tensorlane_tests' },
  emulation: { source: 'test/emulation/tests', program: 'emulation_tests' },
};

/** The build folder for a sanitizer; all that is tested under it is built there, once. */
export const testBuild = (sanitizer) => inRoot('build', sanitizer);

/** Builds a suite, or another target of test/CMakeLists.txt. */
export async function buildTests(name, sanitizer, report) {
  const build = testBuild(sanitizer);
  await run('tests', 'cmake', ['-S', inRoot('test'), '-B', build, '-G', 'Ninja', `-DSANITIZE=${sanitizer}`]);
  await buildTarget(build, suites[name]?.program ?? name, report);
}

export async function runTests(name, sanitizer, report) {
  const { source, program } = suites[name];
  const build = testBuild(sanitizer);
  // Newer kernels spread addresses wider than older ThreadSanitizer runtimes can map. Containers may forbid turning that off.
  const fixed = ask('setarch', '-R', 'true') !== undefined;
  const command = [...(fixed ? ['setarch', '-R'] : []), `${build}/${program}`];
  const env = options(name, build);

  const queue = [source, conformance]
    .flatMap((folder) => testFiles(folder))
    .filter(({ file }) => sanitizer !== 'thread' || !file.startsWith(serial))
    .sort((a, b) => b.size - a.size);
  const all = queue.length;
  const sum = { passed: 0, failures: /** @type {string[]} */ ([]) };
  let done = 0;
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { file } = next;
      const { passed, failures, seconds, output } = await runFile(command, file, env);
      sum.passed += passed;
      sum.failures.push(...failures);
      if (failures.length > 0) console.error(output.trimEnd());
      report(`${++done} of ${all}: ${file}: ${passed} passed, ${failures.length} failed (${seconds} s)`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  // A case that is in none of the files would never run.
  const { output } = await runProgram([...command, '--count'], { env, show: false });
  const cases = Number(/filters: (\d+)/.exec(output)?.[1]);
  if (sum.failures.length === 0 && sum.passed !== cases)
    sum.failures.push(`${sum.passed} of the ${cases} cases were run`);
  return sum;
}

/** Each with its size: the longest first, which take the most time, so that the cores end together. */
function testFiles(folder) {
  const files = readdirSync(inRoot(folder), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('_test.cpp'))
    .map((file) => ({ file, size: statSync(inRoot(folder, file)).size }));
}

// Nothing is judged by it: what hangs should fail, on however busy a machine.
const hangLimit = 20 * 60_000;

async function runFile(command, file, env) {
  const started = performance.now();
  const only = [`--source-file=*/${file}`, '--no-colors'];
  const { ok, output } = await runProgram([...command, ...only], { env, show: false, timeout: hangLimit });
  const passed = Number(/\[doctest\] test cases:\s*\d+\s*\|\s*(\d+) passed/.exec(output)?.[1] ?? 0);
  const cases = output.matchAll(/^TEST CASE:\s*(.+)$/gm);
  const failures = ok ? [] : [...new Set([...cases].map(([, name]) => `${file}: ${name}`))];
  // A sanitizer's report or a crash fails no test case of its own, and neither does a run without any.
  if (failures.length === 0 && (!ok || passed === 0)) failures.push(`${file}: failed outside of a case`);
  return { passed, failures, output, seconds: ((performance.now() - started) / 1000).toFixed(1) };
}

function options(name, build) {
  const suppressions = (file) =>
    existsSync(inRoot('test', 'native', file)) ? `:suppressions=${inRoot('test', 'native', file)}` : '';
  return {
    ASAN_OPTIONS: 'detect_stack_use_after_return=1:strict_string_checks=1',
    LSAN_OPTIONS: `print_suppressions=0${suppressions('lsan.supp')}`,
    TSAN_OPTIONS: `second_deadlock_stack=1${suppressions('tsan.supp')}`,
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
    // Where the emulated GPU's libraries are, which call OpenBLAS from every stream: its threads would spin for one another.
    ...(name === 'emulation' && {
      TENSORLANE_CUDA_LIBRARIES: path.join(build, 'emulated-cuda', 'lib'),
      OPENBLAS_NUM_THREADS: '1',
    }),
  };
}

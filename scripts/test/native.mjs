// The C++ tests, built and run under a sanitizer: 'address' (with undefined behaviour) or 'thread'. A process for each file of
// tests, as many at once as there are cores: most tests keep one busy.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { runProgram } from '../processes.mjs';
import { findProgram } from '../setup/packages.mjs';
import { inRoot, run, SetupError, step } from '../setup/run.mjs';

/** Where the tests are, the program that they make, and their name. */
export const suites = {
  native: { source: 'test/native', program: 'tensorlane_tests', title: 'native tests' },
  emulation: {
    source: 'test/emulation/tests',
    program: 'emulation_tests',
    title: 'tests of the CUDA device on the emulated GPU',
  },
};

export async function runNativeTests(name, sanitizer) {
  const { source, program, title } = suites[name];
  const build = inRoot('build', `${name}-${sanitizer}`);
  const log = `${name}-tests`;
  try {
    const work = async () => {
      await run(log, 'cmake', ['-S', inRoot(source), '-B', build, '-G', 'Ninja', `-DSANITIZE=${sanitizer}`]);
      await run(log, 'cmake', ['--build', build]);
    };
    await step(`built the ${title} for the ${sanitizer} sanitizer`, work, 'test');
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    return { passed: 0, failures: [`${title}: not built for the ${sanitizer} sanitizer`] };
  }
  // Newer kernels spread addresses wider than older ThreadSanitizer runtimes can map. Containers may forbid turning that off.
  const fixed = findProgram('setarch') && spawnSync('setarch', ['-R', 'true'], { stdio: 'ignore' }).status === 0;
  const command = [...(fixed ? ['setarch', '-R'] : []), `${build}/${program}`];
  const env = options(name, build);

  const queue = testFiles(source);
  const sum = { passed: 0, failures: [] };
  const worker = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) {
      const result = await runFile(command, file, env);
      sum.passed += result.passed;
      sum.failures.push(...result.failures);
    }
  };
  await step(
    `ran the ${title} under the ${sanitizer} sanitizer`,
    () => Promise.all(Array.from({ length: availableParallelism() }, worker)),
    'test',
  );
  // A case that is in none of the files would never run.
  const { output } = await runProgram([...command, '--count'], { env, show: false });
  const cases = Number(/filters: (\d+)/.exec(output)?.[1]);
  if (sum.failures.length === 0 && sum.passed !== cases)
    sum.failures.push(`${sum.passed} of the ${cases} ${title} were run`);
  return sum;
}

/** The longest first, which take the most time, so that the cores end together. */
function testFiles(source) {
  const size = (file) => statSync(inRoot(source, file)).size;
  const files = readdirSync(inRoot(source), { recursive: true }).filter((file) => file.endsWith('_test.cpp'));
  return files.sort((a, b) => size(b) - size(a));
}

async function runFile(command, file, env) {
  const started = performance.now();
  const only = [`--source-file=*/${file}`, '--no-colors'];
  const { ok, output } = await runProgram([...command, ...only], { env, show: false, timeout: 20 * 60_000 });
  const passed = Number(/\[doctest\] test cases:\s*\d+\s*\|\s*(\d+) passed/.exec(output)?.[1] ?? 0);
  const cases = output.matchAll(/^TEST CASE:\s*(.+)$/gm);
  const failures = ok ? [] : [...new Set([...cases].map(([, name]) => `${file}: ${name}`))];
  // A sanitizer's report or a crash fails no test case of its own, and neither does a run without any.
  if (failures.length === 0 && (!ok || passed === 0)) failures.push(`${file}: failed outside of a case`);
  if (failures.length > 0) console.error(output.trimEnd());
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`  ${file}: ${passed} passed, ${failures.length} failed (${seconds} s)`);
  return { passed, failures };
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

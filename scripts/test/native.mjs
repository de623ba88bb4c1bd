// The C++ tests, built and run under a sanitizer: 'address' (with undefined behaviour) or 'thread'.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
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
    return { passed: 0, failed: 1 };
  }
  // Newer kernels spread addresses wider than older ThreadSanitizer runtimes can map. Containers may forbid turning that off.
  const fixed = findProgram('setarch') && spawnSync('setarch', ['-R', 'true'], { stdio: 'ignore' }).status === 0;
  const command = [...(fixed ? ['setarch', '-R'] : []), `${build}/${program}`];
  const { ok, output } = await runProgram(command, { env: options(name, build), keep: true, timeout: 20 * 60_000 });
  const summary = /\[doctest\] test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed/.exec(output);
  const passed = Number(summary?.[1] ?? 0);
  const failed = Number(summary?.[2] ?? 0);
  // A sanitizer's report or a crash fails no test case of its own, and neither does a run without any.
  const silent = failed === 0 && (!ok || passed === 0);
  if (silent) console.error(`The ${title} under the ${sanitizer} sanitizer failed outside of a test case; see above.`);
  return { passed, failed: failed + (silent ? 1 : 0) };
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

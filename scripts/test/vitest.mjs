// The TypeScript tests: vitest prints for people, and its JSON report is counted.
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ask, runProgram } from '../processes.mjs';
import { inRoot } from '../setup/run.mjs';

// Nothing is judged by it: what hangs should fail, on however busy a machine.
const hangLimit = 40 * 60_000;

/**
 * `report` gets vitest's lines; without it they are shown as they are.
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, report?: (line: string) => void }} [options]
 */
export async function runVitest(args, { env = {}, report: onLine } = {}) {
  const report = inRoot('build', 'vitest.json');
  rmSync(report, { force: true });
  const vitest = inRoot('node_modules', 'vitest', 'vitest.mjs');
  const reporter = inRoot('scripts', 'test', 'reporter.mjs');
  const reporters = [`--reporter=${reporter}`, '--reporter=json', `--outputFile.json=${report}`];
  const { ok } = await runProgram(
    [process.execPath, vitest, 'run', '--slowTestThreshold=10000', ...reporters, ...args],
    {
      env: { NO_COLOR: '1', FORCE_COLOR: undefined, ...env },
      ...(onLine && { onLine: (line) => line.trim() && onLine(line) }),
      timeout: hangLimit,
    },
  );
  let result = { passed: 0, failures: /** @type {string[]} */ ([]) };
  try {
    result = summary(JSON.parse(readFileSync(report, 'utf8')));
  } catch {
    // No report: vitest itself failed, which the next line counts.
  }
  if (!ok && result.failures.length === 0) result.failures.push('vitest: an error outside of any test');
  return result;
}

/**
 * For the addon that is built with AddressSanitizer, in a Node that is not: the sanitizer has to be there first, and the C++
 * library, which it would otherwise not find exceptions in. What Node and V8 leave behind at the end is no business of ours.
 */
export function underAddressSanitizer() {
  const library = (name) => ask('c++', `-print-file-name=${name}`);
  return {
    TENSORLANE_SANITIZER: 'address',
    LD_PRELOAD: `${library('libasan.so')} ${library('libstdc++.so')}`,
    // What asks for more memory than there is gets none, as without it.
    ASAN_OPTIONS: 'detect_leaks=0:strict_string_checks=1:allocator_may_return_null=1',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
  };
}

function summary(report) {
  const isFailed = ({ status }) => status === 'failed';
  const failures = report.testResults.filter(isFailed).flatMap(({ name, message, assertionResults }) => {
    const tests = assertionResults.filter(isFailed);
    // A file that could not be loaded has no tests to count.
    if (tests.length === 0) return [`${inRootName(name)}: ${firstLine(message)}`];
    return tests.map((test) => `${inRootName(name)}: ${test.fullName}: ${firstLine(test.failureMessages[0])}`);
  });
  return { passed: report.numPassedTests, failures };
}

const inRootName = (file) => path.relative(inRoot(), file);

const firstLine = (message = '') => message.trimStart().split('\n', 1)[0];

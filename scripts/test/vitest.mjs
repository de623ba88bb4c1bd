// The TypeScript tests: vitest prints for people, and its JSON report is counted.
import { readFileSync, rmSync } from 'node:fs';
import { runProgram } from '../processes.mjs';
import { inRoot } from '../setup/run.mjs';

export async function runVitest(args) {
  const report = inRoot('build', 'vitest.json');
  rmSync(report, { force: true });
  const vitest = inRoot('node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { ok } = await runProgram([process.execPath, vitest, 'run', ...reporters, ...args], { timeout: 15 * 60_000 });
  let counts = { passed: 0, failed: 0 };
  try {
    counts = count(JSON.parse(readFileSync(report, 'utf8')));
  } catch {
    // No report: vitest itself failed, which the next line counts.
  }
  // An error outside of any test fails the run, too.
  if (!ok && counts.failed === 0) counts.failed = 1;
  return counts;
}

function count(report) {
  const isFailed = ({ status }) => status === 'failed';
  // A file that could not be loaded has no tests to count.
  const broken = report.testResults.filter((file) => isFailed(file) && !file.assertionResults.some(isFailed));
  return { passed: report.numPassedTests, failed: report.numFailedTests + broken.length };
}

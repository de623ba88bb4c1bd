// npm run bench [-- NAME...] [-- --short] [-- --docs] [-- --beside ADDON]
//
// Runs the named suites (all by default), prints one table, and writes bench/results/latest.json.
// --short takes few rounds: it shows that every suite still works and gives every figure, and missed targets are only
// shown. A full run that misses a target ends with exit status 1; a crash, a wrong output or a missing figure always does.
// --beside measures another build of the addon, by its file, beside the one that is loaded; the suite svd does so.
// --docs writes the figures of a full run, and the charts, into the README and docs/, wherever all that is asked for ran (see pages.ts).

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { machine, packageVersions } from './machine.js';
import { watchOthers } from './noise.js';
import { fillPages } from './pages.js';
import { printReport, type Report, writeReport } from './report.js';
import { Context, type Figure, type Suite } from './suite.js';
import { SUITES } from './suites/index.js';

function usage(): string {
  const list = SUITES.map((suite) => `  ${suite.name.padEnd(9)} ${suite.about}`);
  return ['Usage: npm run bench [-- NAME...] [-- --short] [-- --docs] [-- --beside ADDON]', 'Suites:', ...list].join(
    '\n',
  );
}

function choose(names: readonly string[]): readonly Suite[] {
  if (names.length === 0) return SUITES;
  return names.map((name) => {
    const suite = SUITES.find((candidate) => candidate.name === name);
    if (suite === undefined) throw new UsageError(`There is no benchmark suite "${name}".`);
    return suite;
  });
}

class UsageError extends Error {}

/** The figures of a suite, and what went wrong with it, if anything did. */
async function runSuite(suite: Suite, short: boolean, versions: Record<string, string>, otherAddon?: string) {
  const context = new Context(suite.name, short, (line) => console.error(`  ${line}`), otherAddon);
  const problems: string[] = [];
  console.error(`${suite.name}: ${suite.about}`);
  const start = performance.now();
  const othersUsed = watchOthers();
  try {
    await suite.run(context);
    const measured = new Set(context.figures.map((figure) => figure.name));
    problems.push(...suite.figures.filter((name) => !measured.has(name)).map((name) => `no figure "${name}"`));
  } catch (error) {
    problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  Object.assign(versions, context.versions);
  console.error(`  ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return {
    figures: context.figures,
    details: context.details,
    others: othersUsed() ?? null,
    problems: problems.map((problem) => `${suite.name}: ${problem}`),
  };
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      short: { type: 'boolean', default: false },
      docs: { type: 'boolean', default: false },
      beside: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  if (values.help) {
    console.log(usage());
    return 0;
  }
  if (values.docs && values.short) throw new UsageError('--docs is for the figures of a full run: leave --short out.');
  if (values.beside !== undefined && positionals.join() !== 'svd') {
    throw new UsageError('--beside is for the suite svd alone: npm run bench -- svd --beside ADDON');
  }
  if (values.beside !== undefined && !existsSync(values.beside)) {
    throw new UsageError(`--beside names ${values.beside}, where there is no file.`);
  }
  const suites = choose(positionals);
  const versions = packageVersions();
  const figures: Figure[] = [];
  const problems: string[] = [];
  const usedByOthers: Record<string, number | null> = {};
  const details: Record<string, unknown> = {};
  for (const suite of suites) {
    const outcome = await runSuite(suite, values.short, versions, values.beside && resolve(values.beside));
    figures.push(...outcome.figures);
    problems.push(...outcome.problems);
    usedByOthers[suite.name] = outcome.others;
    if (outcome.details !== undefined) details[suite.name] = outcome.details;
  }

  const mode = values.short ? 'short' : 'full';
  const date = new Date().toISOString();
  const ran = { suites: suites.map(({ name }) => name), whole: positionals.length === 0 };
  const report: Report = { date, mode, machine: machine(), versions, ...ran, usedByOthers, figures, details };
  printReport(report);
  console.log(`\nWritten to ${writeReport(report)}`);
  if (values.docs && problems.length === 0) console.log(`Filled in: ${(await fillPages(report)).join(', ')}`);
  for (const problem of problems) console.error(`\nFAILED ${problem}`);
  const short = figures.filter((figure) => figure.verdict === 'short');
  if (short.length > 0) console.error(`\nShort of the target: ${short.map((f) => `${f.suite}/${f.name}`).join(', ')}`);
  return problems.length > 0 || (!values.short && short.length > 0) ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const expected = error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  if (!expected) throw error;
  console.error(`${(error as Error).message}\n${usage()}`);
  process.exitCode = 1;
}

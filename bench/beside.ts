// npm run bench:beside -- FOLDER [NAME...] [--short] [--docs]
//
// The suites of another checkout of this repository beside those of this one, to see what a change made slower: suite by suite,
// the two in turn, so that both meet the same hour of the machine. The other checkout has to be built.
// --docs writes this checkout's figures into the README and docs/ (see pages.ts).

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fillPages } from './pages.js';
import { number, type Report, writeReport } from './report.js';
import { SUITES } from './suites/index.js';

const here = fileURLToPath(new URL('..', import.meta.url));

/** One suite in one checkout. A missed target is no failure here; a suite that gives no report is. */
function run(folder: string, suite: string, short: boolean): Report {
  console.error(`${suite} in ${folder}`);
  const args = ['--import', 'tsx', 'bench/main.ts', suite, ...(short ? ['--short'] : [])];
  const started = Date.now();
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 28 });
  const file = join(folder, 'bench', 'results', 'latest.json');
  const report = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : undefined;
  if (report !== undefined && Date.parse(report.date) >= started) return report;
  throw new Error(`${suite} in ${folder} ended with ${status} and no report:\n${stderr.slice(-2000)}`);
}

function compare(other: Report, own: Report): string[][] {
  return own.figures.map((figure) => {
    const before = other.figures.find(({ suite, name }) => suite === figure.suite && name === figure.name);
    const [was, is] = [before?.median ?? null, figure.median];
    const shown = (value: number | null) => (value === null ? '-' : `${number(value)} ${figure.unit}`);
    const ratio = was === null || is === null || was === 0 ? '-' : `${(is / was).toFixed(2)}x`;
    const wanted = figure.target === null ? '' : `${figure.target.is} ${number(figure.target.value)} ${figure.unit}`;
    return [figure.suite, figure.name, shown(was), shown(is), ratio, wanted];
  });
}

/** The reports of single suites as that of one run. */
function joined(reports: readonly Report[]): Report {
  const last = reports.at(-1) as Report;
  return {
    ...last,
    versions: Object.assign({}, ...reports.map(({ versions }) => versions)),
    usedByOthers: Object.assign({}, ...reports.map(({ usedByOthers }) => usedByOthers)),
    figures: reports.flatMap(({ figures }) => figures),
    details: Object.assign({}, ...reports.map(({ details }) => details)),
  };
}

const { values, positionals } = parseArgs({
  options: { short: { type: 'boolean', default: false }, docs: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const [folder, ...names] = positionals;
if (folder === undefined || (values.docs && (values.short || names.length > 0))) {
  console.error(
    'Usage: npm run bench:beside -- FOLDER [NAME...] [--short], or FOLDER --docs for the figures of a whole run',
  );
  process.exit(1);
}
const suites = SUITES.map(({ name }) => name).filter((name) => names.length === 0 || names.includes(name));
const lines: string[] = [];
const reports: Report[] = [];
const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const say = (text: string) => {
  lines.push(text);
  console.log(text);
};
say(line(['suite', 'figure', 'other checkout', 'this one', 'ratio', 'target']));
say(line(['---', '---', '---', '---', '---', '---']));
for (const [i, suite] of suites.entries()) {
  const otherFirst = i % 2 === 0;
  const first = run(otherFirst ? resolve(folder) : here, suite, values.short);
  const second = run(otherFirst ? here : resolve(folder), suite, values.short);
  const [other, own] = otherFirst ? [first, second] : [second, first];
  reports.push(own);
  for (const cells of compare(other, own)) say(line(cells));
}
mkdirSync(join(here, 'bench', 'results'), { recursive: true });
writeFileSync(join(here, 'bench', 'results', 'beside.md'), `${lines.join('\n')}\n`);
const report = joined(reports);
writeReport(report);
if (values.docs) console.log(`Filled in: ${(await fillPages(report)).join(', ')}`);

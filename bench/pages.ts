// Puts the figures of a run into the pages that show them, so that a table says what one run printed and nothing else. A table is filled
// where all its figures are of suites that ran: those of several suites are never of several runs.
//
// A page asks for figures between two comments, one line for each suite that is wanted, with the names of its figures or all of them:
//   <!-- figures: all -->                                  every figure, with its target
//   <!-- figures: dense/throughput ratio; svd/512 speed, numpy -->
//   <!-- end of figures -->
// and for the charts of the suites `defaults` and `linalg`, which are drawn into docs/defaults.svg and docs/linalg.svg:
//   <!-- chart: defaults -->
//   <!-- end of chart -->

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Course } from './defaults/course.js';
import { number, type Report } from './report.js';
import type { Figure } from './suite.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** A model that batches carry, and one that cores do. */
const CHARTED = ['dense 4x2048', 'OCR recognition'] as const;
const chartPlace = /(<!-- chart: (.*?) -->\n)[\s\S]*?(<!-- end of chart -->)/g;
const place = /(<!-- figures: (.*?) -->\n)[\s\S]*?(<!-- end of figures -->)/g;

/** Draws the charts and writes the figures of the suites that ran into the README and the pages of docs/. Gives the pages that changed. */
export async function fillPages(report: Report): Promise<string[]> {
  for (const { name, draw } of charts) {
    const drawn = await draw(report);
    if (drawn !== undefined) writeFileSync(join(root, 'docs', `${name}.svg`), `${drawn}\n`);
  }
  const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  const pages = ['README.md', ...docs.map((name) => join('docs', name))];
  return pages.filter((page) => {
    const before = readFileSync(join(root, page), 'utf8');
    const after = filled(before, report);
    if (after !== before) writeFileSync(join(root, page), after);
    return after !== before;
  });
}

export function filled(page: string, report: Report): string {
  return page
    .replace(place, (old: string, head: string, wanted: string, end: string) =>
      isOf(report, wanted) ? `${head}\n${section(wanted, report)}\n\n${end}` : old,
    )
    .replace(chartPlace, (old: string, head: string, wanted: string, end: string) => {
      const about = charts.find(({ name }) => name === wanted)?.about(report);
      return about === undefined ? old : `${head}\n![${about}](${wanted}.svg)\n\n${end}`;
    });
}

/** Whether all that is wanted is of suites that ran. */
function isOf({ suites, whole }: Report, wanted: string): boolean {
  if (wanted === 'all') return whole;
  return wanted.split('; ').every((name) => suites.includes(name.slice(0, name.indexOf('/'))));
}

interface Chart {
  /** Of the file, and of the suite. */
  readonly name: string;
  /** For whoever does not see it; undefined where the run has not what it is drawn of. */
  about(report: Report): string | undefined;
  draw(report: Report): Promise<string | undefined>;
}

const charts: readonly Chart[] = [
  {
    name: 'defaults',
    about(report) {
      const names = Object.keys(charted(report) ?? {});
      return names.length === 0 ? undefined : `Answers a second of ${names.join(' and ')}, learned against best`;
    },
    async draw(report) {
      const courses = charted(report);
      if (courses === undefined) return undefined;
      const { drawCourses } = await import('./defaults/chart.js');
      return drawCourses(courses);
    },
  },
  {
    name: 'linalg',
    about: (report) =>
      againstNumpy(report).length === 0 ? undefined : 'How many times as fast as numpy batches of small matrices are',
    async draw(report) {
      const speeds = againstNumpy(report);
      if (speeds.length === 0) return undefined;
      const { drawSpeeds } = await import('./linalg-chart.js');
      return drawSpeeds(speeds);
    },
  },
];

/** What the chart of `linalg` is drawn of. */
function againstNumpy({ figures }: Report): Figure[] {
  return figures.filter(
    ({ suite, name, median }) => suite === 'linalg' && / of \d+x\d+ .*, numpy$/.test(name) && median !== null,
  );
}

/** What the chart of `defaults` is drawn of, by the model's name; undefined where the report has none. */
function charted({ details }: Report): Record<string, Course> | undefined {
  const tables = details.defaults as Record<string, { course: Course }> | undefined;
  const found = CHARTED.flatMap((name) => (tables?.[name] === undefined ? [] : [[name, tables[name].course] as const]));
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

function section(wanted: string, report: Report): string {
  const { machine, versions, date } = report;
  const all = wanted === 'all';
  const figures = all ? report.figures : wanted.split('; ').map((name) => named(name, report));
  const libraries = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const about =
    `${date.slice(0, 10)}, ${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.kernel}, ` +
    `Node ${machine.node}; ${libraries.join(', ')}. Medians of rounds that take turns.`;
  const rows = figures.map((figure) => row(figure, all));
  const head = all ? ['suite', 'figure', 'median', 'rounds', 'target', ''] : ['', 'measured', 'target', ''];
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [about, '', line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function named(wanted: string, { figures }: Report): Figure {
  const figure = figures.find(({ suite, name }) => `${suite}/${name}` === wanted);
  if (figure === undefined) throw new Error(`a page wants the figure "${wanted}", which no suite gave`);
  return figure;
}

function row({ suite, name, unit, median, min, max, samples, target, verdict }: Figure, all: boolean): string[] {
  const shown = median === null ? '-' : `${number(median)} ${unit}`;
  const wanted = target === null ? '' : `${target.is} ${number(target.value)} ${unit}`;
  const met = verdict === 'ok' ? 'met' : verdict === 'short' ? '**missed**' : verdict === 'info' ? '' : verdict;
  if (!all) return [`${suite}: ${name}`, shown, wanted, met];
  const spread = min === null || max === null || samples < 2 ? '' : `${number(min)} to ${number(max)}, n = ${samples}`;
  return [suite, name, shown, spread, wanted, met];
}

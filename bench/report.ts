// Figures as a table for people and as a file for programs.

import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Machine } from './machine.js';
import type { Figure } from './suite.js';

export interface Report {
  readonly date: string;
  readonly mode: 'full' | 'short';
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  /** That ran. */
  readonly suites: readonly string[];
  /** Whether these are all that there are. */
  readonly whole: boolean;
  /** For each suite: the share of all cores that other programs used while it ran; null where it is not known. */
  readonly usedByOthers: Readonly<Record<string, number | null>>;
  readonly figures: readonly Figure[];
  /** For the suites that have more to tell than figures: tables, courses over time. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** From here on a reader should know that the machine was busy with something else. */
const BUSY = 0.05;

export function printReport(report: Report): void {
  const { machine, versions } = report;
  const notes: string[] = [];
  const rows = report.figures.map((figure) => row(figure, notes));
  const lines = [
    '',
    `${report.date}, ${report.mode} run`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.kernel}, Node ${machine.node}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    '',
    ...table(['suite', 'figure', 'median', 'target', '', 'min .. max', 'n', 'note'], rows),
    '',
    ...notes.map((note, i) => `[${i + 1}] ${note}`),
    ...Object.entries(report.usedByOthers)
      .filter(([, share]) => share !== null && share > BUSY)
      .map(
        ([suite, share]) => `While ${suite} ran, other programs used ${Math.round((share ?? 0) * 100)}% of the cores.`,
      ),
  ];
  console.log(lines.join('\n'));
}

export function writeReport(report: Report): string {
  const file = new URL('results/latest.json', import.meta.url);
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return fileURLToPath(file);
}

function row(figure: Figure, notes: string[]): string[] {
  const { unit, median, min, max, target, verdict } = figure;
  return [
    figure.suite,
    figure.name,
    median === null ? '-' : `${number(median)} ${unit}`,
    target === null ? '' : `${target.is} ${number(target.value)} ${unit}`,
    verdict === 'info' ? '' : verdict,
    min === null || max === null || figure.samples < 2 ? '' : `${number(min)} .. ${number(max)}`,
    String(figure.samples),
    figure.remark === null ? '' : footnote(figure.remark, notes),
  ];
}

function footnote(text: string, notes: string[]): string {
  if (!notes.includes(text)) notes.push(text);
  return `[${notes.indexOf(text) + 1}]`;
}

export function number(value: number): string {
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

function table(header: readonly string[], rows: readonly string[][]): string[] {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((cells) => cells[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(header), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)];
}

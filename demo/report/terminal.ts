// The findings as text: each line as it was read, and the table of how fast that went.

import { styleText } from 'node:util';
import type { Measured } from '../ocr/measure.js';
import { type Findings, meanBatch, type ReadLine, rowsOf } from './findings.js';

const { NO_COLOR } = process.env;
/** In colour on a terminal only: a log wants plain text. */
const paint = (style: 'green' | 'red' | 'dim' | 'bold', text: string): string =>
  process.stdout.isTTY && NO_COLOR === undefined ? styleText(style, text) : text;

export function readLines(lines: readonly ReadLine[]): string {
  return lines
    .map(({ truth, reading, score }) => {
      const number = truth.file.replace(/\.\w+$/, '');
      const confidence = reading.confidence.toFixed(2);
      const turned = reading.turned ? '180°' : '    ';
      if (score.exact) return `  ${number}  ${paint('green', '✓')}  ${confidence}  ${turned}  ${reading.text}`;
      const wrong = `${reading.text || '(nothing)'}   ${paint('dim', `is: ${truth.text}`)}`;
      return `  ${number}  ${paint('red', '✗')}  ${confidence}  ${turned}  ${wrong}`;
    })
    .join('\n');
}

export const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;

/** Milliseconds with as many digits as they deserve. */
export const millis = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** What the demo itself keeps the JS thread busy with, beside the library. */
export const ownWork = ({ own }: Measured): string =>
  `${millis(own.perRequest)} ms a request, in pieces of at most ${millis(own.p99)} ms (p99), ${millis(own.longest)} ms (longest)`;

/** The table's head and body, for the terminal and the page alike. */
export function figures(findings: Findings): { head: string[]; body: string[][] } {
  return {
    head: ['', 'images/s', 'p50 ms', 'p95 ms', 'p99 ms', 'loop delay p99 ms', 'loop delay max ms', 'mean batch'],
    body: rowsOf(findings).map(({ name, measured, batches }) => [
      name,
      measured.perSecond.toFixed(1),
      millis(measured.latency.p50),
      millis(measured.latency.p95),
      millis(measured.latency.p99),
      millis(measured.loop.p99),
      millis(measured.loop.max),
      batches === undefined
        ? '1'
        : Object.values(batches)
            .map((sizes) => meanBatch(sizes).toFixed(1).replace(/\.0$/, ''))
            .join(' / '),
    ]),
  };
}

/** The same of the dense model. */
export function denseFigures({ dense }: Findings): { head: string[]; body: string[][] } {
  return {
    head: ['four dense layers of 2048', 'rows/s', 'mean batch'],
    body: Object.values(dense).map(({ name, perSecond, rowsPerBatch }) => [
      name,
      perSecond.toFixed(0),
      (rowsPerBatch ?? 1).toFixed(1).replace(/\.0$/, ''),
    ]),
  };
}

export function table({ head, body }: { head: string[]; body: string[][] }): string {
  const widths = head.map((title, column) => Math.max(title.length, ...body.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')}`;
  return [paint('bold', line(head)), `  ${'─'.repeat(line(head).length - 2)}`, ...body.map(line)].join('\n');
}

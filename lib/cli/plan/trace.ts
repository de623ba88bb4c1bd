// A log of requests: a line of CSV for each, when it came and, where there are such columns, how many rows it had and which model it was for.

import { readFile } from 'node:fs/promises';
import { TensorlaneError } from '../../core/errors.js';

export interface Trace {
  /** In microseconds from the first, ascending. */
  readonly times: Float64Array;
  readonly rows: readonly number[] | undefined;
  /** By their places in the names that were given. */
  readonly models: readonly number[] | undefined;
}

/**
 * The columns are named by a first line (`time`, `rows`, `model`), or the first one is the time: in seconds, in milliseconds since 1970, or as ISO
 * 8601 has it. Errors: ERR_ARGUMENT, naming the line; those of the file system.
 */
export async function readTrace(file: string, names: readonly string[]): Promise<Trace> {
  return parseTrace(await readFile(file, 'utf8'), file, names);
}

export function parseTrace(text: string, file: string, names: readonly string[]): Trace {
  const lines = text.split(/\r?\n/);
  const split = (line: string) => line.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
  const head = split(lines[0] ?? '');
  const named = microsOf(head[0]!) === undefined;
  const columnOf = (name: string) => head.findIndex((cell) => cell.toLowerCase() === name);
  const time = named ? columnOf('time') : 0;
  const rowsColumn = named ? columnOf('rows') : -1;
  const modelColumn = named ? columnOf('model') : -1;
  if (time === -1) {
    throw new TensorlaneError('ERR_ARGUMENT', `${file}: expected a column 'time', got ${head.join(', ') || 'nothing'}`);
  }
  if (modelColumn === -1 && names.length > 1) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${file}: expected a column 'model', which says for which of ${names.join(', ')} each request is`,
    );
  }
  const requests: { at: number; rows: number; model: number }[] = [];
  for (const [i, line] of lines.entries()) {
    if ((named && i === 0) || line.trim() === '') continue;
    const cells = split(line);
    const at = microsOf(cells[time] ?? '');
    const rows = rowsColumn === -1 ? 1 : Number(cells[rowsColumn]);
    const wrong = (what: string) =>
      new TensorlaneError('ERR_ARGUMENT', `${file}, line ${i + 1}: ${what}, got '${line}'`);
    if (at === undefined) throw wrong('expected a time: seconds, milliseconds since 1970, or ISO 8601');
    if (!Number.isSafeInteger(rows) || rows < 1) throw wrong('rows must be an integer of at least 1');
    const model = modelColumn === -1 ? 0 : names.indexOf(cells[modelColumn] ?? '');
    if (model === -1) {
      const others = `expected one of the models ${names.join(', ')}, which NAME=FILE names otherwise`;
      throw wrong(others);
    }
    requests.push({ at, rows, model });
  }
  if (requests.length < 2)
    throw new TensorlaneError('ERR_ARGUMENT', `${file}: expected two requests at least, got ${requests.length}`);
  requests.sort((a, b) => a.at - b.at);
  const first = requests[0]!.at;
  return {
    times: Float64Array.from(requests, ({ at }) => at - first),
    rows: rowsColumn === -1 ? undefined : requests.map(({ rows }) => rows),
    models: modelColumn === -1 ? undefined : requests.map(({ model }) => model),
  };
}

/** What is larger is no number of seconds but of milliseconds since 1970. */
const mostSeconds = 1e11;

function microsOf(cell: string): number | undefined {
  if (/^\d+(\.\d+)?(e[+-]?\d+)?$/i.test(cell)) {
    const number = Number(cell);
    return number * (number > mostSeconds ? 1e3 : 1e6);
  }
  const millis = /^\d{4}-\d\d-\d\d[T ]/.test(cell) ? Date.parse(cell) : Number.NaN;
  return Number.isNaN(millis) ? undefined : millis * 1000;
}

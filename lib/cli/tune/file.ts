// The file that tune writes: what `loadModel({ tuned })` takes, and beside it all that was measured.

import { readFile } from 'node:fs/promises';
import { checkedTuned, type Tuned, type TunedLoad } from '../../batching/learning/tuned.js';
import { TensorlaneError } from '../../core/errors.js';
import type { GpuUsage } from './gpu-watch.js';
import type { LoadResult } from './sender.js';
import type { Usage } from './usage.js';

/** The shares of batches at which their times are kept. */
export const shares: readonly number[] = [...Array.from({ length: 20 }, (_, i) => i / 20), 0.95, 0.98, 0.99, 1];

/** Batches of so many rows, so many at once, each on so many threads at most. */
export interface MeasuredCell {
  readonly rows: number;
  readonly atOnce: number;
  readonly threads: number;
  /** How long one took, in microseconds: the quantiles at `shares`. */
  readonly micros: readonly number[];
  readonly batches: number;
}

/** A way of serving, under loads. */
export interface MeasuredSetup {
  readonly id: string;
  readonly name: string;
  readonly processes: number;
  readonly points: readonly MeasuredPoint[];
  /** Of all its processes, at their peak; undefined where it is not known. */
  readonly memoryBytes: number | undefined;
}

export interface MeasuredPoint extends LoadResult {
  readonly load: { readonly callers: number } | { readonly arrivals: 'poisson' | 'bursty'; readonly rate: number };
  readonly usage: Usage | undefined;
  /** Of its GPUs; undefined where there are none, or nothing is told of them. */
  readonly gpu?: GpuUsage | undefined;
}

export interface SkippedSetup {
  readonly name: string;
  readonly why: string;
}

export interface Advice {
  readonly setup: string;
  readonly processes: number;
  /** What it is and what it gives, and why; a sentence each. */
  readonly sentences: readonly [string, string];
}

export interface Measured {
  readonly by: string;
  readonly date: string;
  readonly model: { readonly file: string; readonly sha256: string };
  readonly machine: { readonly cpu: string; readonly cores: number; readonly device: string };
  /** Of a container: the part of the periods of its limit of CPU time in which that stopped what was measured. */
  readonly throttled?: number | undefined;
  /** Why it is not known what the GPU did. */
  readonly noGpuUsage?: string | undefined;
  readonly input: string;
  readonly sloMicros: number;
  /** Why requests share no batches; undefined where they do. */
  readonly alone: string | undefined;
  /** What a request takes beside its batch, there and back: the socket, the JS thread, in microseconds. */
  readonly overheadMicros: number;
  readonly shares: readonly number[];
  readonly cells: readonly MeasuredCell[];
  readonly setups: readonly MeasuredSetup[];
  readonly skipped: readonly SkippedSetup[];
  readonly advice: Advice;
}

export interface TunedFile extends Tuned {
  readonly measured: Measured;
}

/** In microseconds. */
export const median = (cell: MeasuredCell) => cell.micros[shares.indexOf(0.5)]!;

/** How long a row takes where such batches follow each other, in microseconds. */
export const microsPerRow = (cell: MeasuredCell) => median(cell) / cell.rows / cell.atOnce;

/** For each load that the cells tell of (rows that are queued or running, by powers of two): what takes the least for a row, and the others. */
export function loadsOf(cells: readonly MeasuredCell[]): TunedLoad[] {
  const most = Math.max(...cells.map(({ rows, atOnce }) => rows * atOnce));
  const loads: TunedLoad[] = [];
  for (let load = 1; load <= most; load *= 2) {
    const filled = cells.filter(({ rows, atOnce }) => rows * atOnce <= load);
    const [best, ...others] = filled.sort((a, b) => microsPerRow(a) - microsPerRow(b));
    if (best === undefined) continue;
    const { rows, atOnce, threads } = best;
    loads.push({
      load,
      rows,
      atOnce,
      threads,
      others: others.map((cell) => ({
        rows: cell.rows,
        atOnce: cell.atOnce,
        threads: cell.threads,
        ratio: Number((microsPerRow(cell) / microsPerRow(best)).toFixed(3)),
      })),
    });
  }
  return loads;
}

/** Errors: ERR_ARGUMENT, for one that tune did not write; those of the file system. */
export async function readTunedFile(file: string): Promise<TunedFile> {
  const text = await readFile(file, 'utf8');
  const refuse = (problem: string) =>
    new TensorlaneError('ERR_ARGUMENT', `${file}: ${problem}; \`tensorlane tune\` writes one that is taken`);
  let given: unknown;
  try {
    given = checkedTuned(JSON.parse(text));
  } catch (error) {
    throw refuse((error as Error).message);
  }
  const { measured } = given as Partial<TunedFile>;
  const { cells } = (measured ?? {}) as Partial<Measured>;
  const isCell = ({ rows, atOnce, threads, micros }: Partial<MeasuredCell>) =>
    [rows, atOnce, threads].every((number) => Number.isSafeInteger(number) && number! > 0) &&
    Array.isArray(micros) &&
    micros.length === shares.length &&
    micros.every((one, i) => one > 0 && one >= (micros[i - 1] ?? 0));
  if (!Array.isArray(cells) || cells.length === 0) throw refuse('has nothing that was measured');
  const wrong = cells.findIndex((cell) => !isCell(cell));
  if (wrong !== -1) throw refuse(`measured.cells[${wrong}] is no measured setting`);
  for (const name of ['sloMicros', 'overheadMicros'] as const) {
    const value: unknown = measured![name];
    if (typeof value !== 'number' || !(value >= 0)) throw refuse(`measured.${name} must be a number of at least 0`);
  }
  return given as TunedFile;
}

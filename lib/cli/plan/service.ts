// How long batches take, by what tune measured of them.
//
// The rules it keeps: a time is drawn from those that were measured, and stays at its rank among them when the batch meets others; between sizes and
// numbers of batches that were measured it lies on a line, and beyond the last size on the line through the last two. More batches at once than were
// measured, as several processes have them, divide what the most that were measured had.

import { type MeasuredCell, microsPerRow } from '../tune/file.js';

export class ServiceTimes {
  readonly mostRows: number;
  readonly mostAtOnce: number;
  readonly mostThreads: number;
  readonly leastThreads: number;
  readonly leastMicrosPerRow: number;
  readonly #cells: readonly MeasuredCell[];
  readonly #shares: readonly number[];
  readonly #known = new Map<number, Float64Array>();

  constructor(cells: readonly MeasuredCell[], shares: readonly number[]) {
    this.#cells = cells;
    this.#shares = shares;
    this.mostRows = Math.max(...cells.map(({ rows }) => rows));
    this.mostAtOnce = Math.max(...cells.map(({ atOnce }) => atOnce));
    this.mostThreads = Math.max(...cells.map(({ threads }) => threads));
    this.leastThreads = Math.min(...cells.map(({ threads }) => threads));
    this.leastMicrosPerRow = Math.min(...cells.map(microsPerRow));
  }

  /** Of a batch of so many rows among so many at once, in microseconds; `rank` from 0, the fastest that was seen, to 1. */
  micros(rows: number, atOnce: number, threads: number, rank: number): number {
    const key = (rows * 4096 + atOnce) * 4096 + threads;
    let times = this.#known.get(key);
    if (times === undefined) {
      const more = Math.max(1, atOnce / this.mostAtOnce);
      times = this.#times(rows, Math.min(atOnce, this.mostAtOnce), threads).map((micros) => micros * more);
      this.#known.set(key, times);
    }
    const shares = this.#shares;
    let i = 1;
    while (i < shares.length - 1 && shares[i]! < rank) i++;
    const part = (rank - shares[i - 1]!) / (shares[i]! - shares[i - 1]!);
    return times[i - 1]! + part * (times[i]! - times[i - 1]!);
  }

  #times(rows: number, atOnce: number, threads: number): Float64Array {
    const ofThreads = this.#cells.filter(
      (cell) =>
        cell.threads ===
        nearest(
          this.#cells.map(({ threads }) => threads),
          threads,
        ),
    );
    const lanes = ascending(ofThreads.map((cell) => cell.atOnce));
    const [below, above] = around(lanes, atOnce);
    const low = this.#bySize(
      ofThreads.filter((cell) => cell.atOnce === below),
      rows,
    );
    if (above === below) return low;
    const high = this.#bySize(
      ofThreads.filter((cell) => cell.atOnce === above),
      rows,
    );
    return between(low, high, (Math.min(atOnce, above) - below) / (above - below));
  }

  #bySize(cells: readonly MeasuredCell[], rows: number): Float64Array {
    const sizes = ascending(cells.map((cell) => cell.rows));
    const timesOf = (size: number) => Float64Array.from(cells.find((cell) => cell.rows === size)!.micros);
    if (sizes.length === 1) return timesOf(sizes[0]!).map((micros) => micros * Math.max(1, rows / sizes[0]!));
    const [below, above] = around(sizes, rows);
    if (below === above && rows <= below) return timesOf(below);
    // Beyond the last, along the last two; a larger batch never takes less.
    const [from, to] = below === above ? [sizes.at(-2)!, sizes.at(-1)!] : [below, above];
    const times = between(timesOf(from), timesOf(to), (rows - from) / (to - from));
    return rows > to ? times.map((micros, i) => Math.max(micros, timesOf(to)[i]!)) : times;
  }
}

const ascending = (values: readonly number[]) => [...new Set(values)].sort((a, b) => a - b);

function nearest(values: readonly number[], value: number): number {
  return values.reduce((best, one) => (Math.abs(one - value) < Math.abs(best - value) ? one : best));
}

/** The last that is not above it and the first that is not below, of ascending ones; beyond the ends, twice the end. */
function around(values: readonly number[], value: number): [number, number] {
  const below = values.findLast((one) => one <= value) ?? values[0]!;
  const above = values.find((one) => one >= value) ?? values.at(-1)!;
  return value < values[0]! ? [values[0]!, values[0]!] : [below, above];
}

const between = (low: Float64Array, high: Float64Array, part: number) =>
  low.map((micros, i) => micros + part * (high[i]! - micros));

// The settings that can be chosen between: how many rows a batch has at most, how many batches run at once, and how many threads a run may
// use.
//
// The rule it keeps: of rows and batches there are powers of two and what was said to be the most, of threads one and all. What was given by
// options is the only choice.

export interface Cell {
  /** The most rows of a batch, the most batches at once, and the most threads of a run. */
  readonly rows: number;
  readonly atOnce: number;
  readonly threads: number;
}

export interface Bounds {
  readonly leastRows: number;
  readonly mostRows: number;
  readonly leastAtOnce: number;
  readonly mostAtOnce: number;
  /** The most threads that a run may use; the least is all of them, or one. */
  readonly leastThreads: number;
  readonly mostThreads: number;
}

export class Surface {
  readonly #sizes: readonly number[];
  readonly #lanes: readonly number[];
  readonly #threads: readonly number[];
  readonly #cells: readonly Cell[];

  constructor({ leastRows, mostRows, leastAtOnce, mostAtOnce, leastThreads, mostThreads }: Bounds) {
    this.#sizes = powersOfTwo(leastRows, mostRows);
    this.#lanes = powersOfTwo(leastAtOnce, mostAtOnce);
    this.#threads = leastThreads < mostThreads ? [leastThreads, mostThreads] : [mostThreads];
    this.#cells = this.#lanes.flatMap((atOnce) =>
      this.#threads.flatMap((threads) => this.#sizes.map((rows) => ({ rows, atOnce, threads }))),
    );
  }

  get cells(): readonly Cell[] {
    return this.#cells;
  }

  /** The most of all. */
  get last(): Cell {
    return this.#cells.at(-1)!;
  }

  /** Undefined where there is none like that. */
  find(rows: number, atOnce: number, threads: number): Cell | undefined {
    return this.#cells.find((cell) => cell.rows === rows && cell.atOnce === atOnce && cell.threads === threads);
  }

  /**
   * Those that differ by one step in rows or batches at once, or by one against another, whatever their threads; and the one that differs
   * in threads alone.
   */
  around(from: Cell): readonly Cell[] {
    const size = this.#sizes.indexOf(from.rows);
    const lanes = this.#lanes.indexOf(from.atOnce);
    const isNear = ({ rows, atOnce, threads }: Cell) => {
      const larger = this.#sizes.indexOf(rows) - size;
      const more = this.#lanes.indexOf(atOnce) - lanes;
      if (more === 0) return threads === from.threads ? Math.abs(larger) === 1 : larger === 0;
      return Math.abs(more) === 1 && (larger === 0 || larger === -more);
    };
    return this.#cells.filter(isNear);
  }

  /**
   * Of more than two numbers of batches at once the two ends: as many as `fits` on one thread each, and one batch on all threads, of no more
   * rows. The way there may lead through settings that are worse than both.
   */
  ends({ rows }: Cell, fits: (cell: Cell) => boolean): readonly Cell[] {
    if (this.#lanes.length < 3) return [];
    const end = (lanes: readonly number[], threads: number): readonly Cell[] => {
      for (const atOnce of lanes) {
        const cell = this.sizes({ atOnce, threads }).findLast((one) => one.rows <= rows && fits(one));
        if (cell !== undefined) return [cell];
      }
      return [];
    };
    return [
      ...end(this.#lanes.toReversed(), this.#threads[0]!),
      ...end(this.#lanes.slice(0, 1), this.#threads.at(-1)!),
    ];
  }

  /** Those that differ in rows alone: fewer of them, from there on, and more. */
  ways(from: Cell): readonly (readonly Cell[])[] {
    const cells = this.sizes(from);
    const at = cells.indexOf(from);
    return [cells.slice(0, at).reverse(), cells.slice(at + 1)];
  }

  /** The setting with all numbers of rows, ascending. */
  sizes({ atOnce, threads }: Omit<Cell, 'rows'>): readonly Cell[] {
    return this.#cells.filter((cell) => cell.atOnce === atOnce && cell.threads === threads);
  }
}

/** And the most, whatever it is: the rows and lanes that are tried. */
export function powersOfTwo(least: number, most: number): number[] {
  const all = [most];
  for (let one = 1; one < most; one *= 2) if (one >= least) all.push(one);
  return all.sort((a, b) => a - b);
}

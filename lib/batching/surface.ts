// The settings that can be chosen between: how many rows a batch has at most, and how many batches run at once.
//
// The rule it keeps: of both there are powers of two and what was said to be the most. What was given by options is the only choice.

export interface Cell {
  /** The most rows of a batch, and the most batches at once. */
  readonly rows: number;
  readonly atOnce: number;
}

export interface Bounds {
  readonly leastRows: number;
  readonly mostRows: number;
  readonly leastAtOnce: number;
  readonly mostAtOnce: number;
}

export class Surface {
  readonly #sizes: readonly number[];
  readonly #lanes: readonly number[];
  /** By batches at once, and then by rows, ascending. */
  readonly #cells: readonly (readonly Cell[])[];

  constructor({ leastRows, mostRows, leastAtOnce, mostAtOnce }: Bounds) {
    this.#sizes = powersOfTwo(leastRows, mostRows);
    this.#lanes = powersOfTwo(leastAtOnce, mostAtOnce);
    this.#cells = this.#lanes.map((atOnce) => this.#sizes.map((rows) => ({ rows, atOnce })));
  }

  get cells(): readonly Cell[] {
    return this.#cells.flat();
  }

  /** The most of both. */
  get last(): Cell {
    return this.#cells.at(-1)!.at(-1)!;
  }

  /** Undefined where there is none like that. */
  find(rows: number, atOnce: number): Cell | undefined {
    return this.#cells[this.#lanes.indexOf(atOnce)]?.[this.#sizes.indexOf(rows)];
  }

  /** Those that differ by one step in one of the two, or by one step against another. */
  around({ rows, atOnce }: Cell): Cell[] {
    const size = this.#sizes.indexOf(rows);
    const lanes = this.#lanes.indexOf(atOnce);
    const steps = [
      [0, -1],
      [0, 1],
      [-1, 0],
      [-1, 1],
      [1, 0],
      [1, -1],
    ] as const;
    return steps.flatMap(([more, larger]) => this.#cells[lanes + more]?.[size + larger] ?? []);
  }

  /** Those with as many batches at once and fewer rows, from there on, and those with more. */
  ways(from: Cell): readonly (readonly Cell[])[] {
    const cells = this.withAtOnce(from.atOnce);
    const at = cells.indexOf(from);
    return [cells.slice(0, at).reverse(), cells.slice(at + 1)];
  }

  /** Those with so many batches at once, by rows. */
  withAtOnce(atOnce: number): readonly Cell[] {
    return this.#cells[this.#lanes.indexOf(atOnce)]!;
  }
}

function powersOfTwo(least: number, most: number): number[] {
  const all = [most];
  for (let one = 1; one < most; one *= 2) if (one >= least) all.push(one);
  return all.sort((a, b) => a - b);
}

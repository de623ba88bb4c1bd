// What is known of the settings at one load.
//
// The rule it keeps: only ratios are known of a setting, to what the present one takes, which is followed by itself: so a machine that
// becomes busier makes no setting look worse than another. Time is counted from the end of one batch to the end of the next, by groups of as
// many batches as run at once, since those may well end together.

import { BoundedMap } from './bounded-map.js';
import type { Cell } from './surface.js';

/** The weight of the last group in what the present setting takes; of those that take less than so many microseconds, less by as much. */
export const weight = 0.1;
const weighsMicros = 500;
/** Of the present setting so many groups are seen before another is tried; of those that take long, in microseconds, fewer. */
const settled = 4;
const settledSoon = 1;
export const longMicros = 50_000;
/** What was measured long ago, and by few groups, is not made worse than this by what has been found since. */
const worst = 20;

export interface LearnedBatch {
  readonly key: string;
  readonly rows: number;
  /** How long it took, and how long it is since the end of the batch before, without the time in which nothing was asked for. */
  readonly micros: number;
  readonly sinceLast: number;
  /** How many rows are queued or running with it. */
  readonly pending: number;
  /** What was aimed at when it began. */
  readonly aim: Cell;
  /** Whether it began beside one that was aimed elsewhere. */
  readonly mixed: boolean;
}

/** As many batches as run at once. */
export interface Group {
  batches: number;
  took: number;
  /** What they would have taken with the present setting. */
  expected: number;
  readonly keys: Set<string>;
}
export const emptyGroup = (): Group => ({ batches: 0, took: 0, expected: 0, keys: new Set() });

/** What is known of a setting. */
export interface Known {
  /** How many times as long as the present setting's its rows take. */
  ratio: number;
  /** How many groups have shown it. */
  groups: number;
  /** When it was tried last, and after how many groups it is again. */
  tried: number;
  after: number;
}

export class LoadLevel {
  present: Cell;
  /** Groups with the present setting. */
  seen = 0;
  /** Groups of all. */
  groups = 0;
  readonly known = new Map<Cell, Known>();
  /** What a row takes with the present setting, by shape. */
  readonly #each = new BoundedMap<number>();
  #group = emptyGroup();
  /** How long the last one took. */
  #took = 0;

  constructor(present: Cell) {
    this.present = present;
  }

  /** What a group of the present setting takes. */
  get groupMicros(): number {
    return this.#took;
  }

  /** Whether it is known what the present setting takes. */
  get isSettled(): boolean {
    return this.seen >= (this.#took > longMicros ? settledSoon : settled);
  }

  /** A batch with the present setting has ended. */
  learn(batch: LearnedBatch): void {
    if (!this.add(this.#group, batch)) return;
    const { took, expected, keys } = this.#group;
    this.forget();
    this.#took = took;
    this.seen++;
    this.groups++;
    // The first ones at their mean, and a pause must not teach more than twice what is usual.
    const share = Math.max(weight * Math.min(1, took / weighsMicros), 1 / this.seen);
    const factor = 1 + share * (Math.min(took / expected, this.seen <= settled ? 10 : 2) - 1);
    for (const key of keys) {
      const each = this.#each.get(key);
      // Another shape may have taken its place since.
      if (each !== undefined) this.#each.set(key, each * factor);
    }
  }

  /** Adds a batch to a group, and says whether that is whole now. */
  add(group: Group, { key, rows, micros, sinceLast, aim }: LearnedBatch): boolean {
    let each = this.#each.get(key);
    if (each === undefined) {
      each = micros / rows / aim.atOnce;
      this.#each.set(key, each);
    }
    group.batches++;
    group.took += sinceLast;
    group.expected += rows * each;
    group.keys.add(key);
    return group.batches >= aim.atOnce;
  }

  /** What was begun with the present setting counts no more: another one came between. */
  forget(): void {
    this.#group = emptyGroup();
  }

  /** The present setting becomes another, which takes so many times as long; the one before is tried again after so many groups. */
  change(cell: Cell, ratio: number, after: number): void {
    for (const [key, each] of this.#each.entries()) this.#each.set(key, each * ratio);
    for (const known of this.known.values()) known.ratio = Math.min(worst, known.ratio / ratio);
    this.known.delete(cell);
    this.known.set(this.present, { ratio: 1 / ratio, groups: this.seen, tried: this.groups, after });
    // Of as many rows as its own groups have.
    this.#took *= (ratio * cell.rows * cell.atOnce) / (this.present.rows * this.present.atOnce);
    this.present = cell;
    this.seen = settled;
  }
}

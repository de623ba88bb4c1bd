// What is known of the settings at one load.
//
// The rule it keeps: only ratios are known of a setting, to what the present one takes, which is followed by itself: so a machine that
// becomes busier makes no setting look worse than another. Counted is a batch's part of the time of its device (device-time.ts), by groups of
// as many batches as run at once.

import { BoundedMap } from '../bounded-map.js';
import type { Cell } from './surface.js';

/** The weight of the last group in what the present setting takes; of those that take less than so many microseconds, less by as much. */
export const weight = 0.1;
const weighsMicros = 500;
/** Of the present setting so many groups are seen before another is tried; of those that take long, in microseconds, fewer. */
const settled = 4;
const settledSoon = 1;
export const longMicros = 50_000;
/** About the standard deviation of a group's time, of what it should be; and the most that is believed. */
const deviation = { least: 0.1, most: 0.5 };
/** What was measured long ago, and by few groups, is not made worse than this by what has been found since. */
const worst = 20;

export interface LearnedBatch {
  readonly key: string;
  readonly rows: number;
  /** How long it took, and its part of the time of its device, with what passed unused before it, though it was asked for. */
  readonly micros: number;
  readonly part: number;
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
  rows: number;
  took: number;
  /** What they would have taken with the present setting. */
  expected: number;
  readonly keys: Set<string>;
}
export const emptyGroup = (keys = new Set<string>()): Group => ({ batches: 0, rows: 0, took: 0, expected: 0, keys });

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
  /** Whether the present setting is nobody's choice yet. */
  begins: boolean;
  /** Whether anything was tried here. */
  hasTried = false;
  /** The most rows that were queued or running, of late. */
  most = 0;
  /** Groups with the present setting. */
  seen = 0;
  /** Groups of all. */
  groups = 0;
  /** After how many of these it is looked for another setting to try. */
  lookAt = 0;
  /** What seems worse, and after how many groups of all it is tried all the same. */
  readonly putOff = new Map<Cell, number>();
  readonly known = new Map<Cell, Known>();
  /** What a row takes with the present setting, by shape. */
  readonly #each = new BoundedMap<number>();
  readonly #group = emptyGroup();
  /** How long the last one took, and each of its rows. */
  #took = 0;
  rowMicros = 0;
  #variance = deviation.least ** 2;

  constructor(present: Cell, begins = false) {
    this.present = present;
    this.begins = begins;
  }

  /** What a group of the present setting takes. */
  get groupMicros(): number {
    return this.#took;
  }

  /** Of a group's time, of what it should be. */
  get deviation(): number {
    return Math.min(deviation.most, Math.max(deviation.least, Math.sqrt(this.#variance)));
  }

  /** Whether it is known what the present setting takes. */
  get isSettled(): boolean {
    return this.seen >= (this.#took > longMicros ? settledSoon : settled);
  }

  /** A batch with the present setting has ended. */
  learn(batch: LearnedBatch): void {
    if (!this.add(this.#group, batch)) return;
    const { took, expected, keys, rows } = this.#group;
    this.rowMicros = took / rows;
    this.#took = took;
    this.seen++;
    this.groups++;
    if (this.seen > settled)
      this.#variance += weight * (Math.min(1, Math.abs(took / expected - 1)) ** 2 - this.#variance);
    // The first ones at their mean, and a pause must not teach more than twice what is usual.
    const share = Math.max(weight * Math.min(1, took / weighsMicros), 1 / this.seen);
    this.#learn(keys, share, Math.min(took / expected, this.seen <= settled ? 10 : 2));
    this.forget();
  }

  /** So many groups with the present setting took so many times as long as was expected of it. */
  correct(keys: ReadonlySet<string>, groups: number, ratio: number): void {
    this.seen += groups;
    this.#learn(keys, Math.max(1 - (1 - weight) ** groups, groups / this.seen), ratio);
  }

  #learn(keys: ReadonlySet<string>, share: number, ratio: number): void {
    const factor = 1 + share * (ratio - 1);
    for (const key of keys) {
      const each = this.#each.get(key);
      // Another shape may have taken its place since.
      if (each !== undefined) this.#each.set(key, each * factor);
    }
  }

  /** Adds a batch to a group, and says whether that is whole now. */
  add(group: Group, { key, rows, part, aim }: LearnedBatch): boolean {
    let each = this.#each.get(key);
    if (each === undefined) {
      each = part / rows;
      this.#each.set(key, each);
    }
    group.batches++;
    group.rows += rows;
    group.took += part;
    group.expected += rows * each;
    group.keys.add(key);
    return group.batches >= aim.atOnce;
  }

  /** What was begun with the present setting counts no more: another one came between. */
  forget(): void {
    // The same object again: of small models each batch is a group.
    const group = this.#group;
    group.batches = group.rows = group.took = group.expected = 0;
    group.keys.clear();
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
    this.begins = false;
    this.seen = Math.min(this.seen, settled);
  }
}

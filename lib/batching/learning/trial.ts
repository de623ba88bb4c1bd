// A setting that is tried beside the present one.
//
// The rules it keeps:
// 1. A batch counts only if those beside it were aimed at the same setting.
// 2. It lasts until the difference is beyond doubt, or for as long as a trial may.
// 3. What seems better is not believed before the present setting has had a turn of as many groups right after it: it may have been
//    the machine that was faster, or who else was on the device.

import { emptyGroup, type LearnedBatch, type LoadLevel, longMicros, weight } from './load-level.js';
import type { Cell } from './surface.js';

/** A setting that takes less than so many times what the present one takes is better. */
const clearly = 0.98;
/** It counts so many groups of batches, and waits for so many more at most. */
const counted = { least: 3, most: 12, patience: 12 };
/** Of groups that take little time so many are counted that they take this long together, in microseconds, but not more of them than that. */
const little = { micros: 2000, groups: 100 };
/** Of groups that take long so few are enough; and a trial ends after so many microseconds, of what seems better later. */
const long = { least: 1, trial: 300_000, better: 600_000 };
/** So few are enough, too, of what takes so many times what was expected, where that was so many microseconds. */
const far = { least: 1, micros: 5000, worse: 1.5 };
/** A trial that shows nothing worse may have lost this part of its time. */
const leastLost = 0.1;
/** What part a trial may have of the groups after which it is made again. */
const mostOfRetry = { part: 1 / 6, groups: 64 };
/** After other threads were woken the system takes so many microseconds to give each a core: so many batches at most do not count. */
const placing = { micros: 10_000, batches: 200 };
/** A pause must not make a group look worse than so many times what the quickest of its trial does, or what was expected. */
const mostOfLeast = 3;

export interface Verdict {
  /** How many times as long as the present setting's its rows take, by so many groups. */
  readonly ratio: number;
  readonly groups: number;
  readonly isBetter: boolean;
  /** What it cost, in microseconds. */
  readonly lost: number;
}

export class Trial {
  /** The load at which it began. */
  readonly at: LoadLevel;
  readonly cell: Cell;
  /** Groups at least, of such as do not take long, and at most. */
  readonly #fewest: number;
  readonly #most: number;
  /** So many batches do not count until it is under way; and so many may end until it is over. */
  #unsettled: number;
  #patience: number;
  #group = emptyGroup();
  #groups = 0;
  readonly #shown: { readonly took: number; readonly expected: number }[] = [];
  /** How many times as long as expected the quickest group took, and at least as long as that. */
  #least = Number.POSITIVE_INFINITY;
  #took = 0;
  #expected = 0;
  /** What the setting has shown, once the present one has its turn. */
  #better: Verdict | undefined;

  /** `after` is after how many groups it is tried again. */
  constructor(at: LoadLevel, cell: Cell, after: number) {
    this.at = at;
    this.cell = cell;
    this.#fewest = Math.max(counted.least, Math.min(little.groups, Math.ceil(little.micros / at.groupMicros)));
    this.#most = Math.max(counted.most, this.#fewest, Math.min(mostOfRetry.groups, mostOfRetry.part * after));
    const isPlaced = cell.threads === at.present.threads;
    const placed = isPlaced ? 0 : Math.ceil(placing.micros / at.groupMicros) * cell.atOnce;
    this.#unsettled = Math.max(cell.atOnce, at.present.atOnce, Math.min(placing.batches, placed));
    this.#patience = this.#unsettled + (this.#most + counted.patience) * cell.atOnce;
  }

  /** The setting whose turn it is. */
  get aim(): Cell {
    return this.#better === undefined ? this.cell : this.at.present;
  }

  /** The load is another one for now: what was begun does not count. */
  pause(): void {
    this.#group = emptyGroup(this.#group.keys);
    this.#unsettled = Math.max(this.#unsettled, this.cell.atOnce, this.at.present.atOnce);
  }

  /** A batch has ended. Gives what was found out, once that is enough. */
  watch(batch: LearnedBatch): Verdict | undefined {
    const { aim } = this;
    const counts = batch.aim === aim && !batch.mixed;
    if (batch.aim !== aim || !batch.mixed) this.#patience--;
    if (counts && this.#unsettled-- <= 0 && this.at.add(this.#group, batch)) {
      this.at.groups++;
      this.#groups++;
      this.#add(this.#group);
      this.#group = emptyGroup(this.#group.keys);
      if (this.#isOver()) return this.#endTurn();
    }
    return this.#patience <= 0 ? this.#endTurn() : undefined;
  }

  #add({ took, expected }: { took: number; expected: number }): void {
    this.#expected += expected;
    this.#shown.push({ took, expected });
    const bounded = (one: { took: number; expected: number }) =>
      Math.min(one.took, mostOfLeast * Math.max(1, this.#least) * one.expected);
    if (took / expected >= this.#least) {
      this.#took += bounded({ took, expected });
      return;
    }
    // What was taken for usual until now may have been a pause.
    this.#least = took / expected;
    this.#took = this.#shown.reduce((sum, one) => sum + bounded(one), 0);
  }

  #isOver(): boolean {
    if (this.#better !== undefined) return this.#groups >= this.#better.groups;
    if (this.#groups >= this.#most) return true;
    if (this.#groups < this.#enough) return false;
    if (this.#took > (this.#took > this.#expected ? long.trial : long.better)) return true;
    return Math.abs(this.#took / this.#expected - 1) > doubt(this.at, this.#groups);
  }

  get #enough(): number {
    // By what was expected: a pause is no group that takes long.
    if (Math.min(this.#took, mostOfLeast * this.#expected) / this.#groups > longMicros) return long.least;
    return this.#expected > far.micros && this.#took > far.worse * this.#expected ? far.least : this.#fewest;
  }

  #endTurn(): Verdict | undefined {
    const before = this.#better;
    const groups = this.#groups;
    const ratio = groups === 0 ? 1 : this.#took / this.#expected;
    if (before !== undefined) {
      if (groups > 0) this.at.correct(this.#group.keys, groups, ratio);
      const found = before.ratio / ratio;
      return { ...before, ratio: found, isBetter: groups > 0 && this.#isBetter(found, before.groups) };
    }
    const lost = Math.max(this.#took - this.#expected, leastLost * this.#took);
    const isBetter = groups > 0 && this.#isBetter(ratio, groups);
    if (!isBetter) return { ratio, groups, isBetter, lost };
    this.#better = { ratio, groups, isBetter, lost: 0 };
    this.#group = emptyGroup();
    this.#groups = this.#took = this.#expected = 0;
    this.#shown.length = 0;
    this.#least = Number.POSITIVE_INFINITY;
    const { atOnce } = this.at.present;
    this.#unsettled = Math.max(this.cell.atOnce, atOnce);
    this.#patience = this.#unsettled + (groups + counted.patience) * atOnce;
    return undefined;
  }

  #isBetter(ratio: number, groups: number): boolean {
    return ratio < Math.min(clearly, 1 - doubt(this.at, groups) / 2);
  }
}

/** By how much what so many groups show may well be wrong. */
const doubt = ({ deviation }: LoadLevel, groups: number) => 2 * deviation * Math.sqrt(1 / groups + weight / 2);

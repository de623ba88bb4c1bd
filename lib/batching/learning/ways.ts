// The ways in which batches can run: so many at once, on so many threads each; what is known of each, and which is the best.
//
// The rules it keeps: of a way only a ratio is known, to what a batch takes in the present way, and it is the same whatever the batch's rows;
// so a machine that becomes busier makes none look worse than another. What is next to the present way is tried for a few batches, the
// less often the longer the choice is confirmed.

import type { Cell } from './surface.js';
import type { TunedLoad } from './tuned.js';

/** The first batches teach how long one takes: before them no other way is tried. */
export const firstBatches = 8;
/** For how many batches another way is tried; and after how many it is again, at first and at most. */
const trialBatches = 8;
const retryAfter = { first: 100, most: 1600 };
/** So much more throughput must more batches at once give to be worth the latency, and another number of threads the change. */
const worthwhile = 1.06;

export interface Way {
  /** With the most rows that a batch may have. */
  readonly cell: Cell;
  /** How many times as long as in the present way a batch takes; undefined where that is not known. */
  slower: number | undefined;
  /** That of each batch which has been measured since it was last tried. */
  ratios: number[];
  /** How many batches are still to be measured. */
  unmeasured: number;
  /** The batch after which it was last tried. */
  tried: number;
  /** After how many batches it is tried again. */
  retryAfter: number;
  /** Whether its last trial was ended before it was over. */
  cutShort: boolean;
}

export interface WaysBounds {
  readonly mostRows: number;
  readonly mostAtOnce: number;
  /** The most threads of a run; and the least, all of them or one. */
  readonly leastThreads: number;
  readonly mostThreads: number;
}

export class Ways {
  /** By batches at once, ascending, and of these by threads, descending. */
  readonly #ways: readonly Way[];
  readonly #mostThreads: number;
  /** The best one, as far as is known. */
  #present: Way;
  /** The one that is tried instead, and the batch after which the trial ends, or the first one may begin. */
  #tried: Way | undefined;
  #trialEnds = firstBatches;
  #batches = 0;

  constructor({ mostRows, mostAtOnce, leastThreads, mostThreads }: WaysBounds, tuned?: TunedLoad) {
    const threads = leastThreads < mostThreads ? [mostThreads, leastThreads] : [mostThreads];
    this.#mostThreads = mostThreads;
    this.#ways = Array.from({ length: mostAtOnce }, (_, i) => threads.map((t) => wayOf(mostRows, i + 1, t))).flat();
    this.#present = this.#ways[0]!;
    if (tuned !== undefined) this.#take(tuned);
    this.#present.slower = 1;
    this.#present.unmeasured = 0;
  }

  get present(): Way {
    return this.#present;
  }

  /** The present one, or the one that is tried. */
  get aim(): Way {
    return this.#tried ?? this.#present;
  }

  /** Those of which something is known. */
  get known(): readonly Way[] {
    return this.#ways.filter(({ slower }) => slower !== undefined);
  }

  get isTrying(): boolean {
    return this.#tried !== undefined;
  }

  /** Whether neither a trial nor the batches that it made wait are going on, nor the first batches of all. */
  get isSettled(): boolean {
    return this.#batches > this.#trialEnds + this.#margin;
  }

  /** How many times as long as in the present way a batch takes; where it is not known, so many that it gains nothing. */
  slower({ slower, cell }: Way): number {
    return slower ?? Math.max(1, cell.atOnce / this.#present.cell.atOnce);
  }

  /** The way in which a batch ran; without threads, on all of them. */
  find(atOnce: number, threads = this.#mostThreads): Way {
    return this.#ways.find(({ cell }) => cell.atOnce === atOnce && cell.threads === threads)!;
  }

  /** Whether batches that ran in this way tell what is wanted of it: how much slower they are. */
  wants(way: Way): boolean {
    return way !== this.#present && way.unmeasured > 0;
  }

  /** A batch took so many times as long as it would have in the present way. */
  measured(way: Way, ratio: number): void {
    way.unmeasured--;
    way.ratios.push(ratio);
    way.slower = meanButGreatest(way.ratios);
  }

  /**
   * A batch has ended. Gives how many times as long batches take in the present way as in the one that was present before. Of a way, the
   * throughput says how many rows a second it gives.
   */
  ended(throughput: (way: Way) => number): number {
    this.#batches++;
    if (this.#batches < this.#trialEnds) return 1;
    let best = 0;
    let chosen = this.#present;
    for (const way of this.#ways) {
      if (way.slower === undefined) continue;
      const rate = throughput(way);
      if (rate < best * worthwhile) continue;
      best = rate;
      chosen = way;
    }
    if (this.#tried !== undefined) {
      // The longer a choice is confirmed, the less often it is questioned.
      const tried = this.#tried;
      tried.retryAfter = chosen === tried ? retryAfter.first : Math.min(retryAfter.most, tried.retryAfter * 2);
      this.#tried = undefined;
    }
    const factor = chosen === this.#present ? 1 : this.#change(chosen);
    this.#tryAnother();
    return factor;
  }

  /** Ends a trial before it is over, as if the present way had been confirmed. */
  endTrial(): void {
    if (this.#tried === undefined) return;
    this.#tried.cutShort = true;
    this.#tried.retryAfter = Math.min(retryAfter.most, this.#tried.retryAfter * 2);
    this.#tried = undefined;
    this.#trialEnds = this.#batches;
  }

  /** So many batches may be under way that began otherwise. */
  get #margin(): number {
    return this.#ways.at(-1)!.cell.atOnce;
  }

  #change(chosen: Way): number {
    const factor = chosen.slower!;
    for (const way of this.#ways) {
      if (way.slower !== undefined) way.slower /= factor;
      way.ratios = way.ratios.map((ratio) => ratio / factor);
    }
    chosen.unmeasured = 0;
    this.#present = chosen;
    return factor;
  }

  /** Tries what is next to the present way, if it is not known, or not any more, what that would do. */
  #tryAnother(): void {
    const { atOnce, threads } = this.#present.cell;
    const isNear = ({ cell }: Way) =>
      cell.threads === threads ? Math.abs(cell.atOnce - atOnce) === 1 : cell.atOnce === atOnce;
    const isDue = ({ tried, retryAfter, slower, cutShort }: Way) =>
      (slower === undefined && !cutShort) || this.#batches - tried > retryAfter;
    const due = this.#ways.filter((way) => isNear(way) && isDue(way));
    // More at once is what most have to gain from.
    const tried = due.find(({ cell }) => cell.atOnce > atOnce) ?? due[0];
    if (tried === undefined) return;
    tried.cutShort = false;
    tried.ratios = [];
    tried.unmeasured = trialBatches;
    tried.tried = this.#batches;
    this.#tried = tried;
    this.#trialEnds = this.#batches + trialBatches + this.#margin;
  }

  /** What another process has learned; what this one cannot choose is passed over. */
  #take({ rows, atOnce, threads, others }: TunedLoad): void {
    const at = (one: { atOnce: number; threads: number }) =>
      this.#ways.find(({ cell }) => cell.atOnce === one.atOnce && cell.threads === one.threads);
    const present = at({ atOnce, threads });
    if (present === undefined) return;
    this.#present = present;
    for (const other of others) {
      const way = at(other);
      if (way === undefined || other.rows !== rows) continue;
      way.slower = (other.ratio * other.atOnce) / atOnce;
      way.unmeasured = 0;
    }
  }
}

const wayOf = (rows: number, atOnce: number, threads: number): Way => ({
  cell: { rows, atOnce, threads },
  slower: undefined,
  ratios: [],
  unmeasured: trialBatches,
  tried: 0,
  retryAfter: retryAfter.first,
  cutShort: false,
});

function meanButGreatest(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  return values.length === 1 ? sum : (sum - Math.max(...values)) / (values.length - 1);
}

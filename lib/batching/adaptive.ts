// Chooses how many rows a batch has, how many batches run at once, and whether a request is let in, so that throughput is
// the highest that keeps 99 of 100 requests within a target latency.
//
// Rows and batches at once. A request waits for a lane and then for its own batch. Where batches of n rows take T(n) and k of
// them run in turns, a lane comes free every T(n) / k, so what a full load waits for is T(n) / k + T(n). Of all k, and all n
// for which that stays within the budget (budget.ts), the best is the one with the most rows a second, k n / T(n). Batches at
// once slow each other down, each by the same factor whatever its rows; now and then another k is tried, to learn its factor.
// With a free lane and an empty queue nothing would be gained by waiting, so a request starts at once.
//
// Admission. A request is let in when it is predicted to be answered within the budget, and the queue is not longer than it
// takes to keep the lanes busy.

import { Budget } from './budget.js';
import { LatencyModel } from './latency-model.js';

/** How many times what a full load waits for a queue may be long: a longer one keeps no lane busier, and all wait for it. */
const queueFactor = 1.5;
/** The weight of the last batch in how much slower or faster than usual the machine is. */
const recentWeight = 0.3;
/** The first batches teach how long one takes: before them no other number of batches at once is tried, nor the budget judged. */
const firstBatches = 8;
/** For how many batches another number of batches at once is tried; and after how many it is again, at first and at most. */
const trialBatches = 8;
const retryAfter = { first: 100, most: 1600 };
/** So much more throughput must another batch at once give to be worth the latency. */
const worthwhile = 1.06;

export interface Ended {
  rows: number;
  /** The most batches that ran at once with it, itself among them. */
  atOnce: number;
  micros: number;
  requests: number;
  /** Those that were later than the target. */
  tooLate: number;
  /** When it ended. */
  now: number;
}

/** What is known of so many batches at once. */
interface Lanes {
  /** How many times as long as with the present number a batch takes; undefined where that is not known. */
  slower: number | undefined;
  /** That of each batch which has been measured since it was last tried. */
  ratios: number[];
  /** How many batches are still to be measured. */
  unmeasured: number;
  /** The batch after which it was last tried. */
  tried: number;
  /** After how many batches it is tried again. */
  retryAfter: number;
}

export class Adaptive {
  readonly targetMicros: number;
  readonly #budget: Budget;
  readonly #maxRows: number;
  /** How long a batch takes with the present number of them at once. */
  readonly #time = new LatencyModel();
  /** How many times as long as that the last few batches took: what else the machine does now. */
  #recent = 1;
  /** What is known of each number of batches at once, from 1. */
  readonly #lanes: Lanes[];
  /** The number of batches at once that is best, as far as is known. */
  #present = 1;
  /** The number that is tried instead, and the batch after which the trial ends, or the first one may begin. */
  #tried: number | undefined;
  #trialEnds = firstBatches;
  #batches = 0;
  /** The most rows that a batch has had. */
  #largest = 0;
  #rows: number;

  constructor(options: { targetMicros: number; maxBatchSize: number; concurrency: number }) {
    this.targetMicros = options.targetMicros;
    this.#budget = new Budget(options.targetMicros);
    this.#maxRows = options.maxBatchSize;
    this.#lanes = Array.from({ length: options.concurrency }, (_, i) => ({
      slower: i === 0 ? 1 : undefined,
      ratios: [],
      unmeasured: i === 0 ? 0 : trialBatches,
      tried: 0,
      retryAfter: retryAfter.first,
    }));
    this.#rows = options.maxBatchSize;
  }

  get budgetMicros(): number {
    return this.#budget.micros;
  }

  /** The most rows that a batch is to have. */
  get rows(): number {
    return this.#rows;
  }

  /** The most batches that are to run at once. */
  get atOnce(): number {
    return this.#tried ?? this.#present;
  }

  /** How long a batch of so many rows takes now, where so many run at once; 0 where nothing is known yet. */
  predict(rows: number, atOnce = this.atOnce): number {
    return this.#time.predict(rows) * this.#slower(atOnce) * this.#recent;
  }

  /**
   * By how many microseconds a request that comes now would take longer than it may, with so many rows queued before it and
   * these batches running, and so many batches that have to end one after the other before it may start; 0 or less where it
   * can be let in.
   */
  excess(
    rows: number,
    queued: number,
    running: ReadonlySet<{ started: number; rows: number }>,
    now: number,
    batchesBefore = 0,
  ): number {
    const isFree = running.size < this.atOnce;
    // With nothing before it there is no better moment, however long it takes; and it teaches how long that is.
    if (!this.#time.known || (isFree && queued === 0 && batchesBefore === 0)) return 0;
    let free = Number.POSITIVE_INFINITY;
    // A batch that takes twice as long as expected, so far, says that those after it will.
    let slow = 1;
    for (const batch of running) {
      const micros = this.predict(batch.rows);
      free = Math.min(free, batch.started + micros - now);
      if (micros > 0) slow = Math.max(slow, (now - batch.started) / micros);
    }
    const full = this.predict(this.#rows);
    const before = Math.floor((queued + rows - 1) / this.#rows);
    const own = this.predict(Math.min(this.#rows, Math.max(rows, queued + rows - before * this.#rows)));
    const inTurn = batchesBefore * this.predict(1);
    const takes = (isFree ? 0 : Math.max(0, free)) + (inTurn + (before * full) / this.atOnce + own) * slow;
    return takes - Math.min(this.#budget.micros, queueFactor * (full + full / this.atOnce));
  }

  /** A request was not let in. */
  refused(): void {
    this.#budget.refused();
  }

  /** By how much a request that arrived then is late even if it runs now, in a batch of so many rows; 0 or less: in time. */
  lateBy(arrived: number, rows: number, now: number): number {
    return now - arrived + this.predict(rows) - this.#budget.mostMicros;
  }

  /** A batch has ended. */
  ended({ rows, atOnce, micros, requests, tooLate, now }: Ended): void {
    this.#batches++;
    this.#learn(atOnce, rows, micros);
    // What a trial does to its requests, and to those that it made wait, says nothing about the budget.
    if (this.#batches > this.#trialEnds + this.#lanes.length) {
      this.#budget.answered(requests, tooLate, now);
    }
    if (this.#batches >= this.#trialEnds) this.#choose();
    this.#rows = this.#rowsWithin(this.atOnce);
  }

  /** What a batch with the present number at once took says how long batches take, and another one how much slower those are. */
  #learn(atOnce: number, rows: number, micros: number): void {
    this.#largest = Math.max(this.#largest, rows);
    const lanes = this.#lanes[atOnce - 1]!;
    const expected = this.#time.predict(rows);
    if (atOnce !== this.#present && lanes.unmeasured > 0 && expected > 0) {
      lanes.unmeasured--;
      lanes.ratios.push(bounded(micros / expected));
      lanes.slower = meanButGreatest(lanes.ratios);
      return;
    }
    const slower = lanes.slower ?? 1;
    if (expected > 0) this.#recent += recentWeight * (bounded(micros / (expected * slower)) - this.#recent);
    this.#time.learn(rows, micros / slower);
  }

  /** Chooses the best number of batches at once, or another one that is to be tried. */
  #choose(): void {
    let best = 0;
    let chosen = this.#present;
    for (let k = 1; k <= this.#lanes.length; k++) {
      if (this.#lanes[k - 1]!.slower === undefined) continue;
      const rows = this.#rowsWithin(k);
      const throughput = (k * rows) / this.predict(rows, k);
      if (throughput < best * worthwhile) continue;
      best = throughput;
      chosen = k;
    }
    if (this.#tried !== undefined) {
      // The longer a choice is confirmed, the less often it is questioned.
      const lanes = this.#lanes[this.#tried - 1]!;
      lanes.retryAfter = chosen === this.#tried ? retryAfter.first : Math.min(retryAfter.most, lanes.retryAfter * 2);
      this.#tried = undefined;
    }
    if (chosen !== this.#present) this.#change(chosen);
    this.#tryAnother();
  }

  #change(chosen: number): void {
    const slower = this.#lanes[chosen - 1]!.slower!;
    this.#time.scale(slower);
    for (const lanes of this.#lanes) {
      if (lanes.slower !== undefined) lanes.slower /= slower;
      lanes.ratios = lanes.ratios.map((ratio) => ratio / slower);
    }
    this.#lanes[chosen - 1]!.unmeasured = 0;
    this.#present = chosen;
  }

  /** Tries one batch at once more or less, if it is not known, or not any more, what that would do. */
  #tryAnother(): void {
    for (const k of [this.#present + 1, this.#present - 1]) {
      const lanes = this.#lanes[k - 1];
      if (lanes === undefined || (lanes.slower !== undefined && this.#batches - lanes.tried <= lanes.retryAfter))
        continue;
      lanes.ratios = [];
      lanes.unmeasured = trialBatches;
      lanes.tried = this.#batches;
      this.#tried = k;
      this.#trialEnds = this.#batches + trialBatches + this.#lanes.length;
      return;
    }
  }

  /** How many times as long a batch takes where so many are at once; where it is not known, so many that it gains nothing. */
  #slower(k: number): number {
    return this.#lanes[k - 1]!.slower ?? Math.max(1, k / this.#present);
  }

  /** The most rows with which a full load stays within the budget, with k batches at once. */
  #rowsWithin(k: number): number {
    const most = this.#time.rowsWithin(this.#budget.micros / (1 + 1 / k) / this.#slower(k) / this.#recent);
    // While all batches have had one row, nothing says what a second one costs: only trying tells.
    return Math.min(this.#maxRows, Math.max(this.#largest === 1 ? 2 : 1, most));
  }
}

/** A pause, or a clock that stands still, must not teach more than this. */
const bounded = (ratio: number): number => Math.min(4, Math.max(0.25, ratio));

function meanButGreatest(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  return values.length === 1 ? sum : (sum - Math.max(...values)) / (values.length - 1);
}

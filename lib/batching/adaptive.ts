// Chooses how many rows a batch has, how many batches run at once, and whether a request is let in, so that throughput is
// the highest that keeps 99 of 100 requests within a target latency.
//
// Rows and batches at once. A request waits for a lane and then for its own batch. Where batches of n rows take T(n) and k of
// them run in turns, a lane comes free every T(n) / k, so what a full load waits for is T(n) / k + T(n). Of all k, and all n
// for which that stays within the target, the best is the one with the most rows a second, k n / T(n). T is learned for each k
// by itself, because batches at once slow each other down; now and then another k is tried. A lane that is free and a queue
// that is empty mean that nothing is gained by waiting, so nothing waits.
//
// Admission. A request is let in when it is predicted to be answered within the budget: the target less what it takes to keep
// it. Each late request makes the budget smaller, and each that is in time larger by a small part of that, so that only that
// part is late, whatever the model of T overlooks (a quantile by stochastic approximation, Robbins and Monro 1951).

import { LatencyModel } from './latency-model.js';

/** A budget below this part of the target would mean that latencies have little to do with the batches. */
const leastBudget = 0.25;
/** Of the target, what the budget begins with. */
const firstBudget = 0.6;
/**
 * What part of the target a batch of late requests takes off the budget, and the share of requests that may be late. Late
 * ones come a batch at a time; so that one in a hundred is late of any half second, and not only in the long run, fewer must
 * be where half a second has few batches.
 */
const manyBatches = { step: 0.02, late: 0.004 };
const fewBatches = { step: 0.08, late: 0.0007 };
/** From so many batches in half a second they are many. */
const many = 150;
/** The first batches, whose requests were let in before anything was known. */
const learns = 8;
/** The part of the target that a full load may use up when all batches take as long as predicted. */
const usable = 0.85;
/** Batches after which a number of batches at once that was not used is tried again, and for how many. */
const forgets = 400;
const tries = 6;
/** So much more throughput must another batch at once give to be worth the latency. */
const worthwhile = 1.03;

export interface Ended {
  rows: number;
  atOnce: number;
  micros: number;
  requests: number;
  tooLate: number;
}

export class Adaptive {
  readonly #target: number;
  readonly #maxRows: number;
  /** For each number of batches at once, from 1. */
  readonly #models: LatencyModel[];
  /** For each number of batches at once, the batch that was last measured with it. */
  readonly #measured: number[];
  #budget: number;
  #batches = 0;
  #trialEnds = 0;
  #rows: number;
  #atOnce: number;

  constructor(options: { targetMicros: number; maxBatchSize: number; concurrency: number }) {
    this.#target = options.targetMicros;
    this.#maxRows = options.maxBatchSize;
    this.#budget = options.targetMicros * firstBudget;
    this.#models = Array.from({ length: options.concurrency }, () => new LatencyModel());
    this.#measured = this.#models.map(() => Number.NEGATIVE_INFINITY);
    this.#rows = options.maxBatchSize;
    this.#atOnce = options.concurrency;
  }

  /** The most rows that a batch is to have. */
  get rows(): number {
    return this.#rows;
  }

  /** The most batches that are to run at once. */
  get atOnce(): number {
    return this.#atOnce;
  }

  get budgetMicros(): number {
    return this.#budget;
  }

  /** How long a batch of so many rows takes at present; 0 where nothing is known yet. */
  predict(rows: number): number {
    return this.#nearest(this.#atOnce).predict(rows);
  }

  /**
   * How much longer than the budget a request would take, in microseconds, that comes now, with so many rows queued before
   * it and the running batches started then; 0 or less where it can be let in.
   */
  excess(rows: number, queued: number, running: ReadonlySet<{ started: number; rows: number }>, now: number): number {
    // With nothing before it there is no better moment, however long it takes; and it teaches how long that is.
    if (running.size < this.#atOnce && queued === 0) return 0;
    const full = this.predict(this.#rows);
    let free = 0;
    if (running.size >= this.#atOnce) {
      free = Number.POSITIVE_INFINITY;
      for (const batch of running) free = Math.min(free, batch.started + this.predict(batch.rows) - now);
    }
    const before = Math.floor((queued + rows - 1) / this.#rows);
    const own = this.predict(Math.min(this.#rows, Math.max(rows, queued + rows - before * this.#rows)));
    return Math.max(0, free) + (before * full) / this.#atOnce + own - this.#budget;
  }

  /** By how much a request that came then is late even if it runs now, in a batch of so many rows; 0 or less where it is not. */
  lateBy(arrived: number, rows: number, now: number): number {
    return now - arrived + this.predict(rows) - this.#target;
  }

  /** A batch has ended: `atOnce` is the most that ran at once with it, itself among them; `tooLate` counts its late requests. */
  ended({ rows, atOnce, micros, requests, tooLate }: Ended): void {
    this.#batches++;
    this.#models[atOnce - 1]!.learn(rows, micros);
    this.#measured[atOnce - 1] = this.#batches;
    // What a trial does to its requests says nothing about the budget.
    if (this.#batches > Math.max(learns, this.#trialEnds + this.#models.length)) {
      const isMany = (atOnce * 5e5) / micros >= many;
      const { step, late } = isMany ? manyBatches : fewBatches;
      // Of few batches, one with some late requests is already more than one in a hundred.
      const part = isMany ? tooLate / requests : Math.min(1, tooLate);
      this.#budget += this.#target * step * (late - part);
      this.#budget = Math.min(this.#target, Math.max(this.#target * leastBudget, this.#budget));
    }
    this.#choose();
  }

  get targetMicros(): number {
    return this.#target;
  }

  #choose(): void {
    if (this.#batches >= this.#trialEnds) this.#decide();
    const tried = this.#staleNeighbour();
    if (tried !== undefined) {
      this.#measured[tried - 1] = this.#batches;
      this.#trialEnds = this.#batches + tries;
      this.#atOnce = tried;
    }
    this.#rows = this.#rowsWithin(this.#nearest(this.#atOnce), this.#atOnce);
  }

  #decide(): void {
    let best = 0;
    for (let k = 1; k <= this.#models.length; k++) {
      const model = this.#models[k - 1]!;
      if (!model.known) continue;
      const rows = this.#rowsWithin(model, k);
      const throughput = (k * rows) / model.predict(rows);
      if (throughput < best * worthwhile) continue;
      best = throughput;
      this.#atOnce = k;
    }
  }

  /** One batch at once more or less than now, of which it is not known, or not any more, what it would do. */
  #staleNeighbour(): number | undefined {
    if (this.#batches < this.#trialEnds) return undefined;
    for (const k of [this.#atOnce + 1, this.#atOnce - 1]) {
      if (k < 1 || k > this.#models.length) continue;
      const model = this.#models[k - 1]!;
      if (model.batches < tries || this.#batches - this.#measured[k - 1]! > forgets) return k;
    }
    return undefined;
  }

  /** Of k batches at once; where nothing is known of so many, of fewer, else of more. */
  #nearest(k: number): LatencyModel {
    for (let fewer = k; fewer >= 1; fewer--) if (this.#models[fewer - 1]!.known) return this.#models[fewer - 1]!;
    return this.#models.find((model) => model.known) ?? this.#models[k - 1]!;
  }

  /** The most rows with which a full load stays within the target, with k batches at once. */
  #rowsWithin(model: LatencyModel, k: number): number {
    const most = model.rowsWithin((this.#target * usable) / (1 + 1 / k));
    return Math.max(1, Math.min(this.#maxRows, most));
  }
}

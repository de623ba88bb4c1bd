// Chooses how many rows a batch has, in which way batches run, and whether a request is let in, so that throughput is the highest that
// keeps 99 of 100 requests within a target latency.
//
// Rows, and batches at once. A request waits for a lane and then for its own batch. Where batches of n rows take T(n) and k of
// them run in turns, a lane comes free every T(n) / k, so what a full load waits for is T(n) / k + T(n). Of all ways to run (ways.ts), and
// all n for which that stays within the budget (budget.ts), the best is the one with the most rows a second, k n / T(n). T is that of the
// present way, and of the key (shape) that costs 1 (costs.ts). With a free lane and an empty queue nothing would be gained by waiting, so a
// request starts at once.
//
// Admission. A request is let in when it is predicted to be answered within the most that the budget may be. Where many were refused of late,
// it is to be within the budget of the moment, and the queue no longer than it takes to keep the lanes busy.

import type { AdaptiveStats, MeasuredSetting } from '../statistics/stats.js';
import type { Limits } from '../waiting/selection.js';
import { Budget } from './budget.js';
import { Ceilings } from './ceilings.js';
import { Costs } from './costs.js';
import { LatencyModel } from './latency-model.js';
import type { Cell } from './surface.js';
import { largestLoad, type Tuned } from './tuned.js';
import { firstBatches, type Way, Ways, type WaysBounds } from './ways.js';

/** How many times what a full load waits for a queue may be long under too much load: a longer one keeps no lane busier, and all wait for it. */
const queueFactor = 1.5;
/** There is too much load where of late more than this part of the requests was refused; and the weight of each in that. */
const overloaded = 0.1;
const refusalWeight = 1 / 64;
/** The weight of the last batch in how much slower or faster than usual the machine is. */
const recentWeight = 0.3;

export interface Ended {
  readonly key: string;
  readonly rows: number;
  /** The most batches that ran at once with it, itself among them. */
  readonly atOnce: number;
  /** Of its run; all where it is not said. */
  readonly threads?: number | undefined;
  /** Whether it began beside a batch that was meant to run in another way. */
  readonly mixed?: boolean;
  readonly micros: number;
  readonly requests: number;
  /** Whether it failed, and its requests were run again alone: some of them in vain, or all of them well. */
  readonly retried?: 'in part' | 'well' | undefined;
  /** Those that were later than the target. */
  readonly tooLate: number;
  /** When it ended. */
  readonly now: number;
}

/** A key of which requests wait. */
interface Waiting {
  readonly key: string;
  readonly rows: number;
}

interface Started {
  readonly started: number;
  readonly key: string;
  readonly rows: number;
}

export interface AdaptiveOptions extends WaysBounds {
  readonly targetMicros: number;
  readonly tuned?: Tuned | undefined;
}

export class Adaptive implements Limits {
  readonly targetMicros: number;
  readonly #budget: Budget;
  readonly #maxRows: number;
  readonly #costs = new Costs();
  readonly #ceilings = new Ceilings();
  /** Of the last batch. */
  #lastKey = '';
  /** How long a batch takes in the present way, where a row costs 1. */
  readonly #time = new LatencyModel();
  /** How many times as long as that the last few batches took: what else the machine does now. */
  #recent = 1;
  readonly #ways: Ways;
  #batches = 0;
  /** The most rows that a batch has had. */
  #largest = 0;
  /** The part of the requests that was refused of late. */
  #refusals = 0;

  constructor({ targetMicros, tuned, ...bounds }: AdaptiveOptions) {
    this.targetMicros = targetMicros;
    this.#budget = new Budget(targetMicros);
    this.#maxRows = bounds.mostRows;
    this.#ways = new Ways(bounds, largestLoad(tuned));
  }

  get budgetMicros(): number {
    return this.#budget.micros;
  }

  /** The most rows that a batch of this key is to have. */
  rowsOf(key: string): number {
    return this.#rowsOf(key, this.#costs.of(key));
  }

  /** The most batches that are to run at once. */
  get atOnce(): number {
    return this.aim.atOnce;
  }

  /** In which way batches are to run. */
  get aim(): Cell {
    return this.#ways.aim.cell;
  }

  /** How long a batch of so many rows takes now; 0 where nothing is known yet. */
  predict(key: string, rows: number): number {
    return this.#predict(this.#costs.of(key), rows);
  }

  /**
   * By how many microseconds a request that comes now would take longer than it may, with these rows queued before it, these batches
   * running, and so many batches that have to end one after the other before it may start; 0 or less where it can be let in.
   */
  excess(
    request: Waiting,
    queued: Iterable<Waiting>,
    running: ReadonlySet<Started>,
    now: number,
    batchesBefore = 0,
  ): number {
    const isEmpty = queued[Symbol.iterator]().next().done === true;
    // With nothing before it there is no better moment, however long it takes; and it teaches how long that is.
    const isNext = isEmpty && running.size < this.atOnce && batchesBefore === 0;
    if (!this.#time.known || isNext) return 0;
    const isOverloaded = this.#refusals > overloaded;
    const excess = () => {
      const { takes, full } = this.#answeredIn(request, queued, running, now, batchesBefore);
      return takes - (isOverloaded ? Math.min(this.#budget.micros, queueFactor * full) : this.#budget.mostMicros);
    };
    const first = excess();
    // A trial of fewer lanes must not cost anyone the answer.
    if (first <= 0 || isOverloaded || this.atOnce >= this.#ways.present.cell.atOnce) return first;
    this.#ways.endTrial();
    return excess();
  }

  /** A request was let in, or was not. */
  asked(refused: boolean): void {
    this.#refusals += refusalWeight * (Number(refused) - this.#refusals);
    if (refused) this.#budget.refused();
  }

  /** By how much a request that arrived then is late even if it runs now, in a batch of so many rows; 0 or less: in time. */
  lateBy(arrived: number, { key, rows }: Waiting, now: number): number {
    return now - arrived + this.predict(key, rows) - this.#budget.mostMicros;
  }

  /** A batch has ended. */
  ended(batch: Ended): void {
    this.#batches++;
    this.#lastKey = batch.key;
    if (batch.retried !== undefined) {
      // Of how long batches take it tells nothing.
      if (batch.retried === 'well') this.#ceilings.failed(batch.key, batch.rows, this.#batches);
      this.#budget.answered(batch.requests, batch.tooLate, batch.now);
      return;
    }
    this.#learn(batch);
    // What a trial does to its requests, and to those that it made wait, says nothing about the budget.
    if (this.#ways.isSettled) this.#budget.answered(batch.requests, batch.tooLate, batch.now);
    const factor = this.#ways.ended((way) => this.#throughput(way));
    if (factor !== 1) this.#time.scale(factor);
  }

  stats(): AdaptiveStats {
    const { targetMicros, budgetMicros, atOnce, aim } = this;
    const rows = this.#usualRows(this.#ways.aim);
    return {
      targetMicros,
      budgetMicros,
      rows,
      atOnce,
      threads: aim.threads,
      why: this.#why(),
      measured: this.#measured(),
    };
  }

  /** What was learned, to begin with another time. */
  get tuned(): Tuned {
    if (this.#batches < firstBatches) return { version: 1, loads: [] };
    // As what is learned without a target has it: powers of two.
    const rows = powerBelow(this.#usualRows(this.#ways.present));
    const { atOnce, threads } = this.#ways.present.cell;
    const others = this.#ways.known
      .filter((way) => way !== this.#ways.present)
      .map((way) => ({ ...way.cell, rows, ratio: Number(this.#ratio(way).toFixed(3)) }));
    return { version: 1, loads: [{ load: powerBelow(rows * atOnce), rows, atOnce, threads, others }] };
  }

  /** What a batch in the present way took says how long batches take, and another one how much slower those are. */
  #learn({ key, rows, atOnce, threads, mixed = false, micros }: Ended): void {
    this.#largest = Math.max(this.#largest, rows);
    const way = this.#ways.find(atOnce, threads);
    const usual = this.#time.predict(rows);
    const isKnown = this.#costs.isKnown(key);
    const cost = this.#costs.of(key);
    if (usual > 0 && this.#ways.wants(way)) {
      // Of a key that is not known it tells nothing; and beside a batch on other threads it is neither the one nor the other.
      const isMixed = mixed && way.cell.threads !== this.#ways.present.cell.threads;
      if (isKnown && !isMixed) this.#ways.measured(way, bounded(micros / (usual * cost)));
      return;
    }
    const slower = way.slower ?? 1;
    if (usual > 0) {
      const ratio = micros / (usual * slower);
      if (isKnown) this.#recent += recentWeight * (bounded(ratio / cost) - this.#recent);
      this.#costs.learn(key, ratio / this.#recent);
    } else if (micros > 0) {
      this.#costs.learn(key, 1);
    }
    this.#time.learn(rows, micros / (slower * this.#costs.of(key)));
  }

  /** After how long a request that comes now is answered, and what a full load waits for. */
  #answeredIn(
    { key, rows }: Waiting,
    queued: Iterable<Waiting>,
    running: ReadonlySet<Started>,
    now: number,
    batchesBefore: number,
  ) {
    const { atOnce } = this;
    const cost = this.#costs.of(key);
    let mine = 0;
    let others = 0;
    for (const before of queued) {
      if (before.key === key) mine += before.rows;
      else others += this.#takes(before) / atOnce;
    }
    let free = running.size < atOnce ? 0 : Number.POSITIVE_INFINITY;
    // A batch that takes twice as long as expected, so far, says that those after it will.
    let slow = 1;
    for (const batch of running) {
      const micros = this.#predict(batch.key === key ? cost : this.#costs.of(batch.key), batch.rows);
      free = Math.min(free, Math.max(0, batch.started + micros - now));
      if (micros > 0) slow = Math.max(slow, (now - batch.started) / micros);
    }
    const most = this.#rowsOf(key, cost);
    const full = this.#predict(cost, most);
    const before = Math.floor((mine + rows - 1) / most);
    const own = this.#predict(cost, Math.min(most, Math.max(rows, mine + rows - before * most)));
    const inTurn = batchesBefore === 0 ? 0 : batchesBefore * this.#predict(cost, 1);
    const takes = free + (inTurn + others + (before * full) / atOnce + own) * slow;
    return { takes, full: full + full / atOnce + others };
  }

  #rowsOf(key: string, cost: number): number {
    return Math.min(this.#rowsWithin(this.#ways.aim, cost), this.#ceilings.of(key, this.#batches));
  }

  #predict(cost: number, rows: number, way: Way = this.#ways.aim): number {
    return this.#time.predict(rows) * cost * this.#ways.slower(way) * this.#recent;
  }

  /** How long one lane needs for what waits. */
  #takes({ key, rows }: Waiting): number {
    const most = this.rowsOf(key);
    const full = Math.floor(rows / most);
    const rest = rows - full * most;
    return full * this.predict(key, most) + (rest === 0 ? 0 : this.predict(key, rest));
  }

  #throughput(way: Way): number {
    const rows = this.#usualRows(way);
    return (way.cell.atOnce * rows) / this.#predict(this.#costs.usual, rows, way);
  }

  /** The most rows of a batch as they have been of late. */
  #usualRows(way: Way): number {
    return Math.min(this.#rowsWithin(way, this.#costs.usual), this.#ceilings.of(this.#lastKey, this.#batches));
  }

  /** The most rows with which a full load stays within the budget. */
  #rowsWithin(way: Way, cost: number): number {
    const each = this.#ways.slower(way) * this.#recent * cost;
    const most = this.#time.known
      ? this.#time.rowsWithin(this.#budget.micros / (1 + 1 / way.cell.atOnce) / each)
      : this.#maxRows;
    // While all batches have had one row, nothing says what a second one costs: only trying tells.
    return Math.min(this.#maxRows, Math.max(this.#largest === 1 ? 2 : 1, most));
  }

  /** The present way, and those that were measured: how many times as long a row takes. */
  #measured(): readonly MeasuredSetting[] {
    const { present, known } = this.#ways;
    const rows = this.#usualRows(present);
    return known
      .map((way) => {
        const groups = way === present ? this.#batches : way.ratios.length;
        return { ...way.cell, rows, ratio: this.#ratio(way), groups };
      })
      .sort((a, b) => a.ratio - b.ratio);
  }

  /** How many times as long as in the present way a row takes, others beside it. */
  #ratio(way: Way): number {
    return (this.#ways.slower(way) * this.#ways.present.cell.atOnce) / way.cell.atOnce;
  }

  #why(): string {
    const { present, known, isTrying } = this.#ways;
    if (this.#batches < firstBatches) return 'too few batches have ended to tell';
    if (isTrying) return `tried beside ${present.cell.atOnce} at once`;
    const others = known.filter((way) => way !== present).map((way) => this.#ratio(way));
    const rows = 'as many rows as the target allows';
    if (others.length === 0) return rows;
    return `${rows}; the next best of ${others.length} other ways takes ${Math.min(...others).toFixed(2)} times as long a row`;
  }
}

/** A pause, or a clock that stands still, must not teach more than this. */
const bounded = (ratio: number): number => Math.min(4, Math.max(0.25, ratio));

const powerBelow = (number: number): number => 2 ** Math.floor(Math.log2(number));

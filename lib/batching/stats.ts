// What a batcher counts. Every number that stands for requests adds up: see BatcherStats.requests.

import { LatencyHistogram, type LatencySummary } from '../core/latency.js';
import type { FailureReason } from './executor.js';
import type { CloseReason } from './forming.js';

export interface BatcherStats {
  /** accepted = completed + failed + cancelled + expired + shed + pending */
  readonly requests: {
    readonly accepted: number;
    readonly completed: number;
    readonly failed: number;
    /** By their signal, while queued. */
    readonly cancelled: number;
    /** Queued for longer than their timeout. */
    readonly expired: number;
    /** Given up while queued, because they could not be answered within the target latency any more. */
    readonly shed: number;
    /** Queued or running. */
    readonly pending: number;
    /** Of the pending: those that do not run yet, or of which a part does not. */
    readonly queued: number;
    /** Not accepted, by reason. */
    readonly refused: { readonly queueFull: number; readonly overloaded: number; readonly oversize: number };
  };
  readonly batches: {
    /** Executions, of batches and of requests that were run again by themselves. */
    readonly count: number;
    readonly rows: number;
    readonly running: number;
    /** Batches that failed and whose requests were run again by themselves. */
    readonly retried: number;
    /** How many executions had so many rows, without padding. */
    readonly sizes: Readonly<Record<number, number>>;
    /** Rows of padding, up to an allowed size. */
    readonly paddedRows: number;
    /** How many rows' worth of `rows` was padding of variable lengths. */
    readonly paddedLengths: number;
    /** Why batches stopped growing. */
    readonly closed: Readonly<Record<CloseReason, number>>;
  };
  /** Only with a target latency. */
  readonly adaptive?: {
    readonly targetMicros: number;
    /** What is left of the target when what is not foreseen is taken off. */
    readonly budgetMicros: number;
    /** The most rows that a batch has at present. */
    readonly rows: number;
    /** The most batches that run at once at present. */
    readonly atOnce: number;
  };
  /** From a request's arrival to the start of its batch, in microseconds. */
  readonly queueMicros: LatencySummary;
  /** From the arrival of a batch's first request to the batch's start: how long it could grow. */
  readonly formingMicros: LatencySummary;
  /** From the start of a batch to its end. */
  readonly computeMicros: LatencySummary;
  /** From a request's arrival to its settlement. */
  readonly totalMicros: LatencySummary;
}

export class Counters {
  accepted = 0;
  completed = 0;
  batches = 0;
  rows = 0;
  paddedRows = 0;
  paddedLengths = 0;
  retried = 0;
  readonly failures: Record<FailureReason, number> = {
    cancelled: 0,
    expired: 0,
    overloaded: 0,
    queueFull: 0,
    oversize: 0,
    failed: 0,
  };
  /** Of the overloaded, those that had been accepted. */
  shed = 0;
  readonly sizes: Record<number, number> = {};
  readonly closed: Record<CloseReason, number> = {
    full: 0,
    preferred: 0,
    delay: 0,
    laneFree: 0,
    shape: 0,
    adaptive: 0,
    alone: 0,
  };
  readonly queueMicros = new LatencyHistogram();
  readonly formingMicros = new LatencyHistogram();
  readonly computeMicros = new LatencyHistogram();
  readonly totalMicros = new LatencyHistogram();

  get pending(): number {
    const { failed, cancelled, expired } = this.failures;
    return this.accepted - this.completed - failed - cancelled - expired - this.shed;
  }

  executed(rows: number, padded: number): void {
    this.batches++;
    this.rows += rows;
    this.paddedRows += padded - rows;
    this.sizes[rows] = (this.sizes[rows] ?? 0) + 1;
  }

  stats(running: number, queued: number): BatcherStats {
    const { failed, cancelled, expired, queueFull, overloaded, oversize } = this.failures;
    return {
      requests: {
        accepted: this.accepted,
        completed: this.completed,
        failed,
        cancelled,
        expired,
        shed: this.shed,
        pending: this.pending,
        queued,
        refused: { queueFull, overloaded: overloaded - this.shed, oversize },
      },
      batches: {
        count: this.batches,
        rows: this.rows,
        running,
        retried: this.retried,
        sizes: { ...this.sizes },
        paddedRows: this.paddedRows,
        paddedLengths: this.paddedLengths,
        closed: { ...this.closed },
      },
      queueMicros: this.queueMicros.summary(),
      formingMicros: this.formingMicros.summary(),
      computeMicros: this.computeMicros.summary(),
      totalMicros: this.totalMicros.summary(),
    };
  }
}

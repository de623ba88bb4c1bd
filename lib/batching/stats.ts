// The statistics of a batcher. Every number that stands for requests adds up: see BatcherStats.requests.

import type { LatencyCounts, LatencySummary } from '../core/latency.js';
import type { CloseReason } from './forming.js';

export interface BatcherStats {
  /** accepted = completed + failed + cancelled + expired + shed + pending */
  readonly requests: {
    readonly accepted: number;
    readonly completed: number;
    readonly failed: number;
    /** By their signal: while queued, or while running where that was asked for. */
    readonly cancelled: number;
    /** Queued for longer than their timeout, or not answered by their deadline. */
    readonly expired: number;
    /** Given up while queued, because they could not be answered within the target latency any more. */
    readonly shed: number;
    /** Queued or running, or answered and held back for those before them (`preserveOrdering`). */
    readonly pending: number;
    /** Of the pending: those that do not run yet, or of which a part does not; also those that wait for their turn in a sequence. */
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
  /** Where they are busy all the time and requests are queued, or batches wait for them, more of them or more capacity would help. */
  readonly lanes: {
    /** How many batches may run at once: `concurrency`. */
    readonly size: number;
    /** For how long they have been busy, all together, in microseconds: `size` seconds a second at most. */
    readonly busyMicros: number;
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
  /** From the moment when a batch might have started, full or with its delay over, to its start: how long it waited for a lane. */
  readonly laneWaitMicros: LatencyCounts;
  /** From the start of a batch to its end. */
  readonly computeMicros: LatencySummary;
  /** From a request's arrival to its settlement. */
  readonly totalMicros: LatencySummary;
}

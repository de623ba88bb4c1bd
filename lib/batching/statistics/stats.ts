// The statistics of a batcher. Every number that stands for requests adds up: see BatcherStats.requests.

import type { LatencyCounts, LatencySummary } from '../../core/latency.js';
import type { CloseReason } from './closing.js';

/** What is chosen at present. */
export interface AdaptiveStats {
  /** The most rows that a batch has. */
  readonly rows: number;
  /** The most batches that run at once. */
  readonly atOnce: number;
  /** The most threads of a run. 1: its lane computes alone. */
  readonly threads: number;
  /** Why it is chosen. */
  readonly why: string;
  /** What was measured, the best first: at this load, or with a target latency of late. */
  readonly measured: readonly MeasuredSetting[];
  /** With a target latency. */
  readonly targetMicros?: number;
  /** With a target latency: what is left of it when what is not foreseen is taken off. */
  readonly budgetMicros?: number;
  /** Without one: at least so many rows are queued or running, and less than twice as many. */
  readonly load?: number;
}

/** What was measured of a setting. */
export interface MeasuredSetting {
  readonly rows: number;
  readonly atOnce: number;
  readonly threads: number;
  /** How many times as long as with the present setting a row takes, others beside it. */
  readonly ratio: number;
  /** How many times as many batches as run at once have shown it, with a target how many batches; 0: another process has. */
  readonly groups: number;
}

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
  /** Where the scheduler chooses: with a target latency, or of a model whose options leave the rows of a batch or the lanes open. */
  readonly adaptive?: AdaptiveStats;
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

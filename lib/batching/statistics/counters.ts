// What a batcher counts, and the statistics that it makes of it. Each part counts what it does: requests are counted where they
// are settled, batches where they run.

import { LatencyBuckets, type LatencyCounts, LatencyHistogram, type LatencyRecorder } from '../../core/latency.js';
import type { FailureReason } from '../running/executor.js';
import type { CloseReason } from './closing.js';
import type { BatcherStats } from './stats.js';

export class RequestCounters {
  accepted = 0;
  completed = 0;
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
  readonly totalMicros: LatencyRecorder;

  constructor(latencies?: LatencyRecorder) {
    this.totalMicros = latencies ?? new LatencyHistogram();
  }

  get pending(): number {
    const { failed, cancelled, expired } = this.failures;
    return this.accepted - this.completed - failed - cancelled - expired - this.shed;
  }
}

export class BatchCounters {
  count = 0;
  rows = 0;
  paddedRows = 0;
  paddedLengths = 0;
  retried = 0;
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
  readonly queueMicros: LatencyRecorder;
  readonly formingMicros: LatencyRecorder;
  readonly laneWaitMicros: LatencyRecorder<LatencyCounts>;
  readonly computeMicros: LatencyRecorder;

  constructor(latencies?: LatencyRecorder) {
    this.queueMicros = latencies ?? new LatencyHistogram();
    this.formingMicros = latencies ?? new LatencyHistogram();
    this.laneWaitMicros = latencies ?? new LatencyBuckets();
    this.computeMicros = latencies ?? new LatencyHistogram();
  }

  executed(rows: number, padded: number): void {
    this.count++;
    this.rows += rows;
    this.paddedRows += padded - rows;
    this.sizes[rows] = (this.sizes[rows] ?? 0) + 1;
  }
}

/** What a batcher has at present. */
export interface Present {
  /** Requests that wait. */
  readonly queued: number;
  /** Batches that run. */
  readonly running: number;
  readonly lanes: BatcherStats['lanes'];
}

export function statsOf(
  requests: RequestCounters,
  batches: BatchCounters,
  { queued, running, lanes }: Present,
): BatcherStats {
  const { failed, cancelled, expired, queueFull, overloaded, oversize } = requests.failures;
  return {
    requests: {
      accepted: requests.accepted,
      completed: requests.completed,
      failed,
      cancelled,
      expired,
      shed: requests.shed,
      pending: requests.pending,
      queued,
      refused: { queueFull, overloaded: overloaded - requests.shed, oversize },
    },
    batches: {
      count: batches.count,
      rows: batches.rows,
      running,
      retried: batches.retried,
      sizes: { ...batches.sizes },
      paddedRows: batches.paddedRows,
      paddedLengths: batches.paddedLengths,
      closed: { ...batches.closed },
    },
    lanes,
    queueMicros: batches.queueMicros.summary(),
    formingMicros: batches.formingMicros.summary(),
    laneWaitMicros: batches.laneWaitMicros.summary(),
    computeMicros: batches.computeMicros.summary(),
    totalMicros: requests.totalMicros.summary(),
  };
}

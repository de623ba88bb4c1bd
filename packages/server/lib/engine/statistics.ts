// What is counted of a version of a model, over all the times that it was loaded.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type BatchEvent, type ErrorCode, type ModelStats, TensorlaneError } from 'tensorlane';

/** How often, and how long all together, in milliseconds. */
export interface Duration {
  count: number;
  millis: number;
}

const none = (): Duration => ({ count: 0, millis: 0 });

export interface Responses {
  /** From the answer before it. */
  readonly success: Duration;
  readonly failure: Duration;
  /** There was none more. */
  readonly empty: Duration;
  readonly cancelled: Duration;
}

/** Triton's words for why a request failed. */
export const failureReasons = ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'] as const;
export type FailureReason = (typeof failureReasons)[number];

/** What is not here is OTHER, above all what a client gave. */
const reasons: Partial<Record<ErrorCode, FailureReason>> = {
  ERR_TIMEOUT: 'REJECTED',
  ERR_QUEUE_FULL: 'REJECTED',
  ERR_OVERLOADED: 'REJECTED',
  ERR_DISPOSED: 'REJECTED',
  ERR_ABORTED: 'CANCELED',
  ERR_MODEL: 'BACKEND',
  ERR_SINGULAR: 'BACKEND',
  ERR_NOT_POSITIVE_DEFINITE: 'BACKEND',
  ERR_NOT_CONVERGED: 'BACKEND',
  ERR_OUT_OF_MEMORY: 'BACKEND',
  ERR_DEVICE_LOST: 'BACKEND',
  ERR_INTERNAL: 'BACKEND',
};

export function reasonOf(error: unknown): FailureReason {
  return (error instanceof TensorlaneError ? reasons[error.code] : 'BACKEND') ?? 'OTHER';
}

/** Of latencies, in microseconds: the library's own, so that those of all models can be added up. */
const upTo: readonly number[] = [
  50, 100, 250, 500, 1e3, 2500, 5e3, 1e4, 25e3, 5e4, 1e5, 25e4, 5e5, 1e6, 25e5, 5e6, 1e7,
];

/** Of all further answers of a request the statistics are one. */
const mostResponses = 1000;

export class VersionStatistics {
  readonly success = none();
  readonly failure = none();
  readonly cancelled = none();
  readonly failures: Record<FailureReason, number> = { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 };
  /** How many requests that succeeded took at most so many microseconds. */
  readonly latency = { upTo, counts: upTo.map(() => 0) };
  /** When the last request ended, in milliseconds since 1970; 0: there was none. */
  lastInference = 0;
  /** Of requests, each as long as its batch. */
  readonly computed = none();
  /** By the rows of batches. */
  readonly batches = new Map<number, Duration>();
  /** Of a decoupled model, by which of a request's answers they were: those that came, and how it ended instead. */
  readonly responses = new Map<number, Responses>();
  /** Of loads before the present one. */
  #before = { rows: 0, executions: 0, queued: none() };

  succeeded(millis: number): void {
    add(this.success, millis);
    const { counts } = this.latency;
    for (let at = counts.length - 1; at >= 0 && millis * 1000 <= upTo[at]!; at--) counts[at]!++;
    this.lastInference = Date.now();
  }

  failed(millis: number, reason: FailureReason): void {
    add(reason === 'CANCELED' ? this.cancelled : this.failure, millis);
    this.failures[reason]++;
    this.lastInference = Date.now();
  }

  responded(index: number, how: keyof Responses, millis: number): void {
    const at = Math.min(index, mostResponses);
    let entry = this.responses.get(at);
    if (entry === undefined) {
      entry = { success: none(), failure: none(), empty: none(), cancelled: none() };
      this.responses.set(at, entry);
    }
    add(entry[how], millis);
  }

  batch({ requests, rows, computeMicros }: BatchEvent): void {
    this.computed.count += requests;
    this.computed.millis += (requests * computeMicros) / 1000;
    let entry = this.batches.get(rows);
    if (entry === undefined) {
      entry = none();
      this.batches.set(rows, entry);
    }
    add(entry, computeMicros / 1000);
  }

  /** All loads together, the present one's statistics given. */
  total(stats: ModelStats | undefined) {
    const { rows, executions, queued } = this.#before;
    // What has no batches: each request is one.
    if (stats === undefined) return { rows: this.success.count, executions: this.success.count, queued };
    const queueMillis = stats.queueMicros.sum / 1000;
    return {
      rows: rows + stats.batches.rows,
      executions: executions + stats.batches.count,
      queued: { count: queued.count + stats.queueMicros.count, millis: queued.millis + queueMillis },
    };
  }

  /** Of a load that has just begun: what it ran so far, it ran to warm up. */
  discount({ batches, queueMicros }: ModelStats): void {
    const { rows, executions, queued } = this.#before;
    this.#before = {
      rows: rows - batches.rows,
      executions: executions - batches.count,
      queued: { count: queued.count - queueMicros.count, millis: queued.millis - queueMicros.sum / 1000 },
    };
  }

  /** Of a load that has ended. */
  keep(stats: ModelStats | undefined): void {
    this.#before = this.total(stats);
  }
}

function add(duration: Duration, millis: number): void {
  duration.count++;
  duration.millis += millis;
}

/** Gives each batch to the statistics of the version whose model ran it. */
export class BatchListener implements Disposable {
  readonly #statistics = new Map<string, { readonly statistics: VersionStatistics; loads: number }>();
  readonly #onBatch = (event: unknown) => {
    const batch = event as BatchEvent;
    this.#statistics.get(batch.batcher)?.statistics.batch(batch);
  };

  constructor() {
    subscribe('tensorlane:batch', this.#onBatch);
  }

  /** How many models it listens to. */
  get size(): number {
    return this.#statistics.size;
  }

  /** `batcher`: the name that the model was loaded with. To be called when it has ended: what is given back. A version that is loaded anew has the same name. */
  add(batcher: string, statistics: VersionStatistics): () => void {
    const known = this.#statistics.get(batcher);
    const own = known?.statistics === statistics ? known : { statistics, loads: 0 };
    own.loads++;
    this.#statistics.set(batcher, own);
    return () => {
      own.loads--;
      if (own.loads === 0 && this.#statistics.get(batcher) === own) this.#statistics.delete(batcher);
    };
  }

  [Symbol.dispose](): void {
    unsubscribe('tensorlane:batch', this.#onBatch);
  }
}

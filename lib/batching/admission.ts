// Who is let in, and who is not kept: what has too many rows, finds the queue full, or could not be answered within the target
// latency.
//
// The rule it keeps: it decides and does no more. Whoever asks settles the requests.

import type { Adaptive } from './adaptive.js';
import type { Bucket } from './bucket.js';
import { Failure } from './executor.js';
import type { BatcherSettings } from './options.js';
import type { Queue } from './queue.js';
import type { QueuedRequest } from './request.js';

/** A batch that runs, as far as admission needs to know it. */
interface Started {
  readonly started: number;
  readonly rows: number;
}

export class Admission<Payload, Result> {
  readonly #settings: BatcherSettings;
  readonly #queue: Queue<Payload, Result>;
  readonly #running: ReadonlySet<Started>;
  readonly #adaptive: Adaptive | undefined;

  constructor(
    settings: BatcherSettings,
    queue: Queue<Payload, Result>,
    running: ReadonlySet<Started>,
    adaptive: Adaptive | undefined,
  ) {
    this.#settings = settings;
    this.#queue = queue;
    this.#running = running;
    this.#adaptive = adaptive;
  }

  /** Why a request that comes now is not let in; undefined where it is. */
  refusal(rows: number, level: number, alone: boolean, now: number): Failure | undefined {
    const { maxBatchSize, splitOversize, policies } = this.#settings;
    if (rows > maxBatchSize && !alone && !splitOversize) return new Failure('oversize', maxBatchSize);
    const { maxQueueSize } = policies[level]!;
    if (maxQueueSize > 0 && this.#queue.queued(level) >= maxQueueSize) return new Failure('queueFull', maxQueueSize);
    if (this.#adaptive === undefined) return undefined;
    const excess = this.#adaptive.excess(rows, this.#queue.rowsUpTo(level), this.#running, now);
    if (excess <= 0) return undefined;
    this.#adaptive.refused();
    return new Failure('overloaded', Math.ceil(excess));
  }

  /** Those of a bucket's next batch that could not be answered in time any more, and by how many microseconds they would be late. */
  hopeless(bucket: Bucket<Payload, Result>, now: number): readonly [QueuedRequest<Payload, Result>, number][] {
    if (this.#adaptive === undefined) return none;
    const limit = this.#adaptive.rows;
    const batchRows = Math.min(bucket.rows, limit);
    const hopeless: [QueuedRequest<Payload, Result>, number][] = [];
    const queue = bucket.inOrder();
    let rows = 0;
    for (let request = queue.next(); request !== undefined && rows < limit; request = queue.next()) {
      const { whole } = request;
      const lateBy = bucket.requests > 1 ? this.#adaptive.lateBy(whole.arrived, batchRows, now) : 0;
      if (lateBy > 0) hopeless.push([whole, Math.ceil(lateBy)]);
      else rows += request.rows;
    }
    return hopeless;
  }
}

const none: readonly never[] = [];

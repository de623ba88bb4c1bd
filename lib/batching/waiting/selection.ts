// Which bucket starts the next batch, and what is in it. It only looks: nothing here changes a queue, a timer or a lane.
//
// The rules it keeps: where a lane is free, of the buckets that may start a batch, the one whose next request came first does. A bucket may when it has
// a full batch or one of a preferred size, when its oldest request has waited for the maximum delay, or at once where that is 0.

import type { BatcherSettings } from '../options.js';
import type { Bucket } from './bucket.js';
import { type Plan, plan } from './forming.js';
import type { Queue } from './queue.js';

/** How much may run, for now. */
export interface Limits {
  /** The most rows of a batch of this key. */
  rowsOf(key: string): number;
  /** The most batches at once. */
  readonly atOnce: number;
}

export class Selection<Payload, Result> {
  readonly #settings: BatcherSettings;
  readonly #limits: Limits;
  readonly #queue: Queue<Payload, Result>;
  readonly #running: { readonly size: number };
  #delayMicros: number;

  constructor(
    settings: BatcherSettings,
    limits: Limits,
    queue: Queue<Payload, Result>,
    running: { readonly size: number },
  ) {
    this.#settings = settings;
    this.#limits = limits;
    this.#queue = queue;
    this.#running = running;
    this.#delayMicros = settings.maxQueueDelayMicros;
  }

  /** From now on nothing waits for more rows: nothing more will come. */
  stopWaiting(): void {
    this.#delayMicros = 0;
  }

  /** The bucket that may start a batch now; or the time until which none may, infinite where something else has to happen first. */
  next(now: number): Bucket<Payload, Result> | number {
    if (this.#running.size >= this.#limits.atOnce) return Number.POSITIVE_INFINITY;
    const queue = this.#queue;
    let next: Bucket<Payload, Result> | undefined;
    let rank = Number.POSITIVE_INFINITY;
    let earliest = Number.POSITIVE_INFINITY;
    for (const bucket of queue.buckets()) {
      const readyAt = this.#readyAt(bucket, now);
      if (readyAt > now) earliest = Math.min(earliest, readyAt);
      else if (queue.keys === 1) return bucket;
      else if (next === undefined || bucket.rank() < rank) {
        next = bucket;
        rank = bucket.rank();
      }
    }
    return next ?? earliest;
  }

  /** The next batch of a bucket, whose requests stay in it; or the time at which there will be one. */
  plan(bucket: Bucket<Payload, Result>, now: number): Plan<Payload, Result> | number {
    const { maxBatchSize, preferredBatchSizes } = this.#settings;
    return plan(bucket, {
      maxBatchSize,
      limit: this.#limits.rowsOf(bucket.key),
      preferredBatchSizes,
      delayMicros: this.#delayMicros,
      others: this.#queue.keys > 1,
      now,
    });
  }

  #readyAt(bucket: Bucket<Payload, Result>, now: number): number {
    if (this.#delayMicros === 0 || bucket.rows >= this.#limits.rowsOf(bucket.key)) return now;
    const readyAt = bucket.oldest() + this.#delayMicros;
    if (readyAt <= now || (this.#settings.preferredBatchSizes === undefined && !bucket.first()!.alone)) return readyAt;
    const next = this.plan(bucket, now);
    return typeof next === 'number' ? next : now;
  }
}

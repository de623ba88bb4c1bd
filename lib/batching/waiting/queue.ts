// All that waits to run: a bucket for each key, and how much is in them; and those that wait for their turn in a sequence, which are
// in no bucket yet.
//
// The rules it keeps: requests of one key never wait for those of another, and never share a batch with them. Whoever waits for its
// turn counts as queued.

import { Bucket } from './bucket.js';
import type { QueuedRequest } from './request.js';

export class Queue<Payload, Result> {
  readonly #buckets = new Map<string, Bucket<Payload, Result>>();
  /** They, to go through as often as is wanted. */
  readonly #all = { [Symbol.iterator]: () => this.#buckets.values() };
  /** The bucket that was emptied last: where little waits, the one that is needed next. */
  #emptied: Bucket<Payload, Result> | undefined;
  readonly #agingMicros: number;
  readonly #onEmpty: () => void;
  /** Requests, for each level; one of several parts counts once, while any of them is queued. */
  readonly #queued: number[];
  #rows = 0;

  constructor(levels: number, agingMicros: number, onEmpty: () => void) {
    this.#onEmpty = onEmpty;
    this.#queued = new Array<number>(levels).fill(0);
    this.#agingMicros = agingMicros;
  }

  /** How many keys there are requests of. */
  get keys(): number {
    return this.#buckets.size;
  }

  buckets(): Iterable<Bucket<Payload, Result>> {
    return this.#buckets.values();
  }

  /** Requests of a level. */
  queued(level: number): number {
    return this.#queued[level]!;
  }

  /** Requests of all levels. */
  get requests(): number {
    return this.#queued.reduce((sum, queued) => sum + queued, 0);
  }

  /** Rows of all requests but those that wait for their turn. */
  get rows(): number {
    return this.#rows;
  }

  /** Rows of the requests of a level and of those above it. */
  rowsUpTo(level: number): number {
    if (level === this.#queued.length - 1) return this.#rows;
    let rows = 0;
    for (const bucket of this.#buckets.values()) rows += bucket.rowsUpTo(level);
    return rows;
  }

  /** The keys that requests of a level and of those above it wait for, and the rows of these. */
  waiting(level: number): Iterable<{ readonly key: string; readonly rows: number }> {
    if (level === this.#queued.length - 1) return this.#all;
    return Array.from(this.#buckets.values(), (bucket) => ({ key: bucket.key, rows: bucket.rowsUpTo(level) }));
  }

  push(request: QueuedRequest<Payload, Result>): Bucket<Payload, Result> {
    let bucket = this.#buckets.get(request.key);
    if (bucket === undefined) {
      bucket = this.#emptied?.key === request.key ? this.#emptied : undefined;
      bucket ??= new Bucket(request.key, this.#queued.length, this.#agingMicros);
      this.#buckets.set(request.key, bucket);
    }
    bucket.push(request);
    this.#rows += request.rows;
    if (request.whole.queuedParts++ === 0) this.#queued[request.level]!++;
    return bucket;
  }

  /** It waits for its turn in a sequence. */
  addWaiting(request: QueuedRequest<Payload, Result>): void {
    this.#queued[request.level]!++;
  }

  /** Its turn has come, or it was given up. */
  removeWaiting(request: QueuedRequest<Payload, Result>): void {
    this.#queued[request.level]!--;
  }

  /** Takes out a request, or a part of one. */
  remove(request: QueuedRequest<Payload, Result>): void {
    const bucket = this.#buckets.get(request.key)!;
    bucket.remove(request);
    this.#rows -= request.rows;
    if (--request.whole.queuedParts === 0) this.#queued[request.level]!--;
    if (bucket.requests > 0) return;
    this.#buckets.delete(request.key);
    this.#emptied = bucket;
    if (this.#buckets.size === 0) this.#onEmpty();
  }

  /** Puts off what of a request is queued, until all others of its key have run. */
  putOff(request: QueuedRequest<Payload, Result>): void {
    request.delayed = true;
    const bucket = this.#buckets.get(request.key);
    for (const part of request.parts ?? [request]) if (part.list !== undefined) bucket!.putOff(part);
  }
}

// How much a queue has to do, and whether it takes more. The rule: a producer that is told ERR_OVERLOADED is told, too, when another
// attempt may succeed, by what waits and how fast it is answered.
//
// What waits is asked for at most every so often, and what this producer adds in between is counted: the bound is kept within that.

import type { Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { TensorlaneError } from 'tensorlane';
import type { JobData } from '../job/format.js';
import { readReports, type WorkerReport } from '../job/workers.js';
import type { RedisClock } from '../redis/clock.js';

export interface QueueStatus {
  readonly waiting: number;
  readonly delayed: number;
  readonly active: number;
  readonly completed: number;
  /** Dead letters. */
  readonly failed: number;
  /** For how long the next one has waited, in milliseconds; 0 where none does. */
  readonly oldestMs: number;
  /** Jobs answered a second, by all workers. */
  readonly perSecond: number;
  readonly workers: readonly WorkerReport[];
}

export interface Bounds {
  /** At most so many wait. */
  readonly maxWaiting: number;
  /** None that waits does so for longer. */
  readonly maxWaitMs: number;
}

const freshMs = 100;
const leastRetryMicros = 10_000;
const mostRetryMicros = 60_000_000;
const unknownRetryMicros = 1_000_000;

export class Load {
  readonly #queue: Queue;
  readonly #redis: Redis;
  readonly #workers: string;
  readonly #clock: RedisClock;
  readonly #bounds: Bounds;
  #known: { readonly status: QueueStatus; readonly at: number } | undefined;
  #asking: Promise<QueueStatus> | undefined;
  #addedSince = 0;

  /** `workers` is the key of what they say of themselves. */
  constructor(queue: Queue, redis: Redis, workers: string, clock: RedisClock, bounds: Bounds) {
    this.#queue = queue;
    this.#redis = redis;
    this.#workers = workers;
    this.#clock = clock;
    this.#bounds = bounds;
  }

  async status(): Promise<QueueStatus> {
    const [counts, [first], [second], workers] = await Promise.all([
      this.#queue.getJobCounts('wait', 'prioritized', 'delayed', 'active', 'completed', 'failed'),
      this.#queue.getJobs(['wait'], 0, 0, true),
      this.#queue.getJobs(['prioritized'], 0, 0, true),
      readReports(this.#redis, this.#workers, this.#clock),
    ]);
    const since = waitsSince(first ?? second);
    const count = (name: string) => counts[name] ?? 0;
    return {
      waiting: count('wait') + count('prioritized'),
      delayed: count('delayed'),
      active: count('active'),
      completed: count('completed'),
      failed: count('failed'),
      oldestMs: since === undefined ? 0 : Math.max(0, (await this.#clock.now()) - since),
      perSecond: workers.reduce((total, { perSecond }) => total + perSecond, 0),
      workers,
    };
  }

  get isBounded(): boolean {
    return this.#bounds.maxWaiting !== Infinity || this.#bounds.maxWaitMs !== Infinity;
  }

  /** A place for one more. Errors: ERR_OVERLOADED, with `retryAfterMicros`. */
  async admit(what: string): Promise<void> {
    const { maxWaiting, maxWaitMs } = this.#bounds;
    const { waiting, oldestMs, perSecond } = await this.#recent();
    const all = waiting + this.#addedSince;
    if (all >= maxWaiting) {
      const message = `${what}: ${all} jobs wait in '${this.#queue.name}', and maxWaiting is ${maxWaiting}`;
      throw overloaded(message, ((all - maxWaiting + 1) / perSecond) * 1e6);
    }
    if (oldestMs > maxWaitMs) {
      const waited = Math.round(oldestMs);
      const message = `${what}: jobs wait for ${waited} ms in '${this.#queue.name}', and maxWaitMs is ${maxWaitMs}`;
      throw overloaded(message, (oldestMs - maxWaitMs) * 1e3);
    }
    this.#addedSince++;
  }

  async #recent(): Promise<QueueStatus> {
    const known = this.#known;
    if (known !== undefined && performance.now() - known.at < freshMs) return known.status;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<QueueStatus> {
    const status = await this.status();
    this.#known = { status, at: performance.now() };
    this.#addedSince = 0;
    return status;
  }
}

/**
 * Since when a job could have been taken: not while it was delayed, or until it is tried again. undefined where nobody knows, as of one that
 * waited for others.
 */
function waitsSince(job: Job | undefined): number | undefined {
  if (job === undefined || (job.data as Partial<JobData> | null)?.from !== undefined) return undefined;
  const { timestamp, processedOn = 0, attemptsMade, opts } = job;
  return Math.max(
    timestamp + (opts.delay ?? 0),
    processedOn + (attemptsMade === 0 ? 0 : backoffMs(opts, attemptsMade)),
  );
}

/** At most. */
function backoffMs({ backoff }: Job['opts'], attemptsMade: number): number {
  if (typeof backoff !== 'object') return backoff ?? 0;
  return (backoff.delay ?? 0) * (backoff.type === 'exponential' ? 2 ** (attemptsMade - 1) : 1);
}

function overloaded(message: string, micros: number): TensorlaneError {
  const known = Number.isFinite(micros) ? micros : unknownRetryMicros;
  const retryAfterMicros = Math.round(Math.min(mostRetryMicros, Math.max(leastRetryMicros, known)));
  return new TensorlaneError('ERR_OVERLOADED', message, { retryAfterMicros });
}

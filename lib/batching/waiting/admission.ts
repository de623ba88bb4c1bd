// Who is let in, and who is not kept: what has too many rows, finds the queue full, or could not be answered within the target
// latency or by its deadline.
//
// The rule it keeps: it decides and does no more. Whoever asks settles the requests.

import type { MissedDeadline, NoPlace, Oversize } from '../errors.js';
import type { Adaptive } from '../learning/adaptive.js';
import type { Foresight } from '../learning/foresight.js';
import type { BatcherSettings } from '../options.js';
import { Failure } from '../running/executor.js';
import type { Bucket } from './bucket.js';
import type { Queue } from './queue.js';
import type { Kind, QueuedRequest, Turn } from './request.js';
import type { Limits } from './selection.js';

/** A batch that runs, as far as admission needs to know it. */
interface Started {
  readonly started: number;
  readonly key: string;
  readonly rows: number;
}

export interface AdmissionParts<Payload, Result> {
  readonly settings: BatcherSettings;
  readonly limits: Limits;
  readonly queue: Queue<Payload, Result>;
  readonly running: ReadonlySet<Started>;
  readonly foresight: Foresight;
  readonly adaptive: Adaptive | undefined;
}

/** So many batches a request may be split into: each is kept in mind, also those of rows that have no elements. */
const partsEver = 2 ** 18;

/** The shortest wait that helps: what Node's timers can wait. */
const leastRetryMicros = 1000;

export class Admission<Payload, Result> {
  readonly #settings: BatcherSettings;
  readonly #limits: Limits;
  readonly #queue: Queue<Payload, Result>;
  readonly #running: ReadonlySet<Started>;
  readonly #foresight: Foresight;
  readonly #adaptive: Adaptive | undefined;

  constructor({ settings, limits, queue, running, foresight, adaptive }: AdmissionParts<Payload, Result>) {
    this.#settings = settings;
    this.#limits = limits;
    this.#queue = queue;
    this.#running = running;
    this.#foresight = foresight;
    this.#adaptive = adaptive;
  }

  /**
   * Why a request that comes now is not let in; undefined where it is. Of one with a turn, which has to wait for others of its
   * sequence first, neither the key nor the rows are known yet.
   */
  refusal(
    { key, rows, alone = false }: Kind,
    level: number,
    turn: Turn<unknown> | undefined,
    now: number,
  ): Failure | undefined {
    const tooLarge = this.oversize(rows, alone);
    if (tooLarge !== undefined) return new Failure('oversize', tooLarge);
    const { maxQueueSize } = this.#settings.policies[level]!;
    if (maxQueueSize > 0 && this.#queue.queued(level) >= maxQueueSize) {
      return noPlace(maxQueueSize, 'queue', this.#untilOneStarts(key, level, now));
    }
    if (turn !== undefined && turn.maxWaiting > 0 && turn.waiting >= turn.maxWaiting) {
      return noPlace(turn.maxWaiting, 'sequence', this.#running.size > 0 ? this.#untilOneEnds(now) : 0);
    }
    if (this.#adaptive === undefined) return undefined;
    const before = turn === undefined ? 0 : 1 + turn.waiting;
    const excess = this.#adaptive.excess({ key, rows }, this.#queue.waiting(level), this.#running, now, before);
    this.#adaptive.asked(excess > 0);
    if (excess <= 0) return undefined;
    return new Failure('overloaded', Math.ceil(excess));
  }

  /** What it has too many rows for; undefined where it has not. */
  oversize(rows: number, alone: boolean): Oversize | undefined {
    const { maxBatchSize, splitOversize, mostParts } = this.#settings;
    if (splitOversize && mostParts !== undefined) return undefined;
    const parts = splitOversize ? partsEver : 1;
    return alone || rows <= maxBatchSize * parts ? undefined : { maxBatchSize, parts };
  }

  /** Those of a bucket's next batch that could not be answered in time any more, and by how many microseconds they would be late. */
  hopeless(bucket: Bucket<Payload, Result>, now: number): readonly [QueuedRequest<Payload, Result>, number][] {
    if (this.#adaptive === undefined) return none;
    const { key } = bucket;
    const limit = this.#adaptive.rowsOf(key);
    const batch = { key, rows: Math.min(bucket.rows, limit) };
    const hopeless: [QueuedRequest<Payload, Result>, number][] = [];
    const queue = bucket.inOrder();
    let rows = 0;
    for (let request = queue.next(); request !== undefined && rows < limit; request = queue.next()) {
      const { whole } = request;
      const lateBy = bucket.requests > 1 ? this.#adaptive.lateBy(whole.arrived, batch, now) : 0;
      if (lateBy > 0) hopeless.push([whole, Math.ceil(lateBy)]);
      else rows += request.rows;
    }
    return hopeless;
  }

  /** Those of a batch that would start now, and run with so many rows, that could not be answered by their deadline; and why. */
  late(
    requests: readonly QueuedRequest<Payload, Result>[],
    rows: number,
    now: number,
  ): readonly Late<Payload, Result>[] {
    const runMicros = this.#foresight.least(requests[0]!.key, rows, now);
    if (runMicros === 0) return none;
    const late: Late<Payload, Result>[] = [];
    for (const { whole } of requests) {
      const { deadline } = whole;
      if (deadline === undefined || now + runMicros <= deadline.at) continue;
      const leftMicros = deadline.at - now;
      const foreseen = { leftMicros: Math.round(leftMicros), runMicros: Math.round(runMicros) };
      const cause: MissedDeadline = { deadlineMicros: deadline.micros, foreseen };
      late.push([whole, new Failure('expired', cause)]);
    }
    return late;
  }

  /** After how long, about, a request of this level leaves the queue: when a lane comes free, and what goes first has run. */
  #untilOneStarts(key: string, level: number, now: number): number {
    const { atOnce } = this.#limits;
    const mostRows = this.#limits.rowsOf(key);
    const free = this.#running.size < atOnce ? 0 : this.#untilOneEnds(now);
    const before = level === 0 ? 0 : Math.floor(this.#queue.rowsUpTo(level - 1) / mostRows);
    return free + (before * this.#foresight.predict(key, mostRows)) / atOnce;
  }

  /** After how long, about, the first of the batches that run ends. */
  #untilOneEnds(now: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { started, key, rows } of this.#running) {
      // One that is late by so much, or of which nothing is known, is taken to need as long again.
      least = Math.min(least, Math.abs(this.#foresight.predict(key, rows) - (now - started)));
    }
    return least;
  }
}

/** A request as a whole, and what it is given up with. */
type Late<Payload, Result> = readonly [request: QueuedRequest<Payload, Result>, failure: Failure];

const none: readonly never[] = [];

function noPlace(maxQueueSize: number, of: NoPlace['of'], micros: number): Failure {
  const cause: NoPlace = { maxQueueSize, of, retryAfterMicros: Math.max(leastRetryMicros, Math.ceil(micros)) };
  return new Failure('queueFull', cause);
}

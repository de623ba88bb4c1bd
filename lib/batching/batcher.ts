// Dynamic batching: requests that fit together and wait at the same time run as one. It knows nothing of models: an
// executor runs the batches.
//
// The rules it keeps:
// 1. Every accepted request is settled exactly once, and one that was given up while queued never runs.
// 2. Requests wait in a bucket for each key (shape), so those of one shape never close another's batch. Of a batch it is
//    decided what is in it at the moment when it starts; until then it grows.
// 3. When a lane comes free, the bucket whose next request came first may start a batch: when it has a full one, when its
//    oldest request has waited for the maximum delay, or at once where that is 0.
// 4. With a lane free and no delay, a batch starts at the end of the turn in which its first request came, so that callers
//    of the same turn share it. That waits for nothing but code which is running anyway.
// 5. When a batch of several requests fails, each is run again alone, so that only the culprits fail.

import { Adaptive } from './adaptive.js';
import type { Bucket } from './bucket.js';
import type { Clock } from './clock.js';
import { Deadlines } from './deadlines.js';
import { channels } from './events.js';
import { Execution } from './execution.js';
import { type Batch, type Executor, Failure, type FailureReason } from './executor.js';
import { type CloseReason, plan } from './forming.js';
import type { Limiter, Share } from './limiter.js';
import type { BatcherSettings, Policy } from './options.js';
import { Ordered } from './ordered.js';
import { Queue } from './queue.js';
import { Request, split } from './request.js';
import { Signals } from './signals.js';
import { type BatcherStats, Counters } from './stats.js';

export interface SubmitOptions {
  key: string;
  rows: number;
  /** Shares its batch with nobody. */
  alone?: boolean;
  signal?: AbortSignal | undefined;
  /** From 1, the highest. */
  priority?: number | undefined;
  timeoutMicros?: number | undefined;
}

export interface BatcherParts {
  readonly clock: Clock;
  /** Names it in events. */
  readonly name?: string | undefined;
  /** The device that it shares with others, and what one of its batches takes of it. */
  readonly limiter?: { readonly of: Limiter; readonly resources: number; readonly weight: number } | undefined;
}

interface Running {
  readonly started: number;
  readonly rows: number;
  /** The most batches that ran at once since it started. */
  atOnce: number;
}

export class Batcher<Payload, Result> {
  readonly settings: BatcherSettings;
  readonly name: string;
  readonly #executor: Executor<Payload, Result>;
  readonly #clock: Clock;
  readonly #adaptive: Adaptive | undefined;
  readonly #share: Share | undefined;
  readonly #signals = new Signals<Request<Payload, Result>>((request, reason) => {
    this.#settle(request, new Failure('cancelled', reason));
    this.#pumpSoon(); // a batch that waited for its size may have lost it, and a timer its reason
  });
  readonly #deadlines: Deadlines<Request<Payload, Result>>;
  readonly #ordered: Ordered<Request<Payload, Result>> | undefined;

  readonly #queue: Queue<Payload, Result>;
  readonly #running = new Set<Running>();
  #pumpPending = false;
  #cancelTimer: (() => void) | undefined;
  #closed = false;
  #onIdle: (() => void)[] = [];
  readonly #counters = new Counters();
  readonly #execution: Execution<Payload, Result>;

  constructor(executor: Executor<Payload, Result>, settings: BatcherSettings, { clock, name, limiter }: BatcherParts) {
    this.#executor = executor;
    this.settings = settings;
    this.name = name ?? '';
    this.#clock = clock;
    this.#queue = new Queue(settings.policies.length, settings.priorityAgingMicros);
    this.#execution = new Execution(executor, settings, this.#counters, clock);
    this.#deadlines = new Deadlines(clock, (request) => {
      this.#onOverdue(request);
      this.#pumpSoon();
    });
    if (settings.preserveOrdering) this.#ordered = new Ordered();
    const { targetLatencyMicros: targetMicros, maxBatchSize, concurrency } = settings;
    if (targetMicros !== undefined) this.#adaptive = new Adaptive({ targetMicros, maxBatchSize, concurrency });
    const start = () => this.#start();
    if (limiter) this.#share = limiter.of.share({ weight: limiter.weight, resources: limiter.resources, start });
  }

  get closed(): boolean {
    return this.#closed;
  }

  get pending(): number {
    return this.#counters.pending;
  }

  /**
   * Queues a request; the payload is taken over before this returns. Not to be called once the batcher is closed, nor with a
   * priority that there is not.
   */
  submit(payload: Payload, options: SubmitOptions): Promise<Result | Failure> {
    const { signal, rows, alone = false } = options;
    if (signal?.aborted) return Promise.resolve(new Failure('cancelled', signal.reason));
    const { maxBatchSize, splitOversize } = this.settings;
    const level = (options.priority ?? this.settings.defaultPriority) - 1;
    const policy = this.settings.policies[level]!;
    const oversize = rows > maxBatchSize && !alone;
    const now = this.#clock.now();
    if (oversize && !splitOversize) return this.#refuse('oversize', maxBatchSize);
    if (policy.maxQueueSize > 0 && this.#queue.queued(level) >= policy.maxQueueSize) {
      return this.#refuse('queueFull', policy.maxQueueSize);
    }
    const excess = this.#adaptive?.excess(rows, this.#queue.rowsUpTo(level), this.#running, now) ?? 0;
    if (excess > 0) return this.#refuse('overloaded', Math.ceil(excess));
    try {
      this.#executor.hold?.(payload);
    } catch (cause) {
      const failure = new Failure('failed', cause);
      this.#counters.accepted++;
      this.#counters.failures.failed++;
      if (channels.request.hasSubscribers) this.#publish({ rows, level, arrived: now }, failure);
      return Promise.resolve(failure);
    }

    this.#counters.accepted++;
    let bucketRows = 0;
    const promise = new Promise<Result | Failure>((resolve) => {
      const request = new Request<Payload, Result>(payload, options.key, rows, 0, alone, level, now, resolve);
      this.#ordered?.came(request);
      for (const part of oversize ? split(request, maxBatchSize) : [request]) bucketRows = this.#queue.push(part).rows;
      this.#watch(request, policy, signal, options.timeoutMicros);
    });
    if (alone || bucketRows >= this.#limit) this.#pump();
    else this.#pumpSoon();
    return promise;
  }

  /**
   * Runs a payload of so many rows by itself, now and beside everything else, and teaches the adaptive scheduler how long
   * that took; statistics do not know of it.
   */
  async warmUp(payload: Payload, rows: number): Promise<void> {
    this.#executor.hold?.(payload);
    try {
      const started = this.#clock.now();
      const padded = this.#execution.padded(rows);
      const batch: Batch<Payload> = { payloads: [payload], rows: [rows], starts: undefined, total: rows, padded };
      const [result] = await this.#executor.run(batch);
      if (result instanceof Failure) throw result.cause;
      const now = this.#clock.now();
      this.#adaptive?.ended({ rows, atOnce: 1, micros: now - started, requests: 1, tooLate: 0, now });
    } finally {
      this.#executor.release?.(payload);
    }
  }

  /** Refuses new requests; resolves when those that were accepted are settled. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#pump(); // nothing more will come, so nothing waits for its delay
    while (this.pending > 0 || this.#running.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle.push(resolve);
      });
    }
    this.#share?.leave();
  }

  stats(): BatcherStats {
    const stats = this.#counters.stats(this.#running.size, this.#queue.requests);
    if (this.#adaptive === undefined) return stats;
    const { budgetMicros, rows, atOnce } = this.#adaptive;
    return { ...stats, adaptive: { targetMicros: this.settings.targetLatencyMicros!, budgetMicros, rows, atOnce } };
  }

  /** The most rows of a batch, for now. */
  get #limit(): number {
    return this.#adaptive?.rows ?? this.settings.maxBatchSize;
  }

  /** The most batches at once, for now. */
  get #lanes(): number {
    return this.#adaptive?.atOnce ?? this.settings.concurrency;
  }

  #refuse(reason: FailureReason, cause: number): Promise<Failure> {
    this.#counters.failures[reason]++;
    return Promise.resolve(new Failure(reason, cause));
  }

  /** The request, or the part of one, is not queued any more. */
  #unqueue(request: Request<Payload, Result>): void {
    this.#queue.remove(request);
    if (this.#queue.keys === 0) this.#disarm();
  }

  /** Gives a queued request up when its signal says so, or its time is over. */
  #watch(
    request: Request<Payload, Result>,
    { defaultTimeoutMicros, allowTimeoutOverride }: Policy,
    signal: AbortSignal | undefined,
    override: number | undefined,
  ): void {
    if (signal !== undefined) {
      request.signal = signal;
      this.#signals.add(request, signal);
    }
    const own = allowTimeoutOverride ? override : undefined;
    if (defaultTimeoutMicros === 0 && own === undefined) return;
    const timeout = Math.min(own ?? Number.POSITIVE_INFINITY, defaultTimeoutMicros || Number.POSITIVE_INFINITY);
    request.timeoutMicros = timeout;
    this.#deadlines.add(request, request.arrived, timeout);
  }

  /**
   * It runs now, or was settled, and its timeout means nothing any more; nor does its signal, unless parts of it are queued
   * that need not run.
   */
  #unwatch(request: Request<Payload, Result>): void {
    if (request.signal !== undefined && (request.settled || request.queuedParts === 0)) {
      this.#signals.remove(request, request.signal);
      request.signal = undefined;
    }
    if (request.timeoutMicros !== Number.POSITIVE_INFINITY) {
      this.#deadlines.remove(request);
      request.timeoutMicros = Number.POSITIVE_INFINITY;
    }
  }

  #onOverdue(request: Request<Payload, Result>): void {
    if (this.settings.policies[request.level]!.timeoutAction === 'reject') {
      this.#settle(request, new Failure('expired', request.timeoutMicros));
      return;
    }
    request.timeoutMicros = Number.POSITIVE_INFINITY;
    this.#queue.putOff(request);
  }

  /** Settles a request as a whole. What of it is still queued will not run. */
  #settle(request: Request<Payload, Result>, outcome: Result | Failure): void {
    if (request.settled) return;
    request.settled = true;
    this.#unwatch(request);
    if (request.queuedParts > 0) {
      for (const part of request.parts ?? [request]) if (part.list !== undefined) this.#unqueue(part);
    }
    if (outcome instanceof Failure) {
      this.#counters.failures[outcome.reason]++;
      if (outcome.reason === 'overloaded') this.#counters.shed++;
    } else {
      this.#counters.completed++;
      this.#counters.totalMicros.record(this.#clock.now() - request.arrived);
    }
    if (channels.request.hasSubscribers) this.#publish(request, outcome);
    this.#release(request);
    if (this.#ordered === undefined) request.resolve(outcome);
    else if (outcome instanceof Failure && outcome.reason !== 'failed') {
      request.resolve(outcome);
      this.#ordered.left(request);
    } else this.#ordered.ended(request, () => request.resolve(outcome));
    if (this.#onIdle.length > 0) this.#wakeIdle();
  }

  #release(request: Request<Payload, Result>): void {
    if (!request.settled || request.running > 0 || request.released) return;
    request.released = true;
    this.#executor.release?.(request.payload);
  }

  #pumpSoon(): void {
    if (this.#pumpPending || this.#running.size >= this.#lanes) return;
    this.#pumpPending = true;
    this.#clock.endOfTurn(this.#pumpAtEndOfTurn);
  }

  readonly #pumpAtEndOfTurn = (): void => {
    this.#pumpPending = false;
    this.#pump();
  };

  /** Starts whatever may start. */
  #pump(): void {
    if (this.#share === undefined) {
      while (this.#start());
    } else if (this.#ready() !== undefined) {
      this.#share.want();
    } else {
      this.#share.leave();
    }
  }

  /** Starts one batch, if one may. */
  #start(): boolean {
    // One moment for all of it: a bucket that is ready at a later one would not be, and so on for ever.
    const now = this.#clock.now();
    this.#deadlines.tell(now);
    for (let bucket = this.#ready(now); bucket !== undefined; bucket = this.#ready(now)) {
      this.#dropHopeless(bucket, now);
      const next = this.#plan(bucket, now);
      if (typeof next === 'number' || next.requests.length === 0) continue; // what it had is gone
      for (const request of next.requests) this.#unqueue(request);
      this.#counters.closed[next.reason]++;
      void this.#run(next.requests, next.reason, now, this.#share?.usual ?? 0);
      if (this.#share !== undefined && this.#ready() !== undefined) this.#share.want();
      return true;
    }
    return false;
  }

  /** Of the buckets that may start a batch now, the one whose next request came first; or a timer for when one may. */
  #ready(now = this.#clock.now()): Bucket<Payload, Result> | undefined {
    if (this.#running.size >= this.#lanes || this.#queue.keys === 0) return undefined;
    let ready: Bucket<Payload, Result> | undefined;
    let rank = Number.POSITIVE_INFINITY;
    let readyAt = Number.POSITIVE_INFINITY;
    for (const bucket of this.#queue.buckets()) {
      const at = this.#readyAt(bucket, now);
      if (at > now) readyAt = Math.min(readyAt, at);
      else if (this.#queue.keys === 1) ready = bucket;
      else if (ready === undefined || bucket.rank() < rank) {
        ready = bucket;
        rank = bucket.rank();
      }
    }
    if (ready === undefined) this.#arm(readyAt, now);
    return ready;
  }

  /** When a bucket may start a batch, if nothing else comes. */
  #readyAt(bucket: Bucket<Payload, Result>, now: number): number {
    const { maxQueueDelayMicros, preferredBatchSizes } = this.settings;
    if (this.#closed || maxQueueDelayMicros === 0 || bucket.rows >= this.#limit) return now;
    const readyAt = bucket.oldest() + maxQueueDelayMicros;
    if (readyAt <= now || (preferredBatchSizes === undefined && !bucket.first()!.alone)) return readyAt;
    const next = this.#plan(bucket, now);
    return typeof next === 'number' ? next : now;
  }

  #plan(bucket: Bucket<Payload, Result>, now: number) {
    const { maxBatchSize, maxQueueDelayMicros, preferredBatchSizes } = this.settings;
    return plan(bucket, {
      maxBatchSize,
      limit: this.#limit,
      preferredBatchSizes,
      delayMicros: this.#closed ? 0 : maxQueueDelayMicros,
      others: this.#queue.keys > 1,
      now,
    });
  }

  /** Gives up what of the next batch could not be answered in time any more. */
  #dropHopeless(bucket: Bucket<Payload, Result>, now: number): void {
    if (this.#adaptive === undefined) return;
    const limit = this.#limit;
    const hopelessRows = Math.min(bucket.rows, limit);
    const hopeless: Request<Payload, Result>[] = [];
    const queue = bucket.inOrder();
    let rows = 0;
    for (let request = queue.next(); request !== undefined && rows < limit; request = queue.next()) {
      const { whole } = request;
      if (bucket.requests > 1 && this.#adaptive.lateBy(whole.arrived, hopelessRows, now) > 0) hopeless.push(whole);
      else rows += request.rows;
    }
    // Only now: with one part of a request all others leave the queue.
    for (const request of hopeless) {
      const lateBy = this.#adaptive.lateBy(request.arrived, hopelessRows, now);
      this.#settle(request, new Failure('overloaded', Math.ceil(lateBy)));
    }
  }

  #arm(readyAt: number, now: number): void {
    this.#disarm();
    if (readyAt === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = this.#clock.after(readyAt - now, () => {
      this.#cancelTimer = undefined;
      this.#pump();
    });
  }

  /** Without a request nothing waits for a delay, and a timer left running would keep the process alive. */
  #disarm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  async #run(
    requests: Request<Payload, Result>[],
    reason: CloseReason,
    started: number,
    charged: number,
  ): Promise<void> {
    const batch = this.#execution.batch(requests);
    const running: Running = { started, rows: batch.padded, atOnce: 0 };
    this.#running.add(running);
    for (const other of this.#running) other.atOnce = Math.max(other.atOnce, this.#running.size);
    let first = started;
    for (const request of requests) {
      const { whole } = request;
      this.#unwatch(whole);
      whole.running++;
      this.#counters.queueMicros.record(started - request.arrived);
      if (request.arrived < first) first = request.arrived;
    }
    this.#counters.formingMicros.record(started - first);

    const { results, retried } = await this.#execution.run(batch, requests);
    const now = this.#clock.now();
    this.#running.delete(running);
    const failed = results.length > 0 && results.every((result) => result instanceof Failure);
    const deviceMicros = batch.tookMicros ?? now - started;
    if (!failed && !retried) this.#learn(running, requests, now);
    // What was run again took longer than the executor said last.
    this.#share?.ended(retried ? now - started : deviceMicros, charged, this.#ready() !== undefined);
    // The next batch goes to the device before the callers of this one are told.
    this.#pump();
    for (let i = 0; i < requests.length; i++) this.#finish(requests[i]!, results[i]!);
    if (channels.batch.hasSubscribers) {
      const { total: rows, padded } = batch;
      channels.batch.publish({
        batcher: this.name,
        reason,
        requests: requests.length,
        rows,
        paddedRows: padded - rows,
        formingMicros: started - first,
        computeMicros: now - started,
        deviceMicros,
        failed,
      });
    }
    if (this.#onIdle.length > 0) this.#wakeIdle();
  }

  #learn({ started, rows, atOnce }: Running, requests: readonly Request<Payload, Result>[], now: number): void {
    if (this.#adaptive === undefined) return;
    const { targetMicros } = this.#adaptive;
    let tooLate = 0;
    for (const { arrived } of requests) if (now - arrived > targetMicros) tooLate++;
    this.#adaptive.ended({
      rows,
      atOnce: Math.min(atOnce, this.settings.concurrency),
      // As its requests see it: with what it waited for the device, and for the JS thread.
      micros: now - started,
      requests: requests.length,
      tooLate,
      now,
    });
  }

  /** A part of a request has run, or all of it. */
  #finish(request: Request<Payload, Result>, result: Result | Failure): void {
    const { whole } = request;
    whole.running--;
    if (result instanceof Failure) {
      // The other reasons are the batcher's own, and it counts by them.
      this.#settle(whole, result.reason === 'failed' ? result : new Failure('failed', result.cause));
    } else if (whole === request) this.#settle(whole, result);
    else {
      request.result = result;
      request.settled = true;
      if (whole.parts!.every(({ settled }) => settled)) this.#settle(whole, this.#joined(whole.parts!));
    }
    this.#release(whole);
  }

  #joined(parts: readonly Request<Payload, Result>[]): Result | Failure {
    try {
      return this.#executor.join!(parts.map(({ result }) => result!));
    } catch (cause) {
      return new Failure('failed', cause);
    }
  }

  #publish(
    { rows, level, arrived }: { rows: number; level: number; arrived: number },
    outcome: Result | Failure,
  ): void {
    channels.request.publish({
      batcher: this.name,
      outcome: outcome instanceof Failure ? outcome.reason : 'completed',
      rows,
      priority: level + 1,
      totalMicros: this.#clock.now() - arrived,
    });
  }

  #wakeIdle(): void {
    const waiting = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of waiting) resolve();
  }
}

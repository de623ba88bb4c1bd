// Dynamic batching: requests that fit together and wait at the same time run as one. It knows nothing of models: an
// executor runs the batches. This joins the parts, each of which has its own state and keeps its own rule:
//
//   admission.ts   who is let in                    running.ts     the batches that run
//   queue.ts       what waits, a bucket for a key   execution.ts   finds the culprits of a batch that fails
//   watch.ts       who is given up                  settlement.ts  how requests end, each once
//   selection.ts   which bucket starts a batch      wake.ts        when it is looked at again
//   foresight.ts   how long a batch will take        learned.ts     how many rows and batches at once are best
//
// The rules of the whole:
// 1. Every accepted request is settled exactly once, and one that was given up while queued never runs.
// 2. Requests wait in a bucket for each key (shape), so those of one shape never close another's batch. Of a batch it is
//    decided what is in it at the moment when it starts; until then it grows.
// 3. With a lane free and no delay, a batch starts at the end of the turn in which its first request came, so that callers
//    of the same turn share it. That waits for nothing but code which is running anyway.

import { TensorlaneError } from '../core/errors.js';
import type { LatencyRecorder } from '../core/latency.js';
import { oversize } from './errors.js';
import { Adaptive } from './learning/adaptive.js';
import { Foresight } from './learning/foresight.js';
import { Learned } from './learning/learned.js';
import type { Tuned } from './learning/tuned.js';
import type { BatcherSettings } from './options.js';
import { DeviceTime } from './running/device-time.js';
import { Execution } from './running/execution.js';
import { type Batch, type Executor, Failure } from './running/executor.js';
import type { Limiter, Share } from './running/limiter.js';
import { Running } from './running/running.js';
import { missed, Settlement } from './running/settlement.js';
import { BatchCounters, statsOf } from './statistics/counters.js';
import type { RequestObserver } from './statistics/observer.js';
import type { BatcherStats } from './statistics/stats.js';
import type { Clock } from './time/clock.js';
import { Wake } from './time/wake.js';
import { Watch, type Watching } from './time/watch.js';
import { Admission } from './waiting/admission.js';
import type { Plan } from './waiting/forming.js';
import { Queue } from './waiting/queue.js';
import { type Kind, QueuedRequest, split, type Turn } from './waiting/request.js';
import { type Limits, Selection } from './waiting/selection.js';

export interface SubmitOptions extends Watching {
  /** From 1, the highest. */
  readonly priority?: number | undefined;
  /** Is told of its batches. */
  readonly observer?: RequestObserver | undefined;
}

const noOptions: SubmitOptions = {};
/** Of a request whose turn has not come. */
const unknown: Kind = { key: '', rows: 1 };

export interface BatcherParts {
  readonly clock: Clock;
  /** Names it in events. */
  readonly name?: string | undefined;
  /** The device that it shares with others, and what one of its batches takes of it. */
  readonly limiter?: { readonly of: Limiter; readonly resources: number; readonly weight: number } | undefined;
  /** Keeps all latencies, in place of a histogram for each kind. */
  readonly latencies?: LatencyRecorder | undefined;
}

export class Batcher<Payload, Result> {
  readonly settings: BatcherSettings;
  readonly name: string;
  readonly #executor: Executor<Payload, Result>;
  readonly #clock: Clock;
  readonly #adaptive: Adaptive | undefined;
  readonly #learned: Learned | undefined;
  readonly #foresight = new Foresight();
  readonly #limits: Limits;
  readonly #share: Share | undefined;
  readonly #batchCounters: BatchCounters;
  readonly #wake: Wake;
  readonly #queue: Queue<Payload, Result>;
  readonly #watch: Watch<Payload, Result>;
  readonly #settlement: Settlement<Payload, Result>;
  readonly #execution: Execution<Payload, Result>;
  readonly #running: Running<Payload, Result>;
  readonly #selection: Selection<Payload, Result>;
  readonly #admission: Admission<Payload, Result>;
  #closed = false;

  constructor(executor: Executor<Payload, Result>, settings: BatcherSettings, parts: BatcherParts) {
    const { clock, name, limiter, latencies } = parts;
    this.#batchCounters = new BatchCounters(latencies);
    this.#executor = executor;
    this.settings = settings;
    this.name = name ?? '';
    this.#clock = clock;
    const { targetLatencyMicros: targetMicros, maxBatchSize, concurrency, preserveOrdering, learns } = settings;
    if (targetMicros !== undefined) {
      const { mostRows = maxBatchSize, leastThreads = 1, mostThreads = 1 } = learns?.bounds ?? {};
      const bounds = { mostRows, mostAtOnce: concurrency, leastThreads, mostThreads };
      this.#adaptive = new Adaptive({ targetMicros, ...bounds, tuned: learns?.tuned });
    } else if (learns !== undefined) {
      this.#learned = new Learned(learns.bounds, learns.tuned);
    }
    this.#limits = this.#adaptive ?? this.#learned ?? { rowsOf: () => maxBatchSize, atOnce: concurrency };

    this.#wake = new Wake(clock, () => this.#startAll());
    this.#queue = new Queue(settings.policies.length, settings.priorityAgingMicros, () =>
      this.#wake.at(Number.POSITIVE_INFINITY),
    );
    this.#watch = new Watch(clock, {
      aborted: (request, reason) => this.#giveUp(request, new Failure('cancelled', reason)),
      overdue: (request) => this.#onOverdue(request),
      late: (request) => this.#giveUp(request, missed(request.deadline!)),
    });
    const shared = { clock, name: this.name, watch: this.#watch };
    this.#settlement = new Settlement({ ...shared, executor, queue: this.#queue, preserveOrdering, latencies });
    this.#execution = new Execution(executor, settings, this.#batchCounters, clock);
    this.#running = new Running({
      ...shared,
      execution: this.#execution,
      settlement: this.#settlement,
      counters: this.#batchCounters,
      adaptive: this.#adaptive,
      learned: this.#learned,
      learnsThreads: learns !== undefined,
      queue: this.#queue,
      foresight: this.#foresight,
      maxBatchSize: settings.maxBatchSize,
      time: limiter?.of.time ?? new DeviceTime(),
      delayMicros: settings.maxQueueDelayMicros,
      onFree: (deviceMicros, charged) => this.#onFree(deviceMicros, charged),
    });
    this.#selection = new Selection(settings, this.#limits, this.#queue, this.#running);
    this.#admission = new Admission({
      settings,
      limits: this.#limits,
      queue: this.#queue,
      running: this.#running.batches,
      foresight: this.#foresight,
      adaptive: this.#adaptive,
    });
    if (limiter) {
      const { of, weight, resources } = limiter;
      this.#share = of.share({ weight, resources, start: () => this.#onTurn() });
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  get pending(): number {
    return this.#settlement.counters.pending;
  }

  /**
   * Queues a request; the payload is taken over before this returns. Not to be called once the batcher is closed, nor with a
   * priority that there is not.
   */
  submit(payload: Payload, kind: Kind, options = noOptions): Promise<Result | Failure> {
    const { key, rows, alone = false } = kind;
    const { signal } = options;
    if (signal?.aborted) return Promise.resolve(new Failure('cancelled', signal.reason));
    const level = (options.priority ?? this.settings.defaultPriority) - 1;
    const arrived = this.#clock.now();
    const refusal = this.#admission.refusal(kind, level, undefined, arrived);
    if (refusal !== undefined) return Promise.resolve(this.#settlement.refuse(refusal));
    try {
      this.#executor.hold?.(payload);
    } catch (cause) {
      return Promise.resolve(this.#settlement.notHeld({ rows, level, arrived }, cause));
    }
    let bucketRows = 0;
    const promise = new Promise<Result | Failure>((resolve) => {
      const request = new QueuedRequest<Payload, Result>(payload, key, rows, 0, alone, level, arrived, resolve);
      request.observer = options.observer;
      this.#settlement.accept(request);
      bucketRows = rows <= this.settings.maxBatchSize || alone ? this.#queue.push(request).rows : this.#push(request);
      this.#watch.add(request, this.settings.policies[level]!, options);
    });
    this.#learned?.asked(this.#queue.rows + this.#running.rows);
    if (alone || bucketRows >= this.#limits.rowsOf(key)) this.#startAll();
    else this.#startSoon();
    return promise;
  }

  /**
   * As `submit`, of a request whose turn comes later. It is accepted, counted and watched from now on, and made when its turn
   * comes.
   */
  submitInTurn(turn: Turn<Payload>, options: SubmitOptions): Promise<Result | Failure> {
    const { signal } = options;
    if (signal?.aborted) return Promise.resolve(new Failure('cancelled', signal.reason));
    const level = (options.priority ?? this.settings.defaultPriority) - 1;
    const arrived = this.#clock.now();
    const refusal = this.#admission.refusal(unknown, level, turn, arrived);
    if (refusal !== undefined) return Promise.resolve(this.#settlement.refuse(refusal));
    try {
      turn.hold();
    } catch (cause) {
      return Promise.resolve(this.#settlement.notHeld({ rows: 1, level, arrived }, cause));
    }
    return new Promise((resolve) => {
      const none = undefined as Payload;
      const request = new QueuedRequest<Payload, Result>(none, '', 1, 0, false, level, arrived, resolve);
      request.observer = options.observer;
      request.turn = turn;
      request.released = true; // nothing is held yet
      this.#settlement.accept(request);
      this.#queue.addWaiting(request);
      this.#watch.add(request, this.settings.policies[level]!, options);
      void turn.before.then(() => this.#onItsTurn(request));
    });
  }

  /**
   * Runs a payload of so many rows by itself, now and beside everything else, and teaches the scheduler how long that took;
   * statistics do not know of it.
   */
  async warmUp(payload: Payload, { key, rows }: { key: string; rows: number }): Promise<void> {
    this.#executor.hold?.(payload);
    try {
      const started = this.#clock.now();
      const padded = this.#execution.padded(rows);
      const batch: Batch<Payload> = { payloads: [payload], rows: [rows], starts: undefined, total: rows, padded };
      const [result] = await this.#executor.run(batch);
      if (result instanceof Failure) throw result.cause;
      const now = this.#clock.now();
      this.#foresight.learn(key, padded, now - started, now);
      this.#adaptive?.ended({ key, rows, atOnce: 1, micros: now - started, requests: 1, tooLate: 0, now });
    } finally {
      this.#executor.release?.(payload);
    }
  }

  /** Refuses new requests; resolves when those that were accepted are settled. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#selection.stopWaiting();
    this.#startAll();
    await this.#settlement.whenNonePends();
    await this.#running.whenNoneRuns();
    this.#share?.leave();
  }

  /** What was learned; undefined where nothing is left open. */
  get tuned(): Tuned | undefined {
    return (this.#learned ?? this.#adaptive)?.tuned;
  }

  stats(): BatcherStats {
    const lanes = { size: this.settings.concurrency, busyMicros: this.#running.busyMicros(this.#clock.now()) };
    const present = { queued: this.#queue.requests, running: this.#running.size, lanes };
    const stats = statsOf(this.#settlement.counters, this.#batchCounters, present);
    const chooser = this.#adaptive ?? this.#learned;
    return chooser === undefined ? stats : { ...stats, adaptive: chooser.stats() };
  }

  #onItsTurn(request: QueuedRequest<Payload, Result>): void {
    const { turn } = request;
    if (turn === undefined) return; // it was given up
    request.turn = undefined;
    this.#queue.removeWaiting(request);
    request.turned = this.#clock.now();
    try {
      const { payload, key, rows, alone = false } = turn.make();
      Object.assign(request, { payload, key, rows, alone });
      const tooLarge = this.#admission.oversize(rows, alone);
      if (tooLarge !== undefined) throw new TensorlaneError('ERR_SHAPE', oversize(tooLarge));
      this.#executor.hold?.(payload);
    } catch (cause) {
      this.#settlement.settle(request, new Failure('failed', cause));
      return;
    }
    request.released = false;
    const bucketRows = this.#push(request);
    this.#learned?.asked(this.#queue.rows + this.#running.rows);
    this.#start(request.alone || bucketRows >= this.#limits.rowsOf(request.key));
  }

  /** Puts it into the queue of its key, in parts where it has more rows than a batch may have; gives how many rows wait there. */
  #push(request: QueuedRequest<Payload, Result>): number {
    const { maxBatchSize, mostParts } = this.settings;
    if (request.rows <= maxBatchSize || request.alone) return this.#queue.push(request).rows;
    let rows = 0;
    for (const part of split(request, maxBatchSize, mostParts)) rows = this.#queue.push(part).rows;
    return rows;
  }

  #start(isFull: boolean): void {
    if (isFull) this.#startAll();
    else this.#startSoon();
  }

  /** At the end of the turn: others may come in it. Where no lane is free, the next that is looks by itself. */
  #startSoon(): void {
    if (this.#running.size < this.#limits.atOnce) this.#wake.soon();
  }

  /** Starts all that may start, or asks for a turn of the device that is shared; and sees to it that the rest is looked at in time. */
  #startAll(): void {
    if (this.#share !== undefined) {
      this.#askForTurn(this.#share);
      return;
    }
    let readyAt = this.#startOne();
    while (readyAt === undefined) readyAt = this.#startOne();
    this.#wake.at(readyAt);
  }

  #askForTurn(share: Share): void {
    const next = this.#selection.next(this.#clock.now());
    if (typeof next === 'number') {
      this.#wake.at(next);
      share.leave();
    } else {
      this.#wake.at(Number.POSITIVE_INFINITY);
      share.want();
    }
  }

  /** It has the device's next turn. Says whether it took it: what it had may have been given up meanwhile. */
  #onTurn(): boolean {
    const started = this.#startOne() === undefined;
    this.#askForTurn(this.#share!);
    return started;
  }

  /** Starts one batch; or gives the time until which none may start, if nothing else comes. */
  #startOne(): number | undefined {
    // One moment for all of it: a bucket that is ready at a later one would not be, and so on for ever.
    const now = this.#clock.now();
    this.#watch.tell(now);
    for (;;) {
      const bucket = this.#selection.next(now);
      if (typeof bucket === 'number') return bucket;
      // Only now: with one part of a request all others leave the queue.
      for (const [request, lateBy] of this.#admission.hopeless(bucket, now)) {
        this.#settlement.settle(request, new Failure('overloaded', lateBy));
      }
      const plan = this.#selection.plan(bucket, now);
      if (typeof plan === 'number' || plan.requests.length === 0) continue; // what it had is gone
      if (this.#watch.hasDeadlines && this.#giveUpLate(plan, now)) continue; // others may take their places
      for (const request of plan.requests) this.#queue.remove(request);
      this.#running.start(plan, now, this.#share?.usual ?? 0);
      return undefined;
    }
  }

  /** Gives up what of a batch could not be answered in time any more. Says whether there was any. */
  #giveUpLate({ requests }: Plan<Payload, Result>, now: number): boolean {
    const late = this.#admission.late(requests, this.#execution.rowsOf(requests), now);
    for (const [request, failure] of late) this.#settlement.settle(request, failure);
    return late.length > 0;
  }

  /** A batch has left its lane. */
  #onFree(deviceMicros: number, charged: number): void {
    // Those who are told now may ask again at once: a batch that is not full yet has them too. Where others want the device, it is not kept.
    const waiting = this.#queue.rows;
    const isShort = this.#learned !== undefined && waiting > 0 && waiting < this.#learned.aim.rows;
    const waits = isShort && this.#share?.hasRivals !== true;
    if (this.#share !== undefined) {
      const more = !waits && typeof this.#selection.next(this.#clock.now()) !== 'number';
      this.#share.ended(deviceMicros, charged, more);
    }
    if (isShort) this.#startSoon();
    else this.#startAll();
  }

  #onOverdue(request: QueuedRequest<Payload, Result>): void {
    if (this.settings.policies[request.level]!.timeoutAction === 'reject') {
      this.#giveUp(request, new Failure('expired', request.timeoutMicros));
      return;
    }
    request.timeoutMicros = undefined;
    this.#queue.putOff(request);
    this.#startSoon();
  }

  #giveUp(request: QueuedRequest<Payload, Result>, failure: Failure): void {
    this.#settlement.settle(request, failure);
    this.#startSoon(); // a batch that waited for its size may have lost it, and a timer its reason
  }
}

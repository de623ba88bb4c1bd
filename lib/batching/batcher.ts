// Dynamic batching: requests that fit together and wait at the same time run as one. It knows nothing of models: an
// executor says how requests are put together, run and taken apart.
//
// The rules it keeps:
// 1. Every accepted request is settled exactly once, and one that was cancelled or expired while queued never runs.
// 2. There is one open batch for each key (shape), so requests of one shape never close another's batch.
// 3. While all slots are busy, open batches grow; when one comes free, the oldest batch that may run takes it. A batch may
//    run when it is full, when its oldest request has waited for the maximum delay, or at once where that is 0.
// 4. With a slot free and no delay, a batch runs at the end of the turn in which its first request came, so that callers
//    of the same turn share it. That waits for nothing but code which is running anyway.
// 5. When a batch of several requests fails, each is run again alone, so that only the culprit fails.

import { LatencyHistogram, type LatencySummary } from '../stats.js';
import type { Clock } from './clock.js';

/** The requests of one batch, being put together. `Payload` is what a request brings, `Result` what it gets. */
export interface Assembly<Payload, Result> {
  /** Takes over a request, which is from now on known by its place: the n-th added is n. */
  add(payload: Payload): void;
  /** Runs the requests at these places, in this order, and gives one result for each. */
  run(places: readonly number[]): Promise<Result[]>;
  /** Nothing of this batch is needed any more; its memory may serve another. */
  release(): void;
}

export interface Executor<Payload, Result> {
  open(): Assembly<Payload, Result>;
}

export interface BatcherOptions {
  /** Rows, not requests. A request with more runs as a batch of its own. */
  maxBatchSize: number;
  /** How long a batch may wait for more requests while a slot is free; 0 never waits on purpose. */
  maxQueueDelayMicros: number;
  /** Batches that run at once. */
  concurrency: number;
}

export interface SubmitOptions {
  key: string;
  rows: number;
  /** Shares its batch with nobody. */
  alone?: boolean;
  signal?: AbortSignal | undefined;
  timeoutMicros?: number | undefined;
}

export type FailureReason = 'cancelled' | 'expired' | 'failed';

/** What a request that did not succeed resolves to. It is no rejection: whoever awaits it makes the error, and its stack. */
export class Failure {
  constructor(
    readonly reason: FailureReason,
    readonly cause: unknown,
  ) {}
}

export type CloseReason = 'full' | 'delay' | 'slotFree' | 'alone';

export interface BatcherStats {
  /** accepted = completed + failed + cancelled + expired + pending */
  readonly requests: {
    readonly accepted: number;
    readonly completed: number;
    readonly failed: number;
    readonly cancelled: number;
    readonly expired: number;
    readonly pending: number;
  };
  readonly batches: {
    readonly count: number;
    readonly rows: number;
    readonly running: number;
    /** How many batches ran with so many rows. */
    readonly sizes: Readonly<Record<number, number>>;
    /** Why batches stopped growing. */
    readonly closed: Readonly<Record<CloseReason, number>>;
  };
  /** From a request's arrival to the start of its batch, in microseconds. */
  readonly queueMicros: LatencySummary;
  /** From the start of a batch to its end, in microseconds. */
  readonly computeMicros: LatencySummary;
  /** From a request's arrival to its settlement, in microseconds. */
  readonly totalMicros: LatencySummary;
}

class Pending<Result> {
  settled = false;
  /** Removes the abort listener and the expiry timer, where the request has one. */
  forget: (() => void) | undefined;

  constructor(
    readonly batch: Batch<unknown, Result>,
    readonly rows: number,
    readonly arrived: number,
    readonly resolve: (outcome: Result | Failure) => void,
  ) {}
}

class Batch<Payload, Result> {
  readonly requests: Pending<Result>[] = [];
  rows = 0;

  constructor(
    readonly key: string,
    /** Batches are numbered as they are opened. */
    readonly order: number,
    readonly opened: number,
    readonly assembly: Assembly<Payload, Result>,
  ) {}
}

export class Batcher<Payload, Result> {
  readonly options: Readonly<BatcherOptions>;
  readonly #executor: Executor<Payload, Result>;
  readonly #clock: Clock;

  /** Still growing, by key; in the order in which they were opened. */
  readonly #open = new Map<string, Batch<Payload, Result>>();
  /** Full, in the order in which they were closed. */
  #full: Batch<Payload, Result>[] = [];
  #running = 0;
  #opened = 0;
  #pumpPending = false;
  #cancelTimer: (() => void) | undefined;
  #closed = false;
  #onIdle: (() => void)[] = [];

  #accepted = 0;
  #completed = 0;
  #failed = 0;
  #cancelled = 0;
  #expired = 0;
  #batches = 0;
  #rows = 0;
  readonly #sizes: Record<number, number> = {};
  readonly #closeReasons: Record<CloseReason, number> = { full: 0, delay: 0, slotFree: 0, alone: 0 };
  readonly #queueMicros = new LatencyHistogram();
  readonly #computeMicros = new LatencyHistogram();
  readonly #totalMicros = new LatencyHistogram();

  constructor(executor: Executor<Payload, Result>, options: BatcherOptions, clock: Clock) {
    this.#executor = executor;
    this.options = options;
    this.#clock = clock;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get pending(): number {
    return this.#accepted - this.#completed - this.#failed - this.#cancelled - this.#expired;
  }

  /** Queues a request; the payload is taken over before this returns. Not to be called once the batcher is closed. */
  submit(payload: Payload, options: SubmitOptions): Promise<Result | Failure> {
    if (options.signal?.aborted) return Promise.resolve(new Failure('cancelled', options.signal.reason));
    const { rows, alone = false } = options;
    const { maxBatchSize } = this.options;
    const now = this.#clock.now();
    let batch = this.#open.get(options.key);
    if (batch !== undefined && (alone || batch.rows + rows > maxBatchSize)) {
      this.#close(batch, 'full');
      batch = undefined;
    }
    if (batch === undefined) {
      batch = new Batch(options.key, this.#opened++, now, this.#executor.open());
      this.#open.set(options.key, batch);
    }
    const target = batch;
    try {
      target.assembly.add(payload);
    } catch (cause) {
      if (target.requests.length === 0) this.#drop(target);
      return Promise.resolve(new Failure('failed', cause));
    }
    this.#accepted++;
    target.rows += rows;
    const promise = new Promise<Result | Failure>((resolve) => {
      const request = new Pending<Result>(target as Batch<unknown, Result>, rows, now, resolve);
      target.requests.push(request);
      if (options.signal !== undefined || options.timeoutMicros !== undefined) this.#watch(request, options);
    });
    if (alone || target.rows >= maxBatchSize) {
      this.#close(target, alone ? 'alone' : 'full');
      this.#pump();
    } else if (!this.#pumpPending && this.#running < this.options.concurrency) {
      this.#pumpPending = true;
      this.#clock.endOfTurn(this.#pumpAtEndOfTurn);
    }
    return promise;
  }

  /** Refuses new requests; resolves when those that were accepted are settled. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#pump(); // nothing more will come, so nothing waits for its delay
    while (this.pending > 0 || this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle.push(resolve);
      });
    }
  }

  stats(): BatcherStats {
    return {
      requests: {
        accepted: this.#accepted,
        completed: this.#completed,
        failed: this.#failed,
        cancelled: this.#cancelled,
        expired: this.#expired,
        pending: this.pending,
      },
      batches: {
        count: this.#batches,
        rows: this.#rows,
        running: this.#running,
        sizes: { ...this.#sizes },
        closed: { ...this.#closeReasons },
      },
      queueMicros: this.#queueMicros.summary(),
      computeMicros: this.#computeMicros.summary(),
      totalMicros: this.#totalMicros.summary(),
    };
  }

  /** Cancels a queued request when its signal says so, or its time is up. */
  #watch(request: Pending<Result>, options: SubmitOptions): void {
    const { signal, timeoutMicros } = options;
    const onAbort = () => this.#settle(request, new Failure('cancelled', signal?.reason));
    signal?.addEventListener('abort', onAbort, { once: true });
    const cancelTimer =
      timeoutMicros === undefined
        ? undefined
        : this.#clock.after(timeoutMicros, () => this.#settle(request, new Failure('expired', undefined)));
    request.forget = () => {
      signal?.removeEventListener('abort', onAbort);
      cancelTimer?.();
    };
  }

  #settle(request: Pending<Result>, outcome: Result | Failure): void {
    if (request.settled) return;
    request.settled = true;
    request.forget?.();
    if (outcome instanceof Failure) {
      if (outcome.reason === 'failed') {
        this.#failed++;
      } else {
        if (outcome.reason === 'cancelled') this.#cancelled++;
        else this.#expired++;
        this.#leave(request);
      }
    } else {
      this.#completed++;
      this.#totalMicros.record(this.#clock.now() - request.arrived);
    }
    request.resolve(outcome);
    if (this.#onIdle.length > 0) this.#wakeIdle();
  }

  /** A queued request is gone: its rows make room, and a batch that nobody waits for goes too. */
  #leave(request: Pending<Result>): void {
    const batch = request.batch as Batch<Payload, Result>;
    batch.rows -= request.rows;
    if (batch.rows === 0) this.#drop(batch);
  }

  #drop(batch: Batch<Payload, Result>): void {
    if (this.#open.get(batch.key) === batch) this.#open.delete(batch.key);
    else this.#full = this.#full.filter((other) => other !== batch);
    batch.assembly.release();
    this.#cancelIdleTimer();
  }

  /** Without an open batch nothing waits for a delay, and a timer left running would keep the process alive. */
  #cancelIdleTimer(): void {
    if (this.#open.size > 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #close(batch: Batch<Payload, Result>, reason: CloseReason): void {
    this.#closeReasons[reason]++;
    this.#open.delete(batch.key);
    if (reason === 'full' || reason === 'alone') this.#full.push(batch);
  }

  readonly #pumpAtEndOfTurn = (): void => {
    this.#pumpPending = false;
    this.#pump();
  };

  /** Starts whatever may start. */
  #pump(): void {
    while (this.#running < this.options.concurrency) {
      const batch = this.#next();
      if (batch === undefined) return;
      void this.#run(batch);
    }
  }

  /** The oldest batch that may run, taken off its list; or a timer for the moment when one may. */
  #next(): Batch<Payload, Result> | undefined {
    const full = this.#full[0];
    const open = this.#open.values().next().value;
    if (full !== undefined && (open === undefined || full.order < open.order)) return this.#full.shift();
    if (open === undefined) return undefined;
    const delay = this.#closed ? 0 : this.options.maxQueueDelayMicros;
    const wait = delay === 0 ? 0 : open.opened + delay - this.#clock.now();
    if (wait <= 0) {
      this.#close(open, delay === 0 ? 'slotFree' : 'delay');
      return open;
    }
    // The oldest open batch is the first whose delay ends, so one timer does for all.
    this.#cancelTimer?.();
    this.#cancelTimer = this.#clock.after(wait, () => {
      this.#cancelTimer = undefined;
      this.#pump();
    });
    return this.#full.shift();
  }

  async #run(batch: Batch<Payload, Result>): Promise<void> {
    this.#running++;
    this.#cancelIdleTimer();
    const started = this.#clock.now();
    const places: number[] = [];
    for (let i = 0; i < batch.requests.length; i++) {
      const request = batch.requests[i]!;
      if (request.settled) continue;
      // From here on it runs, and is no longer cancelled.
      request.forget?.();
      request.forget = undefined;
      this.#queueMicros.record(started - request.arrived);
      places.push(i);
    }
    this.#batches++;
    this.#rows += batch.rows;
    this.#sizes[batch.rows] = (this.#sizes[batch.rows] ?? 0) + 1;

    let results: (Result | Failure)[];
    try {
      results = await batch.assembly.run(places);
      this.#computeMicros.record(this.#clock.now() - started);
    } catch (cause) {
      results = places.length === 1 ? [new Failure('failed', cause)] : await this.#runApart(batch, places);
    }
    this.#running--;
    // The next batch goes to the device before the callers of this one are told.
    this.#pump();
    for (let i = 0; i < places.length; i++) this.#settle(batch.requests[places[i]!]!, results[i]!);
    batch.assembly.release();
    if (this.#onIdle.length > 0) this.#wakeIdle();
  }

  async #runApart(batch: Batch<Payload, Result>, places: readonly number[]): Promise<(Result | Failure)[]> {
    const results: (Result | Failure)[] = [];
    for (const place of places) {
      try {
        results.push((await batch.assembly.run([place]))[0]!);
      } catch (cause) {
        results.push(new Failure('failed', cause));
      }
    }
    return results;
  }

  #wakeIdle(): void {
    const waiting = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of waiting) resolve();
  }
}

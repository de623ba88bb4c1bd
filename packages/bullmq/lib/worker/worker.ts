// The worker's side of queues. The rules: what it takes it answers, or another does when its lock has run out; locks are extended on a
// connection that no tensors go over; and when it closes, what it has taken is answered first.

import { type Job, type RateLimiterOptions, Worker } from 'bullmq';
import { type Device, open, TensorlaneError } from 'tensorlane';
import { checkNames, mostTimerMs, queueName, refuse, shown, wholeNumber } from '../core/checks.js';
import { keysOf } from '../job/format.js';
import { checkSettings, type QueueSettings, type SharedOptions, sharedNames } from '../job/settings.js';
import { Calls } from '../redis/calls.js';
import { RedisClock } from '../redis/clock.js';
import { another, type Connected, connectToWork, requireNoEviction } from '../redis/connection.js';
import { ByteBudget } from './budget.js';
import { Cancellations } from './cancellations.js';
import { completeTogether } from './completions.js';
import { checkHandlers, type Handler, Handlers, type ModelGiven } from './handlers.js';
import type { JsLimits } from './js-model.js';
import { leave } from './leaving.js';
import { Processor, type ProcessorParts } from './processor.js';
import { Replies } from './replies.js';
import { Reporter } from './reporter.js';
import { Slots } from './slots.js';
import { Suspects } from './suspects.js';

export interface TensorWorkerOptions extends SharedOptions {
  /** By default it opens the best there is, and disposes it; one that is given stays its owner's. */
  device?: Device | undefined;
  /** By the names that jobs call them. */
  models?: Readonly<Record<string, ModelGiven>> | undefined;
  /** The most that the JS heap of a model that is JS may take, in MiB; Node's own bound by default. */
  jsHeapMiB?: number | undefined;
  /** For how long a run of a model that is JS may go on after it was cancelled or late, before its thread is ended; 5000 by default. */
  jsGraceMs?: number | undefined;
  /** Functions of your own, by the names that jobs call them. */
  handlers?: Readonly<Record<string, Handler>> | undefined;
  /** How many jobs of a queue it takes at once; by default it finds out: enough for full batches, as long as they are answered soon. */
  concurrency?: number | undefined;
  /** How many bytes of tensors it holds at once; 1 GiB by default. */
  maxBytesInFlight?: number | undefined;
  /** For how long a job is its own without a word from it; 30,000 by default. After that others may take it. */
  lockMs?: number | undefined;
  /** How often jobs are looked for whose worker says nothing more; 30,000 by default. */
  stalledCheckMs?: number | undefined;
  /** How often a job may be left behind so before it is in the dead letters; 3 by default. */
  maxStalls?: number | undefined;
  /** At most so many jobs of a queue in so many milliseconds, by all of its workers that say so. */
  rateLimit?: { readonly max: number; readonly durationMs: number } | undefined;
  /**
   * Told of what is nobody's failure in particular, such as a connection that is lost, or ERR_DEVICE_LOST, with which it closes; nothing by
   * default.
   */
  onError?: ((error: Error) => void) | undefined;
}

const names = {
  ...sharedNames,
  device: true,
  models: true,
  jsHeapMiB: true,
  jsGraceMs: true,
  handlers: true,
  concurrency: true,
  maxBytesInFlight: true,
  lockMs: true,
  stalledCheckMs: true,
  maxStalls: true,
  rateLimit: true,
  onError: true,
} as const;

export interface WorkerStats {
  readonly completed: number;
  /** Attempts that failed, whether they are tried again or not. */
  readonly failed: number;
  /** Jobs that it has taken and not answered yet. */
  readonly running: number;
  /** How many of a queue it would take at once. */
  readonly slots: Readonly<Record<string, number>>;
  /** Where the time of completed jobs went, in microseconds, all together. */
  readonly micros: { readonly load: number; readonly run: number; readonly store: number };
}

/** A lane has one to compute and one to come. */
const slotsALane = 2;
const mostSlots = 512;

export class TensorWorker implements AsyncDisposable {
  readonly queues: readonly string[];
  readonly #options: TensorWorkerOptions;
  readonly #connected: Connected;
  /** Tensors go over it. */
  readonly #bulk: Connected;
  /** What it waits for before it takes jobs. */
  readonly #calls: Calls;
  readonly #settings: QueueSettings;
  readonly #lockMs: number;
  readonly #stalledCheckMs: number;
  readonly #maxStalls: number;
  readonly #concurrency: number | undefined;
  readonly #limiter: RateLimiterOptions | undefined;
  readonly #budget: ByteBudget;
  readonly #jsLimits: JsLimits;
  readonly #started: Promise<void>;
  readonly #workers = new Map<string, Worker>();
  readonly #slots = new Map<string, Slots>();
  readonly #reporters: Reporter[] = [];
  #ownDevice: Device | undefined;
  #handlers: Handlers | undefined;
  #cancellations: Cancellations | undefined;
  #closing: Promise<void> | undefined;
  #completed = 0;
  #failed = 0;
  #running = 0;
  readonly #micros = { load: 0, run: 0, store: 0 };

  /** Starts by itself. Errors: ERR_ARGUMENT. */
  constructor(queues: string | readonly string[], options: TensorWorkerOptions = {}) {
    const list = typeof queues === 'string' ? [queues] : queues;
    if (!Array.isArray(list) || list.length === 0)
      refuse(`TensorWorker: expected names of queues, got ${shown(queues)}`);
    this.queues = [...new Set(list.map((name) => queueName('TensorWorker: queue', name)))];
    checkNames('TensorWorker', options, names);
    checkHandlers(options.models ?? {}, options.handlers ?? {});
    this.#options = options;
    const { concurrency, rateLimit } = options;
    this.#lockMs = wholeNumber('TensorWorker: lockMs', options.lockMs, 30_000, 100, mostTimerMs);
    this.#stalledCheckMs = wholeNumber(
      'TensorWorker: stalledCheckMs',
      options.stalledCheckMs,
      30_000,
      100,
      mostTimerMs,
    );
    this.#maxStalls = wholeNumber('TensorWorker: maxStalls', options.maxStalls, 3, 0);
    this.#concurrency =
      concurrency === undefined ? undefined : wholeNumber('TensorWorker: concurrency', concurrency, 0, 1);
    this.#limiter = rateLimit === undefined ? undefined : checkRateLimit(rateLimit);
    this.#budget = new ByteBudget(wholeNumber('TensorWorker: maxBytesInFlight', options.maxBytesInFlight, 2 ** 30, 1));
    const { jsHeapMiB } = options;
    this.#jsLimits = {
      heapMiB: jsHeapMiB === undefined ? undefined : wholeNumber('TensorWorker: jsHeapMiB', jsHeapMiB, 0, 8),
      graceMs: wholeNumber('TensorWorker: jsGraceMs', options.jsGraceMs, 5000, 0, mostTimerMs),
    };
    const settings = checkSettings(options, 'TensorWorker');
    this.#connected = connectToWork(options.connection, 'TensorWorker');
    this.#calls = new Calls(this.#connected.redis, 'the worker');
    this.#bulk = another(this.#connected.redis);
    this.#settings = settings(this.#bulk.redis);
    // Of later ones BullMQ's workers tell.
    const { redis } = this.#connected;
    const tell = (error: Error) => this.#options.onError?.(error);
    redis.on('error', tell);
    this.#started = this.#start().finally(() => redis.off('error', tell));
    // Whoever asks for it is told.
    this.#started.catch(() => {});
  }

  /**
   * Resolves when it takes jobs.
   *
   * Errors: ERR_NOT_SUPPORTED, where Redis may drop jobs (its maxmemory-policy is not noeviction); those of `open` and `loadModel`.
   */
  ready(): Promise<void> {
    return this.#started;
  }

  stats(): WorkerStats {
    const slots = [...this.#slots].map(([name, { limit }]) => [name, limit] as const);
    return {
      completed: this.#completed,
      failed: this.#failed,
      running: this.#running,
      slots: Object.fromEntries(slots),
      micros: { ...this.#micros },
    };
  }

  /** Takes no more jobs, answers those that it has taken, and ends. May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #start(): Promise<void> {
    const { redis } = this.#connected;
    const { models = {}, handlers = {}, allowEviction } = this.#options;
    if (!allowEviction) await this.#calls.run('ready', () => requireNoEviction(redis));
    const device = this.#options.device ?? (await open());
    if (this.#options.device === undefined) this.#ownDevice = device;
    this.#handlers = await Handlers.load(device, models, handlers, this.#jsLimits);
    this.#cancellations = new Cancellations(redis);
    if (this.#closing !== undefined) return;
    const parts: ProcessorParts = {
      redis: this.#bulk.redis,
      settings: this.#settings,
      handlers: this.#handlers,
      budget: this.#budget,
      suspects: new Suspects(),
      cancellations: this.#cancellations,
      clock: new RedisClock(this.#bulk.redis),
      maxStalls: this.#maxStalls,
      deviceLost: (reason) => this.#leave(reason),
    };
    await Promise.all(this.queues.map((queue) => this.#serve(queue, new Processor(queue, parts), parts.clock, device)));
  }

  async #serve(queue: string, processor: Processor, clock: RedisClock, device: Device): Promise<void> {
    const { prefix, removeOnComplete, removeOnFail } = this.#settings;
    const least = this.#concurrency ?? slotsALane * device.stats().streams.size;
    const slots = new Slots({ least, most: this.#concurrency ?? mostSlots, lockMs: this.#lockMs });
    const counts = { running: 0, completed: 0, failed: 0 };
    // Where it may have two jobs, BullMQ asks for a second before it begins the first: one more answer of Redis to wait for. So a worker
    // that is idle may have one, and as many as its slots as soon as that has begun. It is idle only when the queue has taken its last
    // answer: BullMQ then hears when the next job comes, which it would not where it may not have another.
    let isEmpty = false;
    const rest = () => {
      if (isEmpty && counts.running === 0) worker.concurrency = 1;
    };
    const process = (job: Job, token: string | undefined, signal: AbortSignal | undefined) => {
      worker.concurrency = slots.limit;
      return this.#process(processor, worker, slots, counts, job, token, signal!);
    };
    const worker: Worker = new Worker(queue, (job, token, signal) => process(job, token, signal as AbortSignal), {
      connection: this.#connected.redis,
      prefix,
      ...this.#settings.telemetry,
      autorun: false,
      concurrency: 1,
      lockDuration: this.#lockMs,
      stalledInterval: this.#stalledCheckMs,
      maxStalledCount: this.#maxStalls,
      // A connection that was lost is there again long before BullMQ's 15 seconds.
      runRetryDelay: Math.min(1000, this.#lockMs / 4),
      removeOnComplete,
      removeOnFail,
      ...(this.#limiter === undefined ? {} : { limiter: this.#limiter }),
    });
    const keys = keysOf(prefix, queue);
    const { redis } = this.#connected;
    const replies = new Replies(redis, keys);
    if (this.#limiter === undefined) completeTogether(worker, redis, this.#lockMs, replies);
    this.#workers.set(queue, worker);
    this.#slots.set(queue, slots);
    worker.on('active', () => {
      isEmpty = false;
    });
    worker.on('drained', () => {
      isEmpty = true;
      rest();
    });
    worker.on('error', (error) => this.#options.onError?.(error));
    worker.on('completed', (job, result) => {
      counts.completed++;
      rest();
      replies.completed(job, result);
      this.#whenCompleted(processor, job, result);
    });
    worker.on('failed', (job) => {
      this.#failed++;
      counts.failed++;
      rest();
      if (!job?.finishedOn) return;
      replies.failed(job);
      void processor.failedForGood(job);
    });
    const cancel = (id: string, reason: string) => worker.cancelJob(id, reason);
    await this.#calls.run('ready', async () => {
      await worker.waitUntilReady();
      await this.#cancellations!.listen(keys.cancel, cancel);
    });
    const reporter = new Reporter(redis, keys.workers, clock, device.info, () => ({
      ...counts,
      slots: slots.limit,
    }));
    this.#reporters.push(reporter);
    await this.#calls.run('ready', () => reporter.start());
    worker.run().catch((error) => this.#options.onError?.(error));
  }

  async #process(
    processor: Processor,
    worker: Worker,
    slots: Slots,
    counts: { running: number },
    job: Job,
    token: string | undefined,
    signal: AbortSignal,
  ) {
    const begun = performance.now();
    this.#running++;
    const atOnce = ++counts.running;
    try {
      return await processor.process(job, token, signal);
    } finally {
      this.#running--;
      counts.running--;
      const now = performance.now();
      if (slots.ended(now - begun, atOnce, now)) worker.concurrency = slots.limit;
    }
  }

  #whenCompleted(processor: Processor, job: Job, result: { readonly micros: WorkerStats['micros'] }): void {
    this.#completed++;
    for (const part of ['load', 'run', 'store'] as const) this.#micros[part] += result.micros[part];
    void processor.completed(job);
  }

  /** Of a device that is lost it would fail all jobs that it took, sooner than others answer any. */
  #leave(reason: TensorlaneError): void {
    if (this.#closing !== undefined) return;
    const message = `the worker takes no more jobs: ${reason.message}`;
    this.#options.onError?.(new TensorlaneError('ERR_DEVICE_LOST', message, { cause: reason }));
    void this.close();
  }

  async #close(): Promise<void> {
    await this.#calls.close();
    await this.#started.catch(() => {});
    const { redis } = this.#connected;
    await leave([...this.#workers.values()], { redis, lockMs: this.#lockMs, running: () => this.#running });
    await Promise.all(this.#reporters.map((reporter) => reporter.stop()));
    await this.#handlers?.dispose();
    await this.#ownDevice?.dispose();
    await Promise.all([this.#cancellations?.close(), this.#bulk.close(), this.#connected.close()]);
  }
}

function checkRateLimit({
  max,
  durationMs,
}: {
  readonly max: number;
  readonly durationMs: number;
}): RateLimiterOptions {
  return {
    max: wholeNumber('TensorWorker: rateLimit.max', max, 1, 1),
    duration: wholeNumber('TensorWorker: rateLimit.durationMs', durationMs, 1000, 1, mostTimerMs),
  };
}

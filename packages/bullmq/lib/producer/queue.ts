// The producer's side of a queue. The rules: what `add` has resolved for is in the queue, and is answered once or is in the dead letters
// with its reason; and a job's tensors are in their store before the job is in the queue.

import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FlowProducer, Job, Queue } from 'bullmq';
import { TensorlaneError } from 'tensorlane';
import { checkNames, queueName, text, wholeNumber } from '../core/checks.js';
import { errorOfReason } from '../core/reason.js';
import { checkJobResult, formatVersion, type JobData, keysOf } from '../job/format.js';
import { resultName } from '../job/operations.js';
import { checkSettings, type QueueSettings, type SharedOptions, sharedNames } from '../job/settings.js';
import { inSpan, SpanKind } from '../job/spans.js';
import type { Reference } from '../payload/payloads.js';
import type { Tensors } from '../payload/tensors.js';
import { Calls } from '../redis/calls.js';
import { RedisClock } from '../redis/clock.js';
import { type Connected, connect, requireNoEviction } from '../redis/connection.js';
import { queueErrorOf } from '../redis/failures.js';
import { mostTogether } from '../redis/scripts.js';
import { type AddOptions, type CheckedAddOptions, checkAddOptions, checkJobs, idOfKey } from './add-options.js';
import { Adder } from './adder.js';
import { cancelJob } from './cancelling.js';
import { checkSteps, flowOf, type Prepared, type Step, stepsOf } from './flow.js';
import { type DeadLetter, type HandleOwner, JobHandle, type JobState } from './handle.js';
import { givenOf, LinearAlgebraJobs, type OperationJob } from './linalg.js';
import { Load, type QueueStatus } from './load.js';
import { metricsOf } from './metrics.js';
import { Outcomes } from './outcomes.js';
import { rootOf } from './roots.js';

export interface TensorQueueOptions extends SharedOptions {
  /** Where so many jobs wait, `add` rejects with ERR_OVERLOADED, within what producers add in a tenth of a second; no bound by default. */
  maxWaiting?: number | undefined;
  /** Where the next job has waited for so long, `add` rejects with ERR_OVERLOADED; no bound by default. */
  maxWaitMs?: number | undefined;
}

const names = { ...sharedNames, maxWaiting: true, maxWaitMs: true } as const;

/** One of many. */
export interface JobToAdd {
  readonly name: string;
  readonly feeds: Tensors;
  readonly options?: AddOptions | undefined;
}

export class TensorQueue extends LinearAlgebraJobs implements AsyncDisposable {
  readonly name: string;
  /** BullMQ's own, for all that it does besides: pausing, counts, cleaning, bull-board. */
  readonly queue: Queue;
  readonly #settings: QueueSettings;
  readonly #connected: Connected;
  readonly #keys: ReturnType<typeof keysOf>;
  readonly #outcomes: Outcomes;
  readonly #adder: Adder;
  readonly #clock: RedisClock;
  readonly #load: Load;
  readonly #calls: Calls;
  readonly #owner: HandleOwner;
  #flows: FlowProducer | undefined;
  #checked: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /** Connects by itself. Errors: ERR_ARGUMENT. */
  constructor(name: string, options: TensorQueueOptions = {}) {
    super();
    this.name = queueName('TensorQueue: name', name);
    checkNames('TensorQueue', options, names);
    const bounds = {
      maxWaiting: options.maxWaiting === undefined ? Infinity : wholeNumber('maxWaiting', options.maxWaiting, 0, 1),
      maxWaitMs: options.maxWaitMs === undefined ? Infinity : wholeNumber('maxWaitMs', options.maxWaitMs, 0, 1),
    };
    const settings = checkSettings(options, 'TensorQueue');
    this.#connected = connect(options.connection, 'TensorQueue');
    const { redis } = this.#connected;
    this.#settings = settings(redis);
    const { prefix } = this.#settings;
    this.#keys = keysOf(prefix, name);
    this.queue = new Queue(name, { connection: redis, prefix, ...this.#settings.telemetry });
    // What waits for it hears of it; without this listener Node would end the process.
    this.queue.on('error', () => {});
    this.#calls = new Calls(redis, 'the queue');
    this.#clock = new RedisClock(redis);
    this.#outcomes = new Outcomes(this.queue, redis, this.#clock, this.#keys);
    this.#adder = new Adder(this.queue, redis);
    this.#load = new Load(this.queue, redis, this.#keys.workers, this.#clock, bounds);
    this.#owner = {
      resultOf: (id, signal, added) => {
        const attributes = { 'bullmq.job.id': id };
        const span = { name: `result ${name}`, kind: SpanKind.CLIENT, attributes, parent: added?.trace };
        return inSpan(options.telemetry, span, () =>
          this.#calls.run(`job ${id}`, () => this.#resultOf(id, signal, added?.isOwn === true)),
        );
      },
      stateOf: (id) => this.#calls.run('state', () => this.#stateOf(id)),
      progressOf: (id) => this.#calls.run('progress', async () => (await Job.fromId(this.queue, id))?.progress),
      onProgress: (id, listener) => this.#outcomes.onProgress(id, listener),
      cancel: (id, reason = 'its caller cancelled it') =>
        this.#calls.run('cancel', () => cancelJob(this.queue, redis, this.#settings, id, reason)),
    };
  }

  /**
   * Resolves when it is connected and hears of its jobs' ends; whoever does not call it connects with the first job.
   *
   * Errors: ERR_NOT_SUPPORTED, where Redis may drop jobs (its maxmemory-policy is not noeviction).
   */
  async ready(): Promise<void> {
    await this.#calls.run('ready', async () => {
      await this.queue.waitUntilReady();
      await this.#check();
      await this.#outcomes.listen();
    });
  }

  /**
   * Adds a job: an operation of linear algebra, a model or a handler of its workers, by its name. Resolves when it is in the queue; the
   * tensors may be reused then.
   *
   * Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE (also: too many bytes), ERR_NOT_SUPPORTED, ERR_QUEUE_FULL (Redis has no memory left),
   * ERR_OVERLOADED (`maxWaiting`, `maxWaitMs`; both with `retryAfterMicros`), ERR_DISPOSED.
   */
  async add<R = Tensors>(name: string, feeds: Tensors, options: AddOptions = {}): Promise<JobHandle<R>> {
    return this.#add(name, feeds, options, givenOf(name)) as Promise<JobHandle<R>>;
  }

  /** The same, by the name that device and model have for it. */
  run<R = Tensors>(name: string, feeds: Tensors, options: AddOptions = {}): Promise<JobHandle<R>> {
    return this.add<R>(name, feeds, options);
  }

  /** Many at once, with fewer words to Redis. Rejects with the first failure; those that were added by then are in the queue. */
  async addMany<R = Tensors>(jobs: readonly JobToAdd[]): Promise<JobHandle<R>[]> {
    checkJobs(jobs);
    const parts: Promise<JobHandle<R>[]>[] = [];
    for (let i = 0; i < jobs.length; i += mostTogether) {
      // Workers begin with the first while the last are made, and so does whoever else wants the event loop.
      if (i > 0) await nextTurn();
      const some = jobs.slice(i, i + mostTogether);
      const part = Promise.all(some.map(({ name, feeds, options }) => this.add<R>(name, feeds, options)));
      part.catch(() => {});
      parts.push(part);
    }
    return (await Promise.all(parts)).flat();
  }

  /**
   * Adds jobs that feed on others, all of them or none; the handle is the last one's. Where one before it fails for good, so does it.
   *
   *     const found = { name: 'detect', feeds: { x: picture } };
   *     const handle = await jobs.flow({ name: 'recognize', from: { x: { step: found, output: 'crops' } } });
   *
   * Errors: those of `add`.
   */
  async flow<R = Tensors>(last: Step): Promise<JobHandle<R>> {
    checkSteps(last, this.name);
    return this.#calls.run('flow', () => this.#flow<R>(last));
  }

  async #flow<R>(last: Step): Promise<JobHandle<R>> {
    const prepared = new Map<Step, Prepared>();
    const sealed: Reference[] = [];
    try {
      for (const step of stepsOf(last)) prepared.set(step, await this.#prepare(step, step === last, sealed));
      const { id } = prepared.get(last)!;
      this.#flows ??= new FlowProducer({
        connection: this.#connected.redis,
        prefix: this.#settings.prefix,
        ...this.#settings.telemetry,
      });
      this.#flows.on('error', () => {});
      this.#outcomes.expect(id, last.options?.timeoutMs);
      await this.#flows.add(flowOf(last, prepared, this.#settings.prefix, resultName));
      this.#outcomes.added(id);
      return new JobHandle<R>(this.#owner, id, last.name, givenOf(last.name) as never, { isOwn: true });
    } catch (reason) {
      for (const { id } of prepared.values()) this.#outcomes.forget(id);
      await Promise.all(sealed.map((one) => this.#drop(one)));
      throw queueErrorOf(reason);
    }
  }

  /** A job that was added before, perhaps elsewhere. */
  job<R = Tensors>(id: string, name = ''): JobHandle<R> {
    return new JobHandle<R>(this.#owner, id, name, givenOf(name) as never);
  }

  /** What waits, who works and how fast. */
  status(): Promise<QueueStatus> {
    return this.#calls.run('status', () => this.#load.status());
  }

  /** The same in Prometheus' text format, for whoever serves it; any one process a queue is enough. */
  async metrics(): Promise<string> {
    return metricsOf(this.name, await this.status());
  }

  /** Those that failed for good, the latest first, from one number to another. */
  async deadLetters(from = 0, to = 99): Promise<DeadLetter[]> {
    const first = wholeNumber('deadLetters: from', from, 0, 0);
    const last = wholeNumber('deadLetters: to', to, 99, 0);
    return this.#calls.run('deadLetters', () => this.#deadLetters(first, last));
  }

  async #deadLetters(from: number, to: number): Promise<DeadLetter[]> {
    const jobs = await this.queue.getFailed(from, to);
    const letters = jobs
      // One that was removed meanwhile.
      .filter((job) => job !== undefined)
      .map(async (job) => ({
        id: job.id!,
        name: job.name,
        error: errorOfReason(await rootOf(this.#connected.redis, job.failedReason), job.id!),
        attempts: job.attemptsMade,
        failedAt: job.finishedOn ?? 0,
      }));
    return Promise.all(letters);
  }

  /** Puts a dead letter back into the queue, with all its attempts and without a timeout. Errors: ERR_NOT_FOUND. */
  async retry(id: string): Promise<void> {
    return this.#calls.run('retry', () => this.#retry(id));
  }

  async #retry(id: string): Promise<void> {
    const job = await Job.fromId(this.queue, id);
    if (job === undefined || !(await job.isFailed())) {
      throw new TensorlaneError('ERR_NOT_FOUND', `retry: there is no dead letter '${id}' in '${this.name}'`);
    }
    // Whoever puts it back wants it, late as it is.
    const { deadline, ...data } = job.data as Partial<JobData>;
    if (deadline !== undefined) await job.updateData(data);
    // How often it was left behind: BullMQ would count on.
    await this.#connected.redis.hdel(this.queue.toKey(id), 'stc');
    await this.#connected.redis.del(this.#keys.cancelled(id));
    await job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true });
  }

  /** What was added stays in the queue; who waits for a result here gets ERR_DISPOSED. May be called again. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#outcomes.close();
      await this.#calls.close();
      await this.#flows?.close();
      await this.queue.close();
      await this.#connected.close();
    })();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  override addOperation({ name, feeds, add, given }: OperationJob): Promise<JobHandle<never>> {
    return this.#add(name, feeds, add, given) as Promise<JobHandle<never>>;
  }

  async #add(
    name: string,
    feeds: Tensors,
    options: AddOptions,
    given: (outputs: never) => unknown,
  ): Promise<JobHandle> {
    const what = `add '${text('add: name', name)}'`;
    const checked = checkAddOptions(options, what);
    const bytes = this.#settings.payloads.encode(feeds, what);
    return this.#calls.run(what, () => this.#addChecked(what, name, bytes, checked, given));
  }

  async #addChecked(
    what: string,
    name: string,
    bytes: readonly Uint8Array[],
    checked: CheckedAddOptions,
    given: (outputs: never) => unknown,
  ): Promise<JobHandle> {
    await this.#check();
    if (this.#load.isBounded) await this.#load.admit(what);
    const id = checked.key === undefined ? randomUUID() : idOfKey(checked.key);
    const expireMs = checked.delayMs + this.#settings.expireMs;
    const sealing = this.#settings.payloads.seal(bytes, this.#keys.feeds(id, randomUUID()), expireMs);
    const reference = sealing instanceof Promise ? await sealing : sealing;
    // Of a key's job another may be told.
    const isOwn = checked.key === undefined;
    const data = await this.#dataOf(reference, checked, isOwn);
    const trace = await this.#put(id, name, data, checked);
    return new JobHandle(this.#owner, id, name, given, { isOwn, trace });
  }

  async #prepare(step: Step, isLast: boolean, sealed: Reference[]): Promise<Prepared> {
    const { name, queue = this.name, feeds = {}, options = {} } = step;
    const what = `flow: '${name}'`;
    const checked = checkAddOptions(options, what);
    if (checked.key !== undefined) throw new TensorlaneError('ERR_ARGUMENT', `${what}: a step cannot have a key`);
    const { payloads, prefix, removeOnComplete, removeOnFail } = this.#settings;
    await this.#check();
    if (this.#load.isBounded) await this.#load.admit(what);
    const id = randomUUID();
    const key = keysOf(prefix, queue).feeds(id, randomUUID());
    const reference = await payloads.seal(payloads.encode(feeds, what), key, checked.delayMs + this.#settings.expireMs);
    sealed.push(reference);
    const data = await this.#dataOf(reference, checked, isLast);
    // What waits for a job that has failed for good is told so.
    const failing = isLast ? {} : { failParentOnFailure: true };
    return {
      id,
      queue,
      job: (children, from) => ({
        name,
        queueName: queue,
        data: from === undefined ? data : { ...data, from },
        opts: { ...checked.job, ...failing, removeOnComplete, removeOnFail, jobId: id },
        children: [...children],
      }),
    };
  }

  async #put(
    id: string,
    name: string,
    data: JobData,
    { job, key, timeoutMs }: CheckedAddOptions,
  ): Promise<string | undefined> {
    const { removeOnComplete, removeOnFail } = this.#settings;
    // Of a key's job it may have ended long ago.
    if (key === undefined) this.#outcomes.expect(id, timeoutMs);
    else await this.#removeExpired(id);
    let trace: string | undefined;
    try {
      trace = await this.#adder.add({ name, data, opts: { ...job, removeOnComplete, removeOnFail, jobId: id } });
    } catch (reason) {
      this.#outcomes.forget(id);
      await this.#drop(data.feeds);
      throw reason;
    }
    this.#outcomes.added(id);
    if (key !== undefined) await this.#dropIfAnothers(id, data.feeds);
    return trace;
  }

  /** BullMQ removes what is kept no longer when the next job of the queue ends, and that may be long after. */
  async #removeExpired(id: string): Promise<void> {
    const job = await Job.fromId(this.queue, id);
    if (!job?.finishedOn) return;
    const { resultExpireMs, deadLetterExpireMs } = this.#settings;
    const endsAt = job.finishedOn + (job.failedReason ? deadLetterExpireMs : resultExpireMs);
    // Where another does the same, it is gone already.
    if (endsAt < (await this.#clock.now())) await job.remove().catch(() => {});
  }

  /** Where the key's job had been there already, our tensors are nobody's. */
  async #dropIfAnothers(id: string, own: Reference): Promise<void> {
    if ('inline' in own) return;
    const job = await Job.fromId(this.queue, id);
    const its = (job?.data as Partial<JobData> | undefined)?.feeds;
    if (its !== undefined && ('inline' in its || its.key !== own.key)) await this.#drop(own);
  }

  /** Where that fails, it expires. */
  async #drop(reference: Reference): Promise<void> {
    await this.#settings.payloads.drop(reference).catch(() => {});
  }

  /** `isOwn`: whether its end is told on this producer's channel. */
  async #dataOf(feeds: Reference, { options, timeoutMs }: CheckedAddOptions, isOwn: boolean): Promise<JobData> {
    return {
      tensorlane: formatVersion,
      feeds,
      ...(options === undefined ? {} : { options }),
      ...(timeoutMs === undefined ? {} : { deadline: (await this.#clock.now()) + timeoutMs }),
      ...(isOwn ? { reply: this.#outcomes.reply } : {}),
    };
  }

  /** Once, if it is well. */
  #check(): Promise<void> | undefined {
    if (this.#settings.allowEviction) return undefined;
    if (this.#checked === undefined) {
      this.#checked = requireNoEviction(this.#connected.redis);
      this.#checked.catch(() => {
        this.#checked = undefined;
      });
    }
    return this.#checked;
  }

  async #resultOf(id: string, signal: AbortSignal | undefined, isOwn: boolean): Promise<Tensors> {
    const { value, error } = await this.#outcomes.wait(id, signal, isOwn);
    // The stack of whoever awaits, and an error of their own.
    if (error !== undefined) throw new TensorlaneError(error.code, error.message, { cause: error });
    return this.#settings.payloads.open(checkJobResult(value, `job ${id}`).outputs, `job ${id}`);
  }

  async #stateOf(id: string): Promise<JobState> {
    const state = await this.queue.getJobState(id);
    if (state === 'unknown') return 'gone';
    return state === 'prioritized' ? 'waiting' : (state as JobState);
  }
}

// How callers are told of their jobs' ends: as the producer hears of them, at once, and, since that can be missed (a connection lost, a stream
// cut to its length), by asking after every job that is waited for, each few seconds.

import { Job, type Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { TensorlaneError } from 'tensorlane';
import { onAbort } from '../core/aborts.js';
import { mostTimerMs } from '../core/checks.js';
import { errorOfReason } from '../core/reason.js';
import type { JobData, keysOf } from '../job/format.js';
import type { RedisClock } from '../redis/clock.js';
import { Hearing } from './hearing.js';
import { rootOf } from './roots.js';

export interface Outcome {
  /** What the worker returned. */
  readonly value?: unknown;
  readonly error?: TensorlaneError;
}

type ProgressListener = (progress: unknown) => void;

class Pending {
  /** Whether the queue has it: a job that is not there yet is not one that is gone. */
  added = false;
  /** When its `timeoutMs` is over, by performance.now(); only a worker that has taken it by then gives it up by itself. */
  lateAt: number | undefined;
  /** Whether its end cannot have been missed: it was expected before it was added, or asked after since. */
  sure = false;
  /** Whether it is another's, so that only the queue's events tell of it. */
  isAnothers = false;
  /** Whether nobody wanted to know of it when it was last looked at. */
  forgotten = false;
  readonly waiters = new Set<(outcome: Outcome) => void>();
  readonly listeners = new Set<ProgressListener>();
}

const askEveryMs = 5000;
/** Where the events were not read yet when it ended, it is asked for. */
const followedMs = 200;
/** So much later its worker has said so itself, if it has one. */
const lateMs = 100;

export class Outcomes {
  readonly #queue: Queue;
  readonly #redis: Redis;
  readonly #clock: RedisClock;
  readonly #pending = new Map<string, Pending>();
  readonly #hearing: Hearing;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(queue: Queue, redis: Redis, clock: RedisClock, keys: ReturnType<typeof keysOf>) {
    this.#clock = clock;
    this.#queue = queue;
    this.#redis = redis;
    const parts = { redis, clock, keys, eventsKey: queue.toKey('events') };
    this.#hearing = new Hearing(parts, {
      awaits: (id) => this.#pending.has(id),
      completed: (id, value) => this.#settle(id, { value }),
      failed: (id, reason) => void this.#fail(id, reason),
      removed: (id) => this.#settle(id, { error: removed(id) }),
      progress: (id, value) => {
        for (const listener of this.#pending.get(id)?.listeners ?? []) listener(value);
      },
      wantsEvents: () =>
        [...this.#pending.values()].some(({ isAnothers, listeners }) => isAnothers || listeners.size > 0),
      isFollowed: (id) => (this.#pending.get(id)?.listeners.size ?? 0) > 0,
      followedEnded: (id) => void setTimeout(() => void this.#ask(id).catch(() => {}), followedMs).unref(),
      missed: () => {
        for (const pending of this.#pending.values()) pending.sure = false;
        this.#askAll();
      },
    });
  }

  /** What its own jobs name, so that it hears of them. */
  get reply(): string {
    return this.#hearing.name;
  }

  /** Hears of its own jobs from now on. */
  async listen(): Promise<void> {
    this.#lookAfter();
    await this.#hearing.listen();
  }

  /** Told before a job of its own is added, so that its end is not missed, however soon it comes; `inMs` is its timeout. */
  expect(id: string, inMs: number | undefined): void {
    if (!this.#hearing.isThere) return;
    const pending = this.#of(id);
    pending.sure = true;
    if (inMs !== undefined) pending.lateAt = performance.now() + inMs;
  }

  added(id: string): void {
    const pending = this.#pending.get(id);
    if (pending !== undefined) pending.added = true;
  }

  /** For a job that was not added after all. */
  forget(id: string): void {
    this.#pending.delete(id);
  }

  /**
   * `isOwn`: whether it names what its own jobs do.
   *
   * Errors: ERR_ABORTED, with the signal; ERR_DISPOSED, where the queue is closed meanwhile.
   */
  async wait(id: string, signal: AbortSignal | undefined, isOwn: boolean): Promise<Outcome> {
    if (signal?.aborted) throw aborted(id);
    const pending = this.#of(id);
    let settle: (outcome: Outcome) => void = () => {};
    const outcome = new Promise<Outcome>((resolve) => {
      settle = resolve;
    });
    let timer: NodeJS.Timeout | undefined;
    pending.waiters.add(settle);
    const stop = onAbort(signal, () => settle({ error: aborted(id) }));
    try {
      if (this.#closed) throw closed(id);
      if (isOwn) await this.listen();
      else await this.#listenToAll(pending);
      // It may have ended before anyone listened.
      if (!pending.sure) {
        pending.added = pending.sure = true;
        await this.#ask(id);
      }
      if (pending.lateAt !== undefined) {
        const leftMs = Math.max(0, pending.lateAt - performance.now()) + lateMs;
        if (leftMs <= mostTimerMs) timer = setTimeout(() => void this.#ask(id).catch(() => {}), leftMs);
      }
      return await outcome;
    } finally {
      clearTimeout(timer);
      stop();
      pending.waiters.delete(settle);
    }
  }

  /** Gives what stops it. */
  onProgress(id: string, listener: ProgressListener): () => void {
    const pending = this.#of(id);
    pending.listeners.add(listener);
    this.#lookAfter();
    this.#hearing.listenToAll().catch(() => {});
    return () => pending.listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const [id, pending] of this.#pending) settleAll(pending, { error: closed(id) });
    this.#pending.clear();
    this.#hearing.close();
  }

  async #listenToAll(pending: Pending): Promise<void> {
    this.#lookAfter();
    pending.isAnothers = true;
    await this.#hearing.listenToAll();
  }

  #lookAfter(): void {
    if (!this.#closed) this.#timer ??= setInterval(() => void this.#look().catch(() => {}), askEveryMs).unref();
  }

  #of(id: string): Pending {
    const known = this.#pending.get(id);
    if (known !== undefined) return known;
    const pending = new Pending();
    this.#pending.set(id, pending);
    return pending;
  }

  /** One that no worker has, and that none will run any more. */
  async #askWhetherLate(id: string, data: unknown): Promise<void> {
    const deadline = (data as Partial<JobData> | null)?.deadline;
    if (typeof deadline !== 'number') return;
    const leftMs = deadline - (await this.#clock.now());
    const pending = this.#pending.get(id);
    if (leftMs > 0) {
      if (pending !== undefined) pending.lateAt ??= performance.now() + leftMs;
    } else if ((await this.#queue.getJobState(id)) !== 'active') this.#settle(id, { error: late(id) });
  }

  async #fail(id: string, reason: string | undefined): Promise<void> {
    const root = await rootOf(this.#redis, reason);
    this.#settle(id, { error: errorOfReason(root, id) });
  }

  #settle(id: string, outcome: Outcome): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    settleAll(pending, outcome);
  }

  /** How many jobs it is told of. */
  get size(): number {
    return this.#pending.size;
  }

  async #look(): Promise<void> {
    if (this.#redis.status !== 'ready') return;
    this.#forget();
    if (this.#pending.size > 0) await this.#hearing.look().catch(() => {});
    this.#askAll();
  }

  #askAll(): void {
    for (const [id, { added, waiters }] of this.#pending) {
      if (added && waiters.size > 0) this.#ask(id).catch(() => {});
    }
  }

  #forget(): void {
    for (const [id, pending] of this.#pending) {
      const { waiters, listeners } = pending;
      if (waiters.size + listeners.size > 0) pending.forgotten = false;
      // Its end may have been missed, and who asks for it after all is told by the queue.
      else if (pending.forgotten) this.#pending.delete(id);
      else pending.forgotten = true;
    }
  }

  async #ask(id: string): Promise<void> {
    const job = await Job.fromId(this.#queue, id);
    if (job === undefined) this.#settle(id, { error: gone(id) });
    else if (job.finishedOn === undefined || job.finishedOn === null) await this.#askWhetherLate(id, job.data);
    else if (job.failedReason) await this.#fail(id, job.failedReason);
    else this.#settle(id, { value: job.returnvalue });
  }
}

function settleAll(pending: Pending, outcome: Outcome): void {
  for (const settle of pending.waiters) settle(outcome);
}

const aborted = (id: string) =>
  new TensorlaneError('ERR_ABORTED', `job ${id}: its caller waits no more, by the signal; it goes on`);
const closed = (id: string) =>
  new TensorlaneError('ERR_DISPOSED', `job ${id}: the queue was closed before its result came; the job goes on`);
const late = (id: string) =>
  new TensorlaneError(
    'ERR_TIMEOUT',
    `job ${id}: no worker has answered it within its timeoutMs; it is not run any more`,
  );
const removed = (id: string) => new TensorlaneError('ERR_ABORTED', `job ${id}: it was cancelled or removed`);
const gone = (id: string) =>
  new TensorlaneError(
    'ERR_NOT_FOUND',
    `job ${id}: the queue does not know it: it was removed, its result expired, or Redis lost it`,
  );

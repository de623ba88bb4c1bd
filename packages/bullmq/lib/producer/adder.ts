// Adds jobs to the queue: those that come in one turn of the event loop go to Redis together, unless they are traced.

import type { JobsOptions, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { JobData } from '../job/format.js';
import { queueErrorOf } from '../redis/failures.js';
import { addJobs, mostTogether } from '../redis/scripts.js';

export interface NewJob {
  readonly name: string;
  readonly data: JobData;
  readonly opts: JobsOptions & { readonly jobId: string };
}

interface Waiting {
  readonly job: NewJob;
  resolve(): void;
  reject(reason: unknown): void;
}

export class Adder {
  readonly #queue: Queue;
  readonly #redis: Redis;
  readonly #keys: readonly string[];
  readonly #prefix: string;
  #plain: Waiting[] = [];
  #others: Waiting[] = [];

  constructor(queue: Queue, redis: Redis) {
    this.#queue = queue;
    this.#redis = redis;
    this.#keys = ['wait', 'active', 'meta', 'marker', 'id'].map((name) => queue.toKey(name));
    this.#prefix = queue.toKey('');
  }

  /** Resolves when the queue has it, with the trace that it carries, if any. */
  add(job: NewJob): Promise<string | undefined> {
    // Each in its caller's own trace.
    if (this.#queue.opts.telemetry !== undefined) return this.#addAlone(job);
    return new Promise((resolve, reject) => {
      if (this.#plain.length + this.#others.length === 0) queueMicrotask(() => this.#flush());
      const waiting = { job, resolve: () => resolve(undefined), reject };
      (isPlain(job) ? this.#plain : this.#others).push(waiting);
      if (this.#plain.length === mostTogether) this.#flush();
    });
  }

  async #addAlone({ name, data, opts }: NewJob): Promise<string | undefined> {
    try {
      const job = await this.#queue.add(name, data, opts);
      return job.opts.telemetry?.metadata;
    } catch (reason) {
      throw queueErrorOf(reason);
    }
  }

  #flush(): void {
    const [plain, others] = [this.#plain, this.#others];
    this.#plain = [];
    this.#others = [];
    for (let i = 0; i < plain.length; i += mostTogether) {
      const some = plain.slice(i, i + mostTogether);
      void this.#settle(some, () => this.#addPlain(some.map(({ job }) => job)));
    }
    if (others.length > 0) void this.#settle(others, () => this.#queue.addBulk(others.map(({ job }) => job)));
  }

  #addPlain(jobs: readonly NewJob[]): Promise<unknown> {
    const args: (string | number)[] = [...this.#keys, this.#prefix, Date.now()];
    for (const { name, data, opts } of jobs) {
      const { jobId, ...kept } = opts;
      args.push(jobId, name, JSON.stringify(data), JSON.stringify(kept));
    }
    return addJobs(this.#redis, args);
  }

  async #settle(all: readonly Waiting[], add: () => Promise<unknown>): Promise<void> {
    try {
      await add();
      for (const one of all) one.resolve();
    } catch (reason) {
      const error = queueErrorOf(reason);
      try {
        // What was refused of them, and whether all were, the queue itself says.
        const known = await Promise.all(all.map(({ job }) => this.#queue.getJob(job.opts.jobId)));
        for (const [i, one] of all.entries()) known[i] === undefined ? one.reject(error) : one.resolve();
      } catch {
        for (const one of all) one.reject(error);
      }
    }
  }
}

/** One that may run at once, after those that wait. */
const isPlain = ({ opts: { delay, priority, lifo } }: NewJob) => !delay && !priority && lifo !== true;

// Adds jobs to the queue: those that come in one turn of the event loop go to Redis together, unless they are traced.

import type { JobsOptions, Queue } from 'bullmq';
import type { JobData } from '../job/format.js';
import { queueErrorOf } from '../redis/failures.js';

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
  #waiting: Waiting[] = [];

  constructor(queue: Queue) {
    this.#queue = queue;
  }

  /** Resolves when the queue has it, with the trace that it carries, if any. */
  add(job: NewJob): Promise<string | undefined> {
    // Each in its caller's own trace.
    if (this.#queue.opts.telemetry !== undefined) return this.#addAlone(job);
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) queueMicrotask(() => this.#flush());
      this.#waiting.push({ job, resolve: () => resolve(undefined), reject });
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
    const all = this.#waiting;
    this.#waiting = [];
    this.#addAll(all).catch((reason) => {
      for (const one of all) one.reject(reason);
    });
  }

  async #addAll(all: readonly Waiting[]): Promise<void> {
    try {
      if (all.length === 1) {
        const { name, data, opts } = all[0]!.job;
        await this.#queue.add(name, data, opts);
      } else {
        await this.#queue.addBulk(all.map(({ job }) => job));
      }
      for (const one of all) one.resolve();
    } catch (reason) {
      // Each is an insert of its own: what was refused of them, and whether all were, the queue itself says.
      const error = queueErrorOf(reason);
      if (all.length === 1) return all[0]!.reject(error);
      const known = await Promise.all(all.map(({ job }) => this.#queue.getJob(job.opts.jobId)));
      for (const [i, one] of all.entries()) known[i] === undefined ? one.reject(error) : one.resolve();
    }
  }
}

// Tells producers of their jobs' ends. Of jobs that are completed together the script that completes them does it.

import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import type { keysOf } from '../job/format.js';
import { type Ends, replyOf, tellEnds } from '../job/replies.js';

export class Replies {
  readonly #redis: Redis;
  readonly #keys: ReturnType<typeof keysOf>;
  readonly #told = new WeakSet<Job>();

  constructor(redis: Redis, keys: ReturnType<typeof keysOf>) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** What the names of channels come after. */
  get channels(): string {
    return this.#keys.reply('');
  }

  /** The script did. */
  told(job: Job): void {
    this.#told.add(job);
  }

  completed(job: Job, result: unknown): void {
    if (!this.#told.has(job)) this.#tell(job, { completed: [job.id, result] });
  }

  failed(job: Job): void {
    this.#tell(job, { failed: [job.id!, job.failedReason ?? ''] });
  }

  #tell({ data }: Job, ends: Ends): void {
    const name = replyOf(data);
    if (name !== '') void tellEnds(this.#redis, this.#keys.reply(name), ends);
  }
}

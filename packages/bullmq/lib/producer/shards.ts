// One queue over several Redis: where one is not enough, since it answers so many commands a second and no more, jobs are spread over some,
// each a queue by itself with workers of its own.
//
// The rules: jobs of one key go to one Redis, so that they are still one job; and whoever adds has the same list of them in the same order.

import { createHash } from 'node:crypto';
import { TensorlaneError } from 'tensorlane';
import { refuse, shown } from '../core/checks.js';
import type { Tensors } from '../payload/tensors.js';
import type { Connection } from '../redis/connection.js';
import { type AddOptions, checkJobs } from './add-options.js';
import type { JobHandle } from './handle.js';
import { LinearAlgebraJobs, type OperationJob } from './linalg.js';
import type { QueueStatus } from './load.js';
import { type JobToAdd, TensorQueue, type TensorQueueOptions } from './queue.js';

export interface ShardedQueueOptions extends Omit<TensorQueueOptions, 'connection'> {
  /** Each a Redis of its own. Their order counts: it says where jobs with a key go. */
  connections: readonly Connection[];
}

export class ShardedQueue extends LinearAlgebraJobs implements AsyncDisposable {
  readonly name: string;
  /** The queues, one a Redis, for all that is done to each by itself: flows, dead letters, metrics. */
  readonly shards: readonly TensorQueue[];
  #next = 0;

  /** Errors: ERR_ARGUMENT. */
  constructor(name: string, options: ShardedQueueOptions) {
    super();
    const { connections, ...shared } = options ?? {};
    if (!Array.isArray(connections) || connections.length === 0) {
      refuse(`ShardedQueue: connections must be an array of connections, got ${shown(connections)}`);
    }
    this.name = name;
    const shards: TensorQueue[] = [];
    try {
      for (const connection of connections) shards.push(new TensorQueue(name, { ...shared, connection }));
    } catch (reason) {
      for (const one of shards) void one.close();
      throw reason;
    }
    this.shards = shards;
  }

  /** Errors: those of TensorQueue's. */
  async ready(): Promise<void> {
    await Promise.all(this.shards.map((shard) => shard.ready()));
  }

  /**
   * As TensorQueue's: to the Redis of its key, else to the next in turn, and on to those after it where that one takes no more.
   *
   * Errors: those of TensorQueue's; ERR_OVERLOADED and ERR_QUEUE_FULL where none takes more.
   */
  add<R = Tensors>(name: string, feeds: Tensors, options: AddOptions = {}): Promise<JobHandle<R>> {
    return this.#place(options, (shard) => shard.add<R>(name, feeds, options));
  }

  run<R = Tensors>(name: string, feeds: Tensors, options: AddOptions = {}): Promise<JobHandle<R>> {
    return this.add<R>(name, feeds, options);
  }

  /** As TensorQueue's, a part to each Redis; the handles are in the jobs' order. */
  async addMany<R = Tensors>(jobs: readonly JobToAdd[]): Promise<JobHandle<R>[]> {
    checkJobs(jobs);
    const parts = this.shards.map(() => [] as { readonly job: JobToAdd; readonly at: number }[]);
    for (const [at, job] of jobs.entries()) parts[this.#shardOf(job.options)]!.push({ job, at });
    const handles: JobHandle<R>[] = [];
    const adding = parts.map(async (part, i) => {
      const added = await this.shards[i]!.addMany<R>(part.map(({ job }) => job));
      for (const [k, handle] of added.entries()) handles[part[k]!.at] = handle;
    });
    await Promise.all(adding);
    return handles;
  }

  /** A job that was added before, perhaps elsewhere: whoever has it is asked for. Errors: ERR_NOT_FOUND. */
  async job<R = Tensors>(id: string, name = ''): Promise<JobHandle<R>> {
    const handles = this.shards.map((shard) => shard.job<R>(id, name));
    const states = await Promise.all(handles.map((handle) => handle.state()));
    const found = handles[states.findIndex((state) => state !== 'gone')];
    if (found !== undefined) return found;
    throw new TensorlaneError(
      'ERR_NOT_FOUND',
      `job ${id}: none of the ${handles.length} queues '${this.name}' knows it`,
    );
  }

  /** Of each, in the order of the connections. */
  status(): Promise<QueueStatus[]> {
    return Promise.all(this.shards.map((shard) => shard.status()));
  }

  async close(): Promise<void> {
    await Promise.all(this.shards.map((shard) => shard.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  override addOperation(job: OperationJob): Promise<JobHandle<never>> {
    return this.#place(job.add, (shard) => shard.addOperation(job));
  }

  async #place<R>(options: AddOptions | undefined, add: (shard: TensorQueue) => Promise<R>): Promise<R> {
    const first = this.#shardOf(options);
    const tries = options?.key === undefined ? this.shards.length : 1;
    for (let i = 0; ; i++) {
      try {
        return await add(this.shards[(first + i) % this.shards.length]!);
      } catch (reason) {
        const isFull = ['ERR_OVERLOADED', 'ERR_QUEUE_FULL'].includes((reason as TensorlaneError).code);
        if (!isFull || i + 1 >= tries) throw reason;
      }
    }
  }

  #shardOf(options: AddOptions | undefined): number {
    if (typeof options?.key === 'string') return shardOfKey(options.key, this.shards.length);
    this.#next = (this.#next + 1) % this.shards.length;
    return this.#next;
  }
}

/** By rendezvous hashing: with one more, it alone takes keys over, from each of the others a part. */
export function shardOfKey(key: string, count: number): number {
  const weights = Array.from({ length: count }, (_, i) =>
    createHash('sha256').update(`${i} ${key}`).digest().readUInt32BE(0),
  );
  return weights.indexOf(Math.max(...weights));
}

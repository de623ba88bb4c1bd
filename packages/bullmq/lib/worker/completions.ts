// Completions go to Redis together, and so come the jobs that are taken in their place: jobs of a batch end in one turn of the event loop. What
// is out of the ordinary goes BullMQ's own way, by itself, and so does one every so often, since BullMQ then removes results that are kept no
// longer, up to a thousand of them.

import { type Job, type KeepJobs, type RedisQueueBackend, raw2NextJobData, type Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { replyOf } from '../job/replies.js';
import { completeJobs, mostTogether } from '../redis/scripts.js';
import type { Replies } from './replies.js';

type Complete = RedisQueueBackend['moveToCompleted'];
type Completed = Awaited<ReturnType<Complete>>;

interface Waiting {
  readonly args: Parameters<Complete>;
  readonly value: string;
  resolve(completed: Completed | Promise<Completed>): void;
  reject(reason: unknown): void;
}

/** One goes BullMQ's own way after so long, or so many. */
const aloneEveryMs = 100;
const aloneEveryJobs = 500;

const keys = ['wait', 'active', 'meta', 'events', 'marker', 'completed', 'stalled', 'delayed', 'prioritized'];

/** For a worker without a limiter, which keeps results by their age. */
export function completeTogether(worker: Worker, redis: Redis, lockMs: number, replies: Replies): void {
  const backend = worker.getBackend() as RedisQueueBackend;
  const alone = backend.moveToCompleted.bind(backend) as Complete;
  const places = keys.map((name) => backend.toKey(name));
  const prefix = backend.toKey('');
  let waiting: Waiting[] = [];
  let lastAlone = -Infinity;
  let together = 0;

  const flush = () => {
    const all = waiting;
    waiting = [];
    const finishedOn = Date.now();
    if (finishedOn - lastAlone > aloneEveryMs || together > aloneEveryJobs) {
      const one = all.pop()!;
      one.resolve(alone(...one.args));
      lastAlone = finishedOn;
      together = 0;
      if (all.length === 0) return;
    }
    together += all.length;
    for (let i = 0; i < all.length; i += mostTogether) void complete(all.slice(i, i + mostTogether), finishedOn);
  };

  const complete = async (all: readonly Waiting[], finishedOn: number) => {
    const args: (string | number)[] = [...places, prefix, finishedOn, lockMs, replies.channels];
    for (const {
      args: [job, , , token, fetchNext],
      value,
    } of all) {
      args.push(job.id!, token, value, replyOf(job.data), fetchNext && !worker.closing ? '1' : '0');
    }
    try {
      const results = (await completeJobs(redis, args)) as (number | unknown[])[];
      for (const [i, one] of all.entries()) {
        const result = results[i];
        // What is out of the ordinary, or wrong, BullMQ itself does or says.
        if (result === -1) one.resolve(alone(...one.args));
        else {
          replies.told(one.args[0] as Job);
          one.resolve({ result: raw2NextJobData(result as unknown[]), finishedOn });
        }
      }
    } catch (reason) {
      for (const one of all) one.reject(reason);
    }
  };

  backend.moveToCompleted = ((...args: Parameters<Complete>) =>
    new Promise<Completed>((resolve, reject) => {
      if (!keepsByAge(args[2])) return resolve(alone(...args));
      if (waiting.length === 0) process.nextTick(flush);
      return void waiting.push({ args, value: JSON.stringify(args[1]), resolve, reject });
    })) as Complete;
}

/** Others are kept by their number, or not at all. */
function keepsByAge(keep: boolean | number | KeepJobs | undefined): boolean {
  return keep === undefined || (typeof keep === 'object' && (keep as { count?: number }).count === undefined);
}

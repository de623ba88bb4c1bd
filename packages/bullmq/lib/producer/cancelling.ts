// How a job is given up. The rules: one that nobody has taken is removed, with all that is its own; of one that runs, or waits for others that
// do, a key says so, which its worker reads before it begins, and a channel tells those who have begun. The key goes with the job's end, so
// that a job that is put back, or another of its `key`, is not taken for cancelled.

import { Job, type Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type JobData, keysOf } from '../job/format.js';
import { replyOf, tellEnds } from '../job/replies.js';
import type { QueueSettings } from '../job/settings.js';

/** Whether there was anything to cancel. Errors: those of Redis. */
export async function cancelJob(
  queue: Queue,
  redis: Redis,
  { prefix, payloads, expireMs }: QueueSettings,
  id: string,
  reason: string,
): Promise<boolean> {
  const job = await Job.fromId(queue, id);
  if (job === undefined || job.finishedOn) return false;
  const own = keysOf(prefix, queue.name).cancelled(id);
  const before = await waitedFor(redis, queue.toKey(id));
  const data = await Promise.all(before.map((key) => redis.hget(key, 'data')));
  // A worker that has just taken it, or takes it again after this, reads it there.
  await redis.set(own, reason, 'PX', expireMs);
  try {
    await job.remove();
  } catch {
    // It is locked, or one that it waits for is.
    for (const key of [queue.toKey(id), ...before]) await giveUp(redis, key, reason, expireMs);
    return true;
  }
  await redis.del(own);
  const reply = replyOf(job.data);
  if (reply !== '') await tellEnds(redis, keysOf(prefix, queue.name).reply(reply), { removed: [id] });
  // With it those went that it waited for.
  const all = [
    job.data,
    ...data.map((text) => (text === null ? undefined : JSON.parse(text))),
  ] as (Partial<JobData> | null)[];
  const feeds = all.flatMap((one) => one?.feeds ?? []);
  await Promise.allSettled(feeds.map((one) => payloads.drop(one)));
  return true;
}

/** The keys of the jobs that it waits for, and of those that they do. */
async function waitedFor(redis: Redis, jobKey: string): Promise<string[]> {
  const children = await redis.smembers(`${jobKey}:dependencies`);
  const all = children.map(async (key) => [key, ...(await waitedFor(redis, key))]);
  return (await Promise.all(all)).flat();
}

async function giveUp(redis: Redis, jobKey: string, reason: string, expireMs: number): Promise<void> {
  const { prefix, queue, id } = partsOf(jobKey);
  const keys = keysOf(prefix, queue);
  await redis.set(keys.cancelled(id), reason, 'PX', expireMs);
  await redis.publish(keys.cancel, JSON.stringify({ id, reason }));
}

/** Neither a queue's name nor an id has a ':' in it. */
function partsOf(jobKey: string): { prefix: string; queue: string; id: string } {
  const parts = jobKey.split(':');
  const id = parts.pop()!;
  return { id, queue: parts.pop()!, prefix: parts.join(':') };
}

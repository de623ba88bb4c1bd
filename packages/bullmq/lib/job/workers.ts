// What workers say of themselves, in a hash beside the queue: who works, how fast, and since when nobody has heard of whom.

import type { Redis } from 'ioredis';
import type { RedisClock } from '../redis/clock.js';

export interface WorkerReport {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** Such as 'cpu', and its name. */
  readonly device: string;
  /** Of this package. */
  readonly version: string;
  /** Whether it tells producers of ends by channels of theirs. */
  readonly replies?: boolean;
  /** How many jobs of the queue it takes at once, and how many it has. */
  readonly slots: number;
  readonly running: number;
  readonly completed: number;
  readonly failed: number;
  /** Jobs of the queue that it has answered a second, lately. */
  readonly perSecond: number;
  /** Milliseconds since 1970, by Redis' clock. */
  readonly at: number;
}

export const reportEveryMs = 2000;
/** Who says nothing for so long is gone. */
const goneAfterMs = 15_000;

export async function report(redis: Redis, key: string, own: WorkerReport): Promise<void> {
  await redis.multi().hset(key, own.id, JSON.stringify(own)).pexpire(key, goneAfterMs).exec();
}

export async function takeBack(redis: Redis, key: string, id: string): Promise<void> {
  await redis.hdel(key, id);
}

/** Those that are there, the oldest first. What is left of those that are gone is removed. */
export async function readReports(redis: Redis, key: string, clock: RedisClock): Promise<WorkerReport[]> {
  const [all, now] = await Promise.all([redis.hgetall(key), clock.now()]);
  const reports = Object.values(all).flatMap((one) => {
    try {
      const read = JSON.parse(one) as WorkerReport;
      // What is none is somebody else's.
      return typeof read?.id === 'string' && typeof read.at === 'number' ? [read] : [];
    } catch {
      return [];
    }
  });
  const gone = reports.filter(({ at }) => now - at > goneAfterMs);
  if (gone.length > 0) await redis.hdel(key, ...gone.map(({ id }) => id));
  return reports.filter((one) => !gone.includes(one)).sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Jobs a second, of what was counted from one look to the next: what was lately counts more. */
export class Rate {
  #last: { readonly count: number; readonly atMs: number } | undefined;
  #perSecond = 0;

  look(count: number, atMs: number): number {
    const last = this.#last;
    this.#last = { count, atMs };
    if (last === undefined || atMs <= last.atMs) return this.#perSecond;
    const now = (1000 * (count - last.count)) / (atMs - last.atMs);
    this.#perSecond = this.#perSecond === 0 ? now : 0.5 * this.#perSecond + 0.5 * now;
    return this.#perSecond;
  }
}

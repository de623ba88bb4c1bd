// Payloads in Redis itself, in chunks: a large string holds up everyone else's commands while it is copied, and 512 MB is the most that
// one may have.

import type { Redis } from 'ioredis';
import { queueErrorOf } from '../redis/failures.js';
import type { PayloadStore } from './store.js';

/** Part of the job format: from a payload's size follows how many keys it has. */
const chunkBytes = 2 ** 20;

export class RedisStore implements PayloadStore {
  readonly name = 'redis';
  readonly #redis: Redis;

  /** The connection is the caller's. */
  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** Errors: ERR_QUEUE_FULL, where Redis has no memory left. */
  async put(key: string, bytes: Uint8Array, expireMs: number): Promise<void> {
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const keys = chunkKeys(key, all.length);
    const puts = keys.map((one, i) =>
      this.#redis.set(one, all.subarray(i * chunkBytes, (i + 1) * chunkBytes), 'PX', expireMs),
    );
    const failed = (await Promise.allSettled(puts)).find((one) => one.status === 'rejected');
    if (failed === undefined) return;
    // What was written of it nobody will ask for; where this fails too, it expires.
    await this.delete(key, all.length).catch(() => {});
    throw queueErrorOf(failed.reason);
  }

  async get(key: string, size: number): Promise<Uint8Array | undefined> {
    const chunks = await Promise.all(chunkKeys(key, size).map((one) => this.#redis.getBuffer(one)));
    if (chunks.some((chunk) => chunk === null)) return undefined;
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks as Buffer[]);
  }

  async keep(key: string, size: number, expireMs: number): Promise<void> {
    await Promise.all(chunkKeys(key, size).map((one) => this.#redis.pexpire(one, expireMs)));
  }

  async delete(key: string, size: number): Promise<void> {
    await this.#redis.unlink(...chunkKeys(key, size));
  }
}

function chunkKeys(key: string, size: number): string[] {
  const count = Math.max(1, Math.ceil(size / chunkBytes));
  return Array.from({ length: count }, (_, i) => `${key}:${i}`);
}

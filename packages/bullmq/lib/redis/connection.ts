// Connections to Redis: what users give as one, and what a queue has to know of the server before it trusts it with jobs.

import type { Writable } from 'node:stream';
import { Redis, type RedisOptions } from 'ioredis';
import { TensorlaneError } from 'tensorlane';
import { isPlainObject, refuse, shown } from '../core/checks.js';

/** A URL, ioredis' options, or an ioredis client, which stays its owner's. 127.0.0.1:6379 by default. */
export type Connection = string | RedisOptions | Redis;

export interface Connected {
  readonly redis: Redis;
  /** Ends it, unless it is its owner's. */
  close(): Promise<void>;
}

// BullMQ's commands wait until a connection is there again, however long that takes.
const always: RedisOptions = { maxRetriesPerRequest: null };

/** Errors: ERR_ARGUMENT. */
export function connect(connection: Connection = {}, what: string): Connected {
  const keyPrefix = (connection as RedisOptions).keyPrefix ?? (connection as Redis).options?.keyPrefix;
  if (keyPrefix)
    refuse(`${what}: connection cannot have a keyPrefix, got ${shown(keyPrefix)}; there is the option prefix`);
  if (connection instanceof Redis || isClient(connection)) return { redis: connection as Redis, close: async () => {} };
  const redis =
    typeof connection === 'string'
      ? new Redis(connection, always)
      : isPlainObject(connection)
        ? new Redis({ ...connection, ...always })
        : refuse(`${what}: connection must be a URL, ioredis' options or an ioredis client, got ${shown(connection)}`);
  return owned(redis);
}

/** The same for a worker, which waits for Redis however long that takes: beside a client that does not there is another. Errors: ERR_ARGUMENT. */
export function connectToWork(connection: Connection | undefined, what: string): Connected {
  const connected = connect(connection, what);
  return connected.redis.options?.maxRetriesPerRequest ? another(connected.redis) : connected;
}

/** One more to the same server, of the caller's own. */
export function another(redis: Redis, options: RedisOptions = {}): Connected {
  return owned(redis.duplicate({ ...always, ...options }));
}

/** It connects again by itself; what is lost meanwhile is told to whoever asked for it. */
function owned(redis: Redis): Connected {
  redis.on('error', () => {});
  redis.on('connect', () => writeTogether((redis as unknown as { readonly stream: Writable }).stream));
  return { redis, close: () => end(redis) };
}

/** What is more goes out at once: somebody has to do with it already. */
const mostTogether = 64 * 1024;

/** Commands of one turn of the event loop go out together: one at a time, each is a call of the system. */
function writeTogether(stream: Writable): void {
  const write = stream.write;
  stream.write = ((...args: Parameters<Writable['write']>) => {
    if (stream.writableLength > mostTogether) stream.uncork();
    if (stream.writableCorked === 0) {
      stream.cork();
      process.nextTick(() => stream.uncork());
    }
    return write.apply(stream, args);
  }) as Writable['write'];
}

/** For so long a Redis that stands still is waited for. */
const quitMs = 2000;

/** What was sent is answered before it ends, where there is somebody to answer. */
async function end(redis: Redis): Promise<void> {
  if (redis.status === 'ready') {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, quitMs);
    });
    await Promise.race([redis.quit().catch(() => {}), late]);
    clearTimeout(timer);
  }
  redis.disconnect();
}

/** A client of another copy of ioredis. */
function isClient(connection: unknown): boolean {
  return typeof (connection as { defineCommand?: unknown } | null)?.defineCommand === 'function';
}

/**
 * That Redis drops nothing by itself when its memory is full.
 *
 * Errors: ERR_NOT_SUPPORTED, naming the policy.
 */
export async function requireNoEviction(redis: Redis): Promise<void> {
  const policy = /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1];
  if (policy === undefined || policy === 'noeviction') return;
  throw new TensorlaneError(
    'ERR_NOT_SUPPORTED',
    `Redis drops jobs and tensors when its memory is full: its maxmemory-policy is ${policy}, and must be noeviction`,
  );
}

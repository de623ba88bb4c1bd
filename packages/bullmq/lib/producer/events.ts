// What a queue tells of its jobs: BullMQ's stream of events. QueueEvents reads it too, and makes of each entry an object and two events; most
// entries say what no caller waits for.

import type { Redis } from 'ioredis';
import { another, type Connected } from '../redis/connection.js';
import type { EndListeners } from './replies.js';

export interface EventListeners extends EndListeners {
  /** Whether anything of this job is to be told. */
  awaits(id: string): boolean;
  progress(id: string, value: unknown): void;
}

type Entry = readonly [id: string, fields: readonly string[]];
type Streams = readonly (readonly [key: string, entries: readonly Entry[]])[];

const blockMs = 10_000;
/** After a failure, such as a Redis that is loading what it had written. */
const pauseMs = 500;

export class Events {
  readonly #connected: Connected;
  readonly #key: string;
  readonly #listeners: EventListeners;
  #closed = false;

  private constructor(connected: Connected, key: string, last: string, listeners: EventListeners) {
    this.#connected = connected;
    this.#key = key;
    this.#listeners = listeners;
    void this.#read(last);
  }

  /** Hears all that comes from now on. Errors: those of Redis. */
  static async listen(redis: Redis, key: string, listeners: EventListeners): Promise<Events> {
    // '$' would be asked for anew by each read that had no answer, and miss what comes in between.
    const last = await redis.xrevrange(key, '+', '-', 'COUNT', 1);
    return new Events(another(redis), key, last[0]?.[0] ?? '0-0', listeners);
  }

  close(): void {
    this.#closed = true;
    // It waits for the next, or for Redis to be there again.
    this.#connected.redis.disconnect();
  }

  async #read(last: string): Promise<void> {
    let from = last;
    while (!this.#closed) {
      try {
        const { redis } = this.#connected;
        const streams = (await redis.xread('BLOCK', blockMs, 'STREAMS', this.#key, from)) as Streams | null;
        for (const [id, fields] of streams?.[0]?.[1] ?? []) {
          from = id;
          this.#tell(fields);
        }
      } catch {
        // It connects again by itself; what is missed meanwhile is asked for.
        if (!this.#closed) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }

  #tell(fields: readonly string[]): void {
    const event = fieldOf(fields, 'event');
    if (event === 'waiting' || event === 'active') return;
    const id = fieldOf(fields, 'jobId');
    if (id === undefined || !this.#listeners.awaits(id)) return;
    if (event === 'completed') this.#listeners.completed(id, parsed(fieldOf(fields, 'returnvalue')));
    else if (event === 'failed') this.#listeners.failed(id, fieldOf(fields, 'failedReason'));
    else if (event === 'removed') this.#listeners.removed(id);
    else if (event === 'progress') this.#listeners.progress(id, parsed(fieldOf(fields, 'data')));
  }
}

function fieldOf(fields: readonly string[], name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
  return undefined;
}

/** What is no JSON is somebody else's. */
function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

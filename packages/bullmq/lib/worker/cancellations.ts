// Jobs that are to be given up while they run: told on a channel, and kept under a key for a worker that was not listening when another
// had the job, or has it later. What was told is a reason to look at the key, which counts.

import type { Redis } from 'ioredis';
import { another, type Connected } from '../redis/connection.js';

/** So long after it was told, a job may still be on its way here from the queue. */
const rememberedMs = 30_000;

export class Cancellations {
  readonly #connected: Connected;
  /** Since when. */
  readonly #lately = new Map<string, number>();
  readonly #byChannel = new Map<string, (id: string, reason: string) => void>();

  constructor(redis: Redis) {
    this.#connected = another(redis);
    this.#connected.redis.on('message', (channel, message) => {
      const told = parse(message);
      if (told === undefined) return;
      const now = performance.now();
      for (const [id, at] of this.#lately) if (now - at > rememberedMs) this.#lately.delete(id);
      this.#lately.set(told.id, now);
      this.#byChannel.get(channel)?.(told.id, told.reason);
    });
  }

  /** Whether anybody said lately that a job is to be given up. */
  wasTold(id: string): boolean {
    return this.#lately.has(id);
  }

  async listen(channel: string, cancel: (id: string, reason: string) => void): Promise<void> {
    this.#byChannel.set(channel, cancel);
    await this.#connected.redis.subscribe(channel);
  }

  close(): Promise<void> {
    return this.#connected.close();
  }
}

function parse(message: string): { id: string; reason: string } | undefined {
  try {
    const { id, reason } = JSON.parse(message) as { id: unknown; reason: unknown };
    return typeof id === 'string' ? { id, reason: String(reason) } : undefined;
  } catch {
    return undefined;
  }
}

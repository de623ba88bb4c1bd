// Jobs that are to be given up while they run: told on a channel, and kept under a key for a worker that was not listening.

import type { Redis } from 'ioredis';
import { another, type Connected } from '../redis/connection.js';

export class Cancellations {
  readonly #connected: Connected;
  readonly #byChannel = new Map<string, (id: string, reason: string) => void>();

  constructor(redis: Redis) {
    this.#connected = another(redis);
    this.#connected.redis.on('message', (channel, message) => {
      const told = parse(message);
      if (told !== undefined) this.#byChannel.get(channel)?.(told.id, told.reason);
    });
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

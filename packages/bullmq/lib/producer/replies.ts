// What workers tell this producer alone. docs/jobs.md has it for callers in other languages.

import type { Redis } from 'ioredis';
import { endsIn } from '../job/replies.js';
import { another, type Connected } from '../redis/connection.js';

export interface EndListeners {
  completed(id: string, value: unknown): void;
  failed(id: string, reason: string | undefined): void;
  removed(id: string): void;
}

export class Replies {
  readonly #connected: Connected;
  readonly #channel: string;
  #listens = false;
  /** A ping that was not answered yet. */
  #asked: Promise<unknown> | undefined;

  /** `missed`: it listens again, and what was told meanwhile is lost. */
  constructor(from: Redis, channel: string, listeners: EndListeners, missed: () => void) {
    this.#channel = channel;
    // By itself it would not say when it listens again.
    this.#connected = another(from, { autoResubscribe: false });
    const { redis } = this.#connected;
    redis.on('message', (_, message) => tell(message, listeners));
    redis.on('ready', () => {
      if (this.#listens) redis.subscribe(channel).then(missed, () => {});
    });
  }

  /** Hears all that comes from now on. Errors: those of Redis. */
  async listen(): Promise<void> {
    await this.#connected.redis.subscribe(this.#channel);
    this.#listens = true;
  }

  /** To be called now and then: who only listens does not notice by itself that a connection leads nowhere any more. */
  look(): void {
    const { redis } = this.#connected;
    if (redis.status !== 'ready') return;
    if (this.#asked !== undefined) {
      redis.disconnect(true);
      return;
    }
    const asked = redis.ping();
    const answered = () => {
      if (this.#asked === asked) this.#asked = undefined;
    };
    this.#asked = asked;
    asked.then(answered, answered);
  }

  close(): void {
    this.#connected.redis.disconnect();
  }
}

function tell(message: string, { completed, failed, removed }: EndListeners): void {
  const ends = endsIn(message);
  for (const [id, value] of pairs(ends.completed)) completed(String(id), value);
  for (const [id, reason] of pairs(ends.failed)) failed(String(id), String(reason));
  for (const id of ends.removed ?? []) removed(id);
}

function* pairs<T>(list: readonly T[] = []): Generator<readonly [T, T]> {
  for (let i = 0; i + 1 < list.length; i += 2) yield [list[i]!, list[i + 1]!];
}

// How a producer hears of its jobs' ends: on a channel of its own, which the jobs that it adds name. The queue's events, which tell of everybody's
// jobs, are read only as long as something is not told there: a job that somebody else added, progress, or what workers answer that are of
// before that channel.

import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { keysOf } from '../job/format.js';
import { readReports } from '../job/workers.js';
import type { RedisClock } from '../redis/clock.js';
import { type EventListeners, Events } from './events.js';
import { Replies } from './replies.js';

export interface HearingParts {
  readonly redis: Redis;
  readonly clock: RedisClock;
  /** Of the queue's events. */
  readonly eventsKey: string;
  readonly keys: ReturnType<typeof keysOf>;
}

export interface Listeners extends EventListeners {
  /** Whether anything is to be told that its channel does not tell. */
  wantsEvents(): boolean;
  /** Whether progress of this job is to be told: the queue's events have it in order, and its end after it. */
  isFollowed(id: string): boolean;
  /** One of those has ended, of which the events are to tell. */
  followedEnded(id: string): void;
  /** Ends may have been missed. */
  missed(): void;
}

export class Hearing {
  /** The name of its channel. */
  readonly name = randomUUID();
  readonly #parts: HearingParts;
  readonly #listeners: Listeners;
  #replies: Replies | undefined;
  #listening: Promise<void> | undefined;
  #isThere = false;
  #mayListen = true;
  #events: Promise<Events> | undefined;
  #closed = false;

  constructor(parts: HearingParts, listeners: Listeners) {
    this.#parts = parts;
    this.#listeners = listeners;
  }

  /** Whether the ends of jobs are heard that are added from now on. */
  get isThere(): boolean {
    return this.#isThere;
  }

  /** Hears of the ends of jobs that name its channel from now on. Errors: those of Redis. */
  listen(): Promise<void> {
    if (this.#listening === undefined) {
      this.#listening = this.#listen();
      this.#listening.then(
        () => {
          this.#isThere = true;
        },
        () => {
          // The next tries again.
          this.#listening = undefined;
        },
      );
    }
    return this.#listening;
  }

  /** Hears of all jobs from now on. Errors: those of Redis. */
  async listenToAll(): Promise<void> {
    if (this.#closed) return;
    if (this.#events === undefined) {
      const { redis, eventsKey } = this.#parts;
      const events = Events.listen(redis, eventsKey, this.#listeners);
      this.#events = events;
      events.catch(() => {
        if (this.#events === events) this.#events = undefined;
      });
    }
    await this.#events;
  }

  /** To be called now and then: who works may have changed. Errors: those of Redis. */
  async look(): Promise<void> {
    this.#replies?.look();
    const isNeeded = await this.#hasSilentWorkers();
    if (isNeeded || this.#listeners.wantsEvents()) await this.listenToAll();
    else this.#endEvents();
  }

  /** Who is about to listen does not any more. */
  close(): void {
    this.#closed = true;
    this.#replies?.close();
    this.#endEvents();
  }

  async #listen(): Promise<void> {
    if (this.#closed) return;
    const { redis, keys } = this.#parts;
    const { completed, failed, removed, isFollowed, followedEnded, missed } = this.#listeners;
    const told = (id: string, tell: () => void) => (isFollowed(id) ? followedEnded(id) : tell());
    const ends = {
      completed: (id: string, value: unknown) => told(id, () => completed(id, value)),
      failed: (id: string, reason: string | undefined) => told(id, () => failed(id, reason)),
      removed: (id: string) => told(id, () => removed(id)),
    };
    this.#replies ??= new Replies(redis, keys.reply(this.name), ends, missed);
    try {
      await this.#replies.listen();
    } catch (reason) {
      if (!String((reason as Error).message).startsWith('NOPERM')) throw reason;
      this.#mayListen = false;
      this.#replies.close();
    }
    if (await this.#hasSilentWorkers()) await this.listenToAll();
  }

  /** Whether there are workers that do not tell it on its channel. */
  async #hasSilentWorkers(): Promise<boolean> {
    if (!this.#mayListen) return true;
    const { redis, keys, clock } = this.#parts;
    const workers = await readReports(redis, keys.workers, clock);
    return workers.some(({ replies }) => replies !== true);
  }

  #endEvents(): void {
    // Where they are only about to be read, nobody waits for that.
    this.#events?.then(
      (events) => events.close(),
      () => {},
    );
    this.#events = undefined;
  }
}

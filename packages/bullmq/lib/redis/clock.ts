// Redis' own clock, by which deadlines are told: those of the hosts of producers and workers differ.

import type { Redis } from 'ioredis';

/** Clocks drift by less than a millisecond a second. */
const askEveryMs = 30_000;

export class RedisClock {
  readonly #redis: Redis;
  #offset: Promise<number> | undefined;
  #askedAt = -Infinity;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** Milliseconds since 1970. */
  async now(): Promise<number> {
    if (this.#offset === undefined || performance.now() - this.#askedAt > askEveryMs) {
      this.#askedAt = performance.now();
      this.#offset = this.#ask();
      // The next call asks again.
      this.#offset.catch(() => {
        this.#offset = undefined;
      });
    }
    return performance.timeOrigin + performance.now() + (await this.#offset);
  }

  async #ask(): Promise<number> {
    const before = performance.timeOrigin + performance.now();
    const [seconds, micros] = await this.#redis.time();
    const after = performance.timeOrigin + performance.now();
    return Number(seconds) * 1e3 + Number(micros) / 1e3 - (before + after) / 2;
  }
}

// What is asked of Redis while somebody may end the asking. The rules: who has ended asks nothing more; what was under way is answered first
// where Redis is there; and where it is not, whoever waits is told, since a client that is closed while it connects answers nobody.

import type { Redis } from 'ioredis';
import { TensorlaneError } from 'tensorlane';

/** A Redis that has a connection and says nothing for so long is not there. */
const standsStillMs = 5000;

export class Calls {
  readonly #redis: Redis;
  readonly #whose: string;
  readonly #waiting = new Set<() => void>();
  #open = true;
  #idle = () => {};

  /** `whose`: as messages name who has ended. */
  constructor(redis: Redis, whose: string) {
    this.#redis = redis;
    this.#whose = whose;
  }

  /** Errors: those of `act`; ERR_DISPOSED, also where it ends with this. */
  run<R>(what: string, act: () => Promise<R>): Promise<R> {
    if (!this.#open) return Promise.reject(this.#disposed(`${what}: ${this.#whose} has been closed`));
    return new Promise((resolve, reject) => {
      const giveUp = () => reject(this.#disposed(`${what}: ${this.#whose} was closed before Redis answered`));
      this.#waiting.add(giveUp);
      const over = () => {
        this.#waiting.delete(giveUp);
        if (this.#waiting.size === 0) this.#idle();
      };
      act().then(
        (value) => {
          over();
          resolve(value);
        },
        (reason) => {
          over();
          reject(reason);
        },
      );
    });
  }

  /** Resolves when what was under way has been answered or given up. */
  async close(): Promise<void> {
    this.#open = false;
    if (this.#waiting.size > 0 && this.#redis.status === 'ready') {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
        this.#redis.once('close', resolve);
        timer = setTimeout(resolve, standsStillMs);
      });
      clearTimeout(timer);
      this.#redis.off('close', this.#idle);
    }
    for (const giveUp of this.#waiting) giveUp();
    this.#waiting.clear();
  }

  #disposed(message: string): TensorlaneError {
    return new TensorlaneError('ERR_DISPOSED', message);
  }
}

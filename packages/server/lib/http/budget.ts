// The bytes of all requests that are not answered yet.
//
// The rule: what there is no room for is refused before it is read, with a time after which there may be room: by how fast what is there has
// been answered lately.

import { Refusal } from '../core/errors.js';
import type { Limits } from './limits.js';

/** A request's share of it. */
export interface Lease {
  /** Errors: UNAVAILABLE, where there is no room. */
  take(bytes: number): void;
  /** All that it took. May be called again. */
  release(): void;
}

/** Over how long the rate at which bytes are answered is looked at. */
const windowMillis = 1000;

export class ByteBudget {
  readonly #limits: Limits;
  readonly #now: () => number;
  #used = 0;
  #windowStart: number;
  #answered = 0;
  /** Bytes a millisecond, of the window before; 0: not known. */
  #rate = 0;

  constructor(limits: Limits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
    this.#windowStart = now();
  }

  get used(): number {
    return this.#used;
  }

  lease(): Lease {
    let held = 0;
    return {
      take: (bytes) => {
        const free = this.#limits.pendingBytes - this.#used;
        if (bytes > free) throw this.#full(bytes - free);
        this.#used += bytes;
        held += bytes;
      },
      release: () => {
        this.#used -= held;
        this.#count(held);
        held = 0;
      },
    };
  }

  #count(bytes: number): void {
    const now = this.#now();
    const passed = now - this.#windowStart;
    this.#answered += bytes;
    if (passed < windowMillis) return;
    this.#rate = this.#answered / passed;
    this.#answered = 0;
    this.#windowStart = now;
  }

  #full(missing: number): Refusal {
    const millis = this.#rate > 0 ? missing / this.#rate : windowMillis;
    return new Refusal('UNAVAILABLE', 'the server has as many bytes of requests as it takes; try again later', {
      retryAfterMicros: Math.ceil(millis * 1000),
    });
  }
}

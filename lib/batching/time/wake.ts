// When the batcher looks again at what may start: at the end of this turn, or at a time that it was told.
//
// The rule it keeps: this alone arms and disarms the batcher's timer, and there is one only while something waits for it: a timer
// without a reason would keep the process alive.

import type { Clock } from './clock.js';

export class Wake {
  readonly #clock: Clock;
  readonly #look: () => void;
  #atEndOfTurn = false;
  #time = Number.POSITIVE_INFINITY;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock, look: () => void) {
    this.#clock = clock;
    this.#look = look;
  }

  /** At the end of this turn, so that callers of the same turn share a batch. */
  soon(): void {
    if (this.#atEndOfTurn) return;
    this.#atEndOfTurn = true;
    this.#clock.endOfTurn(this.#onEndOfTurn);
  }

  /** At this time, and at no other that it was told before; where it is infinite, not until something else happens. */
  at(time: number): void {
    if (time === this.#time) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#time = time;
    if (time === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = this.#clock.after(Math.max(0, time - this.#clock.now()), this.#onTimer);
  }

  readonly #onEndOfTurn = (): void => {
    this.#atEndOfTurn = false;
    this.#look();
  };

  readonly #onTimer = (): void => {
    this.#cancelTimer = undefined;
    this.#time = Number.POSITIVE_INFINITY;
    this.#look();
  };
}

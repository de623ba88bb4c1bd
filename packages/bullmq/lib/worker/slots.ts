// How many jobs a worker takes at once. The rule: as many as make full batches, and never more than it answers within a part of their
// locks, so that what a worker that is killed leaves behind is little, and taken over soon.
//
// It doubles while all of its slots are taken and jobs are answered soon, and is halved when they are not.

export interface SlotsOptions {
  readonly least: number;
  readonly most: number;
  readonly lockMs: number;
}

/** Of the time that a lock holds: below the first there may be more jobs at once, above the second there are too many. */
const soon = 1 / 8;
const late = 1 / 2;

export class Slots {
  readonly #options: SlotsOptions;
  #limit: number;
  /** Since it was changed last. */
  #ended = 0;
  #fullest = 0;
  #longestMs = 0;

  constructor(options: SlotsOptions) {
    this.#options = options;
    this.#limit = options.least;
  }

  get limit(): number {
    return this.#limit;
  }

  /** A job has ended: how long it was here, and how many there were with it. Whether the limit has changed. */
  ended(tookMs: number, atOnce: number): boolean {
    const { least, most, lockMs } = this.#options;
    this.#ended++;
    this.#fullest = Math.max(this.#fullest, atOnce);
    this.#longestMs = Math.max(this.#longestMs, tookMs);
    // What the limit before has begun is not counted for the next.
    const isLate = this.#longestMs > lockMs * late;
    if (this.#ended < this.#limit && !isLate) return false;
    let next = this.#limit;
    if (isLate) next = Math.max(least, Math.floor(this.#limit / 2));
    else if (this.#fullest >= this.#limit && this.#longestMs < lockMs * soon) next = Math.min(most, this.#limit * 2);
    const changed = next !== this.#limit;
    this.#limit = next;
    this.#ended = this.#fullest = this.#longestMs = 0;
    return changed;
  }
}

// How many jobs a worker takes at once. The rules: only as many as make it faster, since what it has taken no other can answer; and never
// more than it answers within a part of their locks, so that what a worker that is killed leaves behind is little, and taken over soon.
//
// While all of its slots are taken it tries twice as many, keeps them where it answers at least a tenth more jobs a second, and goes back for
// a while where it does not. They are halved where jobs take half of their lock.

export interface SlotsOptions {
  readonly least: number;
  readonly most: number;
  readonly lockMs: number;
}

/** Of the time that a lock holds: below the first there may be more jobs at once, above the second there are too many. */
const soon = 1 / 8;
const late = 1 / 2;
const worthIt = 1.1;
/** What a rate is measured over: so long, and so many jobs. */
const windowMs = 50;
const windowJobs = 16;
/** For so many windows what did not help is not tried again. */
const heldWindows = 50;

export class Slots {
  readonly #options: SlotsOptions;
  #limit: number;
  /** Jobs a second with half as many, while it is tried whether twice as many are faster. */
  #before: number | undefined;
  #held = 0;
  /** The present window's. */
  #since: number | undefined;
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

  /** A job has ended: how long it was here, how many there were with it, and the time now. Whether the limit has changed. */
  ended(tookMs: number, atOnce: number, nowMs: number): boolean {
    this.#since ??= nowMs;
    this.#ended++;
    this.#fullest = Math.max(this.#fullest, atOnce);
    this.#longestMs = Math.max(this.#longestMs, tookMs);
    const isLate = this.#longestMs > this.#options.lockMs * late;
    const elapsedMs = nowMs - this.#since;
    if (!isLate && (elapsedMs < windowMs || this.#ended < Math.max(windowJobs, this.#limit))) return false;
    const before = this.#limit;
    this.#limit = isLate ? this.#fewer() : this.#next(this.#ended / elapsedMs);
    this.#since = nowMs;
    this.#ended = this.#fullest = this.#longestMs = 0;
    return this.#limit !== before;
  }

  #fewer(): number {
    this.#before = undefined;
    this.#held = heldWindows;
    return Math.max(this.#options.least, Math.floor(this.#limit / 2));
  }

  #next(rate: number): number {
    // Where some are free, more of them change nothing.
    if (this.#fullest < this.#limit) return this.#limit;
    if (this.#before !== undefined && rate < this.#before * worthIt) return this.#fewer();
    this.#before = undefined;
    if (this.#held > 0) {
      this.#held--;
      return this.#limit;
    }
    if (this.#limit >= this.#options.most || this.#longestMs > this.#options.lockMs * soon) return this.#limit;
    this.#before = rate;
    return Math.min(this.#options.most, this.#limit * 2);
  }
}

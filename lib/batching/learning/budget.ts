// The budget: the part of a target latency that may be planned with. The rest is for what the plan does not foresee.
//
// Time is divided into windows of half a second or more. A window misses the target when more than one request in a hundred is
// late in it, and one window in twenty may. A window that misses it makes the budget smaller at once; one that does not, though
// requests were refused in it, makes it larger by a nineteenth of that. So the budget stays where it is when one in twenty misses
// (stochastic approximation, Robbins and Monro 1951).

/** Parts of the target: the first budget, and its bounds. With a smaller one, what is late would have little to do with batches. */
const firstPart = 0.75;
const leastPart = 0.3;
const mostPart = 0.9;
/** The share of windows that may miss the target, and the share of a window's requests that may be late. */
const windowsThatMayMiss = 0.05;
const requestsThatMayBeLate = 0.01;
/** Parts of the target by which a window changes the budget: the ratio of the two is what holds the share of windows. */
const step = 0.1;
const smaller = step * (1 - windowsThatMayMiss);
const larger = step * windowsThatMayMiss;
/** A window lasts for so long at least, and until it has had so many requests. */
const leastMicros = 5e5;
const leastRequests = 100;

export class Budget {
  readonly #target: number;
  #micros: number;
  /** Of the present window: when it began, its requests, those that were late, and whether it missed or refused any. */
  #began = Number.NEGATIVE_INFINITY;
  #requests = 0;
  #tooLate = 0;
  #missed = false;
  #refused = false;

  constructor(targetMicros: number) {
    this.#target = targetMicros;
    this.#micros = targetMicros * firstPart;
  }

  get micros(): number {
    return this.#micros;
  }

  /** The most that it may become. */
  get mostMicros(): number {
    return this.#target * mostPart;
  }

  /** A request was not let in, because the budget did not allow for it. */
  refused(): void {
    this.#refused = true;
  }

  /** So many requests were answered, of them so many too late. */
  answered(requests: number, tooLate: number, now: number): void {
    this.#requests += requests;
    this.#tooLate += tooLate;
    if (!this.#missed && this.#tooLate > requestsThatMayBeLate * Math.max(this.#requests, leastRequests)) {
      this.#missed = true;
      this.#micros = Math.max(this.#target * leastPart, this.#micros - this.#target * smaller);
    }
    if (this.#requests < leastRequests || now < this.#began + leastMicros) return;
    if (!this.#missed && this.#refused) {
      this.#micros = Math.min(this.mostMicros, this.#micros + this.#target * larger);
    }
    this.#began = now;
    this.#requests = 0;
    this.#tooLate = 0;
    this.#missed = false;
    this.#refused = false;
  }
}

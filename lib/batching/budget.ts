// The budget: the part of a target latency that may be planned with. The rest is for what the plan does not foresee.
//
// Of short windows of time, one in twenty may have more than one late request in a hundred. One that has makes the budget
// smaller at once; one that has not, though the budget kept requests out, makes it larger by a nineteenth of that (stochastic
// approximation, Robbins and Monro 1951).

/** Parts of the target. With a smaller budget than the least, what is late would have little to do with the batches. */
const first = 0.75;
const least = 0.3;
const most = 0.9;
/** What part of the target a window with too many late requests takes off the budget, all but the share that may have them. */
const step = 0.1;
const missable = 0.05;
/** The share of a window's requests that may be late. */
const lateable = 0.01;
/** A window lasts for so long at least, and until it has had so many requests. */
const leastMicros = 5e5;
const leastRequests = 100;

export class Budget {
  readonly #target: number;
  #micros: number;
  /** The window that is going on. */
  #began = Number.NEGATIVE_INFINITY;
  #requests = 0;
  #tooLate = 0;
  #missed = false;
  #refused = false;

  constructor(targetMicros: number) {
    this.#target = targetMicros;
    this.#micros = targetMicros * first;
  }

  get micros(): number {
    return this.#micros;
  }

  /** The most that it may become. */
  get mostMicros(): number {
    return this.#target * most;
  }

  /** It kept a request out. */
  refused(): void {
    this.#refused = true;
  }

  /** So many requests were answered, of them so many too late. */
  answered(requests: number, tooLate: number, now: number): void {
    this.#requests += requests;
    this.#tooLate += tooLate;
    if (!this.#missed && this.#tooLate > lateable * Math.max(this.#requests, leastRequests)) {
      this.#missed = true;
      this.#micros = Math.max(this.#target * least, this.#micros - this.#target * step * (1 - missable));
    }
    if (this.#requests < leastRequests || now < this.#began + leastMicros) return;
    if (!this.#missed && this.#refused) {
      this.#micros = Math.min(this.mostMicros, this.#micros + this.#target * step * missable);
    }
    this.#began = now;
    this.#requests = 0;
    this.#tooLate = 0;
    this.#missed = false;
    this.#refused = false;
  }
}

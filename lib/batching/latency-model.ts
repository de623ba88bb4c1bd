// How long a batch takes as a function of its rows, T(n) = a + b n, learned as batches end.
//
// Least squares in which old batches count less and less, so that it follows a machine that becomes busier; a batch that took
// far longer or shorter than predicted counts only as much as one at the edge of what is usual (Huber's loss), so that a pause
// of the garbage collector teaches nothing. Where all batches have had about as many rows, nothing tells a from b, and T is
// taken to grow with n, which never promises too much for larger ones.

/** Of the weight of what was learned before, what is left after another batch: as if the last fifty counted. */
const keeps = 0.98;
/** Errors are usual up to so many times their mean. */
const usual = 3;
/** How strongly T is taken to grow with n: as if sizes with a deviation of a tenth of their mean had shown it. */
const prior = 0.1;

export class LatencyModel {
  #weight = 0;
  #n = 0;
  #t = 0;
  #nn = 0;
  #nt = 0;
  #deviation = 0;
  #fixed = 0;
  #perRow = 0;

  get known(): boolean {
    return this.#weight > 0;
  }

  /** Microseconds; 0 where nothing is known. */
  predict(rows: number): number {
    return this.#fixed + this.#perRow * rows;
  }

  /** The most rows of a batch that takes no longer. */
  rowsWithin(micros: number): number {
    if (this.#perRow <= 0) return this.#fixed <= micros ? Number.POSITIVE_INFINITY : 0;
    return Math.floor((micros - this.#fixed) / this.#perRow);
  }

  learn(rows: number, micros: number): void {
    let weight = 1;
    // The first is all error, and an edge of 0 is none yet.
    const error = Math.abs(micros - this.predict(rows));
    const edge = usual * this.#deviation;
    if (error > edge && edge > 0) weight = edge / error;
    this.#deviation += (Math.min(error, 2 * edge || error) - this.#deviation) / 16;
    this.#weight = this.#weight * keeps + weight;
    this.#n = this.#n * keeps + weight * rows;
    this.#t = this.#t * keeps + weight * micros;
    this.#nn = this.#nn * keeps + weight * rows * rows;
    this.#nt = this.#nt * keeps + weight * rows * micros;
    this.#fit();
  }

  /** As if all batches had taken so many times as long. */
  scale(factor: number): void {
    this.#t *= factor;
    this.#nt *= factor;
    this.#deviation *= factor;
    this.#fit();
  }

  #fit(): void {
    const n = this.#n / this.#weight;
    const t = this.#t / this.#weight;
    const variance = Math.max(0, this.#nn / this.#weight - n * n);
    const covariance = this.#nt / this.#weight - n * t;
    const proportional = t / n;
    const confidence = (prior * n) ** 2;
    // Neither part of the time can be negative.
    this.#perRow = Math.min(
      proportional,
      Math.max(0, (covariance + confidence * proportional) / (variance + confidence)),
    );
    this.#fixed = t - this.#perRow * n;
  }
}

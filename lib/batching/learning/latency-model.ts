// How long a batch takes as a function of its rows, T(n) = a + b n, learned as batches end.
//
// Least squares in which old batches count less and less, so that it follows a machine that becomes busier; a batch that took
// far longer or shorter than predicted counts only as much as one at the edge of what is usual (Huber's loss), so that a pause
// of the garbage collector teaches nothing. Where all batches have had about as many rows, nothing tells a from b, and T is
// taken to grow with n, which never promises too much for larger ones.

/** The forgetting factor: by so much less does each batch count when another one has ended, as if the last fifty counted. */
const forgetting = 0.98;
/** An error of the prediction counts in full up to so many times the mean error. */
const edgeFactor = 3;
/** How strongly T is taken to be proportional to n: as if batches whose sizes differ by a tenth of their mean had shown it. */
const priorDeviation = 0.1;

export class LatencyModel {
  // Weighted sums over the batches: of 1, n, T, n n and n T.
  #weight = 0;
  #n = 0;
  #t = 0;
  #nn = 0;
  #nt = 0;
  /** The mean error of the prediction. */
  #deviation = 0;
  /** T(n) = fixed + perRow n. */
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
    // Of the first batch nothing was predicted, so its error sets no edge for it.
    const error = Math.abs(micros - this.predict(rows));
    const edge = edgeFactor * this.#deviation;
    if (error > edge && edge > 0) weight = edge / error;
    this.#deviation += (Math.min(error, 2 * edge || error) - this.#deviation) / 16;
    this.#weight = this.#weight * forgetting + weight;
    this.#n = this.#n * forgetting + weight * rows;
    this.#t = this.#t * forgetting + weight * micros;
    this.#nn = this.#nn * forgetting + weight * rows * rows;
    this.#nt = this.#nt * forgetting + weight * rows * micros;
    this.#fit();
  }

  /** From now on it predicts what it would if all batches had taken so many times as long. */
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
    const confidence = (priorDeviation * n) ** 2;
    // Neither part of the time can be negative.
    this.#perRow = Math.min(
      proportional,
      Math.max(0, (covariance + confidence * proportional) / (variance + confidence)),
    );
    this.#fixed = t - this.#perRow * n;
  }
}

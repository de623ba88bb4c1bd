// Latencies in milliseconds: a growing list that costs the measured loop next to nothing, and its percentiles.

import { percentile } from '../stats.js';

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
}

export class Latencies {
  #data = new Float64Array(1 << 16);
  #length = 0;

  push(value: number): void {
    if (this.#length === this.#data.length) {
      const larger = new Float64Array(this.#data.length * 2);
      larger.set(this.#data);
      this.#data = larger;
    }
    this.#data[this.#length++] = value;
  }

  /**
   * Corrects a closed loop for coordinated omission, as HdrHistogram does: a caller that meant to ask every `intervalMs` and
   * had to wait for longer left requests out that would have waited too, each an interval less than the one before.
   */
  pushCorrected(value: number, intervalMs: number): void {
    this.push(value);
    for (let left = value - intervalMs; left >= intervalMs; left -= intervalMs) this.push(left);
  }

  values(): Float64Array {
    return this.#data.subarray(0, this.#length);
  }

  percentiles(): Percentiles {
    const sorted = Float64Array.from(this.values()).sort();
    const at = (p: number) => percentile(sorted, p);
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99), p999: at(0.999) };
  }
}

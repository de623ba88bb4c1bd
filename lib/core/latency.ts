// Latency histograms, in microseconds: the HDR histogram that Node carries, which takes some 20 ns to feed.

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** All but `count` in microseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

const anHour = 3.6e9;

export class LatencyHistogram {
  // Two digits are plenty for a latency, and keep a histogram at some 30 kB.
  readonly #histogram: RecordableHistogram = createHistogram({ lowest: 1, highest: anHour, figures: 2 });

  record(microseconds: number): void {
    this.#histogram.record(microseconds < 1 ? 1 : microseconds > anHour ? anHour : Math.round(microseconds));
  }

  summary(): LatencySummary {
    const histogram = this.#histogram;
    if (histogram.count === 0) return { count: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 };
    return {
      count: histogram.count,
      mean: histogram.mean,
      p50: histogram.percentile(50),
      p95: histogram.percentile(95),
      p99: histogram.percentile(99),
      max: histogram.max,
    };
  }
}

// Latency histograms, in microseconds: the HDR histogram that Node carries, which takes some 20 ns to feed, for quantiles; and beside
// it counts in fixed buckets, since quantiles of several processes cannot be put together, and counts can.

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** How many latencies, and how they are spread. */
export interface LatencyCounts {
  readonly count: number;
  /** In microseconds. */
  readonly sum: number;
  /** How many took at most so many microseconds: `upTo` are bounds, the same everywhere, and `counts` has one for each. */
  readonly buckets: { readonly upTo: readonly number[]; readonly counts: readonly number[] };
}

/** The mean, the quantiles and the maximum are in microseconds. */
export interface LatencySummary extends LatencyCounts {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** What keeps latencies. */
export interface LatencyRecorder<Summary extends LatencyCounts = LatencySummary> {
  record(microseconds: number): void;
  summary(): Summary;
}

const anHour = 3.6e9;
/** 50 us to 10 s: 1, 2.5 and 5 times each power of ten. */
const upTo: readonly number[] = Object.freeze([
  ...[50, 100, 250, 500],
  ...[1e3, 2500, 5e3, 1e4, 25e3, 5e4, 1e5, 25e4, 5e5],
  ...[1e6, 25e5, 5e6, 1e7],
]);
const longest = upTo.at(-1)!;
/** By the leading zeros of a latency's bits: the first bucket that may be its own, from which it is one step at most. */
const firstBucket = Int32Array.from({ length: 33 }, (_, zeros) =>
  upTo.findIndex((bound) => bound >= (zeros === 32 ? 0 : 2 ** (31 - zeros))),
);

/** Counts in buckets alone. */
export class LatencyBuckets implements LatencyRecorder<LatencyCounts> {
  #count = 0;
  #sum = 0;
  /** Of each bucket, without those before it. */
  readonly #counts = new Float64Array(upTo.length);

  record(microseconds: number): void {
    // A clock may have been set back.
    const micros = microseconds > 0 ? microseconds : 0;
    this.#count++;
    this.#sum += micros;
    if (micros > longest) return;
    let bucket = firstBucket[Math.clz32(micros)]!;
    while (micros > upTo[bucket]!) bucket++;
    this.#counts[bucket]!++;
  }

  summary(): LatencyCounts {
    const counts = new Array<number>(upTo.length);
    let total = 0;
    for (let i = 0; i < upTo.length; i++) {
      total += this.#counts[i]!;
      counts[i] = total;
    }
    return { count: this.#count, sum: this.#sum, buckets: { upTo, counts } };
  }
}

export class LatencyHistogram implements LatencyRecorder {
  // Two digits are plenty for a latency, and keep a histogram at some 30 kB.
  readonly #histogram: RecordableHistogram = createHistogram({ lowest: 1, highest: anHour, figures: 2 });
  readonly #buckets = new LatencyBuckets();

  record(microseconds: number): void {
    this.#histogram.record(microseconds < 1 ? 1 : microseconds > anHour ? anHour : Math.round(microseconds));
    this.#buckets.record(microseconds);
  }

  summary(): LatencySummary {
    const histogram = this.#histogram;
    const { count, sum, buckets } = this.#buckets.summary();
    if (count === 0) return { count, sum, buckets, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 };
    return {
      count,
      sum,
      buckets,
      mean: histogram.mean,
      p50: histogram.percentile(50),
      p95: histogram.percentile(95),
      p99: histogram.percentile(99),
      max: histogram.max,
    };
  }
}

/** For who reads none: histograms of thousands of batchers take gigabytes, and time. */
export const noLatencies: LatencyRecorder = {
  record() {},
  summary: () => ({ ...new LatencyBuckets().summary(), mean: 0, p50: 0, p95: 0, p99: 0, max: 0 }),
};

// What the service would feel: a closed loop keeps a fixed number of requests in flight, and three things are
// measured at once: requests done a second, how long each took from being sent to being answered, and how late the
// event loop's 1 ms timer fired meanwhile, which is what every other request of the process would have waited.

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reader, Reading } from './pipeline.js';
import type { Picture } from './pixels.js';

/** Milliseconds. The timer itself fires every 1 ms, so an idle loop shows a little more than 1. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Measured {
  readonly requests: number;
  readonly inFlight: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Milliseconds from sending a request to having its text. */
  readonly latency: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
  readonly loop: LoopDelay;
  /** The demo's own pixel work on the JS thread, in milliseconds: all of it per request, and its pieces, one a turn. */
  readonly own: { readonly perRequest: number; readonly p99: number; readonly longest: number };
  /** What was read in each picture, by the last request for it. */
  readonly readings: readonly Reading[];
}

/** Rounds of load on one reader, measured together. */
export class Measurement {
  readonly #loop = new LoopWatch();
  readonly #latencies: number[] = [];
  readonly #turns: number[] = [];
  readonly #readings: Reading[] = [];
  #seconds = 0;

  constructor(
    readonly reader: Reader,
    readonly pictures: readonly Picture[],
    readonly inFlight: number,
  ) {}

  /** The load without the measuring: shapes are met for the first time, memory is allocated, code is compiled. */
  async warmUp(requests: number, answered: (count: number) => void): Promise<void> {
    await this.#send(requests, answered);
    this.reader.turns.tally();
  }

  async round(requests: number, answered: (count: number) => void): Promise<void> {
    await this.#loop.during(async () => {
      const start = performance.now();
      this.#latencies.push(...(await this.#send(requests, answered)));
      this.#seconds += (performance.now() - start) / 1000;
    });
    this.#turns.push(...this.reader.turns.tally());
  }

  result(): Measured {
    const latencies = this.#latencies.toSorted((a, b) => a - b);
    const turns = this.#turns.toSorted((a, b) => a - b);
    const requests = latencies.length;
    return {
      requests,
      inFlight: this.inFlight,
      seconds: this.#seconds,
      perSecond: requests / this.#seconds,
      latency: {
        p50: quantile(latencies, 0.5),
        p95: quantile(latencies, 0.95),
        p99: quantile(latencies, 0.99),
        max: quantile(latencies, 1),
      },
      loop: this.#loop.result(),
      own: {
        perRequest: turns.reduce((sum, took) => sum + took, 0) / requests,
        p99: quantile(turns, 0.99),
        longest: quantile(turns, 1),
      },
      readings: this.#readings,
    };
  }

  /** Sends requests, the pictures in turn, never more than `inFlight` unanswered; tells how long each took. */
  async #send(requests: number, answered: (count: number) => void): Promise<number[]> {
    const latencies: number[] = [];
    let sent = 0;
    const caller = async (): Promise<void> => {
      while (sent < requests) {
        const which = sent++ % this.pictures.length;
        const start = performance.now();
        this.#readings[which] = await this.reader.read(this.pictures[which] as Picture);
        latencies.push(performance.now() - start);
        answered(latencies.length);
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.inFlight, requests) }, caller));
    return latencies;
  }
}

/** How late the event loop was, over all the times it was watched. */
export class LoopWatch {
  // One monitor a time: one that is switched off and on again takes the time between for a stall.
  readonly #monitors: IntervalHistogram[] = [];

  async during<T>(work: () => Promise<T>): Promise<T> {
    const monitor = monitorEventLoopDelay({ resolution: 1 });
    this.#monitors.push(monitor);
    monitor.enable();
    try {
      const value = await work();
      // The timer must fire once more, or a stall at the very end would go unseen.
      await sleep(2);
      return value;
    } finally {
      monitor.disable();
    }
  }

  result(): LoopDelay {
    return { p50: this.#quantile(0.5), p99: this.#quantile(0.99), max: this.#longest() };
  }

  #longest(): number {
    return Math.max(...this.#monitors.map((monitor) => monitor.max)) / 1e6;
  }

  /** The quantile of all monitors' values together. Monitors cannot be added up, but each knows its own quantiles. */
  #quantile(share: number): number {
    const all = this.#monitors.reduce((sum, monitor) => sum + monitor.count, 0);
    return bisect(0, this.#longest(), (millis) => {
      const within = this.#monitors.reduce((sum, monitor) => {
        const below = bisect(0, 1, (part) => part > 0 && monitor.percentile(part * 100) > millis * 1e6);
        return sum + below * monitor.count;
      }, 0);
      return within >= share * all;
    });
  }
}

/** Where in [low, high] a condition that is false below and true above changes. */
function bisect(low: number, high: number, holds: (value: number) => boolean): number {
  let [from, to] = [low, high];
  for (let step = 0; step < 32; step++) {
    const middle = (from + to) / 2;
    if (holds(middle)) to = middle;
    else from = middle;
  }
  return to;
}

/** How late the loop is when there is nothing to do: the floor of every other figure. */
export async function idleLoop(): Promise<LoopDelay> {
  const watch = new LoopWatch();
  await watch.during(() => sleep(500));
  return watch.result();
}

/** Of sorted values: the smallest that at least the given share of them do not exceed. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

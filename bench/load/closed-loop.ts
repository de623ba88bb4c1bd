// The load program: a number of callers, each of which sends its next request when it has the answer to the last.

import { percentile, sleep } from '../stats.js';
import { type LoopDelay, LoopDelayMeter } from './event-loop.js';

export interface ClosedLoopOptions {
  readonly callers: number;
  readonly warmupMs: number;
  readonly durationMs: number;
}

export interface ClosedLoopResult {
  /** Requests answered a second. */
  readonly throughput: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly loop: LoopDelay;
}

/** Calls `request` with the caller's number. A request that fails fails the whole measurement. */
export async function closedLoop(
  request: (caller: number) => Promise<unknown>,
  { callers, warmupMs, durationMs }: ClosedLoopOptions,
): Promise<ClosedLoopResult> {
  let answered = 0;
  let measuring = false;
  let stopping = false;
  const latencies = new Samples();

  const caller = async (index: number): Promise<void> => {
    while (!stopping) {
      const start = performance.now();
      await request(index);
      if (measuring) {
        answered++;
        latencies.push(performance.now() - start);
      }
    }
  };
  const all = Promise.all(Array.from({ length: callers }, (_, index) => caller(index)));
  // If a request fails, `all` rejects at once; without a race the timers below would still run to their end.
  const pause = (ms: number) => Promise.race([sleep(ms), all]);

  try {
    await pause(warmupMs);
    const meter = new LoopDelayMeter();
    meter.start();
    measuring = true;
    const start = performance.now();
    await pause(durationMs);
    measuring = false;
    const elapsed = performance.now() - start; // Not durationMs: a loop that stands still ends late.
    const loop = meter.stop();
    stopping = true;
    await all;

    const sorted = latencies.values();
    const at = (p: number) => percentile(sorted, p);
    return {
      throughput: (answered / elapsed) * 1000,
      latencyMs: { p50: at(0.5), p95: at(0.95), p99: at(0.99) },
      loop,
    };
  } finally {
    stopping = true;
  }
}

/** A growing list of numbers that costs the measured loop next to nothing. */
class Samples {
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

  values(): Float64Array {
    return this.#data.subarray(0, this.#length);
  }
}

// The load program: a number of callers, each of which sends its next request when it has the answer to the last.

import { sleep } from '../stats.js';
import { type LoopDelay, LoopDelayMeter } from './event-loop.js';
import { Latencies, type Percentiles } from './latencies.js';

export interface ClosedLoopOptions {
  readonly callers: number;
  readonly warmupMs: number;
  readonly durationMs: number;
  /**
   * How often each caller would have asked, had nothing held it up: latencies are corrected for the requests that a slow
   * answer left out. By default they are what the callers saw, who all waited together (coordinated omission).
   */
  readonly expectedIntervalMs?: number;
}

export interface ClosedLoopResult {
  /** Requests answered a second. */
  readonly throughput: number;
  readonly latencyMs: Percentiles;
  readonly loop: LoopDelay;
}

/** Calls `request` with the caller's number. A request that fails fails the whole measurement. */
export async function closedLoop(
  request: (caller: number) => Promise<unknown>,
  { callers, warmupMs, durationMs, expectedIntervalMs }: ClosedLoopOptions,
): Promise<ClosedLoopResult> {
  let answered = 0;
  let measuring = false;
  let stopping = false;
  const latencies = new Latencies();

  const caller = async (index: number): Promise<void> => {
    while (!stopping) {
      const start = performance.now();
      await request(index);
      if (measuring) {
        answered++;
        const latency = performance.now() - start;
        if (expectedIntervalMs === undefined) latencies.push(latency);
        else latencies.pushCorrected(latency, expectedIntervalMs);
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
    // Over longer where a busy machine answered nobody meanwhile: nothing can be told of that.
    while (answered === 0) await pause(durationMs);
    measuring = false;
    const elapsed = performance.now() - start; // Not durationMs: a loop that stands still ends late.
    const loop = meter.stop();
    stopping = true;
    await all;

    return { throughput: (answered / elapsed) * 1000, latencyMs: latencies.percentiles(), loop };
  } finally {
    stopping = true;
  }
}

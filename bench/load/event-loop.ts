// Measures how long the event loop keeps an event waiting.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { percentile } from '../stats.js';

export interface LoopDelay {
  /** p99 of Node's own monitor, over its callbacks, in milliseconds. */
  readonly monitorP99: number;
  /** p99 over time: what an event that comes at a random moment waits in the worst 1% of moments, in milliseconds. */
  readonly arrivalP99: number;
  /** The larger of the two, which is the figure to judge by. */
  readonly p99: number;
  readonly max: number;
}

const TICK_MS = 1;

/**
 * Two measures at once, because each alone can flatter:
 *
 * - `monitorEventLoopDelay` gives percentiles over its timer's callbacks. A stall of 60 ms is one callback, so the
 *   thousand quick callbacks of the next second outvote it. It records the time between two callbacks, which includes
 *   the timer's own millisecond; that is subtracted.
 * - A setTimeout probe whose gaps are weighted by time: within a gap that is late by e, an event that comes at a random
 *   moment waits between 0 and e. Many short stalls count here for as little as they really cost.
 *
 * Timers have a resolution of a millisecond, so an idle loop reads up to a millisecond here: an error against the
 * library measured. A setImmediate probe would have no such error, but it keeps the loop spinning and so takes a core
 * from what is being measured.
 */
export class LoopDelayMeter {
  readonly #monitor = monitorEventLoopDelay({ resolution: TICK_MS });
  readonly #gaps: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #last = 0;

  start(): void {
    this.#gaps.length = 0;
    this.#monitor.reset();
    this.#monitor.enable();
    this.#last = performance.now();
    const tick = () => {
      this.#record();
      this.#timer = setTimeout(tick, TICK_MS);
    };
    this.#timer = setTimeout(tick, TICK_MS);
  }

  stop(): LoopDelay {
    this.#record(); // A stall that is still going on when the time is up counts too.
    clearTimeout(this.#timer);
    this.#monitor.disable();
    const monitorP99 = Math.max(0, this.#monitor.percentile(99) / 1e6 - TICK_MS);
    const arrivalP99 = waitExceededBy(this.#gaps, 0.01);
    return {
      monitorP99,
      arrivalP99,
      p99: Math.max(monitorP99, arrivalP99),
      max: Math.max(0, percentile(this.#gaps, 1) - TICK_MS),
    };
  }

  #record(): void {
    const now = performance.now();
    this.#gaps.push(now - this.#last);
    this.#last = now;
  }
}

/** The wait w that events exceed during the given share of the time: sum(max(0, late - w)) = share * time. */
export function waitExceededBy(gaps: readonly number[], share: number): number {
  const time = gaps.reduce((sum, gap) => sum + gap, 0);
  const late = gaps.map((gap) => Math.max(0, gap - TICK_MS)).sort((a, b) => b - a);
  const wanted = share * time;
  // Lower w past one stall after the other, the longest first, until enough time lies above it.
  let above = 0;
  for (const [i, w] of late.entries()) {
    const next = late[i + 1] ?? 0;
    const gained = (i + 1) * (w - next);
    if (above + gained >= wanted) return w - (wanted - above) / (i + 1);
    above += gained;
  }
  return 0;
}

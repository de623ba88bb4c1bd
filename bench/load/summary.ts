// What a run under an open loop came to.

import { type OpenLoopRecord, Outcome } from '../../lib/cli/load/open-loop.js';
import { percentile } from '../stats.js';
import { Latencies, type Percentiles } from './latencies.js';

export interface Summary {
  /** Requests scheduled, and answers received, a second of the measured time. */
  readonly offered: number;
  readonly achieved: number;
  /** Of the requests that were scheduled in the measured time. */
  readonly counts: Readonly<Record<keyof typeof Outcome, number>>;
  /** Of all of them but the failed and the shed; see OpenLoopRecord for those without an answer. */
  readonly latencyMs: Percentiles;
  readonly sender: {
    readonly lateP50: number;
    readonly lateP99: number;
    /** The load program could not keep its schedule: the figures are at least as much its own as the server's. */
    readonly tooLate: boolean;
  };
  /** The message of the first failure. */
  readonly failure: string | undefined;
}

/** More than this, for one request in a hundred, and the sender was the bottleneck. */
const TOO_LATE_MS = 10;

/** Requests scheduled before warmupMs are left out, though not the answers that came to them later. */
export function summarise(record: OpenLoopRecord, warmupMs: number): Summary {
  const { times, outcomes, latencies, lateness, durationMs, failure } = record;
  const counts = { answered: 0, unanswered: 0, unsent: 0, shed: 0, failed: 0 };
  const names = Object.keys(Outcome) as (keyof typeof Outcome)[];
  const waited = new Latencies();
  const late = new Latencies();
  let offered = 0;
  let achieved = 0;
  for (const [i, at] of times.entries()) {
    const latency = latencies[i] ?? Number.NaN;
    if (outcomes[i] === Outcome.answered && at + latency >= warmupMs && at + latency < durationMs) achieved++;
    if (at < warmupMs) continue;
    offered++;
    counts[names[outcomes[i] ?? 0] as keyof typeof Outcome]++;
    if (!Number.isNaN(latency)) waited.push(latency);
    const lateBy = lateness[i] ?? Number.NaN;
    if (!Number.isNaN(lateBy)) late.push(lateBy);
  }
  const seconds = (durationMs - warmupMs) / 1000;
  const lateP99 = percentile(late.values(), 0.99);
  return {
    offered: offered / seconds,
    achieved: achieved / seconds,
    counts,
    latencyMs: waited.percentiles(),
    sender: { lateP50: percentile(late.values(), 0.5), lateP99, tooLate: lateP99 > TOO_LATE_MS },
    failure,
  };
}

/** What came of the requests scheduled within one window of time. */
export interface Window {
  readonly scheduled: number;
  /** Answered within the target. */
  readonly inTime: number;
  /** Of those that were not shed; not a number where all were. */
  readonly p99: number;
}

/** The measured time in windows of windowMs, the last of which may be cut off and is left out. */
export function windows(record: OpenLoopRecord, warmupMs: number, windowMs: number, targetMs: number): Window[] {
  const { times, outcomes, latencies, durationMs } = record;
  const result: Window[] = [];
  let i = 0;
  while (i < times.length && (times[i] ?? 0) < warmupMs) i++;
  for (let end = warmupMs + windowMs; end <= durationMs; end += windowMs) {
    const waited = new Latencies();
    let scheduled = 0;
    let inTime = 0;
    for (let at = times[i]; at !== undefined && at < end; at = times[++i]) {
      const latency = latencies[i] ?? Number.NaN;
      scheduled++;
      if (outcomes[i] === Outcome.answered && latency <= targetMs) inTime++;
      if (outcomes[i] === Outcome.failed) waited.push(Number.POSITIVE_INFINITY);
      else if (outcomes[i] !== Outcome.shed) waited.push(latency);
    }
    result.push({ scheduled, inTime, p99: percentile(waited.values(), 0.99) });
  }
  return result;
}

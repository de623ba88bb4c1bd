// The load, in a process of its own, so that it takes no time of the JS threads that are measured.

import { systemClock } from '../../addon/clock.js';
import { prepareAddon } from '../../addon/load.js';
import { type Arrivals, schedule } from '../load/arrivals.js';
import { serve } from '../load/child.js';
import { Outcome, openLoop } from '../load/open-loop.js';
import { random } from '../load/random.js';
import { type Balancer, balancer, type Policy } from '../plan/balancer.js';
import { Line, Unanswered } from './wire.js';

export interface LoadSpec {
  readonly millis: number;
  readonly warmupMillis: number;
  /** Of answers that count as good. */
  readonly sloMillis: number;
  readonly policy?: Policy;
}

export interface ClosedSpec extends LoadSpec {
  readonly callers: number;
}

export interface OpenSpec extends LoadSpec {
  readonly arrivals: Arrivals;
  readonly rate: number;
  readonly seed: number;
}

export interface LoadResult {
  /** Answers a second, and those within the SLO. */
  readonly throughput: number;
  readonly goodput: number;
  /** In milliseconds; of an open loop from when a request was to be sent. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly requests: number;
  /** Refused, failed, or not answered until the end. */
  readonly lost: number;
  /** How busy the load itself was, of one core, and how late it sent, at the 99th percentile, in milliseconds. */
  readonly sender: { readonly busy: number; readonly late: number };
}

let lines: Line[] = [];

const methods = {
  async connect(paths: readonly string[]): Promise<void> {
    await prepareAddon(); // for its clock
    for (const line of lines) line.close();
    lines = await Promise.all(paths.map((path) => Line.open(path)));
  },

  /** How long it takes there and back without a run: the median, in microseconds. */
  async echo(times: number): Promise<number> {
    const micros: number[] = [];
    for (let i = 0; i < times; i++) {
      const start = performance.now();
      await lines[0]!.echo();
      micros.push((performance.now() - start) * 1000);
    }
    return quantiles(micros, [0.5])[0]!;
  },

  /** Callers of whom each asks again when it is answered. */
  async closed({ callers, millis, warmupMillis, sloMillis, policy }: ClosedSpec): Promise<LoadResult> {
    const choose = chooser(policy ?? 'roundRobin');
    const latencies: number[] = [];
    let lost = 0;
    let from = Number.POSITIVE_INFINITY;
    let stopping = false;
    const caller = async () => {
      while (!stopping) {
        const start = performance.now();
        const failed = await choose.request().then(
          () => false,
          (error) => {
            if (!(error instanceof Unanswered)) throw error;
            return true;
          },
        );
        // Whoever was refused asks again a little later.
        if (failed) await new Promise((resolve) => setTimeout(resolve, 1));
        if (performance.now() < from || stopping) continue;
        if (failed) lost++;
        else latencies.push(performance.now() - start);
      }
    };
    const all = Promise.all(Array.from({ length: callers }, caller));
    const pause = (millis: number) => Promise.race([new Promise((resolve) => setTimeout(resolve, millis)), all]);
    await pause(warmupMillis);
    from = performance.now();
    const busy = watchBusy();
    await pause(millis);
    // Of what takes long, some answers are waited for.
    for (let more = 0; latencies.length + lost < 3 && more < 60; more++) await pause(Math.max(100, millis));
    stopping = true;
    const seconds = (performance.now() - from) / 1000;
    const sender = { busy: busy(), late: 0 };
    await all;
    return { ...summary(latencies, seconds, sloMillis), requests: latencies.length + lost, lost, sender };
  },

  /** Requests at their own times, whatever became of those before. */
  async open({ millis, warmupMillis, sloMillis, policy, ...load }: OpenSpec): Promise<LoadResult> {
    const choose = chooser(policy ?? 'leastLoaded');
    const durationMs = warmupMillis + millis;
    const times = schedule({ ...load, durationMs });
    const busy = watchBusy();
    const { outcomes, latencies, lateness } = await openLoop(() => choose.request(), {
      times,
      durationMs,
      maxInFlight: 100_000,
      drainMs: Math.max(1000, 4 * sloMillis),
      // A millisecond late is too late for models that take less, and requests would come in groups.
      after: systemClock.after,
      isShed: (error) => error instanceof Unanswered && error.outcome === Outcome.shed,
    });
    const first = times.findIndex((at) => at >= warmupMillis);
    const counted = first === -1 ? times.length : first;
    const answered: number[] = [];
    for (let i = counted; i < times.length; i++) {
      if (outcomes[i] === Outcome.answered) answered.push(latencies[i]!);
    }
    const requests = times.length - counted;
    const [late] = quantiles(lateness.slice(counted), [0.99]);
    return {
      ...summary(answered, millis / 1000, sloMillis),
      requests,
      lost: requests - answered.length,
      sender: { busy: busy(), late: late ?? 0 },
    };
  },
};

/** Requests to the processes, by a balancer that sees how many each has not answered. */
function chooser(policy: Policy): { request(): Promise<void> } {
  const balance: Balancer = balancer(policy, lines.length, random(1));
  return {
    request: async () => {
      const chosen = balance.choose(0);
      try {
        await lines[chosen]!.request();
      } finally {
        balance.done(chosen);
      }
    },
  };
}

function watchBusy(): () => number {
  const start = performance.now();
  const used = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(used);
    return (user + system) / 1000 / (performance.now() - start);
  };
}

function summary(latencies: readonly number[], seconds: number, sloMillis: number) {
  const [p50, p95, p99, p999] = quantiles(latencies, [0.5, 0.95, 0.99, 0.999]) as [number, number, number, number];
  const good = latencies.filter((latency) => latency <= sloMillis).length;
  return { throughput: latencies.length / seconds, goodput: good / seconds, p50, p95, p99, p999 };
}

/** By the nearest rank; 0 where there is nothing. */
function quantiles(values: readonly number[] | Float64Array, shares: readonly number[]): number[] {
  const sorted = Float64Array.from(values)
    .filter((value) => !Number.isNaN(value))
    .sort();
  return shares.map((share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);
}

export type Sender = typeof methods;

process.on('SIGINT', () => {}); // whoever started it says when it ends
serve(methods, async () => {
  for (const line of lines) line.close();
});

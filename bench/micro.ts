// tinybench, asked for the samples of one function.

import { Bench } from 'tinybench';

export interface SampleOptions {
  readonly iterations: number;
  readonly warmup: number;
  /** Keep going at least so long, in milliseconds, however many iterations that makes. */
  readonly timeMs?: number;
  /** False for a function that returns no promise; awaiting one that does not would be measured too. */
  readonly async?: boolean;
}

/** Latencies in milliseconds. A function that throws fails the measurement. */
export async function sample(fn: () => unknown, options: SampleOptions): Promise<number[]> {
  const { iterations, warmup, timeMs = 0, async = true } = options;
  const bench = new Bench({
    iterations,
    time: timeMs,
    warmup: warmup > 0,
    warmupIterations: warmup,
    warmupTime: 0,
    retainSamples: true,
    throws: true,
  });
  bench.add('function', fn, { async });
  const [task] = await bench.run();
  const result = task?.result;
  if (result === undefined || !('latency' in result)) throw new Error(`tinybench: ${result?.state ?? 'no result'}`);
  return [...(result.latency.samples ?? [])];
}

// A child process that reads a small file over and over, idle or while SVDs wait, and says how both its event loop and its
// reads fare.

import { readFile, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, tensor } from 'tensorlane';
import { randomFloats } from '../../test/support/onnx-builder.js';
import { maxAbsError, percentile, sleep } from '../stats.js';
import { serve } from './child.js';
import { type LoopDelay, LoopDelayMeter } from './event-loop.js';

const READ_EVERY_MS = 2;
const device = await open('cpu');
const file = join(tmpdir(), `tensorlane-bench-${process.pid}`);
writeFileSync(file, Buffer.alloc(4096, 'x'));

export interface Observation {
  readonly loop: LoopDelay;
  readonly readP50: number;
  readonly readP99: number;
  readonly reads: number;
  /** SVDs a second, 0 when idle. */
  readonly throughput: number;
}

/** Watches the loop and reads the file for as long as `work` takes. */
async function observe(work: () => Promise<number>): Promise<Observation> {
  const latencies: number[] = [];
  const failures: Error[] = [];
  let pending = 0;
  // From the call on, not from when the timer was due: what the timer waited is the event loop's delay, measured beside.
  const read = () => {
    const start = performance.now();
    pending++;
    readFile(file, (error) => {
      pending--;
      if (error !== null) failures.push(error);
      latencies.push(performance.now() - start);
    });
  };
  const meter = new LoopDelayMeter();
  meter.start();
  const timer = setInterval(read, READ_EVERY_MS);
  const start = performance.now();
  const done = await work();
  const elapsed = performance.now() - start;
  clearInterval(timer);
  const loop = meter.stop();
  while (pending > 0) await sleep(1); // Reads still on their way are the slowest ones: they count.
  if (failures[0] !== undefined) throw failures[0];
  return {
    loop,
    readP50: percentile(latencies, 0.5),
    readP99: percentile(latencies, 0.99),
    reads: latencies.length,
    throughput: (done / elapsed) * 1000,
  };
}

const methods = {
  idle: (ms: number): Promise<Observation> =>
    observe(async () => {
      await sleep(ms);
      return 0;
    }),

  /** `count` SVDs of n x n, all asked for at once; the time runs from before the first until the last is done. */
  async loaded({ count, n }: { count: number; n: number }): Promise<Observation> {
    const matrices = Array.from({ length: 4 }, (_, i) => tensor(Float64Array.from(randomFloats(n * n, i + 1)), [n, n]));
    const expected = await Promise.all(matrices.map((matrix) => device.linalg.svd(matrix)));
    const errors: number[] = [];
    const observation = await observe(async () => {
      const svd = async (i: number) => {
        const { s } = await device.linalg.svd(matrices[i % 4] as (typeof matrices)[0]);
        errors.push(maxAbsError(s.data, expected[i % 4]?.s.data ?? []));
      };
      await Promise.all(Array.from({ length: count }, (_, i) => svd(i)));
      return count;
    });
    if (!(Math.max(...errors) < 1e-9 * n)) throw new Error(`an SVD among many is off by ${Math.max(...errors)}`);
    return observation;
  },
};

export type WaitingWorker = typeof methods;

serve(methods, async () => {
  rmSync(file, { force: true });
  await device[Symbol.asyncDispose]();
});

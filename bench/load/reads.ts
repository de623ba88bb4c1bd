// Reads a small file over and over while something else goes on: what libuv's threads and the event loop get of the machine.

import { readFile, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { percentile, sleep } from '../stats.js';
import { type LoopDelay, LoopDelayMeter } from './event-loop.js';

const READ_EVERY_MS = 2;

export interface Observation {
  readonly loop: LoopDelay;
  readonly readP50: number;
  readonly readP99: number;
  readonly reads: number;
  /** Of what went on, a second. */
  readonly throughput: number;
}

export class Reader {
  readonly #file = join(tmpdir(), `tensorlane-bench-${process.pid}`);

  constructor() {
    writeFileSync(this.#file, Buffer.alloc(4096, 'x'));
  }

  /** Watches the loop and reads the file for as long as `work` takes, which gives how much it has done. */
  async observe(work: () => Promise<number>): Promise<Observation> {
    const latencies: number[] = [];
    const failures: Error[] = [];
    let pending = 0;
    // From the call on, not from when the timer was due: what the timer waited is the event loop's delay, measured beside.
    const read = () => {
      const start = performance.now();
      pending++;
      readFile(this.#file, (error) => {
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

  close(): void {
    rmSync(this.#file, { force: true });
  }
}

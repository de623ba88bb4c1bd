// A child process whose device has more to do than it can, and which says how much of it is done, and how the event loop and reads
// of a file fare meanwhile. How far its lanes stand back is said in its environment, or left to the default.

import { open, tensor } from 'tensorlane';
import { serve } from '../../lib/cli/load/child.js';
import { randomFloats } from '../../test/support/onnx-builder.js';
import { models } from '../models.js';
import { sleep } from '../stats.js';
import { Busy } from './busy.js';
import { type Observation, Reader } from './reads.js';

const N = 512;

const { NICENESS } = process.env;
const device = await open(NICENESS === undefined ? 'cpu' : { device: 'cpu', niceness: Number(NICENESS) });
const recognition = await device.loadModel(models.recognition());
const line = tensor(randomFloats(3 * 48 * 320, 1), [1, 3, 48, 320]);
const square = tensor(Float64Array.from(randomFloats(N * N, 2)), [N, N]);
const reader = new Reader();

const loads = {
  'OCR recognition': () => recognition.run({ x: line }),
  SVDs: () => device.linalg.svd(square),
};

export type Load = keyof typeof loads;

interface Asked {
  readonly load: Load;
  readonly callers: number;
  readonly fewest: number;
  readonly beforeMs: number;
  readonly ms: number;
}

const methods = {
  idle: (ms: number): Promise<Observation> =>
    reader.observe(async () => {
      await sleep(ms);
      return 0;
    }),

  /** The load begins, and is watched after `beforeMs` for `ms`, or longer where fewer than `fewest` were answered. */
  async loaded({ load, callers, fewest, beforeMs, ms }: Asked): Promise<Observation> {
    const busy = new Busy(callers, loads[load]);
    await busy.during(sleep(beforeMs));
    const observation = await reader.observe(async () => {
      const before = busy.done;
      await busy.during(sleep(ms));
      while (busy.done - before < fewest) await busy.during(sleep(20));
      return busy.done - before;
    });
    await busy.end();
    return observation;
  },
};

export type NeighboursWorker = typeof methods;

serve(methods, async () => {
  reader.close();
  await device[Symbol.asyncDispose]();
});

// A child process that reads a small file over and over, idle or while SVDs wait, and says how both its event loop and its
// reads fare.

import { open, tensor } from 'tensorlane';
import { serve } from '../../lib/cli/load/child.js';
import { randomFloats } from '../../test/support/onnx-builder.js';
import { maxAbsError, sleep } from '../stats.js';
import { type Observation, Reader } from './reads.js';

const device = await open('cpu');
const reader = new Reader();

const methods = {
  idle: (ms: number): Promise<Observation> =>
    reader.observe(async () => {
      await sleep(ms);
      return 0;
    }),

  /** `count` SVDs of n x n, all asked for at once; the time runs from before the first until the last is done. */
  async loaded({ count, n }: { count: number; n: number }): Promise<Observation> {
    const matrices = Array.from({ length: 4 }, (_, i) => tensor(Float64Array.from(randomFloats(n * n, i + 1)), [n, n]));
    const expected = await Promise.all(matrices.map((matrix) => device.linalg.svd(matrix)));
    const errors: number[] = [];
    const observation = await reader.observe(async () => {
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
  reader.close();
  await device[Symbol.asyncDispose]();
});

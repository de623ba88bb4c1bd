// A child process that asks for small operations one after the other, while the device is idle or has large work, and says how
// long each took and how much of the large work was done meanwhile.

import { open, type Tensor, tensor } from 'tensorlane';
import { serve } from '../../lib/cli/load/child.js';
import { randomFloats } from '../../test/support/onnx-builder.js';
import { models } from '../models.js';
import { percentile, sleep } from '../stats.js';
import { Busy } from './busy.js';

const N = 512;
/** A pause between small operations, so that they are a part of the load and not all of it. */
const PAUSE_MS = 10;

const device = await open('cpu');
const recognition = await device.loadModel(models.recognition());
const line = tensor(randomFloats(3 * 48 * 320, 1), [1, 3, 48, 320]);
const square = tensor(Float64Array.from(randomFloats(N * N, 2)), [N, N]);
const matrix = tensor(randomFloats(16 * 16, 3), [16, 16]);
const picture: Tensor<'uint8'> = {
  type: 'uint8',
  data: Uint8Array.from({ length: 700 * 1000 * 3 }, (_, i) => (i * 37) % 256),
  dims: [1, 700, 1000, 3],
};

const large = {
  none: async () => {},
  'OCR recognition': () => recognition.run({ x: line }),
  SVDs: () => device.linalg.svd(square),
};
const small = {
  none: undefined,
  imageToTensor: () => device.ops.imageToTensor(picture, { width: 640, height: 640 }),
  matmul: () => device.linalg.matmul(matrix, matrix),
};

export type Large = keyof typeof large;
export type Small = keyof typeof small;

export interface Among {
  readonly p50: number;
  readonly p95: number;
  /** Of the large work, a second. */
  readonly throughput: number;
  /** What the small operations took together, as a share of the time. */
  readonly share: number;
}

interface Asked {
  readonly large: Large;
  /** Of the large work. */
  readonly callers: number;
  readonly small: Small;
  readonly beforeMs: number;
  readonly ms: number;
}

const methods = {
  /**
   * For `ms`, or until some of the large work was done, after `beforeMs` of the large work alone; where there are no small operations,
   * latencies are 0.
   */
  async among(asked: Asked): Promise<Among> {
    const { callers } = asked;
    const operation = small[asked.small];
    const busy = new Busy(callers, large[asked.large]);
    await busy.during(sleep(asked.beforeMs)); // with nobody to wait for it is over at once
    const before = busy.done;
    const latencies: number[] = [];
    const start = performance.now();
    while (performance.now() - start < asked.ms || (callers > 0 && busy.done === before)) {
      if (operation !== undefined) {
        const asks = performance.now();
        await operation();
        latencies.push(performance.now() - asks);
      }
      await sleep(PAUSE_MS);
    }
    const elapsed = performance.now() - start;
    const throughput = ((busy.done - before) / elapsed) * 1000;
    await busy.end();
    const share = latencies.reduce((sum, ms) => sum + ms, 0) / elapsed;
    const p = (share: number) => (latencies.length === 0 ? 0 : percentile(latencies, share));
    return { p50: p(0.5), p95: p(0.95), throughput, share };
  },
};

export type SmallWorker = typeof methods;

serve(methods, async () => {
  await device[Symbol.asyncDispose]();
});

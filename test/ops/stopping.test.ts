// A signal takes an operation of device.ops back, and the error names the operation as its caller does.

import { type Device, open, type Stream, tensor } from 'tensorlane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { random } from '../support/matrices.js';

let device: Device;
let stream: Stream;
beforeAll(async () => {
  device = await open(testDevice);
  stream = await device.streams.acquire();
});
afterAll(async () => {
  stream.release();
  await device.dispose();
});

const a = random('float64', [4, 6]);
const image = tensor(new Uint8Array(4 * 4 * 3), [1, 4, 4, 3]);

interface Taken {
  readonly signal?: AbortSignal;
  readonly stream?: Stream;
}
const operations: Record<string, (options: Taken) => Promise<unknown>> = {
  cast: (options) => device.ops.cast(a, 'float32', options),
  transpose: (options) => device.ops.transpose(a, undefined, options),
  sum: (options) => device.ops.sum(a, options),
  norm: (options) => device.ops.norm(a, { ...options, axis: 0 }),
  argmax: (options) => device.ops.argmax(a, options),
  topK: (options) => device.ops.topK(a, 2, options),
  hasNonFinite: (options) => device.ops.hasNonFinite(a, options),
  gather: (options) => device.ops.gather(a, [1], options),
  scatter: (options) => device.ops.scatter(a, [0, 1, 2, 3], a, options),
  padSequences: (options) => device.ops.padSequences(a, [1, 3], options),
  imageToTensor: (options) => device.ops.imageToTensor(image, options),
  add: (options) => device.ops.add(a, 1, options),
  less: (options) => device.ops.less(a, a, options),
  exp: (options) => device.ops.exp(a, options),
  clip: (options) => device.ops.clip(a, { ...options, min: 0 }),
  where: (options) => device.ops.where(tensor(new Uint8Array([1]), [1], { type: 'bool' }), a, 0, options),
  softmax: (options) => device.ops.softmax(a, options),
};

test.each(Object.keys(operations))(
  '%s: by a signal that was aborted before, and by one that is while it waits',
  async (name) => {
    const call = operations[name]!;
    const error = await expectError(
      call({ signal: AbortSignal.abort('enough') }),
      'ERR_ABORTED',
      new RegExp(`^${name}: aborted by its signal$`),
    );
    expect(error.cause).toBe('enough');

    const before = device.linalg.svd(random('float64', [160, 160]), { stream });
    const controller = new AbortController();
    const waiting = call({ stream, signal: controller.signal });
    controller.abort();
    await expectError(waiting, 'ERR_ABORTED', new RegExp(`^${name}: aborted by its signal$`));
    await before;
    await call({ stream, signal: new AbortController().signal });
  },
);

test('what is no signal is refused by name', async () => {
  const signal = 'stop' as unknown as AbortSignal;
  await expectError(device.ops.sum(a, { signal }), 'ERR_ARGUMENT', /^sum: signal must be an AbortSignal/);
});

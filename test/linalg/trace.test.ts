// The sum of a diagonal through the public surface, as numpy.trace has it over the last two axes.

import { type Device, open, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { random } from '../support/matrices.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

describe.each(['float32', 'float64'] as const)('%s', (type) => {
  test.each([[[3, 3]], [[2, 5]], [[2, 3, 5, 2]], [[40, 8, 8]], [[2, 300, 200]], [[2, 0, 3]], [[0, 3, 3]]])(
    'of %j, every diagonal from beyond one corner to beyond the other',
    async (dims) => {
      const [m, n] = dims.slice(-2) as [number, number];
      const lead = dims.slice(0, -2);
      const a = random(type, dims);
      for (const offset of new Set([-m - 1, -m, 1 - m, -1, 0, 1, n - 1, n, n + 1])) {
        const { dims: given, data } = await device.linalg.trace(a, { offset });
        expect(given).toEqual(lead);
        for (let b = 0; b < data.length; b++) {
          let sum = 0;
          for (let i = 0; i < m; i++)
            if (i + offset >= 0 && i + offset < n) sum += a.data[(b * m + i) * n + i + offset]!;
          expect(data[b]).toBeCloseTo(sum, type === 'float32' ? 4 : 10);
        }
      }
    },
  );
});

test('the main diagonal by default, also of a device tensor, and what is not finite is let through', async () => {
  const a = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  expect(await device.linalg.trace(a)).toMatchObject({ type: 'float32', dims: [], data: new Float32Array([6]) });
  await using held = await device.put(a);
  await using sum = await device.linalg.trace(held, { offset: 1 });
  expect((await sum.get()).data).toEqual(new Float32Array([8]));
  const odd = tensor([
    [Number.NaN, 0],
    [0, Number.POSITIVE_INFINITY],
  ]);
  expect((await device.linalg.trace(odd)).data[0]).toBeNaN();
});

test('what is no matrix, nothing to sum and no offset is refused', async () => {
  await expectError(device.linalg.trace(tensor([1, 2])), 'ERR_SHAPE', /trace/);
  await expectError(
    device.linalg.trace(tensor(new Uint16Array(4), [2, 2], { type: 'float16' }) as never),
    'ERR_DTYPE',
    /trace/,
  );
  const a = tensor([[1]]);
  for (const offset of [0.5, Number.NaN, '1', 2 ** 53]) {
    await expectError(device.linalg.trace(a, { offset: offset as never }), 'ERR_ARGUMENT', /trace: offset/);
  }
});

// Operands of any element type, as numpy.linalg promotes them.

import { type AlgebraOperand, type Device, DeviceTensor, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { arrayClasses } from '../../lib/tensor/dtypes.js';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const integers = ['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'bool'] as const;
type Type = (typeof integers)[number] | 'float32' | 'float64';

// [[1, 1], [0, 1]], which every type holds.
function unit(type: Type): Tensor<Type> {
  const data = new arrayClasses[type](4);
  const isBig = type === 'int64' || type === 'uint64';
  for (const i of [0, 1, 3]) data[i] = isBig ? 1n : 1;
  return { type, data, dims: [2, 2] } as Tensor<Type>;
}

describe('integers are computed in float64', () => {
  test.each(integers)('%s', async (type) => {
    const a = unit(type);
    const same = unit('float64');
    const { linalg } = device;
    for (const name of ['inv', 'cholesky', 'det', 'svd', 'eigh', 'qr', 'slogdet', 'svdvals', 'eigvalsh'] as const) {
      const call = (operand: AlgebraOperand): Promise<unknown> =>
        (linalg[name] as typeof linalg.inv).call(linalg, operand);
      expect(await call(a as AlgebraOperand), name).toEqual(await call(same));
    }
    const x = await linalg.solve(a, unit('float32'));
    expect(x).toEqual(await linalg.solve(same, same));
  });

  test('on the device too, and what is converted on the way is freed', async () => {
    const tensors = device.stats().tensors;
    const a = await device.put(unit('int32'));
    const inverse = device.linalg.inv(a);
    await a.dispose();
    await using result = await inverse;
    expect(result).toBeInstanceOf(DeviceTensor);
    const { type, data } = await result.get();
    expect(type).toBe('float64');
    expect([...data].map((x) => x + 0)).toEqual([1, -1, 0, 1]); // of either zero
    expect(device.stats().tensors).toBe(tensors + 1);
  });
});

describe('products and systems of two types', () => {
  const pairs: readonly (readonly [Type, Type, 'float32' | 'float64'])[] = [
    ['float32', 'float32', 'float32'],
    ['float32', 'float64', 'float64'],
    ['float64', 'int64', 'float64'],
    ['float32', 'int32', 'float64'],
    ['uint32', 'float32', 'float64'],
    ['float32', 'int16', 'float32'],
    ['uint8', 'float32', 'float32'],
    ['bool', 'float32', 'float32'],
  ];
  test.each(pairs)('matmul of %s and %s is %s, as numpy has it', async (a, b, type) => {
    const product = await device.linalg.matmul(unit(a) as AlgebraOperand, unit(b) as AlgebraOperand);
    expect(product).toEqual(
      tensor(
        [
          [1, 2],
          [0, 1],
        ],
        { type },
      ),
    );
    await using held = await device.put(unit(a));
    await using mixed = (await device.linalg.matmul(held as AlgebraOperand, unit(b) as AlgebraOperand)) as DeviceTensor;
    expect(await mixed.get()).toEqual(product);
  });

  test('solve takes float64 for all but two of float32', async () => {
    for (const [a, b] of pairs) {
      const x = await device.linalg.solve(unit(a) as AlgebraOperand, unit(b) as AlgebraOperand);
      const type = a === 'float32' && b === 'float32' ? 'float32' : 'float64';
      expect(x, `${a} and ${b}`).toEqual(
        tensor(
          [
            [1, 0],
            [0, 1],
          ],
          { type },
        ),
      );
    }
  });

  test('floats of 16 bits are refused in words', async () => {
    const half = { type: 'bfloat16', data: new Uint16Array(4), dims: [2, 2] } as never;
    await expectError(
      device.linalg.solve(unit('float32') as Tensor<'float32'>, half),
      'ERR_DTYPE',
      /solve: b.*bfloat16/,
    );
  });

  test('of operands that are converted is one operation of its stream: what is asked afterwards comes afterwards', async () => {
    const n = 200;
    const large = { type: 'int32', data: new Int32Array(n * n), dims: [n, n] } as const;
    for (let i = 0; i < n; i++) large.data[i * n + i] = i + 1;
    const small = tensor([[4]], { type: 'float64' });
    await using other = await open({ device: testDevice, streams: 2 });
    await using held = await other.put(large);
    for (const [where, operand] of Object.entries({ 'in host memory': large, 'on the device': held })) {
      const before = other.stats().streams.completed;
      const order: string[] = [];
      await other.streams.use((stream) =>
        Promise.all([
          other.linalg.inv(operand, { stream }).then(() => order.push('large')),
          other.linalg.inv(small, { stream }).then(() => order.push('small')),
        ]),
      );
      expect(order, where).toEqual(['large', 'small']);
      await expect.poll(() => other.stats().streams.completed - before, { message: where }).toBe(2);
    }
  });

  test('and what is disposed or released meanwhile does not stop it', async () => {
    const other = await open({ device: testDevice, streams: 2 });
    const four = tensor([[4]], { type: 'int32' });
    const quarter = tensor([[0.25]], { type: 'float64' });
    const stream = await other.streams.acquire();
    const released = other.linalg.inv(four, { stream });
    stream.release();
    expect(await released).toEqual(quarter);

    const held = await other.put(four);
    const scope = other.scope();
    const ofScope = scope.linalg.inv(held);
    const ended = scope.dispose();
    expect((await ofScope).disposed).toBe(true);
    await ended;
    expect(other.stats().tensors).toBe(1);

    const asked = [other.linalg.inv(four), other.linalg.solve(four, four), other.ops.exp(four)];
    const onDevice = other.linalg.inv(held);
    const disposal = other.dispose();
    const [first] = await Promise.all(asked);
    expect(first).toEqual(quarter);
    expect((await onDevice).dims).toEqual([1, 1]);
    await disposal;
    await expectError(other.linalg.inv(four), 'ERR_DISPOSED', /device/);
  });
});

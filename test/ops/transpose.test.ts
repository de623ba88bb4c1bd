// Transposes against their definition: the element at some indices of the operand is at the same ones, reordered, of the result.

import fc from 'fast-check';
import { type Device, type NumericDType, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { expectSame, inAllWays, product } from './support.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const arrays = { uint8: Uint8Array, bfloat16: Uint16Array, float32: Float32Array, float64: Float64Array } as const;
type Type = keyof typeof arrays;

const steps = (dims: readonly number[]) => dims.map((_, i) => product(dims.slice(i + 1)));

function transposed(a: Tensor<NumericDType>, axes: readonly number[]): Tensor<NumericDType> {
  const dims = axes.map((axis) => a.dims[axis]!);
  const from = steps(a.dims);
  const to = steps(dims);
  const data = (a.data as Float64Array).slice();
  for (let i = 0; i < data.length; i++) {
    const source = axes.reduce((sum, axis, at) => sum + (Math.floor(i / to[at]!) % dims[at]!) * from[axis]!, 0);
    data[i] = a.data[source] as number;
  }
  return { type: a.type, data, dims } as unknown as Tensor<NumericDType>;
}

function counted(type: Type, dims: number[]): Tensor<NumericDType> {
  const data = new arrays[type](product(dims));
  for (let i = 0; i < data.length; i++) data[i] = i % 251;
  return { type, data, dims } as unknown as Tensor<NumericDType>;
}

const check = async (type: Type, dims: number[], axes: number[]) => {
  const a = counted(type, dims);
  const result = await inAllWays<Tensor>(device, a, (operand, options) => device.ops.transpose(operand, axes, options));
  const places = axes.map((axis) => (axis < 0 ? axis + dims.length : axis));
  expectSame(result, transposed(a, places), `${type} [${dims}] by [${axes}]`);
};

test('any order of any dims', async () => {
  const cases = fc
    .array(
      fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 30, arbitrary: fc.integer({ min: 1, max: 9 }) }),
      {
        maxLength: 5,
      },
    )
    .chain((dims) =>
      fc.record({
        dims: fc.constant(dims),
        axes: fc.shuffledSubarray(
          dims.map((_, i) => i),
          { minLength: dims.length },
        ),
        type: fc.constantFrom(...(Object.keys(arrays) as Type[])),
      }),
    );
  await fc.assert(
    fc.asyncProperty(cases, ({ dims, axes, type }) => check(type, dims, axes)),
    { numRuns: 120, seed: 1 },
  );
});

test.each([
  { dims: [70, 300], axes: [1, 0] },
  { dims: [3, 65, 130], axes: [0, -1, -2] },
  { dims: [2, 40, 50, 3], axes: [0, 3, 1, 2] }, // images to channels first
  { dims: [2, 3, 40, 50], axes: [0, 2, 3, 1] }, // and back
  { dims: [2, 33, 4, 16], axes: [0, 2, 1, 3] }, // attention heads: two transposes
  { dims: [4, 5, 6, 7, 8], axes: [4, 3, 2, 1, 0] },
  { dims: [5, 4, 3, 2, 6], axes: [3, 1, 4, 0, 2] },
  { dims: [100_000, 3], axes: [1, 0] },
])('$dims by $axes', async ({ dims, axes }) => {
  for (const type of Object.keys(arrays) as Type[]) await check(type, dims, axes);
});

test('by default the last dimension comes first', async () => {
  const result = await device.ops.transpose(
    tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]),
  );
  expect(result).toEqual({ type: 'float32', data: Float32Array.of(1, 4, 2, 5, 3, 6), dims: [3, 2] });
  expect((await device.ops.transpose(tensor(new Float32Array(24), [2, 3, 4]))).dims).toEqual([4, 3, 2]);
});

test('more than is sent to a device in one piece', async () => {
  const rows = 1 << 12;
  const large = tensor(
    Float64Array.from({ length: rows * 64 * 10 }, (_, i) => i),
    [rows, 64, 10],
  );
  const { data } = await device.ops.transpose(large, [0, 2, 1]);
  let wrong = 0;
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < 64; i++)
      for (let j = 0; j < 10; j++) if (data[r * 640 + j * 64 + i] !== r * 640 + i * 10 + j) wrong++;
  }
  expect(wrong).toBe(0);
});

test('refuses axes that are none', async () => {
  const a = tensor([[1, 2]]);
  await expectError(device.ops.transpose(a, [0]), 'ERR_ARGUMENT', /2 axes/);
  await expectError(device.ops.transpose(a, [0, 0]), 'ERR_ARGUMENT', /once/);
  await expectError(device.ops.transpose(a, [1, -1]), 'ERR_ARGUMENT', /once/);
  await expectError(device.ops.transpose(a, [0, 2]), 'ERR_ARGUMENT', /axis/);
  await expectError(device.ops.transpose(a, [0, 0.5]), 'ERR_ARGUMENT', /axis/);
  await expectError(device.ops.transpose(a, 'T' as never), 'ERR_ARGUMENT', /axes/);
  await expectError(device.ops.transpose({ type: 'int4', data: new Int8Array(1), dims: [2] }), 'ERR_DTYPE', /int4/);
  await expectError(device.ops.transpose(tensor(['a']) as never), 'ERR_DTYPE', /string/);
});

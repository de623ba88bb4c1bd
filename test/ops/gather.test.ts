// Rows picked by their indices, and whether rows are finite.

import fc from 'fast-check';
import { type Device, DeviceTensor, type NumericDType, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { expectSame, floats, generator, inAllWays, product } from './support.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

function expected(a: Tensor<NumericDType>, indices: readonly number[], dims: readonly number[]) {
  const [rows, ...rest] = a.dims as [number, ...number[]];
  const size = product(rest);
  const data = new (a.data.constructor as typeof Float64Array)(indices.length * size);
  for (const [i, index] of indices.entries()) {
    const row = index < 0 ? index + rows : index;
    data.set((a.data as Float64Array).subarray(row * size, (row + 1) * size), i * size);
  }
  return { type: a.type, data, dims: [...dims, ...rest] } as unknown as Tensor<NumericDType>;
}

function some(type: 'uint8' | 'bfloat16' | 'float32' | 'float64', dims: number[]): Tensor<NumericDType> {
  const arrays = { uint8: Uint8Array, bfloat16: Uint16Array, float32: Float32Array, float64: Float64Array };
  const data = new arrays[type](product(dims));
  for (let i = 0; i < data.length; i++) data[i] = i % 253;
  return { type, data, dims } as unknown as Tensor<NumericDType>;
}

describe('gather', () => {
  test('any rows of any dims, by indices wherever they are', async () => {
    const cases = fc.record({
      rows: fc.integer({ min: 1, max: 30 }),
      rest: fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 3 }),
      type: fc.constantFrom('uint8', 'bfloat16', 'float32', 'float64'),
      indexType: fc.constantFrom('int32', 'int64'),
      dims: fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 2 }),
      seed: fc.integer({ min: 1, max: 1 << 30 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ rows, rest, type, indexType, dims, seed }) => {
        const next = generator(seed);
        const a = some(type as 'uint8', [rows, ...rest]);
        const picked = Array.from({ length: product(dims) }, () => Math.floor(next() * 2 * rows) - rows);
        const data = indexType === 'int32' ? Int32Array.from(picked) : BigInt64Array.from(picked, BigInt);
        const indices = { type: indexType, data, dims } as Tensor<'int32' | 'int64'>;
        const result = await inAllWays<Tensor>(device, a, (operand, options) =>
          device.ops.gather(operand as Tensor<'uint8'>, indices, options),
        );
        expectSame(result, expected(a, picked, dims), 'from host indices');
        await using held = await device.put(indices as Tensor<'int32'>);
        await using onDevice = await device.ops.gather(a, held);
        expect(onDevice).toBeInstanceOf(DeviceTensor);
        expectSame(await onDevice.get(), expected(a, picked, dims), 'from indices on the device');
        if (dims.length === 1) expectSame((await device.ops.gather(a, picked)) as Tensor, result, 'from numbers');
      }),
      { numRuns: 60, seed: 5 },
    );
  });

  test('long rows, many rows, and results that come back in several pieces', async () => {
    const long = some('float32', [5, 70_001]);
    expectSame((await device.ops.gather(long, [4, 0, -1])) as Tensor, expected(long, [4, 0, -1], [3]), 'long rows');
    const many = some('float64', [20_000, 3]);
    const picked = Array.from({ length: 50_000 }, (_, i) => (i * 7919) % 20_000);
    expectSame((await device.ops.gather(many, picked)) as Tensor, expected(many, picked, [50_000]), 'many rows');
    const small = some('float32', [10, 500]);
    const repeated = Array.from({ length: 10_000 }, (_, i) => i % 10);
    const indices = tensor(Int32Array.from(repeated));
    expectSame((await device.ops.gather(small, indices)) as Tensor, expected(small, repeated, [10_000]), 'in pieces');
    await using held = await device.put(indices);
    await using result = await device.ops.gather(small, held);
    expectSame(await result.get(), expected(small, repeated, [10_000]), 'on the device');
  });

  test('indices that the device has computed', async () => {
    const scores = floats('float32', [40, 6], 1);
    await using held = await device.put(scores as Tensor<'float32'>);
    await using columns = await device.ops.transpose(held);
    await using best = await device.ops.argmax(held, { axis: 0 }); // for each column its row
    await using rows = await device.ops.gather(held, best);
    await using largest = await device.ops.max(columns);
    const { data } = await rows.get();
    expect(Float32Array.from({ length: 6 }, (_, i) => data[i * 6 + i]!)).toEqual((await largest.get()).data);
  });

  test('an index that is out of range is an error, wherever it is', async () => {
    const a = some('float32', [4, 3]);
    await using held = await device.put(a);
    for (const index of [4, -5, 2 ** 40, -(2 ** 53 - 1)]) {
      const given = [0, index, 1];
      await expectError(device.ops.gather(a, given), 'ERR_ARGUMENT', /index .* at 1 is out of range for 4 rows/);
      await expectError(device.ops.gather(held, given), 'ERR_ARGUMENT', /out of range/);
      await using indices = await device.put(tensor(BigInt64Array.from(given, BigInt)));
      await expectError(device.ops.gather(held, indices), 'ERR_ARGUMENT', /out of range for 4 rows/);
      await expectError(device.ops.gather(a, indices), 'ERR_ARGUMENT', /out of range for 4 rows/);
    }
    await expectError(device.ops.gather(tensor(new Float32Array(0), [0, 3]), [0]), 'ERR_ARGUMENT', /0 rows/);
    await expectError(device.ops.gather(tensor(new Float32Array(0), [3, 0]), [3]), 'ERR_ARGUMENT', /3 rows/);
    expectSame((await device.ops.gather(a, [3])) as Tensor, expected(a, [3], [1]), 'and the device goes on');
  });

  test('refuses what is no index', async () => {
    const a = some('float32', [4, 3]) as Tensor<'float32'>;
    await expectError(device.ops.gather(a, [0.5]), 'ERR_ARGUMENT', /integers/);
    await expectError(device.ops.gather(a, [undefined] as never), 'ERR_ARGUMENT', /integers/);
    await expectError(device.ops.gather(a, ['1'] as never), 'ERR_ARGUMENT', /integers/);
    await expectError(device.ops.gather(a, 1 as never), 'ERR_ARGUMENT', /tensor/);
    await expectError(device.ops.gather(a, tensor([1]) as never), 'ERR_DTYPE', /float32/);
    await expectError(device.ops.gather(tensor(Float32Array.of(1), []), [0]), 'ERR_SHAPE', /scalar/);
    await expectError(
      device.ops.gather({ type: 'uint4', data: new Uint8Array(1), dims: [2] }, [0]),
      'ERR_DTYPE',
      /uint4/,
    );
    expect(await device.ops.gather(a, [])).toEqual({ type: 'float32', data: new Float32Array(0), dims: [0, 3] });
  });
});

describe('hasNonFinite', () => {
  test.each(['float32', 'float64'] as const)('names the items of %s that are not finite', async (type) => {
    const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const dims of [[7], [9, 5], [6, 3, 4], [3, 600], [4, 40_000], [3000, 1], [5000, 600]]) {
      const a = floats(type, dims, 1);
      a.data[0] = type === 'float32' ? 3.4e38 : 1.7e308; // finite
      const size = product(dims.slice(1));
      const data = new Uint8Array(dims[0]!);
      const next = generator(dims.length + size);
      for (let item = 1; item < dims[0]!; item += 1 + Math.floor(next() * 4)) {
        data[item] = 1;
        a.data[item * size + Math.floor(next() * size)] = bad[Math.floor(next() * 3)]!;
      }
      const result = await inAllWays(device, a, (operand, options) => device.ops.hasNonFinite(operand, options));
      expect(result, `[${dims}]`).toEqual({ type: 'bool', data, dims: [dims[0]] });
    }
  });

  test('of nothing, and of what it cannot look at', async () => {
    const empty = await device.ops.hasNonFinite(tensor(new Float32Array(0), [2, 0]));
    expect(empty).toEqual({ type: 'bool', data: new Uint8Array(2), dims: [2] });
    expect((await device.ops.hasNonFinite(tensor(new Float32Array(0), [0, 2]))).dims).toEqual([0]);
    await expectError(device.ops.hasNonFinite(tensor(Float32Array.of(1), [])), 'ERR_SHAPE', /scalar/);
    await expectError(device.ops.hasNonFinite(tensor([1], { type: 'int16' }) as never), 'ERR_DTYPE', /int16/);
  });
});

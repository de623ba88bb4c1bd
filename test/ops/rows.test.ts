// Rows of the leading dimension: picked, placed and padded, and whether they are finite.

import fc from 'fast-check';
import { type Device, DeviceTensor, type NumericDType, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encode } from '../../lib/tensor/small-floats.js';
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

describe('scatter', () => {
  test('replaces any rows of any dims, by indices wherever they are', async () => {
    const cases = fc.record({
      rows: fc.integer({ min: 1, max: 12 }),
      rest: fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 3 }),
      type: fc.constantFrom('uint8', 'bfloat16', 'float32', 'float64'),
      dims: fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 2 }),
      seed: fc.integer({ min: 1, max: 1 << 30 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ rows, rest, type, dims, seed }) => {
        const next = generator(seed);
        const a = some(type as 'uint8', [rows, ...rest]) as Tensor<'uint8'>;
        const updates = some(type as 'uint8', [...dims, ...rest]) as Tensor<'uint8'>;
        updates.data.reverse();
        const picked = Array.from({ length: product(dims) }, () => Math.floor(next() * 2 * rows) - rows);
        const indices = { type: 'int64', data: BigInt64Array.from(picked, BigInt), dims } as Tensor<'int64'>;
        const size = product(rest);
        const wanted = { ...a, data: a.data.slice() };
        for (const [i, index] of picked.entries()) {
          const row = index < 0 ? index + rows : index;
          wanted.data.set(updates.data.subarray(i * size, (i + 1) * size), row * size);
        }
        const result = await inAllWays<Tensor>(device, a, (operand, options) =>
          device.ops.scatter(operand as Tensor<'uint8'>, indices, updates, options),
        );
        expectSame(result, wanted, 'from host indices');
        await using held = await device.put(indices);
        await using heldUpdates = await device.put(updates);
        await using onDevice = await device.ops.scatter(a, held, heldUpdates);
        expectSame(await onDevice.get(), wanted, 'from indices on the device');
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  test('undoes a gather', async () => {
    const a = some('float32', [3000, 700]) as Tensor<'float32'>;
    const order = Array.from({ length: 3000 }, (_, i) => (i * 1009) % 3000);
    const gathered = await device.ops.gather(a, order);
    const zeros = tensor(new Float32Array(a.data.length), [3000, 700]);
    expectSame(await device.ops.scatter(zeros, order, gathered), a, 'scattered');
  });

  test('refuses what it cannot place', async () => {
    const a = some('float32', [4, 3]) as Tensor<'float32'>;
    const row = some('float32', [1, 3]) as Tensor<'float32'>;
    await expectError(device.ops.scatter(a, [4], row), 'ERR_ARGUMENT', /index 4 at 0 is out of range for 4 rows/);
    await using indices = await device.put(tensor(Int32Array.of(-5)));
    await expectError(device.ops.scatter(a, indices, row), 'ERR_ARGUMENT', /out of range for 4 rows/);
    await expectError(device.ops.scatter(a, [0, 1], row), 'ERR_SHAPE', /\[2, 3\], got \[1, 3\]/);
    await expectError(device.ops.scatter(a, [0], tensor([1, 2, 3])), 'ERR_SHAPE', /\[1, 3\], got \[3\]/);
    await expectError(device.ops.scatter(a, [0], tensor([[1, 2, 3]], { type: 'int32' })), 'ERR_DTYPE', /int32/);
    await expectError(device.ops.scatter(a, [0], undefined as never), 'ERR_ARGUMENT', /updates/);
    expectSame(await device.ops.scatter(a, [], some('float32', [0, 3]) as Tensor<'float32'>), a, 'nothing');
  });
});

describe('padSequences', () => {
  test('any lengths of any dims', async () => {
    const cases = fc.record({
      lengths: fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 9 }),
      rest: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 2 }),
      type: fc.constantFrom('uint8', 'bfloat16', 'float32', 'float64'),
      length: fc.option(fc.integer({ min: 0, max: 25 }), { nil: undefined }),
      value: fc.option(fc.integer({ min: 0, max: 255 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ lengths, rest, type, length, value }) => {
        const total = lengths.reduce((sum, one) => sum + one, 0);
        const a = some(type as 'uint8', [total, ...rest]) as Tensor<'uint8'>;
        const given = { ...(length !== undefined && { length }), ...(value !== undefined && { value }) };
        const long = length ?? Math.max(0, ...lengths);
        const size = product(rest);
        const element = type === 'bfloat16' ? encode('bfloat16', value ?? 0) : (value ?? 0);
        const data = new (a.data.constructor as typeof Uint8Array)(lengths.length * long * size).fill(element);
        let start = 0;
        for (const [i, one] of lengths.entries()) {
          data.set(a.data.subarray(start * size, (start + Math.min(one, long)) * size), i * long * size);
          start += one;
        }
        const result = await inAllWays<Tensor>(device, a, (operand, options) =>
          device.ops.padSequences(operand as Tensor<'uint8'>, lengths, { ...given, ...options }),
        );
        expectSame(result, { type: a.type, data, dims: [lengths.length, long, ...rest] }, `${lengths}`);
      }),
      { numRuns: 80, seed: 8 },
    );
  });

  test('values of all kinds, and many sequences', async () => {
    const ids = tensor(BigInt64Array.of(5n, 6n, 7n));
    const { data } = await device.ops.padSequences(ids, [1, 2], { value: -1n });
    expect(data).toEqual(BigInt64Array.of(5n, -1n, 6n, 7n));
    expect((await device.ops.padSequences(ids, [3], { value: 2 ** 53, length: 4 })).data[3]).toBe(2n ** 53n);
    const words = await device.ops.padSequences(tensor([1, 2, 3]), [2, 1], { value: Number.NaN });
    expect(words.data).toEqual(Float32Array.of(1, 2, 3, Number.NaN));
    const lengths = Array.from({ length: 5000 }, (_, i) => i % 700);
    const a = tensor(new Float32Array(lengths.reduce((sum, one) => sum + one, 0)).fill(1));
    const { data: many, dims } = await device.ops.padSequences(a, lengths);
    expect(dims).toEqual([5000, 699]);
    expect(many.findIndex((value, i) => value !== Number(i % 699 < lengths[Math.floor(i / 699)]!))).toBe(-1);
  });

  test('refuses lengths that are none', async () => {
    const a = tensor([1, 2, 3]);
    await expectError(device.ops.padSequences(a, [1, 1]), 'ERR_SHAPE', /add up to 2, but a has 3/);
    await expectError(device.ops.padSequences(a, [4, -1]), 'ERR_ARGUMENT', /length/);
    await expectError(device.ops.padSequences(a, [1.5, 1.5]), 'ERR_ARGUMENT', /length/);
    await expectError(device.ops.padSequences(a, 3 as never), 'ERR_ARGUMENT', /array/);
    await expectError(device.ops.padSequences(a, [3], { length: -1 }), 'ERR_ARGUMENT', /length/);
    await expectError(device.ops.padSequences(a, [3], { value: '0' as never }), 'ERR_ARGUMENT', /value/);
    await expectError(device.ops.padSequences(a, [3], null as never), 'ERR_ARGUMENT', /options/);
    const ids = tensor(BigInt64Array.of(1n));
    await expectError(device.ops.padSequences(ids, [1], { value: 0.5 }), 'ERR_ARGUMENT', /integer for int64/);
    await expectError(device.ops.padSequences(tensor(Float32Array.of(1), []), [1]), 'ERR_SHAPE', /scalar/);
  });
});

// Reductions, argmax and topK against plain loops, along every axis.

import fc from 'fast-check';
import { type Device, open, type ReduceOptions, type Tensor, type TopK, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { epsilon } from '../support/matrices.js';
import { expectWithin } from '../support/within.js';
import { floats, inAllWays, product } from './support.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

type Floats = Tensor<'float32'> | Tensor<'float64'>;
type Type = Floats['type'];

const sum = (row: number[]) => row.reduce((all, x) => all + x, 0);
const reductions = {
  sum,
  mean: (row: number[]) => sum(row) / row.length,
  max: (row: number[]) => Math.max(...row),
  min: (row: number[]) => Math.min(...row),
  norm: (row: number[]) => Math.hypot(...row),
} as const;
type Name = keyof typeof reductions;

/** What lies along the axis, for each result in order. */
function rowsOf({ data, dims }: Floats, axis: number): number[][] {
  const place = axis < 0 ? axis + dims.length : axis;
  const inner = product(dims.slice(place + 1));
  const length = dims[place]!;
  return Array.from({ length: product(dims.slice(0, place)) * inner }, (_, i) =>
    Array.from({ length }, (_, j) => data[(Math.floor(i / inner) * length + j) * inner + (i % inner)]!),
  );
}

function without(dims: readonly number[], axis: number, keepDims: boolean): number[] {
  const place = axis < 0 ? axis + dims.length : axis;
  return [...dims.slice(0, place), ...(keepDims ? [1] : []), ...dims.slice(place + 1)];
}

async function check(name: Name, a: Floats, { axis = -1, keepDims = false }: ReduceOptions) {
  const what = `${name} of ${a.type} [${a.dims}] along ${axis}`;
  const result = await inAllWays<Floats>(device, a, (operand, options) =>
    device.ops[name](operand, { ...options, axis, keepDims }),
  );
  expect({ type: result.type, dims: result.dims }, what).toEqual({
    type: a.type,
    dims: without(a.dims, axis, keepDims),
  });
  const rows = rowsOf(a, axis);
  expect(result.data.length, what).toBe(rows.length);
  for (const [i, row] of rows.entries()) {
    const expected = row.some(Number.isNaN) && name !== 'sum' ? Number.NaN : reductions[name](row);
    const got = result.data[i]!;
    const size = name === 'mean' ? sum(row.map(Math.abs)) / row.length : sum(row.map(Math.abs));
    const exact = name === 'max' || name === 'min';
    const bound = exact ? 0 : 4 * epsilon[a.type] * Math.max(size, Number.MIN_VALUE);
    expectWithin(got, expected, bound, () => `${what}, result ${i}`);
  }
}

const anyDims = fc
  .array(
    fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 20, arbitrary: fc.integer({ min: 1, max: 12 }) }),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .chain((dims) =>
    fc.record({ dims: fc.constant(dims), axis: fc.integer({ min: -dims.length, max: dims.length - 1 }) }),
  );
const anyCase = fc.record({
  shape: anyDims,
  type: fc.constantFrom('float32', 'float64'),
  special: fc.boolean(),
  keepDims: fc.boolean(),
  seed: fc.integer({ min: 1, max: 1 << 30 }),
});

describe.each(Object.keys(reductions) as Name[])('%s', (name) => {
  test('of any dims along any axis, with NaNs and infinities among them', async () => {
    await fc.assert(
      fc.asyncProperty(anyCase, ({ shape, type, special, keepDims, seed }) =>
        check(name, floats(type as Type, shape.dims, seed, special), { axis: shape.axis, keepDims }),
      ),
      { numRuns: 40, seed: 2 },
    );
  });

  test.each(['float32', 'float64'] as const)('of long rows of %s', async (type) => {
    await check(name, floats(type, [3, 20_001], 1), {});
    await check(name, floats(type, [1, 100_000], 2), {});
    await check(name, floats(type, [2, 3000, 5], 3), { axis: 1 });
    await check(name, floats(type, [40, 1500], 4), { axis: 0 });
  });

  test('of a batch that is sent to a device in several pieces', async () => {
    // Of 4 MiB, which end in the middle of a row and of a matrix.
    await check(name, floats('float32', [10_000, 110], 5), {});
    await check(name, floats('float64', [15, 400, 100], 6), { axis: 1 });
  });

  test('of nothing', async () => {
    const none = { sum: 0, mean: Number.NaN, max: Number.NEGATIVE_INFINITY, min: Number.POSITIVE_INFINITY, norm: 0 };
    await using fresh = await open(testDevice); // whose lanes have held nothing yet
    const a = tensor(new Float64Array(0), [2, 0, 3]);
    expect(await fresh.ops[name](a, { axis: 1 })).toEqual({
      type: 'float64',
      data: new Float64Array(6).fill(none[name]),
      dims: [2, 3],
    });
    expect((await device.ops[name](a)).data).toEqual(new Float64Array(0));
  });

  test('refuses what it cannot reduce', async () => {
    const call = (...args: unknown[]) =>
      (device.ops[name] as (...args: unknown[]) => Promise<unknown>).apply(device.ops, args);
    const a = tensor([[1, 2]]);
    await expectError(call(a, { axis: 2 }), 'ERR_ARGUMENT', /axis must be an integer from -2 to 1/);
    await expectError(call(a, { axis: -3 }), 'ERR_ARGUMENT', /axis/);
    await expectError(call(a, { axis: 0.5 }), 'ERR_ARGUMENT', /axis/);
    await expectError(call(a, { axis: null }), 'ERR_ARGUMENT', /axis/);
    await expectError(call(a, { keepDims: 1 }), 'ERR_ARGUMENT', /keepDims/);
    await expectError(call(a, null), 'ERR_ARGUMENT', /options/);
    await expectError(call(a, { stream: {} }), 'ERR_ARGUMENT', /stream/);
    await expectError(call(tensor(Float32Array.of(1), [])), 'ERR_SHAPE', /scalar/);
    await expectError(call(tensor([[1]], { type: 'int32' })), 'ERR_DTYPE', /int32.*cast/);
    await expectError(call(undefined), 'ERR_ARGUMENT', /tensor/);
  });
});

test('a sum of many float32 numbers loses nothing on the way', async () => {
  const count = 1 << 20;
  const { data } = await device.ops.sum(tensor(new Float32Array(count).fill(0.1)));
  expect(data[0]).toBe(Math.fround(Math.fround(0.1) * count));
});

test('squares of a norm neither overflow nor vanish', async () => {
  const rows = [
    [3e200, 4e200, 0, 0],
    [3e-200, 4e-200, 0, 0],
    [3e300, 4e-300, 4e300, 0],
    [5e-324, 0, 0, 0],
    [0, 0, 0, 0],
    [1.7e308, 1.7e308, 0, 0],
    [Number.NEGATIVE_INFINITY, 1, 0, 0],
    [Number.POSITIVE_INFINITY, Number.NaN, 0, 0],
  ];
  const { data } = await inAllWays<Tensor<'float64'>>(device, tensor(rows, { type: 'float64' }), (a, options) =>
    device.ops.norm(a, options),
  );
  const expected = [5e200, 5e-200, 5e300, 5e-324, 0, Infinity, Infinity, NaN];
  for (const [i, value] of expected.entries()) {
    if (Number.isFinite(value) && value > 0) expect(data[i]! / value, `row ${i}`).toBeCloseTo(1, 14);
    else expect(data[i], `row ${i}`).toBe(value);
  }
  const { data: single } = await device.ops.norm(
    tensor([
      [3e30, 4e30],
      [3e-30, 4e-30],
    ]),
  );
  expect(single[0]! / 5e30).toBeCloseTo(1, 6);
  expect(single[1]! / 5e-30).toBeCloseTo(1, 6);
});

/** Largest first; a NaN above all; of equals the first. */
const ranked = (row: number[]) =>
  row
    .map((value, index) => ({ value, index }))
    .sort((a, b) => {
      const [x, y] = [Number.isNaN(a.value), Number.isNaN(b.value)];
      if (x || y) return x && y ? a.index - b.index : x ? -1 : 1;
      return a.value === b.value ? a.index - b.index : a.value > b.value ? -1 : 1;
    });

describe('argmax', () => {
  const checkArgmax = async (a: Floats, axis: number, keepDims: boolean) => {
    const what = `argmax of ${a.type} [${a.dims}] along ${axis}`;
    const result = await inAllWays<Tensor<'int64'>>(device, a, (operand, options) =>
      device.ops.argmax(operand, { ...options, axis, keepDims }),
    );
    const data = BigInt64Array.from(rowsOf(a, axis), (row) => BigInt(ranked(row)[0]!.index));
    expect(result, what).toEqual({ type: 'int64', data, dims: without(a.dims, axis, keepDims) });
  };

  test('of any dims along any axis', async () => {
    const filled = anyCase.filter(({ shape: { dims, axis } }) => dims.at(axis)! > 0);
    await fc.assert(
      fc.asyncProperty(filled, ({ shape, type, special, keepDims, seed }) =>
        checkArgmax(floats(type as Type, shape.dims, seed, special), shape.axis, keepDims),
      ),
      { numRuns: 60, seed: 3 },
    );
    await checkArgmax(floats('float32', [2, 30_000], 1), -1, false);
    await checkArgmax(floats('float64', [3, 2000, 4], 2), 1, true);
  });

  test('refuses an axis of no elements, unless there is no result', async () => {
    await expectError(device.ops.argmax(tensor(new Float32Array(0), [2, 0])), 'ERR_SHAPE', /no element/);
    expect((await device.ops.argmax(tensor(new Float32Array(0), [0, 2]))).dims).toEqual([0]);
    await expectError(device.ops.argmax(tensor([1], { type: 'uint8' }) as never), 'ERR_DTYPE', /uint8/);
    await expectError(device.ops.argmax(tensor([1]), { axis: 1 }), 'ERR_ARGUMENT', /axis/);
  });
});

describe('topK', () => {
  const checkTopK = async (a: Floats, k: number) => {
    const { values, indices } = await inAllWays<TopK<Floats, Tensor<'int64'>>>(device, a, (operand, options) =>
      device.ops.topK(operand, k, options),
    );
    const dims = [...a.dims.slice(0, -1), k];
    const best = rowsOf(a, -1).flatMap((row) => ranked(row).slice(0, k));
    expect({ ...values, data: Array.from(values.data) }).toEqual({
      type: a.type,
      data: best.map(({ value }) => value),
      dims,
    });
    const data = BigInt64Array.from(best, ({ index }) => BigInt(index));
    expect(indices).toEqual({ type: 'int64', data, dims });
  };

  test('of any rows', async () => {
    const cases = anyCase.chain((one) =>
      fc.record({ one: fc.constant(one), k: fc.integer({ min: 0, max: one.shape.dims.at(-1)! }) }),
    );
    await fc.assert(
      fc.asyncProperty(cases, ({ one: { shape, type, special, seed }, k }) =>
        checkTopK(floats(type as Type, shape.dims, seed, special), k),
      ),
      { numRuns: 60, seed: 4 },
    );
  });

  test('of long rows, and many of them', async () => {
    await checkTopK(floats('float32', [2, 5000], 1, true), 17);
    await checkTopK(floats('float64', [2, 1500], 2), 1024);
    await checkTopK(floats('float32', [1, 40_000], 3), 5);
    await checkTopK(floats('float32', [3000, 12], 4), 3);
  });

  test('refuses a k that is none', async () => {
    const a = floats('float32', [2, 3], 1);
    for (const k of [-1, 4, 1.5, Number.NaN, '1', undefined]) {
      await expectError(device.ops.topK(a, k as never), 'ERR_ARGUMENT', /k must be an integer from 0 to 3/);
    }
    await expectError(device.ops.topK(tensor(new Float32Array(2000)), 1025), 'ERR_ARGUMENT', /0 to 1024/);
    await expectError(device.ops.topK(tensor(Float32Array.of(1), []), 1), 'ERR_SHAPE', /scalar/);
    await expectError(device.ops.topK(tensor([1], { type: 'int8' }) as never, 1), 'ERR_DTYPE', /int8/);
  });
});

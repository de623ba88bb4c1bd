// Transposed tensors: views over the same memory that operations take like any other tensor, and matmul where they lie.

import {
  type Device,
  DeviceTensor,
  type NumericDType,
  type Operand,
  open,
  type Tensor,
  TensorlaneError,
  tensor,
  transposed,
} from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { random } from '../support/matrices.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const onHost = async (a: Operand): Promise<Tensor<NumericDType>> => (a instanceof DeviceTensor ? a.get() : a);

/** How far they are apart at most. */
async function apart(given: Operand, wanted: Operand): Promise<number> {
  const [x, y] = [await onHost(given), await onHost(wanted)];
  expect(x.type).toBe(y.type);
  expect(x.dims).toEqual(y.dims);
  return (x.data as Float64Array).reduce(
    (most, one, i) => Math.max(most, Math.abs(Number(one) - Number(y.data[i]))),
    0,
  );
}

/** Of a type, with elements that differ. */
function numbers(type: 'float32' | 'float64' | 'int32' | 'complex64' | 'complex128' | 'bool', dims: number[]) {
  const count = dims.reduce((total, dim) => total * dim, 1);
  const real = random('float64', [count * (type.startsWith('complex') ? 2 : 1)]).data;
  const array = {
    float32: () => Float32Array.from(real),
    float64: () => Float64Array.from(real),
    int32: () => Int32Array.from(real, (x) => Math.round(x * 100)),
    complex64: () => Float32Array.from(real),
    complex128: () => Float64Array.from(real),
    bool: () => Uint8Array.from(real, (x) => Number(x > 0)),
  }[type]();
  return { type, data: array, dims } as unknown as Tensor<typeof type>;
}

test('a view is over the same memory, and has its elements in order for whoever asks', () => {
  const a = tensor(Float64Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
  const t = transposed(a);
  expect(t.dims).toEqual([3, 2]);
  expect([...t.data]).toEqual([1, 4, 2, 5, 3, 6]);
  a.data[1] = 20;
  expect([...t.data]).toEqual([1, 4, 20, 5, 3, 6]);
  expect(transposed(t).data, 'twice is what it was').toBe(a.data);
  const three = tensor(
    Float32Array.from({ length: 24 }, (_, i) => i),
    [2, 3, 4],
  );
  const view = transposed(transposed(three, [2, 0, 1]), [0, -1, 1]);
  expect(view.dims).toEqual([4, 3, 2]);
  expect([...view.data]).toEqual([...transposed(three).data]);
  const complex = { type: 'complex64', data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), dims: [2, 2] } as const;
  expect([...transposed<'complex64'>(complex).data]).toEqual([1, 2, 5, 6, 3, 4, 7, 8]);
  expect(transposed(tensor(new Float64Array(0), [0, 3])).dims).toEqual([3, 0]);
});

test('axes that are none, and elements of less than a byte, are refused', async () => {
  const a = random('float64', [2, 3]);
  const there = await device.put(a);
  for (const axes of [[0], [0, 0], [0, 2], ['x', 0], 'no']) {
    expect(() => transposed(a, axes as number[])).toThrow(/^transposed: /);
    expect(() => there.transpose(axes as number[])).toThrow(/^transpose: /);
  }
  expect(() => transposed({ type: 'int4', data: new Int8Array(2), dims: [2, 2] } as Tensor<'int4'>)).toThrow(
    TensorlaneError,
  );
  await there.dispose();
  expect(() => there.transpose()).toThrow(/disposed/);
});

describe.each(['on the host', 'on the device'])('%s', (where) => {
  const place = async <A extends Tensor<NumericDType>>(a: A): Promise<A> =>
    where === 'on the host' ? a : ((await device.put(a)) as unknown as A);
  const flip = (a: Tensor<NumericDType>, axes?: readonly number[]) => transposed(a as Tensor<'float64'>, axes);

  test.each([
    [3, 4, 5],
    [1, 7, 1],
    [16, 16, 16],
    [33, 20, 47],
    [70, 1, 65],
    [2, 0, 3],
    [0, 3, 2],
  ])('products of %d x %d and %d columns, either or both transposed, in every type', async (m, k, n) => {
    for (const type of ['float32', 'float64', 'int32', 'complex64', 'complex128', 'bool'] as const) {
      for (const lead of [[], [3]]) {
        const a = numbers(type, [...lead, m, k]);
        const b = numbers(type, [...lead, k, n]);
        const wanted = await onHost(await device.linalg.matmul(a, b));
        const swap = lead.length === 0 ? [1, 0] : [0, 2, 1];
        const stored = async (of: Tensor<NumericDType>) =>
          flip(await place((await device.ops.transpose(of, swap)) as Tensor<NumericDType>), swap);
        for (const [x, y] of [
          [await stored(a), await place(b)],
          [await place(a), await stored(b)],
          [await stored(a), await stored(b)],
        ]) {
          const given = await device.linalg.matmul(x as typeof a, y as typeof b);
          expect(await apart(given, wanted)).toBeLessThan(/32|x64/.test(type) ? 1e-3 : 1e-10);
        }
      }
    }
  });

  test('leading dimensions broadcast, one matrix for all of a batch', async () => {
    const a = random('float32', [20, 6, 30]);
    const b = random('float32', [40, 30], 2);
    const c = random('float32', [7, 40, 5], 3);
    const bt = await device.ops.transpose(b);
    const view = flip(await place(b)) as typeof b;
    expect(
      await apart(await device.linalg.matmul(await place(a), view), await device.linalg.matmul(a, bt)),
    ).toBeLessThan(1e-4);
    expect(
      await apart(await device.linalg.matmul(view, await place(c)), await device.linalg.matmul(bt, c)),
    ).toBeLessThan(1e-4);
  });

  test('of two types, with results in memory that is there, which may be an operand', async () => {
    const a = random('float32', [24, 24]);
    const b = random('float64', [24, 24], 2);
    const wanted = await device.linalg.matmul(await device.ops.transpose(a), b);
    const out = await place(random('float64', [24, 24], 2));
    expect(await device.linalg.matmul(flip(await place(a)) as typeof a, out, { out })).toBe(out);
    expect(await apart(out, wanted)).toBeLessThan(1e-10);
    // In place of the operand that is read transposed.
    const c = random('float64', [40, 40], 3);
    const square = await place(random('float64', [40, 40], 3));
    await device.linalg.matmul(square, flip(square) as typeof square, { out: square });
    expect(await apart(square, await device.linalg.matmul(c, await device.ops.transpose(c)))).toBeLessThan(1e-10);
  });

  test('every other operation takes them as what they say', async () => {
    const { linalg, ops } = device;
    const a = random('float64', [5, 3]);
    const square = random('float64', [2, 4, 4], 2);
    const [t, s] = [flip(await place(a)), flip(await place(square), [0, 2, 1])];
    const [at, st] = [await ops.transpose(a), await ops.transpose(square, [0, 2, 1])];
    const same = async (given: Operand, wanted: Operand) => expect(await apart(given, wanted)).toBeLessThan(1e-9);
    await same((await linalg.svd(t)).s, (await linalg.svd(at)).s);
    await same((await linalg.qr(t)).r, (await linalg.qr(at)).r);
    await same(await linalg.pinv(t), await linalg.pinv(at));
    await same(await linalg.inv(s), await linalg.inv(st));
    await same(await linalg.det(s), await linalg.det(st));
    await same(await linalg.solve(s, s), await linalg.solve(st, st));
    await same(await linalg.einsum('ij,kj->ik', [t, t]), await linalg.einsum('ij,kj->ik', [at, at]));
    await same(await linalg.norm(t, { axis: 0 }), await linalg.norm(at, { axis: 0 }));
    await same(await linalg.trace(s), await linalg.trace(st));
    await same(await linalg.matrixTranspose(t), a);
    await same(await ops.add(t, t), await ops.add(at, at));
    await same(await ops.cast(t, 'float32'), await ops.cast(at, 'float32'));
    await same(await ops.sum(t, { axis: 0 }), await ops.sum(at, { axis: 0 }));
    await same((await linalg.pca(t)).components, (await linalg.pca(at)).components);
    await same((await linalg.svd([t])).s, (await linalg.svd([at])).s);
    await expectError(linalg.inv(square, { out: s as typeof square }), 'ERR_ARGUMENT', /transposed/);
  });
});

test('an operand may be reused as soon as the call returns', async () => {
  const a = tensor(Float64Array.of(1, 2, 3, 4), [2, 2]);
  const b = tensor(Float64Array.of(1, 0, 0, 1), [2, 2]);
  const product = device.linalg.matmul(transposed(a), b);
  const inverse = device.linalg.inv(transposed(a));
  a.data.fill(0);
  b.data.fill(0);
  expect([...(await product).data]).toEqual([1, 3, 2, 4]);
  expect([...(await inverse).data].map((x) => Math.round(x * 10) / 10)).toEqual([-2, 1.5, 1, -0.5]);
});

test('on the device: get, put, slices of a batch, and what needs elements in order says so', async () => {
  const a = random('float32', [3, 4, 2]);
  await using there = await device.put(a);
  await using t = there.transpose([0, 2, 1]);
  const wanted = await device.ops.transpose(a, [0, 2, 1]);
  expect((await t.get()).data).toEqual(wanted.data);
  const out = tensor(new Float32Array(24), [3, 2, 4]);
  expect(await t.get({ out })).toBe(out);
  expect(out.data).toEqual(wanted.data);
  await using part = t.slice(1, 3);
  expect((await part.get()).data).toEqual(wanted.data.slice(8));
  await using back = t.transpose([0, 2, 1]);
  expect((await back.get()).data).toEqual(a.data);
  await using again = back.reshape([24]);
  expect(again.dims).toEqual([24]);
  await using reversed = there.transpose();
  expect(() => reversed.slice(0, 1)).toThrow(/not in order/);
  expect(() => t.reshape([24])).toThrow(/not in order/);
  await using put = await device.put(transposed(a));
  expect((await put.get()).data).toEqual((await device.ops.transpose(a)).data);
});

test('the view keeps the memory until it is disposed itself', async () => {
  const before = device.stats().tensors;
  const a = await device.put(random('float32', [30, 20]));
  const t = a.transpose();
  await a.dispose();
  expect((await t.get()).dims).toEqual([20, 30]);
  const product = await device.linalg.matmul(t, await device.put(random('float32', [30, 2])));
  expect(product.dims).toEqual([20, 2]);
  await t.dispose();
  await expectError(t.get(), 'ERR_DISPOSED');
  expect(device.stats().tensors).toBeLessThanOrEqual(before + 2);
  await product.dispose();
});

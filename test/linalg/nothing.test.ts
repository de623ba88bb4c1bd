// Of nothing: sums and norms over axes that have no elements, as numpy has them.

import { type Device, open, type Tensor } from 'tensorlane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { f64 } from '../support/matrices.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

/** The elements, of which there are as many as dims say. */
function elements({ data, dims }: Tensor<'float64'>): number[] {
  expect(data).toHaveLength(dims.reduce((total, dim) => total * dim, 1));
  return [...data];
}

test('vecdot along an axis of no elements is 0 for each of the others', async () => {
  const of = (dims: number[], axis: number) => device.linalg.vecdot(f64([], dims), f64([], dims), { axis });
  expect(elements(await of([0, 3], 0))).toEqual([0, 0, 0]);
  expect(elements(await of([2, 3, 0], -1))).toEqual([0, 0, 0, 0, 0, 0]);
  expect(elements(await of([0], 0))).toEqual([0]);
  expect(elements(await of([1, 1, 0], -1))).toEqual([0]);
  expect(elements(await of([0, 3], 1))).toEqual([]);
  const complex = { type: 'complex128', data: new Float64Array(0), dims: [0, 2] } as const;
  const { dims, data } = await device.linalg.vecdot(complex, complex, { axis: 0 });
  expect([dims, [...data]]).toEqual([[2], [0, 0, 0, 0]]);
});

test('norms of negative orders', async () => {
  const { linalg } = device;
  for (const ord of [-1, -2, -3.5]) {
    expect(elements(await linalg.vectorNorm(f64([], [0]), { ord }))).toEqual([Number.POSITIVE_INFINITY]);
    expect(elements(await linalg.norm(f64([], [0, 2]), { ord, axis: 0 }))).toEqual([
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
    expect(elements(await linalg.norm(f64([], [0, 0]), { ord, axis: 0 }))).toEqual([]);
  }
  expect(elements(await linalg.matrixNorm(f64([], [2, 0, 3]), { ord: -1 }))).toEqual([0, 0]);
  expect(elements(await linalg.matrixNorm(f64([], [3, 0]), { ord: Number.NEGATIVE_INFINITY }))).toEqual([0]);
  expect(elements(await linalg.matrixNorm(f64([], [0, 0, 2]), { ord: -2 }))).toEqual([]);
  for (const [dims, ord] of [
    [[3, 0], -1],
    [[0, 3], Number.NEGATIVE_INFINITY],
    [[0, 3], -2],
  ] as const) {
    await expectError(linalg.matrixNorm(f64([], [...dims]), { ord }), 'ERR_SHAPE', /no smallest/);
  }
  await expectError(linalg.vectorNorm(f64([], [0]), { ord: Number.NEGATIVE_INFINITY }), 'ERR_SHAPE', /no smallest/);
});

test('the squares of what lstsq leaves are infinite where the type does not hold them', async () => {
  const { x, residuals } = await device.linalg.lstsq(f64([1, 1], [2, 1]), f64([1e200, -1e200], [2]));
  expect([...residuals.data]).toEqual([Number.POSITIVE_INFINITY]);
  expect(Math.abs(x.data[0]!)).toBeLessThan(1e185);
});

// Eigenvalues that may be complex, and complex tensors themselves.

import { type ComplexType, type Device, DeviceTensor, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Complex, elementOf, times } from '../support/complex.js';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { randomFloats } from '../support/onnx-builder.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const eps = { float32: 2 ** -23, complex64: 2 ** -23, float64: 2 ** -52, complex128: 2 ** -52 };

/** The largest |a v - v w| of matrix `i` of a batch, and how far a column of v is from length 1. */
function errors(a: Tensor, w: Tensor<ComplexType>, v: Tensor<ComplexType>, n: number, i: number): [number, number] {
  let residual = 0;
  let length = 0;
  for (let j = 0; j < n; j++) {
    let squares = 0;
    for (let row = 0; row < n; row++) {
      let sum: Complex = [0, 0];
      for (let k = 0; k < n; k++) {
        const [re, im] = times(elementOf(a, (i * n + row) * n + k), elementOf(v, (i * n + k) * n + j));
        sum = [sum[0] + re, sum[1] + im];
      }
      const own = elementOf(v, (i * n + row) * n + j);
      const [re, im] = times(own, elementOf(w, i * n + j));
      residual = Math.max(residual, Math.hypot(sum[0] - re, sum[1] - im));
      squares += own[0] ** 2 + own[1] ** 2;
    }
    length = Math.max(length, Math.abs(Math.sqrt(squares) - 1));
  }
  return [residual, length];
}

describe('eig', () => {
  test.each(['float32', 'float64', 'complex64', 'complex128'] as const)('a batch of %s', async (type) => {
    for (const n of [1, 2, 5, 20]) {
      const length = (type.startsWith('complex') ? 2 : 1) * 2 * n * n;
      const data = type.endsWith('64') && type !== 'complex64' ? Float64Array : Float32Array;
      const values = (type === 'complex128' ? Float64Array : data).from(randomFloats(length, n));
      const a = { type, data: values, dims: [2, n, n] } as Tensor<'float64'>;
      const { eigenvalues, eigenvectors } = await device.linalg.eig(a);
      expect([eigenvalues.dims, eigenvectors.dims]).toEqual([
        [2, n],
        [2, n, n],
      ]);
      expect(eigenvalues.type).toBe(type.endsWith('128') || type === 'float64' ? 'complex128' : 'complex64');
      expect(eigenvalues.data.length).toBe(4 * n);
      for (const i of [0, 1]) {
        const [residual, off] = errors(a, eigenvalues, eigenvectors, n, i);
        expect(residual).toBeLessThan(50 * n * eps[type]);
        expect(off).toBeLessThan(50 * n * eps[type]);
      }
      const only = await device.linalg.eigvals(a);
      expect(only.dims).toEqual([2, n]);
      // By another way through the iteration: the same numbers, within rounding, in whatever order.
      const sorted = (t: Tensor<ComplexType>) =>
        Array.from({ length: 2 * n }, (_, at) => elementOf(t, at)).sort((x, y) => x[0] - y[0] || x[1] - y[1]);
      const sums = [eigenvalues, only].map((t) => sorted(t).reduce(([x, y], [re, im]) => [x + re, y + im], [0, 0]));
      expect(Math.hypot(sums[0]![0]! - sums[1]![0]!, sums[0]![1]! - sums[1]![1]!)).toBeLessThan(200 * n * eps[type]);
    }
  });

  test('cases written out', async () => {
    // A rotation by a quarter, a defective matrix and a triangular one.
    const rotation = await device.linalg.eig(
      tensor(
        [
          [0, -1],
          [1, 0],
        ],
        { type: 'float64' },
      ),
    );
    expect([...rotation.eigenvalues.data]).toEqual([0, 1, 0, -1]);
    const half = Math.SQRT1_2;
    expect(
      [...rotation.eigenvectors.data].map((x) => Math.abs(Math.abs(x) - half) < 1e-15 || Math.abs(x) < 1e-15),
    ).toEqual(Array(8).fill(true));
    const defective = await device.linalg.eigvals(tensor(new Int32Array([1, 1, 0, 1]), [2, 2]));
    expect([defective.type, ...defective.data]).toEqual(['complex128', 1, 0, 1, 0]);
    const triangle = { type: 'complex64', data: Float32Array.of(0, 1, 5, 5, 0, 0, 2, -1), dims: [2, 2] } as const;
    expect([...(await device.linalg.eigvals(triangle)).data]).toEqual([0, 1, 2, -1]);
    const none = await device.linalg.eig({ type: 'float32', data: new Float32Array(0), dims: [3, 0, 0] });
    expect([none.eigenvalues.dims, none.eigenvectors.dims]).toEqual([
      [3, 0],
      [3, 0, 0],
    ]);
  });

  test('what is on the device stays there', async () => {
    const a = { type: 'float64', data: Float64Array.from(randomFloats(16, 3)), dims: [4, 4] } as const;
    await using resident = await device.put(a);
    const found = await device.linalg.eig(resident);
    expect(found.eigenvalues).toBeInstanceOf(DeviceTensor);
    const [w, v] = [await found.eigenvalues.get(), await found.eigenvectors.get()];
    expect(w.data).toEqual((await device.linalg.eig(a)).eigenvalues.data);
    expect(errors(a, w, v, 4, 0)[0]).toBeLessThan(1e-13);
    await Promise.all([found.eigenvalues.dispose(), found.eigenvectors.dispose()]);
  });

  test('what is wrong is refused', async () => {
    const { linalg } = device;
    await expectError(linalg.eig(tensor([[1, 2, 3]])), 'ERR_SHAPE', /square/);
    const bad = tensor(Float64Array.of(1, 0, 0, 1, 1, Number.NaN, 0, 1), [2, 2, 2]);
    const error = await expectError(linalg.eigvals(bad), 'ERR_NOT_FINITE', /NaN/);
    expect(error.indices).toEqual([1]);
    const infinite = { type: 'complex64', data: Float32Array.of(0, Number.POSITIVE_INFINITY), dims: [1, 1] } as const;
    await expectError(linalg.eig(infinite), 'ERR_NOT_FINITE', /NaN or an infinity/);
    await expectError(linalg.eig({ type: 'bfloat16', data: new Uint16Array(1), dims: [1, 1] } as never), 'ERR_DTYPE');
  });
});

describe('complex tensors', () => {
  test('have two array elements an element', async () => {
    const a = tensor(Float32Array.of(1, 2, 3, 4), [2], { type: 'complex64' });
    expect(a.dims).toEqual([2]);
    expect(tensor(new Float64Array(8), undefined, { type: 'complex128' }).dims).toEqual([4]);
    expect(() => tensor(new Float32Array(3), undefined, { type: 'complex64' })).toThrow(/need 2 elements.*3/);
    expect(() => tensor(new Float64Array(2), [1], { type: 'complex64' as never })).toThrow(/Float32Array/);
    expect([...tensor([[1, 2]], { type: 'complex128' }).data]).toEqual([1, 0, 2, 0]);
    await using resident = await device.put(a);
    expect(resident.byteLength).toBe(16);
    expect((await resident.slice(1).get()).data).toEqual(Float32Array.of(3, 4));
    const matrix = tensor(Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8), [2, 2], { type: 'complex128' });
    expect([...(await device.ops.transpose(matrix)).data]).toEqual([1, 2, 5, 6, 3, 4, 7, 8]);
    expect([...(await device.ops.gather(matrix, [1])).data]).toEqual([5, 6, 7, 8]);
  });

  test.each(['complex64', 'complex128'] as const)('are moved by what moves elements of any type: %s', async (type) => {
    const of = (dims: number[], ...values: number[]) =>
      ({ type, data: type === 'complex64' ? Float32Array.from(values) : Float64Array.from(values), dims }) as Tensor<
        typeof type
      >;
    const a = of([2, 2], 1, 2, 3, 4, 5, 6, 7, 8);
    const { ops } = device;
    const picks = tensor(Uint8Array.of(1, 0, 0, 1), [2, 2], { type: 'bool' });
    expect(await ops.where(picks, a, of([2], -1, -2, -3, -4))).toEqual(of([2, 2], 1, 2, -3, -4, -1, -2, 7, 8));
    expect(await ops.where(picks, a, 9)).toEqual(of([2, 2], 1, 2, 9, 0, 9, 0, 7, 8));
    expect(await ops.scatter(a, [1], of([1, 2], -1, -2, -3, -4))).toEqual(of([2, 2], 1, 2, 3, 4, -1, -2, -3, -4));
    const row = of([3], 1, 2, 3, 4, 5, 6);
    expect(await ops.padSequences(row, [1, 2], { value: 7 })).toEqual(of([2, 2], 1, 2, 7, 0, 3, 4, 5, 6));
  });

  test('what has no complex form says so', async () => {
    const a = tensor(Float32Array.of(1, 2), [1, 1], { type: 'complex64' });
    await expectError(device.ops.greater(a as never, a as never), 'ERR_DTYPE', /complex64/);
    await expectError(device.ops.softmax(a as never), 'ERR_DTYPE', /complex64/);
    await expectError(device.ops.cast(a, 'float32' as never), 'ERR_DTYPE', /complex64/);
  });
});

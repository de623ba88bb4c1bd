// Which routine does it: what may be asked for gives the same everywhere, and the result says which one was taken.

import { type Device, type FloatTensor, open, type SvdDriver, tensor, transposed } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomComplex } from '../support/complex.js';
import { onCuda, testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { epsilon, identity, largestDifference, matrix, multiply, random, transpose } from '../support/matrices.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const shapes: readonly [number, number][] = [
  [20, 20],
  [45, 12],
  [12, 45],
  [30, 1],
  [1, 30],
  [64, 32],
];

describe.runIf(!onCuda)('the drivers of the CPU', () => {
  describe.each(['jacobi', 'gesdd', 'gesddTransposed', 'gesvd'] as const)('%s', (driver) => {
    test.each(shapes)('%i x %i', async (m, n) => {
      for (const type of ['float32', 'float64'] as const) {
        const a = random(type, [3, m, n]);
        const found = await device.linalg.svd(a, { driver });
        expect(found.driver).toBe(driver);
        expectFactors(a, found, m, n);
        const { s, driver: ofValues } = await device.linalg.svd(a, { driver, mode: 'values' });
        expect(ofValues).toBe(driver);
        expect(nearest(s.data as Float64Array, found.s.data as Float64Array)).toBeLessThan(100 * epsilon[type]);
        if (driver === 'jacobi' && m !== n && Math.min(m, n) > 16) continue;
        const full = await device.linalg.svd(a, { driver, mode: 'full' });
        expect([full.u.dims, full.vt.dims]).toEqual([
          [3, m, m],
          [3, n, n],
        ]);
        expectFactors(a, full, m, n);
      }
    });
  });

  test('what one cannot do it refuses, and a misspelt one is named', async () => {
    const refused = (dims: number[], driver: string, mode: 'thin' | 'full' = 'thin') =>
      expectError(
        device.linalg.svd(random('float32', dims), { driver: driver as SvdDriver, mode }),
        'ERR_ARGUMENT',
        /driver|jacobi/,
      );
    await refused([33, 33], 'jacobi');
    await refused([65, 3], 'jacobi');
    await refused([40, 20], 'jacobi', 'full');
    await refused([4, 4], 'gesvdj');
    await refused([4, 4], 'gesd');
    await expectError(
      device.linalg.svd(randomComplex('complex128', [1, 2]), { driver: 'jacobi' }),
      'ERR_ARGUMENT',
      /real matrices/,
    );
  });

  test('a large tall matrix is taken transposed, with the same values and vectors, and elsewhere it is not', async () => {
    const [m, n] = [64_000, 20];
    const a = random('float64', [m, n]);
    const found = await device.linalg.svd(a, { signs: 'deterministic' });
    expect(found.driver).toBe('gesddTransposed');
    const other = await device.linalg.svd(a, { driver: 'gesdd', signs: 'deterministic' });
    expect(other.driver).toBe('gesdd');
    for (const part of ['u', 's', 'vt'] as const) {
      const [x, y] = [found[part].data as Float64Array, other[part].data as Float64Array];
      expect(nearest(x, y), part).toBeLessThan(1e-10);
    }
    expect((await device.linalg.svd(random('float64', [n, m]))).driver).toBe('gesdd');
    expect((await device.linalg.svd(a, { mode: 'values' })).driver).toBe('gesddTransposed');
    expect((await device.linalg.lstsq(a, random('float64', [m]))).driver).toBe('gesddTransposed');
  });
});

test('svd, lstsq and eigh say what was chosen', async () => {
  const { linalg } = device;
  const square = random('float64', [100, 100]);
  const [small, pair] = [random('float32', [4, 4]), random('float32', [2, 4, 4])];
  expect((await linalg.svd(square)).driver).toBe(onCuda ? 'gesvdj' : 'gesdd');
  expect((await linalg.svd(small)).driver).toBe(onCuda ? 'gesvdj' : 'jacobi');
  expect((await linalg.svd(pair)).driver).toBe(onCuda ? 'gesvdjBatched' : 'jacobi');
  expect((await linalg.svd(transposed(pair, [0, 2, 1]))).driver).toBe(onCuda ? 'gesvdjBatched' : 'jacobi');
  expect((await linalg.svd(small, { driver: 'gesvd' })).driver).toBe('gesvd');
  expect((await linalg.svd(square, { rank: 3 })).driver).toBe(onCuda ? 'gesvdj' : 'gesdd');
  expect((await linalg.svd(square, { rank: 3, driver: 'randomized' })).driver).toBe('randomized');
  expect((await linalg.svd(square, { signs: 'deterministic' })).driver).toBe(onCuda ? 'gesvdj' : 'gesdd');
  expect((await linalg.lstsq(square, square)).driver).toBe(onCuda ? 'gesvdj' : 'gesdd');
  expect((await linalg.eigh(square)).driver).toBe('syevd');
  expect((await linalg.eigh(square, { uplo: 'U' })).driver).toBe('syevd');
  expect((await linalg.svd(square, { hermitian: true })).driver).toBe('syevd');
  expect((await linalg.eigh(small)).driver).toBe(onCuda ? 'syevd' : 'jacobi');
  // On a CUDA device the host computes with complex matrices.
  const unit = randomComplex('complex128', [2, 2]);
  expect((await linalg.svd(unit)).driver).toBe('gesdd');
  expect((await linalg.eigh(unit)).driver).toBe('heevd');
  await using there = await device.put(square);
  expect((await linalg.svd(there)).driver).toBe(onCuda ? 'gesvdj' : 'gesdd');
  // A loop over a result finds its tensors.
  expect(Object.keys(await linalg.eigh(square))).toEqual(['eigenvalues', 'eigenvectors']);
  // Of nothing nobody has found anything.
  expect((await linalg.svd(tensor(new Float64Array(), [0, 3]))).driver).toBeUndefined();
  expect((await linalg.eigh(tensor(new Float64Array(), [0, 0]))).driver).toBeUndefined();
});

test('columns that are farther apart in scale than small kernels take keep their singular values', async () => {
  for (const n of [2, 20]) {
    const a = tensor(new Float32Array(n * n), [n, n]);
    for (let i = 0; i < n; i++) a.data[i * (n + 1)] = i === 0 ? 1e35 : 0.5;
    for (const mode of ['thin', 'values'] as const) {
      const { s } = await device.linalg.svd(a, { mode });
      expect([s.data[0]! / 1e35, s.data[n - 1]], `${n}, ${mode}`).toEqual([
        expect.closeTo(1, 6),
        expect.closeTo(0.5, 5),
      ]);
    }
  }
});

/** That the parts make a, and that they are orthonormal. */
function expectFactors(
  a: FloatTensor,
  { u, s, vt }: { u: FloatTensor; s: FloatTensor; vt: FloatTensor },
  m: number,
  n: number,
): void {
  const tolerance = 100 * Math.max(m, n) * epsilon[a.type];
  const k = Math.min(m, n);
  for (let b = 0; b < 3; b++) {
    const [left, right] = [matrix(u, b), matrix(vt, b)];
    const scaled = left.map((row) => row.slice(0, k).map((x, j) => x * s.data[b * k + j]!));
    expect(largestDifference(multiply(scaled, right.slice(0, k)), matrix(a, b))).toBeLessThan(tolerance);
    expect(largestDifference(multiply(transpose(left), left), identity(left[0]!.length))).toBeLessThan(tolerance);
    expect(largestDifference(multiply(right, transpose(right)), identity(right.length))).toBeLessThan(tolerance);
  }
}

/** The largest difference, of the largest number. */
function nearest(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let [most, largest] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    most = Math.max(most, Math.abs(x[i]! - y[i]!));
    largest = Math.max(largest, Math.abs(y[i]!));
  }
  return x.length === y.length ? most / largest : Number.NaN;
}

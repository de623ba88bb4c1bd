// qr, cholesky, inv, det, slogdet, eigh and svdvals through the public surface, by what defines them.

import { type Device, type FloatTensor, open } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { identity, largestDifference, matrix, multiply, random, transpose } from '../support/matrices.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const cases = (['float32', 'float64'] as const).flatMap((type) => [1, 2, 5, 17, 33].map((n) => ({ type, n })));
const tolerance = { float32: 2e-4, float64: 1e-11 };

/** A batch of two symmetric positive definite matrices. */
function positive(type: 'float32' | 'float64', n: number): FloatTensor {
  const a = random(type, [2, n, n], n);
  for (let b = 0; b < 2; b++) {
    const rows = matrix(a, b);
    const square = multiply(rows, transpose(rows));
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) a.data[(b * n + i) * n + j] = square[i]![j]! + (i === j ? n : 0);
    }
  }
  return a;
}

describe('qr', () => {
  test.each(
    (['float32', 'float64'] as const).flatMap((type) =>
      [
        [5, 5],
        [9, 4],
        [4, 9],
        [40, 33],
      ].flatMap(([m, n]) => (['reduced', 'complete', 'r'] as const).map((mode) => ({ type, m: m!, n: n!, mode }))),
    ),
  )('$mode of $m x $n $type', async ({ type, m, n, mode }) => {
    const a = random(type, [3, m, n]);
    const k = mode === 'complete' ? m : Math.min(m, n);
    const { q, r } = (await device.linalg.qr(a, { mode })) as { q?: FloatTensor; r: FloatTensor };
    expect(r.dims).toEqual([3, k, n]);
    expect(q?.dims).toEqual(mode === 'r' ? undefined : [3, m, k]);
    const full = await device.linalg.qr(a, { mode: 'reduced' });
    for (let b = 0; b < 3; b++) {
      const upper = matrix(r, b);
      for (let i = 0; i < k; i++) for (let j = 0; j < Math.min(i, n); j++) expect(upper[i]![j]).toBe(0);
      if (q === undefined) {
        expect(largestDifference(upper, matrix(full.r, b))).toBeLessThan(tolerance[type]);
        continue;
      }
      const left = matrix(q, b);
      expect(largestDifference(multiply(left, upper), matrix(a, b))).toBeLessThan(tolerance[type]);
      expect(largestDifference(multiply(transpose(left), left), identity(k))).toBeLessThan(tolerance[type]);
    }
  });
});

describe('cholesky', () => {
  test.each(cases)('$n x $n $type', async ({ type, n }) => {
    const a = positive(type, n);
    const l = await device.linalg.cholesky(a);
    for (let b = 0; b < 2; b++) {
      const lower = matrix(l, b);
      for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) expect(lower[i]![j]).toBe(0);
      const scale = Math.max(...matrix(a, b).flat().map(Math.abs));
      expect(largestDifference(multiply(lower, transpose(lower)), matrix(a, b)) / scale).toBeLessThan(tolerance[type]);
    }
  });

  test('reads the lower triangle alone, and names what is not positive definite', async () => {
    const a = positive('float64', 4);
    const expected = await device.linalg.cholesky(a);
    const spoilt = { ...a, data: a.data.slice() } as FloatTensor;
    for (let b = 0; b < 2; b++) spoilt.data[b * 16 + 3] = 99;
    expect((await device.linalg.cholesky(spoilt)).data).toEqual(expected.data);
    spoilt.data[16] = -1;
    const error = await expectError(device.linalg.cholesky(spoilt), 'ERR_NOT_POSITIVE_DEFINITE', /1 of 2/);
    expect(error.indices).toEqual([1]);
  });
});

describe('inv, det, slogdet', () => {
  test.each(cases)('$n x $n $type', async ({ type, n }) => {
    const a = positive(type, n);
    const [inverse, det, log] = await Promise.all([
      device.linalg.inv(a),
      device.linalg.det(a),
      device.linalg.slogdet(a),
    ]);
    expect([det.dims, log.sign.dims, log.logabsdet.dims]).toEqual([[2], [2], [2]]);
    const l = await device.linalg.cholesky(a);
    for (let b = 0; b < 2; b++) {
      const product = multiply(matrix(a, b), matrix(inverse, b));
      expect(largestDifference(product, identity(n))).toBeLessThan(tolerance[type] * 10);
      const logarithm = matrix(l, b).reduce((sum, row, i) => sum + 2 * Math.log(row[i]!), 0);
      expect(log.sign.data[b]).toBe(1);
      expect(log.logabsdet.data[b]! / logarithm, 'log of the determinant').toBeCloseTo(1, type === 'float32' ? 4 : 9);
      // 17 x 17 and 33 x 33 overflow a float32.
      if (logarithm < 80) expect(det.data[b]! / Math.exp(logarithm)).toBeCloseTo(1, type === 'float32' ? 3 : 9);
    }
  });

  test('the sign is that of the permutation; a singular matrix has determinant 0 and no inverse', async () => {
    const swap: FloatTensor = { type: 'float64', data: Float64Array.of(0, 2, 3, 0, 1, 2, 2, 4), dims: [2, 2, 2] };
    expect([...(await device.linalg.det(swap)).data].map((x) => x + 0)).toEqual([-6, 0]); // -0 is as good
    const { sign, logabsdet } = await device.linalg.slogdet(swap);
    expect([...sign.data].map((x) => x + 0)).toEqual([-1, 0]);
    expect(logabsdet.data[0]).toBeCloseTo(Math.log(6), 12);
    expect(logabsdet.data[1]).toBe(Number.NEGATIVE_INFINITY);
    const error = await expectError(device.linalg.inv(swap), 'ERR_SINGULAR', /1 of 2/);
    expect(error.indices).toEqual([1]);
    const empty = { type: 'float32', data: new Float32Array(0), dims: [0, 0] } as const;
    expect([...(await device.linalg.det(empty)).data]).toEqual([1]);
  });
});

describe('eigh', () => {
  test.each(cases)('$n x $n $type', async ({ type, n }) => {
    const a = positive(type, n);
    const { eigenvalues, eigenvectors } = await device.linalg.eigh(a);
    const values = await device.linalg.eigvalsh(a);
    for (let b = 0; b < 2; b++) {
      const v = matrix(eigenvectors, b);
      const w = [...eigenvalues.data.subarray(b * n, b * n + n)];
      expect(w).toEqual([...w].sort((x, y) => x - y));
      const scale = Math.max(...w.map(Math.abs));
      const rebuilt = multiply(
        v.map((row) => row.map((x, j) => x * w[j]!)),
        transpose(v),
      );
      expect(largestDifference(rebuilt, matrix(a, b)) / scale).toBeLessThan(tolerance[type]);
      expect(largestDifference(multiply(transpose(v), v), identity(n))).toBeLessThan(tolerance[type]);
      w.forEach((x, i) => {
        expect(Math.abs(x - values.data[b * n + i]!) / scale).toBeLessThan(tolerance[type]);
      });
    }
  });
});

test('svdvals gives the values of svd', async () => {
  const a = random('float64', [2, 6, 4]);
  const s = await device.linalg.svdvals(a);
  const reference = await device.linalg.svd(a);
  expect(s.dims).toEqual([2, 4]);
  s.data.forEach((x, i) => {
    expect(x).toBeCloseTo(reference.s.data[i]!, 12);
  });
});

describe.each(['qr', 'cholesky', 'inv', 'det', 'slogdet', 'eigh', 'eigvalsh'] as const)('%s', (name) => {
  test('names the matrices that have a NaN or an infinity', async () => {
    const a = random('float32', [4, 3, 3]);
    a.data[9] = Number.NaN;
    a.data[30] = Number.NEGATIVE_INFINITY;
    const error = await expectError(device.linalg[name](a), 'ERR_NOT_FINITE', /2 of 4/);
    expect(error.indices).toEqual([1, 3]);
  });

  test('refuses what it does not take', async () => {
    const halves = { type: 'float16', data: new Uint16Array(4), dims: [2, 2] };
    await expectError(
      device.linalg[name](halves as never),
      'ERR_DTYPE',
      /float32, float64, complex64, complex128 or integers/,
    );
    await expectError(device.linalg[name](random('float32', [3])), 'ERR_SHAPE', /2 dimensions/);
    if (name !== 'qr') await expectError(device.linalg[name](random('float32', [2, 3])), 'ERR_SHAPE', /square/);
  });

  test('takes a device tensor, and an empty batch', async () => {
    const a = positive('float64', 3);
    await using held = await device.put(a);
    // One after the other: operations that run at once have fewer cores each, and with them other last bits.
    const onHost = await device.linalg[name](a);
    const onDevice = await device.linalg[name](held);
    const all = 'get' in onDevice ? { only: onDevice } : onDevice;
    const expected = 'data' in onHost ? { only: onHost } : onHost;
    for (const [key, one] of Object.entries(all)) {
      expect(await one.get(), key).toEqual((expected as Record<string, unknown>)[key]);
      await one.dispose();
    }
    const none = await device.linalg[name](random('float32', [0, 3, 3]));
    const first = 'data' in none ? none : Object.values(none)[0]!;
    expect(first.dims[0]).toBe(0);
  });
});

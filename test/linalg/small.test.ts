// Batches of small matrices, which the CPU computes many at a time, by what defines their results; and on the CPU, that what
// a matrix gets does not depend on those beside it.

import { type Device, type FloatTensor, open } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { epsilon, identity, largestDifference, matrix, multiply, random, transpose } from '../support/matrices.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

type Type = 'float32' | 'float64';
const TYPES = ['float32', 'float64'] as const;
/** LAPACK's own threshold for the ratio of an error to what rounding explains. */
const THRESHOLD = 50;

function diagonal(values: readonly number[]): number[][] {
  return values.map((value, i) => values.map((_, j) => (i === j ? value : 0)));
}

function pack(type: Type, matrices: readonly number[][][]): FloatTensor {
  const first = matrices[0] as number[][];
  const values = matrices.flat(2);
  const data = type === 'float32' ? Float32Array.from(values) : Float64Array.from(values);
  return { type, data, dims: [matrices.length, first.length, first[0]?.length ?? 0] } as FloatTensor;
}

/** Kinds that an SVD is known to stumble over, as one batch. */
function assorted(type: Type, m: number, n: number): FloatTensor {
  const plain = (seed: number) => matrix(random(type, [m, n], seed));
  const change = (seed: number, by: (value: number, i: number, j: number) => number) =>
    plain(seed).map((row, i) => row.map((value, j) => by(value, i, j)));
  const tiny = type === 'float32' ? 2 ** -120 : 2 ** -1000;
  const huge = type === 'float32' ? 2 ** 115 : 2 ** 1000;
  return pack(type, [
    plain(1),
    change(2, () => 0),
    change(3, (_, i, j) => (i === j ? 3 : 0)),
    change(4, () => 1),
    change(5, (value, _, j) => (j === n - 1 ? 0 : value)),
    change(6, (value, _, j) => value * 2 ** (-3 * j)),
    change(7, (value, i) => value * 2 ** (-3 * (i % 8))),
    change(8, (value) => value * tiny),
    change(9, (value) => value * huge),
    change(10, (value, i, j) => (i === j ? 1 : 0) + value * Math.sqrt(epsilon[type])),
    plain(11),
  ]);
}

describe('svd', () => {
  const shapes = [
    ...[1, 2, 3, 4, 7, 12, 16, 17, 25, 32].map((n) => [n, n] as const),
    ...([
      [9, 4],
      [4, 9],
      [40, 11],
      [6, 64],
      [50, 20],
      [20, 50],
    ] as const),
  ];
  test.each(TYPES.flatMap((type) => shapes.map(([m, n]) => ({ type, m, n }))))(
    '$m x $n $type',
    async ({ type, m, n }) => {
      const a = assorted(type, m, n);
      const [count] = a.dims as [number];
      const k = Math.min(m, n);
      const eps = epsilon[type];
      const { s: alone } = await device.linalg.svd(a, { mode: 'values' });
      for (const mode of ['thin', 'full'] as const) {
        const { u, s, vt } = await device.linalg.svd(a, { mode });
        for (let b = 0; b < count; b++) {
          const left = matrix(u, b);
          const right = matrix(vt, b);
          const values = Array.from(s.data.slice(b * k, (b + 1) * k));
          expect(values).toEqual(values.toSorted((x, y) => y - x));
          const size = Math.max(m, n) * eps;
          const scale = values[0] || 1;
          const product = multiply(
            left.map((row) => row.slice(0, k).map((value, j) => (value * (values[j] as number)) / scale)),
            right.slice(0, k),
          );
          const given = matrix(a, b).map((row) => row.map((value) => value / scale));
          expect(largestDifference(product, given)).toBeLessThan(THRESHOLD * size);
          expect(largestDifference(multiply(transpose(left), left), identity(left[0]?.length ?? 0))).toBeLessThan(
            THRESHOLD * m * eps,
          );
          expect(largestDifference(multiply(right, transpose(right)), identity(right.length))).toBeLessThan(
            THRESHOLD * n * eps,
          );
          for (let j = 0; j < k; j++) {
            expect(Math.abs((alone.data[b * k + j] as number) - (values[j] as number))).toBeLessThanOrEqual(
              THRESHOLD * size * scale,
            );
          }
        }
      }
    },
  );
});

describe.each(TYPES)('%s', (type) => {
  test.each([1, 2, 3, 4, 9, 16, 24, 32])('eigh, solve and inv of order %i', async (n) => {
    const batch = 19;
    const matrices = Array.from({ length: batch }, (_, b) =>
      matrix(random(type, [n, n], b + 1)).map((row, i) => row.map((value, j) => value + (i === j ? n + (b % 3) : 0))),
    );
    const a = pack(type, matrices);
    const symmetric = pack(
      type,
      matrices.map((rows) => rows.map((row, i) => row.map((value, j) => (j <= i ? value : (rows[j]?.[i] as number))))),
    );
    const tolerance = THRESHOLD * n * epsilon[type];
    const inverse = await device.linalg.inv(a);
    const b = random(type, [batch, n, 3], 77);
    const x = await device.linalg.solve(a, b);
    const { eigenvalues, eigenvectors } = await device.linalg.eigh(symmetric);
    for (let at = 0; at < batch; at++) {
      const one = matrix(a, at);
      const size = 3 * n; // At least its norm.
      expect(largestDifference(multiply(one, matrix(inverse, at)), identity(n))).toBeLessThan(tolerance * size);
      expect(largestDifference(multiply(one, matrix(x, at)), matrix(b, at))).toBeLessThan(tolerance * size);
      const v = matrix(eigenvectors, at);
      const w = Array.from(eigenvalues.data.slice(at * n, (at + 1) * n));
      expect(w).toEqual(w.toSorted((p, q) => p - q));
      expect(largestDifference(multiply(transpose(v), v), identity(n))).toBeLessThan(tolerance);
      const turned = multiply(matrix(symmetric, at), v);
      expect(largestDifference(turned, multiply(v, diagonal(w)))).toBeLessThan(tolerance * size);
    }
  });

  test.runIf(testDevice === 'cpu')('the same bits alone, in a batch and at another place of it', async () => {
    for (const n of [3, 4, 16, 20]) {
      const a = assorted(type, n, n);
      const [count] = a.dims as [number];
      const size = n * n;
      const reversed = {
        ...a,
        data: a.data.map((_, i) => a.data[(count - 1 - Math.floor(i / size)) * size + (i % size)] as number),
      } as FloatTensor;
      const all = await device.linalg.svd(a);
      const back = await device.linalg.svd(reversed);
      for (let b = 0; b < count; b++) {
        const alone = await device.linalg.svd({
          ...a,
          data: a.data.slice(b * size, (b + 1) * size),
          dims: [n, n],
        } as FloatTensor);
        for (const name of ['u', 's', 'vt'] as const) {
          const part = alone[name].data;
          const of = (from: FloatTensor, at: number) => from.data.slice(at * part.length, (at + 1) * part.length);
          expect(of(all[name], b)).toEqual(part);
          expect(of(back[name], count - 1 - b)).toEqual(part);
        }
      }
    }
  });
});

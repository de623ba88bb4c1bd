// LU factors and triangular systems through the public surface; what getrf and trsm themselves must get right is in test/conformance.

import { type Device, DeviceTensor, type FloatTensor, open, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { epsilon, f64, identity, largestDifference, matrix, multiply, random, transpose } from '../support/matrices.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

describe('lu', () => {
  test.each([
    [4, 4],
    [5, 3],
    [3, 5],
    [1, 1],
  ])('a batch of %i x %i is p l u', async (m, n) => {
    for (const type of ['float32', 'float64'] as const) {
      const a = random(type, [2, m, n]);
      const { p, l, u } = await device.linalg.lu(a);
      const rows = (await device.linalg.lu(a, { pIndices: true })).p;
      expect([p.dims, l.dims, u.dims]).toEqual([
        [2, m, m],
        [2, m, Math.min(m, n)],
        [2, Math.min(m, n), n],
      ]);
      expect([p.type, l.type, rows.type, rows.dims]).toEqual([type, type, 'int32', [2, m]]);
      for (const i of [0, 1]) {
        const [left, right] = [matrix(l, i), matrix(u, i)];
        const product = multiply(left, right);
        expect(largestDifference(multiply(matrix(p, i), product), matrix(a, i))).toBeLessThan(10 * m * epsilon[type]);
        const picked = [...rows.data.subarray(i * m, (i + 1) * m)].map((row) => product[row]!);
        expect(picked).toEqual(multiply(matrix(p, i), product));
        left.forEach((row, at) => {
          row.forEach((x, j) => {
            expect(j < at ? Math.abs(x) <= 1 : x === Number(j === at)).toBe(true);
          });
        });
        right.forEach((row, at) => {
          expect(row.slice(0, at).every((x) => x === 0)).toBe(true);
        });
      }
    }
  });

  test('of scipy.linalg.lu', async () => {
    // python3 -c "import scipy.linalg as s; print(s.lu([[2, 5, 8, 7], [5, 2, 2, 8], [7, 5, 6, 6], [5, 4, 4, 8]], p_indices=True))"
    const a = f64([2, 5, 8, 7, 5, 2, 2, 8, 7, 5, 6, 6, 5, 4, 4, 8], [4, 4]);
    const { p, l, u } = await device.linalg.lu(a, { pIndices: true });
    expect([...p.data]).toEqual([1, 3, 0, 2]);
    const round = (t: FloatTensor) => Array.from(t.data as Float64Array, (x) => Number(x.toFixed(8)));
    expect(round(l)).toEqual([
      1, 0, 0, 0, 0.28571429, 1, 0, 0, 0.71428571, 0.12, 1, 0, 0.71428571, -0.44, -0.46153846, 1,
    ]);
    expect(round(u)).toEqual([
      7, 5, 6, 6, 0, 3.57142857, 6.28571429, 5.28571429, 0, 0, -1.04, 3.08, 0, 0, 0, 7.46153846,
    ]);
  });

  test('integers and singular matrices', async () => {
    const { u } = await device.linalg.lu(tensor(new Int32Array([1, 2, 2, 4]), [2, 2]));
    expect([u.type, ...u.data]).toEqual(['float64', 2, 4, 0, 0]);
    const { lu, pivots } = await device.linalg.luFactor(f64([1, 2, 2, 4], [2, 2]));
    expect([...lu.data]).toEqual([2, 4, 0.5, 0]);
    expect([pivots.type, ...pivots.data]).toEqual(['int32', 1, 1]);
    await expectError(device.linalg.luSolve({ lu, pivots }, f64([1, 1], [2])), 'ERR_SINGULAR', /^luSolve: /);
  });

  // Elimination beside the smallest numbers, and the largest: l is what it is of the scaled matrix.
  test('matrices of any scale', async () => {
    const a = f64([1, 2, 3, 4, 5, 6, 7, 8, 10], [3, 3]);
    const { l } = await device.linalg.lu(a);
    const large = await device.linalg.lu({ ...a, data: a.data.map((x) => x * 2 ** 1019) });
    expect(large.l.data).toEqual(l.data);
    expect(Number.isFinite(large.u.data[8])).toBe(true);
  });
});

describe.each(['float32', 'float64'] as const)('%s', (type) => {
  test('factors solve many systems', async () => {
    const a = random(type, [3, 6, 6]);
    const factors = await device.linalg.luFactor(a);
    const b = random(type, [3, 6, 2], 2);
    for (const trans of ['N', 'T', 'C'] as const) {
      const x = await device.linalg.luSolve(factors, b, { trans });
      expect(x.dims).toEqual([3, 6, 2]);
      for (const i of [0, 1, 2]) {
        const left = trans === 'N' ? matrix(a, i) : transpose(matrix(a, i));
        expect(largestDifference(multiply(left, matrix(x, i)), matrix(b, i))).toBeLessThan(500 * epsilon[type]);
      }
    }
    const vector = await device.linalg.luSolve(factors, random(type, [6], 3));
    expect(vector.dims).toEqual([3, 6]);
  });

  test('triangles', async () => {
    const a = random(type, [5, 5]);
    const lower = { ...a, data: a.data.map((x, i) => (Math.floor(i / 5) === i % 5 ? x + 3 : x)) } as FloatTensor;
    const [l, u] = [0, 1].map((upper) =>
      matrix(lower).map((row, i) => row.map((x, j) => ((upper === 1 ? j >= i : j <= i) ? x : 0))),
    ) as [number[][], number[][]];
    const b = random(type, [5, 2], 2);
    const unit = (rows: number[][]) => rows.map((row, i) => row.map((x, j) => (i === j ? 1 : x)));
    const cases = [
      [{}, u],
      [{ lower: true }, l],
      [{ trans: 'T' }, transpose(u)],
      [{ lower: true, trans: 'C' }, transpose(l)],
      [{ unitDiagonal: true }, unit(u)],
    ] as const;
    for (const [options, wanted] of cases) {
      const x = await device.linalg.solveTriangular(lower, b, options);
      expect(largestDifference(multiply(wanted, matrix(x)), matrix(b))).toBeLessThan(100 * epsilon[type]);
    }
    const inverse = await device.linalg.solveTriangular(lower, tensor(identity(5), { type }), { lower: true });
    expect(largestDifference(multiply(l, matrix(inverse)), identity(5))).toBeLessThan(100 * epsilon[type]);
  });
});

test('what is on the device stays there, and integers of 64 bits are pivots too', async () => {
  const a = random('float64', [4, 4]);
  const b = random('float64', [4, 1], 2);
  await using resident = await device.put(a);
  const { lu, pivots } = await device.linalg.luFactor(resident);
  expect([lu, pivots].every((one) => one instanceof DeviceTensor)).toBe(true);
  const x = await device.linalg.luSolve({ lu, pivots }, b);
  const wide = { type: 'int64', data: BigInt64Array.from((await pivots.get()).data, BigInt), dims: [4] } as const;
  const again = await device.linalg.luSolve({ lu: await lu.get(), pivots: wide }, b);
  expect((await x.get()).data).toEqual(again.data);
  const parts = await device.linalg.lu(resident);
  expect((await parts.u.get()).data[0]).toBe((await lu.get()).data[0]);
  await Promise.all([lu, pivots, x, parts.p, parts.l, parts.u].map((one) => one.dispose()));
});

describe('what is wrong is refused', () => {
  const a = f64([1, 2, 3, 4], [2, 2]);
  const wide = f64([1, 2, 3, 4, 5, 6], [2, 3]);
  const pivots = tensor(new Int32Array([0, 1]));
  const cases: readonly [string, () => Promise<unknown>, string, RegExp][] = [
    ['lu: NaN', () => device.linalg.lu(f64([Number.NaN], [1, 1])), 'ERR_NOT_FINITE', /^lu: luFactor: /],
    ['luFactor: vector', () => device.linalg.luFactor(f64([1], [1])), 'ERR_SHAPE', /2 dimensions/],
    ['luSolve: no factors', () => device.linalg.luSolve(null as never, a), 'ERR_ARGUMENT', /factors must be an object/],
    ['luSolve: no lu', () => device.linalg.luSolve({ pivots } as never, a), 'ERR_ARGUMENT', /luSolve: lu/],
    ['luSolve: wide', () => device.linalg.luSolve({ lu: wide, pivots }, a), 'ERR_SHAPE', /square/],
    ['luSolve: floats', () => device.linalg.luSolve({ lu: a, pivots: a as never }, a), 'ERR_DTYPE', /int32 or int64/],
    [
      'luSolve: too few',
      () => device.linalg.luSolve({ lu: a, pivots: tensor(new Int32Array(1)) }, a),
      'ERR_SHAPE',
      /pivots of dims \[2\], got \[1\]/,
    ],
    [
      'luSolve: no row',
      () => device.linalg.luSolve({ lu: a, pivots: tensor(new Int32Array([1, 2])) }, a),
      'ERR_ARGUMENT',
      /no row/,
    ],
    ['luSolve: trans', () => device.linalg.luSolve({ lu: a, pivots }, a, { trans: 1 as never }), 'ERR_ARGUMENT', /'N'/],
    ['solveTriangular: b', () => device.linalg.solveTriangular(a, f64([1, 2, 3], [3])), 'ERR_SHAPE', /\[3\]/],
    ['solveTriangular: lower', () => device.linalg.solveTriangular(a, a, { lower: 'L' as never }), 'ERR_ARGUMENT', /L/],
    [
      'solveTriangular: zero',
      () => device.linalg.solveTriangular(f64([1, 1, 1, 0], [2, 2]), a),
      'ERR_SINGULAR',
      /zero/,
    ],
  ];
  test.each(cases)('%s', async (_name, call, code, message) => {
    await expectError(call(), code, message);
  });
});

// Complex matrices through the public surface, by what their factors and solutions must be.

import { type Device, DeviceTensor, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  adjoint,
  type ComplexMatrix,
  complexDifference,
  complexEpsilon,
  complexIdentity,
  complexMatrix,
  elementOf,
  hermitian,
  multiplyComplex,
  randomComplex,
} from '../support/complex.js';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { random } from '../support/matrices.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const complex = (data: readonly number[], dims: number[]): Tensor<'complex128'> => ({
  type: 'complex128',
  data: Float64Array.from(data),
  dims,
});
const scaled = (a: ComplexMatrix, by: readonly number[]): ComplexMatrix =>
  a.map((row) => row.map(([re, im], j) => [re * by[j]!, im * by[j]!]));
const numbersOf = (t: Tensor, first = 0, end = t.data.length) =>
  Array.from(t.data.slice(first, end) as Float64Array, Number);

describe.each(['complex64', 'complex128'] as const)('%s', (type) => {
  const bound = 200 * complexEpsilon[type];
  const real = type === 'complex64' ? 'float32' : 'float64';

  test('matmul, which broadcasts, and takes vectors', async () => {
    const a = randomComplex(type, [2, 1, 3, 4]);
    const b = randomComplex(type, [2, 4, 5], 2);
    const c = await device.linalg.matmul(a, b);
    expect([c.type, c.dims]).toEqual([type, [2, 2, 3, 5]]);
    for (const at of [0, 1, 2, 3]) {
      const wanted = multiplyComplex(complexMatrix(a, Math.floor(at / 2)), complexMatrix(b, at % 2));
      expect(complexDifference(complexMatrix(c, at), wanted)).toBeLessThan(bound);
    }
    const v = await device.linalg.matmul(randomComplex(type, [4]), randomComplex(type, [4], 3));
    expect(v.dims).toEqual([]);
    expect([...(await device.linalg.matmul(randomComplex(type, [2, 0]), randomComplex(type, [0, 1]))).data]).toEqual([
      0, 0, 0, 0,
    ]);
  });

  test('solve and inv', async () => {
    const a = randomComplex(type, [3, 6, 6]);
    const b = randomComplex(type, [6, 2], 2);
    const x = await device.linalg.solve(a, b);
    const inverse = await device.linalg.inv(a);
    expect([x.type, x.dims, inverse.dims]).toEqual([type, [3, 6, 2], [3, 6, 6]]);
    for (const i of [0, 1, 2]) {
      const matrix = complexMatrix(a, i);
      expect(complexDifference(multiplyComplex(matrix, complexMatrix(x, i)), complexMatrix(b))).toBeLessThan(
        10 * bound,
      );
      expect(complexDifference(multiplyComplex(matrix, complexMatrix(inverse, i)), complexIdentity(6))).toBeLessThan(
        10 * bound,
      );
    }
    expect((await device.linalg.solve(a, randomComplex(type, [6]))).dims).toEqual([3, 6]);
  });

  test.each([
    [5, 3],
    [3, 5],
    [4, 4],
  ])('svd and qr of %i x %i', async (m, n) => {
    const a = randomComplex(type, [2, m, n]);
    const k = Math.min(m, n);
    for (const mode of ['thin', 'full'] as const) {
      const { u, s, vt } = await device.linalg.svd(a, { mode });
      expect([u.type, s.type, vt.type]).toEqual([type, real, type]);
      for (const i of [0, 1]) {
        const [left, right] = [complexMatrix(u, i), complexMatrix(vt, i)];
        const values = numbersOf(s, i * k, (i + 1) * k);
        const thin = left.map((row) => row.slice(0, k));
        expect(
          complexDifference(multiplyComplex(scaled(thin, values), right.slice(0, k)), complexMatrix(a, i)),
        ).toBeLessThan(bound);
        expect(complexDifference(multiplyComplex(adjoint(left), left), complexIdentity(left[0]!.length))).toBeLessThan(
          bound,
        );
        expect(complexDifference(multiplyComplex(right, adjoint(right)), complexIdentity(right.length))).toBeLessThan(
          bound,
        );
        expect(values).toEqual([...values].sort((x, y) => y - x));
      }
    }
    for (const mode of ['reduced', 'complete'] as const) {
      const { q, r } = await device.linalg.qr(a, { mode });
      for (const i of [0, 1]) {
        const [left, right] = [complexMatrix(q, i), complexMatrix(r, i)];
        expect(complexDifference(multiplyComplex(left, right), complexMatrix(a, i))).toBeLessThan(bound);
        expect(complexDifference(multiplyComplex(adjoint(left), left), complexIdentity(left[0]!.length))).toBeLessThan(
          bound,
        );
        right.forEach((row, at) => {
          for (const [re, im] of row.slice(0, at)) expect([re, im]).toEqual([0, 0]);
        });
      }
    }
    expect((await device.linalg.qr(a, { mode: 'r' })).r.dims).toEqual([2, k, n]);
    expect((await device.linalg.svdvals(a)).type).toBe(real);
  });

  test('eigh and cholesky, of either triangle', async () => {
    const n = 5;
    const a = hermitian(type, 2, n, true);
    for (const upper of [false, true]) {
      // What is not read may be anything.
      const spoilt = { ...a, data: a.data.slice() } as typeof a;
      for (let at = 0; at < 2 * n * n; at++) {
        const [row, column] = [Math.floor(at / n) % n, at % n];
        if (upper ? column < row : column > row) spoilt.data[2 * at] = Number.NaN;
      }
      const { eigenvalues, eigenvectors } = await device.linalg.eigh(spoilt, { uplo: upper ? 'U' : 'L' });
      const factor = await device.linalg.cholesky(spoilt, { upper });
      expect([eigenvalues.type, eigenvectors.type, factor.type]).toEqual([real, type, type]);
      for (const i of [0, 1]) {
        const [matrix, v, f] = [complexMatrix(a, i), complexMatrix(eigenvectors, i), complexMatrix(factor, i)];
        const w = numbersOf(eigenvalues, i * n, (i + 1) * n);
        expect(complexDifference(multiplyComplex(matrix, v), scaled(v, w))).toBeLessThan(20 * bound);
        expect(complexDifference(multiplyComplex(adjoint(v), v), complexIdentity(n))).toBeLessThan(bound);
        const product = upper ? multiplyComplex(adjoint(f), f) : multiplyComplex(f, adjoint(f));
        expect(complexDifference(product, matrix)).toBeLessThan(20 * bound);
      }
      const only = await device.linalg.eigvalsh(spoilt, { uplo: upper ? 'U' : 'L' });
      numbersOf(only).forEach((w, at) => {
        expect(Math.abs(w - Number(eigenvalues.data[at]))).toBeLessThan(20 * bound);
      });
    }
  });

  test('norms, cond, rank, pinv, lstsq, powers and chains', async () => {
    const { linalg } = device;
    const a = { type, data: random(real, [2, 2, 2, 2], 4).data, dims: [2, 2, 2] } as Tensor<typeof type>;
    const all = numbersOf(a);
    const size = Math.hypot(...all.slice(0, 8));
    const near = (t: Tensor, ...wanted: number[]) => {
      expect(t.type).toBe(real);
      wanted.forEach((one, at) => {
        expect(Math.abs(Number(t.data[at]) - one)).toBeLessThan(bound * Math.max(1, one));
      });
    };
    near(await linalg.matrixNorm(a), size);
    near(await linalg.norm(a, { axis: [1, 2] }), size);
    near(await linalg.vectorNorm(a), Math.hypot(...all));
    const sizes = Array.from({ length: 4 }, (_, at) => Math.hypot(...elementOf(a, at)));
    near(await linalg.matrixNorm(a, { ord: 1 }), Math.max(sizes[0]! + sizes[2]!, sizes[1]! + sizes[3]!));
    const s = await linalg.svdvals(a);
    near(await linalg.matrixNorm(a, { ord: 2 }), Number(s.data[0]));
    near(await linalg.cond(a), Number(s.data[0]) / Number(s.data[1]));
    expect((await linalg.cond(complex([1, 1, 2, 2, 1, 1, 2, 2], [2, 2]), { p: 1 })).data[0]).toBe(
      Number.POSITIVE_INFINITY,
    );
    expect([...(await linalg.matrixRank(a)).data]).toEqual([2n, 2n]);

    const tall = randomComplex(type, [6, 3], 5);
    const b = randomComplex(type, [6, 2], 6);
    const pinv = await linalg.pinv(tall);
    expect(
      complexDifference(multiplyComplex(complexMatrix(pinv), complexMatrix(tall)), complexIdentity(3)),
    ).toBeLessThan(20 * bound);
    const { x, residuals, rank, s: values } = await linalg.lstsq(tall, b);
    expect([x.type, residuals.type, values.type, Number(rank.data[0])]).toEqual([type, real, real, 3]);
    expect(complexDifference(complexMatrix(x), multiplyComplex(complexMatrix(pinv), complexMatrix(b)))).toBeLessThan(
      20 * bound,
    );
    const rest = multiplyComplex(complexMatrix(tall), complexMatrix(x)).map((row, i) =>
      row.map(([re, im], j) => (re - elementOf(b, 2 * i + j)[0]) ** 2 + (im - elementOf(b, 2 * i + j)[1]) ** 2),
    );
    near(residuals, ...[0, 1].map((j) => rest.reduce((sum, row) => sum + row[j]!, 0)));

    const one = complexMatrix(a, 1);
    const cube = await linalg.matrixPower(a, 3);
    expect(complexDifference(complexMatrix(cube, 1), multiplyComplex(multiplyComplex(one, one), one))).toBeLessThan(
      bound,
    );
    expect(complexDifference(complexMatrix(await linalg.matrixPower(a, 0), 1), complexIdentity(2))).toBe(0);
    const chain = await linalg.multiDot([tall, randomComplex(type, [3, 4], 7), randomComplex(type, [4], 8)]);
    expect([chain.type, chain.dims]).toEqual([type, [6]]);

    const { u, p } = await linalg.polar(tall);
    expect(complexDifference(multiplyComplex(complexMatrix(u), complexMatrix(p)), complexMatrix(tall))).toBeLessThan(
      bound,
    );
    expect(complexDifference(complexMatrix(p), adjoint(complexMatrix(p)))).toBeLessThan(bound);
    const wide = { ...tall, dims: [3, 6] } as Tensor<typeof type>;
    const zeros = await linalg.nullSpace(wide);
    expect(zeros.dims).toEqual([6, 3]);
    const product = multiplyComplex(complexMatrix(wide), complexMatrix(zeros));
    expect(Math.max(...product.flat().map(([re, im]) => Math.hypot(re, im)))).toBeLessThan(bound);
    expect((await linalg.orth(tall)).dims).toEqual([6, 3]);
  });
});

test('cases written out: det, slogdet, and what they multiply', async () => {
  // [[i, 2], [1, 1 + i]] has i (1 + i) - 2 = -3 + i.
  const a = complex([0, 1, 2, 0, 1, 0, 1, 1], [2, 2]);
  const det = await device.linalg.det(a);
  expect([det.type, det.dims]).toEqual(['complex128', []]);
  expect(Math.hypot(det.data[0]! + 3, det.data[1]! - 1)).toBeLessThan(1e-14);
  const { sign, logabsdet } = await device.linalg.slogdet(a);
  expect([sign.type, logabsdet.type]).toEqual(['complex128', 'float64']);
  expect(Math.hypot(sign.data[0]! + 3 / Math.sqrt(10), sign.data[1]! - 1 / Math.sqrt(10))).toBeLessThan(1e-15);
  expect(Math.abs(logabsdet.data[0]! - Math.log(10) / 2)).toBeLessThan(1e-15);
  const singular = await device.linalg.slogdet(complex([1, 1, 1, 1, 1, 1, 1, 1], [2, 2]));
  expect([...singular.sign.data, ...singular.logabsdet.data]).toEqual([0, 0, Number.NEGATIVE_INFINITY]);
  // i i = -1.
  expect([...(await device.linalg.matmul(complex([0, 1], [1, 1]), complex([0, 1], [1, 1]))).data]).toEqual([-1, 0]);
});

test('a real operand meets a complex one in the type that holds both', async () => {
  const { linalg } = device;
  const a = randomComplex('complex64', [3, 3]);
  const b = random('float64', [3, 2], 2);
  const wide = await linalg.matmul(a, b);
  expect(wide.type).toBe('complex128');
  expect(complexDifference(complexMatrix(wide), multiplyComplex(complexMatrix(a), complexMatrix(b)))).toBeLessThan(
    1e-14,
  );
  expect((await linalg.matmul(a, tensor(new Int16Array(3)))).type).toBe('complex64');
  expect((await linalg.matmul(tensor(new Int32Array(3)), a)).type).toBe('complex128');
  expect((await linalg.solve(random('float32', [3, 3]), a)).type).toBe('complex64');
  expect((await linalg.solve(tensor(new Int16Array([2, 0, 0, 1]), [2, 2]), randomComplex('complex64', [2]))).type).toBe(
    'complex128',
  );
  await using resident = await device.put(a);
  await using product = await linalg.matmul(resident, b);
  expect(product).toBeInstanceOf(DeviceTensor);
  expect((await product.get()).data).toEqual(wide.data);
  // An infinity stays one, and makes no NaN of its imaginary part.
  const infinite = await linalg.vectorNorm(complex([Number.POSITIVE_INFINITY, 0], [1]));
  expect(infinite.data[0]).toBe(Number.POSITIVE_INFINITY);
});

test('what is wrong is refused, and named', async () => {
  const { linalg } = device;
  const stack = complex([1, 0, 0, 0, 0, 0, 1, 0, /* singular: */ 1, 1, 2, 2, 1, 1, 2, 2], [2, 2, 2]);
  expect((await expectError(linalg.inv(stack), 'ERR_SINGULAR', /inv/)).indices).toEqual([1]);
  expect((await expectError(linalg.solve(stack, complex([1, 0, 1, 0], [2])), 'ERR_SINGULAR')).indices).toEqual([1]);
  const bad = { ...stack, data: stack.data.map((x, at) => (at === 9 ? Number.NaN : x)) };
  for (const name of ['inv', 'svd', 'qr', 'det', 'eigh', 'cholesky'] as const) {
    const operation = linalg[name] as (a: Tensor<'complex128'>) => Promise<unknown>;
    expect((await expectError(operation.call(linalg, bad), 'ERR_NOT_FINITE', /NaN/)).indices, name).toEqual([1]);
  }
  expect((await expectError(linalg.cholesky(complex([-1, 0], [1, 1])), 'ERR_NOT_POSITIVE_DEFINITE')).indices).toEqual([
    0,
  ]);
  // The inverse of the second one's smallest singular value is infinite.
  const beyond = complex([1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1e-320, 0], [2, 2, 2]);
  const ones = complex([1, 0, 1, 0], [2]);
  for (const call of [() => linalg.pinv(beyond, { rtol: 0 }), () => linalg.lstsq(beyond, ones, { rtol: 0 })]) {
    expect((await expectError(call(), 'ERR_NOT_FINITE', /beyond what complex128/)).indices).toEqual([1]);
  }
  await expectError(device.ops.less(stack as never, stack as never), 'ERR_DTYPE', /complex128/);
  expect(
    (await expectError(linalg.solveTriangular(complex([0, 0], [1, 1]), complex([1, 0], [1])), 'ERR_SINGULAR')).indices,
  ).toEqual([0]);
});

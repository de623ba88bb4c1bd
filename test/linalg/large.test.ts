// Matrices so large that BLAS takes several threads for them: one build of OpenBLAS (Debian's 0.3.34+ds-2) ended the process there, while it
// was right about all that is smaller. A result is judged by what it does to vectors, each of which costs no more than n^2.

import { type AlgebraOperand, type Device, type FloatTensor, open, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { epsilon, random } from '../support/matrices.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

type Vector = Float64Array;

/** a x, or a transposed x. */
function times({ data, dims }: FloatTensor, x: Vector, transposed = false): Vector {
  const [rows, columns] = dims as [number, number];
  const y = new Float64Array(transposed ? columns : rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      if (transposed) y[j]! += (data[i * columns + j] as number) * x[i]!;
      else y[i]! += (data[i * columns + j] as number) * x[j]!;
    }
  }
  return y;
}

const norm = (x: Vector) => Math.hypot(...x);
const probe = (n: number, seed: number) =>
  Float64Array.from({ length: n }, (_, i) => Math.sin(seed + i * (seed + 0.7)));
/** Relatively to `to`. */
const distance = (x: Vector, y: Vector, to: Vector) => norm(x.map((value, i) => value - y[i]!)) / norm(to);
const scaled = (s: FloatTensor, x: Vector) => x.map((value, i) => value * (s.data[i] as number));
const column = (a: FloatTensor, j: number) =>
  Float64Array.from({ length: a.dims[0]! }, (_, i) => a.data[i * a.dims[1]! + j] as number);

/** What the emulated GPU takes minutes for it has tests of its own for. */
describe.skipIf(testDevice !== 'cpu').each([
  ['float64', 300],
  ['float64', 520],
  ['float32', 520],
] as const)('%s, %i columns', (type, n) => {
  const allowed = 100 * n * epsilon[type];
  const a = random(type, [n, n]);
  const of = (change: (i: number, j: number, value: number) => number): FloatTensor => {
    const data = a.data.map((value, at) => change(Math.floor(at / n), at % n, value));
    return tensor(data as typeof a.data, [n, n], { type }) as FloatTensor;
  };
  const dominant = of((i, j, value) => value + (i === j ? n : 0));
  const symmetric = of((i, j, value) => (i <= j ? value : (a.data[j * n + i] as number)));
  const positive = of((i, j) => (symmetric.data[i * n + j] as number) + (i === j ? 2 * n : 0));
  const [x, y] = [probe(n, 1), probe(n, 2)];
  const linalg = () => device.linalg;
  const several = (call: (operand: AlgebraOperand) => Promise<unknown>, operand: FloatTensor) =>
    Promise.all([call(operand), call(operand), call(operand)]);

  test('solve, inv, det, lstsq and lu', async () => {
    const b = tensor(type === 'float32' ? Float32Array.from(y) : y, [n, 1], { type }) as FloatTensor;
    const solved = await linalg().solve(dominant, b);
    expect(distance(times(dominant, column(solved, 0)), column(b, 0), y)).toBeLessThan(allowed);
    const inverse = await linalg().inv(dominant);
    expect(distance(times(dominant, times(inverse, x)), x, x)).toBeLessThan(allowed);
    const { x: fitted } = await linalg().lstsq(dominant, b);
    expect(distance(times(dominant, column(fitted, 0)), column(b, 0), y)).toBeLessThan(allowed);
    const { p, l, u } = await linalg().lu(dominant);
    const product = times(p, times(l, times(u, x)));
    expect(distance(product, times(dominant, x), times(dominant, x))).toBeLessThan(allowed);
    const { logabsdet } = await linalg().slogdet(dominant);
    let logarithm = 0;
    for (let i = 0; i < n; i++) logarithm += Math.log(Math.abs(u.data[i * n + i] as number));
    expect(Math.abs((logabsdet.data[0] as number) / logarithm - 1)).toBeLessThan(allowed);
    await several((operand) => linalg().solve(operand, b), dominant);
  });

  test('matmul and cholesky', async () => {
    const product = await linalg().matmul(a, dominant);
    expect(distance(times(product, x), times(a, times(dominant, x)), times(product, x))).toBeLessThan(allowed);
    const factor = await linalg().cholesky(positive);
    const again = times(factor, times(factor, x, true));
    expect(distance(again, times(positive, x), again)).toBeLessThan(allowed);
    await several((operand) => linalg().cholesky(operand), positive);
  });

  test('svd, eigh, qr, eig and pinv', async () => {
    const { u, s, vt } = await linalg().svd(a);
    expect(distance(times(u, scaled(s, times(vt, x))), times(a, x), times(a, x))).toBeLessThan(allowed);
    expect(distance(times(u, times(u, x), true), x, x)).toBeLessThan(allowed);
    const { eigenvalues: w, eigenvectors: v } = await linalg().eigh(symmetric);
    expect(distance(times(v, scaled(w, times(v, x, true))), times(symmetric, x), times(symmetric, x))).toBeLessThan(
      allowed,
    );
    const { q, r } = await linalg().qr(a);
    expect(distance(times(q, times(r, x)), times(a, x), times(a, x))).toBeLessThan(allowed);
    expect(distance(times(q, times(q, x), true), x, x)).toBeLessThan(allowed);
    const inverse = await linalg().pinv(dominant);
    expect(distance(times(dominant, times(inverse, x)), x, x)).toBeLessThan(allowed);
    const { eigenvalues } = await linalg().eig(a);
    let trace = 0;
    let sum = 0;
    for (let i = 0; i < n; i++) {
      trace += a.data[i * n + i] as number;
      sum += (eigenvalues.data as ArrayLike<number>)[2 * i] as number;
    }
    expect(Math.abs(sum - trace) / n).toBeLessThan(allowed);
    await several((operand) => linalg().svd(operand), a);
  });
});

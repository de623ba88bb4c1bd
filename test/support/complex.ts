// Matrices of complex numbers, as rows of pairs, for checking what a device gave. Real tensors are taken as well.

import type { ComplexType, Tensor } from 'tensorlane';
import { randomFloats } from './onnx-builder.js';

export type Complex = readonly [re: number, im: number];
export type ComplexMatrix = Complex[][];

export const complexEpsilon = { complex64: 2 ** -23, complex128: 2 ** -52 };

export function randomComplex<T extends ComplexType>(type: T, dims: number[], seed = 1): Tensor<T> {
  const values = randomFloats(2 * dims.reduce((a, b) => a * b, 1), seed);
  const data = type === 'complex64' ? Float32Array.from(values) : Float64Array.from(values);
  return { type, data, dims } as unknown as Tensor<T>;
}

/** Element `at`. */
export function elementOf({ type, data }: Tensor, at: number): Complex {
  return type.startsWith('complex') ? [Number(data[2 * at]), Number(data[2 * at + 1])] : [Number(data[at]), 0];
}

/** Matrix `index` of a batch. */
export function complexMatrix(t: Tensor, index = 0): ComplexMatrix {
  const [rows, columns] = t.dims.slice(-2) as [number, number];
  const start = index * rows * columns;
  return Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => elementOf(t, start + i * columns + j)),
  );
}

export const times = ([a, b]: Complex, [c, d]: Complex): Complex => [a * c - b * d, a * d + b * c];

export function multiplyComplex(a: ComplexMatrix, b: ComplexMatrix): ComplexMatrix {
  return a.map((row) =>
    (b[0] ?? []).map((_, j) =>
      row.reduce<Complex>(
        ([re, im], x, k) => {
          const [more, and] = times(x, b[k]![j]!);
          return [re + more, im + and];
        },
        [0, 0],
      ),
    ),
  );
}

export const adjoint = (a: ComplexMatrix): ComplexMatrix =>
  (a[0] ?? []).map((_, j) => a.map((row): Complex => [row[j]![0], -row[j]![1]]));

export const complexIdentity = (n: number): ComplexMatrix =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j): Complex => [Number(i === j), 0]));

export function complexDifference(a: ComplexMatrix, b: ComplexMatrix): number {
  return Math.max(
    0,
    ...a.flatMap((row, i) => row.map(([re, im], j) => Math.hypot(re - b[i]![j]![0], im - b[i]![j]![1]))),
  );
}

/** A Hermitian matrix' dims and elements of a batch, of which `definite` ones have positive eigenvalues. */
export function hermitian<T extends ComplexType>(type: T, batch: number, n: number, definite: boolean): Tensor<T> {
  const a = randomComplex(type, [batch, n, n], n);
  const rows = Array.from({ length: batch }, (_, i) => {
    const one = complexMatrix(a, i);
    if (definite) {
      const square = multiplyComplex(one, adjoint(one));
      return square.map((row, at) => row.map(([re, im], j): Complex => [re + (at === j ? 1 : 0), at === j ? 0 : im]));
    }
    const other = adjoint(one);
    return one.map((row, at) => row.map(([re, im], j): Complex => [re + other[at]![j]![0], im + other[at]![j]![1]]));
  });
  const values = rows.flat(3);
  const data = type === 'complex64' ? Float32Array.from(values) : Float64Array.from(values);
  return { type, data, dims: [batch, n, n] } as unknown as Tensor<T>;
}

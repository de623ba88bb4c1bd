// Matrices as rows of numbers, for checking what a device gave.

import type { FloatTensor, Tensor } from 'tensorlane';
import { randomFloats } from './onnx-builder.js';

type Type = 'float32' | 'float64';
const arrays = { float32: Float32Array, float64: Float64Array };
export const epsilon = { float32: 2 ** -23, float64: 2 ** -52 };

export function random(type: Type, dims: number[], seed = 1): FloatTensor {
  const count = dims.reduce((a, b) => a * b, 1);
  return { type, data: arrays[type].from(randomFloats(count, seed)), dims } as FloatTensor;
}

export const f64 = (data: readonly number[], dims: number[]): Tensor<'float64'> => ({
  type: 'float64',
  data: Float64Array.from(data),
  dims,
});

/** Matrix `index` of a batch, as rows of numbers. */
export function matrix(t: Tensor, index = 0): number[][] {
  const [rows, columns] = t.dims.slice(-2) as [number, number];
  const start = index * rows * columns;
  return Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => Number(t.data[start + i * columns + j])),
  );
}

export function multiply(a: number[][], b: number[][]): number[][] {
  return a.map((row) => (b[0] ?? []).map((_, j) => row.reduce((sum, x, k) => sum + x * b[k]![j]!, 0)));
}

export function largestDifference(a: number[][], b: number[][]): number {
  return Math.max(0, ...a.flatMap((row, i) => row.map((x, j) => Math.abs(x - b[i]![j]!))));
}

export const transpose = (a: number[][]) => (a[0] ?? []).map((_, j) => a.map((row) => row[j]!));
export const identity = (n: number) =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Number(i === j)));

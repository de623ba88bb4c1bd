// tensorlane's linear algebra in a process of its own, so that it may have another environment than the bench.

import { readFileSync, writeFileSync } from 'node:fs';
import { type FloatTensor, open, tensor } from 'tensorlane';
import { serve } from '../../lib/cli/load/child.js';
import { randomFloats } from '../../test/support/onnx-builder.js';
import { sample } from '../micro.js';

export type LinalgOperation =
  | 'svd'
  | 'eigh'
  | 'solve'
  | 'lstsq'
  | 'inv'
  | 'pinv'
  | 'det'
  | 'cholesky'
  | 'qr'
  | 'matmul'
  | 'randomized';

/** Of 'randomized': singular values. */
export const RANK = 32;

export interface Job {
  readonly operation: LinalgOperation;
  /** Of the matrices' bytes. */
  readonly file: string;
  readonly type: 'float32' | 'float64';
  readonly dims: readonly [number, number, number];
  readonly iterations: number;
}

export interface Outcome {
  readonly ms: number[];
  /** Of the absolute values of what was computed, of that which no choice of signs changes. */
  readonly sum: number;
}

const device = await open('cpu');

/** The first column of each matrix, and 1, as right-hand sides. */
function firstColumns({ data, dims, type }: FloatTensor): FloatTensor {
  const [count, rows, columns] = dims as [number, number, number];
  const sides = type === 'float32' ? new Float32Array(count * rows) : new Float64Array(count * rows);
  for (let i = 0; i < sides.length; i++) sides[i] = (data[i * columns] as number) + 1;
  return tensor(sides, [count, rows, 1]);
}

async function prepare(operation: LinalgOperation, a: FloatTensor): Promise<() => Promise<FloatTensor>> {
  const { linalg } = device;
  switch (operation) {
    case 'svd':
      return async () => (await linalg.svd(a, { mode: 'thin' })).s;
    case 'eigh':
      return async () => (await linalg.eigh(a)).eigenvalues;
    case 'qr':
      return async () => (await linalg.qr(a)).r;
    case 'solve': {
      const b = firstColumns(a);
      return () => linalg.solve(a, b);
    }
    case 'lstsq': {
      const b = firstColumns(a);
      return async () => (await linalg.lstsq(a, b)).x;
    }
    case 'randomized':
      return async () => (await linalg.svd(a, { rank: RANK, driver: 'randomized' })).s;
    case 'matmul':
      return () => linalg.matmul(a, a);
    default:
      return () => linalg[operation](a);
  }
}

const methods = {
  library: () => `${device.info.library ?? 'an unknown BLAS'}, ${device.info.threads} threads`,
  async run({ operation, file, type, dims, iterations }: Job): Promise<Outcome> {
    const { buffer } = new Uint8Array(readFileSync(file));
    const a = tensor(type === 'float32' ? new Float32Array(buffer) : new Float64Array(buffer), dims) as FloatTensor;
    const compute = await prepare(operation, a);
    let result: FloatTensor | undefined;
    const ms = await sample(async () => (result = await compute()), { iterations, warmup: 1 });
    let sum = 0;
    for (const value of result?.data ?? []) sum += Math.abs(value);
    return { ms, sum };
  },
  /** Writes matrices whose singular values fall as 1/k, but for noise, of ranks that randomFloats cannot have. */
  async decaying({ file, rows, columns }: { file: string; rows: number; columns: number }): Promise<void> {
    const rank = 4 * RANK;
    const left = randomFloats(rows * rank, 1).map((x, i) => x / (1 + (i % rank)));
    const product = await device.linalg.matmul(
      tensor(left, [rows, rank]),
      tensor(randomFloats(rank * columns, 2), [rank, columns]),
    );
    const noise = randomFloats(rows, 3);
    for (const [i, value] of product.data.entries())
      product.data[i] = value + 1e-3 * (noise[(i * 7919) % rows] as number);
    writeFileSync(file, product.data);
  },
  /** How long this process takes to copy as many bytes. */
  copy({ bytes, iterations }: { bytes: number; iterations: number }): Promise<number[]> {
    const from = new Uint8Array(bytes).fill(1);
    const to = new Uint8Array(bytes).fill(2);
    return sample(() => to.set(from), { iterations, warmup: 1, async: false });
  },
};
export type Methods = typeof methods;

serve(methods, () => device.dispose());

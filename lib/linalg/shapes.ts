// Checks and shapes shared by the linear-algebra operations.

import type { BatchWalk } from '../../binding.js';
import { TensorlaneError } from '../errors.js';
import { checkTensor } from '../tensor.js';
import type { FloatTensor, FloatType } from '../types.js';

/** A tensor over the elements that the device gave. */
export function floatTensor(type: FloatType, buffer: ArrayBuffer, dims: readonly number[]): FloatTensor {
  return { type, data: type === 'float32' ? new Float32Array(buffer) : new Float64Array(buffer), dims } as FloatTensor;
}

/** A float32 or float64 tensor of at least `rank` dimensions. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkFloat(value: unknown, what: string, rank: number): FloatTensor {
  const tensor = checkTensor(value, what);
  if (tensor.type !== 'float32' && tensor.type !== 'float64') {
    throw new TensorlaneError('ERR_DTYPE', `${what}: linear algebra takes float32 or float64, not ${tensor.type}`);
  }
  if (tensor.dims.length < rank) {
    throw new TensorlaneError(
      'ERR_SHAPE',
      `${what}: expected at least ${rank} dimension${rank === 1 ? '' : 's'}, got dims [${tensor.dims.join(', ')}]`,
    );
  }
  return tensor;
}

export function checkSameType(a: FloatTensor, b: FloatTensor, what: string): void {
  if (a.type === b.type) return;
  throw new TensorlaneError('ERR_DTYPE', `${what}: a is ${a.type} and b is ${b.type}; convert one of them`);
}

/** Broadcasts leading dimensions as numpy does. Errors: ERR_SHAPE. */
export function broadcast(a: readonly number[], b: readonly number[], what: string): BatchWalk {
  const rank = Math.max(a.length, b.length);
  const batchDims: number[] = [];
  const aStrides: number[] = [];
  const bStrides: number[] = [];
  let aStride = 1;
  let bStride = 1;
  for (let back = 1; back <= rank; back++) {
    const aDim = a[a.length - back] ?? 1;
    const bDim = b[b.length - back] ?? 1;
    if (aDim !== bDim && aDim !== 1 && bDim !== 1) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `${what}: the leading dimensions [${a.join(', ')}] and [${b.join(', ')}] do not broadcast`,
      );
    }
    batchDims.unshift(aDim === 1 ? bDim : aDim);
    aStrides.unshift(aDim === 1 ? 0 : aStride);
    bStrides.unshift(bDim === 1 ? 0 : bStride);
    aStride *= aDim;
    bStride *= bDim;
  }
  return { batchDims, aStrides, bStrides };
}

export function product(dims: readonly number[]): number {
  return dims.reduce((total, dim) => total * dim, 1);
}

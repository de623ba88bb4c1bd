// The matrices of an operation: the last two dimensions, batched over the leading ones, which broadcast as numpy's do.

import type { BatchWalk } from '../../binding.js';
import { TensorlaneError } from '../core/errors.js';
import { checkFloat, type FloatOperand } from '../runtime/operands.js';
import { product } from '../tensor/tensor.js';

/** A batch of matrices. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkMatrices(value: unknown, what: string) {
  const operand = checkFloat(value, what, 2);
  const lead = operand.dims.slice(0, -2);
  const [m, n] = operand.dims.slice(-2) as [number, number];
  return { operand, type: operand.type, lead, batch: product(lead), m, n };
}

/** A batch of square matrices. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkSquare(value: unknown, what: string) {
  const matrices = checkMatrices(value, what);
  if (matrices.m !== matrices.n) {
    throw new TensorlaneError(
      'ERR_SHAPE',
      `${what}: expected square matrices, got dims [${matrices.operand.dims.join(', ')}]`,
    );
  }
  return matrices;
}

/** Errors: ERR_DTYPE. */
export function checkSameType(a: FloatOperand, b: FloatOperand, what: string): void {
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

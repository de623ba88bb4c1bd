// Checks and shapes shared by the linear-algebra operations.

import type { BatchWalk } from '../../binding.js';
import { TensorlaneError } from '../core/errors.js';
import { DeviceTensor } from '../device/device-tensor.js';
import type { Operand } from '../device/runner.js';
import { checkTensor, product } from '../tensor/tensor.js';
import type { FloatType, Tensor } from '../tensor/types.js';

/** What linear algebra takes: a tensor of float32 or float64, in host memory or on the device. */
export type FloatOperand = Operand<FloatType>;

/** What comes of operands: device tensors if one of them is on the device, of their element type. */
export type ResultOf<A extends FloatOperand> = [Extract<A, DeviceTensor>] extends [never]
  ? Tensor<A['type']>
  : DeviceTensor<A['type']>;

/** A float32 or float64 tensor of at least `rank` dimensions. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkFloat(value: unknown, what: string, rank: number): FloatOperand {
  const operand = value instanceof DeviceTensor ? value : checkTensor(value, what);
  const { type, dims } = operand;
  if (type !== 'float32' && type !== 'float64') {
    throw new TensorlaneError('ERR_DTYPE', `${what}: linear algebra takes float32 or float64, not ${type}`);
  }
  if (dims.length < rank) {
    throw new TensorlaneError(
      'ERR_SHAPE',
      `${what}: expected at least ${rank} dimension${rank === 1 ? '' : 's'}, got dims [${dims.join(', ')}]`,
    );
  }
  return operand as FloatOperand;
}

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

// The matrices of an operation: the last two dimensions, batched over the leading ones, which broadcast as numpy's do.

import type { BatchWalk } from '../../binding.js';
import { TensorlaneError } from '../core/errors.js';
import { broadcastDims } from '../runtime/broadcast.js';
import { type AlgebraOperand, checkOperand } from '../runtime/operands.js';
import { floatOf, isInteger } from '../runtime/promotion.js';
import { product } from '../tensor/tensor.js';
import type { FloatType } from '../tensor/types.js';

/** A batch of matrices. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkMatrices(value: unknown, what: string) {
  const operand = checkAlgebra(value, what, 2);
  const lead = operand.dims.slice(0, -2);
  const [m, n] = operand.dims.slice(-2) as [number, number];
  return { operand, type: floatOf(operand.type), lead, batch: product(lead), m, n };
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

/** What linear algebra takes. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkAlgebra(value: unknown, what: string, rank: number): AlgebraOperand {
  const operand = checkOperand(value, what, rank);
  const { type } = operand;
  if (type === 'float32' || type === 'float64' || isInteger(type)) return operand as AlgebraOperand;
  throw new TensorlaneError(
    'ERR_DTYPE',
    `${what}: expected float32, float64 or integers, not ${type}; cast it first (device.ops.cast)`,
  );
}

/** The type in which a system is solved, as numpy.linalg has it: float64 unless both are float32. */
export function commonFloat(a: AlgebraOperand, b: AlgebraOperand): FloatType {
  return a.type === 'float32' && b.type === 'float32' ? 'float32' : 'float64';
}

/**
 * The type of a product, as numpy.matmul has it: where one is float32, float32 with another one that it holds exactly (integers of
 * up to 16 bits), else float64. Errors: ERR_DTYPE for two of integers, whose product numpy leaves an integer.
 */
export function productType(a: AlgebraOperand, b: AlgebraOperand, what: string): FloatType {
  if (a.type === b.type && !isInteger(a.type)) return a.type;
  if (isInteger(a.type) && isInteger(b.type)) {
    throw new TensorlaneError(
      'ERR_DTYPE',
      `${what}: a is ${a.type} and b is ${b.type}, and there is no product of integers; cast one to float64 (device.ops.cast)`,
    );
  }
  const isSmall = ({ type }: AlgebraOperand) => type === 'float32' || type === 'bool' || /^u?int(8|16)$/.test(type);
  return isSmall(a) && isSmall(b) ? 'float32' : 'float64';
}

/** Broadcasts leading dimensions as numpy does. Errors: ERR_SHAPE. */
export function broadcast(a: readonly number[], b: readonly number[], what: string): BatchWalk {
  const { dims, strides } = broadcastDims([a, b], `${what}: the leading dimensions`);
  return { batchDims: dims, aStrides: strides[0]!, bStrides: strides[1]! };
}

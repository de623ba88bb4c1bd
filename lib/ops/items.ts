// The items of a leading dimension: picked by their indices, or one after the other as sequences of different lengths.

import { requiredWholeNumber } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import { checkOperand, type Operand } from '../runtime/operands.js';
import { bitsOf } from '../tensor/dtypes.js';
import { product } from '../tensor/tensor.js';
import type { Tensor } from '../tensor/types.js';

/** Items, and which of them. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkPick(a: unknown, indices: unknown, what: string) {
  const operand = checkOperand(a, what, 1);
  const picked = checkIndices(indices, what);
  const [rows, ...rest] = operand.dims as [number, ...number[]];
  const rowBytes = product(rest) * (bitsOf[operand.type] / 8);
  return { operand, picked, rest, request: { rowBytes, rows, count: product(picked.dims), indexType: picked.type } };
}

/** Where each of the sequences begins, and the last one ends. Errors: ERR_ARGUMENT, ERR_SHAPE. */
export function checkLengths(lengths: unknown, total: number): number[] {
  if (!Array.isArray(lengths)) {
    throw new TensorlaneError('ERR_ARGUMENT', `padSequences: lengths must be an array, got ${shown(lengths)}`);
  }
  const offsets = [0];
  for (const length of lengths) {
    offsets.push(offsets.at(-1)! + requiredWholeNumber('padSequences: a length', length, 0));
  }
  if (offsets.at(-1) === total) return offsets;
  throw new TensorlaneError(
    'ERR_SHAPE',
    `padSequences: the lengths add up to ${offsets.at(-1)}, but a has ${total} items`,
  );
}

/** Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
function checkIndices(indices: unknown, what: string): Operand<'int32' | 'int64'> {
  if (Array.isArray(indices)) {
    const wrong = indices.findIndex((index) => !Number.isSafeInteger(index));
    if (wrong !== -1) {
      throw new TensorlaneError('ERR_ARGUMENT', `${what}: indices must be integers, got ${shown(indices[wrong])}`);
    }
    return { type: 'int64', data: BigInt64Array.from(indices, BigInt), dims: [indices.length] } as Tensor<'int64'>;
  }
  const operand = checkOperand(indices, `${what}: indices`);
  if (operand.type === 'int32' || operand.type === 'int64') return operand as Operand<'int32' | 'int64'>;
  throw new TensorlaneError('ERR_DTYPE', `${what}: indices must be int32 or int64, not ${operand.type}`);
}

// Transposed tensors: those whose dimensions come in another order than their elements lie, in host memory or on the device.
//
// matmul reads matrices that lie as their transposes where they are, by BLAS's and cuBLASLt's flags. For what takes elements in order,
// they are brought into it first, on the operation's lane.

import { addon } from '../addon/load.js';
import type { NumericDType } from '../tensor/dtypes.js';
import { checkTensor, hostTensor } from '../tensor/tensor.js';
import type { Tensor } from '../tensor/types.js';
import { isInOrder, TensorView, viewOf } from '../tensor/view.js';
import { checkOrder } from './axes.js';
import { DeviceTensor } from './device-tensor.js';
import { checkOperand, type Operand } from './operands.js';

/**
 * A tensor with its dimensions in another order, over the same memory: dimension i is dimension axes[i] of `a`; by default the last one
 * comes first, as numpy has it. Operations of a device take it like any other, and `matmul` reads it where it lies. All types but strings and those
 * of less than a byte an element.
 *
 * Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE, ERR_DISPOSED.
 */
export function transposed<T extends NumericDType>(a: DeviceTensor<T>, axes?: readonly number[]): DeviceTensor<T>;
export function transposed<T extends NumericDType>(a: Tensor<T>, axes?: readonly number[]): Tensor<T>;
export function transposed(a: Operand, axes?: readonly number[]): Operand {
  const operand = checkOperand(a, 'transposed');
  if (operand instanceof DeviceTensor) return operand.transpose(axes);
  return viewOf(operand, checkOrder(axes, operand.dims.length, 'transposed'));
}

/** Dimension i of the operand is dimension order[i] of what is stored; undefined where they are the same. */
export function orderOf(operand: Operand): readonly number[] | undefined {
  return operand instanceof DeviceTensor || operand instanceof TensorView ? operand.order : undefined;
}

/** What is stored of a transposed tensor, in its order: on the device a tensor that is to be disposed. */
export function storedOf(operand: Operand, what: string): Operand {
  if (operand instanceof DeviceTensor) return operand.stored(what);
  const { stored } = operand as unknown as TensorView;
  // Its array may have been transferred since.
  checkTensor(stored, what);
  return stored as Operand;
}

export function hasViews(operands: Readonly<Record<string, Operand>>): boolean {
  for (const name in operands) if (orderOf(operands[name]!) !== undefined) return true;
  return false;
}

/** Whether nothing but the last two dimensions, those of matrices, have changed places. */
export function isOfTransposes(operand: Operand): boolean {
  const order = orderOf(operand);
  if (order === undefined || order.length < 2) return false;
  const last = order.length - 1;
  return order[last] === last - 1 && isInOrder(order.slice(0, -2));
}

/** What is stored of an operand, for as long as an operation of several steps goes on, whatever its caller does with it: see steps.ts. */
export function keptOf(operand: Operand, what: string): Operand {
  if (operand instanceof DeviceTensor) return operand.stored(what);
  const { type, data, dims } = orderOf(operand) === undefined ? operand : (storedOf(operand, what) as typeof operand);
  const kept = data.byteLength <= addon().copyUpTo ? data.slice() : data;
  return hostTensor(type, kept, [...dims]) as Operand;
}

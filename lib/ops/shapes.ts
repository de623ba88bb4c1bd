// Checks and shapes shared by the operations on tensors.

import { TensorlaneError } from '../core/errors.js';
import { DeviceTensor } from '../device/device-tensor.js';
import type { Operand } from '../device/runner.js';
import type { FloatOperand } from '../linalg/shapes.js';
import { bitsOf, type NumericDType } from '../tensor/dtypes.js';
import { checkTensor } from '../tensor/tensor.js';
import type { Tensor } from '../tensor/types.js';

/** What comes of operands, with elements of type T: a device tensor if one of them is on the device. */
export type ResultAs<A extends Operand, T extends NumericDType> = [Extract<A, DeviceTensor>] extends [never]
  ? Tensor<T>
  : DeviceTensor<T>;

/** The types that `cast` converts from and to. */
export type CastType = Exclude<NumericDType, `float8${string}` | 'int4' | 'uint4'>;

/** A tensor whose elements fill whole bytes. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkOperand(value: unknown, what: string): Operand {
  const operand: Tensor | DeviceTensor = value instanceof DeviceTensor ? value : checkTensor(value, what);
  const { type } = operand;
  if (type === 'string' || bitsOf[type] < 8) {
    throw new TensorlaneError('ERR_DTYPE', `${what}: expected elements of at least one byte, not ${type}`);
  }
  return operand as Operand;
}

/** A tensor of float32 or float64. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkFloat(value: unknown, what: string): FloatOperand {
  const operand = checkOperand(value, what);
  if (operand.type !== 'float32' && operand.type !== 'float64') {
    throw new TensorlaneError('ERR_DTYPE', `${what}: expected float32 or float64, not ${operand.type}; cast it first`);
  }
  return operand as FloatOperand;
}

/** A type that elements are converted from or to. Errors: ERR_DTYPE. */
export function checkCastType(type: unknown, what: string): CastType {
  const known = typeof type === 'string' && Object.hasOwn(bitsOf, type) && bitsOf[type as NumericDType] >= 8;
  if (known && !type.startsWith('float8')) return type as CastType;
  throw new TensorlaneError(
    'ERR_DTYPE',
    `${what}: expected floats of 16 to 64 bits, integers of 8 to 64 bits or bool, got ${String(type)}`,
  );
}

/** The axis' place among `rank` dimensions; negative ones count from the end. Errors: ERR_ARGUMENT. */
export function checkAxis(axis: unknown, rank: number, what: string): number {
  if (Number.isInteger(axis) && (axis as number) >= -rank && (axis as number) < rank) {
    return (axis as number) < 0 ? (axis as number) + rank : (axis as number);
  }
  throw new TensorlaneError(
    'ERR_ARGUMENT',
    `${what}: axis must be an integer from ${-rank} to ${rank - 1}, got ${String(axis)}`,
  );
}

/** A size. Errors: ERR_ARGUMENT. */
export function checkSize(value: unknown, least: number, most: number, what: string): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  throw new TensorlaneError(
    'ERR_ARGUMENT',
    `${what} must be an integer from ${least} to ${most}, got ${String(value)}`,
  );
}

/** A leading dimension. Errors: ERR_SHAPE. */
export function checkLeading(operand: Operand, what: string): void {
  if (operand.dims.length > 0) return;
  throw new TensorlaneError('ERR_SHAPE', `${what}: expected at least 1 dimension, got a scalar`);
}

/** A finite number for each channel, from one for all of them or one for each. Errors: ERR_ARGUMENT. */
export function perChannel(value: unknown, channels: number, what: string): number[] {
  const numbers: readonly unknown[] = Array.isArray(value) ? value : Array<unknown>(channels).fill(value);
  if (numbers.length === channels && numbers.every((one) => Number.isFinite(one))) return [...numbers] as number[];
  throw new TensorlaneError(
    'ERR_ARGUMENT',
    `${what} must be a finite number, or one for each of the ${channels} channels, got ${String(value)}`,
  );
}

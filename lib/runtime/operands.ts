// What operations take: tensors in host memory or on the device, and what comes of them.

import { TensorlaneError } from '../core/errors.js';
import { bitsOf, isComplex, type NumericDType } from '../tensor/dtypes.js';
import { checkTensor } from '../tensor/tensor.js';
import type { DType, FieldType, FloatType, Tensor } from '../tensor/types.js';
import { TensorView } from '../tensor/view.js';
import { DeviceTensor } from './device-tensor.js';

export type Operand<T extends NumericDType = NumericDType> = Tensor<T> | DeviceTensor<T>;

/** What linear algebra takes: a tensor of float32 or float64, in host memory or on the device. */
export type FloatOperand = Operand<FloatType>;

/** What comes of operands, with elements of type T: a device tensor if one of them is on the device. */
export type ResultAs<A extends Operand, T extends NumericDType> = [Extract<A, DeviceTensor>] extends [never]
  ? Tensor<T>
  : DeviceTensor<T>;

/** Integers and bools, which linear algebra takes as float64. */
export type IntegerType = (typeof integerTypes)[number];
export const integerTypes = ['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'bool'] as const;

/** What linear algebra takes: a tensor of float32 or float64, or of integers, in host memory or on the device. */
export type AlgebraOperand = Operand<FloatType | IntegerType>;

/** The same, and complex numbers, which most of it takes. */
export type MatrixOperand = Operand<FieldType | IntegerType>;

/** The complex type whose parts are of a type: complex128 for integers; complex types as they are. */
export type ComplexOf<T extends NumericDType> = T extends 'float32' | 'complex64' ? 'complex64' : 'complex128';

/** What a type's elements become where a function of them is no integer: float64 for integers. */
export type FloatOf<T extends NumericDType> = T extends FieldType ? T : 'float64';

/** What a type's absolute values are: real. */
export type RealOf<T extends NumericDType> = T extends 'float32' | 'complex64' ? 'float32' : 'float64';

/** What comes of operands: device tensors if one of them is on the device; float64 of integers, else of their element type. */
export type ResultOf<A extends MatrixOperand> = ResultAs<A, FloatOf<A['type']>>;

/** The same of real numbers, whatever the operands are. */
export type RealResultOf<A extends MatrixOperand> = ResultAs<A, RealOf<A['type']>>;

/** A tensor of at least `rank` dimensions whose elements fill whole bytes. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkOperand(value: unknown, what: string, rank = 0): Operand {
  const operand = asTensor(value, what);
  const { type } = operand;
  if (type === 'string' || bitsOf[type] < 8) {
    throw new TensorlaneError('ERR_DTYPE', `${what}: expected elements of at least one byte, not ${type}`);
  }
  requireRank(operand, what, rank);
  return operand as Operand;
}

/** What an error about a type goes on with; complex numbers are cast to nothing else. */
export const adviceFor = (type: DType): string => (isComplex(type) ? '' : '; cast it first (device.ops.cast)');

/** A tensor of float32 or float64, of at least `rank` dimensions. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkFloat(value: unknown, what: string, rank = 0): FloatOperand {
  const operand = asTensor(value, what);
  const { type } = operand;
  if (type !== 'float32' && type !== 'float64') {
    throw new TensorlaneError('ERR_DTYPE', `${what}: expected float32 or float64, not ${type}${adviceFor(type)}`);
  }
  requireRank(operand, what, rank);
  return operand as FloatOperand;
}

function asTensor(value: unknown, what: string): Tensor | DeviceTensor {
  // A view has been checked; its elements are looked at where it is used.
  if (value instanceof DeviceTensor) return value;
  return value instanceof TensorView ? (value as unknown as Tensor) : checkTensor(value, what);
}

function requireRank({ dims }: { readonly dims: readonly number[] }, what: string, rank: number): void {
  if (dims.length >= rank) return;
  const given = dims.length === 0 ? 'a scalar' : `dims [${dims.join(', ')}]`;
  throw new TensorlaneError(
    'ERR_SHAPE',
    `${what}: expected at least ${rank} dimension${rank === 1 ? '' : 's'}, got ${given}`,
  );
}

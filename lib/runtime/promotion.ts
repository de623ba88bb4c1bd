// Element types as numpy promotes them: which type operands of several meet in.

import { TensorlaneError } from '../core/errors.js';
import { isComplex, type NumericDType } from '../tensor/dtypes.js';
import type { ComplexType, FloatType } from '../tensor/types.js';
import {
  adviceFor,
  type ComplexOf,
  type FloatOf,
  type IntegerType,
  integerTypes,
  type Operand,
  type RealOf,
} from './operands.js';

/** The types that have arithmetic. */
export type NumberType = FloatType | 'int32' | 'int64';

/** Whether it is a type that linear algebra takes as float64. */
export function isInteger(type: NumericDType): type is IntegerType {
  return integerTypes.some((integer) => integer === type);
}

/** The same, and complex numbers. */
export type ArithmeticType = NumberType | ComplexType;

type Large = 'float64' | 'int32' | 'int64' | 'complex128';

/** `promote`, of types. */
export type Promoted<A extends ArithmeticType, B extends ArithmeticType> = A extends unknown
  ? B extends unknown
    ? [A] extends [B]
      ? A
      : (A | B) & ComplexType extends never
        ? FloatType & (A | B) extends never
          ? 'int64'
          : 'float64'
        : Large & (A | B) extends never
          ? 'complex64'
          : 'complex128'
    : never
  : never;

/** The type in which both can be held, as numpy.promote_types has it for these. */
export function promote(a: NumberType, b: NumberType): NumberType;
export function promote(a: ArithmeticType, b: ArithmeticType): ArithmeticType;
export function promote(a: ArithmeticType, b: ArithmeticType): ArithmeticType {
  if (a === b) return a;
  if (isComplex(a) || isComplex(b)) {
    return [a, b].every((type) => type === 'float32' || type === 'complex64') ? 'complex64' : 'complex128';
  }
  return a.startsWith('float') || b.startsWith('float') ? 'float64' : 'int64';
}

/** What a type's elements become where a function of them is no integer: float64 for integers. */
export function floatOf<T extends NumericDType>(type: T): FloatOf<T> {
  return (isComplex(type) || type === 'float32' ? type : 'float64') as FloatOf<T>;
}

/** What a type's absolute values are: real. */
export function realOf<T extends NumericDType>(type: T): RealOf<T> {
  return (type === 'float32' || type === 'complex64' ? 'float32' : 'float64') as RealOf<T>;
}

/** The complex type whose parts are of a type: complex128 for integers; complex types as they are. */
export function complexOf<T extends NumericDType>(type: T): ComplexOf<T> {
  return (type === 'float32' || type === 'complex64' ? 'complex64' : 'complex128') as ComplexOf<T>;
}

/** Errors: ERR_DTYPE. */
export function requireNumbers(operand: Operand, what: string): NumberType {
  const { type } = operand;
  if (type === 'float32' || type === 'float64' || type === 'int32' || type === 'int64') return type;
  throw new TensorlaneError(
    'ERR_DTYPE',
    `${what}: expected float32, float64, int32 or int64, not ${type}${adviceFor(type)}`,
  );
}

/** Errors: ERR_DTYPE. */
export function requireArithmetic(operand: Operand, what: string): ArithmeticType {
  return isComplex(operand.type) ? operand.type : requireNumbers(operand, what);
}

// Which types elements are converted between, and a number as an operand of one element.

import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import type { Operand } from '../runtime/operands.js';
import { bitsOf, type NumericDType, type PackedType } from '../tensor/dtypes.js';
import { arrayOfOne } from '../tensor/elements.js';
import type { ComplexType } from '../tensor/types.js';

/** The types that `cast` converts from and to. */
export type CastType = Exclude<NumericDType, `float8${string}` | PackedType | ComplexType>;

/** Errors: ERR_DTYPE. */
export function checkCastType(type: unknown, what: string): CastType {
  const known = typeof type === 'string' && Object.hasOwn(bitsOf, type) && bitsOf[type as NumericDType] >= 8;
  if (known && !type.startsWith('float8') && !type.startsWith('complex')) return type as CastType;
  throw new TensorlaneError(
    'ERR_DTYPE',
    `${what}: expected floats of 16 to 64 bits, integers of 8 to 64 bits or bool, got ${shown(type)}`,
  );
}

/** A scalar of the type, in host memory. Errors: ERR_ARGUMENT. */
export function scalarOperand(type: NumericDType, value: unknown, what: string): Operand {
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    throw new TensorlaneError('ERR_ARGUMENT', `${what} must be a number, got ${shown(value)}`);
  }
  const data = arrayOfOne(type, value);
  if (data !== undefined) return { type, data, dims: [] } as unknown as Operand;
  const expected = type === 'bool' ? '0 or 1' : /^u?int/.test(type) ? 'an integer' : 'a number';
  const within = type === 'bool' ? '' : ", within the type's range";
  throw new TensorlaneError('ERR_ARGUMENT', `${what} must be ${expected} for ${type}${within}, got ${value}`);
}

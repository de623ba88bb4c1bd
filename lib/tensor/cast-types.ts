// Which types elements are converted between.

import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import { bitsOf, type NumericDType, type PackedType } from './dtypes.js';
import type { ComplexType } from './types.js';

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

// A number as an operand of one element.

import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import type { Operand } from '../runtime/operands.js';
import type { NumericDType } from '../tensor/dtypes.js';
import { arrayOfOne } from '../tensor/elements.js';

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

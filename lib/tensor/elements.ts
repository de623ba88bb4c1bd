// A number as an element of a type: of nested arrays, padding, the ones of a mask, a scalar for a kernel.

import { arrayClasses, isPacked, type NumericArray, type NumericDType, storedLength } from './dtypes.js';
import { decodePowerOfTwo, encodePowerOfTwo } from './powers-of-two.js';
import { decode, encode, isSmallFloat } from './small-floats.js';

/**
 * The element that is nearest to the value, as the type's array class has it (bits, for floats of 16 and 8 bits). undefined where an
 * integer type does not have exactly this number, bool is given another number than 0 and 1, or elements are packed (of those
 * there is only 0). Of a complex type it is the real part.
 */
export function elementOf(type: NumericDType, value: number | bigint): number | bigint | undefined {
  if (type === 'float64' || type === 'complex128') return Number(value);
  if (type === 'float32' || type === 'complex64') return Math.fround(Number(value));
  if (isPacked(type)) return value === 0 || value === 0n ? 0 : undefined;
  if (isSmallFloat(type)) return encode(type, Number(value));
  if (type === 'float8e8m0') return encodePowerOfTwo(Number(value));
  const isZeroOrOne = value === 0 || value === 1 || value === 0n || value === 1n;
  if (type === 'bool') return isZeroOrOne ? Number(value) : undefined;
  if (typeof value === 'number' && !Number.isInteger(value)) return undefined;
  const array = new arrayClasses[type](1);
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) {
    array[0] = BigInt(value);
    return array[0] === BigInt(value) ? array[0] : undefined;
  }
  array[0] = Number(value);
  return BigInt(array[0]) === BigInt(value) ? array[0] : undefined;
}

/** The same, but undefined also where a float would not be exactly this number; a float32 may be the nearest, but no infinity. */
export function exactElementOf(type: NumericDType, value: number): number | bigint | undefined {
  if (type === 'float64') return value;
  if (type === 'float32') return overflows(type, value) ? undefined : value;
  const element = elementOf(type, value);
  if (isPacked(type)) return element;
  if (isSmallFloat(type)) return Object.is(decode(type, element as number), value) ? (element as number) : undefined;
  if (type === 'float8e8m0') return decodePowerOfTwo(element as number) === value ? element : undefined;
  return Number.isSafeInteger(value) ? element : undefined;
}

/** Whether a finite number is beyond the type's floats: the nearest of them would be an infinity or NaN. */
function overflows(type: NumericDType, value: number | bigint): boolean {
  const number = Number(value);
  if (typeof value === 'number' && !Number.isFinite(number)) return false;
  if (isSmallFloat(type)) return !Number.isFinite(decode(type, encode(type, number)));
  return !Number.isFinite(type === 'float32' || type === 'complex64' ? Math.fround(number) : number);
}

/** An array of this one element; undefined where `elementOf` is, and where a finite number would become an infinity. */
export function arrayOfOne(type: NumericDType, value: number | bigint): NumericArray | undefined {
  const element = elementOf(type, value);
  if (element === undefined || overflows(type, value)) return undefined;
  const array = new arrayClasses[type](storedLength(type, 1));
  array[0] = element;
  return array;
}

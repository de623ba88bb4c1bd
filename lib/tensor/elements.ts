// A number as an element of a type: padding, the ones of a mask, a scalar for a kernel.

import { arrayClasses, type NumericArray, type NumericDType } from './dtypes.js';

/**
 * An array of this one element; undefined where an integer type cannot hold the number. float32 may round it; of the smaller
 * floats it is the bits, as in their data.
 */
export function arrayOfOne(type: NumericDType, value: number | bigint): NumericArray | undefined {
  const array = new arrayClasses[type](1);
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) {
    if (typeof value === 'number' && !Number.isInteger(value)) return undefined;
    array[0] = BigInt(value);
    return array[0] === BigInt(value) ? array : undefined;
  }
  array[0] = Number(value);
  return type === 'float32' || type === 'float64' || array[0] === Number(value) ? array : undefined;
}

/** The element as its array class has it; undefined where the type cannot hold the number exactly. */
export function elementOf(type: NumericDType, value: number): number | bigint | undefined {
  if (type === 'float64' || type === 'float32') return value;
  if (type === 'bool') return value === 0 || value === 1 ? value : undefined;
  if (type === 'float16') return float16(value);
  if (type === 'bfloat16') return bfloat16(value);
  // Eight-bit floats and packed elements: all of them have a zero, whose bits are none.
  if (type.startsWith('float8') || type.endsWith('int4')) return Object.is(value, 0) ? 0 : undefined;
  return Number.isSafeInteger(value) ? arrayOfOne(type, value)?.[0] : undefined;
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

function bfloat16(value: number): number | undefined {
  float[0] = value;
  const upper = bits[0]! >>> 16;
  bits[0] = upper << 16;
  return Object.is(float[0], value) ? upper : undefined;
}

function float16(value: number): number | undefined {
  float[0] = value;
  if (!Object.is(float[0], value)) return undefined;
  const all = bits[0]!;
  const sign = (all >>> 16) & 0x8000;
  const exponent = (all >>> 23) & 0xff;
  const fraction = all & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction && 0x200);
  if (value === 0) return sign;
  // A float16 has 10 bits after the point, and exponents from -14 to 15; below that, fewer bits.
  const unit = 2 ** (Math.max(exponent - 127, -14) - 10);
  const steps = Math.abs(value) / unit;
  if (!Number.isInteger(steps) || exponent - 127 > 15) return undefined;
  return sign | (exponent - 127 < -14 ? steps : ((exponent - 127 + 15) << 10) | (steps - 1024));
}

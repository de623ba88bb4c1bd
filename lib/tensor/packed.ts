// Types of 4 and 2 bits, of which a byte has two or four elements, the first in its lowest bits: numbers as their elements.

import { bitsOf, elementsPerByte, type NumericArray, type PackedType } from './dtypes.js';
import { encode } from './small-floats.js';

/**
 * The bits of a number: of float4e2m1 the nearest, or the largest for what is larger. undefined where an integer type does not have
 * exactly this number, and for NaN, which float4e2m1 does not have.
 */
export function packedElementOf(type: PackedType, value: number | bigint): number | undefined {
  const number = Number(value);
  if (type === 'float4e2m1') return Number.isNaN(number) ? undefined : encode(type, number);
  const values = 2 ** bitsOf[type];
  const least = type === 'int4' || type === 'int2' ? -values / 2 : 0;
  if (!Number.isInteger(number) || number < least || number >= least + values) return undefined;
  return number & (values - 1);
}

/** Sets the element at an index of an array whose bytes begin as 0. */
export function putPacked(type: PackedType, array: NumericArray, index: number, bits: number): void {
  const several = elementsPerByte(type);
  const bytes = array as Uint8Array;
  const at = Math.floor(index / several);
  bytes[at] = bytes[at]! | (bits << ((index % several) * bitsOf[type]));
}

// Reads what was found.

import { addon, prepareAddon } from '../addon/load.js';
import { plainObject, requiredWholeNumber, wrong } from '../core/arguments.js';
import { toTensorlaneError } from '../core/errors.js';
import { arrayOver } from '../tensor/dtypes.js';
import type { TypedData } from '../tensor/types.js';
import { type NumberArray, requireText } from './find.js';

/** The types that JSON has numbers for; of bool, true and false, or 1 and 0. */
export type JsonDType =
  | 'float16'
  | 'bfloat16'
  | 'float32'
  | 'float64'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool';

/** The elements; or the first of them that the type does not have, by its place among all, and its text. */
export type ReadNumbers<T extends JsonDType> =
  | { readonly data: TypedData[T]; readonly refused?: undefined }
  | { readonly data?: undefined; readonly refused: { readonly index: number; readonly text: string } };

export const jsonTypes: Readonly<Record<JsonDType, true>> = {
  float16: true,
  bfloat16: true,
  float32: true,
  float64: true,
  int8: true,
  int16: true,
  int32: true,
  int64: true,
  uint8: true,
  uint16: true,
  uint32: true,
  uint64: true,
  bool: true,
};

/**
 * The elements of arrays that `findNumbers` found in this text, one array after the other, read off the JS thread.
 *
 * Floats are rounded to the type, to the nearest, ties to even. What the type does not have is refused: fractions and what is out of range
 * for integers, finite numbers out of range for floats. Integers of 64 bits are exact.
 *
 * Errors: ERR_ARGUMENT (also where the text is another one by now), ERR_OUT_OF_MEMORY.
 */
export async function readNumbers<T extends JsonDType>(
  text: Uint8Array,
  arrays: readonly NumberArray[],
  type: T,
): Promise<ReadNumbers<T>> {
  requireText(text);
  checkArrays(arrays);
  if (!Object.hasOwn(jsonTypes, type)) throw wrong('readNumbers: type must be one that JSON has numbers for', type);
  await prepareAddon();
  try {
    const places = arrays.flatMap(({ start, end }) => [start, end]);
    const count = arrays.reduce((sum, one) => sum + one.count, 0);
    const read = await addon().readNumbers({ text, places, type, count });
    if ('index' in read) return { refused: read };
    return { data: arrayOver(type, read) as TypedData[T] };
  } catch (error) {
    throw toTensorlaneError(error, 'readNumbers: ');
  }
}

/** Errors: ERR_ARGUMENT. */
function checkArrays(arrays: unknown): void {
  if (!Array.isArray(arrays)) throw wrong('readNumbers: arrays must be those that findNumbers gave', arrays);
  for (const [i, one] of arrays.entries()) {
    const what = `readNumbers: arrays[${i}]`;
    const { start, end, count } = plainObject(what, one as NumberArray);
    requiredWholeNumber(`${what}.start`, start, 0);
    requiredWholeNumber(`${what}.end`, end, 0);
    requiredWholeNumber(`${what}.count`, count, 0);
  }
}

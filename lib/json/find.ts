// Finds what is long in a JSON text, so that nobody has to parse it on the JS thread.

import { addon, prepareAddon } from '../addon/load.js';
import { namesOf, plainObject, refuseUnknown, wholeNumber, wrong } from '../core/arguments.js';
import { toTensorlaneError } from '../core/errors.js';

/** An array of a JSON text that holds nothing but numbers, true and false, nested to a full shape. */
export interface NumberArray {
  /** Where `[]` stands for it in the outline, in characters of a JS string. */
  readonly at: number;
  /** Where its bytes begin and end in the text. */
  readonly start: number;
  readonly end: number;
  readonly dims: readonly number[];
  /** How many elements it has. */
  readonly count: number;
}

export interface FoundNumbers {
  /** The text, in UTF-8, with `[]` in place of each of the arrays. */
  readonly outline: Uint8Array;
  /** In their order. */
  readonly arrays: readonly NumberArray[];
}

export interface FindOptions {
  /** How many elements an array has at least that is taken out; 256 by default. */
  readonly least?: number | undefined;
}

const names = namesOf<FindOptions>({ least: true });

/**
 * Takes the long arrays of numbers out of a JSON text, off the JS thread: what is left is short, and `readNumbers` reads the arrays.
 *
 * `text` is UTF-8. Of nested arrays the outermost one is taken that is full, as an array of arrays of one length, and has `least` elements
 * or more (256 by default). NaN, Infinity and -Infinity count as numbers, as true and false do. What is not as JSON has it is left where it
 * is, for whoever parses the outline to find.
 *
 * Above 64 KiB the text is read where it lies: it must not change until `readNumbers` has read it.
 *
 * Errors: ERR_ARGUMENT, ERR_NO_DEVICE (there is no addon), ERR_OUT_OF_MEMORY.
 */
export async function findNumbers(text: Uint8Array, options: FindOptions = {}): Promise<FoundNumbers> {
  requireText(text);
  refuseUnknown(plainObject('findNumbers: options', options), names, 'findNumbers');
  const least = wholeNumber('findNumbers: least', options.least, 256, 1);
  await prepareAddon();
  try {
    const { outline, arrays } = await addon().findNumbers(text, least);
    return { outline: new Uint8Array(outline), arrays: arraysOf(new Float64Array(arrays)) };
  } catch (error) {
    throw toTensorlaneError(error, 'findNumbers: ');
  }
}

export function requireText(text: unknown): asserts text is Uint8Array {
  if (!(text instanceof Uint8Array)) throw wrong('a JSON text must be a Uint8Array of UTF-8', text);
}

function arraysOf(numbers: Float64Array): NumberArray[] {
  const arrays: NumberArray[] = [];
  for (let i = 0; i < numbers.length; ) {
    const [at, start, end, rank] = numbers.subarray(i, i + 4) as unknown as [number, number, number, number];
    const dims = [...numbers.subarray(i + 4, i + 4 + rank)];
    arrays.push({ at, start, end, dims, count: dims.reduce((product, dim) => product * dim, 1) });
    i += 4 + rank;
  }
  return arrays;
}

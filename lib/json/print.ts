// Writes tensors as JSON.

import { addon, prepareAddon } from '../addon/load.js';
import { namesOf, oneOf, plainObject, refuseUnknown, wholeNumber } from '../core/arguments.js';
import { TensorlaneError, toTensorlaneError } from '../core/errors.js';
import { checkTensor } from '../tensor/tensor.js';
import type { Tensor } from '../tensor/types.js';
import { type JsonDType, jsonTypes } from './read.js';

export interface PrintOptions {
  /**
   * 'shortest' (default): the fewest digits that come back as the same number of its type, as JavaScript lays them out; a whole float32 below
   * 1e15 has all of its digits. 'tensorflow': as TensorFlow Serving does, where floats always look like floats, with six digits if these
   * come back as the same.
   */
  readonly style?: 'shortest' | 'tensorflow' | undefined;
  /**
   * 'flat' (default): the elements, separated by commas, without brackets. 'rows': what is within each place of the first dimension, nested,
   * separated by a comma and a blank. 'lines': nested, each element on a line of its own.
   */
  readonly layout?: 'flat' | 'rows' | 'lines' | undefined;
  /** Of lines: how far in the array itself is, in fours of blanks; 0 by default. */
  readonly indent?: number | undefined;
}

export interface PrintedNumbers {
  /** A string where it was short, else its bytes. It is ASCII. */
  readonly text: string | Uint8Array;
  /** Of rows: where the text of each ends. */
  readonly ends: Float64Array;
}

const names = namesOf<PrintOptions>({ style: true, layout: true, indent: true });

/** From so many elements on it is worth another thread: below, handing it over and back costs as much as doing it. */
const fewest = 512;

/**
 * A tensor's numbers as JSON, written off the JS thread where there are many. NaN, Infinity and -Infinity stand for themselves.
 *
 * Above 64 KiB the elements are read where they lie: they must not change until the promise settles.
 *
 * Errors: ERR_ARGUMENT, ERR_DTYPE (data of another array class), ERR_SHAPE (its data have not the elements of its dims; a scalar has no rows),
 * ERR_NOT_SUPPORTED (a type that JSON has no numbers for), ERR_NO_DEVICE (there is no addon), ERR_OUT_OF_MEMORY.
 */
export async function printNumbers(tensor: Tensor<JsonDType>, options: PrintOptions = {}): Promise<PrintedNumbers> {
  const { type, data, dims } = checkTensor(tensor, 'printNumbers') as Tensor<JsonDType>;
  if (!Object.hasOwn(jsonTypes, type)) {
    throw new TensorlaneError('ERR_NOT_SUPPORTED', `printNumbers: JSON has no numbers for elements of ${type}`);
  }
  refuseUnknown(plainObject('printNumbers: options', options), names, 'printNumbers');
  const request = {
    type,
    data,
    dims,
    style: oneOf('printNumbers: style', options.style, 'shortest', ['shortest', 'tensorflow']),
    layout: oneOf('printNumbers: layout', options.layout, 'flat', ['flat', 'rows', 'lines']),
    indent: wholeNumber('printNumbers: indent', options.indent, 0, 0, 64),
  };
  await prepareAddon();
  try {
    if (data.length < fewest) {
      const { text, ends } = addon().printNumbersNow(request);
      return { text, ends: new Float64Array(ends) };
    }
    const { text, ends } = await addon().printNumbers(request);
    return { text: new Uint8Array(text), ends: new Float64Array(ends) };
  } catch (error) {
    throw toTensorlaneError(error, 'printNumbers: ');
  }
}

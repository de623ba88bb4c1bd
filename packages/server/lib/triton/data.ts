// The tensors that a config.pbtxt has a model warmed up with, and begins sequences with: zeros, random ones, or the bytes of a file.

import { readFile } from 'node:fs/promises';
import type { DType, Tensor } from 'tensorlane';
import { wrongOption } from '../core/options.js';
import { bfloat16Bits, float16Bits } from '../json/half.js';
import { fileWithin } from '../repository/within.js';
import { tensorOfBytes } from '../v2/binary.js';
import { elementTypeOf } from './values.js';

export interface DataSource {
  readonly data_type: string;
  readonly zero_data?: boolean;
  readonly random_data?: boolean;
  /** Relative to the folder of such files. */
  readonly file?: string | undefined;
}

/** `what` names it in messages. Errors: ERR_ARGUMENT, INVALID_ARGUMENT. */
export async function dataOf(
  what: string,
  source: DataSource,
  dims: readonly number[],
  root: string,
  folder: string,
): Promise<Tensor> {
  if (dims.some((dim) => dim < 1)) throw wrongOption(`${what}: dims must be at least 1, got [${dims.join(', ')}]`);
  const element = elementTypeOf(source.data_type, what);
  const length = dims.reduce((product, dim) => product * dim, 1);
  if (source.file !== undefined) {
    const bytes = await readFile(await fileWithin(root, folder, source.file));
    // A copy, which begins where numbers of 64 bits may.
    return tensorOfBytes(what, element, dims, Uint8Array.from(bytes));
  }
  if (!source.zero_data && !source.random_data) throw wrongOption(`${what} has neither data nor zero_data`);
  if (element.type === 'string') return { type: 'string', data: new Array<string>(length).fill(''), dims };
  const bytes = new Uint8Array(length * element.bytes);
  if (source.random_data) fillRandom(element.type, bytes);
  return tensorOfBytes(what, element, dims, bytes);
}

/** Floats from 0 to 1, integers of any value. */
function fillRandom(type: DType, bytes: Uint8Array<ArrayBuffer>): void {
  const halfBits = { float16: float16Bits, bfloat16: bfloat16Bits }[type as string];
  if (type === 'float32') fill(new Float32Array(bytes.buffer), Math.random);
  else if (type === 'float64') fill(new Float64Array(bytes.buffer), Math.random);
  else if (halfBits !== undefined) fill(new Uint16Array(bytes.buffer), () => halfBits(Math.random()));
  else fill(bytes, () => Math.floor(Math.random() * (type === 'bool' ? 2 : 256)));
}

function fill(array: Uint8Array | Uint16Array | Float32Array | Float64Array, next: () => number): void {
  for (let i = 0; i < array.length; i++) array[i] = next();
}

// Reads numpy's .npz: a zip file with a .npy file for each array.
//
// The formats are numpy's own (numpy.lib.format, versions 1 to 3). Taken are little-endian, row-major arrays of the types that both
// numpy and ONNX have; everything else is refused by name.

import { buffer } from 'node:stream/consumers';
import { openPromise } from 'yauzl';
import { TensorlaneError } from '../../core/errors.js';
import { arrayOver, type NumericDType } from '../../tensor/dtypes.js';
import type { Tensor } from '../../tensor/types.js';

/** By numpy's names of types, without the byte order. */
const types: Readonly<Record<string, NumericDType>> = {
  f4: 'float32',
  f8: 'float64',
  f2: 'float16',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  b1: 'bool',
};
const magic = '\x93NUMPY';

/** The arrays of a file, by name. Errors: ERR_ARGUMENT, naming the file and the array; those of the file system. */
export async function readNpz(file: string): Promise<Record<string, Tensor>> {
  const tensors: Record<string, Tensor> = {};
  try {
    const zip = await openPromise(file);
    for await (const entry of zip.eachEntry()) {
      const bytes = await buffer(await zip.openReadStreamPromise(entry));
      const name = entry.fileName.replace(/\.npy$/, '');
      tensors[name] = readNpy(bytes, `array '${name}'`);
    }
  } catch (error) {
    if (typeof (error as { syscall?: unknown }).syscall === 'string') throw error;
    throw new TensorlaneError('ERR_ARGUMENT', `${file}: ${(error as Error).message}`, { cause: error });
  }
  return tensors;
}

/** Errors: ERR_ARGUMENT. */
export function readNpy(bytes: Buffer, what: string): Tensor {
  const refuse = (problem: string) => new TensorlaneError('ERR_ARGUMENT', `${what} ${problem}`);
  if (bytes.toString('latin1', 0, 6) !== magic || bytes.length < 12) throw refuse('is no .npy file');
  const isLong = bytes[6]! >= 2;
  const start = isLong ? 12 : 10;
  const end = start + (isLong ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8));
  const header = bytes.toString('latin1', start, end);
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (descr === undefined || shape === undefined) throw refuse('has a header that cannot be read');
  const type = types[descr.slice(1)];
  if (type === undefined || descr.startsWith('>')) {
    throw refuse(`is of numpy's type ${descr}; taken are little-endian ${Object.keys(types).join(', ')}`);
  }
  const dims = shape
    .split(',')
    .filter((dim) => dim.trim() !== '')
    .map(Number);
  if (/'fortran_order':\s*True/.test(header) && dims.length > 1) {
    throw refuse('is column-major; save numpy.ascontiguousarray of it');
  }
  const count = dims.reduce((product, dim) => product * dim, 1);
  const length = count * Number(descr.slice(2));
  if (bytes.length < end + length) throw refuse(`ends early: ${bytes.length - end} bytes of ${length}`);
  // Of its own, so that it starts where elements may.
  const data = new Uint8Array(bytes.subarray(end, end + length)).buffer;
  return { type, dims, data: arrayOver(type, data) } as Tensor;
}

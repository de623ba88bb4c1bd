// Tensors as bytes, one after the other: little-endian, strings each behind its length of 32 bits.
//
// The rule: numbers are read where they lie, as long as that place is one for their type.

import type { Tensor } from 'tensorlane';
import type { ElementType } from '../core/dtypes.js';
import { invalid } from '../core/errors.js';
import { elementsOf } from '../json/tensor.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class BinaryReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next `size` bytes. Errors: INVALID_ARGUMENT. */
  tensor(what: string, type: ElementType, dims: readonly number[], size: number): Tensor {
    const left = this.#bytes.length - this.#at;
    if (size > left) throw invalid(`${what}: ${size} bytes were announced, but the body has only ${left} more`);
    const bytes = this.#bytes.subarray(this.#at, this.#at + size);
    this.#at += size;
    return tensorOfBytes(what, type, dims, bytes);
  }

  /** Errors: INVALID_ARGUMENT, where there is more. */
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw invalid(`the body has ${left} bytes more than its inputs`);
  }
}

/** Errors: INVALID_ARGUMENT. */
export function tensorOfBytes(what: string, type: ElementType, dims: readonly number[], bytes: Uint8Array): Tensor {
  const length = elementsOf(what, dims);
  if (type.type === 'string') return { type: 'string', data: stringsOf(what, bytes, length), dims };
  if (bytes.length !== length * type.bytes) {
    const wanted = `dims [${dims.join(', ')}] of ${type.v2} have ${length * type.bytes} bytes`;
    throw invalid(`${what}: ${wanted}, but ${bytes.length} were given`);
  }
  const isAligned = bytes.byteOffset % type.bytes === 0;
  const own = isAligned ? bytes : new Uint8Array(bytes);
  const data = new type.array!(own.buffer, own.byteOffset, length);
  return { type: type.type, data, dims } as Tensor;
}

function stringsOf(what: string, bytes: Uint8Array, length: number): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const strings: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const size = at + 4 > bytes.length ? Infinity : view.getUint32(at, true);
    if (at + 4 + size > bytes.length) throw invalid(`${what}: string ${strings.length} is cut off`);
    if (strings.length === length) throw invalid(`${what}: there are more strings than the ${length} of its dims`);
    strings.push(text(what, bytes.subarray(at + 4, at + 4 + size)));
    at += 4 + size;
  }
  if (strings.length === length) return strings;
  throw invalid(`${what}: its dims have ${length} strings, but ${strings.length} were given`);
}

/** A model's strings are text: bytes that are none would come out of it as others. Errors: INVALID_ARGUMENT. */
export function text(what: string, bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw invalid(`${what}: a string is not UTF-8, and models here take text alone`);
  }
}

/** A tensor's bytes, where they lie. */
export function bytesOf({ type, data }: Tensor): Uint8Array {
  if (type !== 'string') {
    const { buffer, byteOffset, byteLength } = data as Exclude<Tensor['data'], string[]>;
    return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  }
  const parts = (data as readonly string[]).flatMap((one) => {
    const bytes = Buffer.from(one);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(parts);
}

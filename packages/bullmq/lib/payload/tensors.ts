// Tensors by name as bytes, in the format of safetensors, which numpy, PyTorch and others read as it is: a header's length (8 bytes,
// little-endian), the header (JSON), and the tensors' bytes one after the other.
//
// What safetensors has no type for (strings, types of 4 and 2 bits) is 'U8' in it, and `__metadata__` has `{ type, dims }` under the
// tensor's name with '/' before it. A string is its length in bytes (4 bytes, little-endian) and its UTF-8.

import { type DType, type Tensor, TensorlaneError } from 'tensorlane';
import { isPlainObject, shown } from '../core/checks.js';
import { byteLength, type Elements, entries, isNumeric, typeOfName } from './dtypes.js';

export type Tensors = Readonly<Record<string, Tensor>>;

interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** What comes of a tensor: its bytes, and how large its elements are. */
interface Packed {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly note: string | undefined;
  readonly width: number;
  readonly bytes: Uint8Array;
}

/** Elements begin where their type may be read: the header is filled up to this, and the widest elements come first. */
const alignment = 8;
const noteOf = (name: string) => `/${name}`;

/** Errors: those of `partsOf`. */
export function encodeTensors(tensors: Tensors, what: string): Buffer {
  return joined(partsOf(tensors, what));
}

export function joined(parts: readonly Uint8Array[]): Buffer {
  const all = Buffer.allocUnsafeSlow(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

export function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((length, part) => length + part.byteLength, 0);
}

/**
 * The same in parts, which together are it: the header, and each tensor's own bytes.
 *
 * Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE, ERR_NOT_SUPPORTED (a sequence, a map or null, which no payload has).
 */
export function partsOf(tensors: Tensors, what: string): Uint8Array[] {
  if (!isPlainObject(tensors)) {
    throw new TensorlaneError('ERR_ARGUMENT', `${what}: expected an object of tensors by name, got ${shown(tensors)}`);
  }
  const packed = Object.entries(tensors).map(([name, value]) => pack(name, value, `${what}: '${name}'`));
  packed.sort((a, b) => b.width - a.width);
  const header: Record<string, unknown> = {};
  const notes: Record<string, string> = {};
  let end = 0;
  for (const { name, dtype, shape, note, bytes } of packed) {
    put(header, name, { dtype, shape, data_offsets: [end, end + bytes.byteLength] });
    if (note !== undefined) put(notes, noteOf(name), note);
    end += bytes.byteLength;
  }
  if (Object.keys(notes).length > 0) header.__metadata__ = notes;
  const json = Buffer.from(JSON.stringify(header));
  const headerLength = Math.ceil(json.length / alignment) * alignment;
  const head = Buffer.alloc(8 + headerLength, ' ');
  head.writeBigUInt64LE(BigInt(headerLength), 0);
  json.copy(head, 8);
  return [head, ...packed.map(({ bytes }) => bytes)];
}

function pack(name: string, value: Tensor, what: string): Packed {
  if (name === '__metadata__') throw new TensorlaneError('ERR_ARGUMENT', `${what}: a tensor cannot have this name`);
  if (value === null || Array.isArray(value) || value instanceof Map) {
    throw new TensorlaneError('ERR_NOT_SUPPORTED', `${what}: only tensors go through a queue, got ${shown(value)}`);
  }
  const { type, data, dims } = Object(value) as Partial<Tensor>;
  if (typeof type !== 'string' || (type !== 'string' && !isNumeric(type))) {
    throw new TensorlaneError(
      'ERR_DTYPE',
      `${what}: ${shown(type)} is not an element type; a tensor is { type, data, dims }`,
    );
  }
  if (!isDims(dims))
    throw new TensorlaneError('ERR_SHAPE', `${what}: dims must be integers of at least 0, got ${shown(dims)}`);
  const shape = [...dims];
  if (type === 'string') {
    if (!Array.isArray(data) || data.some((one) => typeof one !== 'string')) {
      throw new TensorlaneError('ERR_DTYPE', `${what}: a string tensor holds an array of strings, got ${shown(data)}`);
    }
    requireLength(
      data.length,
      shape.reduce((a, b) => a * b, 1),
      shape,
      what,
    );
    const bytes = packStrings(data);
    return { name, dtype: 'U8', shape: [bytes.length], note: JSON.stringify({ type, dims: shape }), width: 1, bytes };
  }
  if (!ArrayBuffer.isView(data)) {
    throw new TensorlaneError('ERR_DTYPE', `${what}: a ${type} tensor holds a typed array, got ${shown(data)}`);
  }
  const { name: dtype, array } = entries[type];
  requireLength(data.byteLength, byteLength(type, shape), shape, what);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (dtype !== undefined) return { name, dtype, shape, note: undefined, width: array.BYTES_PER_ELEMENT, bytes };
  return { name, dtype: 'U8', shape: [bytes.length], note: JSON.stringify({ type, dims: shape }), width: 1, bytes };
}

function requireLength(given: number, expected: number, dims: readonly number[], what: string): void {
  if (given === expected) return;
  throw new TensorlaneError(
    'ERR_SHAPE',
    `${what}: dims [${dims.join(', ')}] need ${expected} bytes of data, got ${given}`,
  );
}

function packStrings(strings: readonly string[]): Buffer {
  return Buffer.concat(
    strings.flatMap((one) => {
      const bytes = Buffer.from(one);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}

/**
 * The tensors over the given bytes, which they keep where their elements may be read in place.
 *
 * Errors: ERR_ARGUMENT, for bytes that are none of this format.
 */
export function decodeTensors(bytes: Uint8Array, what: string): Record<string, Tensor> {
  const { header, body } = readHeader(bytes, what);
  const notes = header.__metadata__;
  const tensors: Record<string, Tensor> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    if (!isEntry(entry, body.byteLength)) throw malformed(what, `'${name}' is not described as a tensor is`);
    const [begin, end] = entry.data_offsets;
    const note = isPlainObject(notes) ? notes[noteOf(name)] : undefined;
    put(
      tensors,
      name,
      unpack(name, entry, typeof note === 'string' ? note : undefined, body.subarray(begin, end), what),
    );
  }
  return tensors;
}

function readHeader(bytes: Uint8Array, what: string): { header: Record<string, unknown>; body: Uint8Array } {
  if (!(bytes instanceof Uint8Array)) throw malformed(what, `expected a Uint8Array, got ${shown(bytes)}`);
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = all.length < 8 ? -1 : Number(all.readBigUInt64LE(0));
  if (length < 2 || 8 + length > all.length) throw malformed(what, `${all.length} bytes are too few for its header`);
  let header: unknown;
  try {
    header = JSON.parse(all.toString('utf8', 8, 8 + length));
  } catch (cause) {
    throw malformed(what, `its header is no JSON: ${(cause as Error).message}`);
  }
  if (!isPlainObject(header)) throw malformed(what, 'its header is no object');
  return { header, body: bytes.subarray(8 + length) };
}

function unpack(name: string, entry: HeaderEntry, note: string | undefined, bytes: Uint8Array, what: string): Tensor {
  const noted = note === undefined ? undefined : readNote(note);
  const type = noted?.type ?? typeOfName.get(entry.dtype);
  if (type === undefined) throw malformed(what, `'${name}' has the type ${shown(entry.dtype)}, which there is not`);
  const dims = [...(noted?.dims ?? entry.shape)];
  if (type === 'string') {
    const data = unpackStrings(
      bytes,
      dims.reduce((a, b) => a * b, 1),
    );
    if (data === undefined) throw malformed(what, `the strings of '${name}' are cut short`);
    return { type, data, dims };
  }
  if (bytes.byteLength !== byteLength(type, dims)) {
    throw malformed(what, `'${name}', ${type} [${dims.join(', ')}], has ${bytes.byteLength} bytes`);
  }
  const { array } = entries[type];
  const isAligned = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0;
  const own = isAligned ? bytes : new Uint8Array(bytes);
  const data: Elements = new array(own.buffer, own.byteOffset, own.byteLength / array.BYTES_PER_ELEMENT);
  return { type, data, dims } as Tensor;
}

function readNote(note: string): { type: DType; dims: readonly number[] } | undefined {
  try {
    const { type, dims } = JSON.parse(note) as { type?: string; dims?: unknown };
    if (typeof type === 'string' && (type === 'string' || isNumeric(type)) && isDims(dims)) return { type, dims };
  } catch {
    // A note of someone else's.
  }
  return undefined;
}

function unpackStrings(bytes: Uint8Array, count: number): string[] | undefined {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const strings: string[] = [];
  let at = 0;
  while (at < all.length) {
    const end = at + 4 <= all.length ? at + 4 + all.readUInt32LE(at) : Infinity;
    if (end > all.length) return undefined;
    strings.push(all.toString('utf8', at + 4, end));
    at = end;
  }
  return strings.length === count ? strings : undefined;
}

function isEntry(entry: unknown, most: number): entry is HeaderEntry {
  if (!isPlainObject(entry) || typeof entry.dtype !== 'string' || !isDims(entry.shape)) return false;
  const offsets = entry.data_offsets;
  return isDims(offsets) && offsets.length === 2 && offsets[0]! <= offsets[1]! && offsets[1]! <= most;
}

function isDims(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((one) => Number.isSafeInteger(one) && one >= 0);
}

/** Names are other people's, '__proto__' among them. */
function put(record: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(record, name, { value, enumerable: true, writable: true, configurable: true });
}

function malformed(what: string, why: string): TensorlaneError {
  return new TensorlaneError('ERR_ARGUMENT', `${what}: its bytes are no tensors: ${why}`);
}

// From tensors to the reference that a job carries, and back. The rules: tensors are never JSON in a job; what comes out of a store is
// what went into it, by its checksum, or an error; and nothing lies in a store for ever.

import { promisify } from 'node:util';
import { crc32, deflateRaw, inflateRaw } from 'node:zlib';
import { type Tensor, TensorlaneError } from 'tensorlane';
import { isPlainObject, shown } from '../core/checks.js';
import type { PayloadStore } from './store.js';
import { decodeTensors, joined, lengthOf, partsOf, type Tensors } from './tensors.js';

/** Where the bytes of tensors are: in the job itself, as base64, or in a store. Part of the job format. */
export type Reference =
  | { readonly inline: string }
  | {
      readonly store: string;
      readonly key: string;
      /** What lies in the store. */
      readonly bytes: number;
      /** Of what lies in the store, as zlib computes it: a checksum against what stores and networks do, which costs next to nothing. */
      readonly crc32: number;
      /** Where it is compressed (raw DEFLATE): how many bytes come of it. */
      readonly inflated?: number;
    };

export interface PayloadOptions {
  readonly store: PayloadStore;
  /** Up to so many bytes lie in the job itself. */
  readonly inlineBytes: number;
  /** More are refused. */
  readonly maxBytes: number;
  readonly compression: boolean;
}

const deflated = promisify(deflateRaw);
const inflated = promisify(inflateRaw);
/** Smaller ones are not worth it, and of larger ones so much tells whether they are. */
const sampleBytes = 16 * 1024;
const leastSaving = 0.7;
/** As `device.linalg` has it: arrays of up to so many bytes may be reused as soon as the call returns. */
const copiedBytes = 64 * 1024;

export class Payloads {
  readonly #options: PayloadOptions;

  constructor(options: PayloadOptions) {
    this.#options = options;
  }

  /** Their bytes: of small ones a copy, else the tensors' own, which stay as they are until they are sealed. Errors: those of `partsOf`, ERR_SHAPE (too large). */
  encode(tensors: Tensors, what: string): readonly Uint8Array[] {
    const parts = partsOf(tensors, what);
    const length = lengthOf(parts);
    const { maxBytes } = this.#options;
    if (length <= maxBytes) return length <= copiedBytes ? [joined(parts)] : parts;
    throw new TensorlaneError('ERR_SHAPE', `${what}: ${length} bytes of tensors; a job may have ${maxBytes}`);
  }

  /** At once where they fit into the job. Errors: ERR_QUEUE_FULL, and the store's own. */
  seal(parts: readonly Uint8Array[], key: string, expireMs: number): Reference | Promise<Reference> {
    if (lengthOf(parts) <= this.#options.inlineBytes) return { inline: whole(parts).toString('base64') };
    return this.#store(parts, key, expireMs);
  }

  async #store(parts: readonly Uint8Array[], key: string, expireMs: number): Promise<Reference> {
    const { store, compression } = this.#options;
    const length = lengthOf(parts);
    if (!compression && store.putParts !== undefined) {
      const sum = parts.reduce((before, part) => crc32(part, before), 0);
      await store.putParts(key, parts, expireMs);
      return { store: store.name, key, bytes: length, crc32: sum };
    }
    const bytes = whole(parts);
    const packed = compression ? await compressed(bytes) : bytes;
    const reference = { store: store.name, key, bytes: packed.length, crc32: crc32(packed) };
    await store.put(key, packed, expireMs);
    return packed === bytes ? reference : { ...reference, inflated: length };
  }

  /**
   * What the tensors of a job take in memory, about. Anybody may have written it, so it is known before a store is asked for as much.
   *
   * Errors: ERR_SHAPE (more than a job may have).
   */
  sizeOf(reference: Reference, what: string): number {
    const { maxBytes } = this.#options;
    const size = largest(reference);
    if (size <= maxBytes) return size;
    throw new TensorlaneError('ERR_SHAPE', `${what}: ${size} bytes of tensors; a job may have ${maxBytes}`);
  }

  /** Errors: those of `sizeOf`; ERR_NOT_FOUND, where they have expired or are others; ERR_ARGUMENT, where they are no tensors. */
  async open(reference: Reference, what: string): Promise<Record<string, Tensor>> {
    this.sizeOf(reference, what);
    if ('inline' in reference) return decodeTensors(Buffer.from(reference.inline, 'base64'), what);
    const store = this.#storeOf(reference.store, what);
    const bytes = await store.get(reference.key, reference.bytes);
    if (bytes === undefined) {
      throw new TensorlaneError(
        'ERR_NOT_FOUND',
        `${what}: its tensors are in the store no more: they expired or were removed`,
      );
    }
    if (bytes.byteLength !== reference.bytes || crc32(bytes) !== reference.crc32) {
      throw new TensorlaneError(
        'ERR_NOT_FOUND',
        `${what}: what the store has is not what was put there, by its checksum`,
      );
    }
    if (reference.inflated === undefined) return decodeTensors(bytes, what);
    return decodeTensors(await inflate(bytes, reference.inflated, what), what);
  }

  async keep(reference: Reference, expireMs: number): Promise<void> {
    if ('inline' in reference) return;
    this.sizeOf(reference, 'keep');
    await this.#storeOf(reference.store, 'keep').keep(reference.key, reference.bytes, expireMs);
  }

  async drop(reference: Reference): Promise<void> {
    if ('inline' in reference) return;
    this.sizeOf(reference, 'drop');
    await this.#storeOf(reference.store, 'drop').delete(reference.key, reference.bytes);
  }

  #storeOf(name: string, what: string): PayloadStore {
    const { store } = this.#options;
    if (store.name === name) return store;
    throw new TensorlaneError(
      'ERR_NOT_FOUND',
      `${what}: its tensors are in the store '${name}', and '${store.name}' is the one here`,
    );
  }
}

function whole(parts: readonly Uint8Array[]): Buffer {
  return parts.length === 1 && Buffer.isBuffer(parts[0]) ? parts[0] : joined(parts);
}

/** What lies in the store and what comes of it are both memory that somebody has to have. */
function largest(reference: Reference): number {
  if ('inline' in reference) return Buffer.byteLength(reference.inline, 'base64');
  return Math.max(reference.bytes, reference.inflated ?? 0);
}

/** Errors: ERR_ARGUMENT. */
export function checkReference(value: unknown, what: string): Reference {
  const isOne =
    isPlainObject(value) &&
    (typeof value.inline === 'string' ||
      (typeof value.store === 'string' &&
        typeof value.key === 'string' &&
        isSize(value.bytes) &&
        Number.isSafeInteger(value.crc32) &&
        (value.inflated === undefined || isSize(value.inflated))));
  if (isOne) return value as unknown as Reference;
  throw new TensorlaneError('ERR_ARGUMENT', `${what}: expected where its tensors are, got ${shown(value)}`);
}

const isSize = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

/** The same bytes where it does not pay: floats that were measured rarely shrink, zeros and integers do. */
async function compressed(bytes: Buffer): Promise<Buffer> {
  if (bytes.length < sampleBytes) return bytes;
  const middle = Math.floor((bytes.length - sampleBytes) / 2);
  const sample = await deflated(bytes.subarray(middle, middle + sampleBytes), { level: 1 });
  if (sample.length > sampleBytes * leastSaving) return bytes;
  const all = await deflated(bytes, { level: 1 });
  return all.length > bytes.length * leastSaving ? bytes : all;
}

async function inflate(bytes: Uint8Array, size: number, what: string): Promise<Buffer> {
  const all = await inflated(bytes, { maxOutputLength: size }).catch(() => undefined);
  if (all?.length === size) return all;
  throw new TensorlaneError('ERR_ARGUMENT', `${what}: its tensors cannot be decompressed`);
}

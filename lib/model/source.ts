// Where a model comes from: a file, or bytes that somebody holds already.

import { fileURLToPath } from 'node:url';
import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import { arrayKind } from '../tensor/dtypes.js';

/**
 * A path, a file: URL, or the model's bytes. Bytes are read until `loadModel` resolves and must not change meanwhile; those in
 * shared memory are copied, because others may write there.
 */
export type ModelSource = string | URL | ArrayBufferView | ArrayBufferLike;

/** As the addon takes it: a path or bytes. Errors: ERR_ARGUMENT. */
export function modelSource(source: unknown): string | Uint8Array {
  if (typeof source === 'string') return checkedPath(source.startsWith('file:') ? pathOf(source) : source);
  const bytes = asBytes(source);
  if (bytes !== undefined) return bytes;
  const kind = Object.prototype.toString.call(source);
  if (kind === '[object URL]') return checkedPath(pathOf(source as URL));
  throw new TensorlaneError(
    'ERR_ARGUMENT',
    `loadModel: expected a path, a file: URL, or the model's bytes as a Uint8Array or ArrayBuffer, got ${arrayKind(source)}`,
  );
}

/** Bytes of whatever kind as a Uint8Array; undefined for what has none. Errors: ERR_ARGUMENT, where they were transferred. */
export function asBytes(source: unknown): Uint8Array | undefined {
  try {
    return viewOf(source);
  } catch (cause) {
    // Of a detached buffer, nothing can be made.
    const problem = 'loadModel: bytes were given whose buffer was transferred elsewhere';
    throw new TensorlaneError('ERR_ARGUMENT', problem, { cause });
  }
}

function viewOf(source: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(source)) return bytesOf(source.buffer, source.byteOffset, source.byteLength);
  const kind = Object.prototype.toString.call(source);
  const isBuffer = kind === '[object ArrayBuffer]' || kind === '[object SharedArrayBuffer]';
  return isBuffer ? bytesOf(source as ArrayBufferLike) : undefined;
}

function pathOf(url: string | URL): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    const problem = (cause as Error).message;
    throw new TensorlaneError('ERR_ARGUMENT', `loadModel: ${shown(String(url))} is no file: ${problem}`, { cause });
  }
}

/** The operating system would take a path with a NUL for a shorter one. */
function checkedPath(path: string): string {
  if (!path.includes('\0')) return path;
  throw new TensorlaneError('ERR_ARGUMENT', `loadModel: the path ${JSON.stringify(path)} has a NUL character`);
}

function bytesOf(buffer: ArrayBufferLike, offset?: number, length?: number): Uint8Array {
  const bytes = new Uint8Array(buffer, offset, length);
  return Object.prototype.toString.call(buffer) === '[object SharedArrayBuffer]' ? bytes.slice() : bytes;
}

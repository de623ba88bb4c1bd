// Bytes in JSON.

import { setImmediate } from 'node:timers/promises';
import { invalid } from '../core/errors.js';
import { pieceBytes } from './long-strings.js';

/** The same of what may be very long, as text or its bytes, which others do not wait for. Errors: INVALID_ARGUMENT. */
export async function bytesOfLongBase64(what: string, text: string | Uint8Array): Promise<Uint8Array> {
  const digits = (start: number) =>
    typeof text === 'string' ? text.slice(start, start + pieceBytes) : latin1(text.subarray(start, start + pieceBytes));
  if (text.length <= pieceBytes) return bytesOfBase64(what, digits(0));
  const all = Buffer.alloc(Math.ceil(text.length / 4) * 3);
  let length = 0;
  for (let at = 0; at < text.length; at += pieceBytes) {
    const part = digits(at);
    // Only at the end.
    if (at + pieceBytes < text.length && part.endsWith('=')) throw undecodable(what);
    length += bytesOfBase64(what, part).copy(all, length);
    await setImmediate();
  }
  return all.subarray(0, length);
}

const latin1 = ({ buffer, byteOffset, length }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, length).toString('latin1');

/** Padding may be left out. Errors: INVALID_ARGUMENT. */
export function bytesOfBase64(what: string, text: string): Buffer {
  const digits = text.replace(/={1,2}$/, '');
  const isPadded = digits.length === text.length || text.length % 4 === 0;
  // Node itself passes over what is none of its digits. Looked for so, texts may be as long as they like.
  if (!isPadded || digits.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(digits)) {
    throw undecodable(what);
  }
  return Buffer.from(digits, 'base64');
}

const undecodable = (what: string) => invalid(`${what}: unable to base64 decode`);

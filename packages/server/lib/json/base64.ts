// Bytes in JSON.

import { setImmediate } from 'node:timers/promises';
import { invalid } from '../core/errors.js';

/** So many digits are decoded in a millisecond or two. */
const atOnce = 2 ** 20;

/** The same of what may be very long, which others do not wait for. Errors: INVALID_ARGUMENT. */
export async function bytesOfLongBase64(what: string, text: string): Promise<Uint8Array> {
  if (text.length <= atOnce) return bytesOfBase64(what, text);
  const all = Buffer.alloc(Math.ceil(text.length / 4) * 3);
  let length = 0;
  for (let at = 0; at < text.length; at += atOnce) {
    const part = text.slice(at, at + atOnce);
    // Only at the end.
    if (at + atOnce < text.length && part.endsWith('=')) throw undecodable(what);
    length += bytesOfBase64(what, part).copy(all, length);
    await setImmediate();
  }
  return all.subarray(0, length);
}

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

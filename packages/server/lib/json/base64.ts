// Bytes in JSON.

import { invalid } from '../core/errors.js';

/** Padding may be left out. Errors: INVALID_ARGUMENT. */
export function bytesOfBase64(what: string, text: string): Buffer {
  const digits = text.replace(/={1,2}$/, '');
  const isPadded = digits.length === text.length || text.length % 4 === 0;
  // Node itself passes over what is none of its digits. Looked for so, texts may be as long as they like.
  if (!isPadded || digits.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(digits)) {
    throw invalid(`${what}: unable to base64 decode`);
  }
  return Buffer.from(digits, 'base64');
}

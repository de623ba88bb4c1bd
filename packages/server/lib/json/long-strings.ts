// Long strings of a JSON body, as files in base64 are, taken out of it without ever having all of it at hand: so others do not wait for who
// reads hundreds of megabytes.
//
// The rule: no turn of the event loop does with more than a piece.

import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

/** So many bytes are looked through, or digits decoded, in a millisecond or two. */
export const pieceBytes = 2 ** 20;
/** So many strings are passed over in such a time. */
const stringsAtOnce = 10_000;

const [quote, backslash] = [0x22, 0x5c];

export interface WithoutLong {
  /** The body with another string in place of each. */
  readonly outline: Uint8Array;
  /** By the string in its place, which nobody can know before: the bytes between its quotes. */
  readonly strings: ReadonlyMap<string, Uint8Array>;
}

/** Of those longer than a piece, the ones that have no escapes. A body that is no JSON is for whoever parses the outline to find. */
export async function takeLongStrings(body: Uint8Array): Promise<WithoutLong> {
  const strings = new Map<string, Uint8Array>();
  if (body.length <= pieceBytes) return { outline: body, strings };
  const parts: Uint8Array[] = [];
  let taken = 0;
  let passed = 0;
  for (let at = 0; ; ) {
    const start = await find(body, quote, at);
    const end = start === -1 ? -1 : await endOfString(body, start + 1);
    if (end === -1) break;
    at = end + 1;
    if (++passed % stringsAtOnce === 0) await setImmediate();
    if (end - start - 1 <= pieceBytes) continue;
    const inner = body.subarray(start + 1, end);
    if ((await find(inner, backslash, 0)) !== -1) continue;
    const name = randomUUID();
    strings.set(name, inner);
    parts.push(body.subarray(taken, start + 1), Buffer.from(name));
    taken = end;
  }
  return { outline: strings.size === 0 ? body : Buffer.concat([...parts, body.subarray(taken)]), strings };
}

/** Of the quote that ends what begins at `start`. */
async function endOfString(body: Uint8Array, start: number): Promise<number> {
  for (let from = start; ; ) {
    const end = await find(body, quote, from);
    let before = end - 1;
    while (before >= from && body[before] === backslash) before--;
    if (end === -1 || (end - before) % 2 === 1) return end;
    // It is escaped.
    from = end + 1;
  }
}

async function find(bytes: Uint8Array, byte: number, from: number): Promise<number> {
  for (let at = from; at < bytes.length; at += pieceBytes) {
    if (at > from) await setImmediate();
    const found = bytes.subarray(at, at + pieceBytes).indexOf(byte);
    if (found !== -1) return at + found;
  }
  return -1;
}

// Bodies of JSON, of which what is long is not parsed on the JS thread.
//
// The rule: which way a body is read shows in nothing but the time that it takes. Where long arrays of numbers may stand is the protocol's
// to say.

import { findNumbers } from 'tensorlane/json';
import { type JsonValue, parseJson } from './parse.js';

/** From so many bytes on a body is handed to another thread: below, that costs as much as parsing it. */
const fewestBytes = 16_384;
/** Arrays of fewer numbers are parsed with what is around them. */
const fewestNumbers = 256;

/** `within`: the names whose values, or what is in them, may be `Numbers`. Errors: INVALID_ARGUMENT, with the place. */
export async function readJson(
  body: Uint8Array,
  within: ReadonlySet<string>,
  { bytes = fewestBytes, numbers = fewestNumbers } = {},
): Promise<JsonValue> {
  if (body.length < bytes) return parseJson(body);
  const { outline, arrays } = await findNumbers(body, { least: numbers });
  return parseJson(outline, { body, arrays, within });
}

// The parameters of an inference, however they came: those that mean something to the server.
//
// The rule: what would change the answer and is not done here is refused, never passed over.

import { invalid, Refusal } from '../core/errors.js';
import type { SequenceStep } from '../engine/sequences.js';
import type { Servable, ServedRunOptions } from '../engine/servable.js';
import type { Exchange } from '../http/exchange.js';
import { isObject, type JsonObject } from '../json/parse.js';
import { readJson } from '../json/read.js';

/** Parameters that mean something to the server; others are the caller's own. */
export function runOptions(servable: Servable, parameters: JsonObject): ServedRunOptions {
  const priority = wholeAt(parameters, 'priority');
  const timeout = wholeAt(parameters, 'timeout');
  const sequence = sequenceOf(servable, parameters);
  return {
    // As Triton has it: what is no level is the default.
    ...(priority === undefined || priority < 1 || priority > servable.priorityLevels ? {} : { priority }),
    ...(timeout === undefined || timeout === 0 ? {} : { timeoutMicros: timeout }),
    ...(sequence === undefined ? {} : { sequence }),
  };
}

/** Errors: INVALID_ARGUMENT; UNIMPLEMENTED, of a model that keeps no state. */
function sequenceOf({ name, keepsState }: Servable, parameters: JsonObject): SequenceStep | undefined {
  const { sequence_id: id = 0 } = parameters;
  const isWhole = typeof id === 'bigint' || (typeof id === 'number' && Number.isSafeInteger(id));
  if (typeof id !== 'string' && !(isWhole && id >= 0)) {
    throw invalid("parameter 'sequence_id' must be an integer of at least 0, or a string");
  }
  const start = flagAt(parameters, 'sequence_start') ?? false;
  const end = flagAt(parameters, 'sequence_end') ?? false;
  // Triton's clients send 0 and '' with requests that are of none.
  const isNone = id === '' || id === 0;
  if (isNone && !start && !end) return undefined;
  if (isNone) {
    throw invalid(`inference request to model '${name}' must specify a non-zero or non-empty correlation ID`);
  }
  if (keepsState) return { id, start, end };
  throw new Refusal(
    'UNIMPLEMENTED',
    `sequences: model '${name}' keeps no state; sequence_batching in its config.pbtxt says which of its outputs are`,
  );
}

export function objectAt(from: JsonObject, name: string, what: string): JsonObject {
  const value = from[name] ?? {};
  if (isObject(value)) return value;
  throw invalid(`${what} must be an object`);
}

export function flagAt(from: JsonObject, name: string): boolean | undefined {
  const value = from[name];
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalid(`parameter '${name}' must be true or false`);
}

export function wholeAt(from: JsonObject, name: string): number | undefined {
  const value = from[name];
  if (value === undefined || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)) return value;
  throw invalid(`parameter '${name}' must be an integer of at least 0`);
}

/** Names whose values are `Numbers`: none. */
export const none: ReadonlySet<string> = new Set();

/** The body as an object; an empty one is one without anything in it. Errors: INVALID_ARGUMENT. */
export async function objectIn(exchange: Exchange): Promise<JsonObject> {
  return objectOf(await exchange.body(), none);
}

/** `within`: the names whose values, or what is in them, may be `Numbers`. Errors: INVALID_ARGUMENT. */
export async function objectOf(bytes: Uint8Array, within: ReadonlySet<string>): Promise<JsonObject> {
  const value = bytes.length === 0 ? {} : await readJson(bytes, within);
  if (isObject(value)) return value;
  throw invalid('the body must be a JSON object');
}

/** Errors: INVALID_ARGUMENT. */
export function versionOf(text: string): number {
  const version = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (version > 0) return version;
  throw new Refusal('INVALID_ARGUMENT', `a version is an integer of at least 1, got '${text.slice(0, 50)}'`);
}

// The parameters of an inference, however they came: those that mean something to the server.
//
// The rule: what would change the answer and is not done here is refused, never passed over.

import type { RunOptions } from 'tensorlane';
import { invalid, Refusal } from '../core/errors.js';
import type { Servable } from '../engine/servable.js';
import { isObject, type JsonObject, type JsonValue } from '../json/parse.js';

/** Parameters that mean something to the server; others are the caller's own. */
export function runOptions(servable: Servable, parameters: JsonObject): RunOptions {
  const sequence = Object.keys(parameters).find((name) => name.startsWith('sequence_') && !isNone(parameters[name]));
  if (sequence !== undefined)
    throw new Refusal('UNIMPLEMENTED', `parameter '${sequence}': sequences are not served here`);
  const priority = wholeAt(parameters, 'priority');
  const timeout = wholeAt(parameters, 'timeout');
  return {
    // As Triton has it: what is no level is the default.
    ...(priority === undefined || priority < 1 || priority > servable.priorityLevels ? {} : { priority }),
    ...(timeout === undefined || timeout === 0 ? {} : { timeoutMicros: timeout }),
  };
}

/** Triton's clients send these with every request. */
const isNone = (value: JsonValue | undefined) => value === 0 || value === '' || value === false;

export function refuseSharedMemory(parameters: JsonObject, called: string): void {
  if (!Object.keys(parameters).some((name) => name.startsWith('shared_memory_'))) return;
  throw new Refusal('UNIMPLEMENTED', `${called}: shared memory is not taken here`);
}

export function refuseClassification(parameters: JsonObject, called: string): void {
  if (parameters.classification === undefined) return;
  throw new Refusal('UNIMPLEMENTED', `${called}: classification is not done here`);
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

/** Errors: INVALID_ARGUMENT. */
export function versionOf(text: string): number {
  const version = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (version > 0) return version;
  throw new Refusal('INVALID_ARGUMENT', `a version is an integer of at least 1, got '${text.slice(0, 50)}'`);
}

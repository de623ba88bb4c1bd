// Checks of options that users give. What is wrong is refused with the option's name, its value and what is allowed.

import { TensorlaneError } from './errors.js';
import { shown } from './shown.js';

/** What to throw. */
export function wrong(problem: string, got: unknown): TensorlaneError {
  return new TensorlaneError('ERR_ARGUMENT', `${problem}, got ${shown(got)}`);
}

/** One that may be left out. Errors: ERR_ARGUMENT. */
export function wholeNumber(name: string, value: unknown, otherwise: number, least: number, most = Infinity): number {
  return value === undefined ? otherwise : requiredWholeNumber(name, value, least, most);
}

/** Errors: ERR_ARGUMENT. */
export function requiredWholeNumber(name: string, value: unknown, least: number, most = Infinity): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  throw wrong(`${name} must be an integer ${range}`, value);
}

/** More threads than any machine has cores are a mistake, and the system refuses them in worse ways. */
export const mostThreads = 1024;

/** Errors: ERR_ARGUMENT. */
export function flag(name: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  if (typeof value === 'boolean') return value;
  throw wrong(`${name} must be true or false`, value);
}

/** One that may be left out. Errors: ERR_ARGUMENT, for a NUL too, which whoever reads it would take for its end. */
export function text(name: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '' && !value.includes('\0'))) return value;
  throw wrong(`${name} must be a string of at least one character, without NUL`, value);
}

/** Errors: ERR_ARGUMENT. */
export function oneOf<T extends string>(name: string, value: unknown, otherwise: T, known: readonly T[]): T {
  if (value === undefined) return otherwise;
  if (known.includes(value as T)) return value as T;
  const quoted = known.map((word) => `'${word}'`);
  const list = `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
  throw wrong(`${name} must be ${list}`, value);
}

/** A copy; undefined where nothing was given. Errors: ERR_ARGUMENT. */
export function ascendingIntegers(name: string, value: readonly number[] | undefined): number[] | undefined {
  if (value === undefined) return undefined;
  const isAbove = (number: number, i: number) => Number.isSafeInteger(number) && number > (value[i - 1] ?? 0);
  if (Array.isArray(value) && value.length > 0 && value.every(isAbove)) return [...value];
  throw wrong(`${name} must be ascending positive integers`, value);
}

/** Whether it may be read by its names: no array and no Map or promise, say, whose contents would be passed over. */
export function isPlainObject(value: unknown): value is object {
  return Object.prototype.toString.call(value) === '[object Object]';
}

/** Errors: ERR_ARGUMENT. */
export function plainObject<T extends object>(name: string, value: T | undefined): T {
  if (isPlainObject(value)) return value;
  throw wrong(`${name} must be an object`, value);
}

/** For what C reads up to the first NUL. Errors: ERR_ARGUMENT. */
export function refuseNul(name: string, text: string): void {
  if (!text.includes('\0')) return;
  throw new TensorlaneError('ERR_ARGUMENT', `${name} has a NUL character in it`);
}

/** The names of O's options, all of them. */
export function namesOf<O>(names: Readonly<Record<keyof O & string, true>>): ReadonlySet<string> {
  return new Set(Object.keys(names));
}

/** Errors: ERR_ARGUMENT. */
export function refuseUnknown(options: object, known: ReadonlySet<string>, what: string): void {
  for (const name of Object.keys(options)) {
    if (known.has(name)) continue;
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${what}: there is no option '${name}'; there is ${[...known].join(', ')}`,
    );
  }
}

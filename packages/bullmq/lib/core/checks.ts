// Checks of options that users give. What is wrong is refused with the option's name, its value and what is allowed.

import { TensorlaneError } from 'tensorlane';

/** How messages show what was given, in a line. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 100 ? `${value.slice(0, 100)}...` : value}'`;
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value !== null ? Object.prototype.toString.call(value) : String(value);
}

/** The longest that a timer of Node takes: with more it ends at once. */
export const mostTimerMs = 2 ** 31 - 1;

/** Errors: ERR_ARGUMENT. */
export function refuse(message: string): never {
  throw new TensorlaneError('ERR_ARGUMENT', message);
}

/** One that may be left out. Errors: ERR_ARGUMENT. */
export function wholeNumber(name: string, value: unknown, otherwise: number, least: number, most = Infinity): number {
  if (value === undefined) return otherwise;
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  return refuse(`${name} must be an integer ${range}, got ${shown(value)}`);
}

/** Errors: ERR_ARGUMENT. */
export function flag(name: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  return typeof value === 'boolean' ? value : refuse(`${name} must be true or false, got ${shown(value)}`);
}

/** A string of at least one character. Errors: ERR_ARGUMENT. */
export function text(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  return refuse(`${name} must be a string of at least one character, got ${shown(value)}`);
}

/** BullMQ's names of queues. Errors: ERR_ARGUMENT. */
export function queueName(name: string, value: unknown): string {
  const given = text(name, value);
  return given.includes(':') ? refuse(`${name} cannot have a ':' in it, got ${shown(given)}`) : given;
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return Object.prototype.toString.call(value) === '[object Object]';
}

/** That they are options, none of them unknown. Errors: ERR_ARGUMENT. */
export function checkNames<O extends object>(
  what: string,
  options: O,
  names: Readonly<Record<keyof O & string, true>>,
): O {
  if (!isPlainObject(options)) refuse(`${what}: options must be an object, got ${shown(options)}`);
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name)) continue;
    refuse(`${what}: there is no option '${name}'; there is ${Object.keys(names).join(', ')}`);
  }
  return options;
}

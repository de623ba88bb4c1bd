// Checks of options: what is unknown or no such value is refused by name.

import { TensorlaneError } from 'tensorlane';

export function wrongOption(message: string): TensorlaneError {
  return new TensorlaneError('ERR_ARGUMENT', message);
}

/** The value in a message, in a line. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 100 ? `${value.slice(0, 100)}...` : value}'`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

/** Errors: ERR_ARGUMENT. */
export function objectOf<T extends object>(name: string, value: T, known: Readonly<Record<keyof T & string, true>>): T {
  if (Object.prototype.toString.call(value) !== '[object Object]') {
    throw wrongOption(`${name} must be an object, got ${shown(value)}`);
  }
  const unknown = Object.keys(value).find((key) => !Object.hasOwn(known, key));
  if (unknown === undefined) return value;
  throw wrongOption(`${name}: there is no option '${unknown}'; there is ${Object.keys(known).join(', ')}`);
}

/** Errors: ERR_ARGUMENT. */
export function numberOf(name: string, value: unknown, otherwise: number, least: number, most = Infinity): number {
  if (value === undefined) return otherwise;
  if (typeof value === 'number' && value >= least && value <= most) return value;
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  throw wrongOption(`${name} must be a number ${range}, got ${shown(value)}`);
}

/** Errors: ERR_ARGUMENT. */
export function integerOf(name: string, value: unknown, otherwise: number, least: number): number {
  if (value === undefined || Number.isSafeInteger(value)) return numberOf(name, value, otherwise, least);
  throw wrongOption(`${name} must be an integer of at least ${least}, got ${shown(value)}`);
}

/** Errors: ERR_ARGUMENT. */
export function flagOf(name: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  if (typeof value === 'boolean') return value;
  throw wrongOption(`${name} must be true or false, got ${shown(value)}`);
}

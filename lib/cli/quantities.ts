// Numbers, times and rates as they are given to commands.

import { UsageError } from './command.js';

const micros = { us: 1, ms: 1e3, s: 1e6, m: 60e6, h: 3600e6, d: 86_400e6 } as const;

/** Such as 50ms, 2s, 30m or 7d: in microseconds. Errors: UsageError. */
export function microsOption(name: string, value: unknown): number {
  const found = /^(\d+(?:\.\d+)?)(us|ms|s|m|h|d)$/.exec(String(value));
  const time = found === null ? 0 : Number(found[1]) * micros[found[2] as keyof typeof micros];
  if (time > 0) return time;
  throw new UsageError(`--${name} must be a time such as 50ms, 2s, 30m or 7d, got '${value}'`);
}

/** Errors: UsageError. */
export function numberOption(name: string, value: unknown, least: number, most: number): number {
  const number = /^\d+(\.\d+)?(e\d+)?$/.test(String(value)) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(`--${name} must be a number from ${least} to ${most}, got '${value}'`);
}

/** Errors: UsageError. */
export function wholeOption(name: string, value: unknown, least: number, most: number): number {
  const number = numberOption(name, value, least, most);
  if (Number.isInteger(number)) return number;
  throw new UsageError(`--${name} must be a whole number, got '${value}'`);
}

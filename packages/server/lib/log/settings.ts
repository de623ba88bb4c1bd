// What is logged, by Triton's log settings: which levels, how much besides, and how times are written.
//
// The rule: a change holds whole or not at all; where lines go is not for calls to say, and what a program's own logger writes is the program's.

import { invalid, Refusal } from '../core/errors.js';

/** As the protocols have them. */
export type LogSetting = string | number | boolean;

interface Values {
  log_info: boolean;
  log_warning: boolean;
  log_error: boolean;
  /** 1: each batch of a model, too; 2: and what fastify says of its own work. */
  log_verbose_level: number;
  log_format: 'default' | 'ISO8601';
}

/** From the most that is said to the least, as pino has them. */
export const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof levels)[number];

const checks: Readonly<Record<keyof Values, (value: LogSetting) => string | undefined>> = {
  log_info: (value) => (typeof value === 'boolean' ? undefined : 'true or false'),
  log_warning: (value) => (typeof value === 'boolean' ? undefined : 'true or false'),
  log_error: (value) => (typeof value === 'boolean' ? undefined : 'true or false'),
  log_verbose_level: (value) =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32
      ? undefined
      : 'an integer of at least 0',
  log_format: (value) => (value === 'default' || value === 'ISO8601' ? undefined : "'default' or 'ISO8601'"),
};

export class LogSettings {
  readonly #values: Values;
  /** Of a logger that is ours. */
  readonly #isOwn: boolean;
  #onChange = () => {};

  constructor(level: LogLevel, isOwn: boolean) {
    const says = (one: LogLevel) => levels.indexOf(level) <= levels.indexOf(one);
    this.#isOwn = isOwn;
    this.#values = {
      log_info: says('info'),
      log_warning: says('warn'),
      log_error: says('error'),
      log_verbose_level: says('trace') ? 2 : says('debug') ? 1 : 0,
      log_format: 'default',
    };
  }

  /** Whether a line of this level is written. */
  allows(level: LogLevel): boolean {
    const { log_info, log_warning, log_error, log_verbose_level: verbose } = this.#values;
    switch (level) {
      case 'trace':
        return verbose > 1;
      case 'debug':
        return verbose > 0;
      case 'info':
        return log_info;
      case 'warn':
        return log_warning;
      case 'error':
      case 'fatal':
        return log_error;
      case 'silent':
        return false;
    }
  }

  /** The level from which on some lines are written. */
  get level(): LogLevel {
    return levels.find((one) => this.allows(one)) ?? 'silent';
  }

  get hasIsoTimes(): boolean {
    return this.#values.log_format === 'ISO8601';
  }

  get all(): Readonly<Record<string, LogSetting>> {
    return { log_file: '', ...this.#values };
  }

  /** `listener` is called after each change. */
  follow(listener: () => void): void {
    this.#onChange = listener;
  }

  /** Errors: INVALID_ARGUMENT; UNIMPLEMENTED, of what calls may not say. */
  change(given: Readonly<Record<string, LogSetting | null>>): void {
    for (const [name, value] of Object.entries(given)) {
      if (name === 'log_file') {
        throw new Refusal('UNIMPLEMENTED', 'log file location can not be updated through network protocol');
      }
      if (!Object.hasOwn(checks, name)) {
        throw invalid(`there is no log setting '${name.slice(0, 100)}'; there is ${Object.keys(checks).join(', ')}`);
      }
      const expected = value === null ? 'a value' : checks[name as keyof Values](value);
      if (expected !== undefined) throw invalid(`${name} must be ${expected}`);
    }
    if (!this.#isOwn) throw new Refusal('UNIMPLEMENTED', 'the program that the server is in has a logger of its own');
    Object.assign(this.#values, given);
    this.#onChange();
  }
}

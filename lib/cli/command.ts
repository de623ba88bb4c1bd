// What a command of `tensorlane` is.

import type { ParseArgsConfig } from 'node:util';

export type CommandOptions = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

export interface Command {
  readonly usage: string;
  readonly about: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** Gives the exit code. Errors: UsageError, for arguments that do not fit; TensorlaneError; those of the file system. */
  run(options: CommandOptions, args: readonly string[]): Promise<number>;
}

/** Arguments that do not fit: the command's usage is shown with it. */
export class UsageError extends Error {}

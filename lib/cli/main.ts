#!/usr/bin/env node
// The command `tensorlane`. A command is a file beside this one and a row of the table.

import { parseArgs } from 'node:util';
import { TensorlaneError } from '../core/errors.js';
import { type Command, UsageError } from './command.js';
import { doctor } from './doctor/command.js';
import { mps } from './mps/command.js';
import { plan } from './plan/command.js';
import { run } from './run/command.js';
import { setup } from './setup/command.js';
import { tune } from './tune/command.js';
import { types } from './types.js';

const commands: Readonly<Record<string, Command>> = { doctor, mps, plan, run, setup, tune, types };

function usage(): string {
  const lines = Object.values(commands).map(({ usage, about }) => `  tensorlane ${usage}\n      ${about}`);
  return ['Usage:', ...lines].join('\n');
}

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === 'help') {
    console.log(usage());
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  try {
    if (command === undefined) throw new UsageError(`there is no command '${name}'`);
    const { values, positionals } = parseArgs({ args, options: { ...command.options, help }, allowPositionals: true });
    if (values.help === true) console.log(`Usage: tensorlane ${command.usage}\n${command.about}`);
    else return await command.run(values, positionals);
    return 0;
  } catch (error) {
    // Of parseArgs, and what was said above.
    const isUsage = error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
    if (isUsage) {
      console.error(
        `tensorlane: ${(error as Error).message}\n${command ? `Usage: tensorlane ${command.usage}` : usage()}`,
      );
      return 2;
    }
    const isTold = error instanceof TensorlaneError || typeof (error as { syscall?: unknown }).syscall === 'string';
    if (!isTold) throw error;
    console.error(`tensorlane ${name}: ${(error as Error).message}`);
    return 1;
  }
}

const help = { type: 'boolean' } as const;

process.exitCode = await main(process.argv.slice(2));

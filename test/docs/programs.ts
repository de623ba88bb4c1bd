// Starts the programs of examples/, as a user would.

import { type NodeOutcome, runNode } from '../support/processes.js';

export interface Program {
  readonly port: number;
  /** Tells it to end. */
  stop(signal?: NodeJS.Signals): Promise<NodeOutcome>;
}

interface ProgramOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Finds its port in what it prints. */
  readonly listening?: RegExp;
}

/** Started as its first lines say; it prints where it listens. */
export async function startProgram(
  args: readonly string[],
  { env = {}, listening = /port: (\d+)/ }: ProgramOptions = {},
): Promise<Program> {
  let terminate = (_signal: NodeJS.Signals) => {};
  let told: (port: number) => void = () => {};
  const opened = new Promise<number>((resolve) => {
    told = resolve;
  });
  const ended = runNode(args, {
    env: { PORT: '0', ...env },
    onOutput(printed, child) {
      terminate = (signal) => child.kill(signal);
      const port = listening.exec(printed)?.[1];
      if (port !== undefined) told(Number(port));
    },
  });
  const tooSoon = ended.then(({ stderr }) => {
    throw new Error(`${args[0]} ended before it listened: ${stderr}`);
  });
  const port = await Promise.race([opened, tooSoon]);
  tooSoon.catch(() => {});
  return {
    port,
    stop(signal = 'SIGTERM') {
      terminate(signal);
      return ended;
    },
  };
}

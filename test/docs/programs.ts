// Starts the programs of examples/, as a user would.

import { type NodeOutcome, runNode } from '../support/processes.js';

export interface Program {
  readonly port: number;
  /** Tells it to end. */
  stop(): Promise<NodeOutcome>;
}

/** Started as its first lines say; it prints where it listens. */
export async function startProgram(args: readonly string[]): Promise<Program> {
  let terminate = () => {};
  let told: (port: number) => void = () => {};
  const listening = new Promise<number>((resolve) => {
    told = resolve;
  });
  const ended = runNode(args, {
    env: { PORT: '0' },
    onOutput(printed, child) {
      terminate = () => child.kill('SIGTERM');
      const port = /port: (\d+)/.exec(printed)?.[1];
      if (port !== undefined) told(Number(port));
    },
  });
  const tooSoon = ended.then(({ stderr }) => {
    throw new Error(`${args[0]} ended before it listened: ${stderr}`);
  });
  const port = await Promise.race([listening, tooSoon]);
  tooSoon.catch(() => {});
  return {
    port,
    stop() {
      terminate();
      return ended;
    },
  };
}

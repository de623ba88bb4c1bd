// The time of a core that the process's main thread takes, however many others want it.

import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

/** Linux: of the thread whose number is the process's, what it has run so far, in milliseconds. */
export async function runSoFar(): Promise<number> {
  // The system counts when a thread gives its core away.
  await setTimeout(2);
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

/** How many milliseconds the main thread ran until `work` had ended, which nothing else may use meanwhile. */
export async function threadMillis(work: () => unknown): Promise<number> {
  const before = await runSoFar();
  await work();
  return (await runSoFar()) - before;
}

// A worker process for each device, each on its part of the cores. The rules: one that ends by itself comes back, later each time it does so soon
// after; one that cannot even begin ends them all, since the next would not either; and all end when they are told to, each when it has
// answered what it has taken. None outlives whoever started it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onCores, ownCores, shareCores } from './cores.js';

const leastPauseMs = 1000;
const mostPauseMs = 30_000;
/** Who has lived for so long begins with the shortest pause again. */
const settledMs = 60_000;

export interface Member {
  readonly device: string;
  readonly cores: readonly number[] | undefined;
  /** Before Node itself. */
  readonly before: readonly string[];
}

function membersOf(devices: readonly string[]): Member[] {
  const cores = ownCores();
  const parts = cores === undefined ? undefined : shareCores(cores, devices.length);
  return devices.map((device, i) => {
    const own = parts?.[i];
    return { device, cores: own, before: own === undefined ? [] : onCores(own) };
  });
}

/** In a process of a fleet: that it works now, and what it does when whoever started it is gone. */
export function reportForDuty(left: () => void): void {
  if (process.send === undefined) return;
  process.once('disconnect', left);
  process.send('ready');
  // Waiting for that alone keeps nobody alive.
  process.channel?.unref();
}

/** Runs until it is told to end. Gives the status to end with. `args` are those of a process, beside its device. */
export async function runFleet(
  devices: readonly string[],
  args: readonly string[],
  told: Promise<void>,
): Promise<number> {
  const children = new Set<ChildProcess>();
  let status = 0;
  let isOver = false;
  let failed = () => {};
  const hopeless = new Promise<void>((resolve) => {
    failed = resolve;
  });
  const say = (text: string) => console.error(`tensorlane-bullmq: ${text}`);

  const keep = async ({ device, cores, before }: Member): Promise<void> => {
    let pauseMs = leastPauseMs;
    while (!isOver) {
      const begun = performance.now();
      const [command, ...rest] = [...before, process.execPath, ...process.execArgv, ...args, '--device', device];
      // A group of its own: a terminal's Ctrl-C is for this process to pass on, once.
      const child = spawn(command!, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], detached: true });
      children.add(child);
      let isReady = false;
      child.on('message', () => {
        isReady = true;
        console.log(`${device}: pid ${child.pid}${cores === undefined ? '' : `, cores ${cores.join(',')}`}`);
      });
      const [code, signal] = await once(child, 'exit').catch((error: Error) => [error.message, null]);
      children.delete(child);
      if (isOver) {
        if (code !== 0) status = 1;
        return;
      }
      const how = signal === null ? `with ${code}` : `by ${signal}`;
      if (!isReady && signal === null) {
        say(`the worker of ${device} ended ${how} before it began; so do the others`);
        status = 1;
        return failed();
      }
      if (performance.now() - begun > settledMs) pauseMs = leastPauseMs;
      say(`the worker of ${device} ended ${how}; another begins in ${pauseMs / 1000} s`);
      const pause = new Promise((resolve) => setTimeout(resolve, pauseMs).unref());
      await Promise.race([pause, told, hopeless]);
      pauseMs = Math.min(mostPauseMs, pauseMs * 2);
    }
  };

  const all = membersOf(devices).map(keep);
  await Promise.race([told, hopeless]);
  isOver = true;
  for (const child of children) child.kill('SIGTERM');
  await Promise.all(all);
  return status;
}

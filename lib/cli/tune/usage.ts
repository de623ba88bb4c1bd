// What processes take of the machine while something is measured, by Linux's /proc. Elsewhere nothing is known, and nothing is told.

import { readFileSync } from 'node:fs';

/** Ticks a second in what /proc tells: USER_HZ, which is 100 on all of Linux's architectures that Node runs on. */
const ticksPerSecond = 100;

export interface Usage {
  /** Cores at work, on average: for those that were asked about, and for the whole machine. */
  readonly own: number;
  readonly all: number;
}

interface Reading {
  readonly at: number;
  readonly own: ReadonlyMap<number, number>;
  readonly all: number;
}

/** Begins to count; what it gives ends that, and tells. Undefined where /proc is not there. */
export function watchUsage(pids: readonly number[]): () => Usage | undefined {
  const before = read(pids);
  return () => {
    const after = read(pids);
    if (before === undefined || after === undefined) return undefined;
    const seconds = (after.at - before.at) / 1000;
    let own = 0;
    for (const [pid, ticks] of after.own) own += ticks - (before.own.get(pid) ?? ticks);
    return { own: own / ticksPerSecond / seconds, all: (after.all - before.all) / ticksPerSecond / seconds };
  };
}

/** The most that a process has had in memory so far, in bytes. */
export function peakBytes(pid: number): number | undefined {
  try {
    const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return found === null ? undefined : Number(found[1]) * 1024;
  } catch {
    return undefined;
  }
}

function read(pids: readonly number[]): Reading | undefined {
  try {
    const own = new Map(pids.map((pid) => [pid, ticksOf(readFileSync(`/proc/${pid}/stat`, 'utf8'))]));
    const cpu = /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))![1]!.split(' ').map(Number);
    // user, nice, system, idle, iowait, irq, softirq, steal; what guests take is in the first two.
    const [user, nice, system, , , irq, softirq] = cpu;
    return { at: performance.now(), own, all: user! + nice! + system! + irq! + softirq! };
  } catch {
    return undefined;
  }
}

/** utime and stime, the 14th and 15th; the second is the program's name in parentheses, which may have spaces in it. */
function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

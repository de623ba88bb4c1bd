// What processes take of the machine while something is measured, by Linux's /proc. Elsewhere nothing is known, and nothing is told.

import { fieldsOfProcess, readIfThere } from '../../core/system-files.js';

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
  const found = /^VmHWM:\s+(\d+) kB/m.exec(readIfThere(`/proc/${pid}/status`) ?? '');
  return found === null ? undefined : Number(found[1]) * 1024;
}

function read(pids: readonly number[]): Reading | undefined {
  const own = new Map<number, number>();
  for (const pid of pids) {
    const fields = fieldsOfProcess(pid);
    if (fields === undefined) return undefined;
    own.set(pid, Number(fields[11]) + Number(fields[12])); // utime and stime, the 14th and 15th
  }
  const cpu = /^cpu +(.*)$/m
    .exec(readIfThere('/proc/stat') ?? '')?.[1]
    ?.split(' ')
    .map(Number);
  if (cpu === undefined) return undefined;
  // user, nice, system, idle, iowait, irq, softirq, steal; what guests take is in the first two.
  const [user, nice, system, , , irq, softirq] = cpu;
  return { at: performance.now(), own, all: user! + nice! + system! + irq! + softirq! };
}

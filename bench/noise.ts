// How much of the machine other programs used while a suite ran. Figures from a busy machine are worth little, and the
// load average comes too late and counts the benchmark itself.

import { readFileSync } from 'node:fs';

interface Ticks {
  readonly own: number;
  readonly busy: number;
  readonly all: number;
}

/** Call it when a suite starts, and what it returns when the suite has ended: a share of all cores, from 0 to 1. */
export function watchOthers(): () => number | undefined {
  const before = ticks();
  return () => {
    const after = ticks();
    if (before === undefined || after === undefined || after.all === before.all) return undefined;
    const others = after.busy - before.busy - (after.own - before.own);
    return Math.min(1, Math.max(0, others / (after.all - before.all)));
  };
}

/** Linux only. What children used counts once they have ended, as the suites' have by then. */
function ticks(): Ticks | undefined {
  let own: string;
  let machine: string;
  try {
    own = readFileSync('/proc/self/stat', 'utf8');
    machine = readFileSync('/proc/stat', 'utf8');
  } catch {
    return undefined;
  }
  // After the name, which may itself hold spaces: state is field 3, so utime, stime, cutime, cstime (14 to 17) follow.
  const fields = own.slice(own.lastIndexOf(')') + 2).split(' ');
  const cpu = machine.slice(0, machine.indexOf('\n')).split(/\s+/).slice(1, 9).map(Number);
  const [, , , idle = 0, ioWait = 0] = cpu;
  const all = cpu.reduce((sum, value) => sum + value, 0);
  return { own: fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0), busy: all - idle - ioWait, all };
}

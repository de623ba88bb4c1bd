// Which cores each of several worker processes runs on. Lanes and threads are as many as a process has cores (`open()` finds that out), so
// processes that share a machine get a part of its cores each: otherwise each would make threads for all of them.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** '0-3,8' as numbers. */
export function parseCores(list: string): number[] {
  return list
    .trim()
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first, last = first] = part.split('-').map(Number) as [number, number?];
      return Array.from({ length: last! - first + 1 }, (_, i) => first + i);
    });
}

/** In as many parts of neighbours, which share caches and memory; where there are fewer than parts, several have the same one. */
export function shareCores(cores: readonly number[], parts: number): number[][] {
  return Array.from({ length: parts }, (_, i) => {
    const begin = Math.floor((i * cores.length) / parts);
    const end = Math.floor(((i + 1) * cores.length) / parts);
    return cores.slice(begin, Math.max(end, begin + 1));
  });
}

/** Those that this process may run on; undefined where the system does not tell. */
export function ownCores(): number[] | undefined {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return list === undefined ? undefined : parseCores(list);
  } catch {
    return undefined;
  }
}

/** What comes before a command so that it runs on these cores alone; nothing where there is no taskset. */
export function onCores(cores: readonly number[]): string[] {
  return hasTaskset() ? ['taskset', '-c', cores.join(',')] : [];
}

let known: boolean | undefined;
function hasTaskset(): boolean {
  known ??= spawnSync('taskset', ['-p', `${process.pid}`], { stdio: 'ignore' }).status === 0;
  return known;
}

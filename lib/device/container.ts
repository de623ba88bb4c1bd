// What a container (Linux's control groups, v2 and v1) lets this process have of CPU time, and for how long that has stopped it.
//
// The rules they keep: of the groups that the process lies in, the tightest limit holds, and the one that was stopped the longest tells. What cannot
// be read is no limit. native/core/cores/cpu_quota.h has the same rule for the defaults.

import { join } from 'node:path';
import { readIfThere } from '../core/system-files.js';

export interface Throttling {
  /** In microseconds, since the group was made: added up over the processors that were stopped. */
  readonly micros: number;
  /** Periods (a tenth of a second, mostly) in which it was, and all in which it had something to run. */
  readonly periods: number;
  readonly allPeriods: number;
}

/** Undefined where there is no limit, or it cannot be told. Files are looked for below `root`. */
export function throttling(root = '/'): Throttling | undefined {
  let most: Throttling | undefined;
  for (const folder of foldersOf(root)) {
    const found = statOf(folder);
    if (found !== undefined && (most === undefined || found.micros > most.micros)) most = found;
  }
  return most;
}

/** In cores; undefined where there is no limit. Files are looked for below `root`. */
export function cpuLimit(root = '/'): number | undefined {
  const limits = foldersOf(root).flatMap((folder) => limitOf(folder) ?? []);
  return limits.length === 0 ? undefined : Math.min(...limits);
}

function limitOf(folder: string): number | undefined {
  // v2: "150000 100000", or "max 100000"; v1: a file each, the quota -1 where there is none.
  const both = readIfThere(join(folder, 'cpu.max'))?.trim().split(' ');
  const [quota, period] = both ?? [
    readIfThere(join(folder, 'cpu.cfs_quota_us')),
    readIfThere(join(folder, 'cpu.cfs_period_us')),
  ];
  const cores = Number(quota) / Number(period);
  return cores > 0 && cores < Infinity ? cores : undefined;
}

function foldersOf(root: string): string[] {
  const mounts = join(root, 'sys/fs/cgroup');
  const folders: string[] = [];
  // Such as "0::/a/b" (v2) and "4:cpu,cpuacct:/a/b" (v1). In a container the tree may begin with the group, whose path is then not in it.
  for (const line of (readIfThere(join(root, 'proc/self/cgroup')) ?? '').split('\n')) {
    const found = /^\d+:([^:]*):(.*)$/.exec(line);
    if (found === null) continue;
    const [, controllers, path] = found as unknown as [string, string, string];
    if (controllers === '') folders.push(...chain(mounts, path), ...chain(join(mounts, 'unified'), path));
    else if (controllers.split(',').includes('cpu')) {
      folders.push(...chain(join(mounts, controllers), path));
      if (controllers !== 'cpu') folders.push(...chain(join(mounts, 'cpu'), path));
    }
  }
  return folders;
}

/** The mount, and each group on the way down to the path. */
function chain(mount: string, path: string): string[] {
  const folders = [mount];
  for (const part of path.split('/')) if (part !== '') folders.push(join(folders.at(-1)!, part));
  return folders;
}

function statOf(folder: string): Throttling | undefined {
  const stat = readIfThere(join(folder, 'cpu.stat'));
  if (stat === undefined) return undefined;
  const field = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? Number.NaN);
  const periods = field('nr_throttled');
  const allPeriods = field('nr_periods');
  const v2 = field('throttled_usec');
  const micros = Number.isNaN(v2) ? field('throttled_time') / 1000 : v2; // v1 has nanoseconds
  // Without a limit v2 has the fields, all 0, or has them not.
  if (!(allPeriods > 0) || Number.isNaN(micros) || Number.isNaN(periods)) return undefined;
  return { micros, periods, allPeriods };
}

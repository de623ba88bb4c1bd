// Files in which Linux tells of processes and of the machine. What cannot be read is not known.

import { readFileSync } from 'node:fs';

export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * The fields of /proc/PID/stat from the third on, the process's state; the second is the program's name in parentheses, which may have spaces
 * in it. Undefined where there is no such process.
 */
export function fieldsOfProcess(pid: number): string[] | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

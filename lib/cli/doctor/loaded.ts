// The files that this process has loaded libraries from. Linux tells itself; elsewhere Node does, but not every runtime that is like it.

import { readIfThere } from '../../core/system-files.js';

interface Report {
  readonly sharedObjects?: readonly string[];
}

export function loadedFiles(): readonly string[] {
  const maps = readIfThere('/proc/self/maps');
  if (maps === undefined) return (process.report.getReport() as unknown as Report).sharedObjects ?? [];
  // address, permissions, offset, device, inode, and from there the path to the line's end.
  const files = [...maps.matchAll(/^(?:\S+ +){5}(\/.*)$/gm)].map(([, file]) => file!);
  return [...new Set(files)];
}

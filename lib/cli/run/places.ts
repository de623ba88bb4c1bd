// Where each of several processes of one machine runs: which GPU it sees, and which cores are its own.
//
// The rules it keeps: processes share no cores while there is one for each; those of a GPU have the cores of its NUMA node, where that is
// known; where there are more processes than cores, none is bound.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from '../../core/system-files.js';

export interface Place {
  /** Undefined: all that there are. */
  readonly gpu: string | undefined;
  /** Undefined: it is not bound. */
  readonly cores: readonly number[] | undefined;
}

/** `gpus` are dealt out in turns; `near` gives a GPU's cores, where it is known which those are. */
export function placesOf(
  processes: number,
  cores: readonly number[],
  gpus: readonly string[],
  near: (gpu: string) => readonly number[] | undefined,
): Place[] {
  const gpuOf = (process: number) => (gpus.length === 0 ? undefined : gpus[process % gpus.length]);
  if (processes > cores.length) {
    return Array.from({ length: processes }, (_, process) => ({ gpu: gpuOf(process), cores: undefined }));
  }
  // Processes that have the same cores to share.
  const groups = new Map<string, { readonly cores: readonly number[]; readonly processes: number[] }>();
  for (let process = 0; process < processes; process++) {
    const gpu = gpuOf(process);
    const known = gpu === undefined ? [] : (near(gpu) ?? []).filter((core) => cores.includes(core));
    const own = known.length === 0 ? cores : known;
    const key = own.join(',');
    const group = groups.get(key) ?? { cores: own, processes: [] };
    group.processes.push(process);
    groups.set(key, group);
  }
  // Where a group has all cores and another one a part of them, or one has too few, nothing can be parted by groups.
  const all = [...groups.values()];
  const overlap =
    new Set(all.flatMap((group) => group.cores)).size < all.reduce((sum, group) => sum + group.cores.length, 0);
  const short = all.some((group) => group.processes.length > group.cores.length);
  const parted = overlap || short ? [{ cores, processes: Array.from({ length: processes }, (_, i) => i) }] : all;
  const places = new Array<Place>(processes);
  for (const { cores: own, processes: members } of parted) {
    for (const [i, process] of members.entries()) {
      const from = Math.floor((i * own.length) / members.length);
      const to = Math.floor(((i + 1) * own.length) / members.length);
      places[process] = { gpu: gpuOf(process), cores: own.slice(from, to) };
    }
  }
  return places;
}

/** The numbers of the GPUs that NVIDIA's driver tells of, as CUDA_DEVICE_ORDER=PCI_BUS_ID counts them. Files are looked for below `root`. */
export function gpusHere(root = '/'): string[] {
  return addresses(root).map((_, index) => String(index));
}

/** The cores of the NUMA node that a GPU hangs on; undefined where that is not known. */
export function coresNear(gpu: string, root = '/'): number[] | undefined {
  const address = addresses(root)[/^\d+$/.test(gpu) ? Number(gpu) : -1];
  if (address === undefined) return undefined;
  const cores = readIfThere(join(root, 'sys/bus/pci/devices', address, 'local_cpulist'));
  return cores === undefined ? undefined : listed(cores.trim());
}

/** PCI addresses, ascending. */
function addresses(root: string): string[] {
  try {
    return readdirSync(join(root, 'proc/driver/nvidia/gpus'))
      .map((name) => name.toLowerCase())
      .sort();
  } catch {
    return [];
  }
}

/** Linux's lists: 0-3,8,10-11. Empty where it is none. */
export function listed(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const found = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (found === null) return [];
    const from = Number(found[1]);
    return Array.from({ length: Number(found[2] ?? from) - from + 1 }, (_, i) => from + i);
  });
}

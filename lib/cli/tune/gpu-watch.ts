// A process that looks at GPUs while something else is measured on them: the driver's management library (NVML) stays loaded in it.
//
// The rule it keeps: the driver looks at its last second at most, so it is asked ten times a second, and what it says is averaged.

import { addon } from '../../addon/load.js';
import { serve } from '../load/child.js';

export interface GpuUsage {
  /** The part of the time in which kernels ran, on average over time and GPUs; undefined where that is not told, as with MIG. */
  readonly busy: number | undefined;
  /** What is in use of their memory, by whomever, at the peak. */
  readonly usedBytes: number | undefined;
}

const everyMillis = 100;

/** Of a GPU, since the last time that it was asked about. */
interface Seen {
  readonly busy: number[];
  usedBytes: number | undefined;
}

/** By their PCI addresses. */
let seen = new Map<string, Seen>();

function look(): string | undefined {
  const { gpus, problem } = addon().readGpus();
  const own = gpus.filter(({ pciAddress }) => pciAddress !== undefined && seen.has(pciAddress));
  for (const { pciAddress, busy, usedBytes } of own) {
    const one = seen.get(pciAddress!)!;
    if (busy !== undefined) one.busy.push(busy);
    if (usedBytes !== undefined) one.usedBytes = Math.max(one.usedBytes ?? 0, usedBytes);
  }
  return problem ?? (own.length === 0 ? 'nothing is told of the GPU that is measured' : undefined);
}

/** The sum; undefined where there is nothing. */
const sum = (values: readonly number[]) =>
  values.length === 0 ? undefined : values.reduce((all, one) => all + one, 0);

const methods = {
  /** Looks at these from now on, by their PCI addresses. Gives why that tells nothing; undefined where it does. */
  async watch(addresses: readonly string[]): Promise<string | undefined> {
    seen = new Map(addresses.map((address) => [address, { busy: [], usedBytes: undefined }]));
    const problem = look();
    if (problem === undefined) setInterval(look, everyMillis).unref();
    return problem;
  },

  /** What there was of these since the last time. */
  async take(addresses: readonly string[]): Promise<GpuUsage | undefined> {
    look();
    const own = addresses.flatMap((address) => seen.get(address) ?? []);
    const busy = own.flatMap((one) => one.busy);
    const all = sum(busy);
    const usedBytes = sum(own.flatMap((one) => one.usedBytes ?? []));
    for (const address of seen.keys()) seen.set(address, { busy: [], usedBytes: undefined });
    if (all === undefined && usedBytes === undefined) return undefined;
    return { busy: all === undefined ? undefined : all / busy.length, usedBytes };
  },
};

export type GpuWatch = typeof methods;

process.on('SIGINT', () => {}); // whoever started it says when it ends
serve(methods, async () => {});

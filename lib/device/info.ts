// What a device says of itself: what it is, and what it does and holds at present.

import type { LaneCounters, MemoryStats as NativeMemoryStats } from '../../binding.js';

export interface DeviceInfo {
  readonly kind: 'cuda' | 'cpu';
  readonly name: string;
  readonly index: number;
  readonly memoryBytes: number;
  /** The algebra library, with its version. */
  readonly library: string;
  /** CPU cores that all operations together may use. */
  readonly threads: number;
  /** CUDA: such as '9.0'. */
  readonly computeCapability?: string;
  /** CUDA: the newest CUDA version that the driver supports. */
  readonly driver?: string;
  /** CUDA: the version of the CUDA runtime that tensorlane was built with. */
  readonly runtime?: string;
  /** CUDA: where it hangs, as Linux has it: '0000:01:00.0'. */
  readonly pciAddress?: string;
  /** Why `open()` gave this device and not a GPU. */
  readonly fallbackReason?: string;
  /** Of a group (`open({ devices })`): its devices; what stands beside is the first one's, and the memory of all. */
  readonly devices?: readonly DeviceInfo[];
}

export interface DeviceStats {
  readonly streams: {
    readonly size: number;
    /** Lanes with an operation running. */
    readonly busy: number;
    /** Operations that wait for a lane. */
    readonly queued: number;
    /** Operations that have ended since the device was opened. */
    readonly completed: number;
    /** Of them: small ones that found large ones in all lanes, and ran on the lane that is kept for such, which is none of `size`. */
    readonly expedited: number;
    /** For how long lanes have had operations running since then, all together, in microseconds: `size` seconds a second at most. */
    readonly busyMicros: number;
    /** For how long operations have waited for a lane, all together: those that wait, until now. */
    readonly waitedMicros: number;
  };
  /** Models that are loaded. */
  readonly models: number;
  /** Memories that device tensors hold; slices share one. */
  readonly tensors: number;
  readonly memory: MemoryStats;
  /** Of a group: each of its devices. */
  readonly devices?: readonly GroupMemberStats[];
}

/** One of a group's devices. */
export interface GroupMemberStats extends Omit<DeviceStats, 'devices'> {
  /** Its number: N of 'cuda:N'. */
  readonly index: number;
  /** Batches of models that it has run. */
  readonly batches: number;
  /** Why it is lost. */
  readonly lost?: string;
}

/** Memory of a device, in bytes. */
export interface MemoryStats {
  /** What `open({ memory })` allows; 0 where that is all there is. */
  readonly limitBytes: number;
  /** In tensors and operations. */
  readonly usedBytes: number;
  /** The most that was in use at once. */
  readonly peakBytes: number;
  /** Taken from the system: what is used, and what is kept for the next use (of the CPU: by the process, for results and tensors). */
  readonly reservedBytes: number;
  /** Of the used: in device tensors. */
  readonly tensorBytes: number;
  /** Of the used: kept by streams for their libraries. */
  readonly workspaceBytes: number;
  /** Pinned host memory for staging, taken from the system. */
  readonly pinnedBytes: number;
  /** Of it: in use. */
  readonly pinnedUsedBytes: number;
}

export function streamStats({ lanes: size, ...counters }: LaneCounters): DeviceStats['streams'] {
  return { size, ...counters };
}

export function memoryStats(memory: NativeMemoryStats): MemoryStats {
  return {
    limitBytes: memory.limit,
    usedBytes: memory.used,
    peakBytes: memory.peak,
    reservedBytes: memory.reserved,
    tensorBytes: memory.tensors,
    workspaceBytes: memory.workspaces,
    pinnedBytes: memory.pinned,
    pinnedUsedBytes: memory.pinnedUsed,
  };
}

/** Of at least one. */
export function groupInfo(devices: readonly DeviceInfo[]): DeviceInfo {
  const memoryBytes = devices.reduce((sum, one) => sum + one.memoryBytes, 0);
  return { ...devices[0]!, memoryBytes, devices };
}

export function groupStats(devices: readonly GroupMemberStats[]): DeviceStats {
  const memory = sums(devices.map((one) => one.memory));
  return {
    streams: sums(devices.map(({ streams }) => streams)),
    models: devices[0]!.models,
    tensors: devices.reduce((sum, { tensors }) => sum + tensors, 0),
    // Without a limit for one there is none for all.
    memory: devices.every((one) => one.memory.limitBytes > 0) ? memory : { ...memory, limitBytes: 0 },
    devices,
  };
}

function sums<T extends object>(all: readonly T[]): T {
  const names = Object.keys(all[0]!) as (keyof T)[];
  return Object.fromEntries(names.map((name) => [name, all.reduce((sum, one) => sum + Number(one[name]), 0)])) as T;
}

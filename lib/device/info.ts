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
  /** Why `open()` gave this device and not a GPU. */
  readonly fallbackReason?: string;
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

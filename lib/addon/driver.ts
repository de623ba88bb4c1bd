// NVIDIA's driver: which CUDA it runs is asked of its library, in a process of its own, so that no server has it loaded for nothing.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tryApart } from './trial.js';

export type CudaMajor = 12 | 13;

export interface Driver {
  /** Such as '580.65.06', where the kernel tells. */
  readonly version?: string;
  /**
   * The newest CUDA that it runs, such as '13.0'; null where its library is not found, as in a container without GPUs; undefined
   * where there is no addon to ask it.
   */
  readonly cuda?: string | null;
}

/** The first driver of each version of CUDA. */
export const oldestDriver: Readonly<Record<CudaMajor, number>> = { 13: 580, 12: 525 };

const kernelFile = '/proc/driver/nvidia/version';

/** Where the dynamic linker looks first. */
export const libraryFolders = () => (process.env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean);

/** Whether its library is worth asking for: there is a sign of it in the kernel (WSL's and Jetson's among them), or a path to it. */
export function mayHaveDriver(): boolean {
  const signs = [kernelFile, '/dev/nvidiactl', '/dev/dxg', '/dev/nvmap'];
  return [...signs, ...libraryFolders().map((folder) => join(folder, 'libcuda.so.1'))].some((file) => existsSync(file));
}

/** undefined where there is none. */
export async function findDriver(): Promise<Driver | undefined> {
  if (!mayHaveDriver()) return undefined;
  const version = existsSync(kernelFile) ? versionIn(readFileSync(kernelFile, 'utf8')) : undefined;
  const trial = await tryApart<string | null>('addon/driver-probe.js', []);
  return { ...(version !== undefined && { version }), ...('found' in trial && { cuda: trial.found }) };
}

/** Of what the kernel's module says of itself. */
export function versionIn(text: string): string | undefined {
  return /\s(\d+\.\d[\d.]*)\s/.exec(text)?.[1];
}

/** Whether a driver for that CUDA ('12.4') runs what was built for a version of CUDA. */
export function runs(newest: string, cuda: CudaMajor): boolean {
  return Number.parseInt(newest, 10) >= cuda;
}

// NVIDIA's driver, as far as the kernel tells of it.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type CudaMajor = 12 | 13;

export interface Driver {
  /** Such as '580.65.06'; undefined where it is there, but does not tell (WSL). */
  readonly version?: string;
  /** The newest CUDA that it runs; undefined where that is not known, or none that tensorlane is built for. */
  readonly cuda?: CudaMajor;
}

/** The first driver of each version of CUDA. */
export const oldestDriver: Readonly<Record<CudaMajor, number>> = { 13: 580, 12: 525 };

/** undefined where there is none. */
export function findDriver(root = '/'): Driver | undefined {
  const file = join(root, 'proc/driver/nvidia/version');
  if (!existsSync(file)) return existsSync(join(root, 'usr/lib/wsl/lib/libcuda.so.1')) ? {} : undefined;
  const version = /\s(\d+\.\d[\d.]*)\s/.exec(readFileSync(file, 'utf8'))?.[1];
  if (version === undefined) return {};
  const major = Number.parseInt(version, 10);
  const cuda = ([13, 12] as const).find((cuda) => major >= oldestDriver[cuda]);
  return { version, ...(cuda && { cuda }) };
}

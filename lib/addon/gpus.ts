// NVIDIA's GPUs as the driver's management library (NVML) tells of them, asked in a process of its own: the library stays loaded there.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { GpuReadings } from '../../binding.js';
import { libraryFolders, mayHaveDriver } from './driver.js';
import { tryApart } from './trial.js';

/** Whether it is worth asking. */
export function mayHaveGpus(): boolean {
  return mayHaveDriver() || libraryFolders().some((folder) => existsSync(join(folder, 'libnvidia-ml.so.1')));
}

/** undefined where there is no sign of a driver. */
export async function readGpus(): Promise<GpuReadings | undefined> {
  if (!mayHaveGpus()) return undefined;
  const trial = await tryApart<GpuReadings>('addon/gpu-probe.js', []);
  return 'found' in trial ? trial.found : { gpus: [], problem: trial.problem };
}

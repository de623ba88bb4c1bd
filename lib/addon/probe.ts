// Tries an addon that was built for a version of CUDA, in a process of its own.

import { createRequire } from 'node:module';
import type * as Binding from '../../binding.js';
import { type CudaMajor, oldestDriver, runs } from './driver.js';
import { answer } from './trial.js';

await answer(async () => {
  const [file, version] = process.argv.slice(2) as [string, string];
  const cuda = Number(version) as CudaMajor;
  const addon = createRequire(import.meta.url)(file) as typeof Binding;
  const newest = addon.newestCudaOfDriver();
  if (newest === undefined) {
    throw new Error(
      "the library of NVIDIA's driver, libcuda.so.1, is not found (a container needs docker run --gpus all)",
    );
  }
  if (!runs(newest, cuda)) {
    throw new Error(
      `NVIDIA's driver runs CUDA up to ${newest}, and it wants ${cuda}.0 (driver ${oldestDriver[cuda]} or newer)`,
    );
  }
  const { devices, noCuda } = await addon.findDevices();
  if (!devices.some(({ kind }) => kind === 'cuda')) throw new Error(noCuda ?? 'it finds no GPU');
  return true;
});

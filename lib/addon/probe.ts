// Tries an addon with a CUDA device, in a process of its own.

import { createRequire } from 'node:module';
import type * as Binding from '../../binding.js';
import { answer } from './trial.js';

await answer(async () => {
  const addon = createRequire(import.meta.url)(process.argv[2]!) as typeof Binding;
  const { devices, noCuda } = await addon.findDevices();
  if (!devices.some(({ kind }) => kind === 'cuda')) throw new Error(noCuda ?? 'it finds no GPU');
  return true;
});

// Tries an addon with a CUDA device, in a process of its own, and tells its parent what is wrong with it.

import { createRequire } from 'node:module';
import type * as Binding from '../../binding.js';

try {
  const addon = createRequire(import.meta.url)(process.argv[2]!) as typeof Binding;
  const { devices, noCuda } = await addon.findDevices();
  const problem = devices.some(({ kind }) => kind === 'cuda') ? undefined : (noCuda ?? 'it finds no GPU');
  process.send!({ problem });
} catch (error) {
  process.send!({ problem: (error as Error).message });
}

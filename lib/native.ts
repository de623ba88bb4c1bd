// Loads the addon: the one that TENSORLANE_ADDON names, the one with CUDA if it was built here (npm run build:cuda), the one
// without, or the prebuilt one for this platform.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type * as Binding from '../binding.js';
import { TensorlaneError } from './errors.js';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));
const withCuda = fileURLToPath(new URL('../build/cuda/Release/tensorlane.node', import.meta.url));

function load(): typeof Binding {
  const choose = require('node-gyp-build') as (folder: string) => typeof Binding;
  const built = process.env.TENSORLANE_ADDON || withCuda;
  try {
    if (built !== withCuda || existsSync(built)) return require(built) as typeof Binding;
    return choose(root);
  } catch (cause) {
    throw new TensorlaneError(
      'ERR_NO_DEVICE',
      `tensorlane's native addon could not be loaded on ${process.platform}-${process.arch}: ${(cause as Error).message}. ` +
        'Where no prebuilt one exists, build it with "npm run build" (it needs a C++20 compiler, CMake and OpenBLAS); ' +
        'where a shared library is missing, install it (Debian, Ubuntu: apt-get install libopenblas0-pthread)',
      { cause },
    );
  }
}

export const native: typeof Binding = load();

// Loads the addon: the one that TENSORLANE_ADDON names, the one that was built here last, with CUDA (npm run build:cuda) or
// without, or the prebuilt one for this platform.

import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as Binding from '../../binding.js';
import { TensorlaneError } from '../core/errors.js';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('../..', import.meta.url));
const withCuda = join(root, 'build', 'cuda', 'Release', 'tensorlane.node');
const plain = join(root, 'build', 'Release', 'tensorlane.node');

function load(): typeof Binding {
  const choose = require('node-gyp-build') as (folder: string) => typeof Binding;
  try {
    const named = process.env.TENSORLANE_ADDON;
    if (named) return require(named) as typeof Binding;
    return builtAt(withCuda) > builtAt(plain) ? (require(withCuda) as typeof Binding) : choose(root);
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

function builtAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

export const native: typeof Binding = load();

// Loads the addon when it is first needed. One file is tried, by this rule:
//   1. the one that the environment variable TENSORLANE_ADDON names;
//   2. the build with CUDA (npm run build:cuda), where it is newer than the build without;
//   3. what node-gyp-build finds: the build without, or the prebuilt one for this platform.
// Where that fails, the error says what was tried, why it failed, and what helps.

import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as Binding from '../../binding.js';
import { TensorlaneError } from '../core/errors.js';

type Addon = typeof Binding;

const require = createRequire(import.meta.url);
const packageRoot = fileURLToPath(new URL('../..', import.meta.url));
let loaded: Addon | undefined;

/** Errors: ERR_NO_DEVICE. */
export function addon(): Addon {
  loaded ??= loadAddon(packageRoot, process.env.TENSORLANE_ADDON);
  return loaded;
}

/** Loads the addon of the package in `root`, or the file that is named. Errors: ERR_NO_DEVICE. */
export function loadAddon(root: string, named: string | undefined): Addon {
  let tried = '';
  try {
    if (named) {
      tried = `${named} (TENSORLANE_ADDON)`;
      return require(resolve(named)) as Addon;
    }
    const withCuda = join(root, 'build', 'cuda', 'Release', 'tensorlane.node');
    const without = join(root, 'build', 'Release', 'tensorlane.node');
    if (builtAt(withCuda) > builtAt(without)) {
      tried = withCuda;
      return require(withCuda) as Addon;
    }
    tried = `${join(root, 'build', 'Release')} and ${join(root, 'prebuilds')}`;
    return (require('node-gyp-build') as (folder: string) => Addon)(root);
  } catch (cause) {
    const reason = (cause as Error).message.trim().replace(/\n[\s\S]*/, '');
    throw new TensorlaneError(
      'ERR_NO_DEVICE',
      `tensorlane's native addon could not be loaded on ${process.platform}-${process.arch}: tried ${tried}: ${reason}; ` +
        remedy((cause as Error).message, existsSync(join(root, 'scripts', 'setup.mjs'))),
      { cause },
    );
  }
}

function builtAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** What helps, by what the loader says. */
export function remedy(reason: string, inCheckout: boolean): string {
  const build = inCheckout
    ? 'build it with "npm run build" (it needs a C++20 compiler, CMake and OpenBLAS)'
    : 'this package has none for this platform; build one in a checkout of tensorlane, and name it in TENSORLANE_ADDON';
  if (/libopenblas/.test(reason)) {
    return 'install OpenBLAS (Debian, Ubuntu: apt-get install libopenblas0-pthread)';
  }
  if (/version .* not found/.test(reason)) return `it was built for a newer system than this one: ${build}`;
  if (/cannot open shared object file/.test(reason) && !/\.node: cannot open/.test(reason)) {
    return 'install the shared library that is missing';
  }
  return build;
}

// Loads the addon when it is first needed. One file is tried, by this rule:
//   1. the one that the environment variable TENSORLANE_ADDON names;
//   2. a build of one's own, in a clone: the one with CUDA (npm run build:cuda), where it is newer than the one without;
//   3. that of an installed package: see choose.ts.
// Where that fails, the error says what was tried, why it failed, and what helps.

import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type * as Binding from '../../binding.js';
import { TensorlaneError } from '../core/errors.js';
import { choose, exactly, firstLine, installed, mismatchOf, platform, platformPackage } from './choose.js';
import { ownVersion, packageRoot } from './own-package.js';
import type { PlatformPackage } from './platform-package.js';
import { missingPackage, refusedFile, refusedPackage } from './remedies.js';

type Addon = typeof Binding;

const require = createRequire(import.meta.url);
let loading: Promise<void> | undefined;
let loaded: Addon | undefined;
let withoutCuda: string | undefined;

/** To be awaited before anything of the addon is used. Errors: ERR_NO_DEVICE. */
export async function prepareAddon(): Promise<void> {
  loading ??= load();
  try {
    await loading;
  } catch (error) {
    loading = undefined; // what is missing may be installed meanwhile
    throw error;
  }
}

/** Errors: ERR_NO_DEVICE. */
export function addon(): Addon {
  // Whoever could not wait gets what needs no trying.
  loaded ??= ownBuild(packageRoot, process.env.TENSORLANE_ADDON) ?? fromPackage(ofPlatform());
  return loaded;
}

/** Why the addon has no CUDA device, where that is the package's doing. */
export function noCudaReason(): string | undefined {
  return withoutCuda;
}

async function load(): Promise<void> {
  loaded ??= ownBuild(packageRoot, process.env.TENSORLANE_ADDON);
  if (loaded !== undefined) return;
  ownVersion(); // before packages are looked for, which a bundle cannot
  const choice = await choose().catch(brokenPackage);
  loaded = fromPackage(choice?.package, choice?.name);
  if (!choice!.name.includes('-cuda')) {
    withoutCuda = choice!.withoutCuda ?? `for a GPU, npm install ${choice!.name}-cuda13 (or -cuda12)`;
  }
}

/**
 * OpenBLAS makes a thread for each core as soon as it is there, and each spins for some 25 ms for work that in a process of models alone never
 * comes. Told of one, it makes them when it is told of more, which is with the first operation of linear algebra (native/cpu/linalg/blas_share.h).
 */
function withoutItsThreads<T>(load: () => T): T {
  const name = 'OPENBLAS_NUM_THREADS';
  if (process.env[name] !== undefined) return load();
  process.env[name] = '1';
  try {
    return load();
  } finally {
    delete process.env[name];
  }
}

/** The file that is named, or a build in the clone in `root`; undefined where there is neither. Errors: ERR_NO_DEVICE. */
export function ownBuild(root: string, named: string | undefined): Addon | undefined {
  const own = ownFile(root, named);
  if (own === undefined) return undefined;
  try {
    return withoutItsThreads(own.load);
  } catch (cause) {
    const remedy = refusedFile((cause as Error).message, existsSync(join(root, 'scripts', 'setup.mjs')));
    throw refused(own.tried, cause, remedy);
  }
}

function ownFile(root: string, named: string | undefined): { tried: string; load: () => Addon } | undefined {
  if (named) return { tried: `${named} (TENSORLANE_ADDON)`, load: () => require(resolve(named)) };
  const withCuda = join(root, 'build', 'cuda', 'Release', 'tensorlane.node');
  const without = join(root, 'build', 'Release', 'tensorlane.node');
  if (builtAt(withCuda) > builtAt(without)) return { tried: withCuda, load: () => require(withCuda) };
  if (!existsSync(join(root, 'scripts', 'setup.mjs'))) return undefined;
  return {
    tried: join(root, 'build', 'Release'),
    load: () => (require('node-gyp-build') as (folder: string) => Addon)(root),
  };
}

function ofPlatform(): PlatformPackage | undefined {
  try {
    return installed(platformPackage);
  } catch (error) {
    return brokenPackage(error);
  }
}

function brokenPackage(error: unknown): never {
  throw refused(platformPackage, error, `make node_modules anew, or ${exactly(platformPackage)}`);
}

/** Errors: ERR_NO_DEVICE. */
function fromPackage(found: PlatformPackage | undefined, name = platformPackage): Addon {
  if (found === undefined) throw refused(name, new Error('it is not installed'), missingPackage());
  const mismatch = mismatchOf(found);
  if (mismatch !== undefined) throw refused(name, new Error(mismatch), exactly(name));
  try {
    return withoutItsThreads(() => found.load());
  } catch (cause) {
    throw refused(found.file, cause, refusedPackage((cause as Error).message));
  }
}

function refused(tried: string, cause: unknown, remedy: string): TensorlaneError {
  return new TensorlaneError(
    'ERR_NO_DEVICE',
    `tensorlane's native addon could not be loaded on ${platform}: tried ${tried}: ${firstLine(cause)}; ${remedy}`,
    { cause },
  );
}

/** 0 where there is none, or none that can be seen. */
function builtAt(file: string): number {
  return existsSync(file) ? statSync(file).mtimeMs : 0;
}

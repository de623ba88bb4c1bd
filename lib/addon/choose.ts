// Which of the installed packages the addon is taken from: one for CUDA where the GPU's driver and NVIDIA's libraries are there and it
// works, else the platform's own.
//
// The rule it keeps: what may take a process down is tried in another one first. Nothing is tried where there is no driver.

import { type CudaMajor, mayHaveDriver } from './driver.js';
import { ownVersion } from './own-package.js';
import packages from './packages.cjs';
import type { PlatformPackage } from './platform-package.js';
import { tryApart } from './trial.js';

export interface Choice {
  readonly name: string;
  readonly package: PlatformPackage;
  /** Why it is none for CUDA, where one is installed. */
  readonly withoutCuda?: string;
}

/** Such as linux-x64. */
export const platform = `${process.platform}-${process.arch}`;

/** The platform's own package. */
export const platformPackage = `@tensorlane/${platform}`;

/** undefined where no package is installed. Errors: those of loading the platform's own, where it is. */
export async function choose(): Promise<Choice | undefined> {
  const refusals: string[] = [];
  for (const cuda of [13, 12] as const) {
    const name = `${platformPackage}-cuda${cuda}`;
    try {
      const found = installed(name);
      if (found === undefined) continue;
      const mismatch = mismatchOf(found);
      const problem = mismatch ? `${mismatch}; ${exactly(name)}` : await problemOf(found.file, cuda);
      if (problem === undefined) return { name, package: found };
      refusals.push(`${name} is installed, but ${problem}`);
    } catch (error) {
      refusals.push(`${name} is installed, but cannot be loaded: ${firstLine(error)}`);
    }
  }
  const found = installed(platformPackage);
  if (found === undefined) return undefined;
  return {
    name: platformPackage,
    package: found,
    ...(refusals.length > 0 ? { withoutCuda: refusals.join('; ') } : {}),
  };
}

/** undefined where there is no such package. */
export function installed(name: string): PlatformPackage | undefined {
  try {
    return packages[name]?.();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // Of a module that the package itself misses, only the lines below would name the package. (Yarn's Plug'n'Play says more above them.)
    if (code === 'MODULE_NOT_FOUND' && message.split(/^Require stack:/m)[0]!.includes(name)) return undefined;
    throw error;
  }
}

/** What is wrong with an installed package's version; undefined where it is tensorlane's own. */
export function mismatchOf({ version }: PlatformPackage): string | undefined {
  const own = ownVersion();
  return version === own ? undefined : `it is of version ${version}, and tensorlane of ${own}`;
}

/** What installs a package of tensorlane's own version. */
export const exactly = (name: string) => `npm install ${name}@${ownVersion()} (pnpm add, yarn add)`;

/** Of an error that others threw, without the stack in its message. */
export const firstLine = (error: unknown): string => (error as Error).message.trim().replace(/\n[\s\S]*/, '');

/** Why an addon's CUDA device does not work here; undefined where it does. */
export async function problemOf(file: string, cuda: CudaMajor): Promise<string | undefined> {
  if (!mayHaveDriver()) {
    return 'there is no NVIDIA driver (or the container was started without it: docker run --gpus all)';
  }
  // Without what NODE_OPTIONS loads, or waits for, in a server.
  const trial = await tryApart<true>('addon/probe.js', [file, String(cuda)], { NODE_OPTIONS: '' });
  return 'problem' in trial ? trial.problem : undefined;
}

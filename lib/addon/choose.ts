// Which of the installed packages the addon is taken from: one for CUDA where the GPU's driver and NVIDIA's libraries are there and it
// works, else the platform's own.
//
// The rule it keeps: what may take a process down is tried in another one first. Nothing is tried where there is no driver.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type CudaMajor, findDriver, oldestDriver } from './driver.js';
import packages from './packages.cjs';
import type { PlatformPackage } from './platform-package.js';

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

/** undefined where no package is installed. Errors: those of loading a package that is. */
export async function choose(): Promise<Choice | undefined> {
  const refusals: string[] = [];
  for (const cuda of [13, 12] as const) {
    const name = `${platformPackage}-cuda${cuda}`;
    const found = installed(name);
    if (found === undefined) continue;
    const problem = driverProblem(cuda) ?? (await problemOf(found.file));
    if (problem === undefined) return { name, package: found };
    refusals.push(`${name} is installed, but ${problem}`);
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
    // Of a module that the package itself misses, only the lines below would name the package.
    if (code === 'MODULE_NOT_FOUND' && message.split('\n')[0]!.includes(name)) return undefined;
    throw error;
  }
}

function driverProblem(cuda: CudaMajor): string | undefined {
  const driver = findDriver();
  if (driver === undefined) {
    return 'there is no NVIDIA driver (or the container was started without it: docker run --gpus all)';
  }
  if (driver.version === undefined || (driver.cuda ?? 0) >= cuda) return undefined;
  return `NVIDIA's driver ${driver.version} is older than it wants (${oldestDriver[cuda]})`;
}

const limitMs = 60_000;

/** Why its CUDA device does not work here; undefined where it does. */
function problemOf(file: string): Promise<string | undefined> {
  const probe = fileURLToPath(new URL('./probe.js', import.meta.url));
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [probe, file], {
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    });
    let told: string | undefined = 'it cannot be loaded';
    child.on('message', (message) => {
      const { problem } = message as { problem?: string };
      told = problem;
    });
    child.on('error', ({ message }) => resolve(`it could not be tried: ${message}`));
    child.on('close', (_, signal) => resolve(signal === null ? told : `the process that tried it ended by ${signal}`));
  });
}

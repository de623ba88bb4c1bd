// The machine and what is installed on it, as far as it matters here.

import { createRequire } from 'node:module';
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { GpuReadings } from '../../../binding.js';
import { platform, platformPackage } from '../../addon/choose.js';
import { type Driver, findDriver } from '../../addon/driver.js';
import { readGpus } from '../../addon/gpus.js';
import { ownVersion } from '../../addon/own-package.js';
import { glibcVersion } from '../../addon/remedies.js';
import { cpuLimit, throttling } from '../../device/container.js';
import { folders, MpsControl } from '../mps/control.js';
import { onnxRuntimeVersion } from '../versions.js';

export interface Machine {
  readonly tensorlane: string;
  readonly node: string;
  /** Such as linux-x64, glibc 2.36. */
  readonly platform: string;
  readonly cpu: string;
  /** Of a container: the cores that its limit of CPU time comes to, and the part of its periods in which that has stopped it so far. */
  readonly cpuLimit: number | null;
  readonly throttled: number | null;
  readonly memoryBytes: number;
  readonly driver: Driver | null;
  /** As the driver's management library tells of them. */
  readonly gpus: GpuReadings | null;
  /** NVIDIA's control daemon of its multi-process service, by its pid. */
  readonly mps: number | null;
  readonly onnxruntime: string | null;
  /** Those beside tensorlane's own, by name, with their versions. */
  readonly packages: Readonly<Record<string, string>>;
}

const known = ['', '-cuda12', '-cuda13'].map((kind) => platformPackage + kind);

export async function machine(): Promise<Machine> {
  const require = createRequire(import.meta.url);
  const packages: Record<string, string> = {};
  for (const name of [...known, 'onnxruntime-node']) {
    const version = versionOf(require, name);
    if (version !== undefined) packages[name] = version;
  }
  const stopped = throttling();
  return {
    tensorlane: ownVersion(),
    node: process.versions.node,
    platform: `${platform}${libc()}`,
    cpu: `${cpus()[0]?.model.trim() || 'unknown'}, ${availableParallelism()} of ${cpus().length} cores`,
    cpuLimit: cpuLimit() ?? null,
    throttled: stopped === undefined ? null : stopped.periods / stopped.allPeriods,
    memoryBytes: Math.min(totalmem(), process.constrainedMemory() || Infinity),
    driver: (await findDriver()) ?? null,
    gpus: (await readGpus()) ?? null,
    mps: folders(undefined).flatMap((folder) => new MpsControl(folder).daemon()?.pid ?? [])[0] ?? null,
    onnxruntime: onnxRuntimeVersion() ?? null,
    packages,
  };
}

function versionOf(require: NodeJS.Require, name: string): string | undefined {
  try {
    return (require(`${name}/package.json`) as { version: string }).version;
  } catch {
    return undefined;
  }
}

function libc(): string {
  if (process.platform !== 'linux') return '';
  const version = glibcVersion();
  return version === undefined ? ', no glibc' : `, glibc ${version}`;
}

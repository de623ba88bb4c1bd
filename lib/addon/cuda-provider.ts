// Where ONNX Runtime's CUDA provider is. ONNX Runtime opens it in the folder of the path that it was opened by itself, links not
// followed, and it has to be of the very same version. Where the two lie apart, a folder of links brings them together.

import { existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import type { CudaMajor } from './driver.js';
import { onnxRuntimeVersionOf } from './onnxruntime-version.js';

export const providerFiles = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'] as const;

export interface PlacedRuntime {
  /** The path to open ONNX Runtime by. */
  readonly path: string;
  /** Where it has no CUDA provider: what to do about it. */
  readonly remedy: string | undefined;
}

/** Where `setup cuda` puts libraries, unless it is told otherwise, and where the addon looks for them. */
export function setupFolder(major: CudaMajor): string {
  const data = process.env.XDG_DATA_HOME || join(homedir(), '.local', 'share');
  return join(data, 'tensorlane', `cuda${major}`);
}

/** `core` beside the CUDA provider of its version, where there is one: in the folder that `open` was given, if it was, and in no other. */
export function placeBesideCudaProvider(core: string, given?: string): PlacedRuntime {
  if (process.platform !== 'linux') return { path: core, remedy: undefined };
  if (given !== undefined) return named(core, given, 'open({ onnxruntimeProviders })');
  if (hasProvider(dirname(core))) return { path: core, remedy: undefined };
  const folder = process.env.TENSORLANE_ONNXRUNTIME_PROVIDERS;
  if (folder) return named(core, folder, 'TENSORLANE_ONNXRUNTIME_PROVIDERS');
  const version = onnxRuntimeVersionOf(core);
  const setup = 'run `npx tensorlane setup cuda`';
  const others: string[] = [];
  for (const folder of setupFolders()) {
    const own = join(folder, `onnxruntime-${version}`);
    if (version !== undefined && hasProvider(own)) return linked(core, own);
    others.push(...providersIn(folder));
  }
  const here = `ONNX Runtime here is ${version ?? 'of a version that it does not tell'}`;
  const remedy =
    others.length === 0
      ? `Its CUDA provider is not there: ${setup}, or name its folder in TENSORLANE_ONNXRUNTIME_PROVIDERS`
      : `The CUDA provider in ${others.join(' and ')} is of another version, and ${here}: ${setup} again`;
  return { path: core, remedy };
}

/** In the folder that `by` names. */
function named(core: string, folder: string, by: string): PlacedRuntime {
  const whole = resolve(folder);
  if (whole === dirname(resolve(core)) && hasProvider(whole)) return { path: core, remedy: undefined };
  if (hasProvider(whole)) return linked(core, whole);
  const missing = providerFiles.filter((file) => !existsSync(join(whole, file))).join(' and ');
  return { path: core, remedy: `${by} names ${folder}, which has no ${missing}` };
}

function hasProvider(folder: string): boolean {
  return providerFiles.every((file) => existsSync(join(folder, file)));
}

/** Those of `setup cuda`: where TENSORLANE_CUDA_LIBRARIES names their libraries, and the usual ones. */
function setupFolders(): string[] {
  const named = process.env.TENSORLANE_CUDA_LIBRARIES?.split(':').filter((folder) => folder !== '') ?? [];
  return [...named.map(dirname), setupFolder(13), setupFolder(12)];
}

function providersIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith('onnxruntime-'))
    .map((name) => join(folder, name))
    .filter(hasProvider);
}

/** A folder for each pair, which is kept. */
function linked(core: string, providers: string): PlacedRuntime {
  // Loaded here, where few come: it takes milliseconds.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const name = `onnxruntime-${createHash('sha256').update(`${core}\0${providers}`).digest('hex').slice(0, 16)}`;
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const problems: string[] = [];
  for (const parent of [join(cache, 'tensorlane'), join(tmpdir(), `tensorlane-${process.getuid?.() ?? 0}`)]) {
    const folder = join(parent, name);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      // Whose folder it is could put other libraries there.
      if (lstatSync(parent).uid !== process.getuid?.()) throw new Error(`${parent} is somebody else's`);
      link(core, join(folder, basename(core)));
      for (const file of providerFiles) link(join(providers, file), join(folder, file));
      return { path: join(folder, basename(core)), remedy: undefined };
    } catch (problem) {
      problems.push((problem as Error).message);
    }
  }
  return { path: core, remedy: `Links to its CUDA provider in ${providers} cannot be made: ${problems.join('; ')}` };
}

/** Other processes may do the same at once: each makes one of its own and puts it in place. */
function link(target: string, path: string): void {
  try {
    if (readlinkSync(path) === target) return;
  } catch {}
  const own = `${path}.${process.pid}`;
  symlinkSync(target, own);
  renameSync(own, path);
}

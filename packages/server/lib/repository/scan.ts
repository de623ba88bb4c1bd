// What is in a folder of models: NAME/VERSION/model.onnx or model.mjs, or NAME.onnx alone, which is version 1; and NAME/config.pbtxt, which says
// more of a model, or that it is an ensemble of others.
//
// The rule: nothing outside of the folder is read, also not through a link. A version is known by its files' names, sizes and times, so that
// one whose files were changed is loaded anew. A folder that cannot be read is told of, and is no other model's matter.

import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { TensorlaneError } from 'tensorlane';
import { configFile } from '../triton/config.js';
import type { ConfigReader, FoundConfig, ReadConfig } from './config.js';

export interface FoundVersion {
  readonly file: string;
  /** Other than before where any of its files is. */
  readonly fingerprint: string;
  /** Why it cannot be loaded. */
  readonly problem?: TensorlaneError;
  /** What the model's config.pbtxt says. */
  readonly config?: FoundConfig;
}

export type FoundVersions = ReadonlyMap<number, FoundVersion>;

/** Of which a version has one; the first that is there. */
const modelFiles = ['model.onnx', 'model.mjs'];
/** More files than any version of a model has are no model. */
const mostFiles = 10_000;

/** Models by name. */
export interface Scan {
  readonly found: Map<string, FoundVersions>;
  /** Of those that are there, or are to be, but cannot be read: why. */
  readonly unreadable: Map<string, TensorlaneError>;
}

/** What a file system puts into its root by itself, and lets nobody read. */
const noModel = 'lost+found';

/** All models of a folder. Errors: those of the file system, where the folder itself cannot be read. */
export async function scanRepository(folder: string, configs: ConfigReader): Promise<Scan> {
  const root = await realpath(folder);
  const found = new Map<string, FoundVersions>();
  const unreadable = new Map<string, TensorlaneError>();
  const entries = (await readdir(root, { withFileTypes: true })).filter(
    ({ name }) => !name.startsWith('.') && name !== noModel,
  );
  for (const entry of entries) {
    const name = entry.name.endsWith('.onnx') ? entry.name.slice(0, -'.onnx'.length) : '';
    if (name === '' || (await kindOf(root, entry)) !== 'file') continue;
    const config = await configs.read(name, undefined, root);
    found.set(name, new Map([[1, configured(await bareFile(root, entry.name), config)]]));
  }
  for (const entry of entries) {
    if ((await kindOf(root, entry)) !== 'folder') continue;
    const inside = path.join(root, entry.name);
    try {
      const versions = await scanVersions(entry.name, inside, configs, root);
      if (versions.size > 0) found.set(entry.name, versions);
    } catch (error) {
      // One that went since its name was read is not there.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        unreadable.set(entry.name, unreadableFolder(inside, error));
    }
  }
  return { found, unreadable };
}

export function unreadableFolder(folder: string, error: unknown): TensorlaneError {
  return new TensorlaneError('ERR_ARGUMENT', `${folder} cannot be read: ${(error as Error).message}`, { cause: error });
}

/**
 * The versions in a model's folder, with its configuration. `root`: what nothing leads out of; the folder itself by default. Errors: those of
 * the file system, where the folder cannot be read.
 */
export async function scanVersions(
  model: string,
  folder: string,
  configs: ConfigReader,
  root?: string,
): Promise<FoundVersions> {
  const within = await realpath(root ?? folder);
  const config = await configs.read(model, folder, within);
  const versions = new Map<number, FoundVersion>();
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const version = /^\d{1,15}$/.test(entry.name) ? Number(entry.name) : 0;
    if (version < 1 || (await kindOf(folder, entry)) !== 'folder') continue;
    const found = await versionFolder(path.join(folder, entry.name), within, config);
    if (found !== undefined) versions.set(version, found);
  }
  // An ensemble needs no files, and what cannot be read is told of.
  if (versions.size === 0 && config !== undefined && (isEnsemble(config) || config.problem !== undefined)) {
    versions.set(1, configured({ file: path.join(folder, configFile), fingerprint: '' }, config));
  }
  return versions;
}

const isEnsemble = ({ found }: ReadConfig) => found?.config.ensemble_scheduling !== undefined;

async function versionFolder(
  folder: string,
  root: string,
  config: ReadConfig | undefined,
): Promise<FoundVersion | undefined> {
  if (config !== undefined && isEnsemble(config)) return configured({ file: folder, fingerprint: '' }, config);
  const wanted = config?.found?.config.default_model_filename || undefined;
  let file = folder;
  try {
    const names = (await readdir(folder, { recursive: true })).sort();
    const name = (wanted === undefined ? modelFiles : [wanted]).find((one) => names.includes(one));
    if (name === undefined) return undefined;
    file = path.join(folder, name);
    if (names.length > mostFiles) return broken(file, `it has ${names.length} files`);
    return configured(await found(file, root, folder, names), config);
  } catch (error) {
    return broken(file, (error as Error).message);
  }
}

/** With what the configuration says, of which it is a part. */
function configured(version: FoundVersion, config: ReadConfig | undefined): FoundVersion {
  if (config === undefined) return version;
  const { fingerprint, found, problem } = config;
  return {
    ...version,
    fingerprint: `${version.fingerprint}\n${configFile} ${fingerprint}`,
    ...(found === undefined ? {} : { config: found }),
    ...(problem === undefined || version.problem !== undefined ? {} : { problem }),
  };
}

async function bareFile(root: string, name: string): Promise<FoundVersion> {
  const file = path.join(root, name);
  try {
    // Weights beside it begin with its name, as exporters have it.
    const beside = (await readdir(root)).filter((other) => other.startsWith(name)).sort();
    return await found(file, root, root, beside);
  } catch (error) {
    return broken(file, (error as Error).message);
  }
}

async function found(file: string, root: string, folder: string, names: readonly string[]): Promise<FoundVersion> {
  const parts: string[] = [];
  for (const name of names) {
    const real = await realpath(path.join(folder, name));
    if (real !== root && !real.startsWith(root + path.sep)) {
      return broken(file, `${path.join(folder, name)} leads out of ${root}`);
    }
    const { size, mtimeMs, ino } = await stat(real);
    parts.push(`${name} ${size} ${mtimeMs} ${ino}`);
  }
  return { file, fingerprint: parts.join('\n') };
}

function broken(file: string, why: string): FoundVersion {
  const problem = new TensorlaneError('ERR_ARGUMENT', `${file} cannot be served: ${why}`);
  return { file, fingerprint: problem.message, problem };
}

/** Of what a link leads to, where it is one. */
async function kindOf(folder: string, entry: Dirent): Promise<'file' | 'folder' | undefined> {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  if (!entry.isSymbolicLink()) return undefined;
  const target = await stat(path.join(folder, entry.name)).catch(() => undefined);
  return target?.isFile() ? 'file' : target?.isDirectory() ? 'folder' : undefined;
}

// Models that calls bring: a configuration in place of the one in the model's folder, and files in place of the folder itself.
//
// The rule: files lie in a folder of their own, which only this process's user reads, until they are no longer served; they are data, and no code
// comes so.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { objectOf, shown, wrongOption } from '../core/options.js';
import { givenSource, parseConfig, type TritonConfig } from '../triton/config.js';
import { linalgNames } from './linalg.js';

export interface GivenModel {
  /** As Triton's JSON has it, or as text protobuf. */
  readonly config: string;
  /** By their paths in the model's folder: '1/model.onnx'. By default what the repository has of the model. */
  readonly files?: Readonly<Record<string, Uint8Array>> | undefined;
}

const names: Readonly<Record<keyof GivenModel, true>> = { config: true, files: true };
/** More than any model has. */
const mostFiles = 1000;
const mostDepth = 8;

/** Errors: ERR_ARGUMENT. */
export function requireGiven(model: string, given: GivenModel): void {
  const { config, files = {} } = objectOf('load', given, names);
  if (linalgNames.includes(model)) throw wrongOption(`load: '${model}' is the server's own`);
  if (typeof config !== 'string') throw wrongOption(`load: config must be text, got ${shown(config)}`);
  const entries = Object.entries(files);
  if (entries.length > mostFiles)
    throw wrongOption(`load: ${entries.length} files were given; ${mostFiles} are the most`);
  for (const [name, bytes] of entries) {
    if (!(bytes instanceof Uint8Array)) throw wrongOption(`load: the file ${shown(name)} must be bytes`);
    requirePath(name);
  }
}

/** Errors: ERR_ARGUMENT: not within the model's folder, or code. */
function requirePath(name: string): void {
  const segments = name.split('/');
  const isWithin = segments.every((one) => /^[^\0\\]{1,200}$/.test(one) && one !== '.' && one !== '..');
  if (!isWithin || segments.length > mostDepth) {
    throw wrongOption(`load: a file's path is within the model's folder, as '1/model.onnx'; got ${shown(name)}`);
  }
  if (/\.[cm]?js$/i.test(name)) throw wrongOption(`load: ${shown(name)} is code, which is not taken from calls`);
}

export class Given {
  readonly config: TritonConfig;
  /** undefined: the repository's. */
  readonly folder: string | undefined;

  private constructor(config: TritonConfig, folder: string | undefined) {
    this.config = config;
    this.folder = folder;
  }

  /** Of what `requireGiven` has passed. Errors: ERR_ARGUMENT (the configuration); those of the file system. */
  static async keep(model: string, { config, files }: GivenModel): Promise<Given> {
    const parsed = parseConfig(config, givenSource(model));
    if (files === undefined) return new Given(parsed, undefined);
    const folder = await mkdtemp(path.join(tmpdir(), 'tensorlane-model-'));
    const given = new Given(parsed, folder);
    try {
      for (const [name, bytes] of Object.entries(files)) {
        const file = path.join(folder, name);
        await mkdir(path.dirname(file), { recursive: true });
        await writeFile(file, bytes);
      }
    } catch (error) {
      await given.remove();
      throw error;
    }
    return given;
  }

  /** When it is not served any more: what is loaded needs its files no longer. */
  async remove(): Promise<void> {
    if (this.folder !== undefined) await rm(this.folder, { recursive: true, force: true });
  }
}

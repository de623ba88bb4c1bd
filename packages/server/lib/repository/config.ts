// The config.pbtxt of models' folders, as the folders are looked at.
//
// The rule: it is read anew when it changes, and no sooner; and so is what it names beside itself: labels, warm-up data, initial states. One that
// a call has given stands above it.

import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { TensorlaneError } from 'tensorlane';
import { configFile, givenSource, parseConfig, type TritonConfig } from '../triton/config.js';
import { fileWithin } from './within.js';

/** More text than any configuration is. */
const mostBytes = 2 ** 20;

/** A configuration, and where it lies. */
export interface FoundConfig {
  readonly config: TritonConfig;
  /** What it is called in messages: its file. */
  readonly source: string;
  /** The model's. */
  readonly folder: string;
  /** What nothing leads out of. */
  readonly root: string;
}

export interface ReadConfig {
  /** Other than before where it, or what it names, is. */
  readonly fingerprint: string;
  readonly found?: FoundConfig;
  /** Why it cannot be read. */
  readonly problem?: TensorlaneError;
}

interface Cached {
  readonly fingerprint: string;
  readonly config: TritonConfig;
}

export class ConfigReader {
  readonly #cache = new Map<string, Cached>();
  readonly #given = new Map<string, Cached>();

  /** From now on a model has this one, whatever lies in its folder; undefined: what lies there. */
  give(model: string, config: TritonConfig | undefined): void {
    if (config === undefined) this.#given.delete(model);
    else this.#given.set(model, { config, fingerprint: hashOf(JSON.stringify(config)) });
  }

  /** Of a model, which has a folder or lies in `root` itself; undefined, where it has none. Never rejects. */
  async read(model: string, folder: string | undefined, root: string): Promise<ReadConfig | undefined> {
    const given = this.#given.get(model);
    if (given !== undefined) return completed(given, givenSource(model), folder ?? root, root);
    return folder === undefined ? undefined : this.#inFolder(folder, root);
  }

  async #inFolder(folder: string, root: string): Promise<ReadConfig | undefined> {
    const file = path.join(folder, configFile);
    let fingerprint = '';
    try {
      const isThere = await stat(file).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
        throw error;
      });
      if (isThere === undefined) {
        this.#cache.delete(file);
        return undefined;
      }
      const real = await fileWithin(root, folder, configFile);
      fingerprint = await printOf(real);
      const config = await this.#parsed(file, real, fingerprint);
      return completed({ config, fingerprint }, file, folder, root);
    } catch (error) {
      return broken(error, file, fingerprint);
    }
  }

  async #parsed(file: string, real: string, fingerprint: string): Promise<TritonConfig> {
    const known = this.#cache.get(file);
    if (known?.fingerprint === fingerprint) return known.config;
    const bytes = await readFile(real);
    if (bytes.length > mostBytes) {
      throw new TensorlaneError('ERR_ARGUMENT', `${file} has more than ${mostBytes} bytes`);
    }
    const config = parseConfig(bytes.toString('utf8'), file);
    this.#cache.set(file, { fingerprint, config });
    return config;
  }
}

/** With the files that it names. */
async function completed(
  { config, fingerprint }: Cached,
  source: string,
  folder: string,
  root: string,
): Promise<ReadConfig> {
  try {
    const beside = await Promise.all(
      filesOf(config).map(async (name) => `${name} ${await printOf(await fileWithin(root, folder, name))}`),
    );
    return { fingerprint: [fingerprint, ...beside].join('\n'), found: { config, source, folder, root } };
  } catch (error) {
    return broken(error, source, fingerprint);
  }
}

function broken(error: unknown, source: string, fingerprint: string): ReadConfig {
  const problem =
    error instanceof TensorlaneError
      ? error
      : new TensorlaneError('ERR_ARGUMENT', `${source} cannot be read: ${(error as Error).message}`);
  return { fingerprint: `${fingerprint}\n${problem.message}`, problem };
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

async function printOf(file: string): Promise<string> {
  const { size, mtimeMs, ino } = await stat(file);
  return `${size} ${mtimeMs} ${ino}`;
}

/** Beside it, in the model's folder. */
function filesOf({ output, model_warmup: warmups, sequence_batching: sequences }: TritonConfig): string[] {
  const labels = output.map((one) => one.label_filename);
  const warm = warmups.flatMap(({ inputs }) =>
    Object.values(inputs).map(({ input_data_file: file }) => (file ? `${warmupFolder}/${file}` : '')),
  );
  const initial = (sequences?.state ?? []).flatMap((state) =>
    state.initial_state.map(({ data_file: file }) => (file ? `${initialStateFolder}/${file}` : '')),
  );
  return [...labels, ...warm, ...initial].filter((name) => name !== '');
}

export const warmupFolder = 'warmup';
export const initialStateFolder = 'initial_state';

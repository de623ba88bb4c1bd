// The config.pbtxt of models' folders, as the folders are looked at.
//
// The rule: it is read anew when it changes, and no sooner; and so is what it names beside itself: labels, warm-up data, initial states.

import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { TensorlaneError } from 'tensorlane';
import { configFile, parseConfig, type TritonConfig } from '../triton/config.js';
import { fileWithin } from './within.js';

/** More text than any configuration is. */
const mostBytes = 2 ** 20;

/** A configuration, and where it lies. */
export interface FoundConfig {
  readonly config: TritonConfig;
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

  /** Of a model's folder; undefined, where it has none. Never rejects. */
  async read(folder: string, root: string): Promise<ReadConfig | undefined> {
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
      const beside = await Promise.all(
        filesOf(config).map(async (name) => `${name} ${await printOf(await fileWithin(root, folder, name))}`),
      );
      return { fingerprint: [fingerprint, ...beside].join('\n'), found: { config, folder, root } };
    } catch (error) {
      const problem =
        error instanceof TensorlaneError
          ? error
          : new TensorlaneError('ERR_ARGUMENT', `${file} cannot be read: ${(error as Error).message}`);
      return { fingerprint: `${fingerprint}\n${problem.message}`, problem };
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

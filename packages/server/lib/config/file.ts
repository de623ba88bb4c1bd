// A configuration file of our own: what `serve` takes, as JSON, or as the default export of a module.
//
// The rule: its paths are relative to it, wherever the command is run.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { TensorlaneError } from 'tensorlane';
import { wrongOption } from '../core/options.js';
import type { ModelConfig } from '../engine/options.js';
import type { ServerOptions } from '../server.js';

/** Gives the options their types, in a configuration file: `export default defineConfig({ ... })`. */
export function defineConfig(options: ServerOptions): ServerOptions {
  return options;
}

/** Errors: ERR_ARGUMENT, with the file and what is wrong in it. */
export async function readConfigFile(file: string): Promise<ServerOptions> {
  const options = await read(path.resolve(file));
  if (Object.prototype.toString.call(options) !== '[object Object]') {
    throw wrongOption(
      `${file} must have the options of a server as its ${file.endsWith('.json') ? 'content' : 'default export'}`,
    );
  }
  const { repository, models, tls, auth, load, trace } = options;
  const resolved = (folder: string) => path.resolve(path.dirname(file), folder);
  const placed = ([name, model]: [string, ModelConfig]) => {
    const folder = typeof model?.folder === 'string' ? { folder: resolved(model.folder) } : {};
    const isObject = typeof model === 'object' && model !== null;
    return [name, isObject ? { ...model, ...folder, ...placedFiles('load', model.load, ['tuned'], resolved) } : model];
  };
  return {
    ...options,
    ...(typeof repository === 'string' ? { repository: resolved(repository) } : {}),
    ...placedFiles('load', load, ['tuned'], resolved),
    ...placedFiles('trace', trace, ['file'], resolved),
    ...placedFiles('tls', tls, ['cert', 'key', 'ca'], resolved),
    ...(auth === undefined
      ? {}
      : {
          auth: {
            ...auth,
            ...placedFiles('inference', auth.inference, ['tokenFile'], resolved),
            ...placedFiles('control', auth.control, ['tokenFile'], resolved),
          },
        }),
    ...(models === undefined ? {} : { models: Object.fromEntries(Object.entries(models).map(placed)) }),
  };
}

async function read(file: string): Promise<ServerOptions> {
  try {
    if (file.endsWith('.json')) return JSON.parse(readFileSync(file, 'utf8')) as ServerOptions;
    const module = (await import(pathToFileURL(file).href)) as { default?: ServerOptions };
    return module.default!;
  } catch (cause) {
    const isUnknown = (cause as { code?: string }).code === 'ERR_UNKNOWN_FILE_EXTENSION';
    const help = isUnknown
      ? '; this Node.js reads no TypeScript: 22.18 and later do, or start it with --import tsx'
      : '';
    throw new TensorlaneError('ERR_ARGUMENT', `${file} cannot be read: ${(cause as Error).message}${help}`, { cause });
  }
}

/** The object of that name, with its files placed; what else is wrong with it is told where it is used. */
function placedFiles(
  name: string,
  given: unknown,
  files: readonly string[],
  resolved: (file: string) => string,
): object {
  if (typeof given !== 'object' || given === null) return given === undefined ? {} : { [name]: given };
  const placed = Object.entries(given).map(([key, value]) => [
    key,
    files.includes(key) && typeof value === 'string' ? resolved(value) : value,
  ]);
  return { [name]: Object.fromEntries(placed) };
}

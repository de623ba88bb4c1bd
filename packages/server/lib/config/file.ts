// A configuration file of our own: what `serve` takes, as JSON, or as the default export of a module.
//
// The rule: its paths are relative to it, wherever the command is run.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { TensorlaneError } from 'tensorlane';
import { wrongOption } from '../core/options.js';
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
  const folder = path.dirname(file);
  return paths.reduce((all, [where, place]) => at(all, where.split('.'), (given) => place(folder, given)), options);
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

type Place = (folder: string, given: string) => string;

const file: Place = (folder, given) => path.resolve(folder, given);
/** Of the options of loading that are `where`. */
const ofLoading = (where: string): [string, Place][] =>
  ['tuned', 'session.customOpsLibraries.*', 'session.optimizedModelFilePath', 'session.profileFilePrefix'].map(
    (name) => [`${where}.${name}`, file],
  );
const socket: Place = (folder, given) =>
  given.startsWith('unix:') ? `unix:${path.resolve(folder, given.slice('unix:'.length))}` : given;

/** Where paths are, by the names of options; '*' is any. */
const paths: readonly (readonly [string, Place])[] = [
  ['repository', file],
  ['models.*.folder', file],
  ...ofLoading('models.*.load'),
  ...ofLoading('load'),
  ['device.onnxruntime', (folder, given) => (given === 'newest' ? given : file(folder, given))],
  ['device.onnxruntimeProviders', file],
  ['http', socket],
  ['grpc', socket],
  ['trace.file', file],
  ...['cert', 'key', 'ca'].map((name) => [`tls.${name}`, file] as const),
  ...['inference', 'control'].map((kind) => [`auth.${kind}.tokenFile`, file] as const),
];

/** With what is there, if it is text, as `change` has it. What else is wrong with it is told where it is used, and an open device is not taken apart. */
function at<T>(value: T, [name, ...rest]: readonly string[], change: (given: string) => string): T {
  if (name === undefined) return typeof value === 'string' ? (change(value) as T) : value;
  if (Array.isArray(value)) return name === '*' ? (value.map((one) => at(one, rest, change)) as T) : value;
  if (!isPlain(value)) return value;
  const entries = Object.entries(value).map(([key, one]) => [
    key,
    name === '*' || name === key ? at(one, rest, change) : one,
  ]);
  return Object.fromEntries(entries) as T;
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

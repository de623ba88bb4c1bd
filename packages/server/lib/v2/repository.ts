// The index of models, and their loading and unloading by calls.

import { TensorlaneError } from 'tensorlane';
import { invalid, Refusal, told } from '../core/errors.js';
import type { Engine, ModelReference } from '../engine/engine.js';
import type { GivenModel } from '../engine/given.js';
import type { VersionStatus } from '../engine/versions.js';
import { type Answer, type Exchange, emptyAnswer, jsonAnswer } from '../http/exchange.js';
import { bytesOfLongBase64 } from '../json/base64.js';
import { takeLongStrings } from '../json/long-strings.js';
import { isObject, type JsonObject } from '../json/parse.js';
import { none, objectIn, objectOf } from './parameters.js';

const stateNames = {
  START: 'LOADING',
  LOADING: 'LOADING',
  AVAILABLE: 'READY',
  UNLOADING: 'UNLOADING',
  END: 'UNAVAILABLE',
} as const;

export async function repositoryIndex(engine: Engine, exchange: Exchange): Promise<Answer> {
  const { ready } = await objectIn(exchange);
  if (ready !== undefined && typeof ready !== 'boolean') throw invalid("'ready' must be true or false");
  return jsonAnswer(200, indexEntries(engine, ready === true));
}

/** Of every version, or of those that are served. */
export function indexEntries(engine: Engine, readyAlone: boolean) {
  const entries = engine
    .status()
    .flatMap(({ name, versions }) => (versions.length > 0 ? versions.map((one) => entry(name, one)) : [{ name }]));
  return readyAlone ? entries.filter((one) => 'state' in one && one.state === 'READY') : entries;
}

function entry(name: string, { version, state, error }: VersionStatus) {
  const unloaded = state === 'END' ? { reason: 'unloaded' } : {};
  const reason = error === undefined ? unloaded : { reason: told(error).message };
  return { name, version: String(version), state: stateNames[state], ...reason };
}

export async function controlModel(
  what: 'load' | 'unload',
  engine: Engine,
  exchange: Exchange,
  { name }: ModelReference,
): Promise<Answer> {
  engine.requireControl();
  const parameters = await parametersOf(await exchange.body());
  await control(what, engine, name, parameters, (called, value) => {
    if (typeof value !== 'string' && !(value instanceof Uint8Array)) throw invalid(`${called} must be base64`);
    return bytesOfLongBase64(called, value);
  });
  return emptyAnswer(200);
}

/** Files may be the bytes of their base64. Errors: INVALID_ARGUMENT. */
async function parametersOf(body: Uint8Array): Promise<Readonly<Record<string, unknown>>> {
  const { outline, strings } = await takeLongStrings(body);
  if (strings.size > 0) {
    const parameters = await objectOf(outline, none).then(parametersIn, () => ({}));
    const isFile = ([key, value]: [string, unknown]) => key.startsWith(filePrefix) && strings.has(value as string);
    const files = Object.entries(parameters).filter(isFile);
    if (files.length === strings.size) {
      return { ...parameters, ...Object.fromEntries(files.map(([key, name]) => [key, strings.get(name as string)])) };
    }
  }
  // Where they are anything else, or the body is wrong, that is told of the body as it came.
  return parametersIn(await objectOf(body, none));
}

function parametersIn({ parameters = {} }: JsonObject): JsonObject {
  if (isObject(parameters)) return parameters;
  throw invalid("'parameters' must be an object");
}

/** `bytesOf`: how this protocol has a file. Errors: those of `engine.load` and `unload`; INVALID_ARGUMENT, UNIMPLEMENTED. */
export async function control(
  what: 'load' | 'unload',
  engine: Engine,
  model: string,
  parameters: Readonly<Record<string, unknown>>,
  bytesOf: (called: string, value: unknown) => Uint8Array | Promise<Uint8Array>,
): Promise<void> {
  const unknown = Object.keys(parameters).find((key) =>
    what === 'load' ? key !== 'config' && !key.startsWith(filePrefix) : key !== 'unload_dependents',
  );
  if (unknown !== undefined) {
    throw new Refusal('UNIMPLEMENTED', `${what} does not take the parameter '${unknown.slice(0, 100)}'`);
  }
  if (what === 'load') return load(engine, model, await givenIn(parameters, bytesOf));
  const { unload_dependents: dependents } = parameters;
  if (dependents !== undefined && typeof dependents !== 'boolean') {
    throw invalid("parameter 'unload_dependents' must be true or false");
  }
  return engine.unload(model, { dependents });
}

/** What fails is told in Triton's words, which its clients look for. */
async function load(engine: Engine, model: string, given: GivenModel | undefined): Promise<void> {
  try {
    await engine.load(model, given);
  } catch (cause) {
    if (!(cause instanceof TensorlaneError)) throw cause;
    const message = `failed to load '${model.slice(0, 200)}': ${cause.message}`;
    throw new TensorlaneError(cause.code, message, { cause });
  }
}

const filePrefix = 'file:';

/** Paths of files begin at the model's folder. */
async function givenIn(
  parameters: Readonly<Record<string, unknown>>,
  bytesOf: (called: string, value: unknown) => Uint8Array | Promise<Uint8Array>,
): Promise<GivenModel | undefined> {
  const { config, ...rest } = parameters;
  const files: [string, Uint8Array][] = [];
  for (const [key, value] of Object.entries(rest)) {
    files.push([key.slice(filePrefix.length), await bytesOf(`parameter '${key.slice(0, 100)}'`, value)]);
  }
  if (config === undefined && files.length === 0) return undefined;
  if (config === undefined) throw invalid("files of a model come with the parameter 'config'");
  if (typeof config !== 'string') throw invalid("parameter 'config' must be text");
  return { config, ...(files.length === 0 ? {} : { files: Object.fromEntries(files) }) };
}

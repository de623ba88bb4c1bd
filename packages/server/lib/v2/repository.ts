// The index of models, and their loading and unloading by calls.

import { invalid, Refusal, told } from '../core/errors.js';
import type { Engine, ModelReference } from '../engine/engine.js';
import type { VersionStatus } from '../engine/versions.js';
import { type Answer, type Exchange, emptyAnswer, jsonAnswer } from '../http/exchange.js';
import { isObject } from '../json/parse.js';
import { objectIn } from './parameters.js';

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
  const { parameters = {} } = await objectIn(exchange);
  if (!isObject(parameters)) throw invalid("'parameters' must be an object");
  const unknown = Object.keys(parameters).find((key) => what === 'load' || key !== 'unload_dependents');
  if (unknown !== undefined) {
    throw new Refusal('UNIMPLEMENTED', `${what} does not take the parameter '${unknown.slice(0, 100)}'`);
  }
  const { unload_dependents: dependents } = parameters;
  if (dependents !== undefined && typeof dependents !== 'boolean') {
    throw invalid("parameter 'unload_dependents' must be true or false");
  }
  if (what === 'load') await engine.load(name);
  else await engine.unload(name, { dependents });
  return emptyAnswer(200);
}

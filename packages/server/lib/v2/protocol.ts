// The Open Inference Protocol v2 with Triton's extensions, over REST: which path and verb is answered by what.
//
// The rule: a failure is { "error": message } with the status that the one table of errors has for it; and nothing is thrown past here.

import { codeHeader, microsHeader, Refusal, statuses, type Told, told } from '../core/errors.js';
import type { Engine, ModelReference } from '../engine/engine.js';
import { type Answer, type Exchange, emptyAnswer, jsonAnswer, type Protocol, retryAfter } from '../http/exchange.js';
import { modelConfig } from '../triton/answer.js';
import { generate, generateStream } from './generate.js';
import { infer } from './infer.js';
import { modelMetadata, serverMetadata } from './metadata.js';
import { versionOf } from './parameters.js';
import { controlModel, repositoryIndex } from './repository.js';
import { sharedMemoryHandler } from './shared-memory.js';
import { modelStatistics } from './statistics.js';

type Handler = (engine: Engine, exchange: Exchange, model: ModelReference) => Answer | Promise<Answer>;

interface Route {
  readonly method: 'GET' | 'POST';
  /** Segments after /v2; those of a model begin after its name and version. */
  readonly path: string;
  readonly handler: Handler;
}

const ofServer: readonly Route[] = [
  { method: 'GET', path: '', handler: () => jsonAnswer(200, serverMetadata()) },
  { method: 'GET', path: 'health/live', handler: () => emptyAnswer(200) },
  { method: 'GET', path: 'health/ready', handler: (engine) => emptyAnswer(engine.ready ? 200 : 400) },
  { method: 'GET', path: 'models/stats', handler: (engine) => jsonAnswer(200, modelStatistics(engine, undefined)) },
  { method: 'POST', path: 'repository/index', handler: repositoryIndex },
];

const ofModel: readonly Route[] = [
  { method: 'GET', path: '', handler: (engine, _, model) => jsonAnswer(200, modelMetadata(engine, model)) },
  { method: 'GET', path: 'ready', handler: (engine, _, model) => emptyAnswer(isReady(engine, model) ? 200 : 400) },
  { method: 'GET', path: 'config', handler: (engine, _, model) => jsonAnswer(200, modelConfig(engine.resolve(model))) },
  { method: 'GET', path: 'stats', handler: (engine, _, model) => jsonAnswer(200, modelStatistics(engine, model)) },
  { method: 'POST', path: 'infer', handler: infer },
  { method: 'POST', path: 'generate', handler: generate },
  { method: 'POST', path: 'generate_stream', handler: generateStream },
];

export function openInference(engine: Engine): Protocol {
  return (exchange) => {
    const segments = exchange.path.split('/');
    return segments[0] === '' && segments[1] === 'v2' ? answer(engine, exchange, segments.slice(2)) : undefined;
  };
}

async function answer(engine: Engine, exchange: Exchange, segments: readonly string[]): Promise<Answer> {
  try {
    const { routes, path, model } = placeOf(segments);
    const there = routes.filter((route) => route.path === path);
    if (there.length === 0) throw new Refusal('NOT_FOUND', 'there is nothing at this path');
    const method = exchange.method === 'HEAD' ? 'GET' : exchange.method;
    const route = there.find((one) => one.method === method);
    if (route !== undefined) return await route.handler(engine, exchange, model);
    const allow = there.map((one) => one.method).join(', ');
    return jsonAnswer(405, { error: `this path takes ${allow}` }, { allow });
  } catch (error) {
    const failure = told(error);
    const status = failure.http ?? statuses[failure.status].v2;
    const headers = { ...codeHeaders(failure), ...retryAfter(failure.retryAfterMicros, status) };
    return jsonAnswer(status, { error: failure.message }, headers);
  }
}

/** The library's own code and time, for our own client. */
function codeHeaders({ code, retryAfterMicros }: Told): Record<string, string> {
  return {
    ...(code === undefined ? {} : { [codeHeader]: code }),
    ...(retryAfterMicros === undefined ? {} : { [microsHeader]: String(retryAfterMicros) }),
  };
}

interface Place {
  readonly routes: readonly Route[];
  readonly path: string;
  readonly model: ModelReference;
}

const noModel: ModelReference = { name: '' };

function placeOf(segments: readonly string[]): Place {
  if (segments[0] === 'repository' && segments[1] === 'models' && segments.length === 4) {
    const path = segments[3]!;
    return { routes: control, path, model: { name: decoded(segments[2]!) } };
  }
  const memory = /^(system|cuda)sharedmemory$/.exec(segments[0] ?? '');
  if (memory !== null) return regionPlace(memory[1] as 'system' | 'cuda', segments.slice(1));
  if (segments[0] !== 'models' || segments.length < 2 || segments.join('/') === 'models/stats') {
    return { routes: ofServer, path: segments.join('/'), model: noModel };
  }
  const name = decoded(segments[1]!);
  if (segments[2] !== 'versions' || segments.length < 4) {
    return { routes: ofModel, path: segments.slice(2).join('/'), model: { name } };
  }
  return { routes: ofModel, path: segments.slice(4).join('/'), model: { name, version: versionOf(segments[3]!) } };
}

/** [region/R/]WHAT */
function regionPlace(kind: 'system' | 'cuda', segments: readonly string[]): Place {
  const region = segments[0] === 'region' && segments.length === 3 ? decoded(segments[1]!) : undefined;
  const path = region === undefined ? segments.join('/') : segments[2]!;
  const handler = sharedMemoryHandler(kind, path, region);
  const routes: Route[] = [
    { method: 'GET', path: 'status', handler },
    { method: 'POST', path: 'unregister', handler },
    ...(region === undefined ? [] : [{ method: 'POST', path: 'register', handler } as const]),
  ];
  return { routes, path, model: noModel };
}

const control: readonly Route[] = [
  { method: 'POST', path: 'load', handler: (...request) => controlModel('load', ...request) },
  { method: 'POST', path: 'unload', handler: (...request) => controlModel('unload', ...request) },
];

/** Every route, its path with what is free of it in braces. */
export const v2Routes: readonly { readonly method: 'GET' | 'POST'; readonly path: string }[] = [
  ...ofServer.map(({ method, path }) => ({ method, path: path === '' ? '/v2' : `/v2/${path}` })),
  ...['', '/versions/{version}'].flatMap((version) =>
    ofModel.map(({ method, path }) => ({
      method,
      path: `/v2/models/{model}${version}${path === '' ? '' : `/${path}`}`,
    })),
  ),
  ...control.map(({ method, path }) => ({ method, path: `/v2/repository/models/{model}/${path}` })),
];

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new Refusal('INVALID_ARGUMENT', 'the path has a broken percent-encoding');
  }
}

/** Errors: NOT_FOUND, of a model that there is not. */
function isReady(engine: Engine, model: ModelReference): boolean {
  const [status] = engine.status(model.name);
  return status!.versions.some(({ version, state }) => state === 'AVAILABLE' && (model.version ?? version) === version);
}

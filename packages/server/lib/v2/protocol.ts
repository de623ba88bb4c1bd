// The Open Inference Protocol v2 with Triton's extensions, over REST: which path and verb is answered by what.
//
// The rule: a failure is { "error": message } with the status that the one table of errors has for it; and nothing is thrown past here.

import { Refusal } from '../core/errors.js';
import { placeOf } from '../core/routes.js';
import type { Engine, ModelReference } from '../engine/engine.js';
import { type Answer, type Exchange, emptyAnswer, jsonAnswer, type Protocol, wrongMethod } from '../http/exchange.js';
import type { LogSettings } from '../log/settings.js';
import { modelConfig } from '../triton/answer.js';
import { failureAnswer } from './failure.js';
import { generate, generateStream } from './generate.js';
import { infer } from './infer.js';
import { modelMetadata, serverMetadata } from './metadata.js';
import { versionOf } from './parameters.js';
import { controlModel, repositoryIndex } from './repository.js';
import { logHandler, traceHandler } from './settings.js';
import { sharedMemoryHandler } from './shared-memory.js';
import { modelStatistics } from './statistics.js';

type Handler = (
  engine: Engine,
  exchange: Exchange,
  /** Of no name, where the path has none. */
  model: ModelReference,
  region: string | undefined,
) => Answer | Promise<Answer>;

/** By method and path after /v2, without a version. */
function handlersOf(logging: LogSettings | undefined): Readonly<Record<string, Handler>> {
  const logs = logHandler(logging);
  const memory = (kind: 'system' | 'cuda'): Record<string, Handler> => {
    const handler = (what: 'status' | 'register' | 'unregister'): Handler => {
      return (engine, exchange, _, region) => sharedMemoryHandler(kind, what, region)(engine, exchange);
    };
    const own = `/${kind}sharedmemory`;
    return {
      [`GET ${own}/status`]: handler('status'),
      [`POST ${own}/unregister`]: handler('unregister'),
      [`GET ${own}/region/{region}/status`]: handler('status'),
      [`POST ${own}/region/{region}/register`]: handler('register'),
      [`POST ${own}/region/{region}/unregister`]: handler('unregister'),
    };
  };
  return {
    'GET ': () => jsonAnswer(200, serverMetadata()),
    'GET /health/live': () => emptyAnswer(200),
    'GET /health/ready': (engine) => emptyAnswer(engine.ready ? 200 : 400),
    'GET /models/stats': (engine) => jsonAnswer(200, modelStatistics(engine, undefined)),
    'GET /logging': logs,
    'POST /logging': logs,
    'GET /trace/setting': traceHandler,
    'POST /trace/setting': traceHandler,
    'GET /models/{model}/trace/setting': traceHandler,
    'POST /models/{model}/trace/setting': traceHandler,
    'POST /repository/index': repositoryIndex,
    'POST /repository/models/{model}/load': (engine, exchange, model) => controlModel('load', engine, exchange, model),
    'POST /repository/models/{model}/unload': (engine, exchange, model) =>
      controlModel('unload', engine, exchange, model),
    ...memory('system'),
    ...memory('cuda'),
    'GET /models/{model}': (engine, _, model) => jsonAnswer(200, modelMetadata(engine, model)),
    'GET /models/{model}/ready': (engine, _, model) => emptyAnswer(isReady(engine, model) ? 200 : 400),
    'GET /models/{model}/config': (engine, _, model) => jsonAnswer(200, modelConfig(engine.resolve(model))),
    'GET /models/{model}/stats': (engine, _, model) => jsonAnswer(200, modelStatistics(engine, model)),
    'POST /models/{model}/infer': infer,
    'POST /models/{model}/generate': generate,
    'POST /models/{model}/generate_stream': generateStream,
  };
}

export function openInference(engine: Engine, logging: LogSettings | undefined): Protocol {
  const handlers = handlersOf(logging);
  return (exchange) => {
    const { path } = exchange;
    return path === '/v2' || path.startsWith('/v2/') ? answer(engine, exchange, handlers) : undefined;
  };
}

async function answer(
  engine: Engine,
  exchange: Exchange,
  handlers: Readonly<Record<string, Handler>>,
): Promise<Answer> {
  try {
    const place = placeOf(exchange.path);
    if (place === undefined) throw new Refusal('NOT_FOUND', 'there is nothing at this path');
    const { model = '', version, region } = place.free;
    const reference = {
      name: decoded(model),
      ...(version === undefined ? {} : { version: versionOf(version) }),
    };
    const method = exchange.method === 'HEAD' ? 'GET' : exchange.method;
    const handler = handlers[`${method} ${place.path.slice('/v2'.length).replace('/versions/{version}', '')}`];
    if (handler !== undefined) {
      return await handler(engine, exchange, reference, region === undefined ? undefined : decoded(region));
    }
    return wrongMethod(place);
  } catch (error) {
    return failureAnswer(error);
  }
}

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

// The server as handlers: (req, res) for node:http and Express, and the web's fetch for Hono and others.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { flagOf, objectOf, shown, wrongOption } from '../core/options.js';
import { Engine } from '../engine/engine.js';
import { sendEvents } from './events.js';
import { leastUncopied, lengthOf } from './exchange.js';
import { checkLimits, type LimitOptions } from './limits.js';
import { pathOf } from './node.js';
import { Service } from './service.js';

export interface HandlerOptions {
  limits?: LimitOptions | undefined;
  /** Whether it answers at /metrics with what Prometheus scrapes; false by default. */
  metrics?: boolean | undefined;
  /** Whether it answers at /openapi.json with what it is; false by default. */
  openapi?: boolean | undefined;
  /** What paths begin with before those of the protocols, as '/models'. Express takes the place where a handler is used off by itself. */
  prefix?: string | undefined;
}

const names: Readonly<Record<keyof HandlerOptions, true>> = {
  limits: true,
  metrics: true,
  openapi: true,
  prefix: true,
};

export type NodeHandler = (request: IncomingMessage, response: ServerResponse, next?: () => void) => void;
export type FetchHandler = (request: Request) => Promise<Response>;

/** For node:http and Express: what is none of the protocols' goes to `next`, or is 404. Errors: ERR_ARGUMENT. */
export function createHandler(engine: Engine, options: HandlerOptions = {}): NodeHandler {
  const { service, prefix } = serviceOf(engine, options);
  return (request, response, next) => {
    const path = within(prefix, pathOf(request.url ?? '/'));
    if (next !== undefined && !service.owns(path)) {
      next();
      return;
    }
    void service.respond(request, response, path).then(({ status, headers, body, events }) => {
      if (events !== undefined) {
        response.writeHead(status, headers);
        return sendEvents(request, response, events, service);
      }
      const parts = typeof body === 'string' ? [Buffer.from(body)] : body;
      response.writeHead(status, { ...headers, 'content-length': lengthOf(parts) });
      response.cork();
      for (const part of parts) response.write(part);
      response.uncork();
      response.end();
      return undefined;
    });
  };
}

/** For Hono and others. Errors: ERR_ARGUMENT. */
export function createFetchHandler(engine: Engine, options: HandlerOptions = {}): FetchHandler {
  const { service, prefix } = serviceOf(engine, options);
  return async (request) => {
    const path = within(prefix, new URL(request.url).pathname);
    const { status, headers, body, events } = await service.respondToFetch(request, path);
    if (events !== undefined) return new Response(eventStream(events), { status, headers });
    if (typeof body === 'string') return new Response(body, { status, headers });
    const length = lengthOf(body);
    if (length < leastUncopied) return new Response(Buffer.concat(body), { status, headers });
    return new Response(streamOf(body), { status, headers: { ...headers, 'content-length': String(length) } });
  };
}

function eventStream(events: AsyncIterator<string | Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await events.next();
      if (done === true) controller.close();
      else controller.enqueue(typeof value === 'string' ? Buffer.from(value) : value);
    },
    async cancel() {
      await events.return?.();
    },
  });
}

/** Of the parts, from where they lie. */
function streamOf(body: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  const parts = body.values();
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const { value, done } = parts.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
  });
}

function serviceOf(engine: Engine, options: HandlerOptions) {
  if (!(engine instanceof Engine)) throw wrongOption(`a handler is of an Engine that runs, got ${shown(engine)}`);
  const { limits, metrics, openapi, prefix = '' } = objectOf('options', options, names);
  if (typeof prefix !== 'string' || !/^(\/[^?#]*[^/?#])?$/.test(prefix)) {
    throw wrongOption(`prefix must begin with '/' and not end with it, got ${shown(prefix)}`);
  }
  const own = { metrics: flagOf('metrics', metrics, false), openapi: flagOf('openapi', openapi, false) };
  return { service: new Service(engine, checkLimits(limits), own), prefix };
}

/** What is not within the prefix is none of the protocols'. */
function within(prefix: string, path: string): string {
  return path.startsWith(prefix) ? path.slice(prefix.length) : '';
}

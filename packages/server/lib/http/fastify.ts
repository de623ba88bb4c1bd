// The server as a plugin of fastify's: await app.register(tensorlane, { repository: './models' }).
//
// The rule: it has its own parser of bodies, its routes alone see it, and what the application has of parsers, hooks and routes stays.

import type { OutgoingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { flagOf, objectOf, wrongOption } from '../core/options.js';
import { Engine } from '../engine/engine.js';
import { type EngineOptions, engineOptionNames } from '../engine/options.js';
import { sendEvents } from './events.js';
import { leastUncopied, lengthOf } from './exchange.js';
import { checkLimits, type LimitOptions } from './limits.js';
import { pathOf } from './node.js';
import { Service } from './service.js';

export interface PluginOptions extends EngineOptions {
  /** One that is running already, which stays its owner's to close, in place of the options of one. */
  engine?: Engine | undefined;
  limits?: LimitOptions | undefined;
  /** Whether it answers at /metrics with what Prometheus scrapes; false by default, as the application may. */
  metrics?: boolean | undefined;
  /** Whether it answers at /openapi.json with what it is; false by default. */
  openapi?: boolean | undefined;
}

/** Errors: ERR_ARGUMENT, and those of `Engine.start`. */
export async function tensorlane(app: FastifyInstance, options: PluginOptions): Promise<void> {
  const { engine: given, limits: limitOptions, metrics, openapi, ...rest } = options;
  // Of fastify's own, for every plugin.
  const { prefix, logLevel, logSerializers, ...engineOptions } = rest as EngineOptions & Record<string, unknown>;
  const limits = checkLimits(limitOptions);
  if (given !== undefined && Object.keys(engineOptions).length > 0) {
    throw wrongOption(`an engine was given, which has options of its own: ${Object.keys(engineOptions).join(', ')}`);
  }
  objectOf('options', engineOptions, engineOptionNames);
  const engine = given ?? (await Engine.start(engineOptions));
  if (given === undefined) app.addHook('onClose', () => engine.close());
  const own = { metrics: flagOf('metrics', metrics, false), openapi: flagOf('openapi', openapi, false) };
  mount(app, new Service(engine, limits, own), typeof prefix === 'string' ? prefix : '');
}

const asItIs = (text: unknown) => text as string;

/** What is large is sent from where it lies. */
function sendable(body: readonly Uint8Array[], reply: FastifyReply): Uint8Array | Readable {
  if (body.length === 1) return body[0]!;
  const length = lengthOf(body);
  if (length < leastUncopied) return Buffer.concat(body);
  reply.header('content-length', length);
  return Readable.from(body, { objectMode: false });
}

/** To be called in a scope of its own: it has one parser of bodies, which reads nothing. `all`: also what is nobody's is its to answer. */
export function mount(app: FastifyInstance, service: Service, prefix: string, { all = false } = {}): void {
  app.removeAllContentTypeParsers();
  // The body is read when it is known whose it is, and that there is room for it.
  app.addContentTypeParser('*', (_request, _body, done) => done(null));
  app.addHook('preClose', async () => service.retire());
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const path = pathOf(request.raw.url ?? '/').slice(prefix.length);
    const { status, headers, body, events } = await service.respond(request.raw, reply.raw, path);
    if (events !== undefined) {
      reply.hijack();
      reply.raw.writeHead(status, { ...(reply.getHeaders() as OutgoingHttpHeaders), ...headers });
      return sendEvents(request.raw, reply.raw, events, service);
    }
    // As the protocols have it: fastify would say of some JSON, and not of all, in what charset it is.
    reply.code(status).headers(headers).serializer(asItIs);
    const sent = reply.send(typeof body === 'string' ? body : sendable(body, reply));
    // It is a promise of all bytes being sent, which is only waited for where none of them are yet: fastify would take it for unanswered.
    return typeof body !== 'string' && lengthOf(body) >= leastUncopied ? sent : undefined;
  };
  if (all) app.setNotFoundHandler(handler);
  const paths = ['/v2', '/v2/*', '/v1/*', '/V1/*', ...service.ownPaths];
  for (const url of paths) {
    app.route({ method: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'], url, handler });
  }
}

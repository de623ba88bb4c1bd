// The server as a plugin of fastify's: await app.register(tensorlane, { repository: './models' }).
//
// The rule: it has its own parser of bodies, its routes alone see it, and what the application has of parsers, hooks and routes stays.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { flagOf, objectOf, wrongOption } from '../core/options.js';
import { Engine } from '../engine/engine.js';
import { type EngineOptions, engineOptionNames } from '../engine/options.js';
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

/** To be called in a scope of its own: it has one parser of bodies, which reads nothing. */
export function mount(app: FastifyInstance, service: Service, prefix: string): void {
  app.removeAllContentTypeParsers();
  // The body is read when it is known whose it is, and that there is room for it.
  app.addContentTypeParser('*', (_request, _body, done) => done(null));
  app.addHook('preClose', async () => service.retire());
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const path = pathOf(request.raw.url ?? '/').slice(prefix.length);
    const { status, headers, body } = await service.respond(request.raw, reply.raw, path);
    reply.code(status).headers(headers);
    // Not awaited: it is a promise of all bytes being sent.
    void reply.send(typeof body === 'string' ? body : body.length === 1 ? body[0] : Buffer.concat(body));
  };
  const paths = ['/v2', '/v2/*', '/v1/*', '/V1/*', ...service.ownPaths];
  for (const url of paths) {
    app.route({ method: ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'], url, handler });
  }
}

// What is logged, by pino as fastify has it.
//
// The rule: nothing that a client sends is in it but the path of its request, without the query: no bodies, no headers, no tokens.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyBaseLogger, FastifyInstance, FastifyServerOptions } from 'fastify';
import { internalErrors, told } from '../core/errors.js';
import { shown, wrongOption } from '../core/options.js';
import type { EngineChange } from '../engine/engine.js';
import { pathOf } from '../http/node.js';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
/** A level, or a logger like pino's. */
export type LogOption = LogLevel | FastifyBaseLogger;

const levels: readonly LogOption[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** For fastify. Errors: ERR_ARGUMENT. */
export function loggerOptions(log: LogOption = 'silent'): Pick<FastifyServerOptions, 'logger' | 'loggerInstance'> {
  // What a logger needs for a request costs each, whether it is written or not.
  if (log === 'silent') return { logger: false };
  if (typeof log === 'string' && levels.includes(log)) {
    // What node says of a broken request has its bytes in it.
    const serializers = { err: ({ name, code }: NodeJS.ErrnoException) => ({ name, code }) };
    return { logger: { level: log, stream: process.stderr, serializers: serializers as never } };
  }
  if (typeof log === 'object' && typeof log?.child === 'function') return { loggerInstance: log };
  throw wrongOption(`log must be one of ${levels.join(', ')}, or a logger of pino's, got ${shown(log)}`);
}

/** A line for each request at the level info, and one for each failure that is no client's fault. */
export function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) => {
    const { method, url } = request.raw;
    const line = {
      method,
      path: pathOf(url ?? '/').slice(0, 200),
      status: reply.statusCode,
      millis: Math.round(reply.elapsedTime * 1000) / 1000,
      client: request.ip,
    };
    app.log[reply.statusCode >= 500 && reply.statusCode !== 503 ? 'error' : 'info'](line, 'request');
  });
  // Where a failure came from, which clients are not told; not its message, in which something of a request may be.
  const onError = (error: unknown) => {
    const { name, stack } = error instanceof Error ? error : new Error('not an error');
    const at = stack?.split('\n').filter((line) => /^\s+at /.test(line));
    app.log.error({ error: { name, at } }, 'internal error');
  };
  subscribe(internalErrors.name, onError);
  app.addHook('onClose', async () => {
    unsubscribe(internalErrors.name, onError);
  });
}

/** What became of a version. */
export function logChange(log: FastifyBaseLogger, { model, version, state, error }: EngineChange): void {
  if (error === undefined) log.info({ model, version, state }, 'model');
  else log.warn({ model, version, state, reason: told(error).message }, 'model cannot be loaded');
}

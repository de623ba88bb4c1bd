// What is logged, by pino as fastify has it.
//
// The rule: nothing that a client sends is in it but the path of its request, without the query: no bodies, no headers, no tokens.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyBaseLogger, FastifyInstance, FastifyServerOptions } from 'fastify';
import type { BatchEvent } from 'tensorlane';
import { internalErrors, told } from '../core/errors.js';
import { shown, wrongOption } from '../core/options.js';
import type { EngineChange } from '../engine/engine.js';
import { pathOf } from '../http/node.js';
import { type LogLevel, LogSettings, levels } from './settings.js';

/** A level, or a logger like pino's. */
export type LogOption = LogLevel | FastifyBaseLogger;

export class Log {
  readonly settings: LogSettings;
  /** For fastify. */
  readonly options: Pick<FastifyServerOptions, 'logger' | 'loggerInstance' | 'childLoggerFactory'>;
  #logger: FastifyBaseLogger | undefined;

  /** Errors: ERR_ARGUMENT. */
  constructor(log: LogOption = 'silent') {
    if (typeof log === 'object' && typeof log?.child === 'function') {
      this.settings = new LogSettings(levelOf(log), false);
      this.options = { loggerInstance: log };
      return;
    }
    if (typeof log !== 'string' || !levels.includes(log)) {
      throw wrongOption(`log must be one of ${levels.join(', ')}, or a logger of pino's, got ${shown(log)}`);
    }
    const settings = new LogSettings(log, true);
    this.settings = settings;
    const logger = {
      level: log,
      stream: process.stderr,
      // What node says of a broken request has its bytes in it.
      serializers: { err: ({ name, code }: NodeJS.ErrnoException) => ({ name, code }) },
      timestamp: () => `,"time":${settings.hasIsoTimes ? `"${new Date().toISOString()}"` : Date.now()}`,
      hooks: {
        // Levels are switched on and off one by one.
        logMethod(this: FastifyBaseLogger, args: never, method: (...args: never) => void, level: number) {
          if (settings.allows(byNumber[level] ?? 'info')) method.apply(this, args);
        },
      },
    };
    // A logger of its own for each request is what costs, whether it writes or not.
    this.options = { logger: logger as never, childLoggerFactory: (one) => one };
  }

  /** Writes a line for each request, one for each failure that is no client's fault, and what the settings have it write besides. */
  attach(app: FastifyInstance): void {
    this.#logger = app.log;
    this.settings.follow(() => {
      app.log.level = this.settings.level;
    });
    app.addHook('onResponse', async (request, reply) => {
      if (!this.settings.allows('error') && !this.settings.allows('info')) return;
      const { method, url } = request.raw;
      const line = {
        method,
        path: pathOf(url ?? '/').slice(0, 200),
        status: reply.statusCode,
        millis: rounded(reply.elapsedTime),
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
    const onBatch = (event: unknown) => {
      if (!this.settings.allows('debug')) return;
      const { batcher, requests, rows, reason, computeMicros } = event as BatchEvent;
      app.log.debug({ batcher, requests, rows, reason, millis: rounded(computeMicros / 1000) }, 'batch');
    };
    subscribe(internalErrors.name, onError);
    subscribe('tensorlane:batch', onBatch);
    app.addHook('onClose', async () => {
      unsubscribe(internalErrors.name, onError);
      unsubscribe('tensorlane:batch', onBatch);
    });
  }

  /** A call over gRPC: `code` is its status. */
  call(path: string, code: string, millis: number, client: string): void {
    const level = code === 'INTERNAL' ? 'error' : 'info';
    if (this.#logger === undefined || !this.settings.allows(level)) return;
    this.#logger[level]({ method: 'gRPC', path, status: code, millis: rounded(millis), client }, 'request');
  }

  /** What became of a version. */
  change({ model, version, state, error }: EngineChange): void {
    if (error === undefined) this.#logger?.info({ model, version, state }, 'model');
    else this.#logger?.warn({ model, version, state, reason: told(error).message }, 'model cannot be loaded');
  }
}

const byNumber: Readonly<Record<number, LogLevel>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};

/** Of a logger of pino's; one that does not say has lines of all levels. */
function levelOf({ level }: FastifyBaseLogger): LogLevel {
  return levels.find((one) => one === level) ?? 'trace';
}

const rounded = (millis: number) => Math.round(millis * 1000) / 1000;

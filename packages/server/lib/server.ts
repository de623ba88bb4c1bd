// The server by itself: an engine behind the protocols, on addresses of its own.
//
// The rule of its end: readiness fails first, what was accepted is answered, and only then everything is given back; within a stated time.

import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance, LogController } from 'fastify';
import { numberOf } from './core/options.js';
import { Engine } from './engine/engine.js';
import type { EngineOptions } from './engine/options.js';
import { type GrpcServer, serveGrpc } from './grpc/server.js';
import { type Address, parseAddress, urlOf } from './http/address.js';
import { mount } from './http/fastify.js';
import { checkLimits, type LimitOptions } from './http/limits.js';
import { createListener, type Listener, removeStale } from './http/listener.js';
import { originForm } from './http/node.js';
import { Service } from './http/service.js';
import { Log, type LogOption } from './log/log.js';
import { type AuthOptions, Guard } from './security/access.js';
import { readTls, type TlsOptions } from './security/tls.js';

export interface ServerOptions extends EngineOptions {
  /** Where HTTP listens: HOST:PORT, a port on loopback, or unix:PATH; '127.0.0.1:8000' by default, port 0 picks a free one. */
  http?: string | undefined;
  /** Where gRPC listens, likewise; '127.0.0.1:8001' by default, false: nowhere. */
  grpc?: string | false | undefined;
  limits?: LimitOptions | undefined;
  /** Certificates, of both protocols; without them they are in the clear. */
  tls?: TlsOptions | undefined;
  /** For whom inference is, and for whom control; for everyone who can connect by default. */
  auth?: AuthOptions | undefined;
  /** What is logged: from a level on (to stderr), or by a logger of pino's; nothing by default. */
  log?: LogOption | undefined;
  /** How long `close` waits for what was accepted, in seconds, before it hangs up; 30 by default. */
  drainSeconds?: number | undefined;
}

/** Loads the models and listens. Errors: ERR_ARGUMENT, ERR_NO_DEVICE, and those of the system (an address in use). */
export function serve(options: ServerOptions = {}): Promise<Server> {
  return Server.start(options);
}

export class Server implements AsyncDisposable {
  readonly engine: Engine;
  /** Where HTTP is. */
  readonly url: string;
  /** Where gRPC is, as its clients take it; undefined: nowhere. */
  readonly grpcTarget: string | undefined;
  readonly #app: FastifyInstance;
  readonly #listener: Listener;
  readonly #grpc: GrpcServer | undefined;
  readonly #drainSeconds: number;
  #closing: Promise<void> | undefined;

  private constructor(
    engine: Engine,
    app: FastifyInstance,
    listener: Listener,
    url: string,
    grpc: GrpcServer | undefined,
    drainSeconds: number,
  ) {
    this.engine = engine;
    this.url = url;
    this.grpcTarget = grpc?.target;
    this.#grpc = grpc;
    this.#app = app;
    this.#listener = listener;
    this.#drainSeconds = drainSeconds;
  }

  static async start({
    http = '127.0.0.1:8000',
    grpc = '127.0.0.1:8001',
    limits: limitOptions,
    tls: tlsOptions,
    auth,
    log: logOption,
    drainSeconds,
    ...options
  }: ServerOptions): Promise<Server> {
    const address = parseAddress('http', http);
    const grpcAddress = grpc === false ? undefined : parseAddress('grpc', grpc);
    const limits = checkLimits(limitOptions);
    const tls = readTls(tlsOptions);
    const guard = new Guard(auth);
    const seconds = numberOf('drainSeconds', drainSeconds, 30, 0, 86_400);
    const log = new Log(logOption);
    let listener!: Listener;
    const app = Fastify({
      ...log.options,
      // Its own lines have the query and the host in them.
      logController: new LogController({ disableRequestLogging: true }),
      serverFactory(handler) {
        listener = createListener(handler, limits, tls);
        return listener.server;
      },
      rewriteUrl: ({ url }) => originForm(url ?? '/'),
      forceCloseConnections: 'idle',
      exposeHeadRoutes: false,
    });
    log.attach(app);
    const engine = await Engine.start(options, (change) => log.change(change));
    const service = new Service(engine, limits, {
      metrics: true,
      openapi: true,
      page: true,
      guard,
      logging: log.settings,
    });
    try {
      await app.register((scope, _options, done) => {
        mount(scope, service, '', { all: true });
        done();
      });
      for (const one of [address, grpcAddress]) if (one !== undefined && 'path' in one) await removeStale(one.path);
      // biome-ignore lint/nursery/useAwaitThenable: it gives a promise where it is given no callback
      await app.listen(address);
      const grpcServer =
        grpcAddress && (await serveGrpc(engine, grpcAddress, { limits, budget: service.budget, guard, tls, log }));
      const url = urlOf(boundTo(app, address), tls !== undefined);
      return new Server(engine, app, listener, url, grpcServer, seconds);
    } catch (error) {
      await app.close();
      await engine.close();
      throw error;
    }
  }

  /** Takes no more requests, answers those that it has, and frees everything. May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.engine.retire();
    const timer = setTimeout(() => this.#listener.hangUp(), this.#drainSeconds * 1000);
    try {
      await Promise.all([this.#app.close(), this.#grpc?.close(this.#drainSeconds * 1000)]);
    } finally {
      clearTimeout(timer);
      await this.engine.close();
    }
  }
}

function boundTo(app: FastifyInstance, address: Address): Address {
  return 'path' in address ? address : { host: address.host, port: (app.server.address() as AddressInfo).port };
}

// The server by itself: an engine behind the protocols, on addresses of its own.
//
// The rule of its end: readiness fails first, what was accepted is answered, and only then everything is given back; within a stated time.

import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { numberOf } from './core/options.js';
import { Engine } from './engine/engine.js';
import type { EngineOptions } from './engine/options.js';
import { type GrpcServer, serveGrpc } from './grpc/server.js';
import { type Address, parseAddress, urlOf } from './http/address.js';
import { mount } from './http/fastify.js';
import { checkLimits, type LimitOptions } from './http/limits.js';
import { Service } from './http/service.js';

export interface ServerOptions extends EngineOptions {
  /** Where HTTP listens: HOST:PORT, a port on loopback, or unix:PATH; '127.0.0.1:8000' by default, port 0 picks a free one. */
  http?: string | undefined;
  /** Where gRPC listens, likewise; '127.0.0.1:8001' by default, false: nowhere. */
  grpc?: string | false | undefined;
  limits?: LimitOptions | undefined;
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
  readonly #grpc: GrpcServer | undefined;
  readonly #drainSeconds: number;
  #closing: Promise<void> | undefined;

  private constructor(
    engine: Engine,
    app: FastifyInstance,
    url: string,
    grpc: GrpcServer | undefined,
    drainSeconds: number,
  ) {
    this.engine = engine;
    this.url = url;
    this.grpcTarget = grpc?.target;
    this.#grpc = grpc;
    this.#app = app;
    this.#drainSeconds = drainSeconds;
  }

  static async start({
    http = '127.0.0.1:8000',
    grpc = '127.0.0.1:8001',
    limits,
    drainSeconds,
    ...options
  }: ServerOptions): Promise<Server> {
    const address = parseAddress('http', http);
    const grpcAddress = grpc === false ? undefined : parseAddress('grpc', grpc);
    const checkedLimits = checkLimits(limits);
    const seconds = numberOf('drainSeconds', drainSeconds, 30, 0, 86_400);
    const engine = await Engine.start(options);
    const service = new Service(engine, checkedLimits, true);
    const app = Fastify({
      // Who sends slowly is cut off: its headers after node's own 60 s, all of it after this.
      requestTimeout: 300_000,
      keepAliveTimeout: 72_000,
      forceCloseConnections: 'idle',
      exposeHeadRoutes: false,
    });
    try {
      await app.register((scope, _options, done) => {
        mount(scope, service, '');
        done();
      });
      // biome-ignore lint/nursery/useAwaitThenable: it gives a promise where it is given no callback
      await app.listen(address);
      const listening = grpcAddress && (await serveGrpc(engine, grpcAddress, checkedLimits, service.budget));
      return new Server(engine, app, urlOf(boundTo(app, address)), listening, seconds);
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
    const timer = setTimeout(() => this.#app.server.closeAllConnections(), this.#drainSeconds * 1000);
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

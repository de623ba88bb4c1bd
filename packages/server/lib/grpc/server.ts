// All gRPC on one address.

import type { Http2Server } from 'node:http2';
import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import { TensorlaneError } from 'tensorlane';
import type { Engine } from '../engine/engine.js';
import { type Address, urlOf } from '../http/address.js';
import type { ByteBudget } from '../http/budget.js';
import type { Limits } from '../http/limits.js';
import { keepSessions } from '../http/sessions.js';
import type { Log } from '../log/log.js';
import type { Guard } from '../security/access.js';
import type { Tls } from '../security/tls.js';
import { guardedCalls } from './guard.js';
import { addHealth } from './health.js';
import { addInference } from './inference.js';
import { addReflection } from './reflection.js';
import { addTensorflow } from './tensorflow.js';

export interface GrpcServer {
  /** Without a scheme, as gRPC's clients take it. */
  readonly target: string;
  /** Takes no more calls, and resolves when those that it has are answered, or cut off after so many milliseconds. */
  close(drainMillis: number): Promise<void>;
}

export interface GrpcOptions {
  readonly limits: Limits;
  readonly budget: ByteBudget;
  readonly guard: Guard;
  readonly tls: Tls | undefined;
  readonly log: Log;
}

/** Of one connection. Clients wait with more. */
const mostStreams = 1024;

/** Listens. Errors: ERR_ARGUMENT, where it cannot. */
export async function serveGrpc(
  engine: Engine,
  address: Address,
  { limits, budget, guard, tls, log }: GrpcOptions,
): Promise<GrpcServer> {
  const stallMillis = limits.stallSeconds * 1000;
  const server = createServer(stallMillis, {
    'grpc.max_receive_message_length': limits.bodyBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': mostStreams,
    interceptors: [guardedCalls(guard, limits, budget)],
  });
  const around = { budget, tracing: engine.tracing, log };
  addInference(server, engine, around);
  addTensorflow(server, engine, around);
  addReflection(server, around);
  const endWatches = addHealth(server, engine, around);
  const target = 'path' in address ? `unix:${address.path}` : urlOf(address).replace('http://', '');
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(target, credentialsOf(tls), (error, bound) => {
      if (error === null) resolve(bound);
      else
        reject(
          new TensorlaneError('ERR_ARGUMENT', `gRPC cannot listen on ${target}: ${error.message}`, { cause: error }),
        );
    });
  });
  const sessions = [...(http2ServersOf(server)?.keys() ?? [])].map((one) => keepSessions(one, { stallMillis }));
  return {
    target: 'path' in address ? target : urlOf({ ...address, port }).replace('http://', ''),
    close: (drainMillis) => {
      endWatches();
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          server.forceShutdown();
          for (const one of sessions) one.hangUp();
          // Whether or not it tells that it has ended.
          setImmediate(() => setImmediate(resolve));
        }, drainMillis);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
  };
}

/** Who is not there any more `keepSessions` finds. grpc-js' own keepalive, which also cuts off who answered while the loop stood still, is for where that cannot. */
function createServer(stallMillis: number, options: ServerOptions): Server {
  const server = new Server(options);
  if (http2ServersOf(server) !== undefined) return server;
  return new Server({ ...options, 'grpc.keepalive_time_ms': 60_000, 'grpc.keepalive_timeout_ms': stallMillis });
}

/** grpc-js keeps them to itself. Undefined: they are not found any more. */
function http2ServersOf(server: Server): ReadonlyMap<Http2Server, unknown> | undefined {
  return (server as unknown as { readonly http2Servers?: ReadonlyMap<Http2Server, unknown> }).http2Servers;
}

function credentialsOf(tls: Tls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const { cert, key, ca } = tls;
  return ServerCredentials.createSsl(ca ?? null, [{ cert_chain: cert, private_key: key }], ca !== undefined);
}

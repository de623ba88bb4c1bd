// A child process of the suite `serve`: the model server, or what it is held against: the library alone, a route of fastify's and a call
// of grpc-js that do nothing. What it is, the calls say.

import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { type Server, serve as serveModels } from '@tensorlane/server';
import Fastify, { type FastifyInstance } from 'fastify';
import { type Device, type Model, open } from 'tensorlane';
import { serve } from '../../lib/cli/load/child.js';
import { randomFloats } from '../../test/support/onnx-builder.js';
import { closedLoop } from './closed-loop.js';
import { type LoopDelay, LoopDelayMeter } from './event-loop.js';

export interface Place {
  readonly url: string;
  readonly grpc: string;
}

export interface InProcess {
  readonly path: string;
  readonly width: number;
  readonly callers: number;
  readonly warmupMs: number;
  readonly durationMs: number;
}

let server: Server | undefined;
let app: FastifyInstance | undefined;
let grpc: GrpcServer | undefined;
let device: Device | undefined;
let model: Model | undefined;
const meter = new LoopDelayMeter();
let used = process.cpuUsage();

const methods = {
  /** Serves the models of these folders, by their names. */
  async start(folders: Readonly<Record<string, string>>): Promise<Place> {
    const models = Object.fromEntries(Object.entries(folders).map(([name, folder]) => [name, { folder }]));
    server = await serveModels({ device: 'cpu', models, pollSeconds: 0, http: '127.0.0.1:0', grpc: '127.0.0.1:0' });
    const failed = server.engine.status().find(({ versions }) => versions.every(({ state }) => state !== 'AVAILABLE'));
    if (failed !== undefined) throw new Error(`the model ${failed.name} is not served`);
    return { url: server.url, grpc: server.grpcTarget! };
  },

  /** A POST route and a unary call that do nothing. */
  async startEmpty({ path }: { readonly path: string }): Promise<Place> {
    app = Fastify();
    app.post('/', () => ({}));
    // biome-ignore lint/nursery/useAwaitThenable: it gives a promise where it is given no callback
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    grpc = new GrpcServer();
    const asIs = (bytes: Buffer) => bytes;
    const definition = {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    } as const;
    const nothing = Buffer.alloc(0);
    grpc.addService(
      { Call: definition },
      { Call: (_call: unknown, callback: (error: null, reply: Buffer) => void) => callback(null, nothing) },
    );
    const port = await new Promise<number>((resolve, reject) => {
      grpc!.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    return { url, grpc: `127.0.0.1:${port}` };
  },

  /** Runs a second, without a server, by callers that each ask again when they are answered. */
  async inProcess({ path, width, callers, warmupMs, durationMs }: InProcess): Promise<number> {
    device ??= await open('cpu');
    model ??= await device.loadModel(path);
    const loaded = model;
    const rows = Array.from({ length: callers }, (_, i) => randomFloats(width, i + 1));
    const run = (caller: number) => loaded.run({ x: { type: 'float32', data: rows[caller]!, dims: [1, width] } });
    return (await closedLoop(run, { callers, warmupMs, durationMs })).throughput;
  },

  /** From now on the event loop and the processor's time are measured. */
  async watch(): Promise<void> {
    meter.start();
    used = process.cpuUsage();
  },

  /** Until now. */
  async watched(): Promise<{ readonly loop: LoopDelay; readonly cpuMicros: number }> {
    const { user, system } = process.cpuUsage(used);
    return { loop: meter.stop(), cpuMicros: user + system };
  },

  /** Batches of a model so far, and the rows in them. */
  async batches(name: string) {
    const { count, rows } = server!.engine.resolve({ name }).stats()!.batches;
    return { count, rows };
  },
};

export type ServeWorker = typeof methods;

serve(methods, async () => {
  await app?.close();
  grpc?.forceShutdown();
  await server?.close();
  await model?.dispose();
  await device?.dispose();
});

// A child process that puts the load of the suite `serve` on a server, by HTTP or by gRPC.

import { Client, credentials } from '@grpc/grpc-js';
import { type Arrivals, schedule } from '../../lib/cli/load/arrivals.js';
import { serve } from '../../lib/cli/load/child.js';
import { openLoop } from '../../lib/cli/load/open-loop.js';
import { type ClosedLoopOptions, closedLoop } from './closed-loop.js';
import { isRefusal, RawHttp, type RawRequest } from './raw-http.js';
import { type Summary, summarise } from './summary.js';

export interface OpenLoad {
  readonly request: RawRequest;
  readonly arrivals: Arrivals;
  /** Requests a second. */
  readonly rate: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  readonly seed: number;
  readonly maxInFlight: number;
}

export interface GrpcLoad extends ClosedLoopOptions {
  readonly target: string;
  /** Of the call: /package.Service/Method. */
  readonly path: string;
  readonly message: Uint8Array;
}

/** Longer is not waited for the last answers. */
const DRAIN_MS = 1000;

async function withHttp<T>(request: RawRequest, use: (post: () => Promise<Buffer>) => Promise<T>): Promise<T> {
  const http = new RawHttp(request);
  try {
    return await use(() => http.post());
  } finally {
    http.close();
  }
}

const asIs = (bytes: Buffer) => bytes;

const methods = {
  /** One answer, to be looked at. */
  answer: (request: RawRequest): Promise<Buffer> => withHttp(request, (post) => post()),

  closedLoop: ({ request, ...load }: ClosedLoopOptions & { readonly request: RawRequest }) =>
    withHttp(request, (post) => closedLoop(post, load)),

  openLoop({ request, ...load }: OpenLoad): Promise<Summary> {
    const { warmupMs, maxInFlight } = load;
    const durationMs = warmupMs + load.measureMs;
    const times = schedule({ ...load, durationMs });
    return withHttp(request, async (post) => {
      const options = { times, durationMs, maxInFlight, drainMs: DRAIN_MS, isShed: isRefusal };
      return summarise(await openLoop(post, options), warmupMs);
    });
  },

  /** Milliseconds from a request to its answer, one after the other, over one connection. */
  latencies: ({ request, count }: { readonly request: RawRequest; readonly count: number }): Promise<number[]> =>
    withHttp(request, async (post) => {
      const times: number[] = [];
      for (let i = 0; i < count; i++) {
        const begun = performance.now();
        await post();
        times.push(performance.now() - begun);
      }
      return times;
    }),

  /** Each caller has a connection of its own. */
  async grpcClosedLoop({ target, path, message, ...load }: GrpcLoad) {
    const own = { 'grpc.use_local_subchannel_pool': 1 };
    const clients = Array.from({ length: load.callers }, () => new Client(target, credentials.createInsecure(), own));
    const bytes = Buffer.from(message);
    const call = (caller: number) =>
      new Promise<Buffer>((resolve, reject) => {
        clients[caller]!.makeUnaryRequest(path, asIs, asIs, bytes, (error, reply) =>
          error === null ? resolve(reply!) : reject(error),
        );
      });
    try {
      // Connecting is no part of what is measured.
      await Promise.all(clients.map((_, caller) => call(caller)));
      return await closedLoop(call, load);
    } finally {
      for (const client of clients) client.close();
    }
  },
};

export type ServeClientWorker = typeof methods;

serve(methods, async () => {});

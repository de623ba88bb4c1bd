// A child process that puts load on an HTTP server: what parsing answers costs it must not cost the server.

import { type Arrivals, schedule } from '../../lib/cli/load/arrivals.js';
import { serve } from '../../lib/cli/load/child.js';
import { openLoop } from '../../lib/cli/load/open-loop.js';
import { randomFloats } from '../../test/support/onnx-builder.js';
import { type ClosedLoopOptions, closedLoop } from './closed-loop.js';
import { HttpDriver, isRefusal } from './http-driver.js';
import { type Summary, summarise } from './summary.js';

/** Different requests, sent in turns. */
const REQUESTS = 16;

export interface Destination {
  readonly url: string;
  /** Floats in the body of a request. */
  readonly width: number;
}

export interface OpenLoad extends Destination {
  readonly arrivals: Arrivals;
  /** Requests a second. */
  readonly rate: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  readonly seed: number;
  readonly maxInFlight: number;
}

/** Longer is not waited for the last answers. */
const DRAIN_MS = 1000;

function bodies(width: number): Uint8Array[] {
  return Array.from({ length: REQUESTS }, (_, i) => new Uint8Array(randomFloats(width, i + 1).buffer));
}

async function withDriver<T>({ url, width }: Destination, use: (post: (i: number) => Promise<Buffer>) => Promise<T>) {
  const driver = new HttpDriver(new URL(url));
  const all = bodies(width);
  try {
    return await use((i) => driver.post(all[i % REQUESTS] as Uint8Array));
  } finally {
    driver.close();
  }
}

const methods = {
  openLoop(load: OpenLoad): Promise<Summary> {
    const { warmupMs, maxInFlight } = load;
    const durationMs = warmupMs + load.measureMs;
    const times = schedule({ ...load, durationMs });
    return withDriver(load, async (post) => {
      const options = { times, durationMs, maxInFlight, drainMs: DRAIN_MS, isShed: isRefusal };
      return summarise(await openLoop(post, options), warmupMs);
    });
  },

  closedLoop: (load: Destination & ClosedLoopOptions) => withDriver(load, (post) => closedLoop(post, load)),

  /** The answers to all the different requests, sent at once. */
  answers: (destination: Destination): Promise<Float32Array[]> =>
    withDriver(destination, async (post) => {
      const answers = await Promise.all(Array.from({ length: REQUESTS }, (_, i) => post(i)));
      return answers.map((answer) => new Float32Array(Uint8Array.from(answer).buffer));
    }),
};

export type HttpClientWorker = typeof methods;

serve(methods, async () => {});

// A process that is measured for --compare: onnxruntime-node as most use it, alone on the JS thread, or in worker threads of which each
// has a session of one thread. The library is found from the folder that tune was started in, as the user's program would find it.

import { createRequire } from 'node:module';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { serve } from '../load/child.js';
import type { Sample } from './samples.js';
import { listen } from './wire.js';

export interface PeerSpec {
  readonly model: string;
  readonly workers: number;
}

interface Session {
  run(feeds: Record<string, unknown>): Promise<unknown>;
}
interface Ort {
  readonly InferenceSession: { create(model: string, options: object): Promise<Session> };
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => unknown;
}

/** Runs the samples by their numbers. */
async function runner(model: string, options: object, samples: readonly Sample[]) {
  const { InferenceSession, Tensor } = createRequire(`${process.cwd()}/`)('onnxruntime-node') as Ort;
  const session = await InferenceSession.create(model, options);
  const feeds = samples.map((sample) =>
    Object.fromEntries(
      Object.entries(sample).map(([name, { type, data, dims }]) => [name, new Tensor(type, data, dims)]),
    ),
  );
  return (request: number) => session.run(feeds[request % feeds.length]!);
}

if (isMainThread) {
  let spec: PeerSpec | undefined;
  let run: (request: number) => Promise<unknown> = () => Promise.reject(new Error('there is no model'));
  const methods = {
    load(given: PeerSpec): void {
      spec = given;
    },
    async give(samples: readonly Sample[]): Promise<void> {
      const { model, workers } = spec!;
      run = workers === 0 ? await runner(model, {}, samples) : await inWorkers(model, workers, samples);
      await run(0);
    },
    async listen(): Promise<string> {
      return (
        await listen(
          (request) => run(request),
          () => false,
        )
      ).path;
    },
  };
  process.on('SIGINT', () => {}); // whoever started it says when it ends
  serve(methods, async () => process.exit(0));
} else {
  const { model, samples } = workerData as { model: string; samples: readonly Sample[] };
  const run = await runner(model, { intraOpNumThreads: 1, interOpNumThreads: 1 }, samples);
  parentPort!.on('message', (request: number) => {
    run(request).then(
      () => parentPort!.postMessage({ request }),
      (error: Error) => parentPort!.postMessage({ request, error: error.message }),
    );
  });
  parentPort!.postMessage('ready');
}

/** Each request goes to a worker that has none, or waits for one. */
async function inWorkers(model: string, count: number, samples: readonly Sample[]) {
  const waiting = new Map<number, { resolve(): void; reject(error: Error): void }>();
  const queue: number[] = [];
  const idle: Worker[] = [];
  const next = () => {
    while (queue.length > 0 && idle.length > 0) idle.pop()!.postMessage(queue.shift()!);
  };
  const ready = Array.from({ length: count }, async () => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { model, samples } });
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    worker.on('message', ({ request, error }: { request: number; error?: string }) => {
      const { resolve, reject } = waiting.get(request)!;
      waiting.delete(request);
      idle.push(worker);
      next();
      if (error === undefined) resolve();
      else reject(new Error(error));
    });
    idle.push(worker);
  });
  await Promise.all(ready);
  let requests = 0;
  // Numbers of its own: the load's come again.
  return (request: number) =>
    new Promise<void>((resolve, reject) => {
      const own = requests++ * samples.length + (request % samples.length);
      waiting.set(own, { resolve, reject });
      queue.push(own);
      next();
    });
}

export type Peer = {
  load(spec: PeerSpec): void;
  give(samples: readonly Sample[]): Promise<void>;
  listen(): Promise<string>;
};

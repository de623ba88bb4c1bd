// A child process of the suite `jobs`: a producer, a worker (tensorlane's, or BullMQ's own with one job at a time), or the same work
// without a queue. What it is, the calls say.

import { decodeTensors, encodeTensors, FileStore, TensorQueue, TensorWorker } from '@tensorlane/bullmq';
import { Queue, QueueEvents, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { type Device, type Model, open, tensor } from 'tensorlane';
import { serve } from '../../lib/cli/load/child.js';
import { randomFloats } from '../../test/support/onnx-builder.js';

export interface Place {
  readonly url: string;
  readonly queue: string;
  /** Where tensors lie: files in this folder; without one, Redis. */
  readonly folder?: string | undefined;
}

let device: Device | undefined;
let closing: (() => Promise<unknown>)[] = [];
const opened = async (streams?: number) => {
  device ??= await open({ device: 'cpu', ...(streams === undefined ? {} : { streams }) });
  return device;
};
const connected = (url: string) => new Redis(url, { maxRetriesPerRequest: null });
const storeOf = ({ folder }: Place) => {
  if (folder === undefined) return {};
  const store = new FileStore(folder);
  closing.push(async () => store.dispose());
  return { store };
};

let worker: TensorWorker | undefined;
let jobs: TensorQueue | undefined;
let plain: { readonly queue: Queue; readonly events: QueueEvents } | undefined;
let model: Model | undefined;

const squareInput = () => tensor(new Float32Array(16).fill(2), [1, 16]);
const check = (y: { readonly data: unknown } | undefined) => {
  if ((y?.data as Float32Array | undefined)?.[15] !== 4) throw new Error('the square of 2 is not 4');
};

/** Lets go of all that was asked of it. */
async function rest(): Promise<void> {
  await jobs?.close();
  await worker?.close();
  for (const close of closing) await close();
  await device?.dispose();
  closing = [];
  device = worker = jobs = plain = model = undefined;
}

/** Keeps so many calls at once for so long; gives how many ended in a second of it. */
async function keepBusy(atOnce: number, ms: number, call: (i: number) => Promise<void>): Promise<number> {
  const begun = performance.now();
  const end = begun + ms;
  let done = 0;
  const caller = async (i: number) => {
    while (performance.now() < end) {
      await call(i);
      if (performance.now() < end) done++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, i) => caller(i)));
  // In a short run on a busy machine all may have come later: then in the time that they took.
  return done > 0 ? (done * 1000) / ms : (atOnce * 1000) / (performance.now() - begun);
}

const matrix = (n: number, seed: number) => tensor(Float64Array.from(randomFloats(n * n, seed)), [n, n]);

const methods = {
  rest,

  /** Works on a queue until it ends. */
  async work({ place, streams, path }: { place: Place; streams?: number; path?: string }): Promise<void> {
    worker = new TensorWorker(place.queue, {
      connection: place.url,
      device: await opened(streams),
      models: path === undefined ? {} : { square: path },
      ...storeOf(place),
    });
    await worker.ready();
  },

  /** BullMQ's own processor: a job at a time, its floats as JSON. */
  async workPlainly({ place, path }: { place: Place; path?: string }): Promise<void> {
    model = path === undefined ? undefined : await (await opened()).loadModel(path);
    const redis = connected(place.url);
    const one = new Worker(
      place.queue,
      async ({ data }) => {
        if (model === undefined) return undefined;
        const { y } = await model.run({ x: tensor(Float32Array.from(data.x), [1, 16]) });
        return { y: [...(y!.data as Float32Array)] };
      },
      { connection: redis },
    );
    await one.waitUntilReady();
    closing.push(async () => {
      await one.close();
      await model?.dispose();
      redis.disconnect();
    });
  },

  async produce(place: Place): Promise<void> {
    jobs = new TensorQueue(place.queue, { connection: place.url, ...storeOf(place) });
    await jobs.ready();
  },

  async producePlainly(place: Place): Promise<void> {
    const [first, second] = [connected(place.url), connected(place.url)];
    const queue = new Queue(place.queue, { connection: first });
    const events = new QueueEvents(place.queue, { connection: second });
    await events.waitUntilReady();
    events.setMaxListeners(0);
    plain = { queue, events };
    closing.push(async () => {
      await events.close();
      await queue.close();
      first.disconnect();
      second.disconnect();
    });
  },

  /** SVDs a second, from and to a queue. */
  async svdThroughQueue({ n, atOnce, ms }: { n: number; atOnce: number; ms: number }): Promise<number> {
    const matrices = Array.from({ length: atOnce }, (_, i) => matrix(n, i + 1));
    return keepBusy(atOnce, ms, async (i) => {
      const { s } = await (await jobs!.svd(matrices[i]!)).result();
      if (s.dims[0] !== n) throw new Error(`an SVD has ${s.dims[0]} singular values, not ${n}`);
    });
  },

  async svdInPlace({ n, atOnce, ms }: { n: number; atOnce: number; ms: number }): Promise<number> {
    const { linalg } = await opened();
    const matrices = Array.from({ length: atOnce }, (_, i) => matrix(n, i + 1));
    return keepBusy(atOnce, ms, async (i) => {
      await linalg.svd(matrices[i]!);
    });
  },

  /** Jobs a second from the first add to the last result. */
  async squares({ count }: { count: number }): Promise<number> {
    const begun = performance.now();
    const handles = await jobs!.addMany(
      Array.from({ length: count }, () => ({ name: 'square', feeds: { x: squareInput() } })),
    );
    const results = await Promise.all(handles.map((handle) => handle.result()));
    const took = performance.now() - begun;
    for (const { y } of results) check(y);
    return (count * 1000) / took;
  },

  async squaresPlainly({ count }: { count: number }): Promise<number> {
    const { queue, events } = plain!;
    const data = { x: [...squareInput().data] };
    let left = count;
    const begun = performance.now();
    await new Promise<void>((resolve, reject) => {
      const completed = ({ returnvalue }: { returnvalue: unknown }) => {
        if ((returnvalue as { y: number[] }).y[15] !== 4) reject(new Error('the square of 2 is not 4'));
        if (--left === 0) {
          events.off('completed', completed as never);
          resolve();
        }
      };
      events.on('completed', completed as never);
      Promise.all(Array.from({ length: count }, () => queue.add('square', data))).catch(reject);
    });
    return (count * 1000) / (performance.now() - begun);
  },

  /** Milliseconds from add to result, one at a time, of jobs that cost next to nothing. */
  async latencies({ count }: { count: number }): Promise<number[]> {
    const a = tensor(new Float64Array(16).fill(1), [4, 4]);
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const begun = performance.now();
      await (await jobs!.trace(a)).result();
      times.push(performance.now() - begun);
    }
    return times;
  },

  async latenciesPlainly({ count }: { count: number }): Promise<number[]> {
    const { queue, events } = plain!;
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const begun = performance.now();
      await (await queue.add('empty', {})).waitUntilFinished(events);
      times.push(performance.now() - begun);
    }
    return times;
  },

  /** Jobs of linear algebra that cost next to nothing, from the first add to the last result. */
  async traces({ count }: { count: number }): Promise<void> {
    const a = tensor(new Float64Array(16).fill(1), [4, 4]);
    const handles = await jobs!.addMany(Array.from({ length: count }, () => ({ name: 'trace', feeds: { a } })));
    await Promise.all(handles.map((handle) => handle.result()));
  },

  /** What Redis' own thread has cost so far. */
  async redisMicros({ url }: { url: string }): Promise<number> {
    const client = new Redis(url);
    const text = await client.info('cpu');
    client.disconnect();
    const seconds = (name: string) => Number(new RegExp(`^${name}:(.*)`, 'm').exec(text)![1]);
    return (seconds('used_cpu_sys_main_thread') + seconds('used_cpu_user_main_thread')) * 1e6;
  },

  /** Microseconds that the tensors of a job, and of its result, take to their bytes, and back from these. */
  async payload({ count }: { count: number }): Promise<{ there: number; back: number }> {
    const feeds = { x: squareInput() };
    const timed = (run: () => unknown) => {
      for (let i = 0; i < count / 4; i++) run();
      const begun = performance.now();
      for (let i = 0; i < count; i++) run();
      return ((performance.now() - begun) * 1000) / count;
    };
    const text = encodeTensors(feeds, 'bench').toString('base64');
    return {
      there: 2 * timed(() => encodeTensors(feeds, 'bench').toString('base64')),
      back: 2 * timed(() => decodeTensors(Buffer.from(text, 'base64'), 'bench')),
    };
  },

  /** Microseconds a row of the model in this process, without a queue. */
  async batching({ path, count }: { path: string; count: number }): Promise<number> {
    model ??= await (await opened()).loadModel(path);
    let left = count;
    const caller = async () => {
      while (left-- > 0) check((await model!.run({ x: squareInput() })).y as never);
    };
    const begun = performance.now();
    await Promise.all(Array.from({ length: 64 }, caller));
    return ((performance.now() - begun) * 1000) / count;
  },

  /** What the jobs of a worker cost so far, in microseconds a job. */
  async costs(): Promise<{ load: number; run: number; store: number }> {
    const { completed, micros } = worker!.stats();
    return { load: micros.load / completed, run: micros.run / completed, store: micros.store / completed };
  },
};

export type JobsWorker = typeof methods;

serve(methods, rest);

// A queue and its workers in one process, over a real Redis: every operation, models, handlers, and how each job ends.

import { type Tensor, TensorlaneError, tensor } from 'tensorlane';
import { describe, expect, test, vi } from 'vitest';
import * as models from '../../../test/support/onnx-builder.js';
import {
  type HandlerContext,
  TensorQueue,
  type TensorQueueOptions,
  TensorWorker,
  type TensorWorkerOptions,
} from '../lib/index.js';
import { make as makeIn } from './support/made.js';
import { usePlace } from './support/place.js';
import { hasRedis } from './support/redis.js';
import { until } from './support/until.js';

const row = (n: number) =>
  tensor(
    Float32Array.from({ length: 16 }, (_, i) => i + n),
    [1, 16],
  );

describe.skipIf(!hasRedis)('jobs', () => {
  const place = usePlace();
  const make = (worker: TensorWorkerOptions | 'none' = {}, queue: TensorQueueOptions = {}) =>
    makeIn(place, worker, queue);
  const unworked = (queue: TensorQueueOptions = {}) => make('none', queue);

  test('every operation gives what the device gives', async () => {
    await using made = await make();
    const { jobs } = made;
    const a = tensor(
      [
        [4, 1, 0],
        [1, 3, 1],
        [0, 1, 2],
      ],
      { type: 'float64' },
    );
    const b = tensor([[1], [2], [3]], { type: 'float64' });
    const { linalg } = place.device;
    const pairs = {
      svd: [jobs.svd(a), linalg.svd(a)],
      full: [jobs.svd(a, { mode: 'full' }), linalg.svd(a, { mode: 'full' })],
      values: [jobs.svd(a, { mode: 'values' }), linalg.svd(a, { mode: 'values' })],
      svdvals: [jobs.svdvals(a), linalg.svdvals(a)],
      eigh: [jobs.eigh(a), linalg.eigh(a)],
      eigvalsh: [jobs.eigvalsh(a), linalg.eigvalsh(a)],
      qr: [jobs.qr(a), linalg.qr(a)],
      r: [jobs.qr(a, { mode: 'r' }), linalg.qr(a, { mode: 'r' })],
      inv: [jobs.inv(a), linalg.inv(a)],
      cholesky: [jobs.cholesky(a), linalg.cholesky(a)],
      det: [jobs.det(a), linalg.det(a)],
      slogdet: [jobs.slogdet(a), linalg.slogdet(a)],
      trace: [jobs.trace(a, { offset: 1, priority: 2 }), linalg.trace(a, { offset: 1 })],
      matmul: [jobs.matmul(a, b), linalg.matmul(a, b)],
      solve: [jobs.solve(a, b), linalg.solve(a, b)],
    };
    for (const [name, [job, direct]] of Object.entries(pairs)) {
      const handle = await job!;
      const result = await (handle as { result(): Promise<unknown> }).result();
      expect(plain(result), name).toEqual(plain(await direct));
    }
  });

  test('many small matrices of several jobs share batches, and one that is bad fails alone', async () => {
    await using made = await make({ concurrency: 64 });
    const matrices = Array.from({ length: 64 }, (_, i) =>
      tensor(
        [
          [1, i],
          [i, 1],
        ],
        { type: 'float64' },
      ),
    );
    const handles = await Promise.all(matrices.map((a) => made.jobs.inv(a, { attempts: 2 })));
    const results = await Promise.allSettled(handles.map((handle) => handle.result()));
    for (const [i, result] of results.entries()) {
      if (i === 1) expect(result).toMatchObject({ reason: { code: 'ERR_SINGULAR' } });
      else expect(result).toMatchObject({ value: plain(await place.device.linalg.inv(matrices[i]!)) });
    }
    expect(made.workers[0]!.stats()).toMatchObject({ completed: 63, failed: 1 });
    const dead = await made.jobs.deadLetters();
    // What another try cannot change is tried once.
    expect(dead).toMatchObject([{ name: 'inv', attempts: 1, error: { code: 'ERR_SINGULAR' } }]);
  });

  test('models, in batches of several jobs', async () => {
    const model = await place.device.loadModel(models.square());
    await using made = await make({ models: { square: model, bytes: models.square() }, concurrency: 32 });
    const handles = await made.jobs.addMany(
      Array.from({ length: 32 }, (_, i) => ({ name: i % 2 ? 'square' : 'bytes', feeds: { x: row(i) } })),
    );
    const outputs = await Promise.all(handles.map((handle) => handle.result()));
    for (const [i, { y }] of outputs.entries()) {
      expect(y!.data).toEqual(Float32Array.from({ length: 16 }, (_, j) => (i + j) ** 2));
    }
    await made.workers[0]!.close();
    expect(model.disposed, 'a model that was given stays its owner’s').toBe(false);
    await model.dispose();
  });

  test('large tensors lie in the store, checked, in chunks, and go when they are not needed', async () => {
    await using made = await make(undefined, { compression: true });
    const echo = await made.work({ handlers: { echo: (feeds) => feeds } });
    await made.workers[0]!.close();
    const noise = tensor(Float64Array.from({ length: 300_000 }, Math.random), [300, 1000]);
    const zeros = tensor(new Float64Array(300_000), [300, 1000]);
    for (const x of [noise, zeros]) {
      const { x: y } = await (await made.jobs.add('echo', { x })).result();
      expect(Buffer.compare(bytesOf(x), bytesOf(y!))).toBe(0);
    }
    const left = await until(async () => {
      const keys = await place.redis.keys('*');
      return keys.some((key) => key.includes(`${made.name}:tensorlane`) && key.includes(':feeds:')) ? undefined : keys;
    });
    const outputs = left.filter((key) => key.includes(`${made.name}:tensorlane`) && key.includes(':outputs:'));
    // 2.4 MB in chunks of 1 MiB, and the zeros compressed in one.
    expect(outputs).toHaveLength(4);
    for (const key of outputs) expect(await place.redis.pttl(key)).toBeGreaterThan(0);
    expect(echo.stats().completed).toBe(2);
  });

  test('tensors that are gone, or others, fail their job, and a job that has no tensors does', async () => {
    await using made = await unworked();
    const big = tensor(new Float64Array(1000), [10, 100]);
    const gone = await made.jobs.svd(big, { attempts: 1 });
    await place.redis.del((await place.redis.keys(`*${gone.id}:feeds*`))[0]!);
    const other = await made.jobs.svd(big, { attempts: 1 });
    await place.redis.set((await place.redis.keys(`*${other.id}:feeds*`))[0]!, Buffer.alloc(8000));
    const foreign = await made.jobs.queue.add('svd', { a: [[1, 2]] });
    await made.work();
    await expect(gone.result()).rejects.toMatchObject({
      code: 'ERR_NOT_FOUND',
      message: expect.stringContaining('expired'),
    });
    await expect(other.result()).rejects.toMatchObject({
      code: 'ERR_NOT_FOUND',
      message: expect.stringContaining('checksum'),
    });
    await expect(made.jobs.job(foreign.id!).result()).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });

  test('what cannot be added is refused before it is in the queue', async () => {
    await using made = await unworked({ maxPayloadBytes: 1000 });
    const x = tensor([[1, 2]]);
    const { jobs } = made;
    await expect(jobs.svd(tensor(new Float64Array(200), [10, 20]))).rejects.toMatchObject({ code: 'ERR_SHAPE' });
    await expect(jobs.add('m', { x: { type: 'float32', data: [1], dims: [1] } as never })).rejects.toMatchObject({
      code: 'ERR_DTYPE',
    });
    for (const options of [
      { attempts: 0 },
      { priority: -1 },
      { delayMs: 1.5 },
      { timeoutMs: 0 },
      { key: '' },
      { typo: 1 },
    ]) {
      await expect(jobs.svd(x, options as never), JSON.stringify(options)).rejects.toMatchObject({
        code: 'ERR_ARGUMENT',
      });
    }
    await expect(jobs.svd(x, { backoff: { jitter: 2 } })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    await expect(jobs.add('', { x })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    expect(await jobs.queue.getJobCounts('wait', 'delayed', 'prioritized')).toEqual({
      wait: 0,
      delayed: 0,
      prioritized: 0,
    });
    for (const options of [
      { concurrency: 0 },
      { models: { svd: 'x' } },
      { handlers: { f: 1 } },
      { nothing: 1 },
      { store: {} },
    ]) {
      expect(() => new TensorWorker('q', options as never), JSON.stringify(options)).toThrow(TensorlaneError);
    }
    await jobs.close();
    await expect(jobs.svd(x)).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
  });

  test('a failure that may pass is tried again, later each time, then lies in the dead letters, from where it can be put back', async () => {
    const at: number[] = [];
    let works = false;
    await using made = await make({
      handlers: {
        flaky(feeds, { attempt }: HandlerContext) {
          at.push(attempt);
          if (!works) throw new TensorlaneError('ERR_OUT_OF_MEMORY', `attempt ${attempt}`);
          return feeds;
        },
      },
    });
    const handle = await made.jobs.add(
      'flaky',
      { x: row(0) },
      { attempts: 3, backoff: { type: 'fixed', delayMs: 20, jitter: 0 } },
    );
    await expect(handle.result()).rejects.toMatchObject({
      code: 'ERR_OUT_OF_MEMORY',
      message: expect.stringContaining('attempt 3'),
    });
    expect(at).toEqual([1, 2, 3]);
    expect(await handle.state()).toBe('failed');
    expect(await made.jobs.deadLetters()).toMatchObject([
      { id: handle.id, attempts: 3, error: { code: 'ERR_OUT_OF_MEMORY' } },
    ]);
    works = true;
    await made.jobs.retry(handle.id);
    expect((await handle.result()).x!.data).toEqual(row(0).data);
    await expect(made.jobs.retry(handle.id)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  });

  test('names that a worker does not know', async () => {
    await using made = await make();
    const handle = await made.jobs.add('nothing', { x: row(0) }, { attempts: 1 });
    await expect(handle.result()).rejects.toMatchObject({
      code: 'ERR_NOT_FOUND',
      message: expect.stringContaining('svd'),
    });
    const odd = await made.jobs.add('svd', { x: row(0) });
    await expect(odd.result()).rejects.toMatchObject({ code: 'ERR_ARGUMENT', message: expect.stringContaining("'x'") });
  });

  test('jobs of one key are one job', async () => {
    let runs = 0;
    // That it has ended is asked for at once, not when all are asked after.
    vi.useFakeTimers({ toFake: ['setInterval'] });
    await using made = await unworked().finally(() => vi.useRealTimers());
    const count = async (feeds: Record<string, Tensor>) => {
      runs++;
      return feeds;
    };
    const first = await made.jobs.add('count', { x: row(1) }, { key: 'order:7' });
    const large = { x: tensor(new Float64Array(5000)) };
    const second = await made.jobs.add('count', large, { key: 'order:7' });
    expect(second.id).toBe(first.id);
    expect(
      await place.redis.keys(`*${made.name}:tensorlane*feeds*`),
      'the tensors of a job that was not added',
    ).toEqual([]);
    await made.work({ handlers: { count } });
    for (const handle of [first, second]) expect((await handle.result()).x!.data).toEqual(row(1).data);
    const third = await made.jobs.add('count', { x: row(3) }, { key: 'order:7' });
    expect((await third.result()).x!.data).toEqual(row(1).data);
    expect(runs).toBe(1);
  });

  test('priorities, delays, progress and several queues of one worker', async () => {
    const order: number[] = [];
    await using made = await unworked();
    const other = new TensorQueue(`${made.name}-other`, { connection: place.url });
    const values = [
      [5, {}],
      [2, { priority: 2 }],
      [1, { priority: 1 }],
      [9, { delayMs: 300 }],
      [4, { lifo: true }],
    ] as const;
    const handles = [];
    for (const [n, options] of values) handles.push(await made.jobs.add('say', { x: row(n) }, options));
    const heard: unknown[] = [];
    handles[0]!.onProgress((value) => heard.push(value));
    await other.ready();
    const worker = new TensorWorker([made.name, `${made.name}-other`], {
      connection: place.url,
      device: place.device,
      concurrency: 1,
      handlers: {
        async say(feeds, { progress }) {
          order.push((feeds.x!.data as Float32Array)[0]!);
          await progress({ done: 0.5 });
          return feeds;
        },
      },
    });
    const elsewhere = await other.svdvals(
      tensor([
        [2, 0],
        [0, 1],
      ]),
    );
    expect((await elsewhere.result()).data).toEqual(Float32Array.of(2, 1));
    await Promise.all(handles.map((handle) => handle.result()));
    // Where in the order the one that waits for its time comes hangs on how long the worker took to start.
    expect(order.filter((n) => n !== 9)).toEqual([4, 5, 1, 2]);
    const delayed = await made.jobs.queue.getJob(handles[3]!.id);
    expect(delayed!.processedOn! - delayed!.timestamp).toBeGreaterThanOrEqual(300);
    await until(() => heard.length > 0);
    expect(heard).toEqual([{ done: 0.5 }]);
    expect(await handles[0]!.progress()).toEqual({ done: 0.5 });
    await Promise.all([worker.close(), other.close()]);
  });

  test('cancelling: one that waits, one that runs, one that has ended; and who waits no more', async () => {
    let running = 0;
    const signals: unknown[] = [];
    await using made = await make({
      concurrency: 1,
      handlers: {
        hang: (_, { signal }) => {
          running++;
          return new Promise((__, reject) =>
            signal.addEventListener('abort', () => {
              signals.push(signal.reason);
              reject(signal.reason);
            }),
          );
        },
      },
    });
    const runs = await made.jobs.add('hang', { x: row(0) });
    const waits = await made.jobs.svd(tensor(new Float64Array(1000), [10, 100]));
    await until(() => running === 1);
    expect([await runs.state(), await waits.state()]).toEqual(['active', 'waiting']);
    const results = [runs.result(), waits.result()].map((one) => one.catch((error: TensorlaneError) => error));
    await expect(waits.result({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    const impatient = new AbortController();
    const waiting = waits.result({ signal: impatient.signal });
    impatient.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(await waits.cancel()).toBe(true);
    expect(await waits.state()).toBe('gone');
    expect(await runs.cancel('no longer wanted')).toBe(true);
    expect(await results[1]).toMatchObject({ code: 'ERR_ABORTED' });
    expect(await results[0]).toMatchObject({
      code: 'ERR_ABORTED',
      message: expect.stringContaining('no longer wanted'),
    });
    expect(signals).toHaveLength(1);
    expect(await runs.cancel()).toBe(false);
    expect(await place.redis.keys(`*${made.name}:tensorlane*feeds*`)).toEqual([]);
  });

  test('what is late is given up: before it runs, and while it does', async () => {
    await using made = await unworked();
    const before = await made.jobs.add('hang', { x: row(0) }, { timeoutMs: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    let begun = 0;
    await made.work({
      handlers: {
        hang: () => {
          begun++;
          return new Promise(() => {});
        },
      },
    });
    await expect(before.result()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(begun).toBe(0);
    const during = await made.jobs.add('hang', { x: row(0) }, { timeoutMs: 200 });
    await expect(during.result()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(begun).toBe(1);
  });

  test('a worker that closes answers what it has taken, and takes nothing more', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    let running = 0;
    await using made = await make({
      concurrency: 2,
      handlers: {
        async slow(feeds) {
          running++;
          await gate;
          return feeds;
        },
      },
    });
    const handles = await made.jobs.addMany(
      Array.from({ length: 5 }, (_, i) => ({ name: 'slow', feeds: { x: row(i) } })),
    );
    await until(() => running === 2);
    const closed = made.workers[0]!.close();
    go();
    await closed;
    expect(running).toBe(2);
    const states = await Promise.all(handles.map((handle) => handle.state()));
    expect(states.sort()).toEqual(['completed', 'completed', 'waiting', 'waiting', 'waiting']);
    await made.work({ handlers: { slow: (feeds) => feeds } });
    await Promise.all(handles.map((handle) => handle.result()));
  });

  test('locks are extended for as long as a job runs', async () => {
    let runs = 0;
    await using made = await make({
      handlers: {
        async long(feeds) {
          runs++;
          await new Promise((resolve) => setTimeout(resolve, 2500));
          return feeds;
        },
      },
    });
    const handle = await made.jobs.add('long', { x: row(0) });
    await made.work({ handlers: { long: (feeds) => feeds } });
    await handle.result();
    expect(runs).toBe(1);
    expect((await made.jobs.queue.getJob(handle.id))!.stalledCounter).toBe(0);
  });

  test('a queue that closes tells who waits; its jobs go on, and another process may ask for them', async () => {
    await using made = await unworked();
    const handle = await made.jobs.svdvals(
      tensor([
        [3, 0],
        [0, 4],
      ]),
    );
    const waiting = handle.result();
    await Promise.all([expect(waiting).rejects.toMatchObject({ code: 'ERR_DISPOSED' }), made.jobs.close()]);
    await made.work();
    const later = new TensorQueue(made.name, { connection: place.url });
    expect((await later.job<Tensor>(handle.id, 'svdvals').result()).data).toEqual(Float32Array.of(4, 3));
    await expect(later.job('never').result()).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    await later.close();
  });

  test('a job of a newer format is left to newer workers', async () => {
    await using made = await make();
    const job = await made.jobs.queue.add('svd', { tensorlane: 2, feeds: { inline: '' } }, { jobId: 'newer' });
    await until(async () => (await job.getState()) === 'delayed');
    expect((await made.jobs.queue.getJob('newer'))!.failedReason).toBeUndefined();
  });
});

const bytesOf = ({ data }: Tensor) =>
  Buffer.from((data as Float64Array).buffer, (data as Float64Array).byteOffset, (data as Float64Array).byteLength);

/** Without what a host tensor has besides. */
function plain(value: unknown): unknown {
  const { type, data, dims } = value as Partial<Tensor>;
  if (Array.isArray(dims)) return { type, data, dims };
  return Object.fromEntries(Object.entries(value as object).map(([name, one]) => [name, plain(one)]));
}

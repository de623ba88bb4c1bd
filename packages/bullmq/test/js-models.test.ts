// Models that are JS: chains whose steps share batches, and code that ends, hangs or fills its thread without harm to other jobs.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tensor } from 'tensorlane';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import { TensorQueue, TensorWorker, type TensorWorkerOptions } from '../lib/index.js';
import { usePlace } from './support/place.js';
import { hasRedis } from './support/redis.js';
import { until } from './support/until.js';

const x = (n = 2) => tensor(new Float32Array(16).fill(n), [1, 16]);

describe.skipIf(!hasRedis)('models in JS', () => {
  const place = usePlace();
  const folder = mkdtempSync(join(tmpdir(), 'tensorlane-js-'));
  let number = 0;
  afterAll(() => rmSync(folder, { recursive: true }));

  function file(source: string): string {
    const path = join(folder, `${++number}.mjs`);
    writeFileSync(path, source);
    return path;
  }

  async function make(options: TensorWorkerOptions) {
    const name = `js-${++number}`;
    const jobs = new TensorQueue(name, { connection: place.url });
    const worker = new TensorWorker(name, { connection: place.url, device: place.device, ...options });
    onTestFinished(async () => {
      await Promise.all([jobs.close(), worker.close()]);
    });
    await worker.ready();
    return { jobs, worker };
  }

  test('a chain of models and operations is one job, and its steps share batches', async () => {
    const model = await place.device.loadModel(square(), { batching: { maxQueueDelayMicros: 50_000 } });
    onTestFinished(() => model.dispose());
    const chain = file(`
      export const inputs = [{ name: 'x', type: 'float32', dims: [-1, 16] }];
      export const outputs = [{ name: 'y', type: 'float32', dims: [-1, 16] }];
      export async function run({ x }, { models, progress, options, id, attempt }) {
        const first = await models.run('square', { x });
        const second = await models.run('square', { x: first.y });
        progress({ id, attempt });
        const a = { type: 'float64', data: Float64Array.of(1, 5, 2, 3), dims: [2, 2] };
        const { result } = await models.run('trace', { a }, { options: { offset: 1 } });
        return { y: { ...second.y, data: second.y.data.map((value) => value + result.data[0]) } };
      }`);
    const { jobs } = await make({ models: { square: model, chain }, concurrency: 32 });
    const heard: unknown[] = [];
    const handles = await jobs.addMany(Array.from({ length: 32 }, (_, i) => ({ name: 'chain', feeds: { x: x(i) } })));
    handles[0]!.onProgress((value) => heard.push(value));
    for (const [i, handle] of handles.entries()) {
      expect((await handle.result()).y!.data).toEqual(new Float32Array(16).fill(i ** 4 + 5));
    }
    expect(await handles[0]!.progress()).toEqual({ id: handles[0]!.id, attempt: 1 });
    const { requests, batches } = model.stats();
    expect(requests.completed).toBe(64);
    expect(batches.count).toBeLessThan(64);
  });

  test('what it throws, takes and gives', async () => {
    const source = (body: string) =>
      file(`
      export const inputs = [{ name: 'x' }];
      export const outputs = [{ name: 'y' }];
      export async function run({ x }, { models }) { ${body} }`);
    const { jobs } = await make({
      models: {
        throws: source('throw new Error("inside");'),
        nothing: source('return {};'),
        unknown: source('return models.run("never", { x });'),
        singular: source(
          'return models.run("inv", { a: { type: "float64", data: new Float64Array(4), dims: [2, 2] } });',
        ),
        strings: source('return { y: { type: "string", data: ["é"], dims: [1] } };'),
        bad: source('return { y: 1 };'),
      },
    });
    const end = async (name: string, feeds = {}) =>
      (await jobs.add(name, { x: x(), ...feeds }, { attempts: 1 })).result().catch((error) => error);
    expect(await end('throws')).toMatchObject({
      code: 'ERR_MODEL',
      message: expect.stringContaining('throws failed: inside'),
    });
    expect(await end('nothing')).toMatchObject({
      code: 'ERR_MODEL',
      message: expect.stringContaining("no output 'y'"),
    });
    expect(await end('unknown')).toMatchObject({ code: 'ERR_NOT_FOUND' });
    expect(await end('singular')).toMatchObject({ code: 'ERR_SINGULAR' });
    expect(await end('throws', { z: x() })).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringContaining("'z'; there is x"),
    });
    expect(await end('bad')).toMatchObject({ code: 'ERR_MODEL' });
    expect(await end('strings')).toEqual({ y: { type: 'string', data: ['é'], dims: [1] } });
    const without = await jobs.add('throws', {}, { attempts: 1 });
    await expect(without.result()).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringContaining("'x' is missing"),
    });
  });

  test('one that never ends holds up nothing else, and ends with its thread when it is late', async () => {
    const busy = file(`
      const entered = new Int32Array(1);
      export async function run(feeds, { options, attempt }) {
        if (feeds.loop !== undefined) for (;;) Atomics.add(entered, 0, 1);
        return feeds;
      }`);
    const { jobs, worker } = await make({
      models: { busy },
      jsGraceMs: 50,
      concurrency: 4,
    });
    const loop = await jobs.add('busy', { loop: x() }, { timeoutMs: 1500 });
    await until(async () => (await loop.state()) === 'active');
    // Meanwhile the worker's own thread answers, as it extends locks.
    const trace = await jobs.trace(
      tensor(
        [
          [1, 0],
          [0, 2],
        ],
        { type: 'float64' },
      ),
    );
    expect((await trace.result()).data[0]).toBe(3);
    await expect(loop.result()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    const next = await jobs.add('busy', { x: x() }, { backoff: { delayMs: 20 } });
    expect((await next.result()).x!.data).toEqual(x().data);
    expect(worker.stats().running).toBe(0);
  });

  test.each([
    ['ends its thread', 'process.exit(3);', /its thread ended/],
    [
      'throws where nobody listens',
      'setTimeout(() => { throw new Error("outside"); }); await new Promise(() => {});',
      /outside/,
    ],
    ['takes more memory than it may', 'const all = []; for (;;) all.push(new Array(1e5).fill({}));', /memory/i],
  ])('one that %s fails its own job, which is tried again in a new thread', async (_, body, said) => {
    const model = file(
      `export async function run(feeds, { attempt }) { if (attempt === 1 || feeds.always) { ${body} } return feeds; }`,
    );
    const { jobs } = await make({ models: { model }, jsHeapMiB: 16 });
    const backoff = { type: 'fixed', delayMs: 10, jitter: 0 } as const;
    const handle = await jobs.add('model', { x: x() }, { backoff });
    expect((await handle.result()).x!.data).toEqual(x().data);
    const always = await jobs.add('model', { always: x() }, { attempts: 2, backoff });
    await expect(always.result()).rejects.toMatchObject({ code: 'ERR_MODEL', message: expect.stringMatching(said) });
  });

  test('a signal tells it that it was cancelled', async () => {
    const waits = file(`
      export async function run(feeds, { signal, progress }) {
        progress('begun');
        await new Promise((go) => signal.addEventListener('abort', go));
        return feeds;
      }`);
    const { jobs } = await make({ models: { waits }, jsGraceMs: 600_000 });
    const handle = await jobs.add('waits', { x: x() });
    await until(async () => (await handle.progress()) === 'begun');
    await handle.cancel('no longer wanted');
    await expect(handle.result()).rejects.toMatchObject({
      code: 'ERR_ABORTED',
      message: expect.stringContaining('no longer'),
    });
  });

  test('a run that has ended is none that is given up: its thread stays', async () => {
    const counts = `let runs = 0; const count = () => ({ n: { type: 'float64', data: Float64Array.of(++runs), dims: [1] } });
      const aborted = (signal) => new Promise((go) => signal.addEventListener('abort', go));`;
    const inner = file(`${counts} export const run = async () => count();`);
    const outer = file(`${counts}
      export async function run(feeds, { models, signal, progress }) {
        await models.run('inner', {});
        progress('begun');
        await aborted(signal);
        return count();
      }`);
    const stays = file(`${counts}
      export async function run(feeds, { signal, progress }) {
        if (feeds.x === undefined) return count();
        count();
        progress('begun');
        await aborted(signal);
        await new Promise(() => {});
      }`);
    const { jobs } = await make({ models: { inner, outer, stays }, jsGraceMs: 50 });
    for (const name of ['outer', 'stays']) {
      const handle = await jobs.add(name, { x: x() });
      await until(async () => (await handle.progress()) === 'begun');
      await handle.cancel();
      await expect(handle.result()).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    }
    const runsOf = async (name: string) => (await (await jobs.add(name, {})).result()).n!.data[0];
    // The second thread is ended; the first would have been before it.
    await until(async () => (await runsOf('stays')) === 1);
    expect(await runsOf('inner')).toBe(2);
  });

  test.each([
    ['is not there', '/nowhere/model.mjs', 'ERR_MODEL'],
    ['cannot be parsed', 'export const inputs = [', 'ERR_MODEL'],
    ['has no run', 'export const inputs = [];', 'ERR_ARGUMENT'],
    ['has inputs that are none', 'export const inputs = [1]; export const run = () => ({});', 'ERR_ARGUMENT'],
  ])('a file that %s is told as the worker starts', async (_, given, code) => {
    const model = given.startsWith('/') ? given : file(given);
    const worker = new TensorWorker('js-never', { connection: place.url, device: place.device, models: { model } });
    await expect(worker.ready()).rejects.toMatchObject({ code });
    await worker.close();
  });
});

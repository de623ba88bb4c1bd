// Models that are JS: chains of other models, each step of which shares batches.

import { tensor } from 'tensorlane';
import { expect, onTestFinished, test, vi } from 'vitest';
import { expectError } from '../../../test/support/errors.js';
import { square } from '../../../test/support/onnx-builder.js';
import { Engine, type EngineChange } from '../lib/index.js';
import { ask, cold, folderOf, gathering, lasting, put, startEngine, startServer, until } from './support.js';

/** y = (x squared) squared + number, through the model beside it. */
const chain = (number: number) => `
export const inputs = [{ name: 'x', type: 'float32', dims: [-1, 2] }];
export const outputs = [{ name: 'y', type: 'float32', dims: [-1, 2] }];
export async function run({ x }, { models, device }) {
  if (device.info.kind !== 'cpu') throw new Error('no device');
  const first = await models.run('square', { x });
  const { y } = await models.run({ name: 'square', version: 1 }, { x: first.y });
  return { y: { ...y, data: y.data.map((value) => value + ${number}) } };
}`;
const x = () => tensor([[1, 2]]);

test('a chain is served as one model by every protocol, and its steps share batches', async () => {
  const files = { 'square.onnx': square({ features: 2 }), 'chain/1/model.mjs': chain(0.5) };
  const server = await startServer({ repository: folderOf(files), load: gathering });
  const metadata = await ask(`${server.url}/v2/models/chain`);
  expect(metadata.body).toMatchObject({
    platform: 'tensorlane_js',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
  });
  const rows = await Promise.all(
    Array.from({ length: 30 }, (_, i) => ask(`${server.url}/v1/models/chain:predict`, { instances: [[i, 2]] })),
  );
  expect(rows.map(({ body }) => body)).toEqual(rows.map((_, i) => ({ predictions: [[i ** 4 + 0.5, 16.5]] })));
  const inputs = [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }];
  expect((await ask(`${server.url}/v2/models/chain/infer`, { inputs })).body).toMatchObject({
    outputs: [{ data: [1.5, 16.5] }],
  });
  const { requests, batches } = server.engine.resolve({ name: 'square' }).stats()!;
  expect(requests.completed).toBe(62);
  expect(batches.count).toBeLessThan(62);
  const { body } = await ask(`${server.url}/v2/models/chain/stats`);
  expect(body).toMatchObject({ model_stats: [{ inference_count: 31, inference_stats: { success: { count: 31 } } }] });
});

test('a new version takes over, and so does a file that is changed; one that is broken changes nothing', async () => {
  const repository = folderOf({ 'square.onnx': square({ features: 2 }), 'chain/1/model.mjs': chain(0) });
  const engine = await startEngine({ repository });
  const first = async () => (await engine.run('chain', { x: x() })).y!.data[0];
  expect(await first()).toBe(1);
  put(repository, { 'chain/1/model.mjs': chain(10) });
  await engine.refresh();
  expect(await first()).toBe(11);
  const broken = ['export const inputs = [', 'export const inputs = [];', chain(0).replace("'float32'", "'float33'")];
  for (const source of broken) {
    put(repository, { 'chain/2/model.mjs': source });
    await engine.refresh();
    expect(await first()).toBe(11);
    expect(engine.status('chain')[0]!.versions.find(({ version }) => version === 2)).toMatchObject({ state: 'END' });
  }
  put(repository, { 'chain/2/model.mjs': chain(20) });
  await engine.refresh();
  expect(await first()).toBe(21);
});

test('what it throws is its own failure; names, deadlines and signals hold', async () => {
  const source = (body: string) => `
export const inputs = [{ name: 'x', type: 'float32' }];
export const outputs = [{ name: 'y', type: 'float32' }];
export async function run({ x }, { models, signal }) { ${body} }`;
  const repository = folderOf({
    'throws/1/model.mjs': source('throw new Error("inside");'),
    'nothing/1/model.mjs': source('return {};'),
    'wrong/1/model.mjs': source('return models.run("square", { x });'),
    'waits/1/model.mjs': source('await new Promise((go) => signal.addEventListener("abort", go)); return { y: x };'),
    'square.onnx': square({ features: 3 }),
  });
  const engine = await startEngine({ repository });
  await expectError(engine.run('throws', { x: x() }), 'ERR_MODEL', /throws failed: inside/);
  await expectError(engine.run('nothing', { x: x() }), 'ERR_MODEL', /gave no output 'y'/);
  await expectError(engine.run('wrong', { x: x() }), 'ERR_SHAPE');
  await expectError(engine.run('waits', { z: x() }), 'ERR_ARGUMENT', /no input 'z'; it has x/);
  await expectError(engine.run('waits', {}), 'ERR_ARGUMENT', /'x' is missing/);
  await expectError(engine.run('waits', { x: x() }, { outputs: ['q'] }), 'ERR_ARGUMENT', /no output 'q'/);
  await expectError(engine.run('waits', { x: x() }, { deadlineMicros: 5000 }), 'ERR_TIMEOUT');
  const controller = new AbortController();
  const cancelled = engine.run('waits', { x: x() }, { signal: controller.signal });
  controller.abort();
  await expectError(cancelled, 'ERR_ABORTED');
});

test('what a chain has accepted it answers while the engine closes', async () => {
  const source = chain(0).replaceAll("'square'", "'slow'").replaceAll('[-1, 2]', '[-1, 256]');
  const engine = await startEngine({
    repository: folderOf({ 'slow.onnx': lasting(), 'chain/1/model.mjs': source }),
    load: cold,
  });
  const running = engine.run('chain', { x: tensor(new Float32Array(256).fill(1), [1, 256]) });
  await until(() => engine.resolve({ name: 'slow' }).stats()!.requests.pending === 1);
  await engine.close();
  expect((await running).y!.dims).toEqual([1, 256]);
});

/** A model whose import waits until `come` is called. */
function waiting(number: number): { readonly source: string; isWaiting(): boolean; come(): void } {
  const gates = globalThis as unknown as Record<string, () => void>;
  const name = `gate${Math.random()}`;
  onTestFinished(() => void delete gates[name]);
  return {
    source: `await new Promise((go) => { globalThis['${name}'] = go; });\n${chain(number)}`,
    isWaiting: () => gates[name] !== undefined,
    come: () => gates[name]!(),
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** No time passes but what the test says. */
function stillTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
}

/** What `work` comes to when nobody waits for this model any longer. */
async function impatient<T>(work: Promise<T>, { isWaiting }: { isWaiting(): boolean }): Promise<T> {
  while (!isWaiting()) await turn();
  vi.advanceTimersByTime(10_000);
  return work;
}

test('one that waits while it is imported keeps no other waiting, and is served when it has come', async () => {
  stillTime();
  const late = waiting(1);
  const repository = folderOf({ 'a/1/model.mjs': late.source, 'square.onnx': square({ features: 2 }) });
  const engine = await impatient(startEngine({ repository, explicitControl: true }), late);
  const first = async () => (await engine.run('a', { x: x() })).y!.data[0];
  await engine.run('square', { x: x() });
  expect(engine.ready).toBe(false);
  const [version] = engine.status('a')[0]!.versions;
  expect(version).toMatchObject({ state: 'LOADING', error: { code: 'ERR_TIMEOUT' } });
  // However often it is looked for; and calls are answered.
  for (let i = 0; i < 7; i++) await engine.refresh();
  put(repository, { 'new.onnx': square({ features: 2 }) });
  await engine.load('new');
  await expectError(engine.load('a'), 'ERR_TIMEOUT', /model\.mjs has been importing/);
  late.come();
  while (!engine.ready) await turn();
  expect(await first()).toBe(2);
  // A newer file does not wait for an older one.
  const never = waiting(2);
  put(repository, { 'a/1/model.mjs': never.source });
  await impatient(engine.refresh(), never);
  expect(await first()).toBe(2);
  put(repository, { 'a/1/model.mjs': chain(3) });
  await engine.refresh();
  expect(await first()).toBe(4);
  never.come();
  await turn();
  await engine.refresh();
  expect(await first()).toBe(4);
});

test('an engine closes while one is imported that never comes', async () => {
  const repository = folderOf({ 'square.onnx': square({ features: 2 }) });
  const changes: EngineChange[] = [];
  const engine = await Engine.start({ repository, device: 'cpu', pollSeconds: 0 }, (change) => changes.push(change));
  onTestFinished(() => engine.close());
  // What ends the wait is that it is closed.
  stillTime();
  const never = waiting(1);
  put(repository, { 'a/1/model.mjs': never.source });
  const refreshed = engine.refresh();
  while (!never.isWaiting()) await turn();
  await engine.close();
  await refreshed;
  expect(changes.filter(({ error }) => error !== undefined)).toEqual([]);
});

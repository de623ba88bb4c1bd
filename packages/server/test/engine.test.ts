// Versions of models: what is served, and how it changes while requests run.

import { renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { tensor } from 'tensorlane';
import { expect, onTestFinished, test, vi } from 'vitest';
import { expectError } from '../../../test/support/errors.js';
import { initializer, model, node, slow, square, value } from '../../../test/support/onnx-builder.js';
import { Engine, type EngineChange } from '../lib/index.js';
import { folderOf, put, startEngine, until } from './support.js';

/** y = x + number: tells which version answered. */
function plus(number: number): Uint8Array {
  return model({
    inputs: [value('x', 'float32', ['N', 2])],
    outputs: [value('y', 'float32', ['N', 2])],
    nodes: [node('Add', ['x', 'c'], ['y'])],
    initializers: [initializer('c', 'float32', [1], Float32Array.of(number))],
  });
}

const feeds = () => ({ x: tensor(Float32Array.of(1, 2), [1, 2]) });
const stateOf = (engine: Engine, name: string) =>
  Object.fromEntries(engine.status(name)[0]!.versions.map(({ version, state }) => [version, state]));

async function answerOf(engine: Engine, reference: Parameters<Engine['run']>[0]): Promise<number> {
  const { y } = await engine.run(reference, feeds());
  return Number(y!.data[0]) - 1;
}

test('a bare file is version 1, and of versions the highest is served', async () => {
  const repository = folderOf({
    'bare.onnx': plus(10),
    'm/1/model.onnx': plus(1),
    'm/10/model.onnx': plus(10),
    'm/9/model.onnx': plus(9),
    'm/notes/model.onnx': plus(0),
    'm/11/other.txt': 'no model',
    '.hidden.onnx': plus(0),
    'readme.txt': 'no model',
  });
  const engine = await startEngine({ repository });
  expect(
    engine
      .status()
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['bare', 'm']);
  expect(await answerOf(engine, 'bare')).toBe(10);
  expect(await answerOf(engine, 'm')).toBe(10);
  expect(stateOf(engine, 'm')).toEqual({ 10: 'AVAILABLE' });
  await expectError(
    engine.run({ name: 'm', version: 9 }, feeds()),
    'ERR_NOT_FOUND',
    /version 9 is not found; loaded are 10/,
  );
  await expectError(engine.run('missing', feeds()), 'ERR_NOT_FOUND', /unknown model: 'missing' is not found/);
  const misspelt = engine.run({ name: 'm', verison: 9 } as never, feeds());
  await expectError(misspelt, 'ERR_ARGUMENT', /a model: there is no option 'verison'/);
  await expectError(engine.run({} as never, feeds()), 'ERR_ARGUMENT', /asked for by its name, got undefined/);
  await expectError(engine.run(undefined as never, feeds()), 'ERR_ARGUMENT', /a model must be an object/);
  await expectError(
    engine.use(undefined as never, async () => {}),
    'ERR_ARGUMENT',
    /a model must be an object/,
  );
  await expectError(engine.run('m', feeds(), null as never), 'ERR_ARGUMENT', /options must be an object, got null/);
  expect(() => engine.status(5 as never)).toThrow(/a model must be an object, got 5/);
  await expectError(engine.run('constructor', feeds()), 'ERR_NOT_FOUND');
  expect(engine.ready).toBe(true);
});

test.each([
  [{ latest: 2 }, [3, 2]],
  [{ all: true }, [3, 2, 1]],
  [{ specific: [1, 3, 7] }, [3, 1]],
] as const)('the policy %o serves %o', async (versions, expected) => {
  const repository = folderOf({ 'm/1/model.onnx': plus(1), 'm/2/model.onnx': plus(2), 'm/3/model.onnx': plus(3) });
  const engine = await startEngine({ repository, models: { m: { versions } } });
  expect(engine.available('m').map(({ version }) => version)).toEqual(expected);
  for (const version of expected) expect(await answerOf(engine, { name: 'm', version })).toBe(version);
});

test('a label is of a version that is loaded, and goes with it', async () => {
  const repository = folderOf({ 'm/1/model.onnx': plus(1), 'm/2/model.onnx': plus(2) });
  const labels = { stable: 1, canary: 2, next: 3 };
  const engine = await startEngine({ repository, models: { m: { versions: { all: true }, labels } } });
  expect(await answerOf(engine, { name: 'm', label: 'stable' })).toBe(1);
  expect(await answerOf(engine, { name: 'm', label: 'canary' })).toBe(2);
  await expectError(
    engine.run({ name: 'm', label: 'next' }, feeds()),
    'ERR_NOT_FOUND',
    /no label 'next'; it has 'stable', 'canary'/,
  );
  put(repository, { 'm/3/model.onnx': plus(3) });
  rmSync(join(repository, 'm/1'), { recursive: true });
  await engine.refresh();
  expect(await answerOf(engine, { name: 'm', label: 'next' })).toBe(3);
  await expectError(engine.run({ name: 'm', label: 'stable' }, feeds()), 'ERR_NOT_FOUND');
});

test('a new version takes over, and the old one answers what it has', async () => {
  const repository = folderOf({ 'm/1/model.onnx': slow({ iterations: 2000 }) });
  const engine = await startEngine({ repository });
  const order: string[] = [];
  const row = { x: tensor(new Float32Array(256).fill(1), [1, 256]) };
  const running = engine.run('m', row).then(() => order.push('old'));
  put(repository, { 'm/2/model.onnx': plus(2) });
  await engine.refresh();
  expect(await answerOf(engine, 'm')).toBe(2);
  expect(['UNLOADING', 'END']).toContain(stateOf(engine, 'm')[1]);
  await running;
  expect(order).toEqual(['old']);
  await until(() => stateOf(engine, 'm')[1] === 'END');
});

test('who has a version keeps it until it is done', async () => {
  const repository = folderOf({ 'm/1/model.onnx': plus(1) });
  const engine = await startEngine({ repository });
  let goOn = () => {};
  const waits = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const late = engine.use({ name: 'm' }, async (servable) => {
    await waits;
    const { y } = await servable.run(feeds());
    return y!.data[0];
  });
  put(repository, { 'm/2/model.onnx': plus(2) });
  await engine.refresh();
  expect(stateOf(engine, 'm')).toEqual({ 1: 'UNLOADING', 2: 'AVAILABLE' });
  goOn();
  expect(await late).toBe(2); // 1 + 1: the first version's
});

test('a version that fails to load changes nothing, and is tried again when its file changes', async () => {
  const repository = folderOf({ 'm/1/model.onnx': plus(1) });
  const engine = await startEngine({ repository });
  put(repository, { 'm/2/model.onnx': 'no model at all' });
  await engine.refresh();
  expect(await answerOf(engine, 'm')).toBe(1);
  expect(stateOf(engine, 'm')).toEqual({ 1: 'AVAILABLE', 2: 'END' });
  const failed = engine.status('m')[0]!.versions.find(({ version }) => version === 2);
  expect((failed!.error as Error).message).toMatch(/model\.onnx/);
  expect(engine.ready).toBe(true);
  put(repository, { 'm/2/model.onnx': plus(2) });
  await engine.refresh();
  expect(await answerOf(engine, 'm')).toBe(2);
});

test('nor where several versions are served: each goes when another has taken its place, and its label with it', async () => {
  const repository = folderOf({ 'm/1/model.onnx': plus(1), 'm/2/model.onnx': plus(2) });
  const models = { m: { versions: { latest: 2 }, labels: { stable: 1 } } };
  const engine = await startEngine({ repository, models });
  const served = () => engine.available('m').map(({ version }) => version);
  put(repository, { 'm/3/model.onnx': 'no model' });
  await engine.refresh();
  expect(served()).toEqual([2, 1]);
  expect(await answerOf(engine, { name: 'm', label: 'stable' })).toBe(1);
  // One that is wanted is still missing: one more stays.
  put(repository, { 'm/4/model.onnx': plus(4) });
  await engine.refresh();
  expect(served()).toEqual([4, 2]);
  await expectError(engine.run({ name: 'm', label: 'stable' }, feeds()), 'ERR_NOT_FOUND');
  put(repository, { 'm/5/model.onnx': 'no model', 'm/6/model.onnx': 'no model' });
  await engine.refresh();
  expect(served()).toEqual([4, 2]);
  put(repository, { 'm/3/model.onnx': plus(3), 'm/5/model.onnx': plus(5), 'm/6/model.onnx': plus(6) });
  await engine.refresh();
  expect(served()).toEqual([6, 5]);
});

test('why a version failed that is not wanted any more is not told of the one that is loaded', async () => {
  const repository = folderOf({ 'm/1/model.onnx': 'no model' });
  const engine = await startEngine({ repository, explicitControl: true });
  await expectError(engine.load('m'), 'ERR_MODEL');
  put(repository, { 'm/2/model.onnx': plus(2) });
  await engine.load('m');
  expect(await answerOf(engine, 'm')).toBe(2);
});

test('a failure is told once, however often it is tried', async () => {
  const changes: EngineChange[] = [];
  const repository = folderOf({ 'bad.onnx': 'no model' });
  const engine = await Engine.start({ repository, device: 'cpu', pollSeconds: 0 }, (change) => changes.push(change));
  onTestFinished(() => engine.close());
  for (let i = 0; i < 3; i++) await engine.refresh();
  expect(changes).toMatchObject([{ model: 'bad', state: 'END' }]);
  put(repository, { 'bad.onnx': 'no model either' });
  await engine.refresh();
  expect(changes.length).toBe(2);
});

test('an error of who listens to changes is told, and no failure of the model', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  onTestFinished(() => warned.mockRestore());
  const repository = folderOf({ 'm.onnx': plus(1) });
  const engine = await Engine.start({ repository, device: 'cpu', pollSeconds: 0 }, () => {
    throw new Error('a mistake of mine');
  });
  onTestFinished(() => engine.close());
  expect(await answerOf(engine, 'm')).toBe(1);
  expect(engine.status('m')).toMatchObject([{ versions: [{ state: 'AVAILABLE' }] }]);
  expect(warned.mock.calls[0]?.[0]).toContain('onChange failed: Error: a mistake of mine');
});

test('a file that is replaced is loaded anew under its version', async () => {
  const repository = folderOf({ 'm.onnx': plus(1), next: plus(7) });
  const engine = await startEngine({ repository });
  renameSync(join(repository, 'next'), join(repository, 'm.onnx'));
  await engine.refresh();
  expect(await answerOf(engine, { name: 'm', version: 1 })).toBe(7);
});

test('a model that is taken away is unloaded; a repository that is taken away changes nothing', async () => {
  const repository = folderOf({ 'a.onnx': plus(1), 'b/1/model.onnx': plus(2) });
  const engine = await startEngine({ repository });
  rmSync(join(repository, 'a.onnx'));
  await engine.refresh();
  await expectError(engine.run('a', feeds()), 'ERR_NOT_FOUND');
  renameSync(repository, `${repository}-away`);
  await expect(engine.refresh()).rejects.toThrow('ENOENT');
  expect(await answerOf(engine, 'b')).toBe(2);
  renameSync(`${repository}-away`, repository);
});

test('no link leads out of the repository', async () => {
  const elsewhere = folderOf({ 'model.onnx': plus(1), '1/model.onnx': plus(1) });
  const repository = folderOf({ 'good.onnx': plus(1), 'm/1/readme': '' });
  symlinkSync(join(elsewhere, 'model.onnx'), join(repository, 'bare.onnx'));
  symlinkSync(join(elsewhere, 'model.onnx'), join(repository, 'm/1/model.onnx'));
  symlinkSync(elsewhere, join(repository, 'whole'));
  symlinkSync(join(repository, 'good.onnx'), join(repository, 'alias.onnx'));
  const engine = await startEngine({ repository });
  for (const name of ['bare', 'm', 'whole']) {
    await expectError(engine.run(name, feeds()), 'ERR_NOT_FOUND', /leads out of/);
  }
  expect(await answerOf(engine, 'alias')).toBe(1);
  expect(engine.ready).toBe(false);
});

test('a hundred swaps under load: every request is answered, by the version that was served then', async () => {
  const repository = folderOf({ 'm.onnx': plus(0) });
  const engine = await startEngine({ repository });
  let swapped = 0;
  let isOver = false;
  let answered = 0;
  const caller = async () => {
    while (!isOver) {
      const least = swapped;
      const got = await answerOf(engine, 'm');
      // What was served when it was asked, or came since.
      expect(got).toBeGreaterThanOrEqual(least);
      expect(got).toBeLessThanOrEqual(swapped + 1);
      answered++;
    }
  };
  const callers = Promise.all(Array.from({ length: 8 }, caller));
  for (let i = 1; i <= 100; i++) {
    put(repository, { next: plus(i) });
    renameSync(join(repository, 'next'), join(repository, 'm.onnx'));
    await engine.refresh();
    swapped = i;
  }
  isOver = true;
  await callers;
  expect(answered).toBeGreaterThan(100);
  expect(await answerOf(engine, 'm')).toBe(100);
});

test('calls load and unload where that is switched on', async () => {
  const repository = folderOf({ 'm.onnx': plus(1) });
  const engine = await startEngine({ repository, explicitControl: true });
  await engine.unload('m');
  await expectError(engine.run('m', feeds()), 'ERR_NOT_FOUND');
  await engine.refresh();
  await expectError(engine.run('m', feeds()), 'ERR_NOT_FOUND');
  expect(engine.ready).toBe(true);
  await engine.load('m');
  expect(await answerOf(engine, 'm')).toBe(1);
  await expectError(engine.load('other'), 'ERR_NOT_FOUND');
  put(repository, { 'broken.onnx': 'no model' });
  await expectError(engine.load('broken'), 'ERR_MODEL');
  const other = await startEngine({ repository });
  await expectError(other.unload('m'), 'ERR_NOT_SUPPORTED', /explicitControl/);
});

test('options are refused by name', async () => {
  const refused: readonly [object, RegExp][] = [
    [{ repositry: 'x' }, /no option 'repositry'/],
    [{ repository: 3 }, /repository must be a folder's path, got 3/],
    [{ models: { m: { version: 1 } } }, /models\.m: there is no option 'version'/],
    [{ models: { m: { versions: { latest: 0 } } } }, /models\.m\.versions\.latest/],
    [{ models: { m: { versions: { latest: 1, all: true } } } }, /one of latest, all and specific/],
    [{ models: { m: { labels: { stable: 'one' } } } }, /models\.m\.labels\.stable/],
    [{ pollSeconds: -1 }, /pollSeconds must be a number from 0/],
    [{ repository: '/nowhere/at/all' }, /cannot be read: ENOENT/],
  ];
  for (const [options, message] of refused) await expectError(startEngine(options), 'ERR_ARGUMENT', message);
});

test('a closed engine refuses, and has answered what it had', async () => {
  const engine = await startEngine({ repository: folderOf({ 'm.onnx': plus(1) }) });
  const last = answerOf(engine, 'm');
  await engine.close();
  expect(await last).toBe(1);
  await expectError(engine.run('m', feeds()), 'ERR_DISPOSED');
  await expectError(engine.refresh(), 'ERR_DISPOSED');
});

test.each([
  ['by looking', 0.01],
  ['as soon as the system tells', 80_000],
])('what comes into the folder is found without being told, %s', async (_, pollSeconds) => {
  const repository = folderOf({ 'm.onnx': square({ features: 2 }), 'late/notes': '' });
  const engine = await startEngine({ repository, pollSeconds });
  put(repository, { 'late/4/model.onnx': plus(4) });
  await until(() =>
    engine.status().some(({ name, versions }) => name === 'late' && versions[0]?.state === 'AVAILABLE'),
  );
  expect(await answerOf(engine, 'late')).toBe(4);
});

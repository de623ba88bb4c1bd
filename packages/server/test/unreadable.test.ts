// Folders of models that cannot be read, or go while they are looked at: whoever else has a model gets its new versions.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tensor } from 'tensorlane';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { expectError } from '../../../test/support/errors.js';
import { square } from '../../../test/support/onnx-builder.js';
import { Engine, type EngineChange } from '../lib/index.js';
import { folderOf, put, startEngine, until } from './support.js';

/** Folders that the system does not let read: to root it does, so that the tests say which. */
const refused = new Map<string, string>();

vi.mock('node:fs/promises', async (original) => {
  const own = await original<typeof import('node:fs/promises')>();
  const readdir = async (folder: string, ...rest: []) => {
    const code = refused.get(folder);
    if (code === undefined) return own.readdir(folder, ...rest);
    throw Object.assign(new Error(`${code}: '${folder}' is not read`), { code });
  };
  return { ...own, readdir };
});

beforeEach(() => refused.clear());

const model = (features: number) => square({ features });
const widthOf = (engine: Engine, name: string) => engine.resolve({ name }).inputs[0]!.dims!.at(-1);
const errorOf = (engine: Engine, name: string) => engine.status(name)[0]!.versions[0]?.error as Error | undefined;

test('one that cannot be read stays as it is and says why, and the others go on', async () => {
  const repository = folderOf({
    'a/1/model.onnx': model(1),
    'b/1/model.onnx': model(1),
    'lost+found/x': '',
    'new/1/model.onnx': model(1),
  });
  refused.set(join(repository, 'new'), 'EACCES').set(join(repository, 'lost+found'), 'EACCES');
  const changes: EngineChange[] = [];
  const engine = await Engine.start({ repository, device: 'cpu', pollSeconds: 0 }, (change) => changes.push(change));
  onTestFinished(() => engine.close());
  expect(engine.status().map(({ name }) => name)).toEqual(expect.arrayContaining(['a', 'b', 'new']));
  expect(engine.status()).toHaveLength(3);
  await expectError(engine.run('new', {}), 'ERR_NOT_FOUND', /new cannot be read: EACCES/);
  refused.set(join(repository, 'a'), 'EACCES');
  put(repository, { 'a/2/model.onnx': model(2), 'b/2/model.onnx': model(2) });
  const before = changes.length;
  await engine.refresh();
  await engine.refresh();
  expect([widthOf(engine, 'a'), widthOf(engine, 'b')]).toEqual([1, 2]);
  expect(errorOf(engine, 'a')!.message).toMatch(/a cannot be read: EACCES/);
  // Told once.
  expect(changes.slice(before).filter((change) => change.model === 'a')).toMatchObject([
    { version: 1, state: 'AVAILABLE' },
  ]);
  refused.clear();
  await engine.refresh();
  expect([widthOf(engine, 'a'), widthOf(engine, 'new')]).toEqual([2, 1]);
  expect(errorOf(engine, 'a')).toBeUndefined();
  expect(engine.ready).toBe(true);
});

test('one that goes while it is looked at is not there', async () => {
  const repository = folderOf({ 'a/1/model.onnx': model(1), 'b/1/model.onnx': model(1) });
  const engine = await startEngine({ repository });
  refused.set(join(repository, 'a'), 'ENOENT');
  put(repository, { 'b/2/model.onnx': model(2) });
  await engine.refresh();
  expect(widthOf(engine, 'b')).toBe(2);
  await expectError(engine.run('a', {}), 'ERR_NOT_FOUND');
});

test('what a call has brought is served also when its files were removed, and the others go on', async () => {
  const temporary = mkdtempSync(join(tmpdir(), 'tensorlane-given-'));
  vi.stubEnv('TMPDIR', temporary);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(temporary, { recursive: true, force: true });
  });
  const repository = folderOf({ 'b/1/model.onnx': model(1) });
  const engine = await startEngine({ repository, explicitControl: true });
  await engine.load('g', { config: '', files: { '1/model.onnx': model(2) } });
  for (const name of readdirSync(temporary)) rmSync(join(temporary, name), { recursive: true });
  put(repository, { 'b/2/model.onnx': model(2) });
  await engine.refresh();
  expect(widthOf(engine, 'b')).toBe(2);
  const { y } = await engine.run('g', { x: tensor([[3, 4]]) });
  expect([...(y!.data as Float32Array)]).toEqual([9, 16]);
  expect(errorOf(engine, 'g')!.message).toMatch(/cannot be read: ENOENT/);
  put(repository, { 'g/1/model.onnx': model(3) });
  await engine.load('g');
  expect(widthOf(engine, 'g')).toBe(3);
});

test('a folder of its own that is not there yet is looked for again, and served further when it goes', async () => {
  const elsewhere = folderOf({ 'models/other': '' });
  const folder = join(elsewhere, 'late');
  const engine = await startEngine({ models: { m: { folder } } });
  await expectError(engine.run('m', {}), 'ERR_NOT_FOUND', /no version that is loaded/);
  expect(engine.ready).toBe(false);
  put(folder, { '3/model.onnx': model(3) });
  await engine.refresh();
  expect(widthOf(engine, 'm')).toBe(3);
  expect(engine.status('m')[0]!.versions).toHaveLength(1);
  // One that goes, or may not be read, is served further.
  for (const code of ['ENOENT', 'EACCES']) {
    refused.set(folder, code);
    await engine.refresh();
    expect(widthOf(engine, 'm')).toBe(3);
    expect(errorOf(engine, 'm')!.message).toContain(`late cannot be read: ${code}`);
  }
});

test('that the repository itself cannot be read is warned of, once', async () => {
  const repository = folderOf({ 'a/1/model.onnx': model(1) });
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  onTestFinished(() => warn.mockRestore());
  const engine = await startEngine({ repository, pollSeconds: 0.01 });
  let asked = 0;
  refused.get = (folder) => (folder === repository && ++asked > 0 ? 'EACCES' : undefined);
  onTestFinished(() => void Reflect.deleteProperty(refused, 'get'));
  await until(() => asked > 5);
  expect(warn.mock.calls.map(([message]) => message)).toEqual([expect.stringMatching(/cannot be looked at: EACCES/)]);
  expect(widthOf(engine, 'a')).toBe(1);
});

// Models that calls bring: Triton's load with a configuration and files.

import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tensor } from 'tensorlane';
import { expect, onTestFinished, test, vi } from 'vitest';
import { expectError } from '../../../test/support/errors.js';
import { square } from '../../../test/support/onnx-builder.js';
import { pieceBytes } from '../lib/json/long-strings.js';
import { controlModel } from '../lib/v2/repository.js';
import { call, grpcClient } from './calls.js';
import { ask, folderOf, put, startEngine, startServer } from './support.js';

const ofTwo = square({ features: 2 });
const ofThree = square({ features: 3 });
const config = (more = {}) => JSON.stringify({ max_batch_size: 4, ...more });
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

/** Where the system keeps what is temporary, for this test alone. */
function ownTemporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tensorlane-given-'));
  vi.stubEnv('TMPDIR', folder);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Folders of models that calls have brought. */
const keptIn = (temporary: string) => readdirSync(temporary).filter((name) => name.startsWith('tensorlane-model-'));

async function started(files: Readonly<Record<string, Uint8Array | string>>) {
  const repository = folderOf(files);
  const server = await startServer({ repository, grpc: '127.0.0.1:0', explicitControl: true });
  const post = (path: string, parameters: object = {}) =>
    ask(`${server.url}/v2/repository/models/${path}`, { parameters });
  const widthOf = async (name: string) => server.engine.resolve({ name }).inputs[0]!.dims!.at(-1);
  return { repository, server, post, widthOf };
}

test('a configuration stands above the one in the folder, until the model is loaded without one', async () => {
  const { server, post } = await started({
    'm/1/model.onnx': ofTwo,
    'm/2/model.onnx': ofThree,
    'm/config.pbtxt': 'max_batch_size: 2',
    'bare.onnx': ofTwo,
  });
  const largest = async (name: string) =>
    ((await ask(`${server.url}/v2/models/${name}/config`)).body as { max_batch_size: number }).max_batch_size;
  const versions = () => server.engine.available('m').map(({ version }) => version);
  expect([await largest('m'), versions()]).toEqual([2, [2]]);
  const all = config({ versionPolicy: { all: {} }, dynamicBatching: { maxQueueDelayMicroseconds: '100' } });
  expect(await post('m/load', { config: all })).toMatchObject({ status: 200, body: '' });
  expect([await largest('m'), versions()]).toEqual([4, [2, 1]]);
  // A look at the folder changes nothing of it.
  await server.engine.refresh();
  expect([await largest('m'), versions()]).toEqual([4, [2, 1]]);
  expect(await post('m/load')).toMatchObject({ status: 200 });
  expect([await largest('m'), versions()]).toEqual([2, [2]]);
  expect(await post('bare/load', { config: config() })).toMatchObject({ status: 200 });
  expect(await largest('bare')).toBe(4);
  await post('bare/unload');
  expect(await post('bare/load')).toMatchObject({ status: 200 });
  expect(await largest('bare')).not.toBe(4);
});

test('files stand in place of the folder, over REST and gRPC, and are gone when they are not served', async () => {
  const temporary = ownTemporary();
  const { server, post, widthOf } = await started({ 'm.onnx': ofTwo });
  const files = { config: config(), 'file:7/model.onnx': base64(ofThree) };
  expect(await post('m/load', files)).toMatchObject({ status: 200 });
  expect([await widthOf('m'), server.engine.resolve({ name: 'm' }).version]).toEqual([3, 7]);
  expect(keptIn(temporary)).toHaveLength(1);
  await server.engine.refresh();
  expect(await widthOf('m')).toBe(3);
  // Of a model that the repository has not.
  const grpc = grpcClient(server.grpcTarget!);
  const load = 'inference.GRPCInferenceService/RepositoryModelLoad';
  await call(grpc, load, {
    model_name: 'new',
    parameters: {
      config: {
        string_param: config({ output: [{ name: 'y', data_type: 'TYPE_FP32', dims: [2], label_filename: 'names' }] }),
      },
      'file:1/model.onnx': { bytes_param: ofTwo },
      'file:names': { bytes_param: Buffer.from('one\ntwo\n') },
    },
  });
  const { y } = await server.engine.run('new', { x: tensor([[2, 3]]) });
  expect([...(y!.data as Float32Array)]).toEqual([4, 9]);
  expect(server.engine.resolve({ name: 'new' }).labelsOf('y')).toEqual(['one', 'two']);
  expect(keptIn(temporary)).toHaveLength(2);
  // The repository has it not: what is served stays.
  expect(await post('new/load')).toMatchObject({ status: 404 });
  expect(server.engine.available('new')).toHaveLength(1);
  expect(await post('m/load')).toMatchObject({ status: 200 });
  expect([await widthOf('m'), keptIn(temporary).length]).toEqual([2, 1]);
  expect(await post('new/unload')).toMatchObject({ status: 200 });
  await server.engine.refresh();
  await expectError(server.engine.run('new', {}), 'ERR_NOT_FOUND');
  expect(keptIn(temporary)).toEqual([]);
  await post('m/load', files);
  await server.close();
  expect(keptIn(temporary)).toEqual([]);
});

test('what cannot be loaded changes nothing, and is told', async () => {
  const temporary = ownTemporary();
  const { server, post, widthOf } = await started({ 'm.onnx': ofTwo });
  const good = { config: config(), 'file:1/model.onnx': base64(ofThree) };
  await post('m/load', good);
  const refused: readonly [object, number, RegExp][] = [
    [{ config: '{"max_batch_sise": 1}' }, 400, /configuration given for 'm'.*max_batch_sise/],
    [{ config: '{' }, 400, /configuration given for 'm'/],
    [{ config: config({ input: [{ name: 'z', data_type: 'TYPE_FP32', dims: [2] }] }) }, 400, /given for 'm'.*'z'/],
    [{ config: 3 }, 400, /'config' must be text/],
    [{ 'file:1/model.onnx': base64(ofTwo) }, 400, /come with the parameter 'config'/],
    [{ config: config(), 'file:1/model.onnx': 'AAA' }, 500, /model\.onnx/],
    [{ config: config(), 'file:1/model.onnx': 'A*==' }, 400, /base64/],
    [{ config: config(), 'file:1/model.onnx': 7 }, 400, /base64/],
    [{ config: config(), 'file:config.pbtxt': base64(Buffer.from('x')) }, 404, /no version that is loaded/],
    ...[
      '../1/model.onnx',
      '/1/model.onnx',
      '1//model.onnx',
      '1/./model.onnx',
      '',
      '1\\model.onnx',
      'a\0',
      '1/2/3/4/5/6/7/8/9',
    ].map((path): [object, number, RegExp] => [
      { config: config(), [`file:${path}`]: '' },
      400,
      /within the model's folder/,
    ]),
    [{ config: config(), 'file:1/model.mjs': '' }, 400, /is code/],
    [{ config: config(), 'file:1': '', 'file:1/model.onnx': '' }, 500, /./],
    [{ config: config(), other: '' }, 501, /'other'/],
  ];
  for (const [parameters, status, message] of refused) {
    const what = JSON.stringify(parameters);
    expect(await post('m/load', parameters), what).toMatchObject({
      status,
      body: { error: expect.stringMatching(message) },
    });
    expect([await widthOf('m'), keptIn(temporary).length], what).toEqual([3, 1]);
  }
  await server.engine.refresh();
  expect(await widthOf('m')).toBe(3);
  expect(await post('linalg.svd/load', { config: config() })).toMatchObject({ status: 400 });
  expect(await post('none/load', { config: config() })).toMatchObject({ status: 404 });
  const grpc = grpcClient(server.grpcTarget!);
  await expect(
    call(grpc, 'inference.GRPCInferenceService/RepositoryModelLoad', {
      model_name: 'm',
      parameters: { config: { string_param: config() }, 'file:1/model.onnx': { string_param: 'AAAA' } },
    }),
  ).rejects.toThrow(/must be bytes/);
  expect(existsSync(join(temporary, '..', 'model.onnx'))).toBe(false);
});

test('a large file is never in hand as a whole text, and the event loop turns with each piece of it', async () => {
  ownTemporary();
  const { server, post, widthOf } = await started({ 'm.onnx': ofTwo });
  const zeros = Buffer.alloc(4 * 2 ** 20);
  const large = base64(zeros);
  const parameters = { config: config(), 'file:1/model.onnx': base64(ofThree), 'file:1/weights': large };
  const decode = vi.spyOn(TextDecoder.prototype, 'decode');
  onTestFinished(() => decode.mockRestore());
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  // All of the body is there: it does not wait for anything but the reader.
  const body = Buffer.from(JSON.stringify({ parameters }));
  const exchange = { method: 'POST', header: () => undefined, signal: AbortSignal.timeout(200_000) };
  const loaded = vi.spyOn(server.engine, 'load').mockImplementation(async () => {
    isOver = true;
  });
  await controlModel('load', server.engine, { ...exchange, body: async () => body } as never, { name: 'm' });
  const [, given] = loaded.mock.calls[0]!;
  expect(Buffer.compare(given!.files!['1/weights']!, zeros)).toBe(0);
  expect(Buffer.compare(given!.files!['1/model.onnx']!, ofThree)).toBe(0);
  loaded.mockRestore();
  // To find where it ends, and that it has no escapes, and to decode it.
  expect(turns).toBeGreaterThanOrEqual(3 * (large.length / pieceBytes - 1));
  const longest = Math.max(...decode.mock.calls.map(([bytes]) => (bytes as Uint8Array).length));
  expect(longest).toBeLessThan(10_000);
  expect(await post('m/load', parameters)).toMatchObject({ status: 200 });
  expect(await widthOf('m')).toBe(3);
  // What is no file, or no JSON, is told as of any body.
  const text = 'x'.repeat(2 * pieceBytes);
  for (const [wrong, status, message] of [
    [{ parameters: { config: text } }, 400, 'configuration given'],
    [{ parameters: { [text]: '' } }, 501, "does not take the parameter 'xxx"],
    [{ parameters: { ...parameters, 'file:1/weights': `${large}*` } }, 400, 'unable to base64 decode'],
    [{ parameters: [large] }, 400, "'parameters' must be an object"],
    [`{"parameters": {"file:a": "${large}" "b"}}`, 400, `got "\\""`],
    [`{"parameters": {"file:a": "${large}", "file:a": 7}}`, 400, "'file:a' must be base64"],
  ] as const) {
    const { status: got, body: answer } = await ask(`${server.url}/v2/repository/models/m/load`, wrong);
    expect([got, (answer as { error: string }).error]).toEqual([status, expect.stringContaining(message)]);
  }
});

test('control has to be on, and an engine checks what it is given', async () => {
  const repository = folderOf({ 'm.onnx': ofTwo });
  const closed = await startServer({ repository });
  expect(await ask(`${closed.url}/v2/repository/models/m/load`, { parameters: { config: config() } })).toMatchObject({
    status: 501,
  });
  const engine = await startEngine({ repository, explicitControl: true });
  await expectError(engine.load('m', { config: 1 } as never), 'ERR_ARGUMENT', /config must be text/);
  await expectError(engine.load('m', { config: '', file: {} } as never), 'ERR_ARGUMENT', /no option 'file'/);
  await expectError(engine.load('m', { config: '', files: { '1/model.onnx': 'x' } } as never), 'ERR_ARGUMENT', /bytes/);
  await engine.load('m', { config: 'max_batch_size: 3' });
  expect(engine.resolve({ name: 'm' }).maxBatchSize).toBe(3);
  // New files of the repository are found as before.
  put(repository, { 'm.onnx': ofThree });
  await engine.refresh();
  expect([engine.resolve({ name: 'm' }).maxBatchSize, engine.resolve({ name: 'm' }).inputs[0]!.dims]).toEqual([
    3,
    [-1, 3],
  ]);
});

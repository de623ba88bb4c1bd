// TensorFlow Serving's calls with examples, classify, regress and MultiInference, over REST and gRPC; and its configuration by a call.

import { join } from 'node:path';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { initializer, model, node, square, strings, value } from '../../../test/support/onnx-builder.js';
import { protos } from '../lib/core/protos.js';
import type { Server, ServerOptions } from '../lib/index.js';
import { ask, folderOf, put, startServer } from './support.js';

// biome-ignore lint/suspicious/noExplicitAny: what a message has is what its .proto file says
type Message = any;

/** scores = x * 2 over [N, 2], outputs = the sum of x + bias as [N, 1]; bias is of each example. */
function scorer(): Uint8Array {
  return model({
    inputs: [value('x', 'float32', ['N', 2]), value('bias', 'float32', ['N'])],
    outputs: [value('scores', 'float32', ['N', 2]), value('outputs', 'float32', ['N', 1])],
    nodes: [
      node('Add', ['x', 'x'], ['scores']),
      node('ReduceSum', ['x', 'axes'], ['sum'], { keepdims: { int: 1 } }),
      node('Unsqueeze', ['bias', 'axes'], ['column']),
      node('Add', ['sum', 'column'], ['outputs']),
    ],
    initializers: [initializer('axes', 'int64', [1], BigInt64Array.of(1n))],
  });
}
const labelled = `max_batch_size: 8
  output [ { name: "scores" data_type: TYPE_FP32 dims: 2 label_filename: "labels" }, { name: "outputs" data_type: TYPE_FP32 dims: 1 } ]`;
const files = {
  'm/1/model.onnx': scorer(),
  'm/config.pbtxt': labelled,
  'm/labels': 'cat\ndog\n',
  'words.onnx': strings({ features: 2 }),
  'square.onnx': square({ features: 2 }),
};

async function started(options: ServerOptions = {}): Promise<{ server: Server; client: Client }> {
  const server = await startServer({ repository: folderOf(files), grpc: '127.0.0.1:0', ...options });
  const client = new Client(server.grpcTarget!, credentials.createInsecure());
  onTestFinished(() => client.close());
  return { server, client };
}

async function post(server: Server, path: string, body: unknown) {
  const sent = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${server.url}/v1/models/${path}`, { method: 'POST', body: sent });
  return [response.status, await response.text()] as const;
}

/** The reply as bytes in hex, or the failure. */
function callRaw(client: Client, service: string, name: string, bytes: Uint8Array): Promise<string | [number, string]> {
  return new Promise((resolve) => {
    const same = (one: Buffer) => one;
    client.makeUnaryRequest(
      `/tensorflow.serving.${service}/${name}`,
      same,
      same,
      Buffer.from(bytes),
      new Metadata(),
      (error: ServiceError | null, reply) =>
        resolve(error === null ? reply!.toString('hex') : [error.code, error.details]),
    );
  });
}

async function call(client: Client, service: string, name: string, request: object): Promise<Message> {
  const method = protos().lookupService(`tensorflow.serving.${service}`).methods[name]!;
  method.resolve();
  const { resolvedRequestType: type, resolvedResponseType: reply } = method;
  const got = await callRaw(client, service, name, type!.encode(type!.fromObject(request)).finish());
  return typeof got === 'string' ? reply!.toObject(reply!.decode(Buffer.from(got, 'hex')), { longs: Number }) : got;
}

test('classify and regress over REST', async () => {
  const { server } = await started();
  const examples = [{ x: [1, 2.5] }, { x: [0, -1], bias: 7 }];
  expect(await post(server, 'm:classify', { context: { bias: 10 }, examples })).toEqual([
    200,
    '{\n    "results": [\n        [\n            ["cat", 2.0],\n            ["dog", 5.0]\n        ],\n        [\n            ["cat", 0.0],\n            ["dog", -2.0]\n        ]\n    ]\n}',
  ]);
  const [status, text] = await post(server, 'm/versions/1:regress', { context: { bias: 10 }, examples });
  expect([status, JSON.parse(text)]).toEqual([200, { results: [13.5, 6] }]);
  expect(text).toMatch(/\[13\.5, 6\.0\s*\]/);
  const wrong: readonly [string, unknown, number, RegExp][] = [
    ['m:classify', {}, 400, /Request has no 'examples' list/],
    ['m:classify', { examples: [] }, 400, /Input is empty/],
    ['m:classify', { examples: [5] }, 400, /Example 0 must be an object/],
    ['m:classify', { examples: [{ x: [1, 2] }] }, 400, /Feature: bias .* is required but could not be found/],
    ['m:classify', { examples: [{ x: [1], bias: 1 }] }, 400, /example 0 has 1 values, expected 2/],
    ['m:classify', { examples: [{ x: [[1, 2]], bias: 1 }] }, 400, /must be a value or a list of values/],
    ['m:regress', { examples: [{ x: ['a', 'b'], bias: 1 }] }, 400, /is no float32/],
    ['m:regress', { signature_name: 'other', examples }, 400, /not found/],
    ['square:regress', { examples: [{ x: [1, 2] }] }, 400, /no output of values/],
    ['words:classify', { examples: [{ x: ['a', 'b'] }] }, 400, /no output of scores/],
    ['none:classify', { examples }, 404, /Latest\(none\)/],
  ];
  for (const [path, body, code, message] of wrong) {
    const [got, reply] = await post(server, path, body);
    expect([got, JSON.parse(reply)], path).toEqual([code, { error: expect.stringMatching(message) }]);
  }
});

const floats = (...numbers: number[]) => ({ float_list: { value: numbers } });
const exampleOf = (x: number[], bias?: number) => ({
  features: { feature: { x: floats(...x), ...(bias === undefined ? {} : { bias: floats(bias) }) } },
});

test('whether examples are long or not shows in nothing', async () => {
  const sum = model({
    inputs: [value('x', 'float32', ['N', 300])],
    outputs: [value('outputs', 'float32', ['N', 1])],
    nodes: [node('ReduceSum', ['x', 'axes'], ['outputs'], { keepdims: { int: 1 } })],
    initializers: [initializer('axes', 'int64', [1], BigInt64Array.of(1n))],
  });
  const server = await startServer({ repository: folderOf({ 'm.onnx': sum }) });
  const long = Array.from({ length: 300 }, (_, i) => i);
  const bodies = [
    { examples: [{ x: long }] },
    { examples: [{ x: long }, { x: long.toReversed() }] },
    { context: { x: long }, examples: [{}, { x: long }] },
    { examples: [{ x: [long] }] },
    { examples: [{ x: [long, long] }] },
    { examples: [{ x: [...long, 1] }] },
    { examples: [{ x: [...long.slice(1), 'a'] }] },
    { examples: [{ x: [...long.slice(1), 1e300] }] },
    { examples: [{ x: long, other: long }] },
    { examples: [{ x: long, other: [long] }] },
    { examples: [long] },
    { examples: long },
    { examples: { x: long } },
    { context: long, examples: [{ x: long }] },
    { signature_name: long, examples: [{ x: long }] },
  ];
  let good = 0;
  for (const body of bodies) {
    const text = JSON.stringify(body);
    const asked = (sent: string) => ask(`${server.url}/v1/models/m:regress`, sent);
    const [short, padded] = [await asked(text), await asked(text + ' '.repeat(20_000))];
    expect([padded.status, padded.body], text.slice(0, 50)).toEqual([short.status, short.body]);
    if (short.status === 200) good++;
  }
  expect(good).toBe(4);
});

test('classify, regress and both at once over gRPC', async () => {
  const { server, client } = await started();
  const input = {
    example_list_with_context: { examples: [exampleOf([1, 2.5]), exampleOf([0, -1], 7)], context: exampleOf([], 10) },
  };
  const model_spec = { name: 'm' };
  const spec = { name: 'm', version: { value: 1 }, signature_name: 'serving_default' };
  const classified = {
    classifications: [
      {
        classes: [
          { label: 'cat', score: 2 },
          { label: 'dog', score: 5 },
        ],
      },
      { classes: [{ label: 'cat' }, { label: 'dog', score: -2 }] },
    ],
  };
  const regressed = { regressions: [{ value: 13.5 }, { value: 6 }] };
  const plain = (message: Message) => JSON.parse(JSON.stringify(message));
  expect(plain(await call(client, 'PredictionService', 'Classify', { model_spec, input }))).toMatchObject({
    result: classified,
    model_spec: spec,
  });
  expect(plain(await call(client, 'PredictionService', 'Regress', { model_spec, input }))).toEqual({
    result: regressed,
    model_spec: spec,
  });
  const before = server.engine.resolve({ name: 'm' }).stats()!.requests.completed;
  const task = (method: string, own: object = model_spec) => ({
    model_spec: own,
    method_name: `tensorflow/serving/${method}`,
  });
  const both = await call(client, 'PredictionService', 'MultiInference', {
    tasks: [task('classify'), task('regress')],
    input,
  });
  expect(plain(both).results).toMatchObject([
    { model_spec: spec, classification_result: classified },
    { model_spec: spec, regression_result: regressed },
  ]);
  expect(server.engine.resolve({ name: 'm' }).stats()!.requests.completed).toBe(before + 1);
  const wrong: readonly [object, number, RegExp][] = [
    [{ tasks: [], input }, 3, /no tasks/],
    [{ tasks: [task('predict')], input }, 3, /Unsupported signature method_name/],
    [{ tasks: [task('classify'), task('regress', { name: 'square' })], input }, 3, /must access the same model/],
    [{ tasks: [task('classify'), task('classify')], input }, 3, /Duplicate evaluation/],
    [{ tasks: [task('classify')] }, 3, /Input is empty/],
    [{ tasks: [task('classify', { name: 'none' })], input }, 5, /Latest\(none\)/],
  ];
  for (const [request, code, message] of wrong) {
    expect(await call(client, 'PredictionService', 'MultiInference', request)).toEqual([
      code,
      expect.stringMatching(message),
    ]);
  }
});

test('requests and answers are, to the byte, those that other implementations make', async () => {
  const vectors: readonly [string, object, string][] = [
    [
      'ClassificationRequest',
      {
        model_spec: { name: 'm' },
        input: { example_list: { examples: [{ features: { feature: { f: floats(1, -2.5) } } }] } },
      },
      '0a030a016d12190a170a150a130a110a0166120c120a0a080000803f000020c0',
    ],
    [
      'ClassificationResponse',
      {
        result: { classifications: [{ classes: [{ label: 'a', score: 0.5 }] }] },
        model_spec: { name: 'm', version: { value: 1 } },
      },
      '0a0c0a0a0a080a0161150000003f12070a016d12020801',
    ],
  ];
  for (const [name, message, hex] of vectors) {
    const type = protos().lookupType(`tensorflow.serving.${name}`);
    expect(Buffer.from(type.encode(type.fromObject(message)).finish()).toString('hex')).toBe(hex);
    expect(type.toObject(type.decode(Buffer.from(hex, 'hex')))).toEqual(type.toObject(type.fromObject(message)));
  }
  // One example of two values, which are the scores: the server's own answer.
  const server = await startServer({
    repository: folderOf({
      'm.onnx': model({
        inputs: [value('f', 'float32', ['N', 2])],
        outputs: [value('scores', 'float32', ['N', 2])],
        nodes: [node('Identity', ['f'], ['scores'])],
      }),
    }),
    grpc: '127.0.0.1:0',
  });
  const client = new Client(server.grpcTarget!, credentials.createInsecure());
  onTestFinished(() => client.close());
  expect(await callRaw(client, 'PredictionService', 'Classify', Buffer.from(vectors[0]![2], 'hex'))).toBe(
    '0a100a0e0a05150000803f0a0515000020c012180a016d120208011a0f73657276696e675f64656661756c74',
  );
});

test('a configuration by a call replaces the one before, within its folders', async () => {
  const folder = folderOf({
    'a/1/model.onnx': square({ features: 2 }),
    'a/2/model.onnx': square({ features: 2 }),
    'b/1/model.onnx': square({ features: 2 }),
    'c/1/model.onnx': 'broken',
  });
  const options = { repository: undefined, models: { a: { folder: join(folder, 'a') }, all: { folder } } };
  const { server, client } = await started({ ...options, explicitControl: true });
  const reload = (config: object[]) =>
    call(client, 'ModelService', 'HandleReloadConfigRequest', { config: { model_config_list: { config } } });
  const served = () =>
    Object.fromEntries(
      server.engine.status().map(({ name }) => [name, server.engine.available(name).map(({ version }) => version)]),
    );
  expect(served()).toMatchObject({ a: [2] });
  const both = [
    { name: 'a', base_path: join(folder, 'a'), model_version_policy: { all: {} }, version_labels: { old: 1 } },
    { name: 'b', base_path: join(folder, 'b') },
  ];
  expect(await reload(both)).toEqual({ status: {} });
  expect(served()).toMatchObject({ a: [2, 1], b: [1] });
  expect(server.engine.resolve({ name: 'a', label: 'old' }).version).toBe(1);
  expect(await reload([{ name: 'b', base_path: join(folder, 'b') }])).toEqual({ status: {} });
  expect(served().a ?? []).toEqual([]);
  const wrong: readonly [object[], number, RegExp][] = [
    [[{ name: 'x', base_path: '/etc' }], 3, /not within the repository, or a folder that was configured/],
    [[{ name: 'x', base_path: `${folder}/../..` }], 3, /not within/],
    [[{ name: 'x', base_path: 'relative' }], 3, /must be absolute/],
    [[{ base_path: folder }], 3, /has no name/],
    [[{ name: 'x', base_path: folder, model_platform: 'caffe' }], 3, /'caffe'/],
  ];
  for (const [config, code, message] of wrong)
    expect(await reload(config)).toEqual([code, expect.stringMatching(message)]);
  expect(served()).toMatchObject({ b: [1] });
  expect(await reload([...both, { name: 'c', base_path: join(folder, 'c') }])).toEqual([
    13,
    expect.stringMatching(/model\.onnx/),
  ]);
  expect(served()).toMatchObject({ a: [2, 1], b: [1], c: [] });
  // What comes later is served.
  put(folder, { 'c/1/model.onnx': square({ features: 2 }) });
  await server.engine.refresh();
  expect(served()).toMatchObject({ c: [1] });
  const plain = await started();
  expect(
    (await call(plain.client, 'ModelService', 'HandleReloadConfigRequest', { config: { model_config_list: {} } }))[0],
  ).toBe(12);
  expect((await ask(`${plain.server.url}/v1/models/m`)).status).toBe(200);
});

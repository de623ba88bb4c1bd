// Configuration files: TensorFlow Serving's, and our own.

import { join } from 'node:path';
import { tensor } from 'tensorlane';
import { expect, test } from 'vitest';
import { fixedBatch, identity, square } from '../../../test/support/onnx-builder.js';
import { readBatchingFile, readConfigFile, readModelConfigFile, readServingFile } from '../lib/index.js';
import { folderOf, startEngine } from './support.js';

const text = `# two models
model_config_list {
  config { name: "a" base_path: "/models/a" model_platform: "tensorflow" }
  config: <
    name: 'b', base_path: 'beside/b';
    model_version_policy { specific { versions: [1, 0x2] versions: 7 } }
    version_labels { key: "stable" value: 1 }
    version_labels { key: "canary" value: 2 }
  >
  config { name: "c" base_path: "/c" model_version_policy { latest { num_versions: 3 } } }
  config { name: "d" base_path: "/d" model_version_policy { all {} } }
}`;
const json = {
  model_config_list: {
    config: [
      { name: 'a', base_path: '/models/a', model_platform: 'tensorflow' },
      {
        name: 'b',
        base_path: 'beside/b',
        model_version_policy: { specific: { versions: [1, 2, '7'] } },
        version_labels: { stable: 1, canary: 2 },
      },
      { name: 'c', base_path: '/c', model_version_policy: { latest: { num_versions: 3 } } },
      { name: 'd', base_path: '/d', model_version_policy: { all: {} } },
    ],
  },
};

test('model_config_list as text and as JSON say the same', () => {
  const folder = folderOf({ 'models.config': text, 'models.json': JSON.stringify(json) });
  const expected = {
    a: { folder: '/models/a', versions: { latest: 1 }, labels: {} },
    b: { folder: join(folder, 'beside/b'), versions: { specific: [1, 2, 7] }, labels: { stable: 1, canary: 2 } },
    c: { folder: '/c', versions: { latest: 3 }, labels: {} },
    d: { folder: '/d', versions: { all: true }, labels: {} },
  };
  expect(readModelConfigFile(join(folder, 'models.config'))).toEqual(expected);
  expect(readModelConfigFile(join(folder, 'models.json'))).toEqual(expected);
});

test('models of a configuration are served from their folders, and one that is not there is waited for', async () => {
  const folder = folderOf({
    'models.config': `model_config_list { config { name: "m" base_path: "versions" model_version_policy { all {} } version_labels { key: "old" value: 1 } }
      config { name: "late" base_path: "late" } }`,
    'versions/1/model.onnx': square({ features: 1 }),
    'versions/00000002/model.onnx': square({ features: 1 }),
  });
  const engine = await startEngine({ models: readModelConfigFile(join(folder, 'models.config')) });
  expect(engine.available('m').map(({ version }) => version)).toEqual([2, 1]);
  expect(engine.resolve({ name: 'm', label: 'old' }).version).toBe(1);
  const { y } = await engine.run({ name: 'm', label: 'old' }, { x: tensor([[3]]) });
  expect(y!.data[0]).toBe(9);
  expect(engine.status('late')).toEqual([{ name: 'late', versions: [] }]);
  expect(engine.ready).toBe(false);
});

test.each([
  ['model_config_list { config { nam: "m" } }', /nam/],
  ['model_config_list { config { name: "m" } }', /'m' has no base_path/],
  ['model_config_list { config { base_path: "m" } }', /has no name/],
  [
    'model_config_list { config { name: "m" base_path: "a" } config { name: "m" base_path: "b" } }',
    /two configs of 'm'/,
  ],
  ['model_config_list { config { name: "m" base_path: "a" model_platform: "caffe" } }', /model_platform 'caffe'/],
  [
    'model_config_list { config { name: "m" base_path: "a" model_version_policy { latest {} all {} } } }',
    /policy_choice: multiple values/,
  ],
  ['{"model_config_list": {"config": [{"name": "m", "basePat": "a"}]}}', /basePat/],
  ['', /no model_config_list/],
  ['model_config_list {', /ModelServerConfig/],
])('%s is refused', (content, message) => {
  const file = join(folderOf({ f: content }), 'f');
  expect(() => readModelConfigFile(file)).toThrow(message);
});

test('batching parameters become options', () => {
  const folder = folderOf({
    all: `max_batch_size { value: 64 } batch_timeout_micros { value: 2000 } max_enqueued_batches { value: 10 }
      num_batch_threads { value: 3 } allowed_batch_sizes: 8 allowed_batch_sizes: 64 enable_large_batch_splitting { value: true }`,
    json: '{"max_batch_size": 16, "batch_timeout_micros": "0"}',
    pads: 'pad_variable_length_inputs: true',
    wrong: 'max_batch_size: 4',
    pool: 'max_batch_size { value: 4 } thread_pool_name { value: "batches" }',
    'pool.json': '{"thread_pool_name": "batches"}',
  });
  expect(readBatchingFile(join(folder, 'all'))).toEqual({
    concurrency: 3,
    batching: {
      required: false,
      maxBatchSize: 64,
      maxQueueDelayMicros: 2000,
      allowedBatchSizes: [8, 64],
      maxQueueSize: 640,
      splitOversize: true,
    },
  });
  expect(readBatchingFile(join(folder, 'json'))).toEqual({
    batching: { required: false, maxBatchSize: 16, maxQueueDelayMicros: 0 },
  });
  expect(readBatchingFile(join(folder, 'pads')).batching).toMatchObject({ padVariableLength: true });
  expect(() => readBatchingFile(join(folder, 'wrong'))).toThrow(/BatchingParameters/);
  expect(() => readBatchingFile(join(folder, 'pool'))).toThrow(/thread_pool_name/);
  expect(() => readBatchingFile(join(folder, 'pool.json'))).toThrow(/thread_pool_name/);
  expect(() => readBatchingFile(join(folder, 'none'))).toThrow(/ENOENT/);
});

test('a file may say batching and memory of a GPU beside its models', async () => {
  const models = 'model_config_list { config { name: "m" base_path: "m" } }';
  const folder = folderOf({
    text: `${models} batching_config { max_batch_size { value: 4 } } gpu_config { per_process_gpu_memory_fraction: 0.5 allow_growth: false }`,
    json: '{"model_config_list": {"config": []}, "batching_config": {"max_batch_size": 4}, "gpu_config": {"allow_growth": true}}',
    plain: models,
    wrong: `${models} gpu_config { visible_device_list: "0" }`,
    'm/1/model.onnx': square({ features: 2 }),
  });
  const load = { batching: { required: false, maxBatchSize: 4, maxQueueDelayMicros: 0 } };
  const text = readServingFile(join(folder, 'text'));
  expect(text).toMatchObject({ load, device: { memory: { fraction: 0.5, growth: false } } });
  expect(readServingFile(join(folder, 'json'))).toEqual({ models: {}, load, device: { memory: { growth: true } } });
  expect(Object.keys(readServingFile(join(folder, 'plain')))).toEqual(['models']);
  expect(() => readServingFile(join(folder, 'wrong'))).toThrow(/visible_device_list/);
  const engine = await startEngine({ ...text, device: { ...text.device, device: 'cpu' } });
  const { y } = await engine.run('m', { x: tensor([[2, 3]]) });
  expect([...y!.data]).toEqual([4, 9]);
  expect(engine.resolve({ name: 'm' }).maxBatchSize).toBe(4);
});

test('batching for all models leaves those alone that have no batch', async () => {
  const folder = folderOf({
    batching: 'max_batch_size { value: 8 }',
    'models/fixed.onnx': fixedBatch({ features: 2 }),
    'models/free.onnx': square({ features: 2 }),
  });
  const engine = await startEngine({
    repository: join(folder, 'models'),
    load: readBatchingFile(join(folder, 'batching')),
  });
  for (const name of ['fixed', 'free']) {
    const { y } = await engine.run(name, { x: tensor([[2, 3]]) });
    expect([...y!.data]).toEqual([4, 9]);
  }
});

test('a file of our own is JSON or a module, and its paths are relative to it', async () => {
  const folder = folderOf({
    'a.json':
      '{"repository": "models", "models": {"m": {"folder": "m", "versions": {"latest": 2}, "load": {"tuned": "m.json", "threads": 1}}}, "load": {"tuned": "/t.json"}}',
    'b.mjs': 'export default { repository: "../models", http: "0" };',
    'c.mjs': 'export const options = {};',
    'd.json': '{"repository": }',
  });
  expect(await readConfigFile(join(folder, 'a.json'))).toEqual({
    repository: join(folder, 'models'),
    models: {
      m: { folder: join(folder, 'm'), versions: { latest: 2 }, load: { tuned: join(folder, 'm.json'), threads: 1 } },
    },
    load: { tuned: '/t.json' },
  });
  expect(await readConfigFile(join(folder, 'b.mjs'))).toEqual({ repository: join(folder, '../models'), http: '0' });
  await expect(readConfigFile(join(folder, 'c.mjs'))).rejects.toThrow(/default export/);
  await expect(readConfigFile(join(folder, 'd.json'))).rejects.toThrow(/cannot be read/);
});

test('files that a configuration names lie beside it', async () => {
  const tls = { cert: 'cert.pem', key: '/keys/key.pem' };
  const auth = { inference: { tokenFile: 'tokens', tokens: ['a'] }, control: { tokenVariable: 'X' } };
  const trace = { file: 'trace.json', rate: 10 };
  const folder = folderOf({ 'tensorlane.config.json': JSON.stringify({ repository: 'models', tls, auth, trace }) });
  expect(await readConfigFile(join(folder, 'tensorlane.config.json'))).toEqual({
    repository: join(folder, 'models'),
    trace: { file: join(folder, 'trace.json'), rate: 10 },
    tls: { cert: join(folder, 'cert.pem'), key: '/keys/key.pem' },
    auth: { inference: { tokenFile: join(folder, 'tokens'), tokens: ['a'] }, control: { tokenVariable: 'X' } },
  });
});

test('so do those of ONNX Runtime and of its sessions, and sockets', async () => {
  const session = { customOpsLibraries: ['ops.so', '/ops.so'], profileFilePrefix: 'profile', logId: 'x' };
  const options = {
    http: 'unix:http.socket',
    grpc: '127.0.0.1:0',
    device: { device: 'cpu', onnxruntime: 'libonnxruntime.so' },
    load: { session },
    models: { m: { load: { session: { optimizedModelFilePath: 'm.onnx' } } }, n: 1 },
  };
  const folder = folderOf({ 'a.json': JSON.stringify(options), 'b.json': '{"device": {"onnxruntime": "newest"}}' });
  expect(await readConfigFile(join(folder, 'a.json'))).toEqual({
    http: `unix:${join(folder, 'http.socket')}`,
    grpc: '127.0.0.1:0',
    device: { device: 'cpu', onnxruntime: join(folder, 'libonnxruntime.so') },
    load: {
      session: {
        customOpsLibraries: [join(folder, 'ops.so'), '/ops.so'],
        profileFilePrefix: join(folder, 'profile'),
        logId: 'x',
      },
    },
    models: { m: { load: { session: { optimizedModelFilePath: join(folder, 'm.onnx') } } }, n: 1 },
  });
  expect(await readConfigFile(join(folder, 'b.json'))).toEqual({ device: { onnxruntime: 'newest' } });
});

test('pad_variable_length_inputs: requests of different lengths share batches, and each gets its own length', async () => {
  const folder = folderOf({
    'models/m.onnx': identity('float32', ['N', 'L']),
    batching: 'pad_variable_length_inputs: true max_batch_size { value: 8 } batch_timeout_micros { value: 200000 }',
  });
  const load = readBatchingFile(join(folder, 'batching'));
  const engine = await startEngine({ repository: join(folder, 'models'), load });
  const rows = [
    [1, 2, 3, 4, 5],
    [6, 7, 8, 9, 10, 11, 12],
    [13, 14, 15, 16, 17, 18],
  ];
  const answers = await Promise.all(rows.map((row) => engine.run('m', { x: tensor([row]) })));
  expect(answers.map(({ y }) => [...(y!.data as Float32Array)])).toEqual(rows);
  expect(engine.resolve({ name: 'm' }).stats()!.batches.sizes).toEqual({ 3: 1 });
});

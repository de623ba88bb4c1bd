// Triton's layout: what config.pbtxt says of a model, and of requests to it.

import { join } from 'node:path';
import { tensor } from 'tensorlane';
import { describe, expect, test } from 'vitest';
import { expectError } from '../../../test/support/errors.js';
import {
  add,
  identity,
  initializer,
  model,
  node,
  square,
  twoOutputs,
  value,
} from '../../../test/support/onnx-builder.js';
import type { Engine } from '../lib/index.js';
import { ask, folderOf, put, startEngine, startServer, until } from './support.js';

const whole = `
  # As Triton's documentation has it
  name: "m"  platform: "onnxruntime_onnx"  max_batch_size: 8
  input [ { name: "x" data_type: TYPE_FP32 dims: [ 2 ] } ]
  output [ { name: "y" data_type: TYPE_FP32 dims: [ 2 ] label_filename: "labels.txt" } ]
  version_policy: { all { } }
  instance_group [ { count: 3 kind: KIND_CPU } ]
  dynamic_batching {
    preferred_batch_size: [ 8, 4 ]
    max_queue_delay_microseconds: 200000
    preserve_ordering: true
    priority_levels: 2
    default_priority_level: 2
    default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 5000000 allow_timeout_override: true max_queue_size: 100 }
    priority_queue_policy { key: 1 value { max_queue_size: 7 } }
  }
  optimization { graph { level: 1 } }
  parameters { key: "intra_op_thread_count" value: { string_value: "1" } }
  parameters { key: "mine" value: { string_value: "anything" } }
  model_warmup [ { name: "zeros" batch_size: 4 count: 2 inputs { key: "x" value { data_type: TYPE_FP32 dims: 2 zero_data: true } } } ]
`;

const files = (config: string, bytes: Uint8Array = square({ features: 2 })) => ({
  'm/1/model.onnx': bytes,
  'm/config.pbtxt': config,
  'm/labels.txt': 'zero\none\n',
});
const started = (config: string, bytes?: Uint8Array) => startEngine({ repository: folderOf(files(config, bytes)) });
const x = (rows = 1) => ({ x: tensor(new Float32Array(2 * rows).fill(3), [rows, 2]) });
const errorOf = (engine: Engine) => engine.status('m')[0]!.versions[0]!.error as { message: string } | undefined;

describe('what a configuration says', () => {
  test('holds for the model: versions, rows, delays, priorities, warm-up', async () => {
    const engine = await startEngine({
      repository: folderOf({ ...files(whole), 'm/2/model.onnx': square({ features: 2 }) }),
    });
    expect(engine.available('m').map(({ version }) => version)).toEqual([2, 1]);
    const servable = engine.resolve({ name: 'm' });
    expect([servable.maxBatchSize, servable.priorityLevels]).toEqual([8, 2]);
    expect(servable.stats()!.lanes.size).toBe(3);
    // Four are a preferred size, and wait for nobody else.
    const outputs = await Promise.all(Array.from({ length: 8 }, () => engine.run('m', x())));
    expect(outputs.map(({ y }) => [...y!.data])).toEqual(outputs.map(() => [9, 9]));
    const { rows, executions } = servable.statistics.total(servable.stats());
    expect(rows).toBe(8);
    expect(executions).toBeLessThanOrEqual(2);
    await expectError(engine.run('m', x(9)), 'ERR_SHAPE', /more rows than maxBatchSize, 8/);
    await engine.run('m', x(), { priority: 1 });
  });

  test('is told, completed by the model', async () => {
    const server = await startServer({
      repository: folderOf({ ...files(whole), 'plain.onnx': identity('int64', ['N', 3]) }),
    });
    const { status, body } = await ask(`${server.url}/v2/models/m/config`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      name: 'm',
      platform: 'onnxruntime_onnx',
      backend: 'onnxruntime',
      max_batch_size: 8,
      version_policy: { all: {} },
      input: [{ name: 'x', data_type: 'TYPE_FP32', format: 'FORMAT_NONE', dims: [2], optional: false }],
      output: [{ name: 'y', data_type: 'TYPE_FP32', dims: [2], label_filename: 'labels.txt' }],
      dynamic_batching: {
        preferred_batch_size: [8, 4],
        max_queue_delay_microseconds: 200000,
        default_queue_policy: { timeout_action: 'DELAY', max_queue_size: 100 },
        priority_queue_policy: { 1: { max_queue_size: 7 } },
      },
      instance_group: [{ count: 3, kind: 'KIND_CPU' }],
      parameters: { mine: { string_value: 'anything' } },
      model_warmup: [{ name: 'zeros', batch_size: 4, count: 2 }],
    });
    expect((await ask(`${server.url}/v2/models/plain/config`)).body).toMatchObject({
      name: 'plain',
      backend: 'onnxruntime',
      max_batch_size: 32,
      input: [{ name: 'x', data_type: 'TYPE_INT64', dims: [3] }],
      output: [{ name: 'y', data_type: 'TYPE_INT64', dims: [3] }],
    });
    expect((await ask(`${server.url}/v2/models/none/config`)).status).toBe(404);
  });

  test('what is said by options stands above it, and what is said of all models below', async () => {
    const repository = folderOf({ ...files('max_batch_size: 8'), 'm/2/model.onnx': square({ features: 2 }) });
    const models = { m: { versions: { specific: [1] }, load: { batching: { maxBatchSize: 5 } } } };
    const engine = await startEngine({ repository, models, load: { concurrency: 4, batching: { maxBatchSize: 3 } } });
    expect(engine.available('m').map(({ version }) => version)).toEqual([1]);
    expect(engine.resolve({ name: 'm' }).stats()!.lanes.size).toBe(4);
    await expectError(engine.run('m', x(6)), 'ERR_SHAPE', /more rows than maxBatchSize, 5/);
    await engine.run('m', x(5));
  });

  test('when it changes, the model is loaded anew; when it is wrong, nothing changes', async () => {
    const repository = folderOf(files('max_batch_size: 2'));
    const engine = await startEngine({ repository });
    await expectError(engine.run('m', x(3)), 'ERR_SHAPE');
    put(repository, { 'm/config.pbtxt': 'max_batch_size: 3 ' });
    await engine.refresh();
    await engine.run('m', x(3));
    put(repository, { 'm/config.pbtxt': 'max_batch_sizes: 4' });
    await engine.refresh();
    await engine.run('m', x(3));
    expect(errorOf(engine)!.message).toMatch(/config\.pbtxt is no configuration.*max_batch_sizes/);
    put(repository, { 'm/config.pbtxt': 'max_batch_size: 40' });
    await engine.refresh();
    expect(errorOf(engine)).toBeUndefined();
    await engine.run('m', x(40));
  });

  test('the file that it names is the model, and nothing leads out of the repository', async () => {
    const repository = folderOf({
      'm/1/other.onnx': square({ features: 2 }),
      'm/config.pbtxt': 'default_model_filename: "other.onnx"',
      'out/1/model.onnx': square({ features: 2 }),
      'out/config.pbtxt': 'output { name: "y" data_type: TYPE_FP32 dims: [-1, 2] label_filename: "../../secret" }',
      'gone/1/model.onnx': square({ features: 2 }),
      'gone/config.pbtxt': 'output { name: "y" data_type: TYPE_FP32 dims: [-1, 2] label_filename: "none" }',
    });
    put(join(repository, '..'), { secret: 'word' });
    const engine = await startEngine({ repository });
    await engine.run('m', x());
    const [out, gone] = ['out', 'gone'].map((name) => engine.status(name)[0]!.versions[0]!);
    expect((out!.error as Error).message).toMatch(/leads out of/);
    expect((gone!.error as Error).message).toMatch(/none cannot be read/);
  });
});

test.each([
  ['nam: "m"', /nam/],
  ['name: "other"', /its name is 'other', but that of its folder 'm'/],
  ['platform: "tensorrt_plan"', /platform 'tensorrt_plan' is not served/],
  ['backend: "python"', /backend 'python' is not served here; onnxruntime is; a model.mjs/],
  ['max_batch_size: -1', /max_batch_size must be at least 0/],
  ['input { name: "q" data_type: TYPE_FP32 dims: [-1, 2] }', /no input 'q'; it has 'x'/],
  ['input { name: "x" data_type: TYPE_INT32 dims: [-1, 2] }', /'x' is TYPE_INT32, but TYPE_FP32 in the model/],
  ['input { name: "x" dims: [-1, 2] }', /'x' has no data_type/],
  ['input { name: "x" data_type: TYPE_FP32 dims: [-1, 3] }', /dims \[-1, 3\] are not the model's, \[-1, 2\]/],
  ['max_batch_size: 4 input { name: "x" data_type: TYPE_FP32 dims: [1, 2] }', /with the rows of max_batch_size before/],
  ['input { name: "x" data_type: TYPE_FP32 dims: [-1, 2] is_shape_tensor: true }', /TensorRT/],
  ['input { name: "x" data_type: TYPE_FP32 dims: [-1, 2] allow_ragged_batch: true }', /allow_ragged_batch/],
  ['input { name: "x" data_type: TYPE_FP32 dims: [-1, 2] optional: true }', /optional/],
  ['input { name: "x" data_type: TYPE_FP32 dims: [3] reshape { shape: [-1, 2] } }', /same number of elements/],
  ['output { name: "q" data_type: TYPE_FP32 dims: [-1, 2] }', /no output 'q'/],
  ['dynamic_batching { priority_levels: 2 }', /default_priority_level must be from 1/],
  ['max_batch_size: 4 dynamic_batching { preferred_batch_size: 8 }', /preferredBatchSizes/],
  ['dynamic_batching { } sequence_batching { }', /multiple values|oneof|scheduling_choice/],
  ['instance_group { kind: KIND_GPU }', /KIND_GPU, but the device is the CPU/],
  ['batch_input { kind: BATCH_ELEMENT_COUNT }', /batch_input/],
  ['model_transaction_policy { decoupled: true }', /decoupled/],
  ['model_repository_agents { agents { name: "checksum" } }', /agents/],
  ['optimization { graph { level: 7 } }', /level must be/],
  ['parameters { key: "intra_op_thread_count" value { string_value: "many" } }', /intra_op_thread_count/],
  ['model_warmup { inputs { key: "z" value { data_type: TYPE_FP32 dims: 2 zero_data: true } } }', /has no input 'x'/],
  [
    'model_warmup { name: "w" inputs { key: "x" value { data_type: TYPE_FP32 dims: [1, 3] zero_data: true } } }',
    /'w' failed/,
  ],
])('%s is refused, and says why', async (config, message) => {
  const engine = await started(config);
  expect(engine.status('m')[0]!.versions).toMatchObject([{ version: 1, state: 'END' }]);
  expect(errorOf(engine)!.message).toMatch(message);
});

test('what is done otherwise is warned of', async () => {
  const warnings: string[] = [];
  const listen = (warning: Error) => warnings.push(warning.message);
  process.on('warning', listen);
  await started('response_cache { enable: true } instance_group { host_policy: "here" }');
  await until(() => warnings.length >= 2);
  process.off('warning', listen);
  expect(warnings.join('\n')).toMatch(/host_policy(.|\n)*response_cache|response_cache(.|\n)*host_policy/);
});

test('shapes that the configuration has not are refused, and reshaped ones are the client’s', async () => {
  const narrow = await started(
    'input { name: "x" data_type: TYPE_FP32 dims: [2, 2] } output { name: "y" data_type: TYPE_FP32 dims: [-1, 2] }',
  );
  expect(narrow.resolve({ name: 'm' }).inputs[0]!.dims).toEqual([2, 2]);
  await expectError(narrow.run('m', x(1)), 'ERR_SHAPE', /must have dims \[2, 2\].*got \[1, 2\]/);
  await narrow.run('m', x(2));
  // The model has a vector for each row, the client a scalar more.
  const reshaped = await started(
    `max_batch_size: 8
     input { name: "x" data_type: TYPE_FP32 dims: [1, 2] reshape { shape: [2] } }
     output { name: "y" data_type: TYPE_FP32 dims: [2, 1] reshape { shape: [2] } }`,
  );
  const { y } = await reshaped.run('m', { x: tensor(Float32Array.of(1, 2, 3, 4), [2, 1, 2]) });
  expect([y!.dims, [...y!.data]]).toEqual([
    [2, 2, 1],
    [1, 4, 9, 16],
  ]);
  await expectError(reshaped.run('m', x(1)), 'ERR_SHAPE');
});

test('outputs that it leaves out are not there', async () => {
  const engine = await started(
    'output { name: "total" data_type: TYPE_FP32 dims: [-1, 1] }',
    twoOutputs({ features: 2 }),
  );
  expect(Object.keys(await engine.run('m', x()))).toEqual(['total']);
  await expectError(engine.run('m', x(), { outputs: ['y'] }), 'ERR_ARGUMENT', /no output 'y'; it has 'total'/);
  await expectError(engine.run('m', { ...x(), z: tensor([[1]]) }), 'ERR_ARGUMENT', /no input 'z'/);
});

test('warm-up from a file, counted for nobody', async () => {
  const bytes = Buffer.from(Float32Array.of(1, 2).buffer);
  const warmup = (file: string) =>
    `max_batch_size: 4 model_warmup { name: "w" batch_size: 1 count: 3 inputs { key: "x" value { data_type: TYPE_FP32 dims: 2 input_data_file: "${file}" } } }`;
  const repository = folderOf({ ...files(warmup('row')), 'm/warmup/row': bytes });
  const engine = await startEngine({ repository });
  const servable = engine.resolve({ name: 'm' });
  expect(servable.statistics.total(servable.stats())).toMatchObject({ rows: 0, executions: 0 });
  put(repository, { 'm/warmup/row': bytes.subarray(0, 4) });
  await engine.refresh();
  expect(errorOf(engine)!.message).toMatch(/have 8 bytes, but 4/);
});

/** A recurrent model: y = x + state, and that is the next state. The controls are outputs, to be looked at. */
function accumulator(): Uint8Array {
  return model({
    inputs: [
      value('x', 'float32', ['N', 2]),
      value('state', 'float32', ['N', 2]),
      value('START', 'int32', ['N', 1]),
      value('END', 'float32', ['N', 1]),
      value('ID', 'uint64', ['N', 1]),
    ],
    outputs: [
      value('y', 'float32', ['N', 2]),
      value('next', 'float32', ['N', 2]),
      value('start', 'int32', ['N', 1]),
      value('end', 'float32', ['N', 1]),
      value('id', 'uint64', ['N', 1]),
    ],
    nodes: [
      node('Add', ['x', 'state'], ['y']),
      node('Identity', ['y'], ['next']),
      node('Identity', ['START'], ['start']),
      node('Identity', ['END'], ['end']),
      node('Identity', ['ID'], ['id']),
    ],
  });
}
const recurrent = `
  max_batch_size: 8
  input { name: "x" data_type: TYPE_FP32 dims: 2 }
  sequence_batching {
    max_sequence_idle_microseconds: 60000000
    control_input { name: "START" control { kind: CONTROL_SEQUENCE_START int32_false_true: [0, 1] } }
    control_input { name: "END" control { kind: CONTROL_SEQUENCE_END fp32_false_true: [0, 1] } }
    control_input { name: "ID" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT64 } }
    state { input_name: "state" output_name: "next" data_type: TYPE_FP32 dims: 2 initial_state { name: "i" data_type: TYPE_FP32 dims: 2 data_file: "begin" } }
    oldest { max_candidate_sequences: 4 }
  }`;

describe('sequences', () => {
  const begin = Buffer.from(Float32Array.of(100, 200).buffer);
  const startedSequences = () =>
    startServer({ repository: folderOf({ ...files(recurrent, accumulator()), 'm/initial_state/begin': begin }) });
  const step = async (url: string, parameters: object, data = [1, 2]) => {
    const inputs = [{ name: 'x', shape: [data.length / 2, 2], datatype: 'FP32', data }];
    const { status, body } = await ask(`${url}/v2/models/m/infer`, { inputs, parameters });
    const { outputs, error } = body as { outputs?: { name: string; data: number[] }[]; error?: string };
    return { status, error, ...Object.fromEntries((outputs ?? []).map((one) => [one.name, one.data])) };
  };

  test('carry their state from request to request, and tell the model where it is', async () => {
    const { url } = await startedSequences();
    const metadata = (await ask(`${url}/v2/models/m`)).body as { inputs: object[]; outputs: { name: string }[] };
    expect(metadata.inputs).toHaveLength(1);
    expect(metadata.outputs.map(({ name }) => name)).toEqual(['y', 'start', 'end', 'id']);
    const first = { sequence_id: 7, sequence_start: true };
    expect(await step(url, first)).toEqual({ status: 200, y: [101, 202], start: [1], end: [0], id: [7] });
    // Another with the same name as text is another.
    expect(await step(url, { sequence_id: 8, sequence_start: true }, [5, 5])).toMatchObject({ y: [105, 205], id: [8] });
    expect(await step(url, { sequence_id: 7 })).toMatchObject({ y: [102, 204], start: [0] });
    expect(await step(url, { sequence_id: 7, sequence_end: true })).toMatchObject({ y: [103, 206], end: [1] });
    expect(await step(url, { sequence_id: 8 }, [5, 5])).toMatchObject({ y: [110, 210] });
    expect(await step(url, { sequence_id: 7 })).toMatchObject({
      status: 400,
      error: expect.stringMatching(/START flag/),
    });
    // A start within it begins anew.
    expect(await step(url, { sequence_id: 8, sequence_start: true })).toMatchObject({ y: [101, 202] });
  });

  test('ids are exact, and what is no request of one is refused', async () => {
    const { url } = await startedSequences();
    const big = (id: string, flags: string) =>
      ask(
        `${url}/v2/models/m/infer`,
        `{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,1]}],"parameters":{"sequence_id":${id}${flags}}}`,
      );
    const outputOf = async (id: string, flags = '') =>
      ((await big(id, flags)).body as { outputs: { data: number[] }[] }).outputs[0]!.data;
    expect(await outputOf('9007199254740993', ',"sequence_start":true')).toEqual([101, 201]);
    expect(await outputOf('9007199254740992', ',"sequence_start":true')).toEqual([101, 201]);
    expect(await outputOf('9007199254740993')).toEqual([102, 202]);
    expect(await outputOf('9007199254740993')).toEqual([103, 203]);
    expect(await outputOf('9007199254740992')).toEqual([102, 202]);
    const wrong: readonly [object, number[], RegExp][] = [
      [{}, [1, 2], /must specify a non-zero or non-empty correlation ID/],
      [{ sequence_start: true }, [1, 2], /must specify a non-zero or non-empty correlation ID/],
      [{ sequence_id: 1.5, sequence_start: true }, [1, 2], /'sequence_id' must be/],
      [{ sequence_id: 1, sequence_start: 1 }, [1, 2], /'sequence_start' must be true or false/],
      [{ sequence_id: 1, sequence_start: true }, [1, 2, 3, 4], /has one row, got 2/],
      [{ sequence_id: 'text', sequence_start: true }, [1, 2], /ids of sequences that are numbers/],
    ];
    for (const [parameters, data, message] of wrong) {
      expect(await step(url, parameters, data)).toMatchObject({ status: 400, error: expect.stringMatching(message) });
    }
  });

  test('of many clients share batches, and one that nothing comes for ends', async () => {
    const config = recurrent
      .replace('60000000', '200000')
      .replace('oldest { max_candidate_sequences: 4 }', 'oldest { max_queue_delay_microseconds: 100000 }');
    const repository = folderOf({ ...files(config, accumulator()), 'm/initial_state/begin': begin });
    const { url, engine } = await startServer({ repository });
    const ids = Array.from({ length: 8 }, (_, id) => id + 1);
    const all = (flags: object) => Promise.all(ids.map((id) => step(url, { sequence_id: id, ...flags }, [id, 0])));
    expect((await all({ sequence_start: true })).map((one) => (one as { y?: number[] }).y)).toEqual(
      ids.map((id) => [100 + id, 200]),
    );
    const { batches, requests } = engine.resolve({ name: 'm' }).stats()!;
    expect(requests.completed).toBe(8);
    expect(batches.count).toBeLessThan(8);
    let last: Awaited<ReturnType<typeof step>>;
    do {
      await new Promise((resolve) => setTimeout(resolve, 300));
      last = await step(url, { sequence_id: 1 });
    } while (last.status === 200);
    expect(last).toMatchObject({ status: 400, error: expect.stringMatching(/START flag/) });
  });

  test.each([
    [recurrent.replace('name: "START"', 'name: "S"'), /no input of this name/],
    [recurrent.replace('int32_false_true', 'fp32_false_true'), /'START' is float32, but int32/],
    [recurrent.replace('output_name: "next"', 'output_name: "other"'), /no output 'other'/],
    [recurrent.replace('dims: 2 initial_state', 'dims: 3 initial_state'), /dims \[3\]/],
    [recurrent.replace('data_file: "begin"', 'data_file: "../../../etc/passwd"'), /leads out of|cannot be read/],
  ])('what is no sequence of the model’s is refused %#', async (config, message) => {
    const repository = folderOf({ ...files(config, accumulator()), 'm/initial_state/begin': begin });
    const engine = await startEngine({ repository });
    expect(errorOf(engine)!.message).toMatch(message);
  });
});

/** y = x + number over [N, 2]. */
const plus = (number: number) =>
  model({
    inputs: [value('a', 'float32', ['N', 2])],
    outputs: [value('b', 'float32', ['N', 2])],
    nodes: [node('Add', ['a', 'c'], ['b'])],
    initializers: [initializer('c', 'float32', [1], Float32Array.of(number))],
  });
const steps = (extra = '') => `
  platform: "ensemble" max_batch_size: 16
  input { name: "in" data_type: TYPE_FP32 dims: 2 }
  output [ { name: "out" data_type: TYPE_FP32 dims: 2 }, { name: "half" data_type: TYPE_FP32 dims: 2 } ]
  ensemble_scheduling { step [
    { model_name: "sum" model_version: -1 input_map [ { key: "a" value: "squared" }, { key: "b" value: "half" } ] output_map { key: "c" value: "out" } },
    { model_name: "square" input_map { key: "x" value: "in" } output_map { key: "y" value: "squared" } },
    { model_name: "plus" model_version: 2 input_map { key: "a" value: "in" } output_map { key: "b" value: "half" } }
    ${extra}
  ] }`;
const parts = {
  'square.onnx': square({ features: 2 }),
  'plus/1/model.onnx': plus(1000),
  'plus/2/model.onnx': plus(10),
  'plus/config.pbtxt': 'version_policy { all {} }',
  'sum.onnx': add({ features: 2 }),
};

describe('ensembles', () => {
  const feed = (i: number) => ({ in: tensor(Float32Array.of(i, 1), [1, 2]) });

  test('are one model whose steps share batches across requests', async () => {
    const repository = folderOf({ ...parts, 'a-chain/config.pbtxt': steps() });
    const load = { batching: { maxQueueDelayMicros: 100_000 } };
    const server = await startServer({ repository, load });
    expect((await ask(`${server.url}/v2/models/a-chain`)).body).toMatchObject({
      platform: 'ensemble',
      inputs: [{ name: 'in', datatype: 'FP32', shape: [-1, 2] }],
    });
    const rows = await Promise.all(Array.from({ length: 20 }, (_, i) => server.engine.run('a-chain', feed(i))));
    expect(rows.map(({ out, half }) => [out!.data[0], half!.data[0]])).toEqual(
      rows.map((_, i) => [i * i + i + 10, i + 10]),
    );
    for (const name of ['square', 'plus', 'sum']) {
      const { requests, batches } = server.engine.resolve({ name }).stats()!;
      expect(requests.completed).toBe(20);
      expect(batches.count).toBeLessThan(20);
    }
    // Only what is wanted is computed.
    expect(Object.keys(await server.engine.run('a-chain', feed(1), { outputs: ['half'] }))).toEqual(['half']);
    expect(server.engine.resolve({ name: 'sum' }).stats()!.requests.completed).toBe(20);
    const { body } = await ask(`${server.url}/v2/models/a-chain/stats`);
    expect(body).toMatchObject({ model_stats: [{ inference_count: 21, inference_stats: { success: { count: 21 } } }] });
  });

  test('fail as their steps do, and take what they say that they take', async () => {
    const engine = await startEngine({ repository: folderOf({ ...parts, 'e/config.pbtxt': steps() }) });
    await expectError(engine.run('e', {}), 'ERR_ARGUMENT', /'in' is missing/);
    await expectError(engine.run('e', { in: tensor([[1, 2, 3]]) }), 'ERR_SHAPE', /\[-1, 2\]/);
    await expectError(engine.run('e', { in: tensor([[1, 2]], { type: 'float64' }) }), 'ERR_DTYPE');
    await expectError(engine.run('e', { in: tensor(new Float32Array(34), [17, 2]) }), 'ERR_SHAPE', /at most 16 rows/);
    await expectError(engine.run('e', feed(1), { outputs: ['squared'] }), 'ERR_ARGUMENT', /no output 'squared'/);
    const controller = new AbortController();
    controller.abort();
    await expectError(engine.run('e', feed(1), { signal: controller.signal }), 'ERR_ABORTED');
    await expectError(engine.run('e', feed(1), { deadlineMicros: 0 }), 'ERR_TIMEOUT');
    await engine.run('e', feed(1));
  });

  test.each([
    [steps().replace('key: "y" value: "squared"', 'key: "y" value: "in"'), /'in' of 'square' has another source/],
    [steps().replace('key: "y" value: "squared"', 'key: "y" value: "other"'), /no step gives 'squared'/],
    [
      steps().replace(
        '"plus" model_version: 2 input_map { key: "a" value: "in" }',
        '"plus" model_version: 2 input_map { key: "a" value: "out" }',
      ),
      /wait for each other: 'sum', 'plus'/,
    ],
    [steps().replace('key: "x" value', 'key: "z" value'), /its input 'x' is not in input_map|no input 'z'/],
    [steps().replace('model_version: 2', 'model_version: 7'), /version 7 of 'plus' is not loaded/],
    [steps().replace('model_name: "square"', 'model_name: "e"'), /'e' runs 'e' itself/],
    [steps().replace('TYPE_FP32 dims: 2 }\n', 'TYPE_INT32 dims: 2 }\n'), /'in' is TYPE_INT32, but/],
    [`${steps()} instance_group { count: 2 }`, /its steps' models/],
    [steps(', { model_name: "sum" }'), /must have an input_map and an output_map/],
    ['platform: "ensemble" ensemble_scheduling { }', /says its inputs and outputs/],
  ])('that cannot run are refused when they are loaded %#', async (config, message) => {
    const engine = await startEngine({ repository: folderOf({ ...parts, 'e/config.pbtxt': config }) });
    expect((engine.status('e')[0]!.versions[0]!.error as Error).message).toMatch(message);
  });

  test('are checked again when a part is replaced under its version: what does not fit is not served', async () => {
    const outer = `platform: "ensemble" max_batch_size: 16
      input { name: "x" data_type: TYPE_FP32 dims: 2 } output { name: "y" data_type: TYPE_FP32 dims: 2 }
      ensemble_scheduling { step { model_name: "e" input_map { key: "in" value: "x" } output_map { key: "out" value: "y" } } }`;
    const repository = folderOf({ ...parts, 'e/config.pbtxt': steps(), 'a/config.pbtxt': outer });
    const engine = await startEngine({ repository });
    const first = engine.resolve({ name: 'e' });
    await engine.refresh();
    expect(engine.resolve({ name: 'e' })).toBe(first);
    put(repository, { 'square.onnx': plus(1) });
    await engine.refresh();
    expect(engine.available('e')).toEqual([]);
    expect((engine.status('e')[0]!.versions[0]!.error as Error).message).toMatch(/'a' is not in input_map/);
    // Nor what is made of it.
    expect(engine.available('a')).toEqual([]);
    expect(engine.ready).toBe(false);
    await expectError(engine.run('e', feed(1)), 'ERR_NOT_FOUND', /not in input_map/);
    put(repository, { 'square.onnx': square({ features: 2 }) });
    await engine.refresh();
    expect(engine.ready).toBe(true);
    expect((await engine.run('a', { x: tensor([[2, 1]]) })).y!.data[0]).toBe(16);
    // Its own configuration fails: what is served stays.
    put(repository, { 'e/config.pbtxt': steps().replace('key: "x" value', 'key: "z" value') });
    await engine.refresh();
    expect((await engine.run('e', feed(1))).out!.data[0]).toBe(12);
    // But not where its parts have changed as well.
    put(repository, { 'square.onnx': plus(2) });
    await engine.refresh();
    expect(engine.available('e')).toEqual([]);
  });

  test('of ensembles, with parts that come later and go', async () => {
    const outer = `platform: "ensemble" max_batch_size: 16
      input { name: "x" data_type: TYPE_FP32 dims: 2 } output { name: "y" data_type: TYPE_FP32 dims: 2 }
      ensemble_scheduling { step { model_name: "inner" input_map { key: "in" value: "x" } output_map { key: "out" value: "y" } } }`;
    const repository = folderOf({ 'a/config.pbtxt': outer, 'inner/config.pbtxt': steps() });
    const engine = await startEngine({ repository, explicitControl: true });
    expect(engine.ready).toBe(false);
    // However often it has been tried.
    for (let i = 0; i < 7; i++) await engine.refresh();
    put(repository, parts);
    await engine.refresh();
    expect(engine.ready).toBe(true);
    const { y } = await engine.run('a', { x: tensor([[2, 1]]) });
    expect(y!.data[0]).toBe(16);
    // An ensemble in a circle is refused, and the one that is served stays.
    put(repository, {
      'inner/config.pbtxt': outer
        .replace('"inner"', '"a"')
        .replace('key: "in"', 'key: "x"')
        .replace('key: "out"', 'key: "y"'),
    });
    await engine.refresh();
    expect((engine.status('inner')[0]!.versions[0]!.error as Error).message).toMatch(/'a' runs 'inner' itself/);
    expect((await engine.run('a', { x: tensor([[2, 1]]) })).y!.data[0]).toBe(16);
    await engine.unload('inner', { dependents: true });
    await expectError(engine.run('sum', {}), 'ERR_NOT_FOUND');
  });
});

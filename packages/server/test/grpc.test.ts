// Both protocols over gRPC: to the byte where there are vectors, and what is shared with REST.

import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { add, identity, model, node, square, twoOutputs, value } from '../../../test/support/onnx-builder.js';
import { messageType, protos } from '../lib/core/protos.js';
import type { Server, ServerOptions } from '../lib/index.js';
import { ask, cold, folderOf, lasting, startServer, until } from './support.js';

type Files = Readonly<Record<string, Uint8Array | string>>;
// biome-ignore lint/suspicious/noExplicitAny: what a message has is what its .proto file says
type Message = any;

const v2 = 'inference.GRPCInferenceService';
const prediction = 'tensorflow.serving.PredictionService';
const models = 'tensorflow.serving.ModelService';
const health = 'grpc.health.v1.Health';

async function started(files: Files, options: ServerOptions = {}): Promise<{ server: Server; client: Client }> {
  const server = await startServer({ repository: folderOf(files), grpc: '127.0.0.1:0', ...options });
  const client = new Client(server.grpcTarget!, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
  });
  onTestFinished(() => client.close());
  return { server, client };
}

function methodOf(service: string, name: string) {
  const method = protos().lookupService(service).methods[name]!;
  method.resolve();
  return method;
}

/** A call of bytes. */
function callRaw(
  client: Client,
  service: string,
  method: string,
  request: Uint8Array,
  deadline?: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const same = (bytes: Buffer) => bytes;
    const options = deadline === undefined ? {} : { deadline: Date.now() + deadline };
    client.makeUnaryRequest(
      `/${service}/${method}`,
      same,
      same,
      Buffer.from(request),
      new Metadata(),
      options,
      (error, reply) => (error ? reject(error) : resolve(reply!)),
    );
  });
}

async function call(
  client: Client,
  service: string,
  method: string,
  request: object = {},
  deadline?: number,
): Promise<Message> {
  const { resolvedRequestType, resolvedResponseType } = methodOf(service, method);
  const bytes = resolvedRequestType!.encode(resolvedRequestType!.fromObject(request)).finish();
  const reply = await callRaw(client, service, method, bytes, deadline);
  return resolvedResponseType!.toObject(resolvedResponseType!.decode(reply), { longs: String });
}

async function refused(promise: Promise<unknown>): Promise<[number, string]> {
  const error = await promise.then(
    () => undefined,
    (reason: ServiceError) => reason,
  );
  return [error?.code ?? 0, error?.details ?? ''];
}

const raw = (...tensors: ArrayBufferView[]) =>
  tensors.map((one) => new Uint8Array(one.buffer, one.byteOffset, one.byteLength));
const input = (name: string, shape: number[], datatype = 'FP32') => ({ name, datatype, shape });
const floats = (bytes: Uint8Array) => [...new Float32Array(Uint8Array.from(bytes).buffer)];

/** y = x over any [N]. */
const same = () => identity('float32', ['N']);

describe('the messages are, to the byte, those that other implementations make', () => {
  const vectors: readonly [string, object, string][] = [
    [
      'inference.ModelInferRequest',
      { model_name: 'm', inputs: [input('x', [2])], raw_input_contents: raw(Float32Array.of(1, -2.5)) },
      '0a016d2a0c0a01781204465033321a01023a080000803f000020c0',
    ],
    [
      'inference.ModelInferRequest',
      {
        model_name: 'm',
        id: 'i',
        parameters: { priority: { int64_param: 1 } },
        inputs: [{ ...input('x', [2]), contents: { fp32_contents: [1, -2.5] } }],
        outputs: [{ name: 'y' }],
      },
      '0a016d1a0169220e0a087072696f72697479120210012a180a01781204465033321a01022a0a32080000803f000020c032030a0179',
    ],
    [
      'inference.ModelInferResponse',
      {
        model_name: 'm',
        model_version: '1',
        id: 'i',
        outputs: [input('y', [2])],
        raw_output_contents: raw(Float32Array.of(1, -2.5)),
      },
      '0a016d1201311a01692a0c0a01791204465033321a010232080000803f000020c0',
    ],
    [
      'tensorflow.serving.PredictRequest',
      {
        model_spec: { name: 'm', version_label: 's', signature_name: 'd' },
        inputs: { x: { dtype: 1, tensor_shape: { dim: [{ size: 2 }] }, float_val: [1, -2.5] } },
        output_filter: ['y'],
      },
      '0a090a016d1a016422017312170a0178121208011204120208022a080000803f000020c01a0179',
    ],
    [
      'tensorflow.serving.PredictResponse',
      {
        outputs: { y: { dtype: 1, tensor_shape: { dim: [{ size: 2 }] }, float_val: [1, -2.5] } },
        model_spec: { name: 'm', version: { value: 1 }, signature_name: 'd' },
      },
      '0a170a0179121208011204120208022a080000803f000020c0120a0a016d120208011a0164',
    ],
    [
      'tensorflow.serving.GetModelStatusRequest',
      { model_spec: { name: 'm', version: { value: 1 } } },
      '0a070a016d12020801',
    ],
    [
      'tensorflow.serving.GetModelStatusResponse',
      { model_version_status: [{ version: 1, state: 'AVAILABLE', status: {} }] },
      '0a060801101e1a00',
    ],
    ['grpc.health.v1.HealthCheckResponse', { status: 'SERVING' }, '0801'],
  ];

  test.each(vectors)('%s %#', (name, message, hex) => {
    const type = messageType(name);
    expect(Buffer.from(type.encode(type.fromObject(message)).finish()).toString('hex')).toBe(hex);
    const plain = { longs: Number, bytes: String };
    const there = type.toObject(type.decode(Buffer.from(hex, 'hex')), plain);
    expect(there).toEqual(type.toObject(type.fromObject(message), plain));
  });

  test('and so are the answers of the server', async () => {
    const { client } = await started({ 'm.onnx': same() });
    const ask = async (service: string, method: string, hex: string) =>
      (await callRaw(client, service, method, Buffer.from(hex, 'hex'))).toString('hex');
    expect(await ask(v2, 'ModelInfer', vectors[1]![2])).toBe(vectors[2]![2]);
    expect(await ask(v2, 'ModelMetadata', '0a016d')).toBe(
      '0a016d1201311a106f6e6e7872756e74696d655f6f6e6e7822150a01781204465033321a0affffffffffffffffff012a150a01791204465033321a0affffffffffffffffff01',
    );
    expect(await ask(models, 'GetModelStatus', '0a070a016d12020801')).toBe('0a060801101e1a00');
    expect(await ask(prediction, 'GetModelMetadata', '0a030a016d120d7369676e61747572655f646566')).toBe(
      '0a070a016d1202080112b7010a0d7369676e61747572655f64656612a5010a36747970652e676f6f676c65617069732e636f6d2f74656e736f72666c6f772e73657276696e672e5369676e61747572654465664d6170126b0a690a0f73657276696e675f64656661756c7412560a1b0a017812160a03783a3010011a0d120b08ffffffffffffffffff01121b0a017912160a03793a3010011a0d120b08ffffffffffffffffff011a1a74656e736f72666c6f772f73657276696e672f70726564696374',
    );
    expect(await ask(health, 'Check', '')).toBe('0801');
    expect(await ask(health, 'Check', '0a016d')).toBe('0801');
  });
});

describe('the Open Inference Protocol', () => {
  test('health, metadata, readiness, the index and statistics', async () => {
    const { client } = await started({ 'm/2/model.onnx': square({ features: 2 }), 'bad/1/model.onnx': 'none' });
    expect(await call(client, v2, 'ServerLive')).toEqual({ live: true });
    expect(await call(client, v2, 'ServerReady')).toEqual({});
    expect(await call(client, v2, 'ModelReady', { name: 'm' })).toEqual({ ready: true });
    expect(await call(client, v2, 'ModelReady', { name: 'm', version: '1' })).toEqual({});
    expect(await call(client, v2, 'ModelReady', { name: 'none' })).toEqual({});
    expect(await call(client, v2, 'ServerMetadata')).toMatchObject({ name: 'tensorlane' });
    expect((await call(client, v2, 'RepositoryIndex')).models).toEqual([
      { name: 'bad', version: '1', state: 'UNAVAILABLE', reason: expect.stringContaining('model.onnx') },
      { name: 'm', version: '2', state: 'READY' },
    ]);
    const request = { model_name: 'm', inputs: [input('x', [1, 2])], raw_input_contents: raw(Float32Array.of(3, 4)) };
    await call(client, v2, 'ModelInfer', request);
    const [stats] = (await call(client, v2, 'ModelStatistics', { name: 'm' })).model_stats;
    expect(stats).toMatchObject({ name: 'm', version: '2', inference_count: '1', execution_count: '1' });
    expect(stats.inference_stats.success.count).toBe('1');
  });

  test.each([
    ['INT64', 'int64', 'int64_contents', ['9223372036854775807', '-1'], BigInt64Array.of(9223372036854775807n, -1n)],
    [
      'UINT64',
      'uint64',
      'uint64_contents',
      ['18446744073709551615', '1'],
      BigUint64Array.of(18446744073709551615n, 1n),
    ],
    ['INT8', 'int8', 'int_contents', [-128, 127], Int8Array.of(-128, 127)],
    ['UINT16', 'uint16', 'uint_contents', [65535, 0], Uint16Array.of(65535, 0)],
    ['BOOL', 'bool', 'bool_contents', [true, false], Uint8Array.of(1, 0)],
    ['FP64', 'float64', 'fp64_contents', [0.1, -1e300], Float64Array.of(0.1, -1e300)],
  ] as const)('elements of %s come back, as contents and raw', async (datatype, type, field, values, bytes) => {
    const { client } = await started({ 'm.onnx': identity(type, ['N', 2]) });
    const contents = { model_name: 'm', inputs: [{ ...input('x', [1, 2], datatype), contents: { [field]: values } }] };
    const [expected] = raw(bytes);
    expect(Uint8Array.from((await call(client, v2, 'ModelInfer', contents)).raw_output_contents[0])).toEqual(expected);
    const asRaw = { model_name: 'm', inputs: [input('x', [1, 2], datatype)], raw_input_contents: [expected] };
    expect(Uint8Array.from((await call(client, v2, 'ModelInfer', asRaw)).raw_output_contents[0])).toEqual(expected);
  });

  test('several inputs, and the outputs that are named', async () => {
    const { client } = await started({ 'sum.onnx': add({ features: 2 }), 'two.onnx': twoOutputs({ features: 2 }) });
    const sum = {
      model_name: 'sum',
      id: 'an id',
      inputs: [input('b', [1, 2]), input('a', [1, 2])],
      raw_input_contents: raw(Float32Array.of(1, 2), Float32Array.of(10, 20)),
    };
    const reply = await call(client, v2, 'ModelInfer', sum);
    expect([reply.id, reply.model_version, floats(reply.raw_output_contents[0])]).toEqual(['an id', '1', [11, 22]]);
    const one = {
      model_name: 'two',
      inputs: [input('x', [1, 2])],
      raw_input_contents: raw(Float32Array.of(1, 2)),
      outputs: new Array(1000).fill({ name: 'total' }), // however often it is asked for, it comes once
    };
    const { outputs, raw_output_contents: bytes } = await call(client, v2, 'ModelInfer', one);
    expect(outputs).toEqual([{ name: 'total', datatype: 'FP32', shape: ['1', '1'] }]);
    expect(floats(bytes[0])).toEqual([3]);
  });

  test("what is wrong is refused, by gRPC's code and a message", async () => {
    const { client } = await started({ 'm.onnx': square({ features: 2 }), 'small.onnx': identity('int8', ['N']) });
    const good = { model_name: 'm', inputs: [input('x', [1, 2])], raw_input_contents: raw(Float32Array.of(3, 4)) };
    const contents = { fp32_contents: [1, 2] };
    const wrong: readonly [object, number, RegExp][] = [
      [{ ...good, model_name: 'none' }, 5, /^Request for unknown model: 'none' is not found$/],
      [{ ...good, model_version: '7' }, 5, /version 7/],
      [{ ...good, model_version: 'x' }, 3, /a version is an integer/],
      [
        { ...good, inputs: [{ ...good.inputs[0], contents }] },
        3,
        /must not be specified when using raw_input_contents/,
      ],
      [
        { ...good, raw_input_contents: [...good.raw_input_contents, Buffer.of(1)] },
        3,
        /has 2 tensors, but there are 1/,
      ],
      [{ ...good, raw_input_contents: [Buffer.of(1)] }, 3, /have 8 bytes, but 1 were given/],
      [{ ...good, inputs: [input('x', [2 ** 40, 2 ** 40])] }, 3, /more than any tensor/],
      [{ ...good, inputs: [input('x', [-1, 2])] }, 3, /a dimension is/],
      [{ ...good, inputs: [input('x', [1, 2], 'FLOAT')] }, 3, /datatype/],
      [{ ...good, outputs: [{ name: 'q' }] }, 3, /'q'/],
      [{ ...good, parameters: { sequence_id: { int64_param: 3 } } }, 12, /sequences/],
      [{ ...good, parameters: { priority: {} } }, 3, /has no value/],
      [{ model_name: 'm', inputs: [{ ...input('x', [1, 3]), contents }] }, 3, /have 3 elements, but 2/],
      [
        { model_name: 'm', inputs: [{ ...input('x', [1, 2]), contents: { int_contents: [1, 2] } }] },
        3,
        /fp32_contents, not in int_contents/,
      ],
      [{ model_name: 'm', inputs: [{ ...input('x', [1, 2], 'FP16'), contents }] }, 3, /raw_input_contents alone/],
      [
        { model_name: 'small', inputs: [{ ...input('x', [1], 'INT8'), contents: { int_contents: [200] } }] },
        3,
        /element 0 is no int8: 200/,
      ],
    ];
    for (const [request, code, message] of wrong) {
      expect(await refused(call(client, v2, 'ModelInfer', request)), JSON.stringify(request)).toEqual([
        code,
        expect.stringMatching(message),
      ]);
    }
    expect((await refused(callRaw(client, v2, 'ModelInfer', Buffer.from('ffffffff', 'hex'))))[0]).not.toBe(0);
    expect((await refused(call(client, v2, 'RepositoryModelUnload', { model_name: 'm' })))[0]).toBe(12);
    expect(floats((await call(client, v2, 'ModelInfer', good)).raw_output_contents[0])).toEqual([9, 16]);
  });

  test('a stream answers each request by its id, and goes on after a failure', async () => {
    const { client } = await started({ 'm.onnx': square({ features: 1 }) });
    const { resolvedRequestType: request, resolvedResponseType: response } = methodOf(v2, 'ModelStreamInfer');
    const stream = client.makeBidiStreamRequest(
      `/${v2}/ModelStreamInfer`,
      (message: object) => Buffer.from(request!.encode(request!.fromObject(message)).finish()),
      (bytes) => response!.toObject(response!.decode(bytes)) as Message,
    );
    const got = new Map<string, number | string>();
    stream.on('data', ({ error_message: error, infer_response: reply }: Message) => {
      got.set(reply.id, error || floats(reply.raw_output_contents[0])[0]!);
    });
    for (let i = 0; i < 600; i++) {
      const name = i === 300 ? 'none' : 'm';
      stream.write({
        model_name: name,
        id: `${i}`,
        inputs: [input('x', [1, 1])],
        raw_input_contents: raw(Float32Array.of(i)),
      });
    }
    stream.end();
    await new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
    expect(got.size).toBe(600);
    for (let i = 0; i < 600; i++)
      expect(got.get(`${i}`)).toEqual(i === 300 ? expect.stringContaining("'none'") : i * i);
  });
});

test("a model's configuration over gRPC is that over REST", async () => {
  const config =
    'max_batch_size: 4 dynamic_batching { preferred_batch_size: 2 priority_queue_policy { key: 1 value { timeout_action: DELAY } } }';
  const { server, client } = await started({ 'm/1/model.onnx': square({ features: 2 }), 'm/config.pbtxt': config });
  const type = messageType('inference.ModelConfig');
  const { config: told } = await call(client, v2, 'ModelConfig', { name: 'm' });
  const { body } = await ask(`${server.url}/v2/models/m/config`);
  const plain = { longs: Number, enums: String };
  const same = (message: object) => type.toObject(type.fromObject(message), plain);
  expect(same(told)).toEqual(same(body as object));
  expect(same(told)).toMatchObject({
    max_batch_size: 4,
    input: [{ name: 'x', data_type: 'TYPE_FP32', dims: [2] }],
    dynamic_batching: { preferred_batch_size: [2], priority_queue_policy: { 1: { timeout_action: 'DELAY' } } },
  });
  expect((await refused(call(client, v2, 'ModelConfig', { name: 'none' })))[0]).toBe(5);
});

describe('TensorFlow Serving', () => {
  const tensor = (shape: number[], rest: object, dtype = 'DT_FLOAT') => ({
    dtype,
    tensor_shape: { dim: shape.map((size) => ({ size })) },
    ...rest,
  });

  test('predict, by version and label, from content and values', async () => {
    const files = {
      'm/1/model.onnx': same(),
      'm/2/model.onnx': model({
        inputs: [value('x', 'float32', ['N'])],
        outputs: [value('y', 'float32', ['N'])],
        nodes: [node('Mul', ['x', 'x'], ['y'])],
      }),
    };
    const labels = { old: 1 };
    const { client } = await started(files, { models: { m: { versions: { all: true }, labels } } });
    const predict = async (spec: object, x: object, rest: object = {}) =>
      call(client, prediction, 'Predict', { model_spec: { name: 'm', ...spec }, inputs: { x }, ...rest });
    const content = tensor([2], { tensor_content: raw(Float32Array.of(2, 3))[0] });
    expect(await predict({}, content)).toEqual({
      outputs: { y: { dtype: 1, tensor_shape: { dim: [{ size: '2' }] }, float_val: [4, 9] } },
      model_spec: { name: 'm', version: { value: '2' }, signature_name: 'serving_default' },
    });
    expect((await predict({ version: { value: 1 } }, content)).outputs.y.float_val).toEqual([2, 3]);
    expect((await predict({ version_label: 'old' }, tensor([3], { float_val: [5] }))).outputs.y.float_val).toEqual([
      5, 5, 5,
    ]);
    expect((await predict({}, content, { output_filter: ['y'] })).outputs.y.float_val).toEqual([4, 9]);
    const wrong: readonly [object, object, object, number, RegExp][] = [
      [{ name: 'none' }, content, {}, 5, /^Servable not found for request: Latest\(none\)$/],
      [{ name: '' }, content, {}, 3, /no name/],
      [{ version: { value: 9 } }, content, {}, 5, /Specific\(m, 9\)/],
      [{ version_label: 'new' }, content, {}, 3, /Unrecognized servable version label/],
      [{ signature_name: 'other' }, content, {}, 3, /not found/],
      [{}, tensor([2], { float_val: [1, 2, 3] }), {}, 3, /2 elements, but 3/],
      [{}, tensor([2], {}), {}, 3, /is empty/],
      [{}, tensor([2 ** 30], { float_val: [1] }), {}, 3, /must be sent/],
      [{}, tensor([2], { tensor_content: Buffer.alloc(7) }), {}, 3, /have 8 bytes, but 7/],
      [{}, tensor([2], {}, 'DT_COMPLEX64'), {}, 3, /type 8 is not served/],
      [{}, content, { output_filter: ['q'] }, 3, /'q'/],
    ];
    for (const [spec, x, rest, code, message] of wrong) {
      expect(await refused(predict(spec, x, rest)), JSON.stringify([spec, x])).toEqual([
        code,
        expect.stringMatching(message),
      ]);
    }
  });

  test.each([
    ['DT_INT64', 'int64', 'int64_val', ['9223372036854775807', '-5']],
    ['DT_UINT64', 'uint64', 'uint64_val', ['18446744073709551615', '0']],
    ['DT_INT16', 'int16', 'int_val', [-32768, 7]],
    ['DT_BOOL', 'bool', 'bool_val', [true, false]],
    ['DT_HALF', 'float16', 'half_val', [0x3c00, 0xc100]],
    ['DT_STRING', 'string', 'string_val', [Buffer.from('ä'), Buffer.from('')]],
  ] as const)('values of %s come back', async (dtype, type, field, values) => {
    const { client } = await started({ 'm.onnx': identity(type, ['N']) });
    const inputs = { x: tensor([2], { [field]: values }, dtype) };
    const { outputs } = await call(client, prediction, 'Predict', { model_spec: { name: 'm' }, inputs });
    expect(outputs.y[field].map((one: unknown) => (one instanceof Uint8Array ? Buffer.from(one) : one))).toEqual(
      values,
    );
  });

  test('the states of versions, and what is not there', async () => {
    const { client } = await started({ 'm/3/model.onnx': same(), 'm/4/model.onnx': 'broken' });
    const { model_version_status: versions } = await call(client, models, 'GetModelStatus', {
      model_spec: { name: 'm' },
    });
    expect(versions).toMatchObject([{ version: '4', state: 50, status: { error_code: 13 } }]);
    expect(await refused(call(client, models, 'GetModelStatus', { model_spec: { name: 'none' } }))).toEqual([
      5,
      'Could not find any versions of model none',
    ]);
    expect((await refused(call(client, prediction, 'GetModelMetadata', { model_spec: { name: 'm' } })))[0]).toBe(3);
  });
});

test('a call that is cancelled or late is not computed for; REST and gRPC share batches', async () => {
  const load = { concurrency: 1, batching: { maxBatchSize: 1 } };
  const { server, client } = await started({ 'm.onnx': lasting() }, { load });
  const servable = server.engine.resolve({ name: 'm' });
  const request = {
    model_name: 'm',
    inputs: [input('x', [1, 256])],
    raw_input_contents: raw(new Float32Array(256).fill(1)),
  };
  const body = { inputs: [{ ...input('x', [1, 256]), data: new Array(256).fill(1) }] };
  const first = ask(`${server.url}/v2/models/m/infer`, body);
  await until(() => servable.stats()!.batches.running === 1);
  const { resolvedRequestType } = methodOf(v2, 'ModelInfer');
  const bytes = Buffer.from(resolvedRequestType!.encode(resolvedRequestType!.fromObject(request)).finish());
  const cancelled = client.makeUnaryRequest(
    `/${v2}/ModelInfer`,
    (one: Buffer) => one,
    (one) => one,
    bytes,
    () => {},
  );
  await until(() => servable.stats()!.requests.accepted >= 2 && servable.stats()!.requests.queued >= 1);
  cancelled.cancel();
  await until(() => servable.stats()!.requests.cancelled === 1);
  expect((await refused(call(client, v2, 'ModelInfer', request, 5)))[0]).toBe(4);
  expect((await first).status).toBe(200);
  await until(() => servable.stats()!.requests.queued === 0);
  expect(servable.stats()!.batches.count, 'batches: neither call was computed for').toBe(1);
});

test('watchers learn that it ends, calls are answered before it does, and nothing is left of its address', async () => {
  const { server, client } = await started({ 'm.onnx': lasting() }, { load: cold });
  const { resolvedResponseType } = methodOf(health, 'Watch');
  const states: number[] = [];
  const decode = (bytes: Buffer) => (resolvedResponseType!.decode(bytes) as Message).status as number;
  const watch = client.makeServerStreamRequest(
    `/${health}/Watch`,
    (one: Buffer) => one,
    decode,
    Buffer.alloc(0),
    new Metadata(),
  );
  const ended = new Promise<void>((resolve) =>
    watch
      .on('data', (status: number) => states.push(status))
      .on('end', resolve)
      .on('error', () => resolve()),
  );
  await until(() => states.length === 1);
  const request = {
    model_name: 'm',
    inputs: [input('x', [1, 256])],
    raw_input_contents: raw(new Float32Array(256).fill(1)),
  };
  const running = call(client, v2, 'ModelInfer', request);
  await until(() => server.engine.resolve({ name: 'm' }).stats()!.requests.pending === 1);
  await server.close();
  expect((await running).raw_output_contents).toHaveLength(1);
  await ended;
  expect(states).toEqual([1, 2]);
  expect((await refused(call(client, v2, 'ServerLive', {}, 2000)))[0]).not.toBe(0);
});

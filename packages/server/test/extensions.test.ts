// Triton's extensions of the Open Inference Protocol, over REST and gRPC: classification, shared memory, statistics, generate.

import { existsSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { expectError } from '../../../test/support/errors.js';
import { add, identity, model, node, square, strings, value } from '../../../test/support/onnx-builder.js';
import { protos } from '../lib/core/protos.js';
import { SharedMemory } from '../lib/engine/shared-memory.js';
import type { Server, ServerOptions } from '../lib/index.js';
import { ask, folderOf, startServer } from './support.js';

// biome-ignore lint/suspicious/noExplicitAny: what a message has is what its .proto file says
type Message = any;
type Files = Readonly<Record<string, Uint8Array | string>>;

async function started(files: Files, options: ServerOptions = {}): Promise<{ server: Server; client: Client }> {
  const server = await startServer({ repository: folderOf(files), grpc: '127.0.0.1:0', ...options });
  const client = new Client(server.grpcTarget!, credentials.createInsecure());
  onTestFinished(() => client.close());
  return { server, client };
}

/** A call of the inference service: its reply, or its failure. */
function call(client: Client, name: string, request: object = {}): Promise<Message> {
  const service = protos().lookupService('inference.GRPCInferenceService');
  const method = service.methods[name]!;
  method.resolve();
  const { resolvedRequestType: type, resolvedResponseType: replyType } = method;
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      `/inference.GRPCInferenceService/${name}`,
      (message: object) => Buffer.from(type!.encode(type!.fromObject(message)).finish()),
      (bytes) => replyType!.toObject(replyType!.decode(bytes), { longs: Number }),
      request,
      new Metadata(),
      (error: ServiceError | null, reply) =>
        resolve(error === null ? reply : { code: error.code, details: error.details }),
    );
  });
}

const input = (shape: number[], data: unknown, datatype = 'FP32') => ({ name: 'x', shape, datatype, data });
const infer = (server: Server, body: unknown, model = 'm') => ask(`${server.url}/v2/models/${model}/infer`, body);

describe('classification', () => {
  const config = `max_batch_size: 4 output { name: "y" data_type: TYPE_FP32 dims: [-1] label_filename: "labels" }`;
  const files = {
    'm/1/model.onnx': identity('float32', ['N', 'C']),
    'm/config.pbtxt': config,
    'm/labels': 'cat\ndog\nbird',
    'whole.onnx': identity('int64', [4]),
    'half.onnx': identity('float16', ['N', 3]),
    'words.onnx': strings({ features: 2 }),
  };
  const classes = (count: number) => [{ name: 'y', parameters: { classification: count } }];

  test('gives the highest of each row, with their labels', async () => {
    const { server, client } = await started(files);
    const rows = [0.25, 0.5, -1, 7, 7, 1e-7];
    const reply = await infer(server, { inputs: [input([2, 3], rows)], outputs: classes(2) });
    const data = ['0.500000:1:dog', '0.250000:0:cat', '7.000000:0:cat', '7.000000:1:dog'];
    expect(reply.body).toMatchObject({ outputs: [{ name: 'y', datatype: 'BYTES', shape: [2, 2], data }] });
    // More than there are, and more classes than labels.
    const more = await infer(server, { inputs: [input([1, 4], [1, 2, 3, 4])], outputs: classes(9) });
    expect((more.body as Message).outputs[0].data).toEqual([
      '4.000000:3',
      '3.000000:2:bird',
      '2.000000:1:dog',
      '1.000000:0:cat',
    ]);
    const asked = await call(client, 'ModelInfer', {
      model_name: 'm',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3] }],
      raw_input_contents: [Buffer.from(Float32Array.of(1, 3, 2).buffer)],
      outputs: [{ name: 'y', parameters: { classification: { int64_param: 1 } } }],
    });
    expect(asked.outputs).toMatchObject([{ name: 'y', datatype: 'BYTES', shape: [1, 1] }]);
    expect(Buffer.from(asked.raw_output_contents[0]).toString()).toBe('\x0e\0\0\x003.000000:1:dog');
  });

  test('of the whole tensor, where there are no batches; of integers, halves and what is no number', async () => {
    const { server } = await started(files);
    const whole = await infer(
      server,
      { inputs: [input([4], ['9007199254740993', 5, -3, 7].map(Number), 'INT64')], outputs: classes(2) },
      'whole',
    );
    expect(whole.body).toMatchObject({ outputs: [{ shape: [2], data: ['9007199254740992:0', '7:3'] }] });
    const half = await infer(server, { inputs: [input([1, 3], [0.5, 2, -1], 'FP16')], outputs: classes(1) }, 'half');
    expect(half.body).toMatchObject({ outputs: [{ data: ['2.000000:1'] }] });
    const nan = await infer(
      server,
      '{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[NaN,-Infinity,NaN]}],"outputs":[{"name":"y","parameters":{"classification":3}}]}',
    );
    expect(nan.body).toMatchObject({ outputs: [{ data: ['-inf:1:dog', 'nan:0:cat', 'nan:2:bird'] }] });
    const words = await infer(server, { inputs: [input([1, 2], ['a', 'b'], 'BYTES')], outputs: classes(1) }, 'words');
    expect(words).toMatchObject({ status: 400, body: { error: expect.stringContaining('BYTES') } });
  });
});

let keys = 0;

/** Shared memory with these bytes, as shm_open makes it, until the test has ended. */
function shared(bytes: Uint8Array): { key: string; file: string } {
  const key = `/tensorlane-test-${process.pid}-${++keys}`;
  const file = `/dev/shm${key}`;
  writeFileSync(file, bytes);
  onTestFinished(() => rmSync(file, { force: true }));
  return { key, file };
}

describe.skipIf(!existsSync('/dev/shm'))('system shared memory', () => {
  const floats = (...values: number[]) => new Uint8Array(Float32Array.of(...values).buffer);
  const place = (region: string, size: number, offset = 0) => ({
    shared_memory_region: region,
    shared_memory_byte_size: size,
    ...(offset ? { shared_memory_offset: offset } : {}),
  });
  const at = (server: Server, path: string, body?: unknown) => ask(`${server.url}/v2/systemsharedmemory${path}`, body);

  test('inputs are read there and outputs written, over REST', async () => {
    const { server } = await started({ 'sum.onnx': add({ features: 2 }) }, { sharedMemory: true });
    const { key } = shared(floats(0, 1, 2, 10, 20));
    const out = shared(new Uint8Array(32).fill(255));
    expect(await at(server, '/region/in/register', { key, offset: 4, byte_size: 16 })).toMatchObject({
      status: 200,
      body: '',
    });
    expect(await at(server, '/region/out/register', { key: out.key.slice(1), byte_size: 32 })).toMatchObject({
      status: 200,
    });
    expect((await at(server, '/status')).body).toEqual([
      { name: 'in', key, offset: 4, byte_size: 16 },
      { name: 'out', key: out.key.slice(1), offset: 0, byte_size: 32 },
    ]);
    expect((await at(server, '/region/in/status')).body).toEqual([{ name: 'in', key, offset: 4, byte_size: 16 }]);
    const inputs = [
      { name: 'a', shape: [1, 2], datatype: 'FP32', parameters: place('in', 8) },
      { name: 'b', shape: [1, 2], datatype: 'FP32', parameters: place('in', 8, 8) },
    ];
    const reply = await infer(server, { inputs, outputs: [{ name: 'c', parameters: place('out', 20, 8) }] }, 'sum');
    expect(reply).toMatchObject({
      status: 200,
      body: { outputs: [{ name: 'c', datatype: 'FP32', shape: [1, 2], parameters: place('out', 8, 8) }] },
    });
    const bytes = readFileSync(out.file);
    expect([...new Float32Array(Uint8Array.from(bytes.subarray(8, 16)).buffer)]).toEqual([11, 22]);
    // Nothing else of it was touched.
    expect(bytes.subarray(0, 8).every((one) => one === 255) && bytes.subarray(16).every((one) => one === 255)).toBe(
      true,
    );
    // One of each kind.
    const mixed = [inputs[0], { name: 'b', shape: [1, 2], datatype: 'FP32', data: [5, 5] }];
    expect((await infer(server, { inputs: mixed }, 'sum')).body).toMatchObject({ outputs: [{ data: [6, 7] }] });
    expect(await at(server, '/region/in/unregister', {})).toMatchObject({ status: 200 });
    expect((await infer(server, { inputs }, 'sum')).status).toBe(404);
    expect(await at(server, '/unregister', {})).toMatchObject({ status: 200 });
    expect((await at(server, '/status')).body).toEqual([]);
  });

  test('what is given back while it is written is no longer there', async () => {
    const memory = new SharedMemory();
    const { key } = shared(new Uint8Array(64));
    await memory.register({ name: 'r', key, offset: 0, byteSize: 64 });
    // How large it is has been asked, and it is not written yet.
    const written = memory.write('r', 0, floats(1));
    const gone = memory.unregister('r');
    await expectError(written, 'ERR_NOT_FOUND', /Unable to find shared memory region/);
    await gone;
  });

  test('and over gRPC, with raw bytes for those that are not there', async () => {
    const { client } = await started({ 'sum.onnx': add({ features: 2 }) }, { sharedMemory: true });
    const { key, file } = shared(floats(1, 2, 0, 0));
    const region = { name: 'r', key, byte_size: 16 };
    expect(await call(client, 'SystemSharedMemoryRegister', region)).toEqual({});
    expect(await call(client, 'SystemSharedMemoryStatus')).toEqual({ regions: { r: region } });
    const parameters = (size: number, offset = 0) => ({
      shared_memory_region: { string_param: 'r' },
      shared_memory_byte_size: { int64_param: size },
      shared_memory_offset: { int64_param: offset },
    });
    const request = {
      model_name: 'sum',
      inputs: [
        { name: 'a', datatype: 'FP32', shape: [1, 2], parameters: parameters(8) },
        { name: 'b', datatype: 'FP32', shape: [1, 2] },
      ],
      raw_input_contents: [floats(10, 20)],
      outputs: [{ name: 'c', parameters: parameters(8, 8) }],
    };
    const reply = await call(client, 'ModelInfer', request);
    expect(reply.raw_output_contents ?? []).toEqual([]);
    expect(reply.outputs[0].parameters).toMatchObject({ shared_memory_byte_size: { int64_param: 8 } });
    expect([...new Float32Array(Uint8Array.from(readFileSync(file)).buffer)]).toEqual([1, 2, 11, 22]);
    expect(await call(client, 'SystemSharedMemoryUnregister', { name: 'r' })).toEqual({});
    expect(await call(client, 'ModelInfer', request)).toMatchObject({
      code: 5,
      details: expect.stringContaining("'r'"),
    });
    expect(await call(client, 'SystemSharedMemoryStatus', { name: 'r' })).toMatchObject({ code: 5 });
  });

  test('is off by default, and never leaves what was registered', async () => {
    const off = await started({ 'm.onnx': square({ features: 2 }) });
    expect(await at(off.server, '/status')).toMatchObject({ status: 501 });
    expect(await call(off.client, 'SystemSharedMemoryStatus')).toMatchObject({ code: 12 });
    const there = { name: 'x', shape: [1, 2], datatype: 'FP32', parameters: place('r', 8) };
    expect(await infer(off.server, { inputs: [there] })).toMatchObject({ status: 501 });

    const { server } = await started({ 'm.onnx': square({ features: 2 }) }, { sharedMemory: true });
    const { key, file } = shared(floats(1, 2));
    const secret = join(tmpdir(), `tensorlane-secret-${process.pid}`);
    writeFileSync(secret, 'secret and long enough');
    const link = `/dev/shm/tensorlane-link-${process.pid}`;
    symlinkSync(secret, link);
    onTestFinished(() => {
      rmSync(secret);
      rmSync(link);
    });
    const register = (body: unknown, name = 'r') => at(server, `/region/${name}/register`, body);
    const wrong: readonly [unknown, RegExp][] = [
      [{ key: '../etc/passwd', byte_size: 8 }, /must be the name of shared memory/],
      [{ key: '/a/b', byte_size: 8 }, /must be the name of shared memory/],
      [{ key: '..', byte_size: 8 }, /must be the name of shared memory/],
      [{ key: '', byte_size: 8 }, /must be the name of shared memory/],
      [{ key: '/none-of-this-name', byte_size: 8 }, /Unable to open.*ENOENT/],
      [{ key: link.slice('/dev/shm'.length), byte_size: 8 }, /Unable to open.*ELOOP/],
      [{ key, byte_size: 9 }, /ends at byte 9, but .* has 8 bytes/],
      [{ key, offset: 4, byte_size: 8 }, /ends at byte 12/],
      [{ key, offset: -1, byte_size: 8 }, /'offset' must be an integer/],
      [{ key }, /'byte_size' must be/],
      [{ byte_size: 8 }, /'key' must be a string/],
    ];
    for (const [body, message] of wrong) {
      expect(await register(body), JSON.stringify(body)).toMatchObject({
        status: 400,
        body: { error: expect.stringMatching(message) },
      });
    }
    expect(await register({ key, byte_size: 8 })).toMatchObject({ status: 200 });
    expect(await register({ key, byte_size: 8 })).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/already/) },
    });
    const row = (parameters: object) => ({ name: 'x', shape: [1, 2], datatype: 'FP32', parameters });
    const outputs = [{ name: 'y', parameters: place('r', 8) }];
    const requests: readonly [object, number, RegExp][] = [
      [{ inputs: [row(place('other', 8))] }, 404, /Unable to find shared memory region: 'other'/],
      [{ inputs: [row(place('r', 8, 4))] }, 400, /end at byte 12, but it has 8 bytes/],
      [{ inputs: [row(place('r', 4))] }, 400, /have 8 bytes, but 4 were given/],
      [{ inputs: [{ ...row(place('r', 8)), data: [1, 2] }] }, 400, /both data and/],
      [{ inputs: [row({ shared_memory_region: 5, shared_memory_byte_size: 8 })] }, 400, /is said by/],
      [{ inputs: [input([2, 2], [1, 2, 3, 4])], outputs }, 400, /should be at least 16 bytes/],
    ];
    for (const [body, status, message] of requests) {
      expect(await infer(server, body), JSON.stringify(body)).toMatchObject({
        status,
        body: { error: expect.stringMatching(message) },
      });
    }
    expect(await infer(server, { inputs: [row(place('r', 8))], outputs })).toMatchObject({ status: 200 });
    // Who makes it smaller later gets no more of it than there is.
    truncateSync(file, 4);
    expect(await infer(server, { inputs: [row(place('r', 8))] })).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/has become smaller/) },
    });
    expect(await infer(server, { inputs: [input([1, 2], [1, 2])], outputs })).toMatchObject({ status: 400 });
    expect(readFileSync(file)).toHaveLength(4);
  });

  test("CUDA's is refused where the device is the CPU", async () => {
    const { server, client } = await started({}, { sharedMemory: true });
    const url = `${server.url}/v2/cudasharedmemory`;
    expect((await ask(`${url}/status`)).body).toEqual([]);
    expect(
      await ask(`${url}/region/r/register`, { raw_handle: { b64: '' }, device_id: 0, byte_size: 8 }),
    ).toMatchObject({
      status: 501,
      body: { error: expect.stringContaining('the device is the CPU') },
    });
    expect(await ask(`${url}/unregister`, {})).toMatchObject({ status: 200 });
    expect(await call(client, 'CudaSharedMemoryRegister', { name: 'r' })).toMatchObject({ code: 12 });
    expect(await call(client, 'CudaSharedMemoryStatus')).toEqual({});
  });
});

test("statistics have Triton's shape, over REST and gRPC", async () => {
  const { server, client } = await started({ 'm.onnx': square({ features: 2 }) });
  await infer(server, { inputs: [input([1, 2], [1, 2])] });
  await infer(server, { inputs: [input([3, 2], [1, 2, 3, 4, 5, 6])] });
  const { body } = await ask(`${server.url}/v2/models/m/stats`);
  const some = { count: 2, ns: expect.any(Number) };
  const none = { count: 0, ns: 0 };
  const phases = (count: number) => ({
    compute_input: { count, ns: 0 },
    compute_infer: { count, ns: expect.any(Number) },
    compute_output: { count, ns: 0 },
  });
  expect(body).toEqual({
    model_stats: [
      {
        name: 'm',
        version: '1',
        last_inference: expect.any(Number),
        inference_count: 4,
        execution_count: 2,
        inference_stats: {
          success: some,
          fail: none,
          cancel: none,
          queue: some,
          ...phases(2),
          cache_hit: none,
          cache_miss: none,
        },
        batch_stats: [
          { batch_size: 1, ...phases(1) },
          { batch_size: 3, ...phases(1) },
        ],
        memory_usage: [],
        response_stats: {},
      },
    ],
  });
  const {
    model_stats: [stats],
  } = await call(client, 'ModelStatistics', { name: 'm' });
  expect(stats).toMatchObject({ inference_count: 4, batch_stats: [{ batch_size: 1 }, { batch_size: 3 }] });
});

describe('generate', () => {
  const files = {
    'm.onnx': strings({ features: 1 }),
    'two.onnx': square({ features: 2 }),
    'free.onnx': identity('int64', ['N']),
  };
  const at = (server: Server, path: string, body: unknown) => ask(`${server.url}/v2/models/${path}`, body);

  test('takes and gives plain values by name', async () => {
    const { server } = await started(files);
    expect(await at(server, 'm/generate', { id: 'a', x: 'some "text"', parameters: { stream: false } })).toMatchObject({
      status: 200,
      body: { id: 'a', model_name: 'm', model_version: '1', y: 'some "text"' },
    });
    // An empty id is none, as of clients that always send one.
    expect((await at(server, 'm/generate', { id: '', x: 'a' })).body).not.toHaveProperty('id');
    const inputs = [{ name: 'x', shape: [1, 1], datatype: 'BYTES', data: ['a'] }];
    expect((await at(server, 'm/infer', { id: '', inputs })).body).not.toHaveProperty('id');
    expect((await at(server, 'm/versions/1/generate', { parameters: { x: 'there' } })).body).toMatchObject({
      y: 'there',
    });
    expect((await at(server, 'two/generate', { x: [3, 0.5], temperature: 0 })).body).toMatchObject({ y: [9, 0.25] });
    expect((await at(server, 'free/generate', { x: [7, 8, 9] })).body).toMatchObject({ y: [7, 8, 9] });
    expect((await at(server, 'free/generate', { x: 7 })).body).toMatchObject({ y: 7 });
    const wrong: readonly [string, unknown, number][] = [
      ['m/generate', {}, 400],
      ['m/generate', { x: 5 }, 400],
      ['two/generate', { x: [1, 2, 3] }, 400],
      ['two/generate', { x: { deep: 1 } }, 400],
      ['m/generate', { id: 1, x: 'a' }, 400],
      ['m/generate', [], 400],
      ['none/generate', { x: 'a' }, 404],
    ];
    for (const [path, body, status] of wrong) {
      expect(await at(server, path, body), JSON.stringify(body)).toMatchObject({
        status,
        body: { error: expect.any(String) },
      });
    }
  });

  test('whether they are long or not shows in nothing', async () => {
    const { server } = await started({
      ...files,
      'm.onnx': identity('float32', [1, 'N']),
      'rows.onnx': identity('float32', ['N', 'M']),
      'id.onnx': model({
        inputs: [value('parameters', 'float32', ['N'])],
        outputs: [value('y', 'float32', ['N'])],
        nodes: [node('Identity', ['parameters'], ['y'])],
      }),
    });
    const long = Array.from({ length: 300 }, (_, i) => i);
    const bodies: readonly [string, object][] = [
      ['m', { x: long }],
      ['m', { x: [long] }],
      ['m', { x: [[long]] }],
      ['m', { parameters: { x: long } }],
      ['m', { x: [...long, 'a'] }],
      ['m', { x: [...long, 1e300] }],
      ['m', { x: { x: long } }],
      ['m', { id: long, x: long }],
      ['m', { x: long, other: long, priority: 1 }],
      ['m', { x: long, priority: long }],
      ['m', { x: long, other: { x: long } }],
      ['m', { y: long }],
      ['rows', { x: [long, long] }],
      ['rows', { x: [long, [1]] }],
      ['rows', { x: [[1], long] }],
      ['free', { x: long }],
      ['free', { x: [...long, 0.5] }],
      ['id', { parameters: long }],
      ['id', { parameters: { parameters: long } }],
    ];
    let good = 0;
    for (const [name, body] of bodies) {
      const text = JSON.stringify(body);
      const short = await at(server, `${name}/generate`, text);
      const padded = await at(server, `${name}/generate`, text + ' '.repeat(20_000));
      expect([padded.status, padded.body], text.slice(0, 50)).toEqual([short.status, short.body]);
      if (short.status === 200) good++;
    }
    expect(good).toBeGreaterThan(5);
  });

  test('and as an event of a stream', async () => {
    const { server } = await started(files);
    const response = await fetch(`${server.url}/v2/models/m/generate_stream`, {
      method: 'POST',
      body: '{"x": "line\\nline"}',
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(await response.text()).toBe('data: {"model_name":"m","model_version":"1","y":"line\\nline"}\n\n');
    expect(await at(server, 'm/generate_stream', {})).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining("'x'") },
    });
  });
});

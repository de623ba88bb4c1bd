// The Open Inference Protocol v2 over REST.

import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { add, identity, slow, square, strings, twoOutputs } from '../../../test/support/onnx-builder.js';
import type { Server } from '../lib/index.js';
import { ask, folderOf, gathering, lasting, put, startServer, until } from './support.js';

const started = (files: Readonly<Record<string, Uint8Array>>, options = {}) =>
  startServer({ repository: folderOf(files), ...options });
const inputOf = (shape: readonly number[], data: unknown, datatype = 'FP32', name = 'x') => ({
  name,
  shape,
  datatype,
  data,
});
const infer = (server: Server, body: unknown, model = 'm', init: RequestInit = {}) =>
  ask(`${server.url}/v2/models/${model}/infer`, body, init);

/** A body of JSON, and tensors behind it. */
function binaryBody(json: object, ...tensors: ArrayBufferView[]): [Uint8Array, RequestInit] {
  const head = Buffer.from(JSON.stringify(json));
  const parts = tensors.map(({ buffer, byteOffset, byteLength }) =>
    Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength),
  );
  return [Buffer.concat([head, ...parts]), { headers: { 'Inference-Header-Content-Length': String(head.length) } }];
}

/** Sends a body of bytes, and takes the answer apart. */
async function inferBinary(server: Server, [body, init]: [Uint8Array, RequestInit], model = 'm') {
  const response = await fetch(`${server.url}/v2/models/${model}/infer`, {
    method: 'POST',
    body: body as Uint8Array<ArrayBuffer>,
    ...init,
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const head = Number(response.headers.get('inference-header-content-length') ?? bytes.length);
  return { status: response.status, json: JSON.parse(bytes.subarray(0, head).toString()), bytes: bytes.subarray(head) };
}

test('health, and what the server and a model are', async () => {
  const server = await started({
    'm/1/model.onnx': square({ features: 4 }),
    'm/3/model.onnx': square({ features: 4 }),
  });
  const at = (path: string, init?: RequestInit) => ask(`${server.url}/v2${path}`, undefined, init);
  expect(await at('/health/live')).toMatchObject({ status: 200, body: '' });
  expect(await at('/health/ready')).toMatchObject({ status: 200, body: '' });
  expect(await at('')).toMatchObject({ status: 200, body: { name: 'tensorlane', version: expect.any(String) } });
  const metadata = {
    name: 'm',
    versions: ['3'],
    platform: 'onnxruntime_onnx',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 4] }],
  };
  expect(await at('/models/m')).toMatchObject({ status: 200, body: metadata });
  expect(await at('/models/m/versions/3')).toMatchObject({ status: 200, body: metadata });
  expect(await at('/models/%6d/ready')).toMatchObject({ status: 200, body: '' });
  expect(await at('/models/m/versions/2/ready')).toMatchObject({ status: 400 });
  // In Triton's words: its clients look for them.
  const unknown = (what: string) => ({ status: 404, body: { error: `Request for unknown model: ${what}` } });
  expect(await at('/models/m/versions/2')).toMatchObject(unknown("'m' version 2 is not found; loaded are 3"));
  expect(await at('/models/other')).toMatchObject(unknown("'other' is not found"));
  expect(await ask(`${server.url}/v2/models/other/infer`, {})).toMatchObject(unknown("'other' is not found"));
  expect(await at('/models/other/ready')).toMatchObject({ status: 404 });
  expect(await at('/models/m/versions/zero')).toMatchObject({ status: 400 });
  expect(await at('/models/m/infer')).toMatchObject({ status: 405, body: { error: 'this path takes POST' } });
  expect(await at('/models/%/ready')).toMatchObject({ status: 400 });
  expect(await at('/nothing')).toMatchObject({ status: 404 });
  expect(await at('/health/live', { method: 'DELETE' })).toMatchObject({ status: 405 });
});

test('tensors of JSON, flat and nested, and the outputs that are named', async () => {
  const server = await started({ 'm.onnx': square({ features: 2 }), 'two.onnx': twoOutputs({ features: 2 }) });
  const flat = await infer(server, { id: 'a "name"', inputs: [inputOf([2, 2], [1, 2, 3, 0.5])] });
  expect(flat).toMatchObject({
    status: 200,
    body: {
      id: 'a "name"',
      model_name: 'm',
      model_version: '1',
      outputs: [{ name: 'y', datatype: 'FP32', shape: [2, 2], data: [1, 4, 9, 0.25] }],
    },
  });
  const nested = await infer(
    server,
    {
      inputs: [
        inputOf(
          [2, 2],
          [
            [1, 2],
            [3, 4],
          ],
        ),
      ],
    },
    'm/versions/1',
  );
  expect(nested.body).toMatchObject({ outputs: [{ data: [1, 4, 9, 16] }] });
  const chosen = await infer(server, { inputs: [inputOf([1, 2], [1, 2])], outputs: [{ name: 'total' }] }, 'two');
  const total = { name: 'total', datatype: 'FP32', shape: [1, 1], data: [3] };
  expect((chosen.body as { outputs: object[] }).outputs).toEqual([total]);
  // However often it is asked for, it comes once.
  const outputs = new Array(1000).fill({ name: 'total' });
  const often = await infer(server, { inputs: [inputOf([1, 2], [1, 2])], outputs }, 'two');
  expect((often.body as { outputs: object[] }).outputs).toEqual([total]);
});

test.each([
  ['int64', 'INT64', ['9223372036854775807', '-9223372036854775808'].join(',')],
  ['uint64', 'UINT64', '18446744073709551615,9007199254740993'],
  ['int8', 'INT8', '-128,127'],
  ['bool', 'BOOL', 'true,false'],
  ['float16', 'FP16', '0.5,-65504'],
  ['float32', 'FP32', 'NaN,-Infinity'],
  ['float64', 'FP64', '0.1,1e-300'],
] as const)('elements of %s come back as they were sent', async (type, datatype, elements) => {
  const server = await started({ 'm.onnx': identity(type, ['N', 2]) });
  const sent = `{"inputs":[{"name":"x","shape":[1,2],"datatype":"${datatype}","data":[${elements}]}]}`;
  const response = await fetch(`${server.url}/v2/models/m/infer`, { method: 'POST', body: sent });
  expect(await response.text()).toContain(`"data":[${elements}]`);
});

test('strings, in JSON and in bytes', async () => {
  const server = await started({ 'm.onnx': strings({ features: 2 }) });
  const words = ['plain', 'ä "quoted"\n'];
  expect((await infer(server, { inputs: [inputOf([1, 2], words, 'BYTES')] })).body).toMatchObject({
    outputs: [{ data: words }],
  });
  const packed = Buffer.concat(
    words.flatMap((word) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(Buffer.byteLength(word));
      return [length, Buffer.from(word)];
    }),
  );
  const input = { name: 'x', shape: [1, 2], datatype: 'BYTES', parameters: { binary_data_size: packed.length } };
  const body = { inputs: [input], outputs: [{ name: 'y', parameters: { binary_data: true } }] };
  expect((await inferBinary(server, binaryBody(body, packed))).bytes).toEqual(packed);
  const cut = { ...input, parameters: { binary_data_size: packed.length - 1 } };
  expect(await inferBinary(server, binaryBody({ inputs: [cut] }, packed.subarray(1)))).toMatchObject({ status: 400 });
  const noText = Buffer.from([2, 0, 0, 0, 0xff, 0xfe, 0, 0, 0, 0]);
  const sent = { ...input, parameters: { binary_data_size: noText.length } };
  expect(await inferBinary(server, binaryBody({ inputs: [sent] }, noText))).toMatchObject({
    status: 400,
    json: { error: expect.stringContaining('not UTF-8') },
  });
});

test('tensors of bytes, in and out, whatever the length of the JSON before them', async () => {
  const server = await started({ 'm.onnx': add({ features: 4 }), 'wide.onnx': identity('float64', ['N', 2]) });
  const a = Float32Array.of(1, 2, 3, 4);
  const b = Float32Array.of(10, 20, 30, 40);
  const inputs = ['a', 'b'].map((name) => ({
    name,
    shape: [1, 4],
    datatype: 'FP32',
    parameters: { binary_data_size: 16 },
  }));
  for (let length = 0; length < 9; length++) {
    const json = { id: 'i'.repeat(length), parameters: { binary_data_output: true }, inputs };
    const { status, json: reply, bytes } = await inferBinary(server, binaryBody(json, a, b));
    expect(status).toBe(200);
    expect(reply.outputs).toEqual([
      { name: 'c', datatype: 'FP32', shape: [1, 4], parameters: { binary_data_size: 16 } },
    ]);
    expect([...new Float32Array(Uint8Array.from(bytes).buffer)]).toEqual([11, 22, 33, 44]);
  }
  // One input of each kind, and an output that says otherwise than the request.
  const mixed = {
    parameters: { binary_data_output: true },
    inputs: [inputs[0], inputOf([1, 4], [...b], 'FP32', 'b')],
    outputs: [{ name: 'c', parameters: { binary_data: false } }],
  };
  expect((await inferBinary(server, binaryBody(mixed, a))).json.outputs[0].data).toEqual([11, 22, 33, 44]);
  const double = { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP64', parameters: { binary_data_size: 16 } }] };
  expect((await inferBinary(server, binaryBody(double, Float64Array.of(0.1, 2)), 'wide')).json.outputs[0].data).toEqual(
    [0.1, 2],
  );
});

describe('what is wrong is refused', () => {
  const good = inputOf([1, 2], [1, 2]);
  const wrong: readonly [string, unknown, number, RegExp][] = [
    ['no JSON', '{"inputs": [', 400, /no JSON: expected a value at character 12/],
    ['an empty body', '', 400, /the body is empty/],
    ['not UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 400, /not UTF-8/],
    ['nested too deep', '['.repeat(100_000), 400, /nested more than/],
    ['an array', [], 400, /must be a JSON object/],
    ['no inputs', {}, 400, /'inputs' must be an array/],
    ['no such input', { inputs: [{ ...good, name: 'z' }] }, 400, /'z'/],
    ['an input too few', { inputs: [] }, 400, /'x'/],
    ['an input twice', { inputs: [good, good] }, 400, /given twice/],
    ['a shape of more elements', { inputs: [inputOf([1, 3], [1, 2])] }, 400, /have 3 elements, but 2/],
    ['a shape that overflows', { inputs: [inputOf([2 ** 40, 2 ** 40], [1])] }, 400, /more than any tensor/],
    ['a negative dimension', { inputs: [inputOf([-1, 2], [1, 2])] }, 400, /a dimension is/],
    ['the wrong width', { inputs: [inputOf([1, 3], [1, 2, 3])] }, 400, /x/],
    ['another type', { inputs: [inputOf([1, 2], [1, 2], 'INT32')] }, 400, /int32/],
    ['no such type', { inputs: [inputOf([1, 2], [1, 2], 'FLOAT')] }, 400, /datatype must be one of BOOL/],
    ['a type that is an object', { inputs: [inputOf([1, 2], [1, 2], { a: 1 } as never)] }, 400, /BYTES, got an object/],
    ['types that are many', { inputs: [inputOf([1, 2], [1, 2], [{}] as never)] }, 400, /got an array of 1/],
    [
      'a dimension that is an object',
      { inputs: [inputOf([{}] as never, [1, 2])] },
      400,
      /of at least 0, got an object/,
    ],
    ['a dimension that is a list', { inputs: [inputOf([[{}]] as never, [1, 2])] }, 400, /of at least 0, got an array/],
    ['an element that is none', { inputs: [inputOf([1, 2], [1, 'two'])] }, 400, /element 1 is no float32: "two"/],
    ['a fraction', { inputs: [inputOf([1, 2], [1, 2.5], 'INT64')] }, 400, /element 1 is no int64: 2.5/],
    ['no data', { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32' }] }, 400, /no data/],
    ['no such output', { inputs: [good], outputs: [{ name: 'q' }] }, 400, /'q'/],
    [
      'bytes that are not there',
      { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', parameters: { binary_data_size: 8 } }] },
      400,
      /only 0 more/,
    ],
    ['a sequence', { inputs: [good], parameters: { sequence_id: 5 } }, 501, /sequences/],
    [
      'half a place',
      { inputs: [{ ...good, parameters: { shared_memory_region: 'r' } }] },
      400,
      /shared_memory_byte_size/,
    ],
    ['no classes', { inputs: [good], outputs: [{ name: 'y', parameters: { classification: 0 } }] }, 400, /at least 1/],
    ['a name of the language', { inputs: [{ ...good, name: '__proto__' }] }, 400, /__proto__/],
  ];

  test('with a message, and the server goes on', async () => {
    const server = await started({ 'm.onnx': square({ features: 2 }) });
    for (const [what, body, status, message] of wrong) {
      const reply = await infer(server, body);
      expect([reply.status, reply.body], what).toEqual([status, { error: expect.stringMatching(message) }]);
    }
    const init = { headers: { 'Inference-Header-Content-Length': '1000' } };
    expect(await infer(server, { inputs: [good] }, 'm', init)).toMatchObject({ status: 400 });
    expect(await infer(server, { inputs: [good] })).toMatchObject({ status: 200 });
    const [left, headers] = binaryBody({ inputs: [good] }, new Uint8Array(3));
    expect(await infer(server, left, 'm', headers)).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('3 bytes more') },
    });
  });

  test('a body that is too large, also when it is compressed or of a length that nobody said', async () => {
    const server = await started({ 'm.onnx': square({ features: 2 }) }, { limits: { bodyBytes: 1000 } });
    const body = JSON.stringify({ inputs: [good] });
    const padded = body + ' '.repeat(1001 - body.length);
    expect(await infer(server, padded)).toMatchObject({
      status: 413,
      body: { error: 'the body is larger than 1000 bytes' },
    });
    expect(await infer(server, padded.slice(0, 1000))).toMatchObject({ status: 200 });
    const gzip = { headers: { 'content-encoding': 'gzip' } };
    expect(await infer(server, gzipSync(padded), 'm', gzip)).toMatchObject({ status: 413 });
    expect(await infer(server, gzipSync(body), 'm', gzip)).toMatchObject({ status: 200 });
    expect(await infer(server, gzipSync(body).subarray(0, 30), 'm', gzip)).toMatchObject({ status: 400 });
    expect(await infer(server, body, 'm', { headers: { 'content-encoding': 'zstd' } })).toMatchObject({ status: 415 });
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from(padded));
        controller.close();
      },
    });
    expect(
      await infer(server, undefined, 'm', { method: 'POST', body: stream, duplex: 'half' } as RequestInit),
    ).toMatchObject({ status: 413 });
  });
});

test('a long answer is compressed for who takes that', async () => {
  const server = await started({ 'm.onnx': square({ features: 1000 }) });
  const body = { inputs: [inputOf([1, 1000], new Array(1000).fill(2))] };
  const reply = await infer(server, body, 'm', { headers: { 'accept-encoding': 'gzip' } });
  expect(reply.headers.get('content-encoding')).toBe('gzip');
  expect((reply.body as { outputs: { data: number[] }[] }).outputs[0]!.data).toEqual(new Array(1000).fill(4));
  const plain = await infer(server, body, 'm', { headers: { 'accept-encoding': 'gzip;q=0' } });
  expect(plain.headers.get('content-encoding')).toBe(null);
});

test('requests of the same moment share batches, and the statistics say so', async () => {
  const server = await started({ 'm.onnx': slow({ iterations: 300 }) }, { load: gathering });
  const row = { inputs: [inputOf([1, 256], new Array(256).fill(1))] };
  await Promise.all(Array.from({ length: 40 }, () => infer(server, row)));
  await infer(server, { inputs: [inputOf([1, 3], [1, 2, 3])] });
  const { body } = await ask(`${server.url}/v2/models/m/stats`);
  const [stats] = (body as { model_stats: Record<string, unknown>[] }).model_stats;
  const {
    success,
    fail,
    queue,
    compute_infer: compute,
  } = stats!.inference_stats as Record<string, { count: number; ns: number }>;
  expect([success!.count, fail!.count, queue!.count, compute!.count]).toEqual([40, 1, 40, 40]);
  expect(stats!.inference_count).toBe(40);
  expect(stats!.execution_count).toBeLessThan(40);
  const sizes = stats!.batch_stats as { batch_size: number; compute_infer: { count: number; ns: number } }[];
  expect(sizes.reduce((sum, one) => sum + one.batch_size * one.compute_infer.count, 0)).toBe(40);
  expect(compute!.ns).toBeGreaterThan(0);
  expect(success!.ns).toBeGreaterThan(compute!.ns / 2);
});

test('a raw request is the bytes of the one input', async () => {
  const server = await started({
    'm.onnx': square({ features: 2 }),
    'free.onnx': identity('float32', ['N', 'L', 2]),
    'whole.onnx': identity('int64', [2, 2]),
    'text.onnx': identity('string', ['N', 1]),
    'add.onnx': add(),
    'two.onnx': identity('float32', ['N', 'L', 'M']),
  });
  const raw = (model: string, bytes: Uint8Array) =>
    ask(`${server.url}/v2/models/${model}/infer`, bytes, { headers: { 'inference-header-content-length': '0' } });
  const response = await fetch(`${server.url}/v2/models/m/infer`, {
    method: 'POST',
    body: Float32Array.of(3, 4),
    headers: { 'inference-header-content-length': '0' },
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const head = Number(response.headers.get('inference-header-content-length'));
  expect(JSON.parse(bytes.toString('utf8', 0, head)).outputs).toEqual([
    { name: 'y', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } },
  ]);
  expect([...new Float32Array(Uint8Array.from(bytes.subarray(head)).buffer)]).toEqual([9, 16]);
  const shapes: readonly [string, Uint8Array, RegExp | number[]][] = [
    ['free', new Uint8Array(24), [1, 3, 2]],
    ['whole', new Uint8Array(32), [2, 2]],
    ['text', Buffer.from('some text'), [1, 1]],
    ['m', new Uint8Array(12), /8 bytes/],
    ['free', new Uint8Array(12), /no multiple/],
    ['add', new Uint8Array(8), /has 2/],
    ['two', new Uint8Array(8), /one dimension at most/],
  ];
  for (const [model, body, wanted] of shapes) {
    const reply = await raw(model, body);
    if (Array.isArray(wanted)) expect(String(reply.body), model).toContain(`"shape":[${wanted.join(',')}]`);
    else expect(reply, model).toMatchObject({ status: 400, body: { error: expect.stringMatching(wanted) } });
  }
});

test('the index, loading and unloading', async () => {
  const repository = folderOf({ 'm.onnx': square({ features: 2 }), 'broken/2/model.onnx': 'nothing' });
  const server = await startServer({ repository, explicitControl: true });
  const post = (path: string, body: unknown = {}) => ask(`${server.url}/v2/repository${path}`, body);
  const index = async (body: unknown = {}) => (await post('/index', body)).body;
  const broken = { name: 'broken', version: '2', state: 'UNAVAILABLE', reason: expect.stringContaining('model.onnx') };
  expect(await index()).toEqual([{ name: 'm', version: '1', state: 'READY' }, broken]);
  expect(await index({ ready: true })).toEqual([{ name: 'm', version: '1', state: 'READY' }]);
  expect(await ask(`${server.url}/v2/health/ready`)).toMatchObject({ status: 400 });
  expect(await post('/models/m/unload', { parameters: { unload_dependents: true } })).toMatchObject({
    status: 200,
    body: '',
  });
  expect(await infer(server, { inputs: [inputOf([1, 2], [1, 2])] })).toMatchObject({ status: 404 });
  expect(await ask(`${server.url}/v2/models/m/ready`)).toMatchObject({ status: 400 });
  put(repository, { 'new.onnx': square({ features: 3 }) });
  expect(await post('/models/new/load')).toMatchObject({ status: 200 });
  expect(await post('/models/m/load', '')).toMatchObject({ status: 200 });
  expect(await infer(server, { inputs: [inputOf([1, 2], [1, 2])] })).toMatchObject({ status: 200 });
  expect(await post('/models/broken/load')).toMatchObject({
    status: 500,
    body: { error: expect.stringMatching(/^failed to load 'broken': .*model\.onnx/) },
  });
  expect(await post('/models/none/load')).toMatchObject({
    status: 404,
    body: { error: expect.stringMatching(/^failed to load 'none'/) },
  });
  expect(await post('/models/m/load', { parameters: { cache: '1' } })).toMatchObject({ status: 501 });
  const other = await startServer({ repository });
  expect(await ask(`${other.url}/v2/repository/models/m/unload`, {})).toMatchObject({ status: 501 });
});

test('who hangs up is not computed for', async () => {
  const server = await started({ 'm.onnx': lasting() }, { load: { concurrency: 1, batching: false } });
  const body = JSON.stringify({ inputs: [inputOf([1, 256], new Array(256).fill(1))] });
  const { port } = new URL(server.url);
  const send = () => {
    const sent = request({ port, path: '/v2/models/m/infer', method: 'POST' });
    sent.on('error', () => {});
    sent.end(body);
    return sent;
  };
  const servable = server.engine.resolve({ name: 'm' });
  const first = infer(server, body);
  await until(() => servable.stats()!.batches.running === 1);
  const waiting = Array.from({ length: 5 }, send);
  await until(() => servable.stats()!.requests.queued === 5);
  for (const one of waiting) one.destroy();
  await until(() => servable.stats()!.requests.queued === 0);
  expect(servable.stats()!.requests.cancelled).toBe(5);
  expect(await first).toMatchObject({ status: 200 });
  expect(servable.stats()!.batches.count).toBeLessThanOrEqual(2);
});

test('what waits longer than its timeout is given up', async () => {
  const server = await started({ 'm.onnx': lasting() }, { load: { concurrency: 1, batching: false } });
  const row = { inputs: [inputOf([1, 256], new Array(256).fill(1))] };
  const servable = server.engine.resolve({ name: 'm' });
  const first = infer(server, row);
  await until(() => servable.stats()!.batches.running === 1);
  const late = await infer(server, { ...row, parameters: { timeout: 1 } });
  expect(late).toMatchObject({ status: 503, body: { error: expect.stringContaining('1 microseconds') } });
  expect(Number(late.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(await first).toMatchObject({ status: 200 });
});

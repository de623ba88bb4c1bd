// How bodies are written: compressed either way, in one connection after the other, floats of 16 bits as numbers, and bytes of a tensor as they lie.

import { Agent, request } from 'node:http';
import { constants, deflateRawSync, deflateSync, gunzipSync, inflateSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { identity, square } from '../../../test/support/onnx-builder.js';
import { call, grpcClient } from './calls.js';
import { ask, folderOf, startServer } from './support.js';

interface Got {
  readonly headers: Record<string, string | string[] | undefined>;
  readonly bytes: Buffer;
  readonly isReused: boolean;
}

/** As it comes: fetch would unpack it. */
function sent(url: string, body: Uint8Array, headers: Record<string, string>, agent?: Agent): Promise<Got> {
  return new Promise((resolve, reject) => {
    const one = request(url, { method: 'POST', headers, ...(agent === undefined ? {} : { agent }) }, (response) => {
      const parts: Buffer[] = [];
      response
        .on('data', (part: Buffer) => parts.push(part))
        .on('end', () => {
          resolve({ headers: response.headers, bytes: Buffer.concat(parts), isReused: one.reusedSocket });
        });
    });
    one.on('error', reject).end(body);
  });
}

const many = { inputs: [{ name: 'x', shape: [1000, 2], datatype: 'FP32', data: new Array(2000).fill(3) }] };
const nines = new Array(2000).fill(9);

test('deflate in, and deflate or gzip out for who takes it', async () => {
  const server = await startServer({ repository: folderOf({ 'm.onnx': square({ features: 2 }) }) });
  const url = `${server.url}/v2/models/m/infer`;
  const body = deflateSync(JSON.stringify(many));
  const unpackers = { deflate: inflateSync, gzip: gunzipSync, identity: (bytes: Buffer) => bytes };
  for (const [accepted, encoding] of [
    ['deflate', 'deflate'],
    ['gzip;q=0, deflate', 'deflate'],
    ['gzip, deflate', 'gzip'],
    ['br', 'identity'],
  ] as const) {
    const { headers, bytes } = await sent(url, body, { 'content-encoding': 'deflate', 'accept-encoding': accepted });
    expect(headers['content-encoding'] ?? 'identity').toBe(encoding);
    expect(JSON.parse(unpackers[encoding](bytes).toString())).toMatchObject({ outputs: [{ data: nines }] });
  }
  const broken = await sent(url, body.subarray(0, body.length - 3), { 'content-encoding': 'deflate' });
  expect(JSON.parse(broken.bytes.toString())).toHaveProperty('error');
});

test('deflate without the header that zlib has, in all forms, is taken, and bounded as any is', async () => {
  const server = await startServer({
    repository: folderOf({ 'm.onnx': square({ features: 2 }) }),
    limits: { bodyBytes: 100_000 },
  });
  const text = JSON.stringify(many);
  const send = async (body: Uint8Array, headers = {}) => {
    const { bytes } = await sent(`${server.url}/v2/models/m/infer`, body, {
      'content-encoding': 'deflate',
      ...headers,
    });
    return JSON.parse(bytes.toString());
  };
  const forms = [
    {},
    // Stored as it is, of fixed codes, of codes of its own.
    { level: 0 },
    { strategy: constants.Z_FIXED },
    { strategy: constants.Z_HUFFMAN_ONLY },
    { windowBits: 9 },
  ];
  for (const options of forms) {
    for (const pack of [deflateRawSync, deflateSync]) {
      expect(await send(pack(text, options)), `${pack.name} ${JSON.stringify(options)}`).toMatchObject({
        outputs: [{ data: nines }],
      });
    }
  }
  // Byte by byte, and of no length that is told.
  const parts = [...deflateRawSync(text)].map((byte) => Uint8Array.of(byte));
  const inParts = await fetch(`${server.url}/v2/models/m/infer`, {
    method: 'POST',
    headers: { 'content-encoding': 'deflate' },
    body: new ReadableStream({
      pull: (to) => {
        const part = parts.shift();
        part === undefined ? to.close() : to.enqueue(part);
      },
    }),
    duplex: 'half',
  } as RequestInit);
  expect(await inParts.json()).toMatchObject({ outputs: [{ data: nines }] });
  const raw = deflateRawSync(text);
  const larger = deflateRawSync(Buffer.alloc(200_000, ' '));
  for (const [body, error] of [
    [raw.subarray(0, raw.length - 3), 'the body is no deflate'],
    [new Uint8Array(), 'the body is no deflate'],
    [Uint8Array.of(0xff, 0xff), 'the body is no deflate'],
    [larger, 'larger than 100000 bytes'],
  ] as const) {
    expect((await send(body)).error).toContain(error);
  }
});

test('a connection serves one request after the other, also after failures', async () => {
  const server = await startServer({ repository: folderOf({ 'm.onnx': square({ features: 2 }) }) });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const bodies = [JSON.stringify(many), '{', '{"inputs": []}', JSON.stringify(many)].map((one) => Buffer.from(one));
  const reused: boolean[] = [];
  for (const body of bodies) {
    const { isReused } = await sent(`${server.url}/v2/models/m/infer`, body, {}, agent);
    reused.push(isReused);
  }
  expect(reused).toEqual([false, true, true, true]);
});

test('BF16 is numbers in JSON, rounded to what it holds, and so is what comes back', async () => {
  const server = await startServer({ repository: folderOf({ 'm.onnx': identity('bfloat16', ['N']) }) });
  // As text: JSON.stringify has no -0.
  const text =
    '{"inputs": [{"name": "x", "shape": [6], "datatype": "BF16", "data": [1, -2.5, 3.140625, 0.1, 1e30, -0]}]}';
  const { status, body } = await ask(`${server.url}/v2/models/m/infer`, text);
  const [output] = (body as { outputs: { datatype: string; data: number[] }[] }).outputs;
  expect([status, output!.datatype]).toEqual([200, 'BF16']);
  // The nearest of 8 bits: 0.1 is 0x3dcd, 1e30 is 0x714a.
  const nearest = [0x3dcd, 0x714a].map((bits) => new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!);
  expect(output!.data.map(Math.fround)).toEqual([1, -2.5, 3.140625, ...nearest, -0]);
});

test('a vector of tensor_content in Predict is what lies in it, to the byte', async () => {
  const server = await startServer({
    repository: folderOf({ 'm.onnx': square({ features: 2 }) }),
    grpc: '127.0.0.1:0',
  });
  const client = grpcClient(server.grpcTarget!);
  const predict = (bytes: Uint8Array, sizes: readonly number[], dtype = 1) =>
    call(client, 'tensorflow.serving.PredictionService/Predict', {
      model_spec: { name: 'm' },
      inputs: { x: { dtype, tensor_shape: { dim: sizes.map((size) => ({ size })) }, tensor_content: bytes } },
    });
  // 1.5 and -3, then 0.25 and 4, little-endian, at an odd place of a larger buffer.
  const held = Uint8Array.of(9, 0, 0, 0xc0, 0x3f, 0, 0, 0x40, 0xc0, 0, 0, 0x80, 0x3e, 0, 0, 0x80, 0x40);
  const { outputs } = await predict(held.subarray(1), [2, 2]);
  const { y } = outputs;
  const { float_val: floats = [], tensor_content: content } = y;
  const got = content?.length > 0 ? [...new Float32Array(Uint8Array.from(content).buffer)] : floats;
  expect(got).toEqual([2.25, 9, 0.0625, 16]);
  for (const length of [15, 12]) {
    await expect(predict(held.subarray(1, 1 + length), [2, 2])).rejects.toMatchObject({ code: 3 });
  }
});

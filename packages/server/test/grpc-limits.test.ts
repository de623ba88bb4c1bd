// What calls of gRPC hold of the server while they come, and while their answers are taken.

import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import { expect, onTestFinished, test } from 'vitest';
import { identity } from '../../../test/support/onnx-builder.js';
import { protos } from '../lib/core/protos.js';
import { call, grpcClient, inferOf } from './calls.js';
import { ask, folderOf, startServer, until } from './support.js';

const infer = 'inference.GRPCInferenceService/ModelInfer';
const files = () => ({ 'm.onnx': identity('float32', ['N', 'M']) });
const floats = (width: number) => new Array(width).fill(1);
const row = (width: number) => ({ inputs: [{ name: 'x', shape: [1, width], datatype: 'FP32', data: floats(width) }] });

/** A connection of one's own, and a call on it whose bytes are sent by hand. */
function byHand(target: string, path: string, settings: http2.Settings = {}) {
  const session = http2.connect(`http://${target}`, { settings });
  onTestFinished(() => session.destroy());
  session.on('error', () => {});
  const stream = session.request({
    ':method': 'POST',
    ':path': `/${path}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => {});
  return { session, stream };
}

/** A message of so many bytes begins so. */
function prefix(bytes: number): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes, 1);
  return head;
}

test.each(['ModelInfer', 'ModelStreamInfer'])('a message of %s is counted as it comes', async (method) => {
  const limits = { bodyBytes: 100_000, pendingBytes: 100_000 };
  const server = await startServer({ repository: folderOf(files()), grpc: '127.0.0.1:0', limits });
  const client = grpcClient(server.grpcTarget!);
  const url = `${server.url}/v2/models/m/infer`;
  // Of 99,999 bytes all but a few come, and no more.
  const { session, stream } = byHand(server.grpcTarget!, `inference.GRPCInferenceService/${method}`);
  const written = new Promise((resolve) =>
    stream.write(Buffer.concat([prefix(99_999), Buffer.alloc(99_990)]), resolve),
  );
  await written;
  // It has them when it answers what came after them; a request in between would take the room.
  await new Promise((resolve) => session.ping(resolve));
  let refused = await ask(url, row(4));
  while (refused.status === 200) refused = await ask(url, row(4));
  expect(refused).toMatchObject({ status: 503, body: { error: expect.stringContaining('try again later') } });
  await expect(call(client, infer, inferOf('m', floats(16)))).rejects.toMatchObject({ code: 14 });
  // Another by hand is told so before it is whole.
  const late = byHand(server.grpcTarget!, infer);
  late.stream.write(Buffer.concat([prefix(50_000), Buffer.alloc(40_000)]));
  const [headers] = (await once(late.stream, 'response')) as [http2.IncomingHttpHeaders];
  expect(headers['grpc-status']).toBe('14');
  session.destroy();
  while (refused.status !== 200) refused = await ask(url, row(4));
  // Nothing of all that is still held.
  const most = { model_name: 'm', inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 24_900] }] };
  const whole = { ...most, raw_input_contents: [Buffer.alloc(4 * 24_900)] };
  for (let i = 0; i < 3; i++) expect((await call(client, infer, whole)).raw_output_contents[0].length).toBe(99_600);
});

test('clients that may have one request have one, however it comes', async () => {
  const limits = { clientRequests: 1 };
  const server = await startServer({ repository: folderOf(files()), grpc: '127.0.0.1:0', limits });
  const client = grpcClient(server.grpcTarget!);
  for (let i = 0; i < 5; i++) await call(client, infer, inferOf('m', [i]));
});

test('inputs in shared memory count like those that are sent, and are not read for a model that has none such', async () => {
  const limits = { bodyBytes: 100_000, pendingBytes: 100_000 };
  const options = { repository: folderOf(files()), grpc: '127.0.0.1:0', limits, sharedMemory: true };
  const server = await startServer(options);
  const client = grpcClient(server.grpcTarget!);
  const key = `/tensorlane-limits-${process.pid}`;
  const size = 4_000_000;
  writeFileSync(`/dev/shm${key}`, new Uint8Array(size));
  onTestFinished(() => rmSync(`/dev/shm${key}`, { force: true }));
  await ask(`${server.url}/v2/systemsharedmemory/region/r/register`, { key, byte_size: size });
  const input = (name: string, width: number) => ({ name, datatype: 'FP32', shape: [1, width] });
  const place = (width: number) => ({ shared_memory_region: 'r', shared_memory_byte_size: width * 4 });
  const overRest = (name: string, width: number) =>
    ask(`${server.url}/v2/models/m/infer`, { inputs: [{ ...input(name, width), parameters: place(width) }] });
  const overGrpc = (name: string, width: number) => {
    const { shared_memory_region: region, shared_memory_byte_size: bytes } = place(width);
    const parameters = {
      shared_memory_region: { string_param: region },
      shared_memory_byte_size: { int64_param: bytes },
    };
    return call(client, infer, { model_name: 'm', inputs: [{ ...input(name, width), parameters }] });
  };
  const unknown = expect.stringContaining("no input 'none'");
  expect(await overRest('none', size / 4)).toMatchObject({ status: 400, body: { error: unknown } });
  await expect(overGrpc('none', size / 4)).rejects.toMatchObject({ code: 3, details: unknown });
  expect(await overRest('x', size / 4)).toMatchObject({ status: 413 });
  await expect(overGrpc('x', size / 4)).rejects.toMatchObject({ code: 8 });
  for (let i = 0; i < 3; i++) {
    expect(await overRest('x', 20_000)).toMatchObject({ status: 200 });
    expect((await overGrpc('x', 20_000)).raw_output_contents[0].length).toBe(80_000);
  }
});

test('a connection has so many calls at once', async () => {
  const server = await startServer({ repository: folderOf(files()), grpc: '127.0.0.1:0' });
  const { session } = byHand(server.grpcTarget!, infer);
  const [settings] = (await once(session, 'remoteSettings')) as [http2.Settings];
  expect(settings.maxConcurrentStreams).toBe(1024);
});

test.each(['ModelInfer', 'ModelStreamInfer'])('who takes nothing of an answer of %s is cut off', async (method) => {
  const limits = { stallSeconds: 0.3 };
  const server = await startServer({ repository: folderOf(files()), grpc: '127.0.0.1:0', limits });
  const servable = server.engine.resolve({ name: 'm' });
  const path = `inference.GRPCInferenceService/${method}`;
  const { stream } = byHand(server.grpcTarget!, path, { initialWindowSize: 0 });
  const closed = once(stream, 'close');
  const type = protos().lookupType('inference.ModelInferRequest');
  const message = Buffer.from(type.encode(type.fromObject(inferOf('m', floats(100_000)))).finish());
  stream.write(Buffer.concat([prefix(message.length), message]));
  if (method === 'ModelInfer') stream.end();
  await closed;
  expect(stream.rstCode).toBe(http2.constants.NGHTTP2_CANCEL);
  // Nothing has the version any more, and it can go.
  await servable.drain();
  // Who takes what comes, and then asks for nothing for a while, stays.
  const patient = await startServer({ repository: folderOf(files()), grpc: '127.0.0.1:0', limits });
  const { stream: idle } = byHand(patient.grpcTarget!, 'inference.GRPCInferenceService/ModelStreamInfer');
  const [small] = [Buffer.from(type.encode(type.fromObject(inferOf('m', [1]))).finish())];
  for (let i = 0; i < 2; i++) {
    idle.write(Buffer.concat([prefix(small.length), small]));
    await once(idle, 'data');
    // Another, who does not, is cut off meanwhile.
    const other = byHand(patient.grpcTarget!, path, { initialWindowSize: 0 }).stream;
    other.write(Buffer.concat([prefix(message.length), message]));
    other.end();
    await once(other, 'close');
  }
  expect(idle.closed).toBe(false);
});

test('a message that is none ends a stream, and its client is told, also where answers are on their way', async () => {
  const server = await startServer({ repository: folderOf(files()), grpc: '127.0.0.1:0' });
  const path = 'inference.GRPCInferenceService/ModelStreamInfer';
  const { session, stream } = byHand(server.grpcTarget!, path, { initialWindowSize: 0 });
  const type = protos().lookupType('inference.ModelInferRequest');
  const message = Buffer.from(type.encode(type.fromObject(inferOf('m', [1]))).finish());
  const send = (bytes: Uint8Array) => stream.write(Buffer.concat([prefix(bytes.length), bytes]));
  // Of what is answered nothing can be sent yet: the first is on its way, and the others wait behind it.
  for (let i = 0; i < 3; i++) send(message);
  const { success } = server.engine.resolve({ name: 'm' }).statistics;
  await until(() => success.count === 3);
  send(Buffer.from([0xff, 0xff, 0xff]));
  // What comes after it has an answer: it was read.
  await new Promise((resolve) => session.ping(resolve));
  session.settings({ initialWindowSize: 65_535 });
  stream.resume();
  const [trailers] = (await once(stream, 'trailers')) as [http2.IncomingHttpHeaders];
  expect(trailers).toMatchObject({ 'grpc-status': '13', 'grpc-message': expect.stringContaining('deserializing') });
});

test.each(['ModelInfer', 'ModelStreamInfer'])(
  'who sends half of a message of %s, and no more, is refused',
  async (method) => {
    const server = await startServer({
      repository: folderOf(files()),
      grpc: '127.0.0.1:0',
      limits: { stallSeconds: 0.3 },
    });
    for (const begun of [prefix(1000), prefix(1000).subarray(0, 2), Buffer.concat([prefix(1000), Buffer.alloc(500)])]) {
      const { stream } = byHand(server.grpcTarget!, `inference.GRPCInferenceService/${method}`);
      stream.write(begun);
      const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
      expect(headers['grpc-status']).toBe('4');
    }
  },
);

// The server's own event loop stands still for longer than a client may: who has sent meanwhile what was to come is answered.

import { once } from 'node:events';
import http2 from 'node:http2';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import { protos } from '../lib/core/protos.js';
import { inferOf } from './calls.js';
import { folderOf, startServer, until } from './support.js';

const limits = { stallSeconds: 0.2, headerSeconds: 0.2 };
const started = () =>
  startServer({ repository: folderOf({ 'm.onnx': square({ features: 2 }) }), grpc: '127.0.0.1:0', limits });

/** What is written then is there when the loop turns again, after all of its timers, which are over. */
function writeAndStall(socket: Socket, bytes: string | Uint8Array): void {
  setImmediate(() => {
    socket.write(bytes);
    const end = performance.now() + 600;
    while (performance.now() < end);
  });
}

function connected(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  return socket.on('error', () => {});
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 30));
const text = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [3, 4] }] });
const half = text.length >> 1;

test.each(['in its first words', 'in its body'])('over HTTP/1.1, %s', async (where) => {
  const { url } = await started();
  const socket = connected(Number(new URL(url).port));
  const head = `POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${text.length}\r\n\r\n`;
  const all = head + text;
  const at = where === 'in its body' ? head.length + half : 1;
  socket.write(all.slice(0, at));
  await soon();
  writeAndStall(socket, all.slice(at));
  let answer = '';
  for await (const part of socket) answer += part;
  expect(answer).toContain('"data":[9,16]');
});

/** Of HTTP/2; what it sends from when it is held on goes out together. */
function holding(port: number) {
  const socket = connected(port);
  const held: Buffer[] = [];
  let isHeld = false;
  const duplex = new Duplex({
    read() {},
    write(bytes: Buffer, _encoding, done) {
      if (isHeld) held.push(bytes);
      else socket.write(bytes);
      done();
    },
  });
  socket.on('data', (bytes) => duplex.push(bytes));
  const session = http2.connect('http://127.0.0.1', { createConnection: () => duplex });
  onTestFinished(() => session.destroy());
  return {
    session,
    hold() {
      isHeld = true;
    },
    async release(bytes: number) {
      await until(() => held.reduce((sum, { length }) => sum + length, 0) >= bytes);
      isHeld = false;
      writeAndStall(socket, Buffer.concat(held));
    },
  };
}

test('over HTTP/2, in its body', async () => {
  const { url } = await started();
  const { session, hold, release } = holding(Number(new URL(url).port));
  const stream = session.request({ ':path': '/v2/models/m/infer', ':method': 'POST' });
  stream.write(text.slice(0, half));
  await soon();
  hold();
  stream.end(text.slice(half));
  await release(text.length - half);
  let answer = '';
  for await (const part of stream) answer += part;
  expect(answer).toContain('"data":[9,16]');
});

test.each(['ModelInfer', 'ModelStreamInfer'])('over gRPC, in a message of %s', async (method) => {
  const server = await started();
  const { session, hold, release } = holding(Number(server.grpcTarget!.split(':').at(-1)));
  const stream = session.request({
    ':path': `/inference.GRPCInferenceService/${method}`,
    ':method': 'POST',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const type = protos().lookupType('inference.ModelInferRequest');
  const message = Buffer.from(type.encode(type.fromObject(inferOf('m', [3, 4]))).finish());
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.write(Buffer.concat([prefix, message.subarray(0, 9)]));
  await soon();
  hold();
  stream.end(message.subarray(9));
  await release(message.length - 9);
  stream.resume();
  const [trailers] = (await once(stream, 'trailers')) as [http2.IncomingHttpHeaders];
  expect(trailers['grpc-status']).toBe('0');
});

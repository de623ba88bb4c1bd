// Connections of HTTP/2 and gRPC whose clients break the protocol, leave, or do not leave when they are told to: none holds the server, or is held by it.

import { execFileSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import http2 from 'node:http2';
import { connect as connectSocket, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { identity, square } from '../../../test/support/onnx-builder.js';
import { protos } from '../lib/core/protos.js';
import type { Server, ServerOptions } from '../lib/index.js';
import { grpcClient, inferOf } from './calls.js';
import { ask, folderOf, gathering, startServer, until } from './support.js';

const protocols = ['HTTP/2', 'gRPC'] as const;
type Protocol = (typeof protocols)[number];

const started = (options: ServerOptions = {}) =>
  startServer({
    repository: folderOf({ 'm.onnx': square({ features: 2 }), 'same.onnx': identity('float32', ['N', 'M']) }),
    grpc: '127.0.0.1:0',
    ...options,
  });

const portOf = (server: Server, protocol: Protocol) =>
  Number(protocol === 'gRPC' ? server.grpcTarget!.split(':').at(-1) : new URL(server.url).port);

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const frame = (type: number, flags: number, stream: number, payload: readonly number[]) =>
  Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream, ...payload]);
const settings = frame(4, 0, 0, []);

/** What no client may send: a session is over when it has come. */
const breaking: Readonly<Record<string, Buffer>> = {
  'a ping of three bytes': frame(6, 0, 0, [1, 2, 3]),
  'settings of five bytes': frame(4, 0, 0, [1, 2, 3, 4, 5]),
  'headers that cannot be unpacked': frame(1, 4, 1, [255, 255, 255, 255, 255]),
  'more of headers that have not begun': frame(9, 0, 5, [1]),
};

/** Connects and says so. The client's socket, and the server's own. */
async function said(port: number, bytes: Uint8Array, allowHalfOpen = false): Promise<[Socket, Socket]> {
  const client = connectSocket({ port, host: '127.0.0.1', allowHalfOpen });
  onTestFinished(() => void client.destroy());
  client.on('error', () => {}).resume();
  const accepted = new Promise<Socket>((resolve) => {
    const onSocket = (message: unknown) => {
      const { socket } = message as { socket: Socket };
      if (socket.remotePort !== client.localPort) return;
      unsubscribe('net.server.socket', onSocket);
      resolve(socket);
    };
    subscribe('net.server.socket', onSocket);
  });
  client.write(bytes);
  return [client, await accepted];
}

/** One that breaks the protocol and leaves, from when on the server knows. */
async function brokenAndGone(port: number): Promise<void> {
  const [client, accepted] = await said(port, Buffer.concat([preface, settings, breaking['a ping of three bytes']!]));
  client.end();
  if (!accepted.closed) await once(accepted, 'close');
}

describe.each(protocols)('%s', (protocol) => {
  test.each(Object.keys(breaking))('who sends %s, and leaves, holds nothing', async (name) => {
    // Nothing but its having broken the protocol ends it.
    const server = await started({ limits: { stallSeconds: 86_400 } });
    const [client, accepted] = await said(
      portOf(server, protocol),
      Buffer.concat([preface, settings, breaking[name]!]),
    );
    client.end();
    if (!accepted.closed) await once(accepted, 'close');
    expect(await ask(`${server.url}/v2/models/m/ready`)).toMatchObject({ status: 200 });
  });

  test('who stays and says nothing is asked, and cut off if it does not answer', async () => {
    const server = await started({ limits: { stallSeconds: 0.3 } });
    const [, accepted] = await said(portOf(server, protocol), Buffer.concat([preface, settings]));
    if (!accepted.closed) await once(accepted, 'close');
  });

  test.each(['nothing wrong', ...Object.keys(breaking)])('closing ends with who says %s and stays', async (name) => {
    const server = await started({ drainSeconds: 0.2 });
    const bytes = Buffer.concat([preface, settings, breaking[name] ?? Buffer.alloc(0)]);
    // It does not leave when the server does.
    const [, accepted] = await said(portOf(server, protocol), bytes, true);
    await until(() => accepted.bytesRead === bytes.length);
    await server.close();
    if (!accepted.closed) await once(accepted, 'close');
  });
});

test.each(protocols)('a session of %s stays when the server itself heard nothing, however long', async (protocol) => {
  const stallSeconds = 0.1;
  // grpc-js' own keepalive, if it is on, asks after a minute.
  const later = globalThis.setTimeout;
  const sooner = ((work: () => void, millis?: number) => later(work, millis === 60_000 ? 20 : millis)) as typeof later;
  const timers = vi.spyOn(globalThis, 'setTimeout').mockImplementation(sooner);
  onTestFinished(() => timers.mockRestore());
  const server = await started({ limits: { stallSeconds } });
  const accepted: Socket[] = [];
  const port = portOf(server, protocol);
  const onSocket = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    if (socket.localPort === port) accepted.push(socket);
  };
  subscribe('net.server.socket', onSocket);
  onTestFinished(() => void unsubscribe('net.server.socket', onSocket));
  let stalls = 0;
  const stall = () => {
    const end = performance.now() + stallSeconds * 5000;
    while (performance.now() < end);
    stalls++;
  };
  // The loop stands still as soon as a client is asked whether it is there: before that is sent, or before its answer is read.
  const { ping } = http2SessionPrototype();
  http2SessionPrototype().ping = function (...args) {
    const result = ping.apply(this, args);
    if (stalls % 4 < 2) stall();
    else setImmediate(stall);
    return result;
  };
  onTestFinished(() => {
    http2SessionPrototype().ping = ping;
  });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  await until(() => stalls >= 4 || session.closed);
  expect([session.closed, session.destroyed]).toEqual([false, false]);
  expect(accepted.map(({ destroyed }) => destroyed)).toEqual([false]);
});

/** Of both sides, which no type tells of. */
function http2SessionPrototype(): { ping: (...args: unknown[]) => boolean } {
  const session = http2.connect('http://127.0.0.1:1');
  session.on('error', () => {}).destroy();
  let prototype = Object.getPrototypeOf(session);
  while (!Object.hasOwn(prototype, 'ping')) prototype = Object.getPrototypeOf(prototype);
  return prototype;
}

test('who takes an answer slowly, or asks for nothing for a while, has not broken anything', async () => {
  const server = await started({ limits: { stallSeconds: 86_400 } });
  const port = portOf(server, 'HTTP/2');
  const enough = 2 ** 20;
  // Between them, takes so much of what the server sends, and then no more until it is told to.
  let fromServer: Socket | undefined;
  let taken = 0;
  const between = createServer((fromClient) => {
    const socket = connectSocket(port, '127.0.0.1');
    fromServer = socket;
    socket.on('data', (bytes) => {
      const before = taken;
      taken += bytes.length;
      fromClient.write(bytes);
      if (before < enough && taken >= enough) socket.pause();
    });
    fromClient.on('data', (bytes) => socket.write(bytes)).on('close', () => socket.destroy());
    for (const one of [fromClient, socket]) one.on('error', () => {});
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void between.close());
  await once(between, 'listening');
  const { port: betweenPort } = between.address() as { port: number };
  const windowSize = 2 ** 26;
  const session = http2.connect(`http://127.0.0.1:${betweenPort}`, { settings: { initialWindowSize: windowSize } });
  onTestFinished(() => session.destroy());
  await once(session, 'connect');
  session.setLocalWindowSize(windowSize);
  const elements = 4 * 2 ** 20;
  const json = Buffer.from(
    JSON.stringify({
      parameters: { binary_data_output: true },
      inputs: [{ name: 'x', shape: [1, elements], datatype: 'FP32', parameters: { binary_data_size: elements * 4 } }],
    }),
  );
  const stream = session.request({
    ':path': '/v2/models/same/infer',
    ':method': 'POST',
    'inference-header-content-length': `${json.length}`,
  });
  let bytes = 0;
  const ended = new Promise<void>((resolve, reject) => {
    stream.on('data', (part: Buffer) => {
      bytes += part.length;
    });
    stream.on('error', reject).on('end', resolve);
  });
  stream.end(Buffer.concat([json, Buffer.alloc(elements * 4)]));
  await until(() => taken >= enough);
  // The server has looked at all of its connections several times.
  for (let i = 0; i < 2; i++) await brokenAndGone(port);
  expect(session.destroyed).toBe(false);
  fromServer!.resume();
  await ended;
  expect(bytes).toBeGreaterThan(elements * 4);
  for (let i = 0; i < 2; i++) await brokenAndGone(port);
  expect(session.closed).toBe(false);
});

test('answers that come at once to who has not taken those before wait together', async () => {
  const warnings: string[] = [];
  const onWarning = ({ name }: Error) => warnings.push(name);
  process.on('warning', onWarning);
  onTestFinished(() => void process.off('warning', onWarning));
  const server = await started({ load: gathering });
  const method = protos().lookupService('inference.GRPCInferenceService').methods.ModelStreamInfer!;
  method.resolve();
  const { resolvedRequestType: request, resolvedResponseType: response } = method;
  const stream = grpcClient(server.grpcTarget!).makeBidiStreamRequest(
    '/inference.GRPCInferenceService/ModelStreamInfer',
    (message: object) => Buffer.from(request!.encode(request!.fromObject(message)).finish()),
    (bytes) => response!.toObject(response!.decode(bytes)),
  );
  let got = 0;
  stream.on('data', () => {
    got++;
  });
  const count = 200;
  for (let i = 0; i < count; i++) stream.write({ ...inferOf('m', [i, i]), id: `${i}` });
  stream.end();
  await once(stream, 'end');
  expect([got, warnings]).toEqual([count, []]);
});

/** Of the server's own, which nobody need trust. */
function certificate(): { cert: string; key: string } {
  const folder = folderOf({});
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync('openssl', [...kind, '-keyout', key, '-out', cert, '-subj', '/CN=localhost'], { stdio: 'ignore' });
  return { cert, key };
}

describe('closing ends with who has connected, and said', () => {
  // Nothing but the server's end ends them.
  const limits = { headerSeconds: 86_400, requestSeconds: 86_400, stallSeconds: 86_400 };

  test('nothing, at once', async () => {
    const server = await started({ limits, drainSeconds: 86_400 });
    const [, accepted] = await said(portOf(server, 'HTTP/2'), Buffer.alloc(0), true);
    await server.close();
    if (!accepted.closed) await once(accepted, 'close');
  });

  test.each([
    ['how HTTP/2 begins, in part', 'PR'],
    ['half of the headers of a request', 'GET /v2 HTTP/1.1\r\nhost'],
  ])('%s', async (_what, text) => {
    const server = await started({ limits, drainSeconds: 0.2 });
    const [, accepted] = await said(portOf(server, 'HTTP/2'), Buffer.from(text), true);
    await until(() => accepted.bytesRead === text.length);
    await server.close();
    if (!accepted.closed) await once(accepted, 'close');
  });

  test.each(protocols)('nothing of TLS, over %s', async (protocol) => {
    const { cert, key } = certificate();
    const server = await started({ limits, drainSeconds: 0.2, tls: { cert, key } });
    const [, accepted] = await said(portOf(server, protocol), Buffer.alloc(0), true);
    await server.close();
    if (!accepted.closed) await once(accepted, 'close');
  });
});

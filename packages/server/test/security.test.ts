// Who is let in, over what, and who is cut off.

import { execFileSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync, writeFileSync } from 'node:fs';
import http2, { type ClientHttp2Session } from 'node:http2';
import https from 'node:https';
import { connect as connectSocket, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { tensor } from 'tensorlane';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { expectError } from '../../../test/support/errors.js';
import { identity, square } from '../../../test/support/onnx-builder.js';
import { kindOfRequest } from '../lib/core/routes.js';
import { connect, type ServerOptions } from '../lib/index.js';
import { kindOfCall } from '../lib/security/access.js';
import { call, codeOf, grpcClient, inferOf } from './calls.js';
import { ask, cold, folderOf, lasting, startServer, until } from './support.js';

const body = { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [3, 4] }] };
const squares = { status: 200, body: { outputs: [{ data: [9, 16] }] } };
const ModelInfer = 'inference.GRPCInferenceService/ModelInfer';
const started = (options: ServerOptions = {}) =>
  startServer({ repository: folderOf({ 'm.onnx': square({ features: 2 }) }), ...options });

/** An answer over HTTP/2. */
function askHttp2(
  session: ClientHttp2Session,
  path: string,
  sent?: object,
): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': path, ':method': sent === undefined ? 'GET' : 'POST' });
    let status = 0;
    let text = '';
    stream.on('response', (headers) => {
      status = Number(headers[':status']);
    });
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    stream.on('error', reject).on('close', () => resolve({ status, body: text === '' ? '' : JSON.parse(text) }));
    stream.end(sent === undefined ? undefined : JSON.stringify(sent));
  });
}

function openHttp2(...args: Parameters<typeof http2.connect>): ClientHttp2Session {
  const session = http2.connect(...args);
  onTestFinished(() => session.destroy());
  return session;
}

describe('TLS', () => {
  let folder = '';
  const at = (name: string) => join(folder, name);
  const pem = (name: string) => readFileSync(at(name));

  beforeAll(() => {
    folder = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
    const make = (name: string, ...args: string[]) =>
      execFileSync(
        'openssl',
        [
          ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
          ...['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`), ...args],
        ],
        { stdio: 'ignore' },
      );
    const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key')];
    make('ca', '-subj', '/CN=ca');
    make('server', ...signed, '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1');
    make('alice', ...signed, '-subj', '/CN=alice');
    make('bob', ...signed, '-subj', '/CN=bob', '-addext', 'subjectAltName=URI:spiffe://x/bob');
    make('stranger', '-subj', '/CN=alice');
  });

  const own = () => ({ cert: at('server.pem'), key: at('server.key') });
  const shown = (name: string) => ({ ca: pem('ca.pem'), cert: pem(`${name}.pem`), key: pem(`${name}.key`) });

  test('over HTTP/1.1, HTTP/2 and gRPC', async () => {
    const server = await started({ tls: own(), grpc: '127.0.0.1:0' });
    expect(server.url).toMatch(/^https:/);
    using client = await connect(server.url, { agent: { ca: pem('ca.pem') } });
    const { y } = await (await client.model('m')).run({ x: tensor([[3, 4]]) });
    expect([...y!.data]).toEqual([9, 16]);
    const session = openHttp2(server.url, { ca: pem('ca.pem') });
    expect(await askHttp2(session, '/v2/models/m/infer', body)).toMatchObject(squares);
    const grpc = grpcClient(server.grpcTarget!, credentials.createSsl(pem('ca.pem')));
    expect(await call(grpc, ModelInfer, inferOf('m', [3, 4]))).toMatchObject({ model_name: 'm' });
    // In the clear, and by who does not trust it, it is nothing.
    await expect(ask(`${server.url.replace('https', 'http')}/v2`)).rejects.toThrow();
    await expectError(connect(server.url), 'ERR_DEVICE_LOST');
    expect(await codeOf(call(grpcClient(server.grpcTarget!), ModelInfer, inferOf('m', [3, 4])))).not.toBe(0);
  });

  test('of both sides: a certificate that is trusted, and its name says what it is for', async () => {
    const server = await started({
      tls: { ...own(), ca: at('ca.pem') },
      auth: { inference: { certificates: ['alice', 'spiffe://x/bob'] }, control: { certificates: ['alice'] } },
      explicitControl: true,
      grpc: '127.0.0.1:0',
    });
    const status = (name: string, path: string) =>
      new Promise<number>((resolve, reject) => {
        const sent = https.request(`${server.url}${path}`, { method: 'POST', agent: false, ...shown(name) });
        sent.on('error', reject).on('response', (response) => {
          response.resume().on('end', () => resolve(response.statusCode!));
        });
        sent.end(JSON.stringify(path.endsWith('infer') ? body : {}));
      });
    for (const name of ['alice', 'bob']) expect(await status(name, '/v2/models/m/infer')).toBe(200);
    expect(await status('bob', '/v2/repository/models/m/load')).toBe(403);
    expect(await status('alice', '/v2/repository/models/m/load')).toBe(200);
    await expect(status('stranger', '/v2/models/m/infer')).rejects.toThrow();
    const grpc = (name: string) =>
      grpcClient(server.grpcTarget!, credentials.createSsl(pem('ca.pem'), pem(`${name}.key`), pem(`${name}.pem`)));
    const load = 'inference.GRPCInferenceService/RepositoryModelLoad';
    expect(await codeOf(call(grpc('bob'), ModelInfer, inferOf('m', [3, 4])))).toBe(0);
    expect(await codeOf(call(grpc('bob'), load, { model_name: 'm' }))).toBe(7);
    expect(await codeOf(call(grpc('alice'), load, { model_name: 'm' }))).toBe(0);
    expect(await codeOf(call(grpc('stranger'), ModelInfer, inferOf('m', [3, 4])))).not.toBe(0);
    const session = openHttp2(server.url, shown('bob'));
    expect(await askHttp2(session, '/v2/models/m/infer', body)).toMatchObject(squares);
    expect(await askHttp2(session, '/v2/repository/models/m/load', {})).toMatchObject({ status: 403 });
  });

  test('files that are not there or are none are refused by name', async () => {
    await expectError(
      started({ tls: { cert: '/nowhere', key: at('server.key') } }),
      'ERR_ARGUMENT',
      /tls\.cert '\/nowhere'/,
    );
    await expectError(started({ tls: { cert: '' } as never }), 'ERR_ARGUMENT', /tls\.cert must be/);
    await expectError(started({ tls: { pem: '' } as never }), 'ERR_ARGUMENT', /no option 'pem'/);
  });
});

describe('HTTP/2 in the clear', () => {
  test('on the port of HTTP/1.1: many streams at once share batches', async () => {
    const server = await started();
    const session = openHttp2(server.url);
    const all = Array.from({ length: 50 }, () => askHttp2(session, '/v2/models/m/infer', body));
    for (const answer of await Promise.all(all)) expect(answer).toMatchObject(squares);
    expect(await askHttp2(session, '/v2/models/none')).toMatchObject({ status: 404 });
    expect(await ask(`${server.url}/v2/models/m/infer`, body)).toMatchObject(squares);
  });

  test('its preface in pieces is understood', async () => {
    const server = await started();
    const { port } = new URL(server.url);
    const slow = connectSocket(Number(port), '127.0.0.1');
    onTestFinished(() => void slow.destroy());
    slow.setNoDelay(true);
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    slow.write('P');
    const reply = new Promise<Buffer>((resolve) => slow.once('data', resolve));
    // Behind an answer that came later, the first piece has been seen.
    await ask(`${server.url}/v2`);
    slow.write(Buffer.concat([Buffer.from(preface.slice(1)), settings]));
    // A frame of settings, its type the fourth byte.
    expect((await reply)[3]).toBe(4);
  });

  test('who hangs up cancels what is queued', async () => {
    const load = { concurrency: 1, batching: { maxBatchSize: 1 } };
    const server = await startServer({ repository: folderOf({ 'm.onnx': lasting() }), load });
    const session = openHttp2(server.url);
    const row = { inputs: [{ name: 'x', shape: [1, 256], datatype: 'FP32', data: new Array(256).fill(1) }] };
    const servable = server.engine.resolve({ name: 'm' });
    const first = askHttp2(session, '/v2/models/m/infer', row);
    await until(() => servable.stats()!.batches.running === 1);
    const other = openHttp2(server.url);
    const given = askHttp2(other, '/v2/models/m/infer', row).catch(() => {});
    await until(() => servable.stats()!.requests.queued === 1);
    other.destroy();
    await until(() => servable.stats()!.requests.cancelled === 1);
    expect((await first).status).toBe(200);
    await given;
  });

  test('a session ends with the server, after what it has', async () => {
    const server = await startServer({ repository: folderOf({ 'm.onnx': lasting() }), load: cold });
    const session = openHttp2(server.url);
    const row = { inputs: [{ name: 'x', shape: [1, 256], datatype: 'FP32', data: new Array(256).fill(1) }] };
    const last = askHttp2(session, '/v2/models/m/infer', row);
    await until(() => server.engine.resolve({ name: 'm' }).stats()!.batches.running === 1);
    const closed = new Promise((resolve) => session.once('close', resolve));
    await server.close();
    expect((await last).status).toBe(200);
    await closed;
  });
});

test('UNIX sockets for both protocols; one that an ended process left is taken over, one in use is not', async () => {
  const folder = folderOf({ 'm.onnx': square({ features: 2 }) });
  const [http, grpc] = ['http', 'grpc'].map((name) => `unix:${join(folder, name)}`) as [string, string];
  const stale = createServer().listen(join(folder, 'http'));
  await new Promise((resolve) => stale.once('listening', resolve));
  await expect(startServer({ repository: folder, http })).rejects.toThrow('EADDRINUSE');
  // Ends as a process that is killed does: its socket stays.
  const left = 'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))';
  for (const name of ['grpc', 'other']) {
    expect(() => execFileSync(process.execPath, ['-e', left, join(folder, name)])).toThrow();
  }
  const server = await startServer({ repository: folder, http: `unix:${join(folder, 'other')}`, grpc });
  using client = await connect(server.url);
  const { y } = await (await client.model('m')).run({ x: tensor([[3, 4]]) });
  expect([...y!.data]).toEqual([9, 16]);
  expect(await call(grpcClient(grpc), ModelInfer, inferOf('m', [3, 4]))).toMatchObject({ model_name: 'm' });
  stale.close();
});

describe('tokens', () => {
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

  test('of inference, and apart of control; health is for everyone', async () => {
    const file = join(folderOf({ tokens: 'first\n\n  second  \n' }), 'tokens');
    process.env.TENSORLANE_TEST_TOKEN = 'master';
    onTestFinished(() => {
      delete process.env.TENSORLANE_TEST_TOKEN;
    });
    const auth = { inference: { tokenFile: file }, control: { tokenVariable: 'TENSORLANE_TEST_TOKEN' } };
    const server = await started({ auth, explicitControl: true, grpc: '127.0.0.1:0' });
    const status = async (path: string, token?: string, sent?: unknown) =>
      (await ask(server.url + path, sent, token === undefined ? {} : bearer(token))).status;
    const infer = '/v2/models/m/infer';
    const load = '/v2/repository/models/m/load';
    expect(await Promise.all(['first', 'second'].map((token) => status(infer, token, body)))).toEqual([200, 200]);
    const wrong = [undefined, '', 'firs', 'firstt', 'FIRST', 'master'];
    expect(await Promise.all(wrong.map((token) => status(infer, token, body)))).toEqual(wrong.map(() => 401));
    for (const path of ['/v2', '/v2/models/m', '/v1/models/m', '/metrics', '/openapi.json', '/status']) {
      expect([path, await status(path)]).toEqual([path, 401]);
      expect([path, await status(path, 'first')]).toEqual([path, 200]);
    }
    for (const path of ['/v2/health/live', '/v2/health/ready', '/'])
      expect([path, await status(path)]).toEqual([path, 200]);
    expect(await status(load, 'first', {})).toBe(403);
    expect(await status(load, undefined, {})).toBe(401);
    expect(await status(load, 'master', {})).toBe(200);
    const refused = await ask(server.url + infer, body);
    expect(refused.headers.get('www-authenticate')).toBe('Bearer');
    using client = await connect(server.url, bearer('second'));
    expect((await client.model('m')).inputs).toHaveLength(1);

    const grpc = grpcClient(server.grpcTarget!);
    const codes = async (path: string, request: object) =>
      Promise.all(
        [undefined, 'first', 'master'].map((token) =>
          codeOf(call(grpc, path, request, token === undefined ? {} : bearer(token).headers)),
        ),
      );
    expect(await codes(ModelInfer, inferOf('m', [3, 4]))).toEqual([16, 0, 16]);
    expect(await codes('inference.GRPCInferenceService/RepositoryModelLoad', { model_name: 'm' })).toEqual([16, 7, 0]);
    expect(await codes('inference.GRPCInferenceService/ServerLive', {})).toEqual([0, 0, 0]);
    expect(await codes('grpc.health.v1.Health/Check', {})).toEqual([0, 0, 0]);
  });

  test('what is not known to be inference is control', () => {
    const inference = [
      '/v2/models/a%2Fb/infer',
      '/v2/models/m/versions/3/generate_stream',
      '/v2/repository/index',
      '/v1/models/m:predict',
      '/V1/models/m/labels/x:Classify',
    ];
    for (const path of inference) expect([path, kindOfRequest('POST', path)]).toEqual([path, 'inference']);
    const control = [
      '/v2/repository/models/m/load',
      '/v2/logging',
      '/v2/models/m/trace/setting',
      '/v2/any/thing',
      '/v1/x',
    ];
    for (const path of control) expect([path, kindOfRequest('POST', path)]).toEqual([path, 'control']);
    expect(kindOfRequest('DELETE', '/v2/models/m')).toBe('control');
    expect(kindOfCall('/inference.GRPCInferenceService/SystemSharedMemoryRegister')).toBe('control');
    expect(kindOfCall('/tensorflow.serving.ModelService/HandleReloadConfigRequest')).toBe('control');
    expect(kindOfCall('/grpc.health.v1.Health/Watch')).toBe('health');
    expect(kindOfCall('/inference.GRPCInferenceService/ModelStreamInfer')).toBe('inference');
  });

  test('options that let nobody in, or are none, are refused, without a token in what is said', async () => {
    const refused = (auth: object, message: RegExp) => expectError(started({ auth } as never), 'ERR_ARGUMENT', message);
    await refused({ inference: {} }, /neither a token nor a certificate/);
    await refused({ inference: { tokens: ['two words'] } }, /^(?!.*two words).*no blanks/);
    await refused({ inference: { tokens: [''] } }, /auth\.inference\.tokens/);
    await refused({ control: { tokenFile: '/nowhere' } }, /auth\.control\.tokenFile/);
    await refused({ control: { tokenVariable: 'NOT_THERE' } }, /NOT_THERE/);
    await refused({ everyone: {} }, /no option 'everyone'/);
  });
});

test('pages of other sites are not answered, whatever they send', async () => {
  const server = await started();
  const infer = `${server.url}/v2/models/m/infer`;
  const from = (site: string, method = 'POST') =>
    ask(infer, method === 'POST' ? body : undefined, {
      method,
      headers: { 'sec-fetch-site': site, origin: 'http://evil.example' },
    });
  for (const site of ['cross-site', 'same-site']) expect((await from(site)).status).toBe(403);
  for (const site of ['same-origin', 'none']) expect(await from(site)).toMatchObject(squares);
  const asked = await from('cross-site', 'OPTIONS');
  expect(asked.status).toBeGreaterThanOrEqual(400);
  for (const { headers } of [asked, await from('same-origin')]) {
    expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  }
});

describe('who is slow is cut off', () => {
  /** Says something, and resolves with what came when the server has hung up. */
  function untilCut(url: string, said: string, more?: string): Promise<string> {
    return new Promise((resolve) => {
      let got = '';
      const socket = connectSocket(Number(new URL(url).port), '127.0.0.1', () => socket.write(said));
      // One byte at a time, for as long as it may.
      const timer = more === undefined ? undefined : setInterval(() => socket.write(more), 20);
      socket.on('data', (data) => {
        got += data;
      });
      socket
        .on('error', () => {})
        .on('close', () => {
          clearInterval(timer);
          resolve(got);
        });
    });
  }
  const post = 'POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\n';

  test('with headers, from the first byte on', async () => {
    const server = await started({ limits: { headerSeconds: 0.3 } });
    expect(await untilCut(server.url, '')).toBe('');
    expect(await untilCut(server.url, 'P')).toBe('');
    expect(await untilCut(server.url, post)).toMatch(/^(HTTP\/1\.1 408|$)/);
    expect(await untilCut(server.url, `${post}a: `, 'b')).toMatch(/^(HTTP\/1\.1 408|$)/);
    expect(await ask(`${server.url}/v2/models/m/infer`, body)).toMatchObject(squares);
  });

  test('with a body, when nothing of it comes, or not all in time', async () => {
    const stalled = await started({ limits: { stallSeconds: 0.2 } });
    expect(await untilCut(stalled.url, `${post}content-length: 50\r\n\r\n{`)).not.toContain('200 OK');
    const dripped = await started({ limits: { requestSeconds: 0.5, headerSeconds: 0.4 } });
    expect(await untilCut(dripped.url, `${post}content-length: 100000\r\n\r\n{`, ' ')).not.toContain('200 OK');
    for (const { url } of [stalled, dripped])
      expect(await ask(`${url}/v2/models/m/infer`, body)).toMatchObject(squares);
    // Its bytes are free again.
    expect(stalled.engine.ready).toBe(true);
  });

  test('with a stream of HTTP/2, of which others of its connection know nothing', async () => {
    const server = await started({ limits: { stallSeconds: 0.2 } });
    const session = openHttp2(server.url);
    const stalled = session.request({ ':path': '/v2/models/m/infer', ':method': 'POST', 'content-length': '50' });
    stalled.on('error', () => {});
    stalled.write('{');
    await new Promise((resolve) => stalled.once('close', resolve));
    expect(await askHttp2(session, '/v2/models/m/infer', body)).toMatchObject(squares);
  });

  const elements = 8 * 2 ** 20;

  /** Asks for more than buffers hold, and reads nothing of it. Resolves when the server has hung up. */
  async function askAndWait(url: string, more?: string): Promise<void> {
    const onSocket = (message: unknown) => told((message as { socket: Socket }).socket);
    let told: (socket: Socket) => void = () => {};
    const other = new Promise<Socket>((resolve) => {
      told = resolve;
    });
    subscribe('net.server.socket', onSocket);
    const socket = connectSocket(Number(new URL(url).port), '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => {});
    const parameters = { binary_data_size: elements * 4 };
    const json = JSON.stringify({
      parameters: { binary_data_output: true },
      inputs: [{ name: 'x', shape: [1, elements], datatype: 'FP32', parameters }],
    });
    const lengths = `inference-header-content-length: ${json.length}\r\ncontent-length: ${json.length + elements * 4}`;
    socket.write(`${post}${lengths}\r\n\r\n${json}`);
    socket.write(Buffer.alloc(elements * 4));
    const closed = other.then((one) => new Promise((resolve) => one.once('close', resolve)));
    const timer = more === undefined ? undefined : setInterval(() => socket.write(more), 20);
    await closed;
    clearInterval(timer);
    unsubscribe('net.server.socket', onSocket);
  }

  test('with a session of HTTP/2, when it breaks the protocol and leaves', async () => {
    const server = await started({ limits: { stallSeconds: 0.2 } });
    let told: (socket: Socket) => void = () => {};
    const other = new Promise<Socket>((resolve) => {
      told = resolve;
    });
    const onSocket = (message: unknown) => told((message as { socket: Socket }).socket);
    subscribe('net.server.socket', onSocket);
    const settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const wrong = [0, 0, 13, 5, 59, 0, 0, 0, 3, ...new Array(13).fill(198)];
    const frames = Buffer.from([...settings, ...wrong]);
    const socket = connectSocket(Number(new URL(server.url).port), '127.0.0.1', () => {
      socket.end(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frames]));
    });
    socket.on('error', () => {}).resume();
    await new Promise((resolve) => other.then((one) => one.once('close', resolve)));
    unsubscribe('net.server.socket', onSocket);
    socket.destroy();
  });

  test('with an answer, of which it takes nothing, whatever it sends meanwhile; and not who waits for one', async () => {
    const repository = folderOf({ 'm.onnx': identity('float32', ['N', 'M']), 'slow.onnx': lasting() });
    const stalled = await startServer({ repository, load: cold, limits: { stallSeconds: 0.2 } });
    await askAndWait(stalled.url);
    const endless = await startServer({ repository, load: cold, limits: { requestSeconds: 2 } });
    await askAndWait(endless.url, '\r\n');
    // Half a second of computing, and no byte either way meanwhile.
    const row = { inputs: [{ name: 'x', shape: [1, 256], datatype: 'FP32', data: new Array(256).fill(1) }] };
    expect((await ask(`${stalled.url}/v2/models/slow/infer`, row)).status).toBe(200);
  });
});

test('headers have a size, in both versions of HTTP', async () => {
  const server = await started({ limits: { headerBytes: 2048 } });
  const long = { headers: { long: 'x'.repeat(4000) } };
  expect((await ask(`${server.url}/v2`, undefined, long)).status).toBe(431);
  const session = openHttp2(server.url);
  const stream = session.request({ ':path': '/v2', long: 'x'.repeat(4000) });
  const [status] = await new Promise<[number | undefined]>((resolve) => {
    stream.on('response', (headers) => resolve([headers[':status']]));
    stream.on('error', () => {}).on('close', () => resolve([undefined]));
  });
  expect(status).not.toBe(200);
  await expectError(started({ limits: { headerBytes: 1 } }), 'ERR_ARGUMENT', /limits\.headerBytes/);
});

test('a client has so many requests and bytes at once, and others have theirs', async () => {
  const folder = folderOf({ 'm.onnx': square({ features: 2 }) });
  const limits = { clientRequests: 2, clientBytes: 10_000 };
  const server = await startServer({ repository: folder, limits, grpc: '127.0.0.1:0' });
  const infer = `${server.url}/v2/models/m/infer`;
  // Two that are being sent.
  const { port } = new URL(server.url);
  const open = (length: number) => {
    const socket = connectSocket(Number(port), '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.write(`POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n{`);
    return socket;
  };
  const sockets = [open(100), open(100)];
  let refused = await ask(infer, body);
  while (refused.status === 200) refused = await ask(infer, body);
  expect(refused).toMatchObject({ status: 429, body: { error: expect.stringContaining('this client') } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  // Over gRPC it is the same client.
  const grpc = grpcClient(server.grpcTarget!);
  expect(await codeOf(call(grpc, ModelInfer, inferOf('m', [3, 4])))).toBe(8);
  for (const socket of sockets) socket.destroy();
  let again = refused;
  while (again.status !== 200) again = await ask(infer, body);
  expect(await codeOf(call(grpc, ModelInfer, inferOf('m', [3, 4])))).toBe(0);
  expect((await ask(infer, ' '.repeat(10_001))).status).toBe(429);
  expect((await ask(infer, ' '.repeat(9000))).status).toBe(400);
});

test('no name leads out of the repository', async () => {
  const folder = folderOf({ 'secret.onnx': square({ features: 2 }), 'models/m.onnx': square({ features: 2 }) });
  writeFileSync(join(folder, 'models', 'readme'), 'not a model');
  const server = await startServer({ repository: join(folder, 'models'), explicitControl: true });
  const names = [
    '../secret',
    '..%2Fsecret',
    '%2e%2e%2fsecret',
    '..%5Csecret',
    'm%00',
    '.',
    '..',
    `${'../'.repeat(9)}etc/passwd`,
    'readme',
  ];
  for (const name of names) {
    const paths = [`/v2/models/${name}`, `/v1/models/${name}`];
    for (const path of paths) {
      const reply = await raw(server.url, `GET ${path} HTTP/1.1`);
      expect([path, reply]).toEqual([path, expect.stringMatching(/^HTTP\/1\.1 (400|404)/)]);
    }
    const load = await raw(server.url, `POST /v2/repository/models/${name}/load HTTP/1.1`);
    expect([name, load]).toEqual([name, expect.stringMatching(/^HTTP\/1\.1 (400|404)/)]);
  }
});

/** As it is: what is given to fetch would be tidied up. */
function raw(url: string, line: string): Promise<string> {
  return new Promise((resolve) => {
    let got = '';
    const socket = connectSocket(Number(new URL(url).port), '127.0.0.1', () => {
      socket.write(`${line}\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    });
    socket.on('data', (data) => {
      got += data;
    });
    socket.on('close', () => resolve(got));
  });
}

// Requests that are wrong in all ways, to every protocol: none crashes the server, hangs it, makes it leak or fails inside of it, and those that
// are right are answered as before.
//
// Some hundreds to each, the same each time; TENSORLANE_FUZZ_REQUESTS=100000 sends as many, TENSORLANE_FUZZ_SEED others.

import { rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { add, identity, square } from '../../../../test/support/onnx-builder.js';
import { messageType } from '../../lib/core/protos.js';
import { ask, folderOf, until } from '../support.js';
import { below, bytes, json, pick, type Random, type Sent } from './broken.js';
import { brokenMessage, countdown, extension, extensionCalls, streamed } from './extensions.js';
import { randomBy, type ServerProcess, startProcess } from './process.js';

const count = Number(process.env.TENSORLANE_FUZZ_REQUESTS ?? 600);
const seed = Number(process.env.TENSORLANE_FUZZ_SEED ?? 13);
const atOnce = 16;
/** Nothing is judged by it: a request that is not answered in so long is a hang. */
const hangMs = 60_000;

/** Connections of ours that stay open on purpose. */
const mostKept = 2 * atOnce;

const models = ['square', 'add', 'text', 'linalg.svd', 'linalg.solve'];

const validV2 = (model: string) =>
  model.startsWith('linalg')
    ? { inputs: [{ name: 'a', shape: [2, 2], datatype: 'FP64', data: [4, 1, 1, 3] }] }
    : {
        id: '1',
        parameters: { priority: 1, timeout: 1_000_000 },
        inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }],
        outputs: [{ name: 'y', parameters: { binary_data: false } }],
      };

function v2(random: Random): Sent {
  const model = pick(random, models);
  const path = pick(random, [
    `/v2/models/${model}/infer`,
    `/v2/models/${model}/infer`,
    `/v2/models/${model}/versions/${pick(random, ['1', '0', '-1', '99999999999999999999', 'x'])}/infer`,
    `/v2/models/${pick(random, ['', '%', '%ff', '..', 'none', 'x'.repeat(500)])}/infer`,
    '/v2/repository/index',
    `/v2/repository/models/${model}/load`,
    `/v2/${pick(random, ['', 'models', 'health/live', 'logging', 'systemsharedmemory/status', '%2f'])}`,
  ]);
  const method = random() < 0.9 ? 'POST' : pick(random, ['GET', 'PUT', 'DELETE', 'OPTIONS', 'HEAD']);
  const text = json(random, JSON.stringify(validV2(model)));
  const headers: Record<string, string> = {};
  let body = Buffer.from(text);
  if (random() < 0.4) {
    const head = JSON.stringify({
      inputs: [
        {
          name: 'x',
          shape: [1, 2],
          datatype: 'FP32',
          parameters: { binary_data_size: pick(random, [8, 8, 7, 0, 1e9, -1]) },
        },
      ],
    });
    body = Buffer.concat([
      Buffer.from(random() < 0.5 ? head : json(random, head)),
      Buffer.from(new Float32Array(2).buffer),
    ]);
    headers['inference-header-content-length'] = pick(random, [
      head.length,
      head.length + 1,
      body.length,
      0,
      1e12,
      -1,
      'x',
    ]).toString();
  }
  return { method, path, headers: { ...headers, ...oddHeaders(random) }, body: encoded(random, headers, body) };
}

function tfs(random: Random): Sent {
  const model = pick(random, models);
  const verb = pick(random, ['predict', 'predict', 'predict', 'classify', 'regress', 'x']);
  const which = pick(random, ['', '', '/versions/1', '/versions/99999999999999999999', '/labels/x', '/versions/', ':']);
  const path = pick(random, [
    `/v1/models/${model}${which}:${verb}`,
    `/v1/models/${model}${which}`,
    `/v1/models/${model}/metadata`,
    '/v1/',
    '/V1/models/%zz:predict',
  ]);
  const valid = pick(random, [
    { instances: [[1, 2]] },
    { instances: [{ x: [1, 2] }] },
    { inputs: { x: [[1, 2]] }, signature_name: 'serving_default' },
    { instances: [{ b64: 'AAAA' }] },
    { examples: [{ x: [1, 2] }] },
  ]);
  const headers: Record<string, string> = {};
  const body = encoded(random, headers, Buffer.from(json(random, JSON.stringify(valid))));
  return { method: random() < 0.9 ? 'POST' : 'GET', path, headers: { ...headers, ...oddHeaders(random) }, body };
}

function oddHeaders(random: Random): Record<string, string> {
  if (random() < 0.7) return {};
  return pick(random, [
    { 'content-type': '\u00ff' },
    { 'x-request-timeout-ms': pick(random, ['0', '-1', '1e3', 'x', '0.0001']) },
    { 'accept-encoding': 'gzip;q=0, *;q=1, deflate' },
    { 'accept-encoding': ','.repeat(100) },
    { expect: 'nothing' },
    { traceparent: '00-zz-zz-zz' },
    { authorization: 'Bearer ' },
  ]) as Record<string, string>;
}

/** What says that it is compressed need not be. */
function encoded(random: Random, headers: Record<string, string>, body: Buffer): Buffer {
  if (random() < 0.85) return body;
  const [name, compress] = pick(random, [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['gzip', (one: Buffer) => one],
    ['br', (one: Buffer) => one],
    ['x', (one: Buffer) => one],
  ] as const);
  headers['content-encoding'] = name;
  const packed = Buffer.from(compress(body));
  return random() < 0.3 ? bytes(random, packed) : packed;
}

/** Of what is wrong, what is the server's own fault. */
function fault(status: number, body: string): string | undefined {
  if (status < 500 || status === 501 || status === 503 || body.startsWith('{"error":"failed to load')) return undefined;
  return `${status} ${body.slice(0, 300)}`;
}

/** As node:http frames it. Gives what the server did wrong. */
function send(agent: Agent, url: string, { method, path, headers, body }: Sent): Promise<string | undefined> {
  return new Promise((resolve) => {
    const sent = request(`${url}`, {
      agent,
      method,
      headers: { ...headers, 'content-length': String(body.length) },
      path: encodeURI(path).replaceAll('%25', '%'),
    });
    sent.setTimeout(hangMs, () => {
      resolve('it was not answered');
      sent.destroy();
    });
    // Refused before its body was sent.
    sent.on('error', () => resolve(undefined));
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('error', () => resolve(undefined)).on('end', () => resolve(fault(response.statusCode ?? 0, text)));
    });
    sent.end(body);
  });
}

/** Whatever bytes, and then nothing more, or a hang-up. */
function sendRaw(port: number, data: Uint8Array, ending: 'end' | 'destroy' | 'half'): Promise<string | undefined> {
  return new Promise((resolve) => {
    let got = '';
    const socket = connect(port, '127.0.0.1', () => {
      if (ending !== 'destroy') socket.end(data);
      // Who broke HTTP/2 is not always told so: it goes after a moment.
      if (ending === 'half') setTimeout(() => socket.destroy(), 50);
      if (ending === 'destroy') socket.write(data, () => socket.destroy());
    });
    socket.setTimeout(hangMs, () => {
      resolve('it was not answered');
      socket.destroy();
    });
    socket.on('data', (part) => {
      got += part.toString('latin1');
    });
    socket
      .on('error', () => {})
      .on('close', () => {
        const status = Number(/^HTTP\/1\.1 (\d+)/.exec(got)?.[1] ?? 0);
        resolve(fault(status, got));
      });
  });
}

function rawHttp(random: Random): Buffer {
  const { method, path, headers, body } = random() < 0.5 ? v2(random) : tfs(random);
  const framing = pick(random, [
    `content-length: ${body.length}`,
    `content-length: ${body.length + 1 + below(random, 1000)}`,
    `content-length: ${below(random, body.length + 1)}`,
    `content-length: ${pick(random, ['-1', 'x', '1e3', '99999999999999999999', '5\r\ncontent-length: 6'])}`,
    'transfer-encoding: chunked',
    `transfer-encoding: chunked\r\ncontent-length: ${body.length}`,
    'transfer-encoding: x, chunked',
  ]);
  const chunked = framing.startsWith('transfer-encoding')
    ? Buffer.from(`${pick(random, [body.length.toString(16), 'zz', 'ffffffffffffffff', '0'])}\r\n`)
    : Buffer.alloc(0);
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'host: x',
    framing,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  const whole = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), chunked, body]);
  return random() < 0.5 ? bytes(random, whole) : whole;
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Frames of HTTP/2: those that are meant to be there, changed, and whatever else. */
function rawFrames(random: Random): Buffer {
  const frame = (type: number, flags: number, stream: number, payload: Uint8Array) => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(random() < 0.9 ? payload.length : below(random, 2 ** 24), 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
  };
  const some = () => Buffer.from(Array.from({ length: below(random, 40) }, () => below(random, 256)));
  const frames = Array.from({ length: 1 + below(random, 5) }, () =>
    frame(below(random, 12), below(random, 64), pick(random, [0, 1, 3, 2, 2 ** 31 - 1]), some()),
  );
  const whole = Buffer.concat([preface, frame(4, 0, 0, Buffer.alloc(0)), ...frames]);
  return random() < 0.3 ? bytes(random, whole) : whole;
}

const calls: readonly [string, string, object][] = [
  [
    'inference.GRPCInferenceService/ModelInfer',
    'inference.ModelInferRequest',
    {
      model_name: 'square',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2] }],
      raw_input_contents: [new Uint8Array(8)],
    },
  ],
  [
    'inference.GRPCInferenceService/ModelInfer',
    'inference.ModelInferRequest',
    {
      model_name: 'add',
      parameters: { priority: { int64_param: 1 } },
      inputs: ['a', 'b'].map((name) => ({
        name,
        datatype: 'FP32',
        shape: [1, 4],
        contents: { fp32_contents: [1, 2, 3, 4] },
      })),
    },
  ],
  [
    'tensorflow.serving.PredictionService/Predict',
    'tensorflow.serving.PredictRequest',
    {
      model_spec: { name: 'square' },
      inputs: { x: { dtype: 1, tensor_shape: { dim: [{ size: 1 }, { size: 2 }] }, float_val: [1, 2] } },
    },
  ],
  ['inference.GRPCInferenceService/ModelStatistics', 'inference.ModelStatisticsRequest', { name: 'square' }],
  [
    'tensorflow.serving.ModelService/GetModelStatus',
    'tensorflow.serving.GetModelStatusRequest',
    { model_spec: { name: 'square' } },
  ],
];

const same = (one: Buffer) => one;

/** What is the server's own fault: late, unknown, or failed inside. A model that is brought and is none fails where it is loaded. */
const isFault = ({ code, details }: ServiceError) =>
  code === 4 || code === 2 || (code === 13 && !/deserializ|^failed to load/i.test(details));

function encodedOf(name: string, valid: object): Uint8Array {
  const type = messageType(name);
  return type.encode(type.fromObject(valid)).finish();
}

type NamedCall = readonly [path: string, message: string, valid: object];

function sendCall(client: Client, random: Random, list: readonly NamedCall[]): Promise<string | undefined> {
  const [path, name, valid] = pick(random, list);
  const encodedMessage = encodedOf(name, valid);
  const message = random() < 0.95 ? brokenMessage(random, encodedMessage) : Buffer.from(encodedMessage);
  const metadata = new Metadata();
  if (random() < 0.1) metadata.set('grpc-accept-encoding', 'x');
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + hangMs };
    client.makeUnaryRequest(`/${path}`, same, same, message, metadata, options, (error: ServiceError | null) => {
      resolve(error !== null && isFault(error) ? `${error.code} ${error.details}` : undefined);
    });
  });
}

/** A stream of some messages, that ends, is cancelled, or is left while answers come. */
function sendStream(client: Client, random: Random): Promise<string | undefined> {
  const messages = Array.from({ length: 1 + below(random, 6) }, () => {
    const encodedMessage = encodedOf('inference.ModelInferRequest', pick(random, streamed));
    return random() < 0.4 ? brokenMessage(random, encodedMessage) : Buffer.from(encodedMessage);
  });
  const ending = random();
  return new Promise((resolve) => {
    const path = '/inference.GRPCInferenceService/ModelStreamInfer';
    const call = client.makeBidiStreamRequest(path, same, same, { deadline: Date.now() + hangMs });
    call.on('data', () => {
      if (ending < 0.2) call.cancel();
    });
    call.on('error', (error: ServiceError) => resolve(isFault(error) ? `${error.code} ${error.details}` : undefined));
    call.on('end', () => resolve(undefined));
    for (const one of messages) call.write(one);
    if (ending < 0.1) setImmediate(() => call.cancel());
    else call.end();
  });
}

/** So many at once, until all are sent. What was wrong, with what it was. */
async function flood(one: (index: number) => Promise<string | undefined>): Promise<string[]> {
  const wrong: string[] = [];
  let next = 0;
  const sender = async () => {
    while (next < count && wrong.length < 10) {
      const index = next++;
      const problem = await one(index);
      if (problem !== undefined) wrong.push(`request ${index}: ${problem}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, sender));
  return wrong;
}

/** Each request has chance of its own, so that one can be sent again alone. */
const chanceOf = (index: number) => randomBy(seed * 1_000_003 + index);

/** Of shared memory that tensors may be in. */
const key = `tensorlane-fuzz-${process.pid}`;

const protocols: Readonly<Record<string, (server: ServerProcess) => (index: number) => Promise<string | undefined>>> = {
  'Open Inference Protocol over REST': ({ url }) => {
    const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
    return (index) => send(agent, url, v2(chanceOf(index)));
  },
  'TensorFlow Serving over REST': ({ url }) => {
    const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
    return (index) => send(agent, url, tfs(chanceOf(index)));
  },
  'HTTP/1.1 in bytes': ({ url }) => {
    const port = Number(new URL(url).port);
    return (index) => {
      const random = chanceOf(index);
      return sendRaw(port, rawHttp(random), random() < 0.7 ? 'end' : 'destroy');
    };
  },
  'HTTP/2 in bytes': ({ url }) => {
    const port = Number(new URL(url).port);
    return (index) => {
      const random = chanceOf(index);
      return sendRaw(port, rawFrames(random), random() < 0.5 ? 'half' : 'destroy');
    };
  },
  "Triton's extensions over REST": ({ url }) => {
    const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
    return (index) => send(agent, url, extension(chanceOf(index), key));
  },
  'gRPC in messages': ({ grpc }) => {
    const client = new Client(grpc, credentials.createInsecure());
    return (index) => sendCall(client, chanceOf(index), calls);
  },
  "Triton's extensions, and examples, over gRPC": ({ grpc }) => {
    const client = new Client(grpc, credentials.createInsecure());
    const all = extensionCalls(key);
    return (index) => sendCall(client, chanceOf(index), all);
  },
  'streams of gRPC': ({ grpc }) => {
    const client = new Client(grpc, credentials.createInsecure());
    return (index) => sendStream(client, chanceOf(index));
  },
  'gRPC in bytes': ({ grpc }) => {
    const port = Number(grpc.split(':').at(-1));
    return (index) => {
      const random = chanceOf(index);
      return sendRaw(port, rawFrames(random), random() < 0.5 ? 'half' : 'destroy');
    };
  },
};

test.each(Object.keys(protocols))('%s', { timeout: 300_000 + count * 100 }, async (name) => {
  console.log(`seed ${seed}: TENSORLANE_FUZZ_SEED=${seed} TENSORLANE_FUZZ_REQUESTS=${count} does the same again`);
  const repository = folderOf({
    'square.onnx': square({ features: 2 }),
    'add.onnx': add(),
    'text.onnx': identity('string', ['N', 2]),
    'victim.onnx': square({ features: 2 }),
    'countdown/1/model.mjs': countdown,
  });
  const config = join(folderOf({ 'config.json': '{"sharedMemory": true, "explicitControl": true}' }), 'config.json');
  writeFileSync(`/dev/shm/${key}`, new Uint8Array(4096));
  onTestFinished(() => rmSync(`/dev/shm/${key}`, { force: true }));
  const server = await startProcess(
    [
      ...[repository, '--config', config, '--linalg', '--max-body', '1000000'],
      ...['--poll', '0', '--drain', '1', '--log', 'error'],
    ],
    count * 100,
  );
  const one = protocols[name]!(server);
  const descriptors = server.descriptors();
  // Connections that it keeps although nobody is there any more; those of keep-alive are ours.
  const left = () => (server.descriptors() ?? 0) - (descriptors ?? 0);
  // What one round leaves behind shows as growth after another.
  expect(await flood(one)).toEqual([]);
  await until(() => left() <= mostKept);
  const before = server.memory();
  expect(await flood(one)).toEqual([]);
  await until(() => left() <= mostKept);
  const after = server.memory();
  console.log(
    `${name}: ${2 * count} requests, ${((before ?? 0) / 2 ** 20).toFixed(0)} and ${((after ?? 0) / 2 ** 20).toFixed(0)} MiB`,
  );
  const { status, body } = await ask(`${server.url}/v1/models/square:predict`, { instances: [[3, 4]] });
  expect([status, body]).toEqual([200, { predictions: [[9, 16]] }]);
  const budget = await ask(`${server.url}/v2/models/square/stats`);
  expect(budget.status).toBe(200);
  if (before !== undefined && after !== undefined) expect(after).toBeLessThan(before * 1.2 + 48 * 2 ** 20);
  const { code, signal, stderr } = await server.stop();
  expect([code, signal]).toEqual([0, null]);
  expect(stderr).not.toContain('internal error');
});

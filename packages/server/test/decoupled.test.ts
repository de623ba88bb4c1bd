// Decoupled models: a model in JS that answers a request as often as it likes, over every way that has place for several answers.

import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { tensor } from 'tensorlane';
import { describe, expect, onTestFinished, test } from 'vitest';
import { expectError } from '../../../test/support/errors.js';
import { square } from '../../../test/support/onnx-builder.js';
import { protos } from '../lib/core/protos.js';
import { connect, createFetchHandler, createHandler, type ServerOptions } from '../lib/index.js';
import { call, codeOf, grpcClient, inferOf } from './calls.js';
import { ask, folderOf, startEngine, startServer, until } from './support.js';

// biome-ignore lint/suspicious/noExplicitAny: what a message has is what its .proto file says
type Message = any;

/** Squares x so many times as it says itself, each time an answer; -1: for ever; after two it fails where it is told to. */
const powers = `
export const inputs = [{ name: 'x', type: 'float32', dims: [1, 2] }, { name: 'times', type: 'int32', dims: [1, 1] }];
export const outputs = [{ name: 'y', type: 'float32', dims: [1, 2] }];
export async function* run({ x, times }, { models, signal }) {
  try {
    for (let i = 0; i !== times.data[0]; i++) {
      if (times.data[0] === 99 && i === 2) throw new Error('after two');
      const { y } = await models.run('square', { x });
      yield { y };
      x = y;
      if (times.data[0] < 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  } finally {
    globalThis.endedPowers = (globalThis.endedPowers ?? 0) + 1;
  }
}`;
const files = { 'square.onnx': square({ features: 2 }), 'powers/1/model.mjs': powers };
const ended = () => (globalThis as { endedPowers?: number }).endedPowers ?? 0;
const feeds = (times: number) =>
  ({ x: tensor([[2, 3]]), times: { type: 'int32', data: Int32Array.of(times), dims: [1, 1] } }) as const;
const started = (options: ServerOptions = {}) =>
  startServer({ repository: folderOf(files), grpc: '127.0.0.1:0', ...options });

const generate = (url: string, times: number, path = 'generate_stream') =>
  fetch(`${url}/v2/models/powers/${path}`, { method: 'POST', body: JSON.stringify({ x: [2, 3], times }) });
const eventsOf = (text: string) =>
  text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => JSON.parse(event.replace(/^data: /, '')) as Message);
const threePowers = [
  [4, 9],
  [16, 81],
  [256, 6561],
];

describe('generate_stream', () => {
  test('is an event for each answer, as it comes, and one for what fails after the first', async () => {
    const { url } = await started();
    const response = await generate(url, 3);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(eventsOf(await response.text()).map(({ y }) => y)).toEqual(threePowers);
    const failed = await generate(url, 99);
    expect(failed.status).toBe(200);
    expect(eventsOf(await failed.text())).toMatchObject([
      { y: [4, 9] },
      { y: [16, 81] },
      { error: 'powers failed: after two' },
    ]);
    expect(eventsOf(await (await generate(url, 0)).text())).toEqual([]);
    const wrong = await fetch(`${url}/v2/models/powers/generate_stream`, { method: 'POST', body: '{"x": [1, 2]}' });
    expect([wrong.status, await wrong.json()]).toEqual([400, { error: "powers: input 'times' is missing" }]);
  });

  test('who hangs up ends it; one that is taken goes on, while the server drains as well', async () => {
    const server = await started();
    const before = ended();
    const sent = httpRequest(`${server.url}/v2/models/powers/generate_stream`, { method: 'POST' });
    sent.end(JSON.stringify({ x: [1, 1], times: -1 }));
    const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
    await once(response, 'data');
    sent.destroy();
    await until(() => ended() > before);
    const kept = await generate(server.url, 3);
    await server.close();
    expect(eventsOf(await kept.text()).map(({ y }) => y)).toEqual(threePowers);
  });

  test('generate takes one answer, and infer and predict none', async () => {
    const { url } = await started();
    const before = ended();
    expect(await (await generate(url, 1, 'generate')).json()).toMatchObject({ y: [4, 9] });
    for (const times of [0, 2, -1]) {
      const reply = await generate(url, times, 'generate');
      expect([reply.status, await reply.json()]).toEqual([
        400,
        { error: expect.stringContaining('exactly 1 response') },
      ]);
    }
    await until(() => ended() === before + 4);
    const inputs = [
      { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] },
      { name: 'times', shape: [1, 1], datatype: 'INT32', data: [1] },
    ];
    expect(await ask(`${url}/v2/models/powers/infer`, { inputs })).toMatchObject({
      status: 501,
      body: { error: expect.stringContaining('decoupled') },
    });
    expect((await ask(`${url}/v1/models/powers:predict`, { inputs: { x: [[1, 2]], times: [[1]] } })).status).toBe(501);
  });

  test('over handlers of node:http and of fetch', async () => {
    const engine = await startEngine({ repository: folderOf(files) });
    const handle = createFetchHandler(engine);
    const body = (times: number) => JSON.stringify({ x: [2, 3], times });
    const at = 'http://x/v2/models/powers/generate_stream';
    const reply = await handle(new Request(at, { method: 'POST', body: body(3) }));
    expect(eventsOf(await reply.text()).map(({ y }) => y)).toEqual(threePowers);
    const before = ended();
    const endless = await handle(new Request(at, { method: 'POST', body: body(-1) }));
    const reader = endless.body!.getReader();
    await reader.read();
    await reader.cancel();
    await until(() => ended() > before);
    const http = createServer(createHandler(engine)).listen(0, '127.0.0.1');
    onTestFinished(() => void http.close());
    await once(http, 'listening');
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    expect(eventsOf(await (await generate(url, 3)).text()).map(({ y }) => y)).toEqual(threePowers);
  });
});

describe('ModelStreamInfer', () => {
  const infer = (id: string, times: number, parameters = {}) => ({
    id,
    ...inferOf('powers', [2, 3]),
    inputs: [
      { name: 'x', datatype: 'FP32', shape: [1, 2] },
      { name: 'times', datatype: 'INT32', shape: [1, 1] },
    ],
    raw_input_contents: [new Uint8Array(Float32Array.of(2, 3).buffer), new Uint8Array(Int32Array.of(times).buffer)],
    parameters,
  });

  function open(target: string) {
    const method = protos().lookupService('inference.GRPCInferenceService').methods.ModelStreamInfer!;
    const { resolvedRequestType: request, resolvedResponseType: response } = method.resolve() as typeof method;
    const stream = grpcClient(target).makeBidiStreamRequest(
      '/inference.GRPCInferenceService/ModelStreamInfer',
      (message: object) => Buffer.from(request!.encode(request!.fromObject(message)).finish()),
      (bytes) => response!.toObject(response!.decode(bytes)) as Message,
    );
    const got: Message[] = [];
    stream.on('data', (message: Message) => got.push(message));
    return { stream, got };
  }

  async function all({ stream, got }: { stream: ClientDuplexStream<object, Message>; got: Message[] }, sent: object[]) {
    for (const one of sent) stream.write(one);
    stream.end();
    await once(stream, 'end');
    return got;
  }

  const floats = (bytes: Uint8Array) => [...new Float32Array(Uint8Array.from(bytes).buffer)];
  const isFinal = ({ infer_response: { parameters } }: Message) => parameters.triton_final_response.bool_param;

  test('has all answers of a request, each with its id, and says which is the last', async () => {
    const server = await started();
    const empty = { triton_enable_empty_final_response: { bool_param: true } };
    const got = await all(open(server.grpcTarget!), [
      infer('a', 3),
      infer('b', 3, empty),
      infer('none', 0, empty),
      { ...inferOf('square', [2, 3]), id: 'one' },
    ]);
    const of = (id: string) => got.filter(({ infer_response: one }) => one.id === id);
    const values = (id: string) =>
      of(id).flatMap(({ infer_response: one }) => (one.outputs?.length ? [floats(one.raw_output_contents[0])] : []));
    expect(values('a')).toEqual(threePowers);
    expect(of('a').map(isFinal)).toEqual([false, false, false]);
    expect(values('b')).toEqual(threePowers);
    expect(of('b').map(isFinal)).toEqual([false, false, false, true]);
    expect([values('none'), of('none').map(isFinal)]).toEqual([[], [true]]);
    expect([values('one'), of('one').map(isFinal)]).toEqual([[[4, 9]], [true]]);
  });

  test('tells a failure in its place, and who cancels ends what runs', async () => {
    const server = await started();
    const got = await all(open(server.grpcTarget!), [infer('a', 99), infer('b', 1)]);
    const failed = got.filter(({ infer_response: { id } }) => id === 'a');
    expect(failed.map(({ error_message: error }) => error ?? '')).toEqual(['', '', 'powers failed: after two']);
    expect(got.filter(({ infer_response: { id } }) => id === 'b')).toHaveLength(1);
    const before = ended();
    const endless = open(server.grpcTarget!);
    endless.stream.on('error', () => {});
    endless.stream.write(infer('c', -1));
    await until(() => endless.got.length > 3);
    endless.stream.cancel();
    await until(() => ended() > before);
    expect(
      await codeOf(call(grpcClient(server.grpcTarget!), 'inference.GRPCInferenceService/ModelInfer', infer('d', 1))),
    ).toBe(12);
  });
});

describe("a client's stream", () => {
  const valuesOf = async (answers: AsyncIterable<Readonly<Record<string, unknown>>>) => {
    const values: number[][] = [];
    for await (const { y } of answers) values.push([...(y as { data: Float32Array }).data]);
    return values;
  };

  test('has the answers as they come, and the one of any other model', async () => {
    const { url } = await started();
    using client = await connect(url);
    const model = await client.model('powers');
    expect(await valuesOf(model.stream(feeds(3)))).toEqual(threePowers);
    expect(await valuesOf(model.stream(feeds(0)))).toEqual([]);
    expect(await valuesOf((await client.model('square')).stream({ x: tensor([[2, 3]]) }))).toEqual([[4, 9]]);
    const answers = model.stream(feeds(2), { outputs: ['y'] });
    const first = await answers.next();
    expect(first.value).toMatchObject({ y: { type: 'float32', dims: [1, 2] } });
    await answers.next();
    expect((await answers.next()).done).toBe(true);
  });

  test('tells what fails before the first answer and after it', async () => {
    const server = await started();
    using client = await connect(server.url);
    const model = await client.model('powers');
    const got: unknown[] = [];
    const failing = async () => {
      for await (const answer of model.stream(feeds(99))) got.push(answer);
    };
    await expectError(failing(), 'ERR_MODEL', /powers failed: after two/);
    expect(got).toHaveLength(2);
    await expectError(model.stream({ x: tensor([[1, 2]]) }).next(), 'ERR_ARGUMENT', /'times' is missing/);
    await expectError(model.stream(feeds(1), { nothing: 1 } as never).next(), 'ERR_ARGUMENT', /'nothing'/);
    await expectError(model.stream(feeds(1), { signal: AbortSignal.abort() }).next(), 'ERR_ABORTED');
    // One of which the server goes away.
    const answers = model.stream(feeds(-1));
    await answers.next();
    const rest = async () => {
      for await (const _ of answers);
    };
    const lost = expectError(rest(), 'ERR_DEVICE_LOST', /went away while it answered/);
    client.close();
    await lost;
    await expectError(model.stream(feeds(1)).next(), 'ERR_DISPOSED');
  });

  test('who stops taking them, or aborts, ends it at the server', async () => {
    const { url } = await started();
    using client = await connect(url);
    const model = await client.model('powers');
    const before = ended();
    for await (const _ of model.stream(feeds(-1))) break;
    await until(() => ended() === before + 1);
    const aborting = new AbortController();
    const answers = model.stream(feeds(-1), { signal: aborting.signal });
    await answers.next();
    aborting.abort();
    const rest = async () => {
      for await (const _ of answers);
    };
    await expectError(rest(), 'ERR_ABORTED');
    await until(() => ended() === before + 2);
  });
});

test('within a program, and within another model', async () => {
  const sums = `
export const inputs = [{ name: 'x', type: 'float32' }, { name: 'times', type: 'int32' }];
export const outputs = [{ name: 'y', type: 'float32' }];
export async function run(inputs, { models }) {
  let last;
  for await (const { y } of models.stream('powers', inputs)) last = y;
  return { y: last };
}`;
  const engine = await startEngine({ repository: folderOf({ ...files, 'last/1/model.mjs': sums }) });
  const got: number[][] = [];
  for await (const { y } of engine.stream('powers', feeds(3))) got.push([...(y!.data as Float32Array)]);
  expect(got).toEqual(threePowers);
  for await (const { y } of engine.stream('square', { x: tensor([[2, 3]]) })) {
    expect([...(y!.data as Float32Array)]).toEqual([4, 9]);
  }
  expect([...((await engine.run('last', feeds(3))).y!.data as Float32Array)]).toEqual([256, 6561]);
  await expectError(engine.run('powers', feeds(3)), 'ERR_NOT_SUPPORTED', /decoupled.*stream\(\)/);
  // Who stops listening ends it; and while one is listened to its version is not freed.
  const before = ended();
  for await (const _ of engine.stream('powers', feeds(-1))) break;
  await until(() => ended() > before);
  const held = engine.stream('powers', feeds(3));
  await held.next();
  const closing = engine.close();
  expect((await held.next()).value!.y!.data[0]).toBe(16);
  for await (const _ of held);
  await closing;
  const late = engine.stream('powers', feeds(1));
  await expectError(late.next(), 'ERR_DISPOSED');
});

test('a deadline ends it between answers, and what is no answer is its failure', async () => {
  const source = (body: string) => `
export const inputs = [{ name: 'x', type: 'float32' }];
export const outputs = [{ name: 'y', type: 'float32' }];
export async function* run({ x }) { ${body} }`;
  const engine = await startEngine({
    repository: folderOf({
      'waits/1/model.mjs': source('yield { y: x }; await new Promise(() => {});'),
      'wrong/1/model.mjs': source('yield { z: x };'),
    }),
  });
  const x = tensor([[1, 2]]);
  const waits = engine.stream('waits', { x }, { deadlineMicros: 50_000 });
  await waits.next();
  await expectError(waits.next(), 'ERR_TIMEOUT');
  const aborted = new AbortController();
  const other = engine.stream('waits', { x }, { signal: aborted.signal });
  await other.next();
  aborted.abort();
  await expectError(other.next(), 'ERR_ABORTED');
  await expectError(engine.stream('wrong', { x }).next(), 'ERR_MODEL', /no output 'y'/);
});

test('configuration and statistics say so; what cannot be decoupled is refused', async () => {
  const decoupled = 'model_transaction_policy { decoupled: true }';
  const one = powers.replace('async function*', 'async function').replace('yield { y };', 'return { y };');
  const step = `platform: "ensemble" input { name: "in" data_type: TYPE_FP32 dims: [1, 2] } input { name: "n" data_type: TYPE_INT32 dims: [1, 1] }
output { name: "out" data_type: TYPE_FP32 dims: [1, 2] }
ensemble_scheduling { step { model_name: "powers" input_map { key: "x" value: "in" } input_map { key: "times" value: "n" } output_map { key: "y" value: "out" } } }`;
  const server = await started({
    repository: folderOf({
      ...files,
      'powers/config.pbtxt': decoupled,
      'one/1/model.mjs': one,
      'one/config.pbtxt': decoupled,
      'onnx/1/model.onnx': square({ features: 2 }),
      'onnx/config.pbtxt': decoupled,
      'steps/config.pbtxt': step,
    }),
  });
  expect((await ask(`${server.url}/v2/models/powers/config`)).body).toMatchObject({
    model_transaction_policy: { decoupled: true },
  });
  const index = (await ask(`${server.url}/v2/repository/index`, {})).body as {
    name: string;
    state: string;
    reason?: string;
  }[];
  const reason = (name: string) => index.find((entry) => entry.name === name);
  expect(reason('powers')).toMatchObject({ state: 'READY' });
  expect(reason('one')!.reason).toMatch(/async generator/);
  expect(reason('onnx')!.reason).toMatch(/async generator/);
  expect(reason('steps')!.reason).toMatch(/'powers' is decoupled/);
  await (await generate(server.url, 3)).text();
  await (await generate(server.url, 99)).text();
  const { body } = await ask(`${server.url}/v2/models/powers/stats`);
  const [stats] = (body as { model_stats: Message[] }).model_stats;
  expect(stats.inference_stats).toMatchObject({ success: { count: 1 }, fail: { count: 1 } });
  expect(Object.keys(stats.response_stats)).toEqual(['0', '1', '2', '3']);
  expect(stats.response_stats['2']).toMatchObject({ success: { count: 1 }, fail: { count: 1 } });
  expect(stats.response_stats['3']).toMatchObject({ success: { count: 0 }, empty_response: { count: 1 } });
});

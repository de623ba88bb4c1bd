// The same server within others: fastify, node:http, Express, Hono; and a client that has the library's own surface.

import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { serve as serveHono } from '@hono/node-server';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { type TensorGiven, tensor } from 'tensorlane';
import { expect, onTestFinished, test } from 'vitest';
import { expectError } from '../../../test/support/errors.js';
import { identity, slow, square, twoOutputs } from '../../../test/support/onnx-builder.js';
import { connect, createFetchHandler, createHandler, tensorlane } from '../lib/index.js';
import { ask, folderOf, gathering, lasting, startEngine, startServer, until } from './support.js';

const engineOf = () => startEngine({ repository: folderOf({ 'm.onnx': square({ features: 2 }) }) });
const body = { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [3, 4] }] };
const rows = { instances: [[3, 4]] };

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Both protocols, a failure, and a body of bytes. */
async function expectServed(url: string): Promise<void> {
  expect(await ask(`${url}/v2/models/m/infer`, body)).toMatchObject({
    status: 200,
    body: { outputs: [{ data: [9, 16] }] },
  });
  expect(await ask(`${url}/v1/models/m:predict`, rows)).toMatchObject({
    status: 200,
    body: { predictions: [[9, 16]] },
  });
  expect(await ask(`${url}/v2/models/m/infer`, { inputs: [] })).toMatchObject({ status: 400 });
  expect(await ask(`${url}/v2/models/none`)).toMatchObject({ status: 404 });
  const client = await connect(url);
  onTestFinished(() => client.close());
  const { y } = await (await client.model('m')).run({ x: tensor([[5, 6]]) });
  expect([...y!.data]).toEqual([25, 36]);
  await expectServedAtLength(url);
}

/** So many numbers that they are read and written on another thread, and sent from where they lie. */
async function expectServedAtLength(url: string): Promise<void> {
  const pairs = Array.from({ length: 10_000 }, (_, i) => [i % 1000, 0.5]);
  const squares = pairs.map(([a, b]) => [a! * a!, b! * b!]);
  const input = { name: 'x', shape: [pairs.length, 2], datatype: 'FP32', data: pairs };
  for (const headers of [{}, { 'accept-encoding': 'gzip' }]) {
    const inference = await ask(`${url}/v2/models/m/infer`, { inputs: [input] }, { headers });
    expect((inference.body as { outputs: { data: number[] }[] }).outputs[0]!.data).toEqual(squares.flat());
  }
  expect((await ask(`${url}/v1/models/m:predict`, { instances: pairs })).body).toEqual({ predictions: squares });
  expect((await ask(`${url}/v1/models/m:predict`, { inputs: pairs })).body).toEqual({ outputs: squares });
  const wrong = [...pairs.flat(), 'one', ...pairs.flat()];
  const refused = await ask(`${url}/v2/models/m/infer`, { inputs: [{ ...input, shape: [wrong.length], data: wrong }] });
  expect(refused.body).toEqual({ error: `input 'x': element 20000 is no float32: "one"` });
  const client = await connect(url);
  onTestFinished(() => client.close());
  const { y } = await (await client.model('m')).run({ x: tensor(Float32Array.from(pairs.flat()), [pairs.length, 2]) });
  expect(y!.data).toEqual(Float32Array.from(squares.flat()));
}

test('a (req, res) handler of node:http', async () => {
  const url = await listen(createHandler(await engineOf()));
  await expectServed(url);
  expect(await ask(`${url}/other`)).toMatchObject({ status: 404 });
});

test('a handler of Express, below a path, beside what else there is', async () => {
  const app = express();
  const engine = await engineOf();
  app.use('/models', createHandler(engine));
  app.use(express.json());
  app.post('/echo', (request, response) => {
    response.json(request.body);
  });
  app.use('/late', createHandler(engine));
  const url = await listen(app);
  await expectServed(`${url}/models`);
  const json = { headers: { 'content-type': 'application/json' } };
  expect((await ask(`${url}/echo`, { a: 1 }, json)).body).toEqual({ a: 1 });
  expect((await ask(`${url}/models/v3`)).status).toBe(404);
  const late = await ask(`${url}/late/v2/models/m/infer`, body, json);
  expect(late).toMatchObject({ status: 500, body: { error: expect.stringContaining('before parsers of bodies') } });
});

test('a plugin of fastify, below a prefix, which leaves parsers and routes as they are', async () => {
  const app = Fastify();
  app.post('/echo', async (request) => request.body);
  const repository = folderOf({ 'm.onnx': square({ features: 2 }) });
  // biome-ignore lint/nursery/noMisusedPromises: fastify takes plugins that are async
  await app.register(tensorlane, { repository, device: 'cpu' });
  const engine = await engineOf();
  // biome-ignore lint/nursery/noMisusedPromises: fastify takes plugins that are async
  await app.register(tensorlane, { engine, prefix: '/more' });
  // biome-ignore lint/nursery/useAwaitThenable: it gives a promise where it is given no callback
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  await expectServed(url);
  await expectServed(`${url}/more`);
  const json = { headers: { 'content-type': 'application/json' } };
  expect((await ask(`${url}/echo`, { a: 1 }, json)).body).toEqual({ a: 1 });
  await app.close();
  // Its own engine ended with it; the other is somebody else's.
  expect(engine.closed).toBe(false);
});

test('a fetch handler, by itself and in Hono', async () => {
  const handler = createFetchHandler(await engineOf(), { prefix: '/models' });
  const alone = await handler(
    new Request('http://x/models/v2/models/m/infer', { method: 'POST', body: JSON.stringify(body) }),
  );
  expect([alone.status, ((await alone.json()) as { outputs: object[] }).outputs]).toEqual([
    200,
    [expect.objectContaining({ data: [9, 16] })],
  ]);
  const app = new Hono();
  app.get('/', (c) => c.text('mine'));
  app.all('/models/*', (c) => handler(c.req.raw));
  const server = serveHono({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  onTestFinished(() => {
    server.close();
  });
  await until(() => server.address() !== null);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await expectServed(`${url}/models`);
  expect((await ask(`${url}/`)).body).toBe('mine');
});

test('options of handlers are refused by name', async () => {
  const engine = await engineOf();
  expect(() => createHandler(engine, { prefix: 'models' })).toThrow(/prefix must begin with/);
  expect(() => createFetchHandler(engine, { limit: {} } as never)).toThrow(/no option 'limit'/);
  expect(() => createHandler({} as never)).toThrow(/a handler is of an Engine that runs, got an object/);
});

test.each([
  ['float32', Float32Array.of(0.1, Number.NaN)],
  ['float64', Float64Array.of(0.1, -1)],
  ['float16', Uint16Array.of(0x3c00, 0xc000)],
  ['int64', BigInt64Array.of(2n ** 62n, -1n)],
  ['bool', Uint8Array.of(1, 0)],
  ['string', ['ä', '']],
] as const)('a client over a UNIX socket sends and gets %s', async (type, data) => {
  const folder = folderOf({ 'm.onnx': identity(type, ['N']) });
  const socket = `unix:${join(folder, 'socket')}`;
  const server = await startServer({ repository: folder, http: socket });
  expect(server.url).toBe(socket);
  using client = await connect(socket);
  const model = await client.model('m', { version: 1 });
  expect(model.inputs).toMatchObject([{ name: 'x', type, dims: [-1] }]);
  const { y } = await model.run({ x: { type, data, dims: [2] } as TensorGiven });
  expect(y).toEqual({ type, data, dims: [2] });
});

test('a misspelt version of a model is refused, not answered by the highest', async () => {
  const server = await startServer({ repository: folderOf({ 'm.onnx': square({ features: 2 }) }) });
  using client = await connect(server.url);
  const misspelt = client.model('m', { verison: 1 } as never);
  await expectError(misspelt, 'ERR_ARGUMENT', /model: there is no option 'verison'; there is version/);
  await expectError(client.model(5 as never), 'ERR_ARGUMENT', /asked for by its name, got 5/);
  const model = await client.model('m');
  await expectError(model.run(undefined as never), 'ERR_ARGUMENT', /an object of tensors by name, got undefined/);
});

test('what has any rank has no dims for a client, as for the library', async () => {
  const server = await startServer({ repository: folderOf({ 'm.onnx': square({ features: 2 }) }), linalg: true });
  using client = await connect(server.url);
  const { inputs, outputs } = await client.model('linalg.svdvals');
  const own = server.engine.resolve({ name: 'linalg.svdvals' });
  expect([inputs, outputs]).toEqual([own.inputs, own.outputs]);
  expect(inputs[0]!.dims).toBeUndefined();
});

test("a client's failures are those of the library", async () => {
  const repository = folderOf({ 'm.onnx': twoOutputs({ features: 2 }), 'slow.onnx': lasting() });
  const server = await startServer({ repository, load: { concurrency: 1, batching: { maxBatchSize: 1 } } });
  using client = await connect(server.url);
  const model = await client.model('m');
  expect(Object.keys(await model.run({ x: tensor([[1, 2]]) }, { outputs: ['total'] }))).toEqual(['total']);
  await expectError(client.model('none'), 'ERR_NOT_FOUND', /unknown model: 'none'/);
  await expectError(model.run({ x: tensor([[1, 2, 3]]) }), 'ERR_SHAPE', /x/);
  await expectError(model.run({ x: tensor([[1, 2]], { type: 'int32' }) }), 'ERR_DTYPE');
  await expectError(model.run({ z: tensor([[1, 2]]) }), 'ERR_ARGUMENT', /'z'/);
  await expectError(model.run({ x: 1 } as never), 'ERR_ARGUMENT', /must be a tensor/);
  await expectError(model.run({ x: tensor([[1]]) }, { output: [] } as never), 'ERR_ARGUMENT', /no option 'output'/);
  const busy = await client.model('slow');
  const row = { x: tensor(new Float32Array(256), [1, 256]) };
  const servable = server.engine.resolve({ name: 'slow' });
  const first = busy.run(row);
  await until(() => servable.stats()!.batches.running === 1);
  await expectError(busy.run(row, { deadlineMicros: 1000 }), 'ERR_TIMEOUT');
  const controller = new AbortController();
  const cancelled = busy.run(row, { signal: controller.signal });
  await until(() => servable.stats()!.requests.queued === 1);
  controller.abort();
  await expectError(cancelled, 'ERR_ABORTED');
  await until(() => servable.stats()!.requests.queued === 0);
  expect((await first).y!.dims).toEqual([1, 256]);
  client.close();
  await expectError(model.run({ x: tensor([[1, 2]]) }), 'ERR_DISPOSED');
});

test('many runs of a client share the batches of others', async () => {
  const server = await startServer({ repository: folderOf({ 'm.onnx': slow({ iterations: 300 }) }), load: gathering });
  using client = await connect(server.url);
  const model = await client.model('m');
  const run = (i: number) => model.run({ x: tensor(new Float32Array(256).fill(i / 40), [1, 256]) });
  const got = await Promise.all(Array.from({ length: 40 }, (_, i) => run(i)));
  const alone = await run(7);
  for (const [i, value] of [...alone.y!.data].entries())
    expect(Number(got[7]!.y!.data[i])).toBeCloseTo(Number(value), 5);
  expect(server.engine.resolve({ name: 'm' }).stats()!.batches.count).toBeLessThan(41);
});

test('no server, and one that goes away', async () => {
  await expectError(connect('http://127.0.0.1:1'), 'ERR_NO_DEVICE', /cannot be reached/);
  await expectError(connect('unix:/nowhere/at/all'), 'ERR_NO_DEVICE');
  await expectError(connect('ftp://x'), 'ERR_ARGUMENT', /expected http/);
  const url = await listen((request, response) => {
    if (request.method === 'GET') response.end();
    else request.socket.destroy();
  });
  using client = await connect(url);
  const lost = client.infer('/v2/models/m', { x: tensor([[1]]) }, {});
  await expectError(lost, 'ERR_DEVICE_LOST', /went away/);
});

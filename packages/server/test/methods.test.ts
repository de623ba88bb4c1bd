// What is got may be asked for its headers alone (HEAD), and every path says what it takes (OPTIONS), over all ways.

import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import { createFetchHandler, createHandler, type Engine } from '../lib/index.js';
import { folderOf, startEngine, startServer } from './support.js';

const files = { 'm.onnx': square({ features: 2 }) };
const all = { metrics: true, openapi: true };

type Ask = (method: string, path: string, headers?: Record<string, string>) => Promise<Response>;

const byUrl =
  (url: string): Ask =>
  (method, path, headers = {}) =>
    fetch(url + path, { method, headers });

async function byHandler(engine: Engine): Promise<Ask> {
  const server = createServer(createHandler(engine, all));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return byUrl(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

async function byFetch(engine: Engine): Promise<Ask> {
  const handle = createFetchHandler(engine, all);
  return (method, path, headers = {}) => handle(new Request(`http://x${path}`, { method, headers }));
}

const ways: Readonly<Record<string, () => Promise<Ask>>> = {
  'the server': async () => byUrl((await startServer({ repository: folderOf(files) })).url),
  'a handler': async () => byHandler(await startEngine({ repository: folderOf(files) })),
  'a fetch handler': async () => byFetch(await startEngine({ repository: folderOf(files) })),
};

test.each(Object.keys(ways))('over %s', async (way) => {
  const asked = await ways[way]!();
  const got = ['/v2', '/v2/health/live', '/v2/models/m', '/v1/models/m', '/v1/models/m/metadata'];
  for (const path of [...got, '/metrics', '/openapi.json', ...(way === 'the server' ? ['/', '/status'] : [])]) {
    const [get, head, options] = await Promise.all(['GET', 'HEAD', 'OPTIONS'].map((method) => asked(method, path)));
    expect([path, get!.status, head!.status, options!.status]).toEqual([path, 200, 200, 200]);
    expect(head!.headers.get('content-type')).toBe(get!.headers.get('content-type'));
    if (way !== 'a fetch handler') expect(await head!.text()).toBe('');
    expect(options!.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
    expect(options!.headers.has('access-control-allow-origin')).toBe(false);
  }
  for (const path of ['/v2/models/m/infer', '/v1/models/m:predict', '/v2/repository/index']) {
    expect((await asked('OPTIONS', path)).headers.get('allow')).toBe('POST, OPTIONS');
  }
  expect((await asked('OPTIONS', '/v2/logging')).headers.get('allow')).toBe('GET, HEAD, POST, OPTIONS');
  const head = await asked('HEAD', '/v2/models/m/infer');
  expect([head.status, head.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
  expect((await asked('HEAD', '/v2/models/none')).status).toBe(404);
  const wrong = await asked('POST', '/metrics');
  expect([wrong.status, await wrong.json()]).toEqual([405, { error: 'this path takes GET' }]);
  for (const method of ['HEAD', 'OPTIONS']) expect((await asked(method, '/v2/no/such/path')).status).toBe(404);
  expect((await asked('OPTIONS', '/elsewhere')).status).toBe(404);
});

test('what the server has nothing for is told as all failures are, and a path that names the server is a path', async () => {
  const { url } = await startServer({ repository: folderOf(files) });
  const { port } = new URL(url);
  const asked = (method: string, path: string, body = '') =>
    new Promise<[number, unknown, string | undefined]>((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const sent = request({ port, method, path, headers }, async (response) => {
        const parts = await response.toArray();
        const { allow } = response.headers;
        resolve([response.statusCode!, JSON.parse(Buffer.concat(parts).toString()), allow]);
      });
      sent.on('error', reject).end(body);
    });
  const nothing = [404, { error: 'there is nothing at this path' }, undefined];
  expect(await asked('GET', '/nothing')).toEqual(nothing);
  expect(await asked('POST', '/metrics/', '{"a": ')).toEqual(nothing);
  expect(await asked('POST', '//v2/models/m/infer', '{}')).toEqual(nothing);
  const wrong = [405, { error: 'this path takes GET' }, 'GET, HEAD, OPTIONS'];
  for (const path of ['/v2/models/m', '/metrics', '/']) expect(await asked('PROPFIND', path)).toEqual(wrong);
  const body = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [3, 4] }] });
  const [status, answer] = await asked('POST', `${url}/v2/models/m/infer?a=b`, body);
  expect([status, answer]).toMatchObject([200, { outputs: [{ data: [9, 16] }] }]);
});

test.each(Object.keys(ways))('JSON is said to be JSON, whatever there is of it, over %s', async (way) => {
  const asked = await ways[way]!();
  for (const path of ['/v2', '/v2/models/none', '/v1/models/m', '/v1/models/none', '/openapi.json']) {
    const { headers } = await asked('GET', path);
    expect([path, headers.get('content-type')]).toEqual([path, 'application/json']);
  }
});

test('a large answer has its length, and none of its bytes', async () => {
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`m${i}.onnx`, files['m.onnx']]));
  const asked = byUrl((await startServer({ repository: folderOf(many) })).url);
  for (const path of ['/v2/models/stats', '/openapi.json']) {
    for (const encoding of ['identity', 'gzip']) {
      const head = await asked('HEAD', path, { 'accept-encoding': encoding });
      expect([head.status, await head.text()]).toEqual([200, '']);
    }
  }
});

// What the server refuses under load, and how it says when to come again.

import { type ClientRequest, request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import { ByteBudget } from '../lib/http/budget.js';
import { checkLimits } from '../lib/http/limits.js';
import type { Server } from '../lib/index.js';
import { ask, folderOf, lasting, startServer, until } from './support.js';

const row = (width: number) => ({
  inputs: [{ name: 'x', shape: [1, width], datatype: 'FP32', data: new Array(width).fill(1) }],
});

describe('the budget of bytes', () => {
  test('is held until it is released, and says when there may be room by how fast it was', () => {
    let now = 0;
    const budget = new ByteBudget(checkLimits({ bodyBytes: 100, pendingBytes: 1000 }), () => now);
    const first = budget.lease();
    first.take(600);
    first.take(300);
    expect(() => budget.lease().take(101)).toThrow(/as many bytes/);
    budget.lease().take(100);
    expect(budget.used).toBe(1000);
    now = 2000;
    first.release();
    first.release();
    expect(budget.used).toBe(100);
    // 900 bytes in two seconds: another 90 take a fifth of one.
    const refused = () => budget.lease().take(900 + 90);
    expect(refused).toThrow(expect.objectContaining({ status: 'UNAVAILABLE', retryAfterMicros: 0.2e6 }));
    // There never is room for it.
    expect(() => budget.lease().take(1001)).toThrow(expect.objectContaining({ http: 413 }));
  });

  test('refuses a request before its body is read', async () => {
    const limits = { bodyBytes: 100_000, pendingBytes: 100_000 };
    const server = await startServer({ repository: folderOf({ 'm.onnx': square({ features: 4 }) }), limits });
    const { port } = new URL(server.url);
    // It announces what fills the budget, and sends nothing of it. Beside a request of ours there is no room for it: then it comes again.
    let holder: ClientRequest | undefined;
    const hold = () => {
      holder = request({ port, path: '/v2/models/m/infer', method: 'POST', headers: { 'content-length': 99_950 } });
      holder
        .on('error', () => {})
        .on('response', (response) => {
          response.resume();
          if (response.statusCode === 503) hold();
        });
      holder.write('{');
    };
    hold();
    let refused = await ask(`${server.url}/v2/models/m/infer`, row(4));
    while (refused.status === 200) refused = await ask(`${server.url}/v2/models/m/infer`, row(4));
    expect(refused).toMatchObject({ status: 503, body: { error: expect.stringContaining('try again later') } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    holder!.destroy();
    await until(() => server.engine.ready);
    let again = refused;
    while (again.status !== 200) again = await ask(`${server.url}/v2/models/m/infer`, row(4));
  });
});

/** A server whose only lane is busy, and a request that waits for it. */
async function busy(options = {}): Promise<{ server: Server; first: ReturnType<typeof ask> }> {
  const load = { concurrency: 1, batching: { maxBatchSize: 1, maxQueueSize: 1 }, ...options };
  const server = await startServer({ repository: folderOf({ 'm.onnx': lasting() }), load });
  const servable = server.engine.resolve({ name: 'm' });
  const first = ask(`${server.url}/v2/models/m/infer`, row(256));
  await until(() => servable.stats()!.batches.running === 1);
  return { server, first };
}

test('a full queue is 503 with Retry-After in both protocols, and the accepted are answered', async () => {
  const { server, first } = await busy();
  const sixteen = (path: string, body: object) => Array.from({ length: 16 }, () => ask(`${server.url}${path}`, body));
  const refused = { v1: 0, v2: 0 };
  while (refused.v1 === 0 || refused.v2 === 0) {
    const v1 = sixteen('/v1/models/m:predict', { instances: [new Array(256).fill(1)] });
    const v2 = sixteen('/v2/models/m/infer', row(256));
    for (const [protocol, replies] of Object.entries({ v1, v2 })) {
      for (const { status, headers } of await Promise.all(replies)) {
        if (status === 200) continue;
        expect(status).toBe(503);
        expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
        refused[protocol as 'v1' | 'v2']++;
      }
    }
  }
  expect((await first).status).toBe(200);
  const { accepted, completed, pending } = server.engine.resolve({ name: 'm' }).stats()!.requests;
  expect([completed, pending]).toEqual([accepted, 0]);
});

test('what cannot be answered by its deadline is 503 in one protocol and 504 in the other', async () => {
  const { server, first } = await busy({ batching: { maxBatchSize: 1 } });
  const header = { headers: { 'x-request-timeout-ms': '1' } };
  const late = await Promise.all([
    ask(`${server.url}/v2/models/m/infer`, row(256), header),
    ask(`${server.url}/v2/models/m/infer`, { ...row(256), parameters: { deadline: 1000 } }),
    ask(`${server.url}/v1/models/m:predict`, { instances: [new Array(256).fill(1)] }, header),
  ]);
  expect(late.map(({ status }) => status)).toEqual([503, 503, 504]);
  const wrong = { headers: { 'x-request-timeout-ms': 'soon' } };
  expect(await ask(`${server.url}/v2/models/m/infer`, row(256), wrong)).toMatchObject({ status: 400 });
  expect((await first).status).toBe(200);
});

test('sockets that send what is no HTTP, half of it, or too many headers are answered or cut off', async () => {
  const server = await startServer({ repository: folderOf({ 'm.onnx': square({ features: 4 }) }) });
  const port = Number(new URL(server.url).port);
  const say = (text: string) =>
    new Promise<string>((resolve) => {
      let got = '';
      const socket = connect(port, '127.0.0.1', () => socket.end(text));
      socket.on('data', (data) => {
        got += data;
      });
      socket.on('error', () => {}).on('close', () => resolve(got));
    });
  const post = 'POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\n';
  expect(await say('nothing at all\r\n\r\n')).toContain('400 Bad Request');
  expect(await say(`GET /v2 HTTP/1.1\r\nhost: x\r\na: ${'b'.repeat(20_000)}\r\n\r\n`)).toContain('431');
  expect(await say(`${post}content-length: 50\r\n\r\n{"inputs"`)).not.toContain('200 OK');
  expect(await say(`${post}content-length: -5\r\n\r\n`)).toContain('400 Bad Request');
  expect(await say(`${post}transfer-encoding: chunked\r\n\r\nzz\r\n`)).not.toContain('200 OK');
  expect(await ask(`${server.url}/v2/models/m/infer`, row(4))).toMatchObject({ status: 200 });
});

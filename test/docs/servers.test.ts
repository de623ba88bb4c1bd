// The programs of examples/, started as their first lines say: each answers, refuses what is wrong, goes on after a client that hung
// up, and ends when it is told to.

import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { square } from '../support/onnx-builder.js';
import { runNode } from '../support/processes.js';
import { startProgram } from './programs.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'build', 'examples');
const model = join(folder, 'square.onnx');
const argsOf = (name: string) => [join(root, 'examples', name), model];

beforeAll(() => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(model, square({ features: 4 }));
});

async function ask(port: number, path: string, body: string): Promise<[number, unknown]> {
  const headers = { 'content-type': 'application/json', connection: 'close' };
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body });
  return [response.status, await response.json()];
}

/** Sends a request, and hangs up before it is answered. */
function hangUp(port: number): Promise<void> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json' };
    const sent = request({ port, path: '/predict', method: 'POST', headers }, () => {});
    sent.on('error', () => {}).on('close', resolve);
    sent.end('[1, 2, 3, 4]', () => sent.destroy());
  });
}

test.concurrent.each(['http.mjs', 'express.mjs', 'fastify.mjs', 'hono.mjs', 'cluster.mjs'])('%s', async (name) => {
  const server = await startProgram(argsOf(name));
  try {
    const rows = [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ];
    const squares = await Promise.all(rows.map((row) => ask(server.port, '/predict', JSON.stringify(row))));
    expect(squares).toEqual(rows.map((row) => [200, row.map((x) => x * x)]));
    expect(await ask(server.port, '/singular-values', '[[3, 0], [0, 4]]')).toEqual([200, [4, 3]]);
    await hangUp(server.port);
    const [status, refusal] = await ask(server.port, '/predict', '[1, 2, 3]');
    expect([status, refusal]).toEqual([400, { code: 'ERR_SHAPE', message: expect.stringContaining("input 'x'") }]);
    expect((await ask(server.port, '/predict', 'no JSON'))[0]).toBe(400);
  } finally {
    const { code, signal, stderr } = await server.stop();
    expect([code, signal, stderr]).toEqual([0, null, '']);
  }
});

test('worker-threads.mjs', async () => {
  const { code, stdout, stderr } = await runNode(argsOf('worker-threads.mjs').with(1, await sixteen()));
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout.trim().split('\n')).toEqual([0, 1, 4, 9].map((x) => Array.from({ length: 16 }, () => x).join(' ')));
});

async function sixteen(): Promise<string> {
  const file = join(folder, 'square-16.onnx');
  writeFileSync(file, square());
  return file;
}

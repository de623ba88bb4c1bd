// The programs of examples/server, each of which has the model server within one of its own: both answer, and end when they are told to.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { square } from '../support/onnx-builder.js';
import { startProgram } from './programs.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'build', 'examples', 'models');
const argsOf = (name: string) => [join(root, 'examples', 'server', name), folder];

beforeAll(() => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'square.onnx'), square({ features: 2 }));
});

async function ask(port: number, path: string, body?: object): Promise<[number, unknown]> {
  const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' }, ...sent });
  return [response.status, await response.json()];
}

test.concurrent.each(['fastify.mjs', 'http.mjs', 'express.mjs', 'hono.mjs'])('%s', async (name) => {
  const program = await startProgram(argsOf(name));
  try {
    expect(await ask(program.port, '/')).toEqual([200, { mine: true }]);
    expect(await ask(program.port, '/models/v2/models/square')).toMatchObject([200, { name: 'square' }]);
    const rows = await ask(program.port, '/models/v1/models/square:predict', { instances: [[3, 4]] });
    expect(rows).toEqual([200, { predictions: [[9, 16]] }]);
    expect((await ask(program.port, '/models/v2/models/square/infer', {}))[0]).toBe(400);
  } finally {
    const { code, signal, stderr } = await program.stop();
    expect([code, signal, stderr]).toEqual([0, null, '']);
  }
});

test('cluster.mjs', async () => {
  const program = await startProgram(argsOf('cluster.mjs'));
  try {
    const rows = Array.from({ length: 20 }, (_, i) => [i, i + 1]);
    const answers = await Promise.all(rows.map((row) => ask(program.port, '/square', row)));
    expect(answers).toEqual(rows.map((row) => [200, row.map((x) => x * x)]));
    expect(await ask(program.port, '/none', [1])).toMatchObject([400, { code: 'ERR_NOT_FOUND' }]);
    expect(await ask(program.port, '/square', [1, 2, 3])).toMatchObject([400, { code: 'ERR_SHAPE' }]);
  } finally {
    const { code, signal, stderr } = await program.stop();
    expect([code, signal, stderr]).toEqual([0, null, '']);
  }
});

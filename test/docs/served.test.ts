// The programs of examples/server, each of which has the model server within one of its own: both answer, and end when they are told to.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { square } from '../support/onnx-builder.js';
import { runNode } from '../support/processes.js';
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

interface App {
  readonly name: string;
  readonly script: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

test('ecosystem.config.cjs: what PM2 would start, two of the clients, before the server that they wait for', async () => {
  const config = join(root, 'examples', 'server', 'ecosystem.config.cjs');
  const env = { MODELS: folder, XDG_RUNTIME_DIR: mkdtempSync(join(tmpdir(), 'tensorlane-')) };
  const printed = await runNode(['-p', `JSON.stringify(require(${JSON.stringify(config)}).apps)`], { env });
  const [models, web] = JSON.parse(printed.stdout) as [App, App];
  expect([models.name, web.name]).toEqual(['models', 'web']);
  // As PM2's cluster mode: workers on one port, each of which is to end by itself.
  const cluster = `const cluster = require('node:cluster');
    cluster.setupPrimary({ exec: ${JSON.stringify(web.script)}, execArgv: [] });
    const workers = [cluster.fork(), cluster.fork()];
    let open = 0;
    cluster.on('listening', (_, { port }) => ++open === workers.length && console.log('both listen at ' + port));
    process.on('SIGINT', () => workers.forEach((worker) => worker.process.kill('SIGINT')));
    workers.forEach((worker) => worker.on('exit', (code, signal) => console.log('ended with', code, signal)));`;
  // Each of them prints its port, too, when the other may not be there yet.
  const listening = /both listen at (\d+)/;
  const starting = startProgram(['-e', cluster], { env: { ...web.env, PORT: '0' }, listening });
  let stop = () => {};
  const served = runNode([models.script, ...models.args!], {
    onOutput(_, child) {
      stop = () => child.kill('SIGINT');
    },
  });
  try {
    const clients = await starting;
    const rows = Array.from({ length: 8 }, (_, i) => [i, i + 1]);
    const answers = await Promise.all(rows.map((row) => ask(clients.port, '/square', row)));
    const { code, stdout, stderr } = await clients.stop('SIGINT');
    expect(answers).toEqual(rows.map((row) => [200, row.map((x) => x * x)]));
    expect([code, stdout.match(/ended with .*/g), stderr]).toEqual([0, new Array(2).fill('ended with 0 null'), '']);
  } finally {
    stop();
    expect(await served).toMatchObject({ code: 0, signal: null });
  }
});

test('client.mjs, of a server on another machine: by TLS, with a token', async () => {
  const at = (name: string) => join(mkdtempSync(join(tmpdir(), 'tensorlane-')), name);
  const [key, cert, tokens] = [at('key'), at('cert'), at('tokens')];
  writeFileSync(tokens, 'a-token-of-sixteen-letters\n');
  const made = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=models',
  ];
  execFileSync('openssl', [...made, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  });
  const command = join(root, 'packages', 'server', 'dist', 'cli', 'main.js');
  const secured = ['--tls-cert', cert, '--tls-key', key, '--token-file', tokens];
  const server = await startProgram([command, folder, '--http', '127.0.0.1:0', '--grpc', 'off', ...secured], {
    listening: /https:\/\/127\.0\.0\.1:(\d+)/,
  });
  try {
    const env = { TENSORLANE_SERVER: `https://127.0.0.1:${server.port}`, NODE_EXTRA_CA_CERTS: cert };
    const client = await startProgram([join(root, 'examples', 'server', 'client.mjs')], {
      env: { ...env, TENSORLANE_TOKEN: 'a-token-of-sixteen-letters' },
    });
    try {
      expect(await ask(client.port, '/square', [3, 4])).toEqual([200, [9, 16]]);
      expect(await ask(client.port, '/none', [3, 4])).toMatchObject([400, { code: 'ERR_NOT_FOUND' }]);
    } finally {
      expect(await client.stop()).toMatchObject({ code: 0, signal: null, stderr: '' });
    }
  } finally {
    expect(await server.stop()).toMatchObject({ code: 0, signal: null });
  }
});

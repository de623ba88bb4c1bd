// The command: what it prints works, and a signal ends it when it has answered.

import { execFileSync } from 'node:child_process';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { slow, square } from '../../../test/support/onnx-builder.js';
import { type NodeOptions, type NodeOutcome, runNode } from '../../../test/support/processes.js';
import { ask, folderOf } from './support.js';

const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

interface Started {
  readonly printed: string;
  readonly url: string;
  signal(name: NodeJS.Signals): void;
  readonly ended: Promise<NodeOutcome>;
}

function start(...args: string[]): Promise<Started> {
  return startIn({}, ...args);
}

function startIn(where: Pick<NodeOptions, 'cwd' | 'env'>, ...args: string[]): Promise<Started> {
  return new Promise((resolve, reject) => {
    const ended = runNode([command, ...args, '--grpc', '0'], {
      ...where,
      onOutput(printed, child) {
        const url = /((?:https?|unix):\S+)\/v2$/m.exec(printed)?.[1];
        const isWhole = /^(Try it.*:\n.+|There is no model yet.*)$/m.test(printed);
        if (url !== undefined && isWhole) resolve({ printed, url, ended, signal: (name) => child.kill(name) });
      },
    });
    ended.then(({ stderr, code }) => reject(new Error(`ended with ${code}: ${stderr}`)), reject);
  });
}

test('prints what it serves and a line that works, and ends when it is told to', async () => {
  const folder = folderOf({ 'two words.onnx': square({ features: 3 }), 'bad.onnx': 'no model' });
  const server = await start(folder, '--http', '0', '--device', 'cpu');
  expect(server.printed).toMatch(/two words\/1 {3}AVAILABLE\n/);
  expect(server.printed).toMatch(/bad\/1 {3}END: .*bad\.onnx/);
  const line = server.printed.trim().split('\n').at(-1)!;
  const reply = execFileSync('bash', ['-c', line], { encoding: 'utf8' });
  expect(JSON.parse(reply)).toMatchObject({ outputs: [{ data: [0, 0, 0] }] });
  server.signal('SIGTERM');
  const { code, signal, stderr } = await server.ended;
  expect([code, signal]).toEqual([0, null]);
  // A line of the log, and nothing else.
  expect(JSON.parse(stderr)).toMatchObject({ level: 40, model: 'bad', msg: 'model cannot be loaded' });
});

test('serves what configuration files say, and what the command says on top', async () => {
  const folder = folderOf({
    'models.config': 'model_config_list { config { name: "half" base_path: "half" } }',
    'batching.txt': 'max_batch_size { value: 4 } num_batch_threads { value: 1 }',
    'half/3/model.onnx': square({ features: 1 }),
    'tensorlane.config.json': '{ "http": "127.0.0.1:1", "device": "cpu", "load": { "concurrency": 2 } }',
  });
  const at = (name: string) => join(folder, name);
  const config = ['--config', at('tensorlane.config.json'), '--model_config_file', at('models.config')];
  const server = await start(...config, '--batching_parameters_file', at('batching.txt'), '--http', '0');
  expect(server.printed).toMatch(/half\/3 {3}AVAILABLE/);
  const { body } = await ask(`${server.url}/v1/models/half:predict`, { instances: [[3]] });
  expect(body).toEqual({ predictions: [[9]] });
  server.signal('SIGINT');
  expect(await server.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
});

test('without a folder it serves what tensorlane.config.* of the working directory says', async () => {
  const folder = folderOf({
    'tensorlane.config.mjs': 'export default { repository: "models", http: "127.0.0.1:0", device: "cpu" };',
    'models/own.onnx': square({ features: 1 }),
  });
  const server = await startIn({ cwd: folder });
  expect(server.printed).toMatch(/own\/1 {3}AVAILABLE/);
  expect(server.printed).not.toMatch(/half_plus_two|linalg/);
  server.signal('SIGTERM');
  expect(await server.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
});

test('without a folder it serves models that it makes or finds, and linear algebra', async () => {
  const server = await start('--http', '0', '--device', 'cpu');
  for (const name of ['half_plus_two', 'mean_colour', 'text_direction', 'linalg.svd']) {
    expect(server.printed).toContain(`${name}/1   AVAILABLE`);
  }
  const line = server.printed.trim().split('\n').at(-1)!;
  expect(line).toContain('half_plus_two');
  const reply = JSON.parse(execFileSync('bash', ['-c', line], { encoding: 'utf8' }));
  expect(reply.outputs[0]).toMatchObject({ name: 'y', datatype: 'FP32', shape: [1], data: [2] });
  // As the documentation of TensorFlow Serving has it.
  const rows = await ask(`${server.url}/v1/models/half_plus_two:predict`, { instances: [1, 2, 5] });
  expect(rows.body).toEqual({ predictions: [2.5, 3, 4.5] });
  const picture = { name: 'picture', shape: [1, 3, 1, 2], datatype: 'FP32', data: [1, 3, 0, 0, 2, 4] };
  const mean = await ask(`${server.url}/v2/models/mean_colour/infer`, { inputs: [picture] });
  expect(mean.body).toMatchObject({ outputs: [{ name: 'colour', shape: [1, 3], data: [2, 0, 3] }] });
  const matrix = { name: 'a', shape: [2, 2], datatype: 'FP64', data: [3, 0, 0, 4] };
  const svd = await ask(`${server.url}/v2/models/linalg.svdvals/infer`, { inputs: [matrix] });
  expect(svd.body).toMatchObject({ outputs: [{ data: [4, 3] }] });
  server.signal('SIGTERM');
  expect(await server.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
});

test('what was accepted is answered before it ends, also what is still being sent', async () => {
  const server = await start(folderOf({ 'm.onnx': slow({ iterations: 100 }) }), '--http', '0', '--device', 'cpu');
  const data = new Array(256).fill(1);
  const body = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 256], datatype: 'FP32', data }] });
  const send = () =>
    new Promise<number | undefined>((resolve, reject) => {
      const headers = { expect: '100-continue', 'content-length': body.length };
      const sent = request(`${server.url}/v2/models/m/infer`, { method: 'POST', headers });
      sent.on('error', reject).on('response', (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      });
      accepted.push(new Promise((go) => sent.once('continue', go)));
      finish.push(() => sent.end(body));
      sent.flushHeaders();
    });
  const accepted: Promise<void>[] = [];
  const finish: (() => void)[] = [];
  const statuses = Array.from({ length: 4 }, send);
  await Promise.all(accepted);
  server.signal('SIGTERM');
  // It has the signal when it is not ready any more, or listens no more.
  const isReady = () =>
    ask(`${server.url}/v2/health/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  while (await isReady()) await new Promise((resolve) => setTimeout(resolve, 1));
  for (const end of finish) end();
  expect(await Promise.all(statuses)).toEqual([200, 200, 200, 200]);
  expect(await server.ended).toMatchObject({ code: 0, signal: null });
});

test('tokens come by a file or the environment, and control has its own', async () => {
  const folder = folderOf({ 'm.onnx': square({ features: 1 }), tokens: 'one\n' });
  const args = ['--token-file', join(folder, 'tokens'), '--control', '--log', 'info'];
  const server = await start(folder, ...args, '--http', '0', '--device', 'cpu');
  const status = async (path: string, token: string) =>
    (await ask(server.url + path, {}, { headers: { authorization: `Bearer ${token}` } })).status;
  expect(await status('/v2/repository/index', 'one')).toBe(200);
  expect(await status('/v2/repository/index', 'two')).toBe(401);
  const line = server.printed.trim().split('\n').at(-1)!;
  expect(JSON.parse(execFileSync('bash', ['-c', line], { encoding: 'utf8' }))).toHaveProperty('outputs');
  server.signal('SIGTERM');
  const { stderr } = await server.ended;
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.filter(({ msg }) => msg === 'request').map((line) => line.status)).toEqual([200, 401, 200]);
  expect(stderr).not.toContain('one"');
});

test('what the command says takes nothing else away of what a configuration says', async () => {
  const options = {
    http: '127.0.0.1:0',
    device: 'cpu',
    explicitControl: true,
    auth: { inference: { tokens: ['old'] }, control: { tokens: ['master'] } },
    limits: { clientBytes: 450 },
  };
  const folder = folderOf({ 'm.onnx': square({ features: 1 }), 'c.json': JSON.stringify(options) });
  const args = [folder, '--config', join(folder, 'c.json'), '--max-body', '500'];
  const server = await startIn({ env: { TENSORLANE_SERVER_TOKEN: 'own' } }, ...args);
  const status = async (path: string, token: string, sent: unknown = {}) =>
    (await ask(server.url + path, sent, { headers: { authorization: `Bearer ${token}` } })).status;
  const load = '/v2/repository/models/m/load';
  expect([await status(load, 'own'), await status(load, 'old'), await status(load, 'master')]).toEqual([403, 401, 200]);
  const infer = '/v2/models/m/infer';
  expect(await status(infer, 'own', ' '.repeat(400))).toBe(400);
  expect(await status(infer, 'own', ' '.repeat(470))).toBe(429);
  expect(await status(infer, 'own', ' '.repeat(550))).toBe(413);
  server.signal('SIGTERM');
  expect(await server.ended).toMatchObject({ code: 0 });
});

test('arguments that do not fit are refused', async () => {
  const outcomes = await Promise.all(
    [
      ['a', 'b'],
      ['x', '--port', '1'],
      ['x', '--poll', 'often'],
      ['/nowhere/at/all'],
      ['x', '--http', 'localhost'],
      ['x', '--tls-key', 'k'],
      ['x', '--tls-ca', 'c'],
      ['x', '--devices', '0;1'],
      ['x', '--devices', '0,1', '--device', 'cpu'],
    ].map((args) => runNode([command, ...args])),
  );
  expect(outcomes.map(({ code }) => code)).toEqual([2, 2, 2, 1, 1, 2, 2, 2, 1]);
  expect(outcomes[2]!.stderr).toContain("--poll must be a number, got 'often'");
  expect(outcomes[3]!.stderr).toMatch(/ENOENT/);
  expect(outcomes[4]!.stderr).toContain("http must be HOST:PORT, a port, or unix:PATH, got 'localhost'");
  expect(outcomes[7]!.stderr).toContain("--devices must be 'all' or numbers of GPUs");
  expect(outcomes[8]!.stderr).toContain("devices needs device: 'cuda'");
  expect((await runNode([command, '--help'])).stdout).toContain('--http ADDRESS');
});

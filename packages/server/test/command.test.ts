// The command: what it prints works, and a signal ends it when it has answered.

import { execFileSync } from 'node:child_process';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { slow, square } from '../../../test/support/onnx-builder.js';
import { type NodeOutcome, runNode } from '../../../test/support/processes.js';
import { ask, folderOf } from './support.js';

const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

interface Started {
  readonly printed: string;
  readonly url: string;
  signal(name: NodeJS.Signals): void;
  readonly ended: Promise<NodeOutcome>;
}

function start(...args: string[]): Promise<Started> {
  return new Promise((resolve, reject) => {
    const ended = runNode([command, ...args, '--grpc', '0'], {
      onOutput(printed, child) {
        const url = /(http:\S+)\/v2$/m.exec(printed)?.[1];
        const isWhole = /^(Try it:\n.+|There is no model yet.*)$/m.test(printed);
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
  expect(await server.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
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

test('without a folder it serves linear algebra', async () => {
  const server = await start('--http', '0', '--device', 'cpu');
  expect(server.printed).toMatch(/linalg\.svd\/1 {3}AVAILABLE/);
  const line = server.printed.trim().split('\n').at(-1)!;
  const reply = JSON.parse(execFileSync('bash', ['-c', line], { encoding: 'utf8' }));
  expect(reply.outputs[0]).toMatchObject({ name: 'u', datatype: 'FP64', shape: [2, 2] });
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

test('arguments that do not fit are refused', async () => {
  const outcomes = await Promise.all(
    [['a', 'b'], ['x', '--port', '1'], ['x', '--poll', 'often'], ['/nowhere/at/all'], ['x', '--http', 'localhost']].map(
      (args) => runNode([command, ...args]),
    ),
  );
  expect(outcomes.map(({ code }) => code)).toEqual([2, 2, 2, 1, 1]);
  expect(outcomes[2]!.stderr).toContain("--poll must be a number, got 'often'");
  expect(outcomes[3]!.stderr).toMatch(/ENOENT/);
  expect(outcomes[4]!.stderr).toContain("http must be HOST:PORT, a port, or unix:PATH, got 'localhost'");
  expect((await runNode([command, '--help'])).stdout).toContain('--http ADDRESS');
});

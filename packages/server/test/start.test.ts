// How the command starts and ends besides what it serves: where it listens if nobody says, a configuration in TypeScript, and a second signal.

import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import { parseAddress } from '../lib/http/address.js';
import { serve } from '../lib/index.js';
import { ask, folderOf, lasting, until } from './support.js';

const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

function started(...args: string[]) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const told = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      told[name] += text;
    });
  }
  const ended = new Promise<[number | null, string | null]>((resolve) =>
    child.on('close', (...outcome) => resolve(outcome)),
  );
  return { child, told, ended };
}

test('it listens on loopback, unless it is told where else', async () => {
  for (const port of ['8000', ':8000']) {
    expect(parseAddress('http', port)).toEqual({ host: '127.0.0.1', port: 8000 });
  }
  const options = {
    repository: folderOf({ 'm.onnx': square({ features: 1 }) }),
    device: 'cpu',
    pollSeconds: 0,
  } as const;
  // Its ports may be another's here: then that is told, with the address.
  const addresses = await serve(options).then(
    async (server) => {
      await server.close();
      return [server.url, server.grpcTarget];
    },
    (error: Error) => [/127\.0\.0\.1:8000/.exec(error.message)?.[0] ?? error.message].map((one) => `http://${one}`),
  );
  expect(addresses[0]).toBe('http://127.0.0.1:8000');
  if (addresses.length > 1) expect(addresses[1]).toBe('127.0.0.1:8001');
});

test('a configuration in TypeScript is read where Node.js reads it', async () => {
  const folder = folderOf({
    'models/own.onnx': square({ features: 1 }),
    'c.ts': `const http: string = '127.0.0.1:0';
export default { repository: 'models', http, grpc: false as const, device: 'cpu', pollSeconds: 0 };`,
  });
  const { child, told, ended } = started('--import', 'tsx', command, '--config', join(folder, 'c.ts'));
  await until(() => told.stdout.includes('Try it') || child.exitCode !== null);
  expect(told).toMatchObject({ stdout: expect.stringMatching(/own\/1 {3}AVAILABLE/), stderr: '' });
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

test('a second signal ends it at once', async () => {
  const folder = folderOf({ 'm.onnx': lasting() });
  const { child, told, ended } = started(
    ...[command, folder, '--http', '0', '--grpc', 'off', '--device', 'cpu', '--drain', '86400'],
  );
  const urlOf = () => /(http:\S+)\/v2$/m.exec(told.stdout)?.[1];
  await until(() => told.stdout.includes('Try it'));
  // An answer that nobody waits for the end of: a body that never comes.
  const sent = await holding(urlOf()!);
  child.kill('SIGTERM');
  const isReady = () =>
    ask(`${urlOf()}/v2/health/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  while (await isReady()) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(child.exitCode).toBeNull();
  child.kill('SIGTERM');
  expect(await ended).toEqual([1, null]);
  sent.destroy();
});

/** A request of which the body never comes, when the server has taken it. */
function holding(url: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', reject).on('data', () => resolve(socket));
    socket.write('POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 50\r\n\r\n');
  });
}

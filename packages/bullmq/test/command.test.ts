// The command: it works on queues with the models of a folder, says how they are, and ends when it is told to.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tensor } from 'tensorlane';
import { describe, expect, onTestFinished, test } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import { runNode } from '../../../test/support/processes.js';
import { parseCores, shareCores } from '../lib/cli/cores.js';
import { ShardedQueue, TensorQueue } from '../lib/index.js';
import { hasRedis, RedisServer } from './support/redis.js';
import { until } from './support/until.js';

const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

describe.skipIf(!hasRedis)('the command', () => {
  test('works on queues, tells their status, and ends when it has answered', async () => {
    const server = await RedisServer.start();
    const folder = mkdtempSync(join(tmpdir(), 'tensorlane-models-'));
    onTestFinished(async () => {
      rmSync(folder, { recursive: true });
      await server.stop();
    });
    writeFileSync(join(folder, 'one.onnx'), square());
    mkdirSync(join(folder, 'two', '9'), { recursive: true });
    mkdirSync(join(folder, 'two', '10'), { recursive: true });
    writeFileSync(join(folder, 'two', '9', 'model.onnx'), 'an old one, and no model');
    writeFileSync(join(folder, 'two', '10', 'model.onnx'), square());
    const args = ['--queues', 'a,b', '--redis', server.url, '--models', folder, '--device', 'cpu'];
    const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    await until(() => printed.includes('working on a, b'));
    expect(printed).toMatch(/models: one, two, and linear algebra/);
    for (const name of ['a', 'b']) {
      await using jobs = new TensorQueue(name, { connection: server.url });
      const x = tensor(new Float32Array(16).fill(3), [1, 16]);
      const handles = [await jobs.run('one', { x }), await jobs.run('two', { x })];
      for (const handle of handles) expect((await handle.result()).y!.data).toEqual(new Float32Array(16).fill(9));
      const bad = await jobs.inv(tensor([[0]]));
      await expect(bad.result()).rejects.toMatchObject({ code: 'ERR_SINGULAR' });
    }
    const status = await runNode([command, 'status', '--queues', 'a,never', '--redis', server.url]);
    expect(status.stdout).toMatch(/^a: 0 waiting, 0 delayed, 0 active, 2 completed, 1 dead letters\n/);
    expect(status.stdout).toMatch(new RegExp(`1 worker:\n {4}\\S+ pid ${child.pid}, cpu .*, version \\d`));
    expect(status.stdout).toMatch(/dead: \S+ 'inv' ERR_SINGULAR: /);
    expect(status.stdout).toMatch(/never: 0 waiting.*\n.*\n {2}no workers/);
    const json = await runNode([command, 'status', '--queues', 'b', '--json', '--redis', server.url]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      name: 'b',
      completed: 2,
      failed: 1,
      workers: [{ pid: child.pid }],
    });
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    const after = await runNode([command, 'status', '--queues', 'a', '--redis', server.url]);
    expect(after.stdout).toContain('no workers');
  });

  test('works on a queue that is spread over several Redis', async () => {
    const servers = await Promise.all([RedisServer.start(), RedisServer.start()]);
    const folder = mkdtempSync(join(tmpdir(), 'tensorlane-models-'));
    onTestFinished(async () => {
      rmSync(folder, { recursive: true });
      await Promise.all(servers.map((server) => server.stop()));
    });
    writeFileSync(join(folder, 'one.onnx'), square());
    const urls = servers.map(({ url }) => url);
    const args = ['--queues', 'a', '--redis', urls.join(), '--models', folder, '--device', 'cpu'];
    const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    await using jobs = new ShardedQueue('a', { connections: urls });
    const x = tensor(new Float32Array(16).fill(3), [1, 16]);
    const handles = await jobs.addMany([1, 2, 3, 4].map(() => ({ name: 'one', feeds: { x } })));
    for (const handle of handles) expect((await handle.result()).y!.data).toEqual(new Float32Array(16).fill(9));
    const status = await runNode([command, 'status', '--queues', 'a', '--redis', urls.join()]);
    expect(status.stdout).toMatch(
      /^a, Redis 1 of 2: 0 waiting, .* 2 completed[\s\S]*^a, Redis 2 of 2: 0 waiting, .* 2 completed/m,
    );
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  test('with several devices it is a process for each, on cores of its own; one that ends comes back', async () => {
    const server = await RedisServer.start();
    onTestFinished(() => server.stop());
    const args = ['--queues', 'a', '--redis', server.url, '--device', 'cpu,cpu'];
    const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
      });
    }
    const members = () => [...printed.matchAll(/^cpu: pid (\d+)(?:, cores ([\d,]+))?$/gm)];
    const isThere = (pid: number) => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    await until(() => members().length === 2);
    await using jobs = new TensorQueue('a', { connection: server.url });
    expect((await jobs.status()).workers).toHaveLength(2);
    const [first, second] = members().map(([, pid, cores]) => ({ pid: Number(pid), cores }));
    if (first!.cores !== undefined && availableParallelism() > 1) expect(first!.cores).not.toBe(second!.cores);
    process.kill(first!.pid, 'SIGKILL');
    await until(() => members().length === 3);
    expect(printed).toContain('the worker of cpu ended by SIGKILL; another begins in 1 s');
    expect(members()[2]![2]).toBe(first!.cores);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    for (const [, pid] of members()) expect(isThere(Number(pid))).toBe(false);
    expect((await jobs.status()).workers.map(({ pid }) => pid)).not.toContain(second!.pid);
  });

  test('a process that is killed leaves no workers behind, and one that cannot begin ends them all', async () => {
    const server = await RedisServer.start();
    onTestFinished(() => server.stop());
    const args = ['--queues', 'b', '--redis', server.url];
    const bad = await runNode([command, ...args, '--device', 'cpu,cuda:99']);
    expect([bad.code, bad.stderr]).toEqual([1, expect.stringContaining('the worker of cuda:99 ended')]);
    const child = spawn(process.execPath, [command, ...args, '--device=cpu,cpu'], { stdio: 'ignore' });
    await using jobs = new TensorQueue('b', { connection: server.url });
    await until(async () => (await jobs.status()).workers.length === 2);
    child.kill('SIGKILL');
    await until(async () => (await jobs.status()).workers.length === 0);
  });

  test('says what is wrong with its arguments', async () => {
    for (const [args, code, said] of [
      [[], 2, '--queues is expected'],
      [['stop', '--queues', 'a'], 2, "there is no command 'stop'"],
      [['--queues', 'a', '--typo'], 2, '--typo'],
      [['--queues', 'a', '--concurrency', 'x'], 2, '--concurrency must be a number'],
      [['--queues', 'a', '--models', '/nowhere'], 1, "there is no folder '/nowhere'"],
      [['status', '--queues', 'a', '--redis', ','], 2, '--redis is expected'],
      [['status', '--queues', 'a', '--redis', 'redis://127.0.0.1:1'], 1, 'ECONNREFUSED'],
    ] as const) {
      const outcome = await runNode([command, ...args]);
      expect([outcome.code, outcome.stderr]).toEqual([code, expect.stringContaining(said)]);
    }
    expect((await runNode([command, '--help'])).stdout).toContain('--queues NAME');
  });

  test('a worker whose device is lost ends, for whoever started it to start another', async () => {
    const server = await RedisServer.start();
    const folder = mkdtempSync(join(tmpdir(), 'tensorlane-models-'));
    onTestFinished(async () => {
      rmSync(folder, { recursive: true });
      await server.stop();
    });
    mkdirSync(join(folder, 'loses', '1'), { recursive: true });
    const source = "export const run = () => { throw Object.assign(new Error('gone'), { code: 'ERR_DEVICE_LOST' }); };";
    writeFileSync(join(folder, 'loses', '1', 'model.mjs'), source);
    await using jobs = new TensorQueue('a', { connection: server.url });
    const handle = await jobs.add('loses', {});
    const outcome = await runNode([
      command,
      '--queues',
      'a',
      '--redis',
      server.url,
      '--models',
      folder,
      '--device',
      'cpu',
    ]);
    expect([outcome.code, outcome.stderr]).toEqual([1, expect.stringContaining('takes no more jobs')]);
    expect(['waiting', 'delayed']).toContain(await handle.state());
  });

  test('a worker that waits for Redis says so', async () => {
    const args = ['--queues', 'a', '--redis', 'redis://127.0.0.1:1', '--device', 'cpu'];
    const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await until(() => said.includes('ECONNREFUSED'));
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  });
});

test('cores are shared in parts of neighbours', () => {
  expect(parseCores('0-3,8,10-11\n')).toEqual([0, 1, 2, 3, 8, 10, 11]);
  expect(shareCores([0, 1, 2, 3, 8], 2)).toEqual([
    [0, 1],
    [2, 3, 8],
  ]);
  expect(shareCores([0, 1, 2, 3], 4)).toEqual([[0], [1], [2], [3]]);
  expect(shareCores([5], 3)).toEqual([[5], [5], [5]]);
});

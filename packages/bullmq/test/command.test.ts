// The command: it works on queues with the models of a folder, says how they are, and ends when it is told to.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tensor } from 'tensorlane';
import { describe, expect, onTestFinished, test } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import { runNode } from '../../../test/support/processes.js';
import { TensorQueue } from '../lib/index.js';
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

  test('says what is wrong with its arguments', async () => {
    for (const [args, code, said] of [
      [[], 2, '--queues is expected'],
      [['stop', '--queues', 'a'], 2, "there is no command 'stop'"],
      [['--queues', 'a', '--typo'], 2, '--typo'],
      [['--queues', 'a', '--concurrency', 'x'], 2, '--concurrency must be a number'],
      [['--queues', 'a', '--models', '/nowhere'], 1, "there is no folder '/nowhere'"],
    ] as const) {
      const outcome = await runNode([command, ...args]);
      expect([outcome.code, outcome.stderr]).toEqual([code, expect.stringContaining(said)]);
    }
    expect((await runNode([command, '--help'])).stdout).toContain('--queues NAME');
  });
});

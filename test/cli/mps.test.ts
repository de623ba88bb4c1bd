// `tensorlane mps`, with a program that stands in for NVIDIA's: a daemon that leaves its pid where NVIDIA's does, and answers its commands.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { mpsProgram } from '../support/mps.js';
import { runNode } from '../support/processes.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const bin = mkdtempSync(join(tmpdir(), 'tensorlane-mps-bin-'));
afterAll(() => rmSync(bin, { recursive: true }));
const program = mpsProgram(bin);

/** A machine: what it has for temporary files, and so where daemons of its own are. */
function machine() {
  const folder = mkdtempSync(join(tmpdir(), 'tensorlane-mps-'));
  const own = join(folder, `tensorlane-mps-${process.getuid!()}`);
  const usual = join(folder, 'usual');
  const env = { TMPDIR: folder, CUDA_MPS_PIPE_DIRECTORY: usual, PATH: `${bin}${delimiter}${process.env.PATH}` };
  const pidIn = (where: string) => Number(readFileSync(join(where, 'nvidia-cuda-mps-control.pid'), 'utf8'));
  onTestFinished(() => {
    for (const where of [own, usual]) {
      try {
        process.kill(pidIn(where), 'SIGKILL');
      } catch {
        // It has none.
      }
    }
    rmSync(folder, { recursive: true, force: true });
  });
  const mps = (...args: string[]) => runNode([main, 'mps', ...args], { env });
  return { folder, own, usual, env, mps, pidIn };
}

/** One that has ended may wait for a parent to ask how. */
const isAlive = (pid: number) => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

describe.skipIf(process.platform !== 'linux')('the daemon', () => {
  test('is started, told of with its clients, and stopped', async () => {
    const { own, mps, pidIn } = machine();
    const none = await mps('status');
    expect([none.code, none.stdout]).toEqual([1, expect.stringContaining('No MPS daemon runs')]);
    const started = await mps('start', '--share', '25');
    expect([started.code, started.stderr]).toEqual([0, '']);
    expect(started.stdout).toContain(`export CUDA_MPS_PIPE_DIRECTORY=${own}`);
    const pid = pidIn(own);
    expect(readFileSync(join(own, 'asked'), 'utf8')).toBe('set_default_active_thread_percentage 25\n');
    const { code, stdout } = await mps('status');
    expect(code).toBe(0);
    expect(stdout).toContain(`MPS daemon ${pid} (started by tensorlane), CUDA_MPS_PIPE_DIRECTORY=${own}`);
    expect(stdout).toContain('server 4711: 2 clients (100, 101)');
    const told = JSON.parse((await mps('status', '--json')).stdout) as { daemons: object[] };
    expect(told.daemons).toEqual([
      { folder: own, pid, startedHere: true, servers: [{ pid: 4711, clients: [100, 101] }] },
    ]);
    expect((await mps('start')).stdout).toContain(`MPS daemon ${pid} runs already`);
    const stopped = await mps('stop');
    expect([stopped.code, stopped.stdout]).toEqual([0, `MPS daemon ${pid} has ended\n`]);
    expect(isAlive(pid)).toBe(false);
    expect((await mps('stop')).stdout).toContain('No MPS daemon runs');
  });

  test('that somebody else started is told of, and left alone', async () => {
    const { own, usual, env, mps, pidIn } = machine();
    mkdirSync(usual);
    spawn(program, ['-d'], { env: { ...process.env, ...env }, stdio: 'ignore' });
    while (!(await mps('status')).stdout.includes('not started by tensorlane'));
    const pid = pidIn(usual);
    const start = await mps('start');
    expect([start.code, start.stderr]).toEqual([1, expect.stringContaining(`(${pid}, ${usual}): use that one`)]);
    const stop = await mps('stop', '--folder', usual);
    expect([stop.code, stop.stderr]).toEqual([
      1,
      expect.stringContaining(`daemon ${pid} was not started by tensorlane`),
    ]);
    // What was noted of one that has ended is nothing for the next one of that folder.
    writeFileSync(join(usual, 'tensorlane.started'), `${pid} 1\n`);
    expect((await mps('stop', '--folder', usual)).code).toBe(1);
    expect(isAlive(pid)).toBe(true);
    expect((await mps('stop', '--folder', own)).stdout).toContain('No MPS daemon runs');
  });

  test('whose pid another process has by now does not run', async () => {
    const { own, mps } = machine();
    const child = spawn(process.execPath, ['--eval', '']);
    await once(child, 'exit');
    mkdirSync(own, { mode: 0o700 });
    writeFileSync(join(own, 'nvidia-cuda-mps-control.pid'), `${child.pid}\n`);
    expect((await mps('status')).code).toBe(1);
  });

  test('that waits for its clients is not killed', async () => {
    const { own, mps, pidIn } = machine();
    await mps('start');
    writeFileSync(join(own, 'busy'), '');
    const { code, stderr } = await mps('stop', '--grace', '200ms');
    expect([code, stderr]).toEqual([1, expect.stringContaining('still waits for its clients')]);
    expect(isAlive(pidIn(own))).toBe(true);
    rmSync(join(own, 'busy'));
    expect((await mps('stop')).code).toBe(0);
  });

  test('that does not start, or that there is no program for, is told of', async () => {
    const { own, folder, mps } = machine();
    mkdirSync(own, { mode: 0o700 });
    writeFileSync(join(own, 'broken'), '');
    const broken = await mps('start');
    expect([broken.code, broken.stderr]).toEqual([1, expect.stringContaining('nvidia-cuda-mps-control ended with 3')]);
    const env = { TMPDIR: folder, PATH: '/nowhere' };
    const missing = await runNode([main, 'mps', 'start', '--folder', join(folder, 'new')], { env });
    expect([missing.code, missing.stderr]).toEqual([
      1,
      expect.stringContaining("is not on PATH; it comes with NVIDIA's driver"),
    ]);
  });
});

test.each([
  [[], /mps takes one of status, start, stop, got none/],
  [['restart'], /got 'restart'/],
  [['start', 'now'], /got 2/],
  [['start', '--share', '0'], /--share must be a number from 1 to 100/],
])('refuses %j', async (args, message) => {
  const { code, stderr } = await runNode([main, 'mps', ...args]);
  expect(stderr).toMatch(message);
  expect(code).toBe(2);
});

// `tensorlane run`: its rules with processes that are made up, and the command with real ones.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { coresNear, gpusHere, listed, placesOf } from '../../lib/cli/run/places.js';
import { type Ended, Supervisor } from '../../lib/cli/run/supervisor.js';
import { FakeClock } from '../batching/fake.js';
import { runNode } from '../support/processes.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Processes that end when they are told to. */
function supervised(processes: number) {
  const clock = new FakeClock();
  const lines: string[] = [];
  const started: { index: number; at: number; signals: string[]; end: (ended: Partial<Ended>) => void }[] = [];
  const supervisor = new Supervisor({
    processes,
    graceMillis: 5000,
    tell: (line) => lines.push(line),
    now: () => clock.now(),
    after: (millis, callback) => clock.after(millis, callback),
    start: (index, onEnd) => {
      const signals: string[] = [];
      const pid = 100 + started.length;
      const end = (ended: Partial<Ended>) => onEnd({ code: null, signal: null, ...ended });
      started.push({ index, at: clock.now(), signals, end });
      return { pid, kill: (signal) => signals.push(signal) };
    },
  });
  let code: number | undefined;
  void supervisor.ended.then((value) => {
    code = value;
  });
  return { clock, lines, started, supervisor, exitCode: () => code };
}

describe('what dies', () => {
  test('is started again, later and later while it ends soon, and at once again once it has lived', async () => {
    const { clock, started, lines } = supervised(1);
    for (const pause of [100, 100, 200, 400]) {
      const before = started.length;
      // The first lives.
      await clock.advance(before === 1 ? 5000 : 10);
      started.at(-1)!.end({ signal: 'SIGKILL' });
      await clock.advance(pause - 1);
      expect(started).toHaveLength(before);
      await clock.advance(1);
      expect(started).toHaveLength(before + 1);
    }
    await clock.advance(2000);
    started.at(-1)!.end({ code: 1 });
    await clock.advance(100);
    expect(started).toHaveLength(6);
    expect(lines[0]).toBe('process 0 (100) was ended by SIGKILL after 5.0 s; it starts again in 0.1 s');
  });

  test('within a second of its start, five times in a row, stops all', async () => {
    const { clock, started, lines, exitCode } = supervised(2);
    const [, other] = started;
    for (let i = 0; i < 5; i++) {
      await clock.advance(50);
      started.findLast(({ index }) => index === 0)!.end({ code: 3 });
      await clock.advance(100 * 2 ** i);
    }
    expect(started).toHaveLength(2 + 4);
    expect(lines.at(-1)).toContain('ended with 3, for the 5th time within a second of its start: all are stopped');
    expect(other!.signals).toEqual(['SIGTERM']);
    other!.end({ signal: 'SIGTERM' });
    await clock.turn();
    expect(exitCode()).toBe(1);
  });

  test('with 0 has done its work', async () => {
    const { clock, started, exitCode } = supervised(2);
    started[0]!.end({ code: 0 });
    await clock.advance(20_000);
    expect([started.length, exitCode()]).toEqual([2, undefined]);
    started[1]!.end({ code: 0 });
    await clock.turn();
    expect(exitCode()).toBe(0);
  });
});

describe('to stop', () => {
  test('all are told once, and what was to be started again is not', async () => {
    const { clock, started, supervisor, exitCode } = supervised(3);
    await clock.advance(3000);
    started[2]!.end({ code: 1 });
    supervisor.stop();
    await clock.advance(4000);
    expect(started.map(({ signals }) => signals)).toEqual([['SIGTERM'], ['SIGTERM'], []]);
    started[0]!.end({ code: 0 });
    started[1]!.end({ signal: 'SIGTERM' });
    await clock.turn();
    expect([exitCode(), clock.timers]).toEqual([0, 0]);
  });

  test('what does not end in time is killed, and so is all at a second time', async () => {
    const { clock, started, supervisor, exitCode } = supervised(1);
    supervisor.stop();
    await clock.advance(4999);
    expect(started[0]!.signals).toEqual(['SIGTERM']);
    await clock.advance(1);
    expect(started[0]!.signals).toEqual(['SIGTERM', 'SIGKILL']);
    started[0]!.end({ signal: 'SIGKILL' });
    await clock.turn();
    expect(exitCode()).toBe(1);
    const again = supervised(1);
    again.supervisor.stop(true);
    expect(again.started[0]!.signals, 'their terminal has told them').toEqual([]);
    again.supervisor.stop();
    expect(again.started[0]!.signals).toEqual(['SIGKILL']);
  });
});

describe('places', () => {
  const none = () => undefined;
  const coresOf = (places: ReturnType<typeof placesOf>) => places.map(({ cores }) => cores);

  test('have cores of their own while there is one for each', () => {
    expect(coresOf(placesOf(2, [0, 1, 2, 3, 4], [], none))).toEqual([
      [0, 1],
      [2, 3, 4],
    ]);
    expect(coresOf(placesOf(3, [4, 6, 8], [], none))).toEqual([[4], [6], [8]]);
    expect(coresOf(placesOf(3, [0, 1], [], none))).toEqual([undefined, undefined, undefined]);
  });

  test('are near their GPU, which processes have in turns', () => {
    const near = (gpu: string) => ({ 0: [0, 1, 2, 3], 1: [4, 5, 6, 7] })[gpu];
    const places = placesOf(4, [0, 1, 2, 3, 4, 5, 6, 7], ['0', '1'], near);
    expect(places).toEqual([
      { gpu: '0', cores: [0, 1] },
      { gpu: '1', cores: [4, 5] },
      { gpu: '0', cores: [2, 3] },
      { gpu: '1', cores: [6, 7] },
    ]);
    // One node has too few of the cores that there are: then all share all.
    expect(coresOf(placesOf(4, [0, 1, 2, 4], ['0', '1'], near))).toEqual([[0], [1], [2], [4]]);
    // Of one GPU nothing is known.
    expect(coresOf(placesOf(2, [0, 1, 2, 3], ['0', '7'], near))).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  test('are known from the system’s files', () => {
    const root = mkdtempSync(join(tmpdir(), 'tensorlane-gpus-'));
    onTestFinished(() => rmSync(root, { recursive: true }));
    for (const [address, cores] of [
      ['0000:C1:00.0', '8-11'],
      ['0000:41:00.0', '0-2,5\n'],
    ] as const) {
      mkdirSync(join(root, 'proc/driver/nvidia/gpus', address), { recursive: true });
      mkdirSync(join(root, 'sys/bus/pci/devices', address.toLowerCase()), { recursive: true });
      writeFileSync(join(root, 'sys/bus/pci/devices', address.toLowerCase(), 'local_cpulist'), cores);
    }
    expect(gpusHere(root)).toEqual(['0', '1']);
    expect([coresNear('0', root), coresNear('1', root)]).toEqual([
      [0, 1, 2, 5],
      [8, 9, 10, 11],
    ]);
    expect([coresNear('2', root), coresNear('GPU-1', root), gpusHere(join(root, 'nowhere'))]).toEqual([
      undefined,
      undefined,
      [],
    ]);
    expect(listed('')).toEqual([]);
  });
});

describe('the command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorlane-run-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const server = join(folder, 'server.mjs');
  writeFileSync(
    server,
    `import { createServer } from 'node:http';
     import { readFileSync } from 'node:fs';
     const cores = /Cpus_allowed_list:\\s*(.*)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];
     const server = createServer((request, response) => {
       if (request.url === '/slow') console.log('slow ' + process.pid);
       setTimeout(() => response.end(JSON.stringify({ pid: process.pid, cores, args: process.argv.slice(2), of: process.env.TENSORLANE_PROCESS })), request.url === '/slow' ? 700 : 0);
     });
     server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log('port ' + server.address().port));
     process.on('SIGTERM', () => { console.log('told ' + process.pid); server.close(() => process.exit(0)); server.closeIdleConnections(); });`,
  );

  function start(...args: string[]) {
    const child = spawn(process.execPath, [main, 'run', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const lines: string[] = [];
    let look = () => {};
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => {
        lines.push(line);
        look();
      });
    }
    /** So many lines that fit. */
    const seen = (pattern: RegExp, count = 1) =>
      new Promise<RegExpExecArray[]>((resolve) => {
        look = () => {
          const found = lines.map((line) => pattern.exec(line)).filter((match) => match !== null);
          if (found.length >= count) resolve(found);
        };
        look();
      });
    return { child, seen, lines };
  }

  interface Answer {
    readonly pid: number;
    readonly cores: string;
    readonly args: string[];
    readonly of: string;
  }

  const asked = (port: number, path = '/') =>
    new Promise<Answer>((resolve, reject) => {
      request({ port, path, host: '127.0.0.1', agent: false }, async (response) => {
        let text = '';
        for await (const chunk of response) text += String(chunk);
        resolve(JSON.parse(text) as Answer);
      })
        .on('error', reject)
        .end();
    });

  /** Of all that answer. */
  async function answers(port: number, count: number): Promise<Map<string, Answer>> {
    const found = new Map<string, Answer>();
    while (found.size < count) {
      const answer = await asked(port);
      found.set(answer.of, answer);
    }
    return found;
  }

  /** A port that is free, as the next one is. */
  async function freePair(): Promise<number> {
    const first = createServer().listen(0, '127.0.0.1');
    await once(first, 'listening');
    const { port } = first.address() as AddressInfo;
    const second = createServer().listen(port + 1, '127.0.0.1');
    const isFree = await once(second, 'listening').then(
      () => true,
      () => false,
    );
    first.close();
    second.close();
    return isFree ? port : freePair();
  }

  const exited = async (child: ChildProcess) =>
    child.exitCode === null ? (await once(child, 'exit'))[0] : child.exitCode;

  test('processes share a port and have cores of their own; what dies comes again; what was accepted is answered', async () => {
    const { child, seen } = start('--processes', '2', server, '--', '--own', '1');
    const port = (await seen(/^port (\d+)/, 2))[0]![1];
    const first = await answers(Number(port), 2);
    const [a, b] = [first.get('0')!, first.get('1')!];
    expect(a.args).toEqual(['--own', '1']);
    if (availableParallelism() >= 2) expect(a.cores).not.toBe(b.cores);
    process.kill(a.pid, 'SIGKILL');
    await seen(/process 0 .* was ended by SIGKILL.*starts again/);
    await seen(/^port (\d+)/, 3);
    const second = await answers(Number(port), 2);
    expect(second.get('1')!.pid).toBe(b.pid);
    expect(second.get('0')!.pid).not.toBe(a.pid);
    const slow = [asked(Number(port), '/slow'), asked(Number(port), '/slow')];
    await seen(/^slow/, 2);
    child.kill('SIGTERM');
    expect(new Set((await Promise.all(slow)).map(({ of }) => of))).toEqual(new Set(['0', '1']));
    await seen(/^told/, 2);
    expect(await exited(child)).toBe(0);
  });

  test('each has a port of its own, where that is asked for', async () => {
    const port = await freePair();
    const { child, seen } = start('--processes', '2', '--ports', String(port), '--cores', 'all', server);
    await seen(/^port/, 2);
    const found = await Promise.all([asked(port), asked(port + 1)]);
    expect(found.map(({ of }) => of)).toEqual(['0', '1']);
    expect(found[0]!.cores).toBe(found[1]!.cores);
    child.kill('SIGTERM');
    expect(await exited(child)).toBe(0);
  });

  test('what cannot start is given up', async () => {
    writeFileSync(join(folder, 'broken.mjs'), 'throw new Error("broken");');
    const { child, lines } = start('--processes', '1', join(folder, 'broken.mjs'));
    expect(await exited(child)).toBe(1);
    expect(lines.join('\n')).toMatch(/5th time|5 times/);
  });

  test.each([
    [[], 2, /run takes the program of a server/],
    [['server.mjs'], 2, /run wants --processes/],
    [['server.mjs', '--processes', '0'], 2, /--processes must be a number from 1/],
    [['nowhere.mjs', '--processes', '2'], 1, /there is no file nowhere\.mjs/],
    [['server.mjs', '--processes', '2', '--cores', 'some'], 2, /--cores must be split or all, got 'some'/],
    [['server.mjs', '--processes', '2', '--gpus', 'first'], 2, /--gpus must be numbers or UUIDs/],
  ])('run %j ends with %i', async (args, expected, message) => {
    const { code, stderr } = await runNode([main, 'run', ...args]);
    expect(stderr).toMatch(message);
    expect(code).toBe(expected);
  });
});

// The command `tensorlane tune`, run as a user runs it, and the parts of it that judge what was measured.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { open, tensor } from 'tensorlane';
import { describe, expect, test } from 'vitest';
import { ZipFile } from 'yazl';
import { advise, clientsServed } from '../../lib/cli/tune/advice.js';
import {
  loadsOf,
  type MeasuredCell,
  type MeasuredPoint,
  type MeasuredSetup,
  readTunedFile,
  shares,
} from '../../lib/cli/tune/file.js';
import { Journal } from '../../lib/cli/tune/journal.js';
import { readNpy } from '../../lib/cli/tune/npz.js';
import { samplesOf } from '../../lib/cli/tune/samples.js';
import { setupsOf } from '../../lib/cli/tune/setups.js';
import { crossRow, lookup, square } from '../support/onnx-builder.js';
import { runNode } from '../support/processes.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = join(root, 'dist', 'cli', 'main.js');
const folder = join(root, 'build', 'cli-tune');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'square.onnx'), square());
writeFileSync(join(folder, 'mixing.onnx'), crossRow());

const tune = (...args: string[]) => runNode([main, 'tune', ...args], { cwd: folder });

describe.concurrent('as a user runs it', () => {
  test('measures, says what to run and why, and writes what loadModel takes and a page that needs nothing else', async () => {
    const { code, stdout, stderr } = await tune('square.onnx', '--minutes', '0.03', '--slo', '80ms', '--compare');
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^ +0% {2}loads the model\n/)]);
    for (const name of ['one request at a time', 'the default', 'tuned', 'batches of 8', 'onnxruntime-node']) {
      expect(stdout).toMatch(new RegExp(`^${name} +[\\d.,]+( \\(late\\))?( \\*)? +[\\d.]+ ms`, 'm'));
    }
    expect(stdout).toContain('Not measured: MPS: the model runs on the CPU here.');
    expect(stdout).toMatch(
      /^Run (one process|\d+ processes).*: it answers [\d.,]+ requests a second .*80 ms for 99 of 100/m,
    );
    expect(stdout).toContain("loadModel(model, { tuned: 'tuned.json' })");
    expect(existsSync(join(folder, 'tuned.json.part')), 'what was for an interruption is left behind').toBe(false);

    const file = join(folder, 'tuned.json');
    const { measured, loads } = await readTunedFile(file);
    expect(measured).toMatchObject({ sloMicros: 80_000, input: 'made up: x: float32 [1, 16]' });
    expect(measured.cells.find(({ rows, atOnce }) => rows === 32 && atOnce === 1)!.batches).toBeGreaterThan(0);
    await using device = await open('cpu');
    await using model = await device.loadModel(square(), { tuned: file });
    const settings = loads.find(({ load }) => load === 1)!;
    expect(model.stats().adaptive).toMatchObject({ rows: settings.rows, atOnce: settings.atOnce });
    await model.run({ x: tensor(new Float32Array(16), [1, 16]) });

    const page = readFileSync(join(folder, 'tuned.html'), 'utf8');
    expect(page.match(/<svg/g)).toHaveLength(2);
    expect(page).toContain(measured.advice.sentences[0]);
    expect(page).not.toMatch(/(src|href|url\()\s*=?\s*["']?\w+:|<script/);
  });

  test('goes on where it was interrupted, and not with what was measured of something else', async () => {
    const args = [main, 'tune', 'square.onnx', '--minutes', '0.1', '--out', 'again.json'];
    const part = join(folder, 'again.json.part');
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    let told = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      told += text;
    });
    const exited = once(child, 'exit');
    const lines = () => (existsSync(part) ? readFileSync(part, 'utf8').split('\n').length - 2 : 0);
    while (lines() < 4 && child.exitCode === null) await sleep(5);
    child.kill('SIGINT');
    expect(await exited, told).toEqual([130, null]);
    expect(told).toContain('The same command goes on from here');
    const taken = lines();
    const { code, stderr } = await runNode(args, { cwd: folder });
    expect([code, stderr]).toEqual([0, expect.stringContaining(`${taken} steps are taken over`)]);
    expect(existsSync(part)).toBe(false);
  });

  test('a model whose rows mix is measured alone, and says why', async () => {
    const { code, stdout } = await tune('mixing.onnx', '--minutes', '0.02', '--out', 'mixing.json');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Not measured: batches of 8: .*rows of a batch may change one another/m);
    const { measured } = await readTunedFile(join(folder, 'mixing.json'));
    expect(new Set(measured.cells.map(({ rows }) => rows))).toEqual(new Set([1]));
  });

  test.each([
    [['no.onnx'], 1, /no\.onnx/],
    [['square.onnx', '--slo', 'soon'], 2, /--slo must be a time such as 50ms.*got 'soon'/],
    [['square.onnx', '--page', 'nowhere/a.html'], 1, /there is no folder nowhere to write nowhere\/a\.html in/],
    [['square.onnx', '--out', 'nowhere/a.json'], 1, /there is no folder nowhere/],
    [['square.onnx', '--minutes', '0'], 2, /--minutes must be a number from 0\.01/],
    [['square.onnx', '--input', 'z:1x16', '--out', 'a.json'], 1, /--input: the model has no input 'z'; it takes 'x'/],
    [['square.onnx', '--input', 'x:1x15', '--out', 'b.json'], 1, /x.*15/],
    [[], 2, /tune takes one model, got 0/],
  ] as const)('refuses %j', async (args, code, message) => {
    const outcome = await tune(...args);
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toMatch(message);
    expect(outcome.stderr, 'a stack is for bugs').not.toMatch(/^ +at /m);
  });
});

/** Batches that all take as long. */
const cell = (rows: number, atOnce: number, micros: number, threads = 1): MeasuredCell => ({
  rows,
  atOnce,
  threads,
  micros: shares.map(() => micros),
  batches: 10,
});

test('of each load the setting is chosen that takes the least for a row, of those that the load fills', () => {
  const loads = loadsOf([cell(1, 1, 100), cell(2, 1, 150), cell(1, 2, 160), cell(2, 2, 400), cell(1, 1, 120, 2)]);
  expect(loads.map(({ load, rows, atOnce, threads }) => [load, rows, atOnce, threads])).toEqual([
    [1, 1, 1, 1],
    [2, 2, 1, 1],
    [4, 2, 1, 1],
  ]);
  expect(loads[1]!.others.map(({ rows, atOnce, ratio }) => [rows, atOnce, ratio])).toEqual([
    [1, 2, 1.067],
    [1, 1, 1.333],
    [1, 1, 1.6],
  ]);
});

describe('ways to serve', () => {
  const possible = {
    device: 'cuda',
    cores: 4,
    mostProcesses: 3,
    alone: undefined,
    sloMicros: 1e5,
    gpus: ['cuda:0', 'cuda:1'],
    noMps: undefined,
    noPeer: null,
  } as const;

  test('under MPS and one process a GPU are measured where that can be', () => {
    const { setups, skipped } = setupsOf(possible);
    expect(skipped).toEqual([]);
    expect(setups.slice(-5).map(({ name, processes, mps, devices }) => [name, processes, mps, devices])).toEqual([
      ['3 processes', 3, undefined, undefined],
      ['3 processes, batches of 8', 3, undefined, undefined],
      ['3 processes under MPS', 3, true, undefined],
      ['3 processes under MPS, batches of 8', 3, true, undefined],
      ['2 processes, one a GPU', 2, undefined, ['cuda:0', 'cuda:1']],
    ]);
    expect(new Set(setups.map(({ id }) => id)).size).toBe(setups.length);
  });

  test.each([
    [{ device: 'cpu' }, ['MPS', 'MPS, batches of 8', 'one process a GPU'], /the model runs on the CPU here/],
    [{ noMps: 'there is none' }, ['MPS', 'MPS, batches of 8'], /there is none/],
    [{ gpus: ['cuda:1'] }, ['one process a GPU'], /there is one GPU, or one was named/],
    [
      { alone: 'its rows mix' },
      ['batches of 8', '2 x batches of 4', '4 processes, batches of 8', 'MPS, batches of 8'],
      /mix/,
    ],
    [{ cores: 1 }, ['1 process', '1 process, batches of 8', 'MPS', 'MPS, batches of 8'], /there is one core/],
  ] as const)('of %j it is said which are not, and why', (given, names, why) => {
    const { skipped } = setupsOf({ ...possible, ...given });
    expect(skipped.map(({ name }) => name)).toEqual(names);
    for (const one of skipped) expect(one.why).toMatch(why);
  });
});

describe('advice', () => {
  const point = (callers: number, throughput: number, p99: number, lost = 0): MeasuredPoint => ({
    load: { callers },
    throughput,
    goodput: throughput,
    p50: p99 / 2,
    p95: p99,
    p99,
    p999: p99,
    requests: 1000,
    lost,
    sender: { busy: 0.1, late: 0 },
    usage: { own: 1.9, all: 2 },
  });
  const setup = (name: string, processes: number, ...points: MeasuredPoint[]): MeasuredSetup => ({
    id: name,
    name,
    processes,
    points,
    memoryBytes: undefined,
  });
  const evidence = { cells: [cell(1, 1, 100), cell(8, 1, 200)], cores: 2, device: 'cpu' as const, alone: undefined };
  const single = setup('one request at a time', 1, point(1, 100, 10));

  test('what answers the most within the SLO, and not what answers more but late or loses some', () => {
    const setups = [
      single,
      setup('tuned', 1, point(8, 400, 40), point(64, 900, 90)),
      setup('2 processes', 2, point(8, 500, 45, 20)),
    ];
    const { setup: chosen, sentences } = advise({ ...evidence, setups, sloMillis: 50 });
    expect(chosen).toBe('tuned');
    expect(sentences[0]).toBe(
      'Run one process, with loadModel({ tuned }): it answers 400 requests a second within 50 ms for 99 of 100, 4.0 times what one request at a time gives (100).',
    );
    expect(sentences[1]).toContain(
      'A row in a batch of 8 takes 0.25 of what it takes alone; 95% of 2 cores are at work',
    );
    expect(clientsServed(setups[1]!, 50)).toBe(8);
    expect(clientsServed(setups[2]!, 50), 'one in fifty was lost').toBe(0);
  });

  test('on a GPU, whether it is full, and what processes at once give beside processes by turns', () => {
    const busy = (setup: MeasuredSetup, share: number) => ({
      ...setup,
      points: setup.points.map((one) => ({ ...one, gpu: { busy: share, usedBytes: 2 ** 30 } })),
    });
    const gpu = { ...evidence, device: 'cuda' as const, sloMillis: 50 };
    const tuned = busy(setup('tuned', 1, point(8, 490, 40)), 0.97);
    const turns = setup('2 processes', 2, point(8, 245, 40));
    const full = advise({ ...gpu, setups: [single, tuned, turns] });
    expect(full.sentences[1]).toContain(
      'the GPU is at work for 97% of the time, and more processes divide the same time (2 processes: 0.50 times the throughput)',
    );
    const mps = setup('2 processes under MPS', 2, point(8, 980, 40));
    const under = advise({ ...gpu, setups: [single, tuned, turns, mps] });
    expect(under.setup).toBe('2 processes under MPS');
    expect(under.sentences[1]).toContain('by turns the same processes give 0.25 times of that');
  });

  test('of what is alike, the one that asks for less; and where nothing keeps the SLO it says so', () => {
    const setups = [single, setup('tuned', 1, point(8, 490, 40)), setup('2 processes', 2, point(8, 500, 40))];
    expect(advise({ ...evidence, setups, sloMillis: 50 }).setup).toBe('tuned');
    expect(advise({ ...evidence, setups, sloMillis: 5 }).sentences[0]).toContain('but not within 5 ms');
    const better = [single, setups[1]!, setup('2 processes', 2, point(8, 800, 40))];
    const { processes, sentences } = advise({ ...evidence, setups: better, sloMillis: 50 });
    expect(processes).toBe(2);
    expect(sentences[1]).toContain('2 processes keep them from waiting for one JS thread');
  });
});

describe('samples', () => {
  const npy = (descr: string, shape: string, data: Buffer, order = 'False') => {
    const header = Buffer.from(`{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }\n`, 'latin1');
    const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
    return Buffer.concat([start, header, data]);
  };
  const x = { name: 'x', type: 'float32', dims: [-1, 2], dimNames: ['N', undefined] } as const;

  test('come from files as numpy writes them, one file or a folder of them', async () => {
    const samples = join(folder, 'samples');
    mkdirSync(samples);
    for (const [i, value] of [1.5, -2].entries()) {
      const zip = new ZipFile();
      zip.addBuffer(npy('<f4', '1, 2', Buffer.from(Float32Array.of(value, 4).buffer)), 'x.npy');
      zip.end();
      await pipeline(zip.outputStream, createWriteStream(join(samples, `${i}.npz`)));
    }
    const { all, about } = await samplesOf([x], samples);
    expect(all.map((sample) => [...sample.x!.data])).toEqual([
      [1.5, 4],
      [-2, 4],
    ]);
    expect(about).toBe(`2 files of ${samples}`);
    expect((await samplesOf([x], join(samples, '0.npz'))).all[0]).toEqual({
      x: { type: 'float32', dims: [1, 2], data: Float32Array.of(1.5, 4) },
    });
    await expect(samplesOf([{ ...x, name: 'y' }], samples)).rejects.toThrow(/0\.npz: the model has no input 'x'/);
  });

  test.each([
    ['>f4', '2', 8, 'False', /big|little-endian/],
    ['<c8', '1', 8, 'False', /of numpy's type <c8/],
    ['<f4', '2, 2', 16, 'True', /column-major/],
    ['<f4', '3', 8, 'False', /ends early: 8 bytes of 12/],
  ])('refuses %s (%s) of %i bytes, column-major: %s', (descr, shape, bytes, order, message) => {
    expect(() => readNpy(npy(descr, shape, Buffer.alloc(bytes), order), "array 'x'")).toThrow(message);
  });

  test('are made up for all inputs, of the shapes that are said, within what any vocabulary has', async () => {
    await using device = await open('cpu');
    await using model = await device.loadModel(lookup());
    const { all } = await samplesOf(model.inputs, undefined);
    for (const sample of all) await model.run(sample);
    const given = await samplesOf([x, { ...x, name: 'y' }], 'x:3x2,y:1x2');
    expect(given.all[0]!.x!.dims).toEqual([3, 2]);
    expect(given.all[0]!.x!.data).not.toEqual(given.all[1]!.x!.data);
  });
});

test('a journal gives what it has of the same subject, but for a line that was cut off', async () => {
  const file = join(folder, 'journal');
  const first = new Journal(file, { a: 1 });
  expect(first.steps).toBe(0);
  writeFileSync(file, `${JSON.stringify({ a: 1 })}\n${JSON.stringify({ step: 's', result: [1] })}\n{"step":"t","res`);
  const again = new Journal(file, { a: 1 });
  expect([again.steps, again.has('s'), again.has('t')]).toEqual([1, true, false]);
  await again.step('u', async () => 2);
  expect(await new Journal(file, { a: 1 }).step('u', () => Promise.reject(new Error('taken again')))).toBe(2);
  expect(new Journal(file, { a: 2 }).steps).toBe(0);
});

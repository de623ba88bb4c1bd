// ONNX Runtime's settings under `session`, and weights beside a model's bytes.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Device, type LoadModelOptions, open, type RunOptions, type SessionOptions, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';
import { customOps } from './custom-ops.js';

let device: Device;
let folder: string;
beforeAll(async () => {
  device = await open(testDevice);
  folder = mkdtempSync(join(tmpdir(), 'tensorlane-session-'));
});
afterAll(async () => {
  await device.dispose();
  rmSync(folder, { recursive: true });
});

const x = tensor(Float32Array.of(1, 2, 3, 4), [1, 4]);
const load = (session: SessionOptions, bytes = models.square({ features: 4 })) => device.loadModel(bytes, { session });

/** Two nodes that ONNX Runtime makes one, or none, when it is allowed to. */
const twice = () =>
  models.model({
    inputs: [models.value('x', 'float32', ['N', 4])],
    outputs: [models.value('y', 'float32', ['N', 4])],
    nodes: [models.node('Identity', ['x'], ['same']), models.node('Neg', ['same'], ['y'])],
  });

describe('settings', () => {
  test.each<SessionOptions>([
    { graphOptimizationLevel: 'disabled' },
    { graphOptimizationLevel: 'basic' },
    { graphOptimizationLevel: 'extended' },
    { graphOptimizationLevel: 'layout' },
    { graphOptimizationLevel: 'all' },
    { executionMode: 'sequential' },
    { executionMode: 'parallel' },
    { executionMode: 'parallel', interOpNumThreads: 2 },
    { enableCpuMemArena: false, enableMemPattern: false },
    { enableCpuMemArena: true, enableMemPattern: true },
    { logSeverityLevel: 4, logVerbosityLevel: 0, logId: 'a model' },
    { extra: { session: { set_denormal_as_zero: '1', intra_op: { allow_spinning: '0' } }, 'session.a.b': '' } },
  ])('%j are taken', async (session) => {
    await using model = await load(session);
    expect((await model.run({ x })).y!.data).toEqual(Float32Array.of(1, 4, 9, 16));
  });

  test('the graph is rewritten as far as is said, and written to a file', async () => {
    const sizes = await Promise.all(
      (['disabled', 'all'] as const).map(async (graphOptimizationLevel) => {
        const optimizedModelFilePath = join(folder, `${graphOptimizationLevel}.onnx`);
        await using model = await load({ graphOptimizationLevel, optimizedModelFilePath }, twice());
        await model.run({ x });
        return readFileSync(optimizedModelFilePath).toString('latin1').includes('Identity');
      }),
    );
    expect(sizes).toEqual([true, false]);
  });

  test('a free dimension gets a size', async () => {
    await using model = await load({ freeDimensionOverrides: { N: 2 } });
    expect(model.inputs[0]!.dims).toEqual([2, 4]);
    expect(model.batching.reason).toMatch(/input 'x' has a fixed leading dimension/);
    await expectError(model.run({ x }), 'ERR_SHAPE', /takes dims \[2, 4\]/);
    const misspelt = load({ freeDimensionOverrides: { N: 2, n: 2 } });
    await expectError(
      misspelt,
      'ERR_ARGUMENT',
      /freeDimensionOverrides: no input has a free dimension 'n'; it has 'N'/,
    );
  });

  test('a trace is written until the model is disposed', async () => {
    const profileFilePrefix = join(folder, 'profile');
    const model = await load({ enableProfiling: true, profileFilePrefix });
    await model.run({ x });
    await model.dispose();
    const [file] = readdirSync(folder).filter((name) => name.startsWith('profile'));
    const events = JSON.parse(readFileSync(join(folder, file!), 'utf8')) as { name: string }[];
    expect(events.some(({ name }) => name.includes('kernel_time'))).toBe(true);
    // Asked for or not: without, there is none.
    await using silent = await load({ enableProfiling: false, profileFilePrefix: join(folder, 'none') });
    await silent.run({ x });
    expect(readdirSync(folder).filter((name) => name.startsWith('none'))).toEqual([]);
  });

  test('a trace can be ended before, and its file is complete then', async () => {
    await using model = await load({ enableProfiling: true, profileFilePrefix: join(folder, 'ended') });
    await model.run({ x });
    const file = model.endProfiling();
    const events = JSON.parse(readFileSync(file!, 'utf8')) as { name: string }[];
    expect(events.some(({ name }) => name.includes('kernel_time'))).toBe(true);
    await model.run({ x });
    const silent = await load({});
    expect(silent.endProfiling()).toBe(undefined);
    await silent.dispose();
    expect(() => silent.endProfiling()).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
  });

  test('the log is as verbose as is said, and names the session and the run', () => {
    const path = join(folder, 'logged.onnx');
    writeFileSync(
      path,
      models.model({
        inputs: [models.value('x', 'float32', ['n']), models.value('shape', 'int64', ['k'])],
        outputs: [models.value('y', 'float32', null)],
        nodes: [models.node('Reshape', ['x', 'shape'], ['y'])],
      }),
    );
    /** Of a run that fails. */
    const log = (session: SessionOptions, run: RunOptions = {}) => {
      const script = `
        const { open, tensor } = await import(${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)});
        const device = await open('cpu');
        const model = await device.loadModel(${JSON.stringify(path)}, { session: ${JSON.stringify(session)} });
        const shape = tensor(BigInt64Array.of(2n, 2n), [2]);
        await model.run({ x: tensor(new Float32Array(3), [3]), shape }, ${JSON.stringify(run)}).catch(() => {});
        await device.dispose();`;
      const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
        encoding: 'utf8',
      });
      expect(status, stderr).toBe(0);
      // Of a processor that it does not know ONNX Runtime tells before there is any session.
      return (stdout + stderr).replace(/^onnxruntime cpuid_info warning: .*\n/gm, '');
    };
    expect(log({ logSeverityLevel: 0, logId: 'our-session' })).toMatch(/our-session/);
    expect(log({ logId: 'our-session' }, { tag: 'our-run' })).toBe('');
    expect(log({ logId: 'our-session' }, { logSeverityLevel: 3, logVerbosityLevel: 1, tag: 'our-run' })).toMatch(
      /\[E:onnxruntime:our-session:our-run,/,
    );
    expect(log({ logSeverityLevel: 3, logId: 'our-session' }, { logSeverityLevel: 4 })).toBe('');
  });

  test('a run that the log tells of by itself shares no batch', async () => {
    const batching = { maxBatchSize: 4, maxQueueDelayMicros: 0 };
    await using model = await device.loadModel(models.square({ features: 4 }), { batching, concurrency: 1 });
    const batchesOf = async (options?: RunOptions) => {
      const before = model.stats().batches.count;
      const answers = await Promise.all(Array.from({ length: 4 }, () => model.run({ x }, options)));
      for (const { y } of answers) expect(y!.data).toEqual(Float32Array.of(1, 4, 9, 16));
      return model.stats().batches.count - before;
    };
    expect(await batchesOf()).toBe(1);
    expect(await batchesOf({ tag: 'apart' })).toBe(4);
    expect(await batchesOf({ logSeverityLevel: 4, logVerbosityLevel: 0 })).toBe(4);
    expect(await batchesOf()).toBe(1);
    for (const [options, message] of [
      [{ logSeverityLevel: 5 }, /run: logSeverityLevel must be an integer from 0 to 4, got 5/],
      [{ logVerbosityLevel: -1 }, /run: logVerbosityLevel must be an integer from 0/],
      [{ tag: 'a\0b' }, /run: tag must be a string .*without NUL/],
    ] as const) {
      await expectError(model.run({ x }, options as RunOptions), 'ERR_ARGUMENT', message);
    }
  });

  test('operators of the user’s own', async ({ skip }) => {
    const library = customOps(folder);
    if (library === undefined) return skip('no C compiler (cc) here');
    const bytes = models.model({
      inputs: [models.value('x', 'float32', ['N', 4])],
      outputs: [models.value('y', 'float32', ['N', 4])],
      nodes: [models.node('AddHundred', ['x'], ['y'], {}, 'test.custom')],
    });
    await expectError(device.loadModel(Uint8Array.from(bytes)), 'ERR_MODEL', /AddHundred|test\.custom/);
    await using model = await load({ customOpsLibraries: [library] }, bytes);
    expect((await model.run({ x })).y!.data).toEqual(Float32Array.of(101, 102, 103, 104));
    const missing = { customOpsLibraries: [join(folder, 'missing.so')] };
    await expectError(load(missing), 'ERR_MODEL', /missing\.so/);
  });

  test.each<[unknown, RegExp]>([
    [null, /session must be an object, got null/],
    [[], /session must be an object/],
    [
      { graphOptimisationLevel: 'all' },
      /session: there is no option 'graphOptimisationLevel'; there is graphOptimizationLevel/,
    ],
    [{ intraOpNumThreads: 2 }, /no option 'intraOpNumThreads'/],
    [{ graphOptimizationLevel: 'ALL' }, /session\.graphOptimizationLevel must be 'disabled', .* or 'all', got 'ALL'/],
    [{ graphOptimizationLevel: 99 }, /session\.graphOptimizationLevel must be/],
    [{ graphOptimizationLevel: null }, /session\.graphOptimizationLevel must be/],
    [{ executionMode: 'Parallel' }, /session\.executionMode must be 'sequential' or 'parallel'/],
    [{ interOpNumThreads: 0 }, /session\.interOpNumThreads must be an integer from 1/],
    [{ interOpNumThreads: 1e9 }, /session\.interOpNumThreads/],
    [{ enableCpuMemArena: 1 }, /session\.enableCpuMemArena must be true or false, got 1/],
    [{ enableMemPattern: 'yes' }, /session\.enableMemPattern must be true or false/],
    [{ enableProfiling: true }, /session\.profileFilePrefix is required/],
    [{ enableProfiling: true, profileFilePrefix: 5 }, /session\.profileFilePrefix must be a string/],
    [{ logSeverityLevel: 5 }, /session\.logSeverityLevel must be an integer from 0 to 4, got 5/],
    [{ logSeverityLevel: '2' }, /session\.logSeverityLevel/],
    [{ logVerbosityLevel: -1 }, /session\.logVerbosityLevel/],
    [{ logId: '' }, /session\.logId must be a string of at least one character/],
    [{ logId: null }, /session\.logId must be a string/],
    [{ optimizedModelFilePath: 'a\0b' }, /session\.optimizedModelFilePath must be a string .*without NUL/],
    [{ freeDimensionOverrides: { N: '2' } }, /session\.freeDimensionOverrides\.N must be an integer/],
    [{ freeDimensionOverrides: { N: null } }, /session\.freeDimensionOverrides\.N must be an integer/],
    [{ freeDimensionOverrides: [2] }, /session\.freeDimensionOverrides must be an object/],
    [{ customOpsLibraries: 'a.so' }, /session\.customOpsLibraries must be an array of paths/],
    [{ customOpsLibraries: [null] }, /session\.customOpsLibraries\[0\] must be a string/],
    [{ extra: { session: { a: 1 } } }, /session\.extra\.session\.a must be a string, or an object of them, got 1/],
    [{ extra: { session: { 'a.b': '1' }, 'session.a': { b: '1' } } }, /session\.extra: 'session\.a\.b' is given twice/],
    [{ extra: { a: ['1'] } }, /session\.extra\.a must be a string, or an object of them, got Array/],
    [{ extra: 'a' }, /session\.extra must be an object/],
  ])('%j is refused', async (session, message) => {
    await expectError(load(session as SessionOptions), 'ERR_ARGUMENT', message);
  });
});

describe('external data', () => {
  const count = 1000;
  const weights = new Float32Array(count).map((_, i) => i);
  const bytes = (file = 'weights.bin') =>
    models.model({
      inputs: [models.value('x', 'float32', ['N', count])],
      outputs: [models.value('y', 'float32', ['N', count])],
      nodes: [models.node('Add', ['x', 'w'], ['y'])],
      initializers: [models.initializer('w', 'float32', [count], { file, length: count * 4 })],
    });
  const ones = tensor(new Float32Array(count).fill(1), [1, count]);
  const expected = weights.map((weight) => weight + 1);

  test.each<[string, () => ArrayBufferView | ArrayBufferLike]>([
    ['a Uint8Array', () => new Uint8Array(weights.slice().buffer)],
    ['a Float32Array', () => weights.slice()],
    ['an ArrayBuffer', () => weights.slice().buffer],
    [
      'shared memory',
      () => {
        const shared = new SharedArrayBuffer(count * 4);
        new Float32Array(shared).set(weights);
        return shared;
      },
    ],
  ])('in %s, which is free once the model is loaded', async (_, make) => {
    const data = make();
    await using model = await device.loadModel(bytes(), { externalData: [{ path: 'weights.bin', data }] });
    new Uint8Array(ArrayBuffer.isView(data) ? data.buffer : data).fill(0);
    expect((await model.run({ x: ones })).y!.data).toEqual(expected);
  });

  test('several files, and one on disk that is passed over for it', async () => {
    const two = models.model({
      inputs: [models.value('x', 'float32', ['N', count])],
      outputs: [models.value('y', 'float32', ['N', count])],
      nodes: [models.node('Add', ['x', 'a'], ['t']), models.node('Add', ['t', 'b'], ['y'])],
      initializers: ['a', 'b'].map((name) =>
        models.initializer(name, 'float32', [count], { file: `${name}.bin`, length: count * 4 }),
      ),
    });
    const path = join(folder, 'two.onnx');
    writeFileSync(path, two);
    writeFileSync(join(folder, 'a.bin'), new Uint8Array(count * 4));
    writeFileSync(join(folder, 'b.bin'), new Uint8Array(weights.buffer));
    const externalData = ['a', 'b'].map((name) => ({ path: `${name}.bin`, data: weights }));
    const options: [string | Uint8Array, LoadModelOptions, number][] = [
      [path, {}, 1],
      [path, { externalData }, 2],
      [two, { externalData }, 2],
    ];
    for (const [source, given, times] of options) {
      await using model = await device.loadModel(source, given);
      expect((await model.run({ x: ones })).y!.data).toEqual(weights.map((weight) => 1 + times * weight));
    }
  });

  test('that is missing or too short is an error of the model', async () => {
    await expectError(device.loadModel(bytes()), 'ERR_MODEL', /weights\.bin/);
    const data = new Uint8Array(10);
    await expectError(device.loadModel(bytes(), { externalData: [{ path: 'weights.bin', data }] }), 'ERR_MODEL');
    await expectError(
      device.loadModel(bytes('other.bin'), { externalData: [{ path: 'weights.bin', data }] }),
      'ERR_MODEL',
    );
  });

  test.each<[unknown, RegExp]>([
    [{}, /externalData must be an array of \{ path, data \}, got object/],
    [['weights.bin'], /externalData\[0\] must be an object, got 'weights\.bin'/],
    [
      [{ path: 'w', data: 'file' }],
      /externalData\[0\]\.data must be its bytes as a Uint8Array or ArrayBuffer, got 'file'/,
    ],
    [[{ path: 'w' }], /externalData\[0\]\.data must be .*got undefined/],
    [[{ data: new Uint8Array(1) }], /externalData\[0\]\.path must be a string/],
    [[{ path: 'w\0', data: new Uint8Array(1) }], /externalData\[0\]\.path must be a string .*NUL/],
    [[{ path: 'w', data: new Uint8Array(1), offset: 0 }], /externalData\[0\]: there is no option 'offset'/],
  ])('%j is refused', async (externalData, message) => {
    await expectError(device.loadModel(bytes(), { externalData } as LoadModelOptions), 'ERR_ARGUMENT', message);
  });
});

test('a model above 2 GB, its weights in a file beside it', async ({ skip }) => {
  const rows = 600_000_000; // of one float each: 2.4 GB
  const path = join(folder, 'large.onnx');
  const data = join(folder, 'large.bin');
  const bytes = models.model({
    inputs: [models.value('index', 'int64', ['N'])],
    outputs: [models.value('y', 'float32', ['N', 1])],
    nodes: [models.node('Gather', ['table', 'index'], ['y'])],
    initializers: [models.initializer('table', 'float32', [rows, 1], { file: 'large.bin', length: rows * 4 })],
  });
  writeFileSync(path, bytes);
  // Sparse: of its bytes only the last ones are on the disk.
  try {
    execFileSync('truncate', ['-s', String(rows * 4 - 4), data]);
  } catch {
    return skip('no file of 2.4 GB can be made here');
  }
  writeFileSync(data, Buffer.from(Float32Array.of(7).buffer), { flag: 'a' });
  expect(existsSync(data)).toBe(true);
  const before = process.memoryUsage.rss();
  await using model = await device.loadModel(path);
  const index = tensor(BigInt64Array.of(BigInt(rows - 1), 0n), [2]);
  expect((await model.run({ index })).y!.data).toEqual(Float32Array.of(7, 0));
  expect(process.memoryUsage.rss() - before, 'the file is not read, nor copied').toBeLessThan(2 ** 30);
});

// CUDA graphs of models on the emulated device: what the plugin of test/emulation/provider records, as the CUDA provider does.

import { type Device, DeviceTensor, type LoadModelOptions, type Model, open, type PluginProvider } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { floats } from '../model/support.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';
import { node, value } from '../support/onnx-builder.js';
import { cudaError, emulation, plugin as found } from './emulation.js';

const plugin = found!;
const width = 8;
const dense = models.dense({ layers: 2, width });
const graphs = [1, 2, 4, 8];

describe.skipIf(found === undefined)('CUDA graphs', () => {
  let device: Device;
  let reference: Model;
  beforeAll(async () => {
    device = await open({ device: 'cuda', streams: 2 });
    reference = await device.loadModel(dense, { providers: ['cpu'], batching: false });
  });
  afterAll(() => device.dispose());

  const load = (options: LoadModelOptions = {}, on = device) =>
    on.loadModel(dense, { providers: [plugin], batching: { graphs, maxBatchSize: 16 }, ...options });
  type Given = ReturnType<typeof floats>;
  const expectRight = async (given: Iterable<number>, x: Given) => {
    const wanted = (await reference.run({ x })).y!.data as Float32Array;
    expect([...given].filter((v, i) => !(Math.abs(v - wanted[i]!) <= 1e-4))).toEqual([]);
    expect([...given]).toHaveLength(wanted.length);
  };
  const expectRuns = async (model: Model, rows: readonly number[]) => {
    for (const count of rows) {
      const x = floats([count, width], count);
      const { y } = await model.run({ x });
      expect(y!.dims).toEqual([count, width]);
      await expectRight(y!.data as Float32Array, x);
    }
  };

  test('each size takes the smallest that it fits in, and those above none', async () => {
    await using model = await load();
    expect(model.info).toMatchObject({ memory: 'device', graphs: { sizes: graphs } });
    await expectRuns(model, [1, 2, 3, 4, 5, 6, 7, 8, 9, 16]);
    expect(model.stats().graphs).toEqual({ replayed: 8, paddedRows: 1 + 3 + 2 + 1, plain: 2 });
    const launches = emulation!.calls('cudaLaunchKernel');
    await expectRuns(model, [3]);
    expect(emulation!.calls('cudaLaunchKernel')).toBe(launches);
  });

  test('of callers on all lanes at once, each gets what it would get alone', async () => {
    await using model = await load({ batching: { graphs } });
    expect(model.batching.maxBatchSize).toBe(8);
    const rows = Array.from({ length: 60 }, (_, i) => floats([1 + (i % 5), width], i + 1));
    const results = await Promise.all(rows.map((x) => model.run({ x })));
    for (const [i, x] of rows.entries()) await expectRight(results[i]!.y!.data as Float32Array, x);
    expect(model.stats().graphs).toMatchObject({ replayed: model.stats().batches.count, plain: 0 });
  });

  test('device tensors go in, and outputs stay on the device, where the batch is filled up, too', async () => {
    await using model = await load();
    const x = floats([3, width], 4);
    await using put = await device.put(x);
    const { y } = (await model.run({ x: put }, { resident: true })) as unknown as { y: DeviceTensor<'float32'> };
    expect([y instanceof DeviceTensor, y.dims]).toEqual([true, [3, width]]);
    await expectRuns(model, [4, 2]); // which is not seen in what stays
    await expectRight((await y.get()).data, x);
    await y.dispose();
    expect(model.stats().graphs).toMatchObject({ replayed: 3, paddedRows: 1 });
  });

  test('some of the outputs, and steps before and after', async () => {
    const batching = { graphs: [4], maxBatchSize: 8 };
    const halves = models.model({
      inputs: [value('x', 'float32', ['N', 4])],
      outputs: [value('a', 'float32', ['N', 4]), value('b', 'float32', ['N', 4])],
      nodes: [node('Relu', ['x'], ['a']), node('Tanh', ['x'], ['b'])],
    });
    await using two = await device.loadModel(halves, { providers: [plugin], batching });
    expect(two.info.graphs).toEqual({ sizes: [4] });
    const x = floats([3, 4], 1);
    const a = { type: 'float32', data: x.data.map((v) => Math.max(v, 0)), dims: [3, 4] };
    expect(await two.run({ x }, { outputs: ['a'] })).toEqual({ a });
    const all = await two.run({ x });
    expect(all.a).toEqual(a);
    for (const [i, v] of all.b!.data.entries()) expect(v).toBeCloseTo(Math.tanh(x.data[i]!), 5);
    const steps: LoadModelOptions = {
      preprocess: { x: [{ step: 'cast', from: 'uint8' }] },
      postprocess: { y: [{ step: 'topK', k: 1, indices: 'at' }] },
    };
    const bytes = {
      type: 'uint8',
      data: Uint8Array.from({ length: 3 * width }, (_, i) => i * 7),
      dims: [3, width],
    } as const;
    await using plain = await load({ ...steps, batching: { maxBatchSize: 16 } });
    await using model = await load(steps);
    expect(model.info.graphs).toEqual({ sizes: graphs });
    expect(await model.run({ x: bytes })).toEqual(await plain.run({ x: bytes }));
    expect(model.stats().graphs).toEqual({ replayed: 1, paddedRows: 1, plain: 0 });
  });

  test.each<[string, PluginProvider, RegExp]>([
    ['a kernel that waits', { ...plugin, options: { waits: 'Relu' } }, /StreamCapture/],
    ['a node of the CPU', { ...plugin, options: { operators: 'Gemm' } }, /graph/i],
  ])('where %s makes that impossible, the model runs without and says why', async (_, provider, reason) => {
    const model = await load({ providers: [provider] });
    expect(model.info.graphs).toEqual({ sizes: [], reason: expect.stringMatching(reason) });
    expect([model.provider, model.stats().graphs]).toEqual([plugin.name, undefined]);
    await expectRuns(model, [1, 3, 9]);
    await model.dispose();
    await expectGone();
  });

  test('a disposed model leaves nothing behind', async () => {
    const model = await load();
    await expectRuns(model, [3, 12]);
    expect(emulation!.live().graphs).toBe(graphs.length * 2);
    expect(emulation!.live().deviceAllocations).toBeGreaterThan(graphs.length * 2);
    await model.dispose();
    await expectGone();
  });

  /** Of all models but the reference, which is on the CPU. Frees are done when their streams come to them. */
  async function expectGone(): Promise<void> {
    const left = () => emulation!.live();
    await expect.poll(left, { timeout: 60_000, interval: 2 }).toMatchObject({ deviceAllocations: 0, graphs: 0 });
  }

  test.each(['cudaStreamBeginCapture', 'cudaStreamEndCapture', 'cudaGraphInstantiate', 'cudaGraphLaunch'])(
    '%s fails while it is recorded: the model runs without, and says why',
    async (call) => {
      // Also of a later size, when there are some already.
      for (const nth of [1, graphs.length]) {
        emulation!.planFault(call, nth, cudaError.unknown);
        await using model = await load();
        emulation!.clear();
        expect(model.info.graphs).toEqual({ sizes: [], reason: expect.stringContaining(call) });
        await expectRuns(model, [1, 3]);
      }
      await expectGone();
    },
  );

  test('what fails in a replay fails its callers alone', async () => {
    await using model = await load();
    emulation!.planFault('cudaGraphLaunch', 1, cudaError.unknown);
    await expectError(model.run({ x: floats([3, width], 1) }), 'ERR_MODEL', /cudaGraphLaunch/);
    emulation!.clear();
    await expectRuns(model, [3, 4]);
  });

  test('memory that is out is told, or the model does without', async () => {
    for (let nth = 1; nth < 40; nth += 3) {
      emulation!.planFault('cudaMallocFromPoolAsync', nth, cudaError.outOfMemory);
      await using model = await load();
      emulation!.clear();
      await expectRuns(model, [3]);
    }
    await expectGone();
  });

  test.each<[string, LoadModelOptions['providers'], RegExp]>([
    ['comes behind another', found && ['cpu', found], /runs on the CPU/],
    [
      "computes in another device's memory",
      found && [{ ...found, device: 1 }],
      /do not all lie in the device's memory/,
    ],
  ])('a provider that %s is not told to record: it is given values elsewhere each time', async (_, providers, why) => {
    await using model = await load({ providers });
    expect(model.info.graphs).toEqual({ sizes: [], reason: expect.stringMatching(why) });
    await expectRuns(model, [1, 2, 3, 3, 3, 3]);
    for (let seed = 1; seed < 8; seed++) {
      const x = floats([3, width], seed);
      await expectRight((await model.run({ x })).y!.data as Float32Array, x);
    }
  });

  test('each device of a group has its own', async () => {
    await using group = await open({ device: 'cuda', devices: 'all', streams: 1 });
    await using model = await group.loadModel(dense, { providers: [plugin], batching: { graphs: [2] } });
    expect(emulation!.live().graphs).toBe(2);
    const rows = Array.from({ length: 20 }, (_, i) => floats([1 + (i % 2), width], i + 1));
    const results = await Promise.all(rows.map((x) => model.run({ x })));
    for (const [i, x] of rows.entries()) await expectRight(results[i]!.y!.data as Float32Array, x);
    expect(model.stats().graphs).toMatchObject({ replayed: model.stats().batches.count, plain: 0 });
  });

  test('where rows are not shown to be independent, or lie along another axis, they are refused', async () => {
    const x = value('x', 'float32', ['N', width]);
    const y = value('y', 'float32', ['N', width]);
    const nodes = [node('Softmax', ['x'], ['y'], { axis: { int: 0 } })];
    const mixed = models.model({ inputs: [x], outputs: [y], nodes });
    const given: LoadModelOptions = { providers: [plugin], batching: { graphs } };
    await expectError(device.loadModel(mixed, given), 'ERR_ARGUMENT', /graphs: .*rows of a batch may change/);
    const optional: LoadModelOptions = { ...given, batching: { graphs, required: false } };
    await using without = await device.loadModel(mixed, optional);
    expect(without.info.graphs).toEqual({ sizes: [], reason: expect.stringMatching(/may change/) });
    const turned = models.model({
      inputs: [value('x', 'float32', [width, 'N'])],
      outputs: [value('y', 'float32', [width, 'N'])],
      nodes: [node('Relu', ['x'], ['y'])],
    });
    const batchAxis = { inputs: { x: 1 }, outputs: { y: 1 } };
    const along = { ...given, batching: { graphs, batchAxis } };
    await expectError(device.loadModel(turned, along), 'ERR_ARGUMENT', /'x' is axis 1/);
    // Where a user says so, they are.
    const asSaid: LoadModelOptions = { ...given, batching: { graphs, independentRows: true } };
    await using said = await device.loadModel(mixed, asSaid);
    expect(said.info.graphs).toEqual({ sizes: graphs });
  });

  test('a device that is lost in a replay is lost to all, and leaves nothing', async () => {
    const lost = await open({ device: 'cuda', streams: 2 });
    const model = await load({}, lost);
    emulation!.planFault('cudaGraphLaunch', 1, cudaError.illegalAddress, true);
    await expectError(model.run({ x: floats([3, width], 1) }), 'ERR_DEVICE_LOST');
    await expectError(model.run({ x: floats([3, width], 1) }), 'ERR_DEVICE_LOST');
    await model.dispose().catch(() => {});
    await lost.dispose();
    emulation!.clear();
  });
});

describe('batching.graphs', () => {
  const cuda = (call: (device: Device) => Promise<unknown>) => async () => {
    await using device = await open({ device: 'cuda', streams: 1 });
    await call(device);
  };
  const providers = [{ library: '/nowhere.so', name: 'Some' }];

  test('on the CPU device is refused', async () => {
    await using device = await open({ device: 'cpu' });
    await expectError(device.loadModel(dense, { batching: { graphs } }), 'ERR_ARGUMENT', /graphs.*CUDA device/);
  });

  test.each<[string, LoadModelOptions, RegExp]>([
    ['sizes that are none', { batching: { graphs: [1.5] } }, /ascending positive integers/],
    ['sizes out of order', { batching: { graphs: [4, 2] } }, /ascending positive integers/],
    ['no sizes', { batching: { graphs: [] } }, /ascending positive integers/],
    ['a size that is no number', { batching: { graphs: ['8'] as never } }, /ascending positive integers/],
    ['a number', { batching: { graphs: 8 as never } }, /ascending positive integers/],
    ['a size that no batch has', { batching: { graphs: [1, 33], maxBatchSize: 32 } }, /33 rows: maxBatchSize is 32/],
    ['the CPU alone', { batching: { graphs }, providers: ['cpu'] }, /the CPU is the only one/],
    ['branches at once', { batching: { graphs }, session: { executionMode: 'parallel' } }, /'parallel' exclude/],
    [
      "a provider's own switch",
      { providers: [{ ...providers[0]!, options: { a: 'b', enable_cuda_graph: '1' } }] },
      /enable_cuda_graph is not to be given; batching.graphs/,
    ],
    [
      'that of ONNX Runtime’s own',
      { providers: [{ name: 'cuda', options: { enable_cuda_graph: '1' } }] },
      /'cuda': enable/,
    ],
  ])('with %s is refused', (_, options, message) =>
    cuda((device) => expectError(device.loadModel(dense, { providers, ...options }), 'ERR_ARGUMENT', message))(),
  );

  test(
    'of a model that has no batch is refused',
    cuda(async (device) => {
      const given = { providers: ['cuda', 'cpu'] as const, batching: { graphs: [1] } };
      await expectError(device.loadModel(models.fixedBatch(), given), 'ERR_ARGUMENT', /batching was asked for/);
    }),
  );

  test(
    'where the model comes to run on the CPU it runs without, and says why',
    cuda(async (device) => {
      await using model = await device.loadModel(dense, { providers: [...providers, 'cpu'], batching: { graphs } });
      expect(model.info.graphs).toEqual({ sizes: [], reason: 'it runs on the CPU' });
    }),
  );
});

// Models on the emulated device through a plugin provider (test/emulation/provider): what it runs, and what is said of it.

import { type Device, DeviceTensor, open, type PluginProvider } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectSame, floats } from '../model/support.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';
import { type Attribute, ints, type Node, node, value } from '../support/onnx-builder.js';
import { cudaError, emulation, plugin as found } from './emulation.js';

const plugin = found!;
const { library, name } = plugin ?? ({} as PluginProvider);

describe.skipIf(found === undefined)('a plugin provider', () => {
  let device: Device;
  beforeAll(async () => {
    device = await open({ device: 'cpu', streams: 2 });
  });
  afterAll(() => device.dispose());

  const a = floats([2, 3, 4], 1);
  const images = floats([2, 4, 7, 6], 2);
  const filters = floats([6, 2, 3, 3], 3);
  const attributes = (given: Record<string, number | number[] | string>): Record<string, Attribute> =>
    Object.fromEntries(
      Object.entries(given).map(([key, one]) => [
        key,
        typeof one === 'string' ? { string: one } : Array.isArray(one) ? { ints: one } : { int: one },
      ]),
    );

  const nodes: Record<string, [Node, ...{ type: 'float32'; data: Float32Array; dims: readonly number[] }[]]> = {
    'MatMul, broadcast': [node('MatMul', ['a', 'b'], ['y']), a, floats([4, 5], 4)],
    'MatMul of batches': [node('MatMul', ['a', 'b'], ['y']), a, floats([5, 1, 4, 2], 4)],
    'MatMul by a vector': [node('MatMul', ['a', 'b'], ['y']), a, floats([4], 4)],
    Gemm: [
      node('Gemm', ['a', 'b', 'c'], ['y'], {
        alpha: { float: 0.5 },
        beta: { float: 2 },
        transA: { int: 1 },
        transB: { int: 1 },
      }),
      floats([3, 2], 1),
      floats([4, 3], 2),
      floats([4], 3),
    ],
    'Add, broadcast': [node('Add', ['a', 'b'], ['y']), a, floats([3, 1], 5)],
    Sub: [node('Sub', ['a', 'b'], ['y']), floats([1, 4], 6), a],
    Mul: [node('Mul', ['a', 'b'], ['y']), a, floats([2, 3, 4], 7)],
    Div: [node('Div', ['a', 'b'], ['y']), a, floats([], 8)],
    Relu: [node('Relu', ['a'], ['y']), a],
    Sigmoid: [node('Sigmoid', ['a'], ['y']), a],
    Tanh: [node('Tanh', ['a'], ['y']), a],
    'Softmax of the last axis': [node('Softmax', ['a'], ['y']), a],
    'Softmax of a middle axis': [node('Softmax', ['a'], ['y'], attributes({ axis: 1 })), a],
    Flatten: [node('Flatten', ['a'], ['y'], attributes({ axis: 2 })), a],
    Transpose: [node('Transpose', ['a'], ['y'], attributes({ perm: [2, 0, 1] })), a],
    GlobalAveragePool: [node('GlobalAveragePool', ['a'], ['y']), images],
    'Conv in groups': [
      node('Conv', ['a', 'b', 'c'], ['y'], attributes({ group: 2, strides: [2, 1], pads: [1, 0, 2, 1] })),
      images,
      filters,
      floats([6], 4),
    ],
    'Conv that is dilated': [
      node('Conv', ['a', 'b'], ['y'], attributes({ group: 2, dilations: [2, 2], pads: [1, 2, 0, 1] })),
      images,
      filters,
    ],
    'Conv of the same size': [
      node('Conv', ['a', 'b'], ['y'], attributes({ group: 2, strides: [2, 2], auto_pad: 'SAME_UPPER' })),
      images,
      filters,
    ],
  };

  test.each(Object.keys(nodes))('%s gives what it gives on the CPU', async (what) => {
    const [one, ...operands] = nodes[what]!;
    const names = ['a', 'b', 'c'].slice(0, operands.length);
    const graph = models.model({
      inputs: names.map((input, i) => value(input, 'float32', operands[i]!.dims)),
      outputs: [value('y', 'float32', null)],
      nodes: [one],
    });
    const feeds = Object.fromEntries(names.map((input, i) => [input, operands[i]!]));
    await using there = await device.loadModel(graph, { providers: [plugin] });
    await using here = await device.loadModel(graph);
    expect(there.info).toEqual({
      provider: name,
      memory: 'host',
      sessions: 1,
      nodes: [{ provider: name, name: expect.any(String), operator: one.op }],
    });
    expect(here.info).toEqual({ provider: 'cpu', memory: 'host', sessions: 1 });
    const given = (await there.run(feeds)).y!;
    const expected = (await here.run(feeds)).y!;
    expect(given.dims).toEqual(expected.dims);
    const far = [...(given.data as Float32Array)].filter((v, i) => Math.abs(v - Number(expected.data[i])) > 1e-5);
    expect(far).toEqual([]);
  });

  test('Reshape takes its shape from the host, also one that is computed', async () => {
    const graph = models.model({
      inputs: [value('x', 'float32', ['N', 6])],
      outputs: [value('y', 'float32', null)],
      nodes: [
        node('Relu', ['x'], ['positive']),
        node('Shape', ['positive'], ['shape']),
        node('Concat', ['shape', 'one'], ['wanted'], attributes({ axis: 0 })),
        node('Reshape', ['positive', 'wanted'], ['y']),
      ],
      initializers: [ints('one', 1)],
    });
    await using model = await device.loadModel(graph, { providers: [plugin, 'cpu'] });
    const x = floats([2, 6], 1);
    const y = (await model.run({ x })).y!;
    expect([y.dims, y.data]).toEqual([[2, 6, 1], x.data.map((v) => Math.max(v, 0))]);
    const on = Object.fromEntries(model.info.nodes!.map(({ operator, provider }) => [operator, provider]));
    expect(on).toMatchObject({ Relu: name, Reshape: name, Concat: 'CPUExecutionProvider' });
  });

  test('runs in batches, on several lanes over one session', async () => {
    await using there = await device.loadModel(models.dense({ layers: 2, width: 16 }), { providers: [plugin] });
    await using here = await device.loadModel(models.dense({ layers: 2, width: 16 }));
    expect(there.batching).toMatchObject({ enabled: true });
    const rows = Array.from({ length: 40 }, (_, i) => floats([1, 16], i + 1));
    const results = await Promise.all(rows.map((x) => there.run({ x })));
    for (const [i, x] of rows.entries()) {
      const expected = (await here.run({ x })).y!;
      for (const [k, v] of results[i]!.y!.data.entries()) expect(v).toBeCloseTo(Number(expected.data[k]), 4);
    }
    expect(there.stats().batches.count).toBeLessThan(40);
  });

  test('takes the device that is asked for, and says which there are', async () => {
    const square = models.square();
    await using model = await device.loadModel(square, { providers: [{ ...plugin, device: 1 }] });
    const x = floats([1, 16], 1);
    expectSame(await model.run({ x }), { y: { ...x, data: x.data.map((v) => v * v) } }, 'on device 1');
    await expectError(
      device.loadModel(square, { providers: [{ ...plugin, device: 9 }] }),
      'ERR_MODEL',
      /no device 9; it has 0, 1/,
    );
  });

  test('one that cannot be had leaves the model to the next, or fails', async () => {
    const square = models.square();
    const others: [PluginProvider, RegExp][] = [
      [{ ...plugin, options: { refuses: '1' } }, /told to refuse/],
      [{ ...plugin, options: { colour: 'red' } }, /no option 'colour'/],
      [
        { library: '/nowhere/libprovider.so', name: 'Some' },
        /registering a provider's library: .*\/nowhere\/libprovider.so/,
      ],
      [{ library, name: 'Some' }, /no provider 'Some'; there are .*'EmulatedCudaExecutionProvider'/],
    ];
    for (const [provider, reason] of others) {
      await expectError(device.loadModel(square, { providers: [provider] }), 'ERR_MODEL', reason);
      await using model = await device.loadModel(square, { providers: [provider, 'cpu'] });
      expect([model.provider, model.info.fallbackReason]).toEqual(['cpu', expect.stringMatching(reason)]);
      expect((await model.run({ x: floats([1, 16], 1) })).y!.dims).toEqual([1, 16]);
    }
    await using model = await device.loadModel(square, { providers: [others[2]![0], plugin, 'cpu'] });
    expect([model.provider, model.fallbackReason]).toEqual([name, expect.stringMatching(/nowhere/)]);
  });
});

describe.skipIf(found === undefined)("a plugin provider in the device's memory", () => {
  let device: Device;
  beforeAll(async () => {
    device = await open({ device: 'cuda', streams: 2 });
  });
  afterAll(() => device.dispose());

  const width = 8;
  const load = () => device.loadModel(models.dense({ layers: 2, width }), { providers: [plugin] });
  /** What the CPU says. */
  async function expected(x: ReturnType<typeof floats>): Promise<number[]> {
    await using model = await device.loadModel(models.dense({ layers: 2, width }), { providers: ['cpu'] });
    return [...((await model.run({ x })).y!.data as Float32Array)];
  }
  const expectClose = (given: Iterable<number>, wanted: readonly number[]) => {
    const far = [...given].filter((v, i) => !(Math.abs(v - wanted[i]!) <= 1e-4));
    expect(far).toEqual([]);
  };

  test('is where values lie, and says so', async () => {
    await using there = await load();
    expect(there.info).toMatchObject({ provider: name, memory: 'device', sessions: 1 });
    await using other = await device.loadModel(models.square(), { providers: [{ ...plugin, device: 1 }] });
    expect(other.info.memory).toBe('host'); // that of another device is no memory of this one
  });

  test('a batch of host rows and of device tensors gives each what it would get alone', async () => {
    await using model = await load();
    const rows = Array.from({ length: 12 }, (_, i) => floats([1 + (i % 3), width], i + 1));
    const put = await Promise.all(rows.map((x, i) => (i % 2 === 0 ? x : device.put(x))));
    const results = await Promise.all(put.map((x) => model.run({ x })));
    for (const [i, x] of rows.entries()) {
      expect(results[i]!.y!.dims).toEqual(x.dims);
      expectClose(results[i]!.y!.data as Float32Array, await expected(x));
    }
    for (const x of put) if (x instanceof DeviceTensor) await x.dispose();
    expect(model.stats().batches.count).toBeLessThan(12);
  });

  test('outputs that stay feed algebra and another model, and nothing comes to the host between', async () => {
    await using model = await load();
    const x = floats([4, width], 3);
    await using given = await device.put(x);
    const resident = async (feed: DeviceTensor) =>
      ((await model.run({ x: feed }, { resident: true })) as unknown as Record<string, DeviceTensor<'float32'>>).y!;
    await (await resident(given)).dispose();
    const before = emulation!.calls('cudaMemcpyAsync');
    await using once = await resident(given);
    await using twice = await resident(once);
    expect(emulation!.calls('cudaMemcpyAsync') - before).toBe(0); // the provider wrote to memory of the device's own pool
    await using weights = await device.put(floats([width, 1], 9));
    await using product = await device.linalg.matmul(once, weights);
    const first = await expected(x);
    expectClose((await once.get()).data as Float32Array, first);
    expectClose((await twice.get()).data as Float32Array, await expected({ ...x, data: Float32Array.from(first) }));
    expect(product.dims).toEqual([4, 1]);
  });

  test('a run that fails leaves the model and the device working', async () => {
    await using model = await device.loadModel(models.matmul({ inner: 4, outer: 3 }), { providers: [plugin] });
    await expectError(model.run({ x: floats([1, 5], 1) }), 'ERR_MODEL', /dimension mismatch/);
    // Of the first of its dims the provider takes the memory; of others it is the device's pool, which finds some more.
    emulation!.planFault('cudaMallocAsync', 1, cudaError.outOfMemory);
    await expectError(model.run({ x: floats([1, 4], 1) }), 'ERR_OUT_OF_MEMORY');
    emulation!.clear();
    expect((await model.run({ x: floats([1, 4], 1) })).y!.dims).toEqual([1, 3]);
  });

  test.each([
    ['Relu', 'host'], // what comes in is the CPU's
    ['Gemm', 'host'], // what goes out is
    ['MatMul', 'host'], // it has none
    ['Gemm,Relu', 'device'],
  ])(
    'with %s alone on the device, values lie where the nodes are that they come to: the %s',
    async (operators, memory) => {
      const graph = models.dense({ layers: 2, width });
      await using model = await device.loadModel(graph, { providers: [{ ...plugin, options: { operators } }] });
      expect(model.info.memory).toBe(memory);
      const x = floats([3, width], 5);
      await using put = await device.put(x);
      const wanted = await expected(x);
      for (const given of [x, put]) expectClose((await model.run({ x: given })).y!.data as Float32Array, wanted);
      const kept = (await model.run({ x: put }, { resident: true })) as unknown as Record<string, DeviceTensor>;
      expectClose((await kept.y!.get()).data as Float32Array, wanted);
      await kept.y!.dispose();
    },
  );

  test('nodes of the CPU between those of the device wait for them, and are waited for', async () => {
    const nodes = ['Add', 'Tanh', 'Mul'].map((op, i) =>
      op === 'Tanh' ? node(op, [`v${i}`], [`v${i + 1}`]) : node(op, [`v${i}`, 'w'], [`v${i + 1}`]),
    );
    const mixed = models.model({
      inputs: [value('v0', 'float32', ['N', width]), value('w', 'float32', [width])],
      outputs: [value('v3', 'float32', ['N', width])],
      nodes,
    });
    await using model = await device.loadModel(mixed, {
      batching: false,
      providers: [{ ...plugin, options: { operators: 'Add,Mul' } }],
    });
    await using here = await device.loadModel(mixed, { batching: false, providers: ['cpu'] });
    expect(model.info.memory).toBe('device');
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const feeds = { v0: floats([2, width], i + 1), w: floats([width], i + 50) };
        expectClose((await model.run(feeds)).v3!.data as Float32Array, [
          ...((await here.run(feeds)).v3!.data as Float32Array),
        ]);
      }),
    );
  });

  test('other values than numbers go through host memory', async () => {
    await using model = await device.loadModel(models.strings(), { providers: [plugin, 'cpu'] });
    const x = { type: 'string', data: ['a', 'b'], dims: [2, 1] } as const;
    expect((await model.run({ x })).y!.data).toEqual(['a', 'b']);
  });
});

// What is found of a model's rows when requests come: of one shape, of an input that all share, by trial; and what is kept of it.

import {
  type BatchingFinding,
  type Device,
  type LoadModelOptions,
  type Model,
  open,
  type Tensor,
  tensor,
} from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { type Graph, initializer, ints, model, node, randomFloats, value } from '../support/onnx-builder.js';
import { expectSame, type Feeds, floats, together } from './support.js';

let device: Device;
beforeAll(async () => {
  device = await open({ device: testDevice, threads: 1 });
});
afterAll(() => device.dispose());

/** y = x, or its running sums over the batch: as `condition`, made by these nodes, says. */
function eitherWay(condition: readonly ReturnType<typeof node>[], inputs: Graph['inputs'] = []): Uint8Array {
  const y = value('way', 'float32', ['N', 'L']);
  const then: Graph = { inputs: [], outputs: [y], nodes: [node('Identity', ['x'], ['way'])] };
  const otherwise: Graph = { inputs: [], outputs: [y], nodes: [node('CumSum', ['x', 'zero'], ['way'])] };
  return model({
    inputs: [value('x', 'float32', ['N', 'L']), ...inputs],
    outputs: [value('y', 'float32', ['N', 'L'])],
    nodes: [
      ...condition,
      node('If', ['condition'], ['y'], { then_branch: { graph: then }, else_branch: { graph: otherwise } }),
    ],
    initializers: [ints('zero', 0), ints('one', 1), ints('four', 4)],
  });
}

/** Rows stay apart where they are four long. */
const byLength = () =>
  eitherWay([
    node('Shape', ['x'], ['shape']),
    node('Gather', ['shape', 'one'], ['length']),
    node('Equal', ['length', 'four'], ['condition']),
  ]);

/** x through what no table of operators has, with the batch where it was. */
const through = (nodes: readonly ReturnType<typeof node>[], inputs = [value('x', 'float32', ['N', 3, 3])]) =>
  model({
    inputs,
    outputs: [value('y', 'float32', ['N', 3, 3])],
    nodes,
    initializers: [initializer('weights', 'float32', [3, 3], randomFloats(9, 5))],
  });
const microsoft = { domain: 'com.microsoft' };
const fused = () => through([{ ...node('FusedMatMul', ['x', 'weights'], ['y']), ...microsoft }]);
/** Each row beside the sum of all. */
const fusedAcross = () =>
  model({
    inputs: [value('x', 'float32', ['N', 3])],
    outputs: [value('y', 'float32', ['N', 3])],
    nodes: [
      { ...node('FusedMatMul', ['x', 'x'], ['squares'], { transA: { int: 1 } }), ...microsoft },
      node('MatMul', ['x', 'squares'], ['y']),
    ],
  });

/** What so many callers at once get, and in how many batches. */
async function burst(of: Model, requests: readonly Feeds[]): Promise<number> {
  const before = of.stats().batches.count;
  await using alone = await device.loadModel(sources.get(of)!, { batching: false });
  const results = await together(of, requests);
  for (const [i, request] of requests.entries()) expectSame(results[i]!, await alone.run(request), `request ${i}`);
  return of.stats().batches.count - before;
}

const sources = new WeakMap<Model, Uint8Array>();
/** Its number of rows is said, not learned: batches are counted here. */
async function load(bytes: Uint8Array, { batching, ...options }: LoadModelOptions = {}): Promise<Model> {
  const rows = { maxBatchSize: 32, ...(batching || { required: false }) };
  const loaded = await device.loadModel(bytes, { batching: rows, ...options });
  sources.set(loaded, bytes);
  return loaded;
}

/** Lets what the last requests began to find out be found: requests of the same kind come, one by one, until `until` holds. */
async function learn(of: Model, request: Feeds, until: (shapes: BatchingFinding['shapes']) => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !until(of.batching.finding!.shapes); i++) {
    await of.run(request);
    await new Promise(setImmediate);
  }
  expect(until(of.batching.finding!.shapes), JSON.stringify(of.batching)).toBe(true);
}
const size = (n: number) => (shapes: BatchingFinding['shapes']) => Object.keys(shapes).length === n;

const rowsOf = (length: number) => Array.from({ length: 4 }, (_, i) => ({ x: floats([1, length], i) }));

describe('by the shape of what comes', () => {
  test('rows share batches where the way through the graph keeps them apart, and nowhere else', async () => {
    await using loaded = await load(byLength());
    expect(loaded.batching).toMatchObject({
      enabled: true,
      reason: expect.stringMatching(/shapes of which it is shown/),
    });
    expect(await burst(loaded, rowsOf(4)), 'nobody shares before it is known').toBe(4);
    await learn(loaded, rowsOf(4)[0]!, size(1));
    expect(await burst(loaded, rowsOf(4))).toBe(1);
    await learn(loaded, rowsOf(5)[0]!, size(2));
    expect(await burst(loaded, rowsOf(5))).toBe(4);
    expect(await burst(loaded, rowsOf(4))).toBe(1);
    expect(Object.values(loaded.batching.finding!.shapes).map(({ verdict }) => verdict)).toEqual([
      'independent',
      'mixed',
    ]);
  });

  test('where no shape that came keeps them apart, the model says that it is not batched', async () => {
    await using loaded = await load(byLength());
    await learn(loaded, rowsOf(5)[0]!, size(1));
    expect(loaded.batching).toMatchObject({ enabled: false, maxBatchSize: 1 });
    expect(loaded.batching.reason).toMatch(/CumSum 'way' works along the batch.*independentRows/);
    await learn(loaded, rowsOf(4)[0]!, size(2));
    expect(loaded.batching.enabled).toBe(true);
  });

  test('an input that all rows share may say the way', async () => {
    const bytes = eitherWay(
      [node('Equal', ['k', 'one'], ['several']), node('Squeeze', ['several'], ['condition'])],
      [value('k', 'int64', [1])],
    );
    await using loaded = await load(bytes, { batching: { batchAxis: { inputs: { k: null } } } });
    const requests = (k: bigint) => rowsOf(3).map(({ x }) => ({ x, k: tensor(BigInt64Array.of(k), [1]) }));
    await learn(loaded, requests(1n)[0]!, size(1));
    await learn(loaded, requests(2n)[0]!, size(2));
    expect(await burst(loaded, requests(1n))).toBe(1);
    expect(await burst(loaded, requests(2n))).toBe(4);
  });

  test('a warm-up finds it out before anybody comes', async () => {
    const inputs = { x: floats([1, 4], 1) };
    await using loaded = await load(byLength(), { warmup: { inputs } });
    expect(await burst(loaded, rowsOf(4))).toBe(1);
  });

  test('a thousand shapes are remembered, and more do no harm', async () => {
    await using loaded = await load(byLength());
    for (let from = 1; from <= 1100; from += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => loaded.run({ x: floats([1, from + i], i) })));
    }
    await learn(loaded, rowsOf(4)[0]!, (shapes) =>
      Object.values(shapes).some(({ verdict }) => verdict === 'independent'),
    );
    expect(Object.keys(loaded.batching.finding!.shapes).length).toBeLessThanOrEqual(1024);
    expect(await burst(loaded, rowsOf(4))).toBe(1);
  });

  test('disposing of a model while it is found out loses nothing', async () => {
    for (let i = 0; i < 20; i++) {
      const loaded = await load(i % 2 === 0 ? byLength() : fused());
      const x = i % 2 === 0 ? floats([1, 4], i) : floats([1, 3, 3], i);
      const running = [loaded.run({ x }), loaded.run({ x })];
      await loaded.dispose();
      expect((await Promise.all(running)).map(({ y }) => y!.dims)).toEqual([x.dims, x.dims]);
    }
  });
});

describe('by trial, where an operator is not known', () => {
  const requests = Array.from({ length: 4 }, (_, i) => ({ x: floats([1, 3, 3], i) }));

  test('rows that agree alone and among others share batches', async () => {
    await using loaded = await load(fused());
    expect(await burst(loaded, requests), 'nobody shares before it is known').toBe(4);
    await learn(loaded, requests[0]!, size(1));
    expect(Object.values(loaded.batching.finding!.shapes)).toEqual([
      { verdict: 'independent', reason: 'runs of a row alone and among others agree' },
    ]);
    expect(loaded.batching.reason).toMatch(/FusedMatMul 'y' is an operator that is not known/);
    expect(await burst(loaded, requests)).toBe(1);
  });

  test('rows that do not, do not', async () => {
    await using loaded = await load(fusedAcross());
    const x = () => Array.from({ length: 4 }, (_, i) => ({ x: floats([1, 3], i) }));
    await learn(loaded, x()[0]!, size(1));
    expect(loaded.batching).toMatchObject({ enabled: false });
    expect(loaded.batching.reason).toMatch(/output 'y' of a row was another in a batch of \d than alone/);
    expect(await burst(loaded, x())).toBe(4);
  });

  test.each<[Tensor['type'], (i: number) => Tensor]>([
    ['float16', (i) => tensor([[i, -1, 2, 3]], { type: 'float16' })],
    ['bfloat16', (i) => tensor([[i, -1, 2, 3]], { type: 'bfloat16' })],
    ['float64', (i) => tensor(Float64Array.of(i, -1, 2, 3), [1, 4])],
    ['int32', (i) => tensor(Int32Array.of(i, -1, 2, 3), [1, 4])],
    ['bool', (i) => tensor([[i === 1, true, false, true].map(Number)], { type: 'bool' })],
    ['string', (i) => tensor([`${i}`, 'a', 'b', ''], [1, 4])],
  ])('of rows of %s', async (type, row) => {
    // It has no bfloat16.
    const [to, from] = type === 'bfloat16' ? [1, 16] : [undefined, undefined];
    const cast = (input: string, output: string, type?: number) =>
      type === undefined ? node('Identity', [input], [output]) : node('Cast', [input], [output], { to: { int: type } });
    const bytes = model({
      inputs: [value('x', type, ['N', 4])],
      outputs: [value('y', type, ['N', 4])],
      nodes: [
        cast('x', 'in', to),
        { ...node('ExpandDims', ['in', 'axis'], ['wide']), ...microsoft },
        node('Squeeze', ['wide', 'one'], ['out']),
        cast('out', 'y', from),
      ],
      initializers: [initializer('axis', 'int32', [], Int32Array.of(1)), ints('one', 1)],
    });
    await using loaded = await load(bytes);
    await learn(loaded, { x: row(0) }, size(1));
    expect(
      await burst(
        loaded,
        [1, 2, 3].map((i) => ({ x: row(i) })),
      ),
    ).toBe(1);
  });

  test('one that fails with other rows leaves the doubt, and requests alone', async () => {
    // The first of a row's two numbers is below 10, the second below 100: a trial that turns them asks for too much.
    const bytes = model({
      inputs: [value('x', 'int64', ['N', 2])],
      outputs: [value('y', 'float32', ['N', 1])],
      nodes: [
        node('Split', ['x'], ['left', 'right'], { axis: { int: 1 }, num_outputs: { int: 2 } }),
        node('Gather', ['ten', 'left'], ['a']),
        node('Gather', ['hundred', 'right'], ['b']),
        node('Add', ['a', 'b'], ['sum']),
        { ...node('FusedMatMul', ['sum', 'weights'], ['y']), ...microsoft },
      ],
      initializers: [
        initializer('ten', 'float32', [10], randomFloats(10, 1)),
        initializer('hundred', 'float32', [100], randomFloats(100, 2)),
        initializer('weights', 'float32', [1, 1], Float32Array.of(2)),
      ],
    });
    await using loaded = await load(bytes);
    const index = (a: number, b: number): Feeds => ({ x: tensor(BigInt64Array.of(BigInt(a), BigInt(b)), [1, 2]) });
    await learn(loaded, index(1, 99), size(1));
    expect(Object.values(loaded.batching.finding!.shapes)[0]).toMatchObject({ verdict: 'doubtful' });
    expect(loaded.batching.reason).toMatch(/a trial with other rows failed: .*out of data bounds/);
    expect(await burst(loaded, [index(0, 1), index(2, 3)])).toBe(2);
  });

  test('an output whose batch has another name is not tried', async () => {
    const bytes = model({
      inputs: [value('x', 'float32', ['N', 3, 3])],
      outputs: [value('y', 'float32', ['detections', 3, 3])],
      nodes: [{ ...node('FusedMatMul', ['x', 'weights'], ['y']), ...microsoft }],
      initializers: [initializer('weights', 'float32', [3, 3], randomFloats(9, 5))],
    });
    await using loaded = await load(bytes);
    await learn(loaded, requests[0]!, size(1));
    expect(loaded.batching.reason).toMatch(/output 'y' has 'detections' rows, which no input has/);
    expect(await burst(loaded, requests)).toBe(4);
  });
});

describe('what was found', () => {
  const requests = Array.from({ length: 4 }, (_, i) => ({ x: floats([1, 3, 3], i) }));

  test('is kept as JSON, and spares the next load the search', async () => {
    await using first = await load(fused());
    await learn(first, requests[0]!, size(1));
    const finding = JSON.parse(JSON.stringify(first.batching.finding)) as BatchingFinding;
    await using second = await load(fused(), { batching: { finding } });
    expect(second.batching.finding).toEqual(finding);
    expect(await burst(second, requests)).toBe(1);
  });

  test('of another model is not used', async () => {
    await using first = await load(fused());
    await learn(first, requests[0]!, size(1));
    const finding = first.batching.finding!;
    await using second = await load(fusedAcross(), { batching: { finding } });
    expect(second.batching.finding!.shapes).toEqual({});
  });

  test.each<[unknown, RegExp]>([
    [7, /batching\.finding must be an object, got 7/],
    [{}, /finding\.verdict must be one of independent, mixed, doubtful, got undefined/],
    [{ verdict: 'mixed', reason: 7 }, /finding\.reason must be a string, got 7/],
    [{ verdict: 'mixed', reason: '', graph: 1 }, /finding\.graph must be a string, got 1/],
    [{ verdict: 'mixed', reason: '', graph: '', shapes: { 4: {} } }, /shapes\['4'\]\.verdict must be/],
    [{ verdict: 'mixed', reason: '', graph: '', shapes: {}, extra: 1 }, /there is no option 'extra'/],
  ])('%j is refused', async (finding, message) => {
    await expectError(load(fused(), { batching: { finding: finding as BatchingFinding } }), 'ERR_ARGUMENT', message);
  });
});

// Requests with more rows than a batch may have.

import fc from 'fast-check';
import { type Device, type LoadModelOptions, open } from 'tensorlane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';
import { expectSame, type Feeds, floats, outcome, together, wholes, withBoth } from './support.js';

let device: Device;
beforeAll(async () => {
  device = await open({ device: testDevice, threads: 1 });
});
afterAll(() => device.dispose());

const request = fc.record({
  rows: fc.integer({ min: 1, max: 70 }),
  outputs: fc.constantFrom(undefined, ['y'], ['t'], ['t', 'y']),
  abort: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
});

test('answers are joined again, whatever else runs, is wanted or is cancelled', async () => {
  const batching = { maxBatchSize: 16, allowedBatchSizes: [4, 16], batchAxis: { outputs: { t: 2 } } };
  await withBoth(device, models.turned(), { batching }, async (batched, alone) => {
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 8 }), fc.nat(1000), async (requests, seed) => {
        const controllers = requests.map(() => new AbortController());
        const feeds = requests.map(({ rows }, i) => ({ x: floats([rows, 3, 2], seed + i) }));
        const runs = requests.map(({ outputs }, i) =>
          outcome(batched.run(feeds[i]!, { outputs, signal: controllers[i]!.signal })),
        );
        requests.forEach(({ abort }, i) => {
          if (abort) controllers[i]!.abort();
        });
        for (const [i, { outputs, abort }] of requests.entries()) {
          const result = await runs[i]!;
          if (abort && result instanceof Error) expect(result.code).toBe('ERR_ABORTED');
          else expectSame(result as Feeds, await alone.run(feeds[i]!, { outputs }), `request ${i}`);
        }
      }),
      { numRuns: 60 },
    );
    const { requests, batches } = batched.stats();
    expect(requests).toMatchObject({ failed: 0, pending: 0, queued: 0 });
    expect(Math.max(...Object.keys(batches.sizes).map(Number))).toBe(16);
  });
});

test('of very many rows there are no more parts than 256, unless it is said how many rows a batch has', async () => {
  const rows = 20_000;
  const x = wholes([rows], 1);
  const bytes = models.identity('float32', ['N']);
  const batchesOf = async (options: LoadModelOptions) => {
    await using model = await device.loadModel(bytes, options);
    const [whole, small] = await together(model, [{ x }, { x: wholes([3], 2) }]);
    expect(whole!.y).toEqual({ type: 'float32', data: x.data, dims: [rows] });
    expect(small!.y!.data).toEqual(wholes([3], 2).data);
    expect(model.stats().requests).toMatchObject({ completed: 2, failed: 0 });
    return model.stats().batches;
  };
  const found = await batchesOf({});
  expect(Math.max(...Object.keys(found.sizes).map(Number))).toBe(Math.ceil(rows / 256));
  expect(found.count).toBeLessThanOrEqual(257);
  const said = await batchesOf({ batching: { maxBatchSize: 32 } });
  expect(Math.max(...Object.keys(said.sizes).map(Number))).toBe(32);
  expect(said.count).toBeGreaterThanOrEqual(625);
  // Fewer rows are in batches as they ever were.
  await using model = await device.loadModel(bytes);
  await model.run({ x: wholes([1000], 3) });
  expect(Math.max(...Object.keys(model.stats().batches.sizes).map(Number))).toBeLessThanOrEqual(32);
});

test('ragged requests are split and cut to their own length', async () => {
  const padVariableLength = { inputs: { x: { axis: 1 } }, maskInput: 'mask', lengths: [6] };
  await using model = await device.loadModel(models.masked(), { batching: { maxBatchSize: 4, padVariableLength } });
  const xs = [wholes([11, 5, 2], 1), wholes([3, 6, 2], 2), wholes([9, 1, 2], 3)];
  const results = await together(
    model,
    xs.map((x) => ({ x })),
  );
  for (const [i, x] of xs.entries()) {
    expect(results[i]!.y).toEqual({ type: 'float32', data: x.data.map((v) => v + 1), dims: x.dims });
    expect(results[i]!.ones!.data).toEqual(new Float32Array(x.dims[0]!).fill(x.dims[1]!));
  }
});

test('large requests, read where they are; and changed ones are refused', async () => {
  await using model = await device.loadModel(models.square({ features: 1000 }), { batching: { maxBatchSize: 64 } });
  const x = floats([300, 1000], 1);
  const y = { type: 'float32' as const, data: x.data.map((v) => v * v), dims: x.dims };
  expectSame(await model.run({ x }), { y }, 'a split request');
  expect(model.stats().batches).toMatchObject({ count: 5, rows: 300 });
  const run = model.run({ x });
  structuredClone(x.data, { transfer: [x.data.buffer as ArrayBuffer] });
  await expectError(run, 'ERR_SHAPE', /had 300000 elements when it was given, but 0 when it was needed/);
});

test('a split request with one bad row fails as a whole, and no other', async () => {
  await using model = await device.loadModel(models.lookup({ rows: 10, features: 1 }), {
    batching: { maxBatchSize: 4 },
  });
  const index = (n: number, bad: number) =>
    ({
      type: 'int64',
      data: BigInt64Array.from({ length: n }, (_, i) => (i === bad ? 99n : 5n)),
      dims: [n, 1],
    }) as const;
  const runs = [index(9, -1), index(9, 6), index(2, -1)].map((of) => outcome(model.run({ index: of })));
  const [first, second, third] = await Promise.all(runs);
  expect((first as Feeds).y!.data).toEqual(new Float32Array(9).fill(5));
  expect(second).toMatchObject({ code: 'ERR_MODEL' });
  expect((third as Feeds).y!.data).toEqual(Float32Array.of(5, 5));
  expect(model.stats().requests).toMatchObject({ accepted: 3, completed: 2, failed: 1, pending: 0 });
});

test('splitOversize: false refuses', async () => {
  await using model = await device.loadModel(models.square(), { batching: { maxBatchSize: 4, splitOversize: false } });
  await expectError(model.run({ x: floats([5, 16], 1) }), 'ERR_SHAPE', /more rows than maxBatchSize, 4/);
  expect(model.stats().requests.refused.oversize).toBe(1);
  await expectError(
    device.loadModel(models.square(), { batching: { splitOversize: 1 as never } }),
    'ERR_ARGUMENT',
    /batching\.splitOversize must be true or false, got 1/,
  );
});

test('rows that have no elements, of which there may be more than anybody can keep in mind', async () => {
  const bytes = models.model({
    inputs: [models.value('x', 'float32', ['N', 'K'])],
    outputs: [models.value('y', 'float32', ['N', 'K'])],
    nodes: [models.node('Relu', ['x'], ['y'])],
  });
  await using model = await device.loadModel(bytes, { batching: { maxBatchSize: 32 } });
  const x = { type: 'float32', data: new Float32Array(0), dims: [1e12, 0] } as const;
  await expectError(model.run({ x }), 'ERR_SHAPE', /more rows than 262144 batches of maxBatchSize, 32, have/);
  const few = { ...x, dims: [100, 0] };
  expect((await model.run({ x: few })).y!.dims).toEqual([100, 0]);
  await using found = await device.loadModel(bytes);
  expect((await found.run({ x })).y!.dims).toEqual([1e12, 0]);
});

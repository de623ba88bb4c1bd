// The batch on any axis, or on none: whoever shares a batch gets to the bit what a run alone gives.

import fc from 'fast-check';
import { type Device, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';
import { expectSame, type Feeds, floats, outcome, together, withBoth } from './support.js';

let device: Device;
beforeAll(async () => {
  device = await open({ device: testDevice, threads: 1 });
});
afterAll(() => device.dispose());

const recurrentAxes = { inputs: { state: 1, k: null }, outputs: { next: 1 } } as const;
const scalar = (value: number) => tensor(Float32Array.of(value), []);

describe('a batch on an axis that is not the first', () => {
  test('requests of any rows, in any order, get what each gets alone', async () => {
    const options = { batching: { maxBatchSize: 16, batchAxis: recurrentAxes } };
    await withBoth(device, models.recurrent(), options, async (batched, alone) => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 12 }), fc.nat(), async (rows, seed) => {
          const requests = rows.map((n, i) => ({
            x: floats([n, 4], seed + i),
            state: floats([2, n, 3], seed + i + 100),
            k: scalar(2),
          }));
          const results = await together(batched, requests);
          for (const [i, request] of requests.entries()) {
            expectSame(results[i]!, await alone.run(request), `request ${i} of rows ${rows}`);
          }
        }),
        { numRuns: 60 },
      );
      const { count, rows } = batched.stats().batches;
      expect(rows / count).toBeGreaterThan(3);
    });
  });

  test.each(['float32', 'int64', 'string', 'bool'] as const)(
    'outputs with the batch on different axes, of %s',
    async (type) => {
      const batchAxis = { outputs: { t: 2 } };
      const options = { batching: { maxBatchSize: 12, allowedBatchSizes: [5, 12], batchAxis } };
      await withBoth(device, models.turned({ type }), options, async (batched, alone) => {
        const request = (n: number, m: number, seed: number): Feeds => {
          const numbers = Array.from({ length: n * 3 * m }, (_, i) => (i + seed) % 251);
          const data = {
            float32: () => Float32Array.from(numbers),
            int64: () => BigInt64Array.from(numbers.map(BigInt)),
            string: () => numbers.map((v) => `row ${v}`),
            bool: () => Uint8Array.from(numbers, (v) => v % 2),
          }[type]();
          return { x: { type, data, dims: [n, 3, m] } as Tensor };
        };
        const shape = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 3 }), fc.nat(250));
        await fc.assert(
          fc.asyncProperty(fc.array(shape, { minLength: 1, maxLength: 8 }), async (shapes) => {
            const requests = shapes.map((of) => request(...of));
            const results = await together(batched, requests);
            for (const [i, feeds] of requests.entries())
              expectSame(results[i]!, await alone.run(feeds), `request ${i}`);
          }),
          { numRuns: 40 },
        );
        expect(batched.stats().requests.failed).toBe(0);
        expect(batched.stats().batches.paddedRows).toBeGreaterThan(0);
      });
    },
  );

  test('large tensors, which are read where they are, too', async () => {
    const options = { batching: { maxBatchSize: 100, batchAxis: { outputs: { t: 2 } } } };
    await withBoth(device, models.turned(), options, async (batched, alone) => {
      const requests = [1, 30, 7, 60].map((n, i) => ({ x: floats([n, 3, 900], i + 1) }));
      for (let round = 0; round < 3; round++) {
        const results = await together(batched, requests);
        for (const [i, request] of requests.entries()) expectSame(results[i]!, await alone.run(request), `${i}`);
      }
      expect(batched.stats().batches.sizes).toEqual({ 98: 3 });
    });
  });

  test('an axis that turns out not to be the batch ends batching, and nobody gets wrong rows', async () => {
    const options = { batching: { batchAxis: { outputs: { t: 0 } }, independentRows: true } };
    await using model = await device.loadModel(models.turned(), options);
    const requests = [1, 2, 3].map((n) => ({ x: floats([n, 3, 5], n) }));
    const results = await together(model, requests);
    expect(results.map(({ t }) => t!.dims)).toEqual([1, 2, 3].map((n) => [5, 3, n]));
    expect(model.batching).toMatchObject({ enabled: false });
    expect(model.batching.reason).toMatch(/output 't' has 5 rows where 6 went in/);
  });

  test('it also ends filling up to allowed sizes', async () => {
    const batchAxis = { outputs: { t: 0 } };
    const options = { batching: { allowedBatchSizes: [4, 8], batchAxis, independentRows: true } };
    await using model = await device.loadModel(models.turned(), options);
    for (let round = 0; round < 2; round++) {
      const results = await together(
        model,
        [1, 2].map((n) => ({ x: floats([n, 3, 5], n) })),
      );
      expect(results.map(({ t }) => t!.dims)).toEqual([1, 2].map((n) => [5, 3, n]));
    }
  });
});

test('a model whose rows are mixed is not filled up to allowed sizes', async () => {
  await using model = await device.loadModel(models.crossRow({ features: 2 }), {
    batching: { allowedBatchSizes: [4, 8] },
  });
  expect(model.batching.enabled).toBe(false);
  // It keeps the rows with the largest sum: padding would be among them.
  expect((await model.run({ x: tensor(Float32Array.of(-1, -1), [1, 2]) })).y!.dims).toEqual([0, 2]);
});

test.each([
  ['a fixed batch', models.fixedBatch({ batch: 2 }), {}, /input 'x' has a fixed leading dimension: \[2, 4\]/],
  ['packed elements', models.identity('int4', ['N', 4]), {}, /input 'x' packs two int4 elements a byte/],
  ['a scalar', models.recurrent(), { batchAxis: { inputs: { state: 1 } } }, /input 'k' is a scalar .*batchAxis \(null/],
])('batching that is asked for and impossible is refused: %s', async (_, bytes, batching, message) => {
  await expectError(device.loadModel(bytes, { batching }), 'ERR_ARGUMENT', message);
  await using model = await device.loadModel(bytes);
  expect(model.batching.enabled).toBe(false);
});

describe('an input that is not of the batch', () => {
  test('shares batches with equal ones only, to the bit', async () => {
    const options = { batching: { batchAxis: recurrentAxes } };
    await withBoth(device, models.recurrent(), options, async (batched, alone) => {
      const ks = [2, 3, 2, 0, -0, 2, Number.NaN, 3];
      const requests = ks.map((k, i) => ({ x: floats([1, 4], i), state: floats([2, 1, 3], i), k: scalar(k) }));
      const results = await together(batched, requests);
      for (const [i, request] of requests.entries()) {
        expectSame(results[i]!, await alone.run(request), `k = ${ks[i]}`);
      }
      expect(batched.stats().batches.sizes).toEqual({ 3: 1, 2: 1, 1: 3 });
    });
  });

  test('that is too large to compare is refused by name', async () => {
    const batchAxis = { inputs: { b: null } };
    await using model = await device.loadModel(models.matmulPair(), { batching: { batchAxis } });
    const b = floats([4, 300], 1);
    await expectError(
      model.run({ a: floats([1, 4], 1), b }),
      'ERR_SHAPE',
      /'b' is not of the batch, and may have 1024 elements, got 1200/,
    );
    const results = await together(
      model,
      [1, 2].map((n) => ({ a: floats([n, 4], n), b: floats([4, 5], 1) })),
    );
    expect(results.map(({ y }) => y!.dims)).toEqual([
      [1, 5],
      [2, 5],
    ]);
    expect(model.stats().batches.sizes).toEqual({ 3: 1 });
  });

  test('an output that is not of the batch goes to all as it is, each with memory of its own', async () => {
    const shared = models.model({
      inputs: [models.value('x', 'float32', ['N', 2]), models.value('k', 'float32', [3])],
      outputs: [models.value('y', 'float32', ['N', 2]), models.value('copy', 'float32', [3])],
      nodes: [models.node('Neg', ['x'], ['y']), models.node('Neg', ['k'], ['copy'])],
    });
    const batchAxis = { inputs: { k: null }, outputs: { copy: null } };
    const options = { batching: { allowedBatchSizes: [4, 32], batchAxis } };
    await withBoth(device, shared, options, async (batched, alone) => {
      for (let round = 0; round < 3; round++) {
        const requests = [1, 2, 40].map((n) => ({ x: floats([n, 2], n), k: floats([3], 7) }));
        const results = await together(batched, requests);
        for (const [i, request] of requests.entries()) expectSame(results[i]!, await alone.run(request), `${i}`);
        (results[0]!.copy!.data as Float32Array).fill(0);
        expect(results[1]!.copy!.data[0]).not.toBe(0);
      }
    });
  });
});

test.each([
  [{ inputs: { y: 0 } }, /batching\.batchAxis\.inputs: the model has no 'y'; it has 'x'/],
  [{ outputs: { x: 0 } }, /batching\.batchAxis\.outputs: the model has no 'x'; it has 'y', 't'/],
  [{ inputs: { x: 3 } }, /batching\.batchAxis\.inputs\.x must be an axis of \[-1, 3, -1\] or null, got 3/],
  [{ inputs: { x: -1 } }, /batching\.batchAxis\.inputs\.x must be an integer of at least 0, got -1/],
  [{ inputs: { x: '0' } }, /batching\.batchAxis\.inputs\.x must be an integer of at least 0, got '0'/],
  [{ input: { x: 0 } }, /batching\.batchAxis: there is no option 'input'; there is inputs, outputs/],
  [null, /batching\.batchAxis must be an object, got null/],
])('batchAxis %j is refused', async (batchAxis, message) => {
  const outcomeOf = await outcome(device.loadModel(models.turned(), { batching: { batchAxis } } as never));
  expect(outcomeOf).toMatchObject({ code: 'ERR_ARGUMENT', message: expect.stringMatching(message) });
});

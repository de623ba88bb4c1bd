// Warming up: what runs before loadModel resolves, and that no statistics of requests know of it.

import { type Device, type LoadModelOptions, open, type Tensor, tensor, type WarmupOptions } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { models as benchModels } from '../../bench/models.js';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';
import { floats, outcome } from './support.js';

let device: Device;
beforeAll(async () => {
  device = await open({ device: testDevice, threads: 1 });
});
afterAll(() => device.dispose());

/** How many runs a load took; each is an operation on a lane. */
async function runsOf(bytes: Uint8Array, options: LoadModelOptions): Promise<number> {
  const before = device.stats().streams.completed;
  const model = await device.loadModel(bytes, options);
  const { completed, busy } = device.stats().streams;
  expect(busy, 'nothing of the warm-up is left').toBe(0);
  expect(model.stats()).toMatchObject({ requests: { accepted: 0, pending: 0 }, batches: { count: 0, rows: 0 } });
  expect(model.stats().computeMicros.count).toBe(0);
  await model.dispose();
  return completed - before;
}

const batching = { maxBatchSize: 8 };
test.each<[string, () => Uint8Array, LoadModelOptions, number]>([
  ['nothing by default', models.square, {}, 0],
  ['nothing if told so', models.square, { warmup: false }, 0],
  ['one row and the most', models.square, { warmup: true }, 2],
  ['one size where they are the same', models.square, { warmup: true, batching: { maxBatchSize: 1 } }, 1],
  ['the allowed sizes', models.square, { warmup: true, batching: { allowedBatchSizes: [2, 4, 8] } }, 3],
  ['the given sizes, each as often', models.square, { warmup: { batchSizes: [1, 5, 5, 8], count: 3 }, batching }, 9],
  ['a model that is not batched, once', models.fixedBatch, { warmup: true }, 1],
  ['one whose rows are mixed, once', models.crossRow, { warmup: true, batching }, 1],
  ['strings', models.strings, { warmup: true, batching }, 2],
  [
    'a scalar beside the batch',
    models.recurrent,
    {
      warmup: true,
      batching: { ...batching, batchAxis: { inputs: { state: 1, k: null }, outputs: { next: 1 } } },
    },
    2,
  ],
  [
    'a mask that the library makes',
    models.masked,
    {
      warmup: true,
      batching: { ...batching, padVariableLength: { inputs: { x: { axis: 1 } }, maskInput: 'mask', lengths: [16] } },
    },
    2,
  ],
  ['packed elements', () => models.identity('int4', ['N', 3]), { warmup: true }, 1],
])('runs %s', async (_, bytes, options, runs) => {
  expect(await runsOf(bytes(), options)).toBe(runs);
});

test('runs the rows that it is given', async () => {
  const index = (...of: bigint[]) => tensor(BigInt64Array.from(of), [of.length, 1]);
  const load = (inputs: WarmupOptions['inputs']) =>
    device.loadModel(models.lookup({ rows: 10 }), { warmup: { inputs: inputs!, batchSizes: [1, 3] }, batching });
  await using model = await load({ index: index(9n) });
  expect((await model.run({ index: index(9n) })).y!.data[0]).toBe(9);
  const before = device.stats().models;
  await expectError(load({ index: index(10n) }), 'ERR_MODEL', /warmup of 1 rows: .*indices element out of data bounds/);
  expect(device.stats().models, 'a model whose warm-up failed is not left behind').toBe(before);
});

test('that fails on inputs which were made up says so, and where better ones are given', async () => {
  const batchAxis = { inputs: { state: 1, sr: null }, outputs: { stateN: 1 } };
  const load = (warmup: LoadModelOptions['warmup']) =>
    device.loadModel(benchModels.voiceActivity(), { batching: { ...batching, batchAxis }, warmup: warmup! });
  const error = await expectError(load(true), 'ERR_MODEL', /Pad/);
  expect(error.message).toMatch(/ran on zeros of the smallest shapes \(input: float32 \[1, 1\], .*warmup\.inputs/);
  const inputs = {
    input: tensor(new Float32Array(576), [1, 576]),
    sr: tensor(BigInt64Array.of(16000n), []),
  };
  await using loaded = await load({ inputs });
  expect(Object.values(loaded.batching.finding!.shapes)).toEqual([{ verdict: 'independent', reason: '' }]);
});

test('shows that rows cannot be told apart, and goes on with one at a time', async () => {
  for (const allowedBatchSizes of [undefined, [4, 8]]) {
    const options = {
      warmup: { batchSizes: [1, 3] },
      batching: { independentRows: true, ...(allowedBatchSizes && { allowedBatchSizes }) },
    };
    await using model = await device.loadModel(models.crossRow({ features: 2 }), options);
    expect(model.batching).toMatchObject({ enabled: false, reason: expect.stringMatching(/output 'y' has 0 rows/) });
    expect((await model.run({ x: tensor(Float32Array.of(1, 1, -1, -1), [2, 2]) })).y!.dims).toEqual([1, 2]);
  }
});

test('teaches the scheduler how long batches take', async () => {
  const options = { batching: { maxBatchSize: 64, targetLatencyMicros: 1 }, warmup: { batchSizes: [64], count: 3 } };
  await using model = await device.loadModel(models.slow({ iterations: 100, width: 64 }), options);
  const { adaptive } = model.stats();
  // Nothing is as quick as a microsecond, so as few rows as there can be.
  expect(adaptive).toMatchObject({ targetMicros: 1, rows: 1 });
});

test('while a device serves others, whose answers stay right', async () => {
  await using busy = await device.loadModel(models.square({ features: 4 }));
  let going = true;
  const traffic = (async () => {
    for (let i = 0; going; i++) {
      const requests = [1, 2, 3].map((n) => floats([n, 4], i + n));
      const results = await Promise.all(requests.map((x) => busy.run({ x })));
      results.forEach(({ y }, n) => {
        expect(y!.data).toEqual(requests[n]!.data.map((v) => v * v));
      });
    }
  })();
  for (let i = 0; i < 5; i++) {
    await using other = await device.loadModel(models.slow({ iterations: 50 }), { warmup: true });
    expect(other.batching.enabled).toBe(true);
  }
  going = false;
  await traffic;
  expect(busy.stats().requests).toMatchObject({ failed: 0, pending: 0 });
});

describe('options are refused by name, value and what is allowed', () => {
  const x = (dims: number[]): Tensor => floats(dims, 1);
  test.each<[unknown, string, RegExp]>([
    [1, 'ERR_ARGUMENT', /warmup must be true, false or an object, got 1/],
    [null, 'ERR_ARGUMENT', /warmup must be true, false or an object, got null/],
    [{ rows: 3 }, 'ERR_ARGUMENT', /warmup: there is no option 'rows'; there is inputs, batchSizes, count/],
    [{ count: 0 }, 'ERR_ARGUMENT', /warmup\.count must be an integer of at least 1, got 0/],
    [{ batchSizes: 4 }, 'ERR_ARGUMENT', /warmup\.batchSizes must be an array, got 4/],
    [{ batchSizes: [1, 9] }, 'ERR_ARGUMENT', /warmup\.batchSizes must be an integer from 1 to 8, got 9/],
    [{ inputs: null }, 'ERR_ARGUMENT', /warmup\.inputs must be an object, got null/],
    [{ inputs: { z: x([1, 16]) } }, 'ERR_ARGUMENT', /warmup\.inputs: the model has no input 'z'; it takes 'x'/],
    [{ inputs: { x: 5 } }, 'ERR_ARGUMENT', /warmup\.inputs: input 'x' must be a tensor/],
    [
      { inputs: { x: x([1, 15]) } },
      'ERR_SHAPE',
      /warmup\.inputs: input 'x' takes dims \[N, 16\], but was given \[1, 15\]/,
    ],
    [{ inputs: { x: x([2, 16]) } }, 'ERR_SHAPE', /warmup\.inputs: one row of each input is wanted, got 2/],
    [{ inputs: { x: tensor(new Int32Array(16), [1, 16]) } }, 'ERR_DTYPE', /warmup\.inputs: input 'x' takes float32/],
  ])('%j', async (warmup, code, message) => {
    const before = device.stats().models;
    const refused = await outcome(device.loadModel(models.square(), { warmup, batching } as LoadModelOptions));
    expect(refused).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(device.stats().models).toBe(before);
  });
});

// Disposal while a model loads, warms up, runs, and is given up: everyone is told, nothing is left, nobody waits.

import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { type Device, type LoadModelOptions, open, TensorlaneError } from 'tensorlane';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';
import { floats, outcome } from './support.js';

let device: Device;
beforeEach(async () => {
  device = await open({ device: testDevice, threads: 1, streams: 2 });
});
afterEach(() => device.dispose());

const slow = models.slow({ iterations: 300, width: 64 });

describe('a device that is disposed while models load and warm up', () => {
  const warm: LoadModelOptions = { warmup: { batchSizes: [1, 4, 8, 16], count: 5 }, batching: { maxBatchSize: 16 } };

  test('rejects the load, at whatever moment, and is left empty', async () => {
    const seen = new Set<string>();
    for (let turns = 0; turns < 40; turns++) {
      const own = await open({ device: testDevice, threads: 1, streams: 1 });
      const loads = [own.loadModel(slow, warm), own.loadModel(slow)].map(outcome);
      for (let i = 0; i < turns; i++) await turn();
      const disposal = own.dispose();
      const [warmed, plain] = await Promise.all(loads);
      await disposal;
      for (const result of [warmed!, plain!]) {
        if (!(result instanceof TensorlaneError)) {
          // It had been loaded before.
          await expectError(result.run({ x: floats([1, 64], 1) }), 'ERR_DISPOSED');
          continue;
        }
        expect(result.code, result.message).toBe('ERR_DISPOSED');
        seen.add(result.message);
      }
      expect(own.stats()).toMatchObject({ models: 0, streams: { busy: 0, queued: 0 } });
      if (seen.size >= 2 && turns > 5) break;
    }
  });

  test('says so where it warmed up', async () => {
    const loading = outcome(device.loadModel(slow, { warmup: { count: 2000 } }));
    const before = device.stats().streams.completed;
    while (device.stats().streams.completed < before + 3) await turn();
    await device.dispose();
    expect(await loading).toMatchObject({
      code: 'ERR_DISPOSED',
      message: expect.stringMatching(/while the model warmed up/),
    });
    expect(device.stats().models).toBe(0);
  });
});

test('a model is disposed at any moment of its runs, sequences and splits, and all of them are settled', async () => {
  const batching = {
    maxBatchSize: 8,
    allowedBatchSizes: [4, 8],
    batchAxis: { inputs: { state: 1, k: null }, outputs: { next: 1 } },
  };
  const bytes = models.recurrent();
  const k = { type: 'float32' as const, data: Float32Array.of(1), dims: [] };
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 12 }), fc.boolean(), async (turns, delays) => {
      const maxQueueDelayMicros = delays ? 2000 : 0;
      const model = await device.loadModel(Uint8Array.from(bytes), { batching: { ...batching, maxQueueDelayMicros } });
      const sequence = model.sequence({ states: { state: 'next' }, idleTimeoutMicros: 1e6 });
      const feeds = (rows: number) => ({ x: floats([rows, 4], rows), state: floats([2, rows, 3], 1), k });
      const runs = [1, 3, 30].map((rows) => model.run(feeds(rows)));
      const steps = [1, 2, 3].map(() => outcome(sequence.run({ x: floats([1, 4], 1), k })));
      for (let i = 0; i < turns; i++) await turn();
      const disposals = [model.dispose(), model.dispose()];
      const late = outcome(model.run(feeds(1)));
      for (const [i, { y }] of (await Promise.all(runs)).entries()) expect(y!.dims[0]).toBe([1, 3, 30][i]);
      for (const step of await Promise.all(steps)) {
        if (step instanceof TensorlaneError) expect(step.code).toBe('ERR_DISPOSED');
      }
      expect(await late).toMatchObject({ code: 'ERR_DISPOSED' });
      await Promise.all(disposals);
      expect(disposals[0]).toBe(disposals[1]);
      await model.dispose();
      const { accepted, completed, failed, pending } = model.stats().requests;
      expect({ failed, pending, left: accepted - completed }).toEqual({ failed: 0, pending: 0, left: 0 });
    }),
    { numRuns: 60 },
  );
  expect(device.stats().models).toBe(0);
});

test('a load that fails for its options leaves nothing behind', async () => {
  const bad: [LoadModelOptions, string][] = [
    [{ batching: { batchAxis: { inputs: { z: 1 } } } }, 'ERR_ARGUMENT'],
    [{ batching: { padVariableLength: { inputs: { x: { axis: 1 } } } } }, 'ERR_ARGUMENT'],
    [{ warmup: { inputs: { z: floats([1], 1) } } }, 'ERR_ARGUMENT'],
    [{ warmup: { inputs: { x: floats([1, 3], 1) } } }, 'ERR_SHAPE'],
  ];
  for (const [options, code] of bad) await expectError(device.loadModel(slow, options), code);
  expect(device.stats()).toMatchObject({ models: 0, streams: { busy: 0, queued: 0 } });
});

test.each<[unknown, RegExp]>([
  [null, /loadModel: options must be an object, got null/],
  [{ batching: null }, /loadModel: batching must be an object or false, got null/],
  [{ batching: { concurrency: 2 } }, /loadModel: batching: there is no option 'concurrency'/],
  [
    { batching: { allowedBatchSizes: [4, 2] } },
    /batching\.allowedBatchSizes must be ascending positive integers, got \[4, 2\]/,
  ],
  [
    { batching: { allowedBatchSizes: [4], maxBatchSize: 8 } },
    /batching\.allowedBatchSizes must end with maxBatchSize, 8, got \[4\]/,
  ],
  [
    { batching: { priorityLevels: 2, defaultPriority: 3 } },
    /batching\.defaultPriority must be an integer from 1 to 2, got 3/,
  ],
  [
    { batching: { queuePolicies: { 2: {} } } },
    /batching\.queuePolicies is for priorities from 1 to 1, got one for '2'/,
  ],
  [{ concurrency: 0 }, /concurrency must be an integer from 1 to 1024, got 0/],
  [{ concurrency: 1e9 }, /concurrency must be an integer from 1 to 1024, got 1000000000/],
  [{ threads: '2' }, /threads must be an integer from 1 to 1024, got '2'/],
  [{ name: 7 }, /loadModel: name must be a string, got 7/],
])('options %j are refused', async (options, message) => {
  await expectError(device.loadModel(slow, options as LoadModelOptions), 'ERR_ARGUMENT', message);
});

test.each<[unknown, RegExp]>([
  [{ outputs: [] }, /run: outputs must be an array with at least one name/],
  [{ outputs: 'y' }, /run: outputs must be an array with at least one name/],
  [{ outputs: ['y', 'z'] }, /run: the model has no output 'z'; it has 'y'/],
  [{ priority: 2 }, /run: priority must be an integer from 1 to priorityLevels, 1, got 2/],
  [{ timeoutMicros: -1 }, /run: timeoutMicros must be a number of at least 0, got -1/],
  [{ signal: 1 }, /run: signal must be an AbortSignal, got 1/],
])('options of a run %j are refused', async (options, message) => {
  await using model = await device.loadModel(models.square());
  const x = floats([1, 16], 1);
  await model.run({ x }, { outputs: ['y'] });
  await expectError(model.run({ x }, options as never), 'ERR_ARGUMENT', message);
});

// The types of the built package, as its users' compilers see them, by the rules of the project (strict, with exact optional
// properties): what is right compiles, and what is wrong does not.

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Device, LinearAlgebra, Model, open, TensorOperations } from 'tensorlane';
import { expect, test } from 'vitest';
import { square } from './support/onnx-builder.js';

test('what is right compiles, and what is wrong does not', () => {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  const project = fileURLToPath(new URL('./types/tsconfig.json', import.meta.url));
  const { stdout, stderr, status } = spawnSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8' });
  expect(`${stdout}${stderr}`).toBe('');
  expect(status).toBe(0);
});

test('what is exported may be asked for with instanceof', async () => {
  await using device = await open('cpu');
  const model = await device.loadModel(square());
  expect(device).toBeInstanceOf(Device);
  expect(model).toBeInstanceOf(Model);
  expect(device.linalg).toBeInstanceOf(LinearAlgebra);
  expect(device.ops).toBeInstanceOf(TensorOperations);
  expect({}).not.toBeInstanceOf(Model);
});

test('options may be undefined, one and all', async () => {
  const nothing = (...names: string[]) => Object.fromEntries(names.map((name) => [name, undefined]));
  const opened = [
    'device',
    'streams',
    'highPriorityStreams',
    'resources',
    'memory',
    'threads',
    'niceness',
    'onnxruntime',
  ];
  await using device = await open({ ...nothing(...opened), device: 'cpu' });
  const queueing = ['maxQueueSize', 'defaultTimeoutMicros', 'timeoutAction', 'allowTimeoutOverride', 'queuePolicies'];
  const sizes = ['maxBatchSize', 'maxQueueDelayMicros', 'preferredBatchSizes', 'allowedBatchSizes', 'splitOversize'];
  const others = ['priorityLevels', 'defaultPriority', 'preserveOrdering', 'targetLatencyMicros'];
  const axes = ['independentRows', 'batchAxis', 'padVariableLength', 'finding'];
  const model = await device.loadModel(square({ features: 2 }), {
    ...nothing('concurrency', 'threads', 'rateLimiter', 'warmup', 'name', 'session'),
    batching: nothing(...queueing, ...sizes, ...others, ...axes),
  });
  const x = { type: 'float32', data: Float32Array.of(1, 2), dims: [1, 2] } as const;
  const run = nothing('signal', 'priority', 'timeoutMicros', 'outputs', 'resident');
  expect((await model.run({ x }, run)).y!.data).toEqual(Float32Array.of(1, 4));
});

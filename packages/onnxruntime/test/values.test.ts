// Values that onnxruntime-node cannot pass: sequences, other element types, tensors of the device.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as Tensorlane from 'tensorlane';
import { expect, test } from 'vitest';
import { folderOfModels } from './models.js';
import { floats, ort } from './support.js';

const folder = folderOfModels();
const require = createRequire(import.meta.url);
// The same that the package has: vitest would load another.
const { open, tensor } = require('tensorlane') as typeof Tensorlane;
const { InferenceSession, Tensor } = ort;
const create = (name: string) => InferenceSession.create(join(folder, `${name}.onnx`));

test('a sequence goes in and comes out as an array of tensors', async () => {
  const made = await (await create('sequence')).run({ a: floats([1, 2]) });
  const sequence = made.s as unknown as InstanceType<typeof Tensor>[];
  expect(sequence.map((item) => [item instanceof Tensor, item.dims, item.data])).toEqual([
    [true, [2], Float32Array.of(1, 2)],
    [true, [2], Float32Array.of(1, 2)],
  ]);
  expect(made.y).toBeInstanceOf(Tensor);
  const { y } = await (await create('atPlace')).run({
    s: [floats([1]), floats([2, 3])] as never,
    i: new Tensor('int64', [1n], []),
  });
  expect(y!.data).toEqual(Float32Array.of(2, 3));
});

test('bfloat16 keeps its bits and its name', async () => {
  const session = await create('of-bfloat16');
  expect(session.inputMetadata).toEqual([{ name: 'x', isTensor: true, type: 'bfloat16', shape: ['N', 2] }]);
  const x = { type: 'bfloat16', data: Uint16Array.of(0x3f80, 0x4000), dims: [1, 2], location: 'cpu' };
  const { y } = await session.run({ x: x as never });
  expect(y).toMatchObject({ type: 'bfloat16', dims: [1, 2], size: 2, location: 'cpu', data: x.data });
  expect(y).toBeInstanceOf(Tensor);
});

test('a tensor of the device goes in as a gpu-buffer, and outputs stay there where they are to', async () => {
  // The device's own memory is the host's here; which outputs stay is decided in the same way on CUDA.
  const { SessionHandler } = require('@tensorlane/onnxruntime/dist/session/handler.js');
  await using device = await open('cpu');
  await using model = await device.loadModel(join(folder, 'two.onnx'));
  const handler = new SessionHandler(model, { copyInputs: true, resident: new Set(['sum']) });
  const there = await device.put(tensor([[1, 2, 3]]));
  const a = Tensor.fromGpuBuffer(there as never, { dataType: 'float32', dims: [1, 3] });
  const { sum, product } = await handler.run({ a, b: floats([1, 1, 1], [1, 3]) }, { sum: null, product: null }, {});
  expect([sum.location, product.location]).toEqual(['gpu-buffer', 'cpu']);
  expect(product.data).toEqual(Float32Array.of(1, 2, 3));
  expect(await sum.getData()).toEqual(Float32Array.of(2, 3, 4));
  const kept = (await handler.run({ a, b: a }, { sum: null }, {})).sum;
  const host = floats([0, 0, 0], [1, 3]);
  const filled = await handler.run({ a: kept, b: a }, { sum: host }, {});
  expect([filled.sum.location, host.data]).toEqual(['cpu', Float32Array.of(3, 6, 9)]);
  kept.dispose();
  const wrong = Tensor.fromGpuBuffer(there as never, { dataType: 'float32', dims: [2, 3] });
  await expect(handler.run({ a: wrong, b: a }, { sum: null }, {})).rejects.toThrow(
    /is a device tensor of float32 \[1, 3\], not of float32 \[2, 3\]/,
  );
  const none = Tensor.fromGpuBuffer({} as never, { dataType: 'float32', dims: [1, 3] });
  await expect(handler.run({ a: none, b: a }, { sum: null }, {})).rejects.toThrow(
    /gpuBuffer must be an external object/,
  );
  await there.dispose();
});

test('a provider that cannot run says what lay beneath', async () => {
  const error = await InferenceSession.create(join(folder, 'two.onnx'), { executionProviders: ['cuda', 'cpu'] }).catch(
    (reason) => reason,
  );
  expect(error.message).toBe('OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library');
  expect(error.cause).toBeInstanceOf(Error);
});

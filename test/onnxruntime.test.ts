// Tensors between tensorlane and onnxruntime-node, the genuine one: its go in here, ours go in there.

import * as ort from 'onnxruntime-node';
import { type Device, type Feeds, open, tensor } from 'tensorlane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDevice } from './support/device.js';
import { expectError } from './support/errors.js';
import * as models from './support/onnx-builder.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const taken = (tensors: unknown) => tensors as Feeds;
const elements = (data: unknown) => Array.from(data as ArrayLike<unknown>);

test.each([
  ['float32', Float32Array.of(1.5, -2, 0, 3)],
  ['float64', Float64Array.of(1.5, -2, 0, 3)],
  ['int32', Int32Array.of(1, -2, 0, 3)],
  ['uint8', Uint8Array.of(1, 2, 0, 255)],
  ['int64', BigInt64Array.of(1n, -2n, 0n, 2n ** 40n)],
  ['bool', Uint8Array.of(1, 0, 0, 1)],
  ['float16', Uint16Array.of(0x3e00, 0x4000, 0, 0x7bff)],
  ['string', ['a', '', 'ü', 'b']],
] as const)('%s, there and back', async (type, data) => {
  const bytes = models.identity(type, ['N', 2]);
  const session = await ort.InferenceSession.create(Uint8Array.from(bytes));
  await using model = await device.loadModel(bytes);
  const theirs = new ort.Tensor(type, data as never, [2, 2]);

  const { y } = await model.run(taken({ x: theirs }));
  expect([y!.type, y!.dims, elements(y!.data)]).toEqual([type, [2, 2], elements(data)]);
  const back = await session.run({ x: y } as never);
  expect(elements(back.y!.data)).toEqual(elements(data));
  // What it gave goes in again, in a batch with another.
  const [once, twice] = await Promise.all([model.run(taken({ x: back.y })), model.run(taken({ x: theirs }))]);
  expect([once.y!.data, twice.y!.data]).toEqual([y!.data, y!.data]);
  await session.release();
});

test('whatever makes a tensor here makes one that goes in there', async () => {
  const session = await ort.InferenceSession.create(models.identity('float32', ['N', 2]));
  const x = tensor([
    [1, 2],
    [3, 4],
  ]);
  await using put = await device.put(x);
  await using model = await device.loadModel(models.identity('float32', ['N', 2]), { batching: { maxBatchSize: 1 } });
  const { u } = await device.linalg.svd(x);
  const made = [
    x,
    tensor(Float32Array.of(1, 2), [1, 2]),
    u!,
    await put.get(),
    (await model.run({ x })).y!, // split and joined
    (await device.ops.transpose(x)) as typeof x,
  ];
  for (const [i, given] of made.entries()) {
    const { y } = await session.run({ x: given } as never);
    expect([i, y!.dims, y!.data]).toEqual([i, given.dims, given.data]);
    // It looks as it always did.
    expect(Object.keys(given)).toEqual(['type', 'data', 'dims']);
  }
  await session.release();
});

test('a tensor whose elements are elsewhere is refused in words', async () => {
  await using model = await device.loadModel(models.square({ features: 2 }));
  const elsewhere = ort.Tensor.fromGpuBuffer({} as never, { dataType: 'float32', dims: [1, 2] });
  await expectError(model.run(taken({ x: elsewhere })), 'ERR_NOT_SUPPORTED', /input 'x' cannot be read: .*not on CPU/);
  const disposed = new ort.Tensor(Float32Array.of(1, 2), [1, 2]);
  disposed.dispose();
  await expectError(model.run(taken({ x: disposed })), 'ERR_NOT_SUPPORTED', /input 'x' cannot be read/);
});

// CUDA and tensors of a device, on the CPU, on the emulated GPU and on a real one: what cannot be had there is refused.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as Tensorlane from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { onCuda, testDevice } from '../../../test/support/device.js';
import type { SessionHandler } from '../lib/session/handler.js';
import { folderOfModels } from './models.js';
import { floats, ort } from './support.js';

const folder = folderOfModels();
const require = createRequire(import.meta.url);
// The same that the package has: vitest would load another.
const { open, tensor } = require('tensorlane') as typeof Tensorlane;
const handlers = require('@tensorlane/onnxruntime/dist/session/handler.js') as {
  SessionHandler: typeof SessionHandler;
};
const { InferenceSession, Tensor } = ort;
const path = (name: string) => join(folder, `${name}.onnx`);
const row = (...values: number[]) => floats(values, [1, values.length]);
const missing = 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library';
const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (reason: Error) => reason,
  );

let device: Tensorlane.Device;
/** Whether ONNX Runtime runs models on the GPU here: it does so with its library for CUDA alone. */
let runsOnGpu: boolean;
let why: string | undefined;
beforeAll(async () => {
  device = await open(testDevice);
  await using model = await device.loadModel(path('two'));
  runsOnGpu = model.provider === 'cuda';
  why = model.fallbackReason;
});
afterAll(() => device.dispose());

describe('executionProviders', () => {
  // What else a GPU could run on is not needed where CUDA runs it.
  const others = [
    ['cuda', 'webgpu', 'cpu'],
    ['cuda', 'tensorrt', 'cpu'],
  ];
  test.each(
    [['cuda'], ['cuda', 'cpu'], ['cpu', 'cuda'], [{ name: 'cuda', deviceId: 0 }, 'cpu'], ...others].map((of) => [of]),
  )('%j is what it says, or is refused', async (executionProviders) => {
    const options = { executionProviders: executionProviders as string[] };
    const made = InferenceSession.create(path('two'), options);
    if (runsOnGpu) {
      const session = await made;
      expect(session.tensorlane.provider).toBe(executionProviders[0] === 'cpu' ? 'cpu' : 'cuda');
      expect((await session.run({ a: row(1, 2, 3), b: row(1, 1, 1) })).sum!.data).toEqual(Float32Array.of(2, 3, 4));
      return session.release();
    }
    if (executionProviders[0] === 'cpu' && onCuda) {
      // The device is there, and the session does not run on it.
      expect((await made).tensorlane.provider).toBe('cpu');
      return;
    }
    const error = (await rejection(made))!;
    expect(error.message).toBe(missing);
    expect(String((error.cause as Error).message)).toMatch(onCuda ? why! : /CUDA/i);
  });

  test('what is wrongly said of a provider behind CUDA is refused', async () => {
    const executionProviders = ['cuda', { name: 'webgpu', foo: 1 }] as never;
    const error = (await rejection(InferenceSession.create(path('two'), { executionProviders })))!;
    const wrong = "Invalid argument: WebGPU EP has an unrecognized option: 'foo'.";
    expect([error.name, error.message]).toEqual(onCuda ? ['TypeError', wrong] : ['Error', missing]);
  });

  test('a GPU that there is not is refused, and what failed keeps nobody from the CPU', async () => {
    const executionProviders = [{ name: 'cuda', deviceId: 99 }];
    const error = (await rejection(InferenceSession.create(path('two'), { executionProviders })))!;
    expect(error.message).toBe(missing);
    expect(error.cause).toBeInstanceOf(Error);
    const session = await InferenceSession.create(path('two'), { executionProviders: ['cpu'] });
    expect(session.tensorlane.provider).toBe('cpu');
    expect((await session.run({ a: row(1, 2, 3), b: row(1, 1, 1) })).sum!.data).toEqual(Float32Array.of(2, 3, 4));
    await session.release();
  });

  test('only a session on the GPU leaves its outputs there', async () => {
    const session = await InferenceSession.create(path('two'), { preferredOutputLocation: 'gpu-buffer' });
    expect((await session.run({ a: row(1, 2, 3), b: row(1, 1, 1) })).sum!.location).toBe('cpu');
    if (!runsOnGpu) return;
    const options = { executionProviders: ['cuda'], preferredOutputLocation: { sum: 'gpu-buffer' } } as const;
    const onGpu = await InferenceSession.create(path('two'), options);
    const { sum, product } = await onGpu.run({ a: row(1, 2, 3), b: row(1, 1, 1) });
    expect([sum!.location, product!.location]).toEqual(['gpu-buffer', 'cpu']);
    expect(await sum!.getData(true)).toEqual(Float32Array.of(2, 3, 4));
  });
});

/** A session's handler on the device, whatever runs its model: where outputs stay is decided alike. */
async function handlerOn(name: string, ...resident: string[]): Promise<SessionHandler> {
  const model = await device.loadModel(path(name));
  return new handlers.SessionHandler(model, { copyInputs: true, logSeverityLevel: 4, resident: new Set(resident) });
}

describe('tensors of the device', () => {
  const dims = [1, 3];
  const onGpu = async (...values: number[]) => {
    const there = await device.put(tensor([values]));
    return Tensor.fromGpuBuffer(there as never, { dataType: 'float32', dims, dispose: () => void there.dispose() });
  };

  test('go in as a gpu-buffer, beside others; and outputs stay there where they are to', async () => {
    const handler = await handlerOn('two', 'sum');
    const a = await onGpu(1, 2, 3);
    const { sum, product } = await handler.run({ a, b: row(1, 1, 1) }, { sum: null, product: null }, {});
    expect([sum!.location, product!.location]).toEqual(['gpu-buffer', 'cpu']);
    expect([sum!.type, sum!.dims, sum!.size]).toEqual(['float32', dims, 3]);
    expect(product!.data).toEqual(Float32Array.of(1, 2, 3));
    // As long as it is there, its elements are not here.
    expect(() => sum!.data).toThrow(/not on CPU/);
    expect(await sum!.getData()).toEqual(Float32Array.of(2, 3, 4));
    expect(sum!.location).toBe('cpu');
    await handler.dispose();
  });

  test('go from run to run, and leave when they are disposed or were asked to with their data', async () => {
    const handler = await handlerOn('two', 'sum');
    const before = device.stats().tensors;
    let state = (await onGpu(1, 2, 3)) as InstanceType<typeof Tensor>;
    const step = await onGpu(1, 1, 1);
    for (let run = 0; run < 4; run++) {
      const { sum } = await handler.run({ a: state, b: step }, { sum: null }, {});
      state.dispose();
      state = sum!;
    }
    expect(await state.getData(true)).toEqual(Float32Array.of(5, 6, 7));
    (await handler.run({ a: step, b: step }, { sum: null }, {})).sum!.dispose();
    step.dispose();
    const gone = await rejection(handler.run({ a: step, b: step }, { sum: null }, {}));
    expect(gone!.message).toBe('Tensor.location is not supported.');
    await expect.poll(() => device.stats().tensors, { timeout: 60_000 }).toBe(before);
    await handler.dispose();
  });

  test('an output that is to be filled comes to host memory', async () => {
    const handler = await handlerOn('two', 'sum');
    const target = row(0, 0, 0);
    const { sum } = await handler.run({ a: await onGpu(1, 2, 3), b: row(2, 2, 2) }, { sum: target }, {});
    expect([sum!.location, target.data]).toEqual(['cpu', Float32Array.of(3, 4, 5)]);
    await handler.dispose();
  });

  test.each(['float16', 'int32', 'int64', 'uint32', 'uint8', 'bool'])('%s stays there', async (type) => {
    const handler = await handlerOn(`of-${type}`, 'y');
    const bits = { float16: Uint16Array.of(1, 0), int32: Int32Array.of(1, 0), int64: BigInt64Array.of(1n, 0n) };
    const data = { ...bits, uint32: Uint32Array.of(1, 0) }[type] ?? Uint8Array.of(1, 0);
    const { y } = await handler.run({ x: { type, data, dims: [1, 2], location: 'cpu' } }, { y: null }, {});
    expect([y!.location, y!.type]).toEqual(['gpu-buffer', type]);
    expect(await y!.getData(true)).toEqual(data);
    await handler.dispose();
  });

  test('what has no name among gpu-buffers comes to host memory', async () => {
    const handler = await handlerOn('of-float64', 'y');
    const { y } = await handler.run({ x: new Tensor('float64', [1, 2], [1, 2]) }, { y: null }, {});
    expect([y!.location, y!.data]).toEqual(['cpu', Float64Array.of(1, 2)]);
    await handler.dispose();
  });

  test('strings are no elements of a device: they are in host memory, and so are the outputs beside them', async () => {
    const handler = await handlerOn('of-string', 'y');
    const { y } = await handler.run({ x: new Tensor('string', ['a', 'b'], [1, 2]) }, { y: null }, {});
    expect([y!.location, y!.data]).toEqual(['cpu', ['a', 'b']]);
    await handler.dispose();
  });

  test('what is none, or is another than it says, is refused', async () => {
    const handler = await handlerOn('two');
    const there = await device.put(tensor([[1, 2, 3]]));
    const run = (a: unknown) => rejection(handler.run({ a, b: row(1, 1, 1) }, { sum: null }, {}));
    const gpuBuffer = (buffer: unknown, dims: number[], dataType = 'float32') =>
      Tensor.fromGpuBuffer(buffer as never, { dataType: dataType as 'float32', dims });
    expect(await run(gpuBuffer(there, [2, 3]))).toMatchObject({
      name: 'TypeError',
      message: 'Tensor.gpuBuffer is a device tensor of float32 [1, 3], not of float32 [2, 3].',
    });
    expect((await run(gpuBuffer(there, [1, 3], 'int32')))!.message).toMatch(/expected: \(tensor\(float\)\)/);
    expect((await run(gpuBuffer({}, [1, 3])))!.message).toBe('Tensor.gpuBuffer must be an external object.');
    await there.dispose();
    expect((await run(gpuBuffer(there, [1, 3])))!.message).toMatch(/disposed/);
    await using other = await open('cpu');
    await using foreign = await other.put(tensor([[1, 2, 3]]));
    // Where ONNX Runtime does not read the device's memory, all tensors come to host memory first, from wherever they are.
    if (!onCuda) expect((await run(gpuBuffer(foreign, [1, 3])))!.message).toMatch(/memory of another device/);
    await handler.dispose();
  });

  test('one that its caller made has the data that its caller fetches', async () => {
    await using there = await device.put(tensor([[1, 2, 3]]));
    const bare = Tensor.fromGpuBuffer(there as never, { dataType: 'float32', dims });
    await expect(bare.getData()).rejects.toThrow(/data downloader/);
    const download = async () => (await there.get()).data as Float32Array;
    const fetched = Tensor.fromGpuBuffer(there as never, { dataType: 'float32', dims, download });
    expect(await fetched.getData()).toEqual(Float32Array.of(1, 2, 3));
  });
});

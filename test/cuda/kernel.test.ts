// Kernels of the user's own, compiled when asked for.

import { type Device, open, TensorlaneError } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';

let device: Device;
beforeAll(async () => {
  device = await open({ device: testDevice, streams: 3 });
});
afterAll(() => device.dispose());

const saxpy = `
extern "C" __global__ void saxpy(float* y, const float* x, float a, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += a * x[i];
}`;
const saxpyParameters = ['float32[]', 'const float32[]', 'float32', 'int32'] as const;

const ramp = (n: number, step = 1) => ({
  type: 'float32' as const,
  data: Float32Array.from({ length: n }, (_, i) => i * step),
  dims: [n],
});

test('a kernel runs over device tensors', async () => {
  const kernel = await device.kernel(saxpy, 'saxpy', saxpyParameters);
  await using x = await device.put(ramp(1000));
  await using y = await device.put(ramp(1000, 2));
  await kernel.launch({ grid: 8, block: 128 }, y, x, 3, 1000);
  expect((await y.get()).data).toEqual(ramp(1000, 5).data);
});

test('launches are ordered by the tensors that they share, whatever streams they run on', async () => {
  const kernel = await device.kernel(saxpy, 'saxpy', saxpyParameters);
  await using x = await device.put(ramp(500));
  await using y = await device.put(ramp(500, 0));
  await Promise.all(
    Array.from({ length: 30 }, () =>
      device.streams.use((stream) => kernel.launch({ grid: 4, block: 128, stream }, y, x, 1, 500)),
    ),
  );
  expect((await y.get()).data).toEqual(ramp(500, 30).data);
});

test('templates, namespaces, every scalar type, and shared memory', async () => {
  const source = `
    namespace tools {
    template <typename T>
    __global__ void fill(T* out, signed char a, short b, int c, long long d, unsigned char e, unsigned short f, unsigned g,
                         unsigned long long h, float i, double j, bool k) {
      __shared__ double parts[11];
      if (threadIdx.x == 0) {
        parts[0] = a; parts[1] = b; parts[2] = c; parts[3] = d; parts[4] = e; parts[5] = f; parts[6] = g; parts[7] = h;
        parts[8] = i; parts[9] = j; parts[10] = k;
      }
      __syncthreads();
      if (threadIdx.x < 11) out[threadIdx.x] = T(parts[threadIdx.x]);
    }
    }`;
  const kernel = await device.kernel(source, 'tools::fill<double>', [
    'float64[]',
    'int8',
    'int16',
    'int32',
    'int64',
    'uint8',
    'uint16',
    'uint32',
    'uint64',
    'float32',
    'float64',
    'bool',
  ]);
  await using out = await device.put({ type: 'float64', data: new Float64Array(11), dims: [11] });
  const values = [-1, -300, -70000, -5_000_000_000n, 200, 60000, 4_000_000_000, 2n ** 40n, 0.5, 0.1] as const;
  await kernel.launch({ grid: 1, block: 32 }, out, ...values, true);
  expect([...(await out.get()).data]).toEqual([...values.map(Number), 1]);
});

test('the same source and name are compiled once', async () => {
  const start = performance.now();
  await Promise.all(Array.from({ length: 8 }, () => device.kernel(`${saxpy} // once`, 'saxpy', saxpyParameters)));
  const first = performance.now() - start;
  const again = performance.now();
  await device.kernel(`${saxpy} // once`, 'saxpy', saxpyParameters);
  expect(performance.now() - again).toBeLessThan(first / 2);
});

describe('refuses', () => {
  test('source that does not compile, with the log of the compiler', async () => {
    const failing = device.kernel('__global__ void broken(float* x) { x[0] = nonsense; }', 'broken', ['float32[]']);
    await expectError(failing, 'ERR_KERNEL', /nonsense/);
    await expectError(device.kernel(saxpy, 'nosuch', []), 'ERR_KERNEL', /nosuch/);
  });

  test('parameters and arguments that do not fit', async () => {
    await expectError(device.kernel(saxpy, 'saxpy', ['floats' as never]), 'ERR_ARGUMENT', /'floats' is no parameter/);
    await expectError(device.kernel(1 as never, 'saxpy', []), 'ERR_ARGUMENT', /strings/);
    const kernel = await device.kernel(saxpy, 'saxpy', saxpyParameters);
    await using x = await device.put(ramp(4));
    await using ints = await device.put({ type: 'int32', data: new Int32Array(4), dims: [4] });
    const launch = (...args: unknown[]) =>
      kernel.launch({ grid: 1, block: 4 }, ...(args as [never, never, never, never]));
    await expectError(launch(x, x, 1), 'ERR_ARGUMENT', /takes 4 arguments \(float32\[\].*got 3/);
    await expectError(launch(ints, x, 1, 4), 'ERR_DTYPE', /argument 0 must be float32, got a tensor of int32/);
    await expectError(launch(ramp(4), x, 1, 4), 'ERR_ARGUMENT', /device tensor/);
    await expectError(launch(x, x, '1', 4), 'ERR_ARGUMENT', /value of float32, got string/);
    await expectError(launch(x, x, 1, 2 ** 31), 'ERR_ARGUMENT', /value of int32/);
    await expectError(launch(x, x, 1, 1.5), 'ERR_ARGUMENT', /value of int32/);
  });

  test('grids and blocks that no device has', async () => {
    const kernel = await device.kernel(saxpy, 'saxpy', saxpyParameters);
    await using x = await device.put(ramp(4));
    const launch = (grid: unknown, block: unknown) => kernel.launch({ grid, block } as never, x, x, 1, 4);
    await expectError(launch(0, 1), 'ERR_ARGUMENT', /grid must be of integers of at least 1, got 0/);
    await expectError(launch([1, 1, 1, 1], 1), 'ERR_ARGUMENT', /one to three/);
    await expectError(launch(1, 2048), 'ERR_ARGUMENT', /1024/);
    await expectError(kernel.launch({ grid: 1, block: 1, sharedBytes: 2 ** 30 }, x, x, 1, 4), 'ERR_ARGUMENT', /shared/);
    for (const wrong of [{ strem: 1 }, { options: [] }, { priority: 'high' }]) {
      const misspelt = kernel.launch({ grid: 1, block: 1, ...wrong } as never, x, x, 1, 4);
      const name = Object.keys(wrong)[0]!;
      await expectError(misspelt, 'ERR_ARGUMENT', new RegExp(`kernel saxpy: there is no option '${name}'; there is`));
    }
    await expectError(kernel.launch(null as never, x, x, 1, 4), 'ERR_ARGUMENT', /options must be an object, got null/);
    // And after all this it works.
    await kernel.launch({ grid: 1, block: 4 }, x, x, 0, 4);
  });
});

test('a CPU device says that it has no kernels', async () => {
  await using cpu = await open('cpu');
  const error = await expectError(cpu.kernel(saxpy, 'saxpy', saxpyParameters), 'ERR_NOT_SUPPORTED', /CUDA device/);
  expect(error).toBeInstanceOf(TensorlaneError);
});

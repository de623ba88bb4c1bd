import { type Device, open, type Tensor } from 'tensorlane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { onCuda, testDevice } from './support/device.js';
import { expectError } from './support/errors.js';
import { randomFloats } from './support/onnx-builder.js';

let device: Device;
beforeAll(async () => {
  device = await open({ device: testDevice, streams: 2 });
});
afterAll(() => device.dispose());

const large = (): Tensor<'float64'> => ({
  type: 'float64',
  data: Float64Array.from(randomFloats(300 * 300, 1)),
  dims: [300, 300],
});
const small: Tensor<'float64'> = { type: 'float64', data: Float64Array.of(1, 2, 3, 4), dims: [2, 2] };

test('operations on one stream run in order', async () => {
  await device.streams.use(async (stream) => {
    const order: string[] = [];
    await Promise.all([
      device.linalg.svd(large(), { stream }).then(() => order.push('large')),
      device.linalg.svd(small, { stream }).then(() => order.push('small')),
    ]);
    expect(order).toEqual(['large', 'small']);
  });
});

test.skipIf(onCuda)('a small operation does not wait behind large ones, nor do large ones take its place', async () => {
  const before = device.stats().streams;
  const order: string[] = [];
  const larges = Array.from({ length: onCuda ? 5 : 12 }, () =>
    device.linalg.svd(large()).then(() => order.push('large')),
  );
  await expect.poll(() => device.stats().streams.busy, { interval: 1 }).toBe(2);
  const image = { type: 'uint8', data: new Uint8Array(64 * 64 * 3), dims: [1, 64, 64, 3] } as const;
  await Promise.all([
    device.linalg.svd(small).then(() => order.push('svd')),
    device.linalg.matmul(small, small).then(() => order.push('matmul')),
    device.ops.imageToTensor(image, { width: 32, height: 32 }).then(() => order.push('image')),
  ]);
  await Promise.all(larges);
  const places = ['svd', 'matmul', 'image'].map((name) => order.indexOf(name));
  expect(Math.max(...places), `in the order ${order}`).toBeLessThan(order.lastIndexOf('large') - 1);
  const { size, expedited } = device.stats().streams;
  expect(size).toBe(2);
  expect(expedited - before.expedited).toBe(3);
});

test('streams run side by side', async () => {
  using one = await device.streams.acquire();
  using two = await device.streams.acquire();
  const order: string[] = [];
  await Promise.all([
    device.linalg.svd(large(), { stream: one }).then(() => order.push('large')),
    device.linalg.svd(small, { stream: two }).then(() => order.push('small')),
  ]);
  expect(order).toEqual(['small', 'large']);
});

test('a stream that waits for an event starts after it', async () => {
  using one = await device.streams.acquire();
  using two = await device.streams.acquire();
  const order: string[] = [];
  const first = device.linalg.svd(large(), { stream: one }).then(() => order.push('large'));
  const event = one.record();
  expect(event.done).toBe(false);
  two.wait(event);
  const second = device.linalg.svd(small, { stream: two }).then(() => {
    // On a GPU the streams work in order, but each stream's results, and that its events are done, come back by themselves.
    if (!onCuda) expect(event.done, 'the small one came before the event').toBe(true);
    order.push('small');
  });
  await two.synchronize();
  if (!onCuda) expect(event.done).toBe(true);
  await Promise.all([first, second, one.synchronize()]);
  expect(event.done).toBe(true);
  expect(onCuda ? order.sort() : order).toEqual(['large', 'small']);
});

test('acquire waits for its turn, first come first served', async () => {
  const held = [await device.streams.acquire(), await device.streams.acquire()];
  expect(device.streams.available).toBe(0);
  const order: number[] = [];
  const waiting = [1, 2].map(async (n) => {
    using _ = await device.streams.acquire();
    order.push(n);
  });
  await new Promise(setImmediate);
  expect(order).toEqual([]);
  held[0]!.release();
  held[0]!.release(); // a second time changes nothing
  await Promise.all(waiting);
  expect(order).toEqual([1, 2]);
  expect(device.streams.available).toBe(1);
  held[1]!.release();
  expect(device.streams.available).toBe(2);
});

test('use gives the stream back when the work fails', async () => {
  await expect(device.streams.use(() => Promise.reject(new Error('work')))).rejects.toThrow('work');
  expect(device.streams.available).toBe(2);
});

test('a stream that was released, or is of another device, is refused', async () => {
  const stream = await device.streams.acquire();
  stream.release();
  await expectError(device.linalg.svd(small, { stream }), 'ERR_DISPOSED', /released/);
  await expectError(stream.synchronize(), 'ERR_DISPOSED', /released/);
  await using other = await open(testDevice);
  await other.streams.use(async (foreign) => {
    await expectError(device.linalg.svd(small, { stream: foreign }), 'ERR_ARGUMENT', /another device/);
    await device.streams.use((own) => {
      expect(() => own.wait(foreign.record())).toThrow(/same device/);
      expect(() => own.wait({} as never)).toThrow(/expected an event/);
    });
  });
});

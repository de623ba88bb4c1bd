// Limits on a CUDA device's memory, running out of it, and getting on afterwards.

import { open, type Tensor } from 'tensorlane';
import { describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';

const mebibyte = 2 ** 20;
const bytes = (count: number): Tensor<'uint8'> => ({ type: 'uint8', data: new Uint8Array(count), dims: [count] });

describe('limitBytes', () => {
  test('is kept, and running into it says what was asked, what is free and what holds the rest', async () => {
    await using device = await open({ device: testDevice, streams: 2, memory: { limitBytes: 64 * mebibyte } });
    expect(device.stats().memory.limitBytes).toBe(64 * mebibyte);
    const held = await device.put(bytes(40 * mebibyte));
    const error = await expectError(device.put(bytes(41 * mebibyte)), 'ERR_OUT_OF_MEMORY', /41/);
    expect(error.message).toMatch(/limit/);
    expect(error.message).toMatch(/tensors/);
    // It goes on working, and what is given back can be used.
    await using small = await device.put(bytes(mebibyte));
    expect((await small.get()).data.length).toBe(mebibyte);
    await held.dispose();
    await using again = await device.put(bytes(41 * mebibyte));
    expect(again.byteLength).toBe(41 * mebibyte);
  });

  test('many at once: those that fit succeed, the others are refused, nothing is lost', async () => {
    await using device = await open({ device: testDevice, streams: 3, memory: { limitBytes: 32 * mebibyte } });
    const puts = await Promise.allSettled(Array.from({ length: 12 }, () => device.put(bytes(5 * mebibyte))));
    const held = puts.flatMap((put) => (put.status === 'fulfilled' ? [put.value] : []));
    expect(held.length).toBeGreaterThanOrEqual(1);
    expect(held.length).toBeLessThanOrEqual(6);
    for (const put of puts) if (put.status === 'rejected') expect(put.reason.code).toBe('ERR_OUT_OF_MEMORY');
    await Promise.all(held.map((one) => one.dispose()));
    await using all = await device.put(bytes(25 * mebibyte));
    expect(device.stats().memory.tensorBytes).toBe(all.byteLength);
  });
});

test('fraction is a part of the memory of the device', async () => {
  await using device = await open({ device: testDevice, memory: { fraction: 0.25 } });
  const { limitBytes } = device.stats().memory;
  expect(limitBytes / device.info.memoryBytes).toBeCloseTo(0.25, 2);
});

test('without growth the limit is reserved at once, with it as it is needed', async () => {
  const limitBytes = 64 * mebibyte;
  await using whole = await open({ device: testDevice, memory: { limitBytes, growth: false } });
  expect(whole.stats().memory.reservedBytes).toBeGreaterThanOrEqual(limitBytes);
  await using growing = await open({ device: testDevice, memory: { limitBytes } });
  expect(growing.stats().memory.reservedBytes).toBeLessThan(limitBytes);
});

test('trim gives back what is kept for reuse', async () => {
  await using device = await open({ device: testDevice, streams: 2 });
  const held = await device.put(bytes(50 * mebibyte));
  const { usedBytes, peakBytes, reservedBytes } = device.stats().memory;
  expect(usedBytes).toBeGreaterThanOrEqual(50 * mebibyte);
  expect(peakBytes).toBeGreaterThanOrEqual(usedBytes);
  expect(reservedBytes).toBeGreaterThanOrEqual(usedBytes);
  await held.dispose();
  await device.trim();
  expect(device.stats().memory.reservedBytes).toBeLessThan(50 * mebibyte);
});

test('more than there is in the world', async () => {
  await using device = await open(testDevice);
  const a: Tensor<'float32'> = { type: 'float32', data: new Float32Array(2 ** 19), dims: [2 ** 19, 1] };
  await using column = await device.put(a);
  await using row = column.reshape([1, 2 ** 19]);
  await expectError(device.linalg.matmul(column, row), 'ERR_OUT_OF_MEMORY', /1099511627776|1024 GiB|1\.0+ TiB|1 TiB/);
  const product = await device.linalg.matmul(row, column);
  expect([...(await product.get()).data]).toEqual([0]);
  await product.dispose();
});

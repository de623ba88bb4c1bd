// Tensors in a device's memory: what goes in comes out, slices share it, and it is freed after its last use.

import { type Device, DeviceTensor, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { arrayClasses, type NumericDType, storedLength } from '../../lib/tensor/dtypes.js';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { randomFloats } from '../support/onnx-builder.js';

let device: Device;
beforeAll(async () => {
  device = await open({ device: testDevice, streams: 3 });
});
afterAll(() => device.dispose());

const floats = (dims: number[], seed = 1): Tensor<'float32'> => ({
  type: 'float32',
  data: Float32Array.from(
    randomFloats(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ),
  ),
  dims,
});

describe('put and get', () => {
  test.each(Object.keys(arrayClasses) as NumericDType[])('%s comes back as it went in', async (type) => {
    const data = new arrayClasses[type](storedLength(type, 6));
    new Uint8Array(data.buffer).forEach((_, i, bytes) => {
      bytes[i] = (i * 37 + 1) & (type === 'bool' ? 1 : 255);
    });
    const given = { type, data, dims: [2, 3] } as Tensor<NumericDType>;
    await using held = await device.put(given);
    expect({ type: held.type, dims: held.dims, byteLength: held.byteLength }).toEqual({
      type,
      dims: [2, 3],
      byteLength: data.byteLength,
    });
    expect(await held.get()).toEqual(given);
  });

  test.each([
    ['nothing', [0, 4]],
    ['a scalar', []],
    ['a few megabytes, more than is staged at once', [1500, 1500]],
  ] as const)('%s', async (_, dims) => {
    const given = floats([...dims]);
    await using held = await device.put(given);
    const back = await held.get();
    expect(back.dims).toEqual(dims);
    expect(Buffer.compare(Buffer.from(back.data.buffer), Buffer.from(given.data.buffer))).toBe(0);
  });

  test('a small tensor may be reused as soon as put returns', async () => {
    const given = floats([100]);
    const expected = given.data.slice();
    const putting = device.put(given);
    given.data.fill(-1);
    await using held = await putting;
    expect((await held.get()).data).toEqual(expected);
  });

  test('strings, and what is no tensor, are refused', async () => {
    await expectError(device.put(tensor(['a']) as never), 'ERR_DTYPE', /strings/);
    await expectError(device.put({} as never), 'ERR_DTYPE', /not an element type/);
    await expectError(device.put(floats([2]), { stream: 1 as never }), 'ERR_ARGUMENT', /stream/);
  });
});

describe('operations', () => {
  test('a device tensor in gives a device tensor out, also beside a host tensor', async () => {
    const a = floats([4, 4], 1);
    const b = floats([4, 4], 2);
    await using held = await device.put(a);
    const onHost = await device.linalg.matmul(a, b);
    await using mixed = await device.linalg.matmul(held, b);
    expect(mixed).toBeInstanceOf(DeviceTensor);
    expect(await mixed.get()).toEqual(onHost);
    const { u, s, vt } = await device.linalg.svd(held);
    for (const factor of [u, s, vt]) expect(factor).toBeInstanceOf(DeviceTensor);
    const reference = await device.linalg.svd(a);
    expect((await s.get()).data).toEqual(reference.s.data);
    await Promise.all([u, s, vt].map((factor) => factor.dispose()));
  });

  test('a chain stays on the device, whatever streams it runs on', async () => {
    const a = floats([64, 64], 3);
    let expected: Tensor<'float32'> = a;
    for (let i = 0; i < 4; i++) {
      const scaled = await device.linalg.matmul(expected, a);
      expected = { ...scaled, data: scaled.data.map((x) => x / 8) };
    }
    const eighth = { ...a, data: a.data.map((x) => x / 8) };
    await using first = await device.put(a);
    await using right = await device.put(eighth);
    let product: DeviceTensor<'float32'> = first;
    for (let i = 0; i < 4; i++) {
      product = await device.streams.use((stream) => device.linalg.matmul(product, right, { stream }));
    }
    const got = await product.get();
    const largest = Math.max(...expected.data.map(Math.abs));
    got.data.forEach((x, i) => {
      expect(Math.abs(x - expected.data[i]!), `element ${i}`).toBeLessThan(1e-4 * largest);
    });
    await product.dispose();
  });

  test('many operations on one tensor, on all streams at once', async () => {
    const a = floats([40, 40], 4);
    await using held = await device.put(a);
    const expected = await device.linalg.matmul(a, a);
    const products = await Promise.all(Array.from({ length: 24 }, () => device.linalg.matmul(held, held)));
    for (const product of products) {
      expect((await product.get()).data).toEqual(expected.data);
      await product.dispose();
    }
  });

  test('a tensor of another device is refused', async () => {
    await using other = await open(testDevice);
    await using foreign = await other.put(floats([2, 2]));
    await expectError(device.linalg.matmul(foreign, foreign), 'ERR_ARGUMENT', /another device/);
  });
});

describe('slice and reshape', () => {
  test('a slice is the rows that Array.prototype.slice would give', async () => {
    const a = floats([6, 5]);
    await using held = await device.put(a);
    for (const [start, end] of [
      [0, 6],
      [2, 4],
      [-2, undefined],
      [4, 2],
      [0, -1],
      [5, 99],
    ] as const) {
      await using part = held.slice(start, end);
      const rows = Array.from({ length: 6 }, (_, i) => i).slice(start, end);
      expect(part.dims).toEqual([rows.length, 5]);
      expect([...(await part.get()).data]).toEqual(rows.flatMap((i) => [...a.data.subarray(i * 5, i * 5 + 5)]));
    }
  });

  test('operations take slices and reshaped tensors', async () => {
    const a = floats([6, 4, 4]);
    await using held = await device.put(a);
    await using part = held.slice(3, 5);
    await using flat = held.reshape([24, 4]);
    await using one = part.slice(1, 2).reshape([4, 4]);
    const matrix = { ...a, data: a.data.slice(64, 80), dims: [4, 4] };
    await using product = await device.linalg.matmul(one, one);
    expect((await product.get()).data).toEqual((await device.linalg.matmul(matrix, matrix)).data);
    expect(flat.dims).toEqual([24, 4]);
    expect(() => held.reshape([5, 5])).toThrow(/96 elements/);
    expect(() => held.slice(0.5)).toThrow(/integer/);
    await using scalar = await device.put(floats([]));
    expect(() => scalar.slice(0)).toThrow(/scalar/);
  });

  test('packed four-bit rows are sliced at whole bytes only', async () => {
    await using packed = await device.put({ type: 'uint4', data: Uint8Array.of(0x21, 0x43, 0x65), dims: [2, 3] });
    expect(() => packed.slice(1)).toThrow(/begin at a byte/);
  });
});

describe('disposal', () => {
  test('a disposed tensor is refused, and its memory is free', async () => {
    const before = device.stats().memory.tensorBytes;
    const held = await device.put(floats([1000]));
    expect(device.stats().memory.tensorBytes).toBeGreaterThanOrEqual(before + 4000);
    expect(device.stats().memory.peakBytes).toBeGreaterThanOrEqual(before + 4000);
    const count = device.stats().tensors;
    await Promise.all([held.dispose(), held.dispose()]);
    expect(held.disposed).toBe(true);
    expect(device.stats().tensors).toBe(count - 1);
    expect(device.stats().memory.tensorBytes).toBe(before);
    await expectError(held.get(), 'ERR_DISPOSED', /tensor has been disposed/);
    await expectError(device.linalg.matmul(held, held), 'ERR_DISPOSED', /disposed/);
    expect(() => held.slice(0)).toThrow(/disposed/);
  });

  test('the memory stays until the last tensor over it is disposed', async () => {
    const a = floats([6, 2]);
    const held = await device.put(a);
    const part = held.slice(2, 4);
    await held.dispose();
    await expectError(held.get(), 'ERR_DISPOSED', /disposed/);
    expect([...(await part.get()).data]).toEqual([...a.data.subarray(4, 8)]);
    await part.dispose();
  });

  test('dispose waits for what uses the tensor', async () => {
    const a = floats([200, 200]);
    const held = await device.put(a);
    const order: string[] = [];
    const svd = device.linalg.svd(held, { mode: 'values' }).then(({ s }) => {
      order.push('svd');
      return s;
    });
    const disposed = held.dispose().then(() => order.push('disposed'));
    await expectError(held.get(), 'ERR_DISPOSED', /disposed/);
    const s = await svd;
    await disposed;
    expect(order).toEqual(['svd', 'disposed']);
    await s.dispose();
  });

  test('what is dropped is freed by the garbage collector', async () => {
    const before = device.stats().memory.tensorBytes;
    await (async () => {
      for (let i = 0; i < 20; i++) await device.put(floats([10_000], i));
    })();
    for (let i = 0; i < 100 && device.stats().memory.tensorBytes > before; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10)); // stats() held them until the end of its turn
      global.gc?.();
    }
    expect(device.stats().memory.tensorBytes).toBeLessThanOrEqual(before);
  });

  test('disposing the device disposes its tensors', async () => {
    const own = await open(testDevice);
    const held = await own.put(floats([100, 100]));
    const product = own.linalg.matmul(held, held);
    await own.dispose();
    const result = await product.catch((error) => error);
    expect(result instanceof DeviceTensor ? 'a tensor' : result.code).toMatch(/a tensor|ERR_DISPOSED/);
    expect(held.disposed).toBe(true);
    await expectError(held.get(), 'ERR_DISPOSED', /disposed/);
    await held.dispose();
    await expectError(own.put(floats([2])), 'ERR_DISPOSED', /device has been disposed/);
    expect(own.stats().memory.tensorBytes).toBe(0);
  });
});

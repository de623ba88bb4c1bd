// Images to tensors, against the definition of bilinear interpolation with half-pixel centres.

import fc from 'fast-check';
import { type Device, type ImageOptions, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { generator, inAllWays, product } from './support.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

function images(dims: number[], seed: number): Tensor<'uint8'> {
  const next = generator(seed);
  return tensor(
    Uint8Array.from({ length: product(dims) }, () => Math.floor(next() * 256)),
    dims,
  );
}

const each = (value: number | readonly number[], channel: number) =>
  typeof value === 'number' ? value : value[channel]!;

function reference({ data, dims }: Tensor<'uint8'>, options: ImageOptions): number[] {
  const [batch, height, width, channels] = dims as [number, number, number, number];
  const { scale = 1 / 255, mean = 0, std = 1, swapRedBlue = false } = options;
  const toHeight = options.height ?? height;
  const toWidth = options.width ?? width;
  const between = (i: number, from: number, to: number) => {
    const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    return [Math.floor(at), Math.min(Math.floor(at) + 1, from - 1), at - Math.floor(at)] as const;
  };
  const result: number[] = [];
  for (let b = 0; b < batch; b++) {
    for (let c = 0; c < channels; c++) {
      const from = swapRedBlue && c !== 1 && c < 3 ? 2 - c : c;
      const pixel = (y: number, x: number) => data[((b * height + y) * width + x) * channels + from]!;
      for (let y = 0; y < toHeight; y++) {
        const [top, bottom, down] = between(y, height, toHeight);
        for (let x = 0; x < toWidth; x++) {
          const [left, right, across] = between(x, width, toWidth);
          const upper = pixel(top, left) * (1 - across) + pixel(top, right) * across;
          const lower = pixel(bottom, left) * (1 - across) + pixel(bottom, right) * across;
          const value = upper * (1 - down) + lower * down;
          result.push((value * scale - each(mean, c)) / each(std, c));
        }
      }
    }
  }
  return result;
}

async function check(a: Tensor<'uint8'>, options: ImageOptions) {
  const result = await inAllWays<Tensor<'float32'>>(device, a, (operand, rest) =>
    device.ops.imageToTensor(operand, { ...options, ...rest }),
  );
  const [batch, height, width, channels] = a.dims;
  expect(result.type).toBe('float32');
  expect(result.dims).toEqual([batch, channels, options.height ?? height, options.width ?? width]);
  const { scale = 1 / 255, std = 1 } = options;
  const expected = reference(a, options);
  expect(result.data.length).toBe(expected.length);
  const smallest = Math.min(...[std].flat().map(Math.abs));
  const bound = (1e-6 * (255 * Math.abs(scale) + 4)) / smallest;
  const wrong = expected.findIndex((value, i) => !(Math.abs(result.data[i]! - value) <= bound));
  expect(wrong, `element ${wrong}: ${result.data[wrong]}, expected ${expected[wrong]}`).toBe(-1);
}

test('images of any size to any size', async () => {
  const size = fc.integer({ min: 1, max: 40 });
  const cases = fc.record({
    dims: fc.tuple(fc.integer({ min: 0, max: 3 }), size, size, fc.integer({ min: 1, max: 4 })),
    height: fc.option(size, { nil: undefined }),
    width: fc.option(size, { nil: undefined }),
    normalise: fc.boolean(),
    swap: fc.boolean(),
    seed: fc.integer({ min: 1, max: 1 << 30 }),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ dims, height, width, normalise, swap, seed }) => {
      const options: ImageOptions = { swapRedBlue: swap && dims[3] >= 3 };
      if (height !== undefined) options.height = height;
      if (width !== undefined) options.width = width;
      if (normalise) {
        options.mean = [0.485, 0.456, 0.406, -1].slice(0, dims[3]);
        options.std = [0.229, 0.224, 0.225, -2].slice(0, dims[3]);
      }
      await check(images([...dims], seed), options);
    }),
    { numRuns: 80, seed: 6 },
  );
});

test('larger ones, and a batch that is sent to a device in several pieces', async () => {
  await check(images([1, 480, 640, 3], 1), { height: 224, width: 224, mean: 0.5, std: 0.5, swapRedBlue: true });
  await check(images([1, 20, 30, 1], 2), { height: 300, width: 257, scale: 1 });
  await check(images([9, 200, 300, 3], 3), { height: 160, width: 320 });
});

test('pixels that stay where they are keep their values', async () => {
  const a = images([2, 5, 6, 3], 4);
  const { data } = await device.ops.imageToTensor(a, { scale: 1 });
  const transposed = await device.ops.cast(await device.ops.transpose(a, [0, 3, 1, 2]), 'float32');
  expect(data).toEqual(transposed.data);
});

test('refuses what is no image', async () => {
  const a = images([1, 4, 4, 3], 5);
  const refuse = (options: object, message: RegExp) =>
    expectError(device.ops.imageToTensor(a, options as ImageOptions), 'ERR_ARGUMENT', message);
  await refuse({ height: 0 }, /height/);
  await refuse({ width: 1.5 }, /width/);
  await refuse({ width: 2 ** 31 }, /width/);
  await refuse({ scale: Number.NaN }, /scale/);
  await refuse({ mean: [1, 2] }, /mean.*3 channels/);
  await refuse({ mean: ['1', 2, 3] }, /mean/);
  await refuse({ std: 0 }, /std must not be 0/);
  await refuse({ std: [1, 0, 1] }, /std must not be 0/);
  await refuse({ std: Number.POSITIVE_INFINITY }, /std/);
  await refuse({ swapRedBlue: 1 }, /swapRedBlue/);
  await expectError(device.ops.imageToTensor(a, null as never), 'ERR_ARGUMENT', /options/);
  await expectError(
    device.ops.imageToTensor(images([1, 4, 4, 2], 1), { swapRedBlue: true }),
    'ERR_ARGUMENT',
    /2 channels/,
  );
  await expectError(device.ops.imageToTensor(images([4, 4, 3], 1)), 'ERR_SHAPE', /\[n, h, w, c\]/);
  await expectError(device.ops.imageToTensor(images([1, 4, 4, 5], 1)), 'ERR_SHAPE', /1 to 4 channels/);
  await expectError(device.ops.imageToTensor(images([1, 0, 4, 3], 1)), 'ERR_SHAPE', /images/);
  await expectError(device.ops.imageToTensor(tensor([[[[1]]]]) as never), 'ERR_DTYPE', /float32/);
});

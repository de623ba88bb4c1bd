// Conversions between all pairs of types, against their definition in exact arithmetic.

import { type CastType, type Device, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { generator, inAllWays } from './support.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const integers = {
  int8: [Int8Array, 8, true],
  int16: [Int16Array, 16, true],
  int32: [Int32Array, 32, true],
  int64: [BigInt64Array, 64, true],
  uint8: [Uint8Array, 8, false],
  uint16: [Uint16Array, 16, false],
  uint32: [Uint32Array, 32, false],
  uint64: [BigUint64Array, 64, false],
} as const;
const halves = {
  float16: { exponent: 5, mantissa: 10 },
  bfloat16: { exponent: 8, mantissa: 7 },
} as const;
const types = [...Object.keys(integers), ...Object.keys(halves), 'float32', 'float64', 'bool'] as CastType[];
const arrays = {
  ...Object.fromEntries(Object.entries(integers).map(([name, [Class]]) => [name, Class])),
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
  bool: Uint8Array,
} as unknown as Record<CastType, typeof Float64Array>;

const isInteger = (type: CastType): type is keyof typeof integers => type in integers;
const isHalf = (type: CastType): type is keyof typeof halves => type in halves;

/** The value of a 16-bit float's bits. */
function decode(bits: number, { exponent, mantissa }: { exponent: number; mantissa: number }): number {
  const sign = bits >> 15 === 0 ? 1 : -1;
  const field = (bits >> mantissa) & (2 ** exponent - 1);
  const fraction = (bits & (2 ** mantissa - 1)) / 2 ** mantissa;
  const bias = 2 ** (exponent - 1) - 1;
  if (field === 2 ** exponent - 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (field === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (field - bias));
}

/** The bits of the 16-bit float that is nearest to a number, the even one of two. */
function encode(value: number | bigint, format: { exponent: number; mantissa: number }): number {
  const infinite = (2 ** format.exponent - 1) << format.mantissa;
  const negative = value < 0 || Object.is(value, -0);
  const size = negative ? -value : value;
  let low = 0;
  let high = infinite;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (size >= decode(middle, format)) low = middle;
    else high = middle;
  }
  // Beyond the largest one the next would be as far as they are there.
  const above = high === infinite ? 2 * decode(low, format) - decode(low - 1, format) : decode(high, format);
  const halfway = (decode(low, format) + above) / 2;
  const up = size === Number.POSITIVE_INFINITY || size > halfway || (size >= halfway && (low & 1) === 1);
  return (negative ? 0x8000 : 0) | (up ? high : low);
}

/** The nearest float32: a detour over float64 would round twice. */
function toFloat32(value: number | bigint): number {
  if (typeof value === 'number') return Math.fround(value);
  const near = Math.fround(Number(value));
  const bits = new Uint32Array(Float32Array.of(near).buffer)[0]!;
  if (near === 0) return near;
  const distance = (x: number) => (BigInt(x) > value ? BigInt(x) - value : value - BigInt(x));
  const candidates = [bits - 1, bits, bits + 1].map((one) => ({
    even: one % 2 === 0,
    x: new Float32Array(Uint32Array.of(one).buffer)[0]!,
  }));
  return candidates
    .filter(({ x }) => Number.isInteger(x))
    .reduce((best, one) => {
      const [a, b] = [distance(best.x), distance(one.x)];
      return b < a || (b === a && one.even) ? one : best;
    }).x;
}

function convert(value: number | bigint, to: CastType): number | bigint {
  if (to === 'bool') return Number(Number.isNaN(value) || Number(value) !== 0);
  if (to === 'float64') return Number(value);
  if (to === 'float32') return toFloat32(value);
  if (isHalf(to)) return encode(value, halves[to]);
  const [, bits, signed] = integers[to as keyof typeof integers];
  const wide = bits === 64 ? (x: bigint) => x : Number;
  if (typeof value === 'bigint') return wide(signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value));
  if (Number.isNaN(value)) return wide(0n);
  const least = signed ? -(2n ** BigInt(bits - 1)) : 0n;
  const most = 2n ** BigInt(signed ? bits - 1 : bits) - 1n;
  if (value >= most) return wide(most);
  return wide(value <= least ? least : BigInt(Math.trunc(value)));
}

/** Elements of a type, and what they mean. */
function elements(type: CastType): { data: Tensor['data']; values: (number | bigint)[] } {
  const next = generator(types.indexOf(type) + 1);
  const some = Array.from({ length: 400 }, () => next());
  if (isInteger(type)) {
    const [Class, bits, signed] = integers[type];
    const wide = some.map((x) => (BigInt(Math.floor(x * 2 ** 53)) * 2n ** 11n) >> BigInt(Math.floor(next() * bits)));
    const edges = [24n, 53n, 31n, 16n, 62n].flatMap((e) => [-3n, -1n, 0n, 1n, 3n].map((d) => 2n ** e + d));
    // Halfway between two of bfloat16 and a bit beyond.
    edges.push(
      2n ** 62n + 2n ** 54n,
      2n ** 62n + 2n ** 54n + 1n,
      2n ** 62n + 3n * 2n ** 54n,
      2n ** 62n + 2n ** 54n - 1n,
    );
    edges.push(2n ** 60n + 2n ** 36n, 2n ** 60n + 2n ** 36n + 1n, 65_519n, 65_520n, 65_504n, 2049n, 2051n);
    const all = [...wide, ...wide.map((x) => -x), ...edges, ...edges.map((x) => -x), 0n];
    const values = all.map((x) => (signed ? BigInt.asIntN(bits, x) : BigInt.asUintN(bits, x)));
    const data = bits === 64 ? (Class as typeof BigInt64Array).from(values) : arrays[type].from(values, Number);
    return { data: data as Tensor['data'], values };
  }
  if (type === 'bool') {
    const data = Uint8Array.from(some, (x) => (x < 0.4 ? 0 : Math.floor(x * 256)));
    return { data, values: Array.from(data, (x) => (x === 0 ? 0n : 1n)) };
  }
  if (isHalf(type)) {
    const data = Uint16Array.from({ length: 1 << 16 }, (_, i) => i);
    return { data, values: Array.from(data, (bits) => decode(bits, halves[type])) };
  }
  const edges = [0, 0.5, 1.5, 127.5, 128, 255.5, 256, 32_767.5, 65_504, 65_519.99, 65_520, 65_535.9, 2 ** 31, 2 ** 32];
  edges.push(2 ** 63, 2 ** 64, 2 ** 63 - 1024, 2 ** 64 - 2048, 1e30, 3e38, 3.4e38, 3.39e38, 1e300, 2 ** -24, 2 ** -25);
  edges.push(
    2 ** -25 * (1 + 2 ** -40),
    1 + 2 ** -11,
    1 + 2 ** -11 + 2 ** -50,
    1 + 3 * 2 ** -11,
    1 + 2 ** -8,
    1e-45,
    5e-324,
  );
  edges.push(1 + 2 ** -8 + 2 ** -40, 1 + 2 ** -24 + 2 ** -50, 2 ** -14 - 2 ** -25, 2 ** -126, 2 ** -133, 2 ** -134);
  edges.push(Number.POSITIVE_INFINITY, Number.NaN);
  const ranges = [4, 300, 70_000, 2 ** 33, 2 ** 65, 1e-5, 1e-7, 1e-39, 1e39];
  const all = [...some.map((x) => x * ranges[Math.floor(next() * ranges.length)]!), ...edges];
  const data = arrays[type].from([...all, ...all.map((x) => -x)]);
  return { data: data as unknown as Tensor['data'], values: Array.from(data as Float64Array) };
}

/** Whether the bits are a NaN of the type. */
const isNaNOf = (type: CastType, element: number | bigint) =>
  Number.isNaN(isHalf(type) ? decode(Number(element), halves[type]) : Number(element));

describe.each(types)('from %s', (from) => {
  test.each(types)('to %s', async (to) => {
    const { data, values } = elements(from);
    const a = { type: from, data, dims: [values.length] } as Tensor<CastType>;
    const result = await inAllWays<Tensor<CastType>>(device, a, (operand, options) =>
      device.ops.cast(operand, to, options),
    );
    expect([result.type, result.dims, result.data.length]).toEqual([to, [values.length], values.length]);
    for (const [i, value] of values.entries()) {
      const got = result.data[i]!;
      if (Number.isNaN(value) && (isHalf(to) || to.startsWith('float'))) {
        if (!isNaNOf(to, got)) expect.fail(`element ${i}: NaN to ${to} gave ${got}`);
        continue;
      }
      const expected = from === to ? data[i] : convert(value, to); // any byte but 0 is a true one
      if (!Object.is(got, expected)) expect(got, `element ${i}: ${value} of ${from} to ${to}`).toBe(expected);
    }
  });
});

test('any dims, none of them, and more elements than are sent to a device in one piece', async () => {
  for (const dims of [[], [0], [3, 0, 2], [2, 3, 1, 2]]) {
    const count = dims.reduce((all, dim) => all * dim, 1);
    const a = tensor(
      Float32Array.from({ length: count }, (_, i) => i * 1.5),
      dims,
    );
    const result = await inAllWays<Tensor>(device, a, (operand, options) => device.ops.cast(operand, 'int8', options));
    expect(result).toEqual({ type: 'int8', data: Int8Array.from({ length: count }, (_, i) => i * 1.5), dims });
  }
  const count = 4_500_001;
  const large = tensor(Float32Array.from({ length: count }, (_, i) => i % 1000));
  const { data } = await device.ops.cast(large, 'uint16');
  expect(data.length).toBe(count);
  expect(data.findIndex((value, i) => value !== i % 1000)).toBe(-1);
});

test('a slice that begins anywhere', async () => {
  await using held = await device.put(
    tensor(
      Int16Array.from({ length: 100 }, (_, i) => i - 50),
      [100],
      { type: 'int16' },
    ),
  );
  for (const start of [1, 3, 7, 98]) {
    await using part = held.slice(start, start + Math.min(40, 100 - start));
    await using result = await device.ops.cast(part, 'float64');
    const { data } = await result.get();
    expect(data).toEqual(Float64Array.from({ length: part.dims[0]! }, (_, i) => start + i - 50));
  }
});

test('refuses what it cannot convert', async () => {
  const a = tensor([1, 2]);
  await expectError(device.ops.cast(a, 'complex64' as never), 'ERR_DTYPE', /complex64/);
  await expectError(device.ops.cast(a, 'int4' as never), 'ERR_DTYPE', /int4/);
  await expectError(device.ops.cast(a, 'float8e5m2' as never), 'ERR_DTYPE', /float8e5m2/);
  await expectError(device.ops.cast(a, undefined as never), 'ERR_DTYPE', /undefined/);
  await expectError(device.ops.cast(tensor(['a']) as never, 'float32'), 'ERR_DTYPE', /string/);
  const bytes = { type: 'float8e4m3fn', data: new Uint8Array(2), dims: [2] } as const;
  await expectError(device.ops.cast(bytes, 'float32'), 'ERR_DTYPE', /float8e4m3fn/);
  await expectError(device.ops.cast(null as never, 'float32'), 'ERR_ARGUMENT', /tensor/);
  await expectError(device.ops.cast(a, 'float32', null as never), 'ERR_ARGUMENT', /options/);
  await expectError(device.ops.cast({ ...a, dims: [3] }, 'float32'), 'ERR_SHAPE', /3 elements/);
});

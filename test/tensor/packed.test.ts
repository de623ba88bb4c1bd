import fc from 'fast-check';
import { type Tensor, tensor } from 'tensorlane';
import { describe, expect, test } from 'vitest';
import { bitsOf, elementsPerByte, type PackedType } from '../../lib/tensor/dtypes.js';
import { decode, encode } from '../../lib/tensor/small-floats.js';

const ranges = { int4: [-8, 7], uint4: [0, 15], int2: [-2, 1], uint2: [0, 3] } as const;

/** What the bytes stand for, read apart from what packed them. */
function unpacked({ type, data, dims }: Tensor): number[] {
  const bits = bitsOf[type as PackedType];
  const count = dims.reduce((all, dim) => all * dim, 1);
  return Array.from({ length: count }, (_, i) => {
    const byte = Number(data[Math.floor((i * bits) / 8)]) & 0xff;
    const own = Math.floor(byte / 2 ** ((i * bits) % 8)) % 2 ** bits;
    if (type === 'float4e2m1') return decode(type, own);
    return type.startsWith('int') && own >= 2 ** (bits - 1) ? own - 2 ** bits : own;
  });
}

function thrown(make: () => unknown): unknown {
  try {
    return make();
  } catch (reason) {
    return reason;
  }
}

describe.each(Object.keys(ranges) as (keyof typeof ranges)[])('%s', (type) => {
  const [least, most] = ranges[type];

  test('nested arrays are packed, the first element in the lowest bits', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: least, max: most }), { minLength: 1, maxLength: 20 }), (numbers) => {
        const made = tensor([numbers], { type });
        expect(made.dims).toEqual([1, numbers.length]);
        expect(made.data).toHaveLength(Math.ceil(numbers.length / elementsPerByte(type)));
        expect(unpacked(made)).toEqual(numbers);
      }),
    );
    expect(tensor([BigInt(most), true], { type }).data[0]! & (4 ** bitsOf[type] - 1)).toBe(
      (most & (2 ** bitsOf[type] - 1)) + 2 ** bitsOf[type],
    );
  });

  test.each([least - 1, most + 1, 0.5, Number.NaN, Infinity, 2n ** 64n])('has no %s', (value) => {
    expect(thrown(() => tensor([0, value], { type }))).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: `tensor: expected integers for ${type}, within its range, got ${value} at element 1`,
    });
  });
});

describe('float4e2m1', () => {
  test('has these numbers', () => {
    const numbers = [0, 0.5, 1, 1.5, 2, 3, 4, 6];
    expect(Array.from({ length: 16 }, (_, bits) => decode('float4e2m1', bits))).toEqual([
      ...numbers,
      ...numbers.map((number) => -number),
    ]);
  });

  // As ml_dtypes has them.
  test.each([
    [0.25, 0],
    [0.75, 1],
    [1.25, 1],
    [2.5, 2],
    [3.5, 4],
    [5, 4],
    [5.001, 6],
    [7, 6],
    [1e30, 6],
    [Infinity, 6],
    [-Infinity, -6],
    [-0.2, -0],
  ])('%d becomes %d', (value, expected) => {
    expect(decode('float4e2m1', encode('float4e2m1', value))).toBe(expected);
  });

  test('nested arrays are packed two a byte', () => {
    const made = tensor([[0.5, -6, 100]], { type: 'float4e2m1' });
    expect(made).toEqual({ type: 'float4e2m1', data: Uint8Array.of(0xf1, 0x07), dims: [1, 3] });
    expect(unpacked(made)).toEqual([0.5, -6, 6]);
  });

  test('NaN is refused', () => {
    expect(thrown(() => tensor([Number.NaN], { type: 'float4e2m1' }))).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: 'tensor: expected numbers for float4e2m1, which has no NaN, got NaN at element 0',
    });
  });
});

import fc from 'fast-check';
import { tensor } from 'tensorlane';
import { describe, expect, test } from 'vitest';
import { bitsOf } from '../../lib/tensor/dtypes.js';
import { decode, encode, type SmallFloat, smallFloats } from '../../lib/tensor/small-floats.js';

const types = Object.keys(smallFloats) as SmallFloat[];

describe.each(types)('%s', (type) => {
  const all = Array.from({ length: 2 ** bitsOf[type] }, (_, bits) => bits);
  const finite = all
    .filter((bits) => Number.isFinite(decode(type, bits)))
    .sort((a, b) => decode(type, a) - decode(type, b));

  test('the bits of every number come back', () => {
    const wrong = all.filter((bits) => {
      const value = decode(type, bits);
      return Number.isNaN(value) ? !Number.isNaN(decode(type, encode(type, value))) : encode(type, value) !== bits;
    });
    expect(wrong).toEqual([]);
  });

  test('between two numbers the nearer one, and of two as near the one that ends in 0', () => {
    const steps = finite.slice(1).map((above, i) => [finite[i]!, above] as const);
    const wrong = steps.filter(([below, above]) => {
      const [low, high] = [decode(type, below), decode(type, above)];
      if (low === high) return false; // the two zeros
      const middle = (low + high) / 2;
      const even = [below, above].find((bits) => bits % 2 === 0);
      const near = (value: number, bits: number) => decode(type, encode(type, value)) === decode(type, bits);
      return !(near(middle, even!) && near(middle - (high - low) / 8, below) && near(middle + (high - low) / 8, above));
    });
    expect(wrong).toEqual([]);
  });

  test('any number is rounded to a nearest', () => {
    const largest = decode(type, finite.at(-1)!);
    fc.assert(
      fc.property(fc.double({ min: -largest, max: largest, noNaN: true }), (value) => {
        const got = decode(type, encode(type, value));
        const closest = Math.min(...finite.map((bits) => Math.abs(decode(type, bits) - value)));
        expect(Math.abs(got - value)).toBe(closest);
      }),
      { numRuns: 50 },
    );
  });

  test('what is too large', () => {
    const hasInfinity = all.some((bits) => decode(type, bits) === Infinity);
    expect(hasInfinity).toBe(['float16', 'bfloat16', 'float8e5m2'].includes(type));
    const saturates = type === 'float4e2m1';
    const expected = hasInfinity ? Infinity : saturates ? decode(type, finite.at(-1)!) : Number.NaN;
    for (const value of [Infinity, Number.MAX_VALUE, decode(type, finite.at(-1)!) * 1.5]) {
      expect(decode(type, encode(type, value))).toBe(expected);
      expect(decode(type, encode(type, -value))).toBe(-expected);
    }
  });
});

// As numpy and ml_dtypes have them.
test.each([
  ['float16', 1.5, 0x3e00],
  ['float16', 65519.99, 0x7bff],
  ['float16', 65520, 0x7c00],
  ['float16', 2 ** -25, 0],
  ['float16', 1.1 * 2 ** -25, 1],
  ['float16', 0.1, 0x2e66],
  ['float16', -0, 0x8000],
  ['float16', Number.NaN, 0x7e00],
  ['bfloat16', 1.5, 0x3fc0],
  ['bfloat16', 1 + 2 ** -8, 0x3f80],
  ['bfloat16', 1 + 3 * 2 ** -8, 0x3f82],
  ['bfloat16', 1e-40, 0x0001],
  ['bfloat16', 3.4e38, 0x7f80],
  ['float8e4m3fn', 448, 0x7e],
  ['float8e4m3fn', 465, 0x7f],
  ['float8e4m3fnuz', 240, 0x7f],
  ['float8e4m3fnuz', -0, 0],
  ['float8e5m2', 57344, 0x7b],
  ['float8e5m2', 1e9, 0x7c],
  ['float8e5m2fnuz', 57344, 0x7f],
] as const)('%s of %d', (type, value, bits) => {
  expect(encode(type, value)).toBe(bits);
  expect(tensor([value], { type }).data[0]).toBe(bits);
});

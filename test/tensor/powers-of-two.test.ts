import fc from 'fast-check';
import { tensor } from 'tensorlane';
import { expect, test } from 'vitest';
import { decodePowerOfTwo, encodePowerOfTwo } from '../../lib/tensor/powers-of-two.js';

const all = Array.from({ length: 256 }, (_, bits) => bits);

test('the bits of every number come back', () => {
  expect(all.map((bits) => encodePowerOfTwo(decodePowerOfTwo(bits)))).toEqual(all);
});

test('any number that is not negative is rounded to a nearest', () => {
  const finite = all.slice(0, 255).map(decodePowerOfTwo);
  fc.assert(
    fc.property(fc.double({ min: 0, max: 2 ** 127, noNaN: true }), (value) => {
      const got = decodePowerOfTwo(encodePowerOfTwo(value));
      expect(Math.abs(got - value)).toBe(Math.min(...finite.map((one) => Math.abs(one - value))));
    }),
  );
});

// As ml_dtypes has them.
test.each([
  [1, 127],
  [1.5, 128],
  [3, 128],
  [2.9, 128],
  [3.1, 129],
  [0, 0],
  [-0, 0],
  [2 ** -127, 0],
  [1e-300, 0],
  [2 ** 127, 254],
  [1.4 * 2 ** 127, 254],
  [2 ** 128, 255],
  [Infinity, 255],
  [-1, 255],
  [-Infinity, 255],
  [Number.NaN, 255],
])('%d', (value, bits) => {
  expect(encodePowerOfTwo(value)).toBe(bits);
  expect(tensor([value], { type: 'float8e8m0' }).data[0]).toBe(bits);
});

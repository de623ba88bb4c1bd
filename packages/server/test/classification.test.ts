// The highest values of a row: which they are, and that to find all of them takes no longer than to sort them.

import { expect, test } from 'vitest';
import { highest } from '../lib/v2/classification.js';

/** How often an element was looked at. */
function looked(
  values: ArrayLike<number>,
  count: number,
): { readonly places: readonly number[]; readonly looks: number } {
  let looks = 0;
  const seen = new Proxy(values, {
    get(target, key) {
      looks++;
      return Reflect.get(target, key) as number;
    },
  });
  return { places: highest(seen, 0, values.length, count), looks };
}

test.each([1, 63, 64, 65, 1000])(
  '%i of a thousand are those that a sort finds, the first of equal ones first',
  (count) => {
    const values = Array.from({ length: 1000 }, (_, i) => (i % 7 === 0 ? Number.NaN : (i * 37) % 200));
    const rank = (at: number) => (Number.isNaN(values[at]) ? -Infinity : values[at]!);
    const sorted = values.map((_, at) => at).sort((a, b) => rank(b) - rank(a) || a - b);
    const byHand = sorted.slice(0, count);
    expect(looked(values, count).places).toEqual(byHand);
    const long = BigInt64Array.from(values, (one) => BigInt(Number.isNaN(one) ? -1 : one));
    expect(highest(long, 0, 1000, count)).toEqual(byHand);
  },
);

test('values that rise are moved no oftener than others are', () => {
  // Each is above all that came before: a list that they are put in one by one moves as a whole each time.
  const moved = (length: number) => {
    const original = Array.prototype.splice;
    let elements = 0;
    Array.prototype.splice = function (this: unknown[], start: number, ...rest: [number]) {
      elements += this.length - start;
      return original.call(this, start, ...rest);
    };
    try {
      expect(
        highest(
          Float32Array.from({ length }, (_, i) => i),
          0,
          length,
          length,
        )[0],
      ).toBe(length - 1);
    } finally {
      Array.prototype.splice = original;
    }
    return elements;
  };
  expect(moved(10_000)).toBeLessThan(100_000);
  const { looks } = looked(
    Array.from({ length: 10_000 }, (_, i) => i),
    10_000,
  );
  expect(looks).toBeLessThan(10_000 * 100);
});

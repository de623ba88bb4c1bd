// Complex matrices near the ends of their type's range: elimination must not overflow or lose digits where the result does not.

import { type ComplexType, type Device, open, type Tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { complexDifference, complexEpsilon, complexMatrix, elementOf, randomComplex } from '../support/complex.js';
import { testDevice } from '../support/device.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

// The powers of two by which elements of at most 1, of a few bits each, are still held without rounding.
const ends = { complex64: { huge: 127, tiny: -139 }, complex128: { huge: 1023, tiny: -1064 } };

/** Element (i, j) times 2^power(i, j). */
function scaled<T extends ComplexType>(a: Tensor<T>, power: (i: number, j: number) => number): Tensor<T> {
  const columns = a.dims.at(-1)!;
  const data = a.data.map((x: number, at: number) => {
    const element = Math.floor(at / 2);
    // In two steps, for neither may overflow by itself.
    const exponent = power(Math.floor(element / columns), element % columns);
    const half = Math.trunc(exponent / 2);
    return x * 2 ** half * 2 ** (exponent - half);
  });
  return { ...a, data } as Tensor<T>;
}

/** Elements of nine bits, so that their multiples are exact, and a diagonal that keeps the matrix well conditioned. */
function matrix<T extends ComplexType>(type: T, n: number, columns = n): Tensor<T> {
  const a = randomComplex(type, [n, columns], n + columns);
  const data = a.data.map((x: number, at: number) => {
    const onDiagonal = n === columns && at % (2 * (n + 1)) === 0;
    return onDiagonal ? 255 / 256 : Math.round(x * 128) / 512;
  });
  return { ...a, data } as Tensor<T>;
}

describe.each(['complex64', 'complex128'] as const)('%s', (type) => {
  const { huge, tiny } = ends[type];
  const near = 1e3 * complexEpsilon[type];

  function expectSame(found: Tensor, expected: Tensor, what: string): void {
    const difference = complexDifference(complexMatrix(found), complexMatrix(expected));
    expect(difference, `${what}: the largest difference`).toBeLessThan(near);
  }

  describe.each([2, 3, 12, 40])('%d rows', (n) => {
    const a = matrix(type, n);
    const b = matrix(type, n, 3);
    const scales = {
      huge: () => huge,
      tiny: () => tiny,
      'rows far apart': (i: number) => Math.round(huge - ((huge - tiny) * i) / n),
    };

    test.each(Object.entries(scales))('solve, %s', async (name, power) => {
      const x = await device.linalg.solve(scaled(a, power), scaled(b, power));
      expectSame(x, await device.linalg.solve(a, b), name);
    });

    test('inv, huge and small', async () => {
      const inverse = await device.linalg.inv(a);
      for (const power of [huge, -(huge - 8)]) {
        const found = await device.linalg.inv(scaled(a, () => power));
        // What is subnormal of a huge one's inverse has fewer digits.
        const back = scaled(found, () => power);
        expectSame(back, inverse, `2 ** ${power}`);
      }
    });

    test.each([huge, tiny])('det and slogdet, times 2 ** %d', async (power) => {
      const unscaled = await device.linalg.slogdet(a);
      const { sign, logabsdet } = await device.linalg.slogdet(scaled(a, () => power));
      const [re, im] = elementOf(sign, 0);
      const [wantedRe, wantedIm] = elementOf(unscaled.sign, 0);
      expect(Math.hypot(re - wantedRe, im - wantedIm)).toBeLessThan(near);
      const expected = Number(unscaled.logabsdet.data[0]) + n * power * Math.LN2;
      expect(Math.abs(Number(logabsdet.data[0]) / expected - 1)).toBeLessThan(near);
    });

    test.each([huge - 6, tiny])('luFactor and qr, times 2 ** %d', async (power) => {
      const [plain, found] = [await device.linalg.luFactor(a), await device.linalg.luFactor(scaled(a, () => power))];
      expect([...found.pivots.data]).toEqual([...plain.pivots.data]);
      const upper = (lu: Tensor<ComplexType>, back: number) => scaled(lu, (i, j) => (j >= i ? back : 0));
      const tolerant = power === tiny ? 2 ** -7 : near; // the results are subnormal, too
      expect(complexDifference(complexMatrix(upper(found.lu, -power)), complexMatrix(plain.lu))).toBeLessThan(tolerant);
      const [one, two] = [await device.linalg.qr(a), await device.linalg.qr(scaled(a, () => power))];
      expect(complexDifference(complexMatrix(two.q), complexMatrix(one.q))).toBeLessThan(near);
      const r = scaled(two.r, () => -power);
      expect(complexDifference(complexMatrix(r), complexMatrix(one.r))).toBeLessThan(tolerant);
    });
  });
});

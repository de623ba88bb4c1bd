// cuSOLVER's drivers of the singular value decomposition.

import { type Device, open } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { largestDifference, matrix, multiply, random } from '../support/matrices.js';

let device: Device;
let cpu: Device;
beforeAll(async () => {
  [device, cpu] = [await open(testDevice), await open('cpu')];
});
afterAll(async () => {
  await device.dispose();
  await cpu.dispose();
});

describe.each(['auto', 'gesvd', 'gesvdj', 'gesvdp', 'gesvda'] as const)('%s', (driver) => {
  test.each([
    [20, 20],
    [45, 12],
    [12, 45],
  ] as [number, number][])('%i x %i', async (m, n) => {
    const a = random('float64', [3, m, n]);
    const { u, s, vt } = await device.linalg.svd(a, { driver });
    const reference = await cpu.linalg.svd(a, { mode: 'values' });
    const tolerance = driver === 'gesvda' ? 1e-5 : 1e-11;
    const k = Math.min(m, n);
    for (let b = 0; b < 3; b++) {
      const scaled = matrix(u, b).map((row) => row.map((x, j) => x * s.data[b * k + j]!));
      expect(largestDifference(multiply(scaled, matrix(vt, b)), matrix(a, b))).toBeLessThan(tolerance);
    }
    s.data.forEach((x, i) => {
      expect(Math.abs(x - reference.s.data[i]!), `value ${i}`).toBeLessThan(tolerance);
    });
  });
});

test('gesvdr gives the largest values and their vectors', async () => {
  // Of rank 3, so that three values are all there is.
  const a = await cpu.linalg.matmul(random('float64', [60, 3], 1), random('float64', [3, 40], 2));
  const { u, s, vt } = await device.linalg.svd(a, { driver: 'gesvdr', rank: 3 });
  expect([u.dims, s.dims, vt.dims]).toEqual([[60, 3], [3], [3, 40]]);
  const scaled = matrix(u).map((row) => row.map((x, j) => x * s.data[j]!));
  expect(largestDifference(multiply(scaled, matrix(vt)), matrix(a))).toBeLessThan(1e-9);
});

test('a driver that cannot do it says so', async () => {
  await expectError(device.linalg.svd(random('float32', [9, 4]), { driver: 'gesvdr' }), 'ERR_ARGUMENT', /rank/);
  const refused = (rank: number) => device.linalg.svd(random('float32', [9, 4]), { driver: 'gesvdr', rank });
  for (const rank of [4, 5, 2 ** 53 - 1]) {
    await expectError(refused(rank), 'ERR_ARGUMENT', new RegExp(`from 1 to min\\(m, n\\) - 1 = 3, got ${rank}`));
  }
  for (const rank of [0, -1, 1.5])
    await expectError(refused(rank), 'ERR_ARGUMENT', /rank must be an integer of at least 1, got/);
  const { s } = await device.linalg.svd(random('float32', [9, 4]), { driver: 'gesvdr', rank: 3 });
  expect(s.dims).toEqual([3]);
  const all = { driver: 'gesvd', rank: 2 } as const;
  await expectError(device.linalg.svd(random('float32', [9, 4]), all), 'ERR_ARGUMENT', /gesvdr/);
  // Without one, those beyond the rank are left out.
  expect((await device.linalg.svd(random('float32', [9, 4]), { rank: 2 })).s.dims).toEqual([2]);
  await expectError(
    device.linalg.svd(random('float32', [9, 4]), { driver: 'fastest' as never }),
    'ERR_ARGUMENT',
    /'gesvdj'/,
  );
  await expectError(cpu.linalg.svd(random('float32', [9, 4]), { driver: 'gesvdj' }), 'ERR_ARGUMENT', /'auto'/);
});

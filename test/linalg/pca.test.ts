// Principal components by scikit-learn's definitions, and with its results.

import { type Device, type FloatTensor, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { f64, identity, largestDifference, matrix, multiply, random, transpose } from '../support/matrices.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const x = f64([2, 0, 1, 4, 1, 0, 6, 2, 3, 8, 2, 1, 1, 5, 9], [5, 3]);
const near = (a: Tensor, b: readonly number[], within = 1e-8) => {
  expect(a.data.length).toBe(b.length);
  b.forEach((one, i) => {
    expect(Math.abs(Number(a.data[i]) - one)).toBeLessThan(within);
  });
};

describe('pca', () => {
  // By the definition: the eigenvalues of the covariance matrix.
  test('variances and directions are those of the covariance matrix', async () => {
    const found = await device.linalg.pca(x);
    const means = [4.2, 2, 2.8];
    near(found.mean, means);
    const centered = matrix(x).map((row) => row.map((one, j) => one - means[j]!));
    const covariance = multiply(transpose(centered), centered).map((row) => row.map((one) => one / 4));
    const { eigenvalues } = await device.linalg.eigh(f64(covariance.flat(), [3, 3]));
    near(found.explainedVariance, [...eigenvalues.data].reverse());
    const whole = covariance.reduce((sum, row, i) => sum + row[i]!, 0);
    near(
      found.explainedVarianceRatio,
      [...eigenvalues.data].reverse().map((one) => one / whole),
    );
    near(
      found.singularValues,
      [...eigenvalues.data].reverse().map((one) => Math.sqrt(4 * one)),
    );
    near(found.noiseVariance, [0]);
    expect(found.samples).toBe(5);
    const rows = matrix(found.components);
    expect(largestDifference(multiply(rows, transpose(rows)), identity(3))).toBeLessThan(1e-14);
    const along = multiply(multiply(rows, covariance), transpose(rows));
    along.forEach((row, i) => {
      row.forEach((one, j) => {
        expect(Math.abs(one - (i === j ? found.explainedVariance.data[i]! : 0))).toBeLessThan(1e-12);
      });
    });
    for (const row of rows) expect(Math.max(...row)).toBe(Math.max(...row.map(Math.abs)));
  });

  test('transform and inverseTransform', async () => {
    const found = await device.linalg.pca(x);
    const z = await found.transform(x);
    expect(z.dims).toEqual([5, 3]);
    near(await found.inverseTransform(z), [...x.data]);
    const few = await device.linalg.pca(x, { components: 1 });
    const one = await few.transform(f64([2, 0, 1], [3]));
    near(one, [z.data[0]!]);
    near(few.noiseVariance, [(found.explainedVariance.data[1]! + found.explainedVariance.data[2]!) / 2]);
    const out = f64(new Array(15).fill(0), [5, 3]);
    expect(await found.transform(x, { out })).toBe(out);
    expect(out.data).toEqual(z.data);
  });

  test('whiten', async () => {
    const found = await device.linalg.pca(x, { whiten: true, components: 2 });
    const z = matrix(await found.transform(x));
    const covariance = multiply(transpose(z), z).map((row) => row.map((one) => one / 4));
    expect(largestDifference(covariance, identity(2))).toBeLessThan(1e-13);
    const plain = await device.linalg.pca(x, { components: 2 });
    const both = await Promise.all([
      found.inverseTransform(await found.transform(x)),
      plain.inverseTransform(await plain.transform(x)),
    ]);
    near(both[0], [...both[1].data]);
  });

  test('a share of the variance, and more columns than rows', async () => {
    const { explainedVarianceRatio } = await device.linalg.pca(x);
    const [first, second] = [...explainedVarianceRatio.data] as [number, number];
    for (const [share, count] of [
      [first * 0.9, 1],
      [first + second * 0.5, 2],
      [0.999999, 3],
    ] as const) {
      expect((await device.linalg.pca(x, { components: share })).components.dims[0]).toBe(count);
    }
    const wide = random('float64', [4, 9]) as Tensor<'float64'>;
    const found = await device.linalg.pca(wide);
    expect(found.components.dims).toEqual([4, 9]);
    near(await found.inverseTransform(await found.transform(wide)), [...wide.data], 1e-13);
  });

  test('few components of many', async () => {
    const a = random('float32', [300, 60]);
    const all = await device.linalg.pca(a);
    const few = await device.linalg.pca(a, { components: 3 });
    for (let i = 0; i < 3; i++) {
      expect(Math.abs(few.explainedVariance.data[i]! / all.explainedVariance.data[i]! - 1)).toBeLessThan(1e-4);
      expect(Math.abs(few.explainedVarianceRatio.data[i]! / all.explainedVarianceRatio.data[i]! - 1)).toBeLessThan(
        1e-4,
      );
    }
    const rest = [...all.explainedVariance.data].slice(3).map(Number);
    const noise = rest.reduce((sum, one) => sum + one, 0) / rest.length;
    expect(Math.abs(few.noiseVariance.data[0]! / noise - 1)).toBeLessThan(1e-3);
  });

  test('rows that come in blocks, on the device too', async () => {
    const a = random('float64', [2000, 5]) as FloatTensor;
    for (let i = 0; i < a.data.length; i++) a.data[i] = a.data[i]! + 100 * (i % 5) + i / 1000;
    const whole = await device.linalg.pca(a);
    const part = (from: number, to: number) =>
      ({ ...a, data: a.data.slice(from * 5, to * 5), dims: [to - from, 5] }) as FloatTensor;
    const blocks = [part(0, 1), part(1, 700), part(700, 1999), part(1999, 2000)];
    const found = await device.linalg.pca(blocks);
    near(found.mean, [...whole.mean.data].map(Number), 1e-9);
    near(found.explainedVariance, [...whole.explainedVariance.data].map(Number), 1e-6);
    near(found.components, [...whole.components.data].map(Number), 1e-6);
    expect(found.samples).toBe(2000);
    await using there = await device.put(a);
    await using on = await device.linalg.pca([there]);
    near(await on.explainedVariance.get(), [...whole.explainedVariance.data].map(Number), 1e-6);
    await using z = await on.transform(there);
    near(await z.get(), [...(await whole.transform(a)).data].map(Number), 1e-6);
  });

  test('what is wrong', async () => {
    const { linalg } = device;
    await expectError(linalg.pca(f64([1, 2], [1, 2])), 'ERR_SHAPE', /at least two rows, got 1/);
    await expectError(linalg.pca([f64([1, 2], [1, 2])]), 'ERR_SHAPE', /at least two rows, got 1/);
    await expectError(linalg.pca(x, { components: 4 }), 'ERR_ARGUMENT', /components must be at most 3/);
    await expectError(linalg.pca(x, { components: 1.5 }), 'ERR_ARGUMENT', /components/);
    await expectError(linalg.pca(random('float64', [2, 3, 4])), 'ERR_SHAPE', /one real matrix/);
    const fit = await linalg.pca(x);
    await expectError(fit.transform(tensor([1, 2])), 'ERR_SHAPE', /^transform: expected real rows of 3/);
  });
});

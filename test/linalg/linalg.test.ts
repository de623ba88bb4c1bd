// The algebra through the public surface. What LAPACK itself must get right is tested in test/native.

import { type Device, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { epsilon, identity, largestDifference, matrix, multiply, random, transpose } from '../support/matrices.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

describe('svd', () => {
  const shapes = [
    [5, 5],
    [7, 3],
    [3, 7],
    [1, 4],
    [40, 33],
  ] as const;

  test.each(
    (['float32', 'float64'] as const).flatMap((type) =>
      shapes.flatMap(([m, n]) => (['thin', 'full'] as const).map((mode) => ({ type, m, n, mode }))),
    ),
  )('$mode of $m x $n $type in a batch', async ({ type, m, n, mode }) => {
    const a = random(type, [2, 2, m, n]);
    const { u, s, vt } = await device.linalg.svd(a, { mode });
    const k = Math.min(m, n);
    expect(u.dims).toEqual([2, 2, m, mode === 'full' ? m : k]);
    expect(s.dims).toEqual([2, 2, k]);
    expect(vt.dims).toEqual([2, 2, mode === 'full' ? n : k, n]);
    const bound = 50 * Math.max(m, n) * epsilon[type];
    for (let i = 0; i < 4; i++) {
      const values = Array.from(s.data.subarray(i * k, (i + 1) * k) as Float64Array);
      const left = matrix(u, i);
      const right = matrix(vt, i);
      const scaled = left.map((row) => values.map((value, j) => row[j]! * value));
      const product = multiply(scaled, right.slice(0, k));
      expect(largestDifference(product, matrix(a, i)), `u s vt of matrix ${i} is not a`).toBeLessThan(
        bound * values[0]!,
      );
      expect(
        largestDifference(multiply(transpose(left), left), identity(left[0]!.length)),
        `u of matrix ${i} is not orthogonal`,
      ).toBeLessThan(bound);
      expect(
        largestDifference(multiply(right, transpose(right)), identity(right.length)),
        `v of matrix ${i} is not orthogonal`,
      ).toBeLessThan(bound);
      expect(values, `the singular values of matrix ${i} are not sorted`).toEqual([...values].sort((x, y) => y - x));
    }
    const { s: only } = await device.linalg.svd(a, { mode: 'values' });
    only.data.forEach((value, i) => {
      expect(Math.abs(Number(value) - Number(s.data[i])), `values-only differs at ${i}`).toBeLessThan(
        bound * Number(s.data[0]),
      );
    });
  });

  test('empty matrices and batches have empty or identity factors', async () => {
    const { u, s, vt } = await device.linalg.svd(random('float64', [2, 0, 3]), { mode: 'full' });
    expect([u.dims, s.dims, vt.dims]).toEqual([
      [2, 0, 0],
      [2, 0],
      [2, 3, 3],
    ]);
    expect(matrix(vt, 1)).toEqual(identity(3));
    const none = await device.linalg.svd(random('float32', [0, 4, 3]));
    expect([none.u.dims, none.s.dims, none.vt.dims]).toEqual([
      [0, 4, 3],
      [0, 3],
      [0, 3, 3],
    ]);
  });

  test('with one thread, the same input gives the same bits on every stream, whatever else runs', async () => {
    await using single = await open({ device: testDevice, threads: 1, streams: 3 });
    const a = random('float64', [70, 70]);
    const runs = await Promise.all(
      Array.from({ length: 6 }, () => single.streams.use((stream) => single.linalg.svd(a, { stream }))),
    );
    for (const part of ['u', 's', 'vt'] as const) {
      const first = Buffer.from(runs[0]![part].data.buffer);
      for (const run of runs) expect(first.equals(Buffer.from(run[part].data.buffer)), `${part} differs`).toBe(true);
    }
    await (await open(testDevice)).dispose(); // gives the process all its cores back
  });

  test('more callers than cores share them, instead of spinning for one another', async () => {
    // An emulated GPU computes it a hundred times as slowly.
    const n = testDevice === 'cpu' ? 200 : 64;
    const a = random('float64', [n, n]);
    // Of all cores, because what spins computes, and because others may have the cores meanwhile.
    const time = async (streams: number, options = {}) => {
      await using crowded = await open({ device: testDevice, streams, ...options });
      await crowded.linalg.svd(a);
      const start = process.cpuUsage();
      await Promise.all(Array.from({ length: 16 }, () => crowded.linalg.svd(a)));
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1000;
    };
    // One thread has nobody to spin for.
    const few = Math.min(await time(1, { threads: 1 }), await time(1, { threads: 1 }));
    const many = Math.min(await time(8), await time(8));
    // Without sharing, eight callers on two cores take fifty times as long as one.
    expect(many / few, `${many} ms of CPU time on eight streams, ${few} ms on one`).toBeLessThan(6);
  });

  test('refuses what it cannot decompose, and names the culprits', async () => {
    const bad = random('float64', [3, 4, 4]);
    bad.data[17] = Number.NaN;
    bad.data[40] = Number.POSITIVE_INFINITY;
    const error = await expectError(device.linalg.svd(bad), 'ERR_NOT_FINITE', /2 of 3/);
    expect(error.indices).toEqual([1, 2]);
    expect(error.stack).toContain('linalg.test.ts');
    const tall = { type: 'float64', data: new Float64Array(0), dims: [2 ** 31, 0] } as Tensor<'float64'>;
    await expectError(device.linalg.svd(tall, { mode: 'full' }), 'ERR_SHAPE', /2147483648 x 2147483648/);
    await expectError(device.linalg.svd(tensor([1, 2]) as never), 'ERR_SHAPE', /2 dimensions/);
    await expectError(device.linalg.svd(tensor([[1]], { type: 'float16' }) as never), 'ERR_DTYPE', /float16/);
    await expectError(device.linalg.svd(bad, { mode: 'economy' as never }), 'ERR_ARGUMENT', /economy/);
    await expectError(device.linalg.svd(undefined as never), 'ERR_ARGUMENT', /tensor/);
    expect((await device.linalg.svd(tensor([[-2]]))).s.data).toEqual(Float32Array.of(2));
  });
});

describe('matmul', () => {
  // numpy.matmul's rules for shapes.
  test.each([
    [
      [2, 3],
      [3, 4],
      [2, 4],
    ],
    [[3], [3, 4], [4]],
    [[2, 3], [3], [2]],
    [[3], [3], []],
    [
      [5, 2, 3],
      [3, 4],
      [5, 2, 4],
    ],
    [
      [2, 3],
      [5, 3, 4],
      [5, 2, 4],
    ],
    [
      [5, 1, 2, 3],
      [7, 3, 4],
      [5, 7, 2, 4],
    ],
    [
      [0, 3],
      [3, 4],
      [0, 4],
    ],
    [
      [2, 0],
      [0, 4],
      [2, 4],
    ],
    [
      [0, 2, 3],
      [1, 3, 4],
      [0, 2, 4],
    ],
  ])('%j times %j is %j', async (aDims, bDims, expected) => {
    for (const type of ['float32', 'float64'] as const) {
      const a = random(type, aDims, 3);
      const b = random(type, bDims, 4);
      const c = await device.linalg.matmul(a as Tensor<'float64'>, b as Tensor<'float64'>);
      expect(c.dims).toEqual(expected);
      const left = { ...a, dims: aDims.length === 1 ? [1, ...aDims] : aDims } as Tensor;
      const right = { ...b, dims: bDims.length === 1 ? [...bDims, 1] : bDims } as Tensor;
      const [m, n] = [left.dims.at(-2)!, right.dims.at(-1)!];
      const lead = expected.slice(0, expected.length - Number(aDims.length > 1) - Number(bDims.length > 1));
      const total = lead.reduce((x, y) => x * y, 1);
      for (let i = 0; i < total; i++) {
        const product = multiply(
          matrix(left, sourceIndex(i, lead, left.dims.slice(0, -2))),
          matrix(right, sourceIndex(i, lead, right.dims.slice(0, -2))),
        );
        const ours = matrix({ ...c, dims: [...lead, m, n] } as Tensor, i);
        expect(
          largestDifference(ours, product.length > 0 && product[0]!.length > 0 ? product : ours),
          `matrix ${i}`,
        ).toBeLessThan(1e-5);
      }
    }
  });

  /** Which matrix of an operand broadcasting takes for matrix `index` of the result. */
  function sourceIndex(index: number, dims: readonly number[], own: readonly number[]): number {
    let rest = index;
    let stride = 1;
    let source = 0;
    for (let back = 1; back <= dims.length; back++) {
      const at = rest % dims.at(-back)!;
      rest = Math.floor(rest / dims.at(-back)!);
      const dim = own.at(-back) ?? 1;
      source += dim === 1 ? 0 : at * stride;
      stride *= dim;
    }
    return source;
  }

  test('refuses operands that do not fit', async () => {
    await expectError(
      device.linalg.matmul(random('float32', [2, 3]), random('float32', [2, 3])),
      'ERR_SHAPE',
      /3 columns.*2 rows/,
    );
    await expectError(
      device.linalg.matmul(random('float32', [2, 2, 3]), random('float32', [5, 3, 3])),
      'ERR_SHAPE',
      /\[2\] and \[5\] do not broadcast/,
    );
  });
});

describe('solve', () => {
  test.each([
    [[4, 4], [4], [4]],
    [
      [4, 4],
      [4, 3],
      [4, 3],
    ],
    [
      [5, 4, 4],
      [4, 2],
      [5, 4, 2],
    ],
    [
      [4, 4],
      [5, 4, 2],
      [5, 4, 2],
    ],
    [
      [3, 1, 4, 4],
      [2, 4, 1],
      [3, 2, 4, 1],
    ],
    [
      [0, 0],
      [0, 2],
      [0, 2],
    ],
  ])('a %j with b %j gives x %j', async (aDims, bDims, expected) => {
    const a = random('float64', aDims, 5);
    const b = random('float64', bDims, 6);
    const x = await device.linalg.solve(a as Tensor<'float64'>, b as Tensor<'float64'>);
    expect(x.dims).toEqual(expected);
    const back = await device.linalg.matmul(a as Tensor<'float64'>, x);
    back.data.forEach((value, i) => {
      expect(Math.abs(value - Number(b.data[i % b.data.length])), `a x differs from b at ${i}`).toBeLessThan(1e-10);
    });
  });

  test('names the singular matrices of a batch', async () => {
    const a = tensor(
      [
        [
          [1, 0],
          [0, 1],
        ],
        [
          [1, 2],
          [2, 4],
        ],
        [
          [0, 0],
          [0, 0],
        ],
      ],
      { type: 'float64' },
    );
    const error = await expectError(
      device.linalg.solve(a, tensor([1, 1], { type: 'float64' })),
      'ERR_SINGULAR',
      /2 of 3/,
    );
    expect(error.indices).toEqual([1, 2]);
  });

  test('refuses operands that do not fit', async () => {
    await expectError(device.linalg.solve(random('float64', [2, 3]), random('float64', [2])), 'ERR_SHAPE', /square/);
    const bad = random('float64', [2, 2]);
    bad.data[3] = Number.NaN;
    await expectError(device.linalg.solve(bad, random('float64', [2])), 'ERR_NOT_FINITE');
  });
});

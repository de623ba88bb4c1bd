// The largest singular values alone, the signs of vectors, Hermitian matrices, and matrices that come in blocks of rows.

import { type Device, type DeviceTensor, type FloatTensor, open, type Tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { complexDifference, complexMatrix, multiplyComplex, randomComplex } from '../support/complex.js';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { epsilon, f64, identity, largestDifference, matrix, multiply, random, transpose } from '../support/matrices.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

/** m x n with singular values 1, 1/2, 1/4 and so on down to a floor. */
async function decaying(type: 'float32' | 'float64', m: number, n: number, floor = 0): Promise<FloatTensor> {
  const k = Math.min(m, n);
  const [{ q: u }, { q: v }] = await Promise.all([
    device.linalg.qr(random(type, [m, k], 3)),
    device.linalg.qr(random(type, [n, k], 4)),
  ]);
  const s = Float64Array.from({ length: k }, (_, i) => Math.max(2 ** -i, floor));
  const scaled = { ...u, data: u.data.map((x: number, i: number) => x * s[i % k]!) } as FloatTensor;
  return device.linalg.matmul(scaled, await device.linalg.matrixTranspose(v));
}

const norm = (values: Iterable<number>) => Math.hypot(...values);

function product({ u, s, vt }: { u: Tensor; s: Tensor; vt: Tensor }) {
  const scaled = matrix(u).map((row) => row.map((x, j) => x * Number(s.data[j])));
  return multiply(scaled, matrix(vt));
}

describe('a rank', () => {
  test.each([
    ['float32', 60, 40],
    ['float64', 40, 60],
  ] as const)('%s, of %i x %i: the first values and vectors, and what is left', async (type, m, n) => {
    const a = await decaying(type, m, n, 1e-3);
    const found = await device.linalg.svd(a, { rank: 6 });
    expect([found.u.dims, found.s.dims, found.vt.dims, found.error.dims]).toEqual([[m, 6], [6], [6, n], []]);
    const kept = product(found);
    const left = norm(matrix(a).flatMap((row, i) => row.map((x, j) => x - kept[i]![j]!)));
    expect(Math.abs(found.error.data[0]! / left - 1)).toBeLessThan(type === 'float32' ? 1e-2 : 1e-6);
    const [u, vt] = [matrix(found.u), matrix(found.vt)];
    expect(largestDifference(multiply(transpose(u), u), identity(6))).toBeLessThan(50 * epsilon[type]);
    expect(largestDifference(multiply(vt, transpose(vt)), identity(6))).toBeLessThan(50 * epsilon[type]);
  });

  test('is the first of all', async () => {
    const a = random('float64', [6, 4]);
    const all = await device.linalg.svd(a);
    const found = await device.linalg.svd(a, { rank: 3 });
    expect(found.s.data).toEqual(all.s.data.slice(0, 3));
    expect(matrix(found.vt)).toEqual(matrix(all.vt).slice(0, 3));
    expect(matrix(found.u)).toEqual(matrix(all.u).map((row) => row.slice(0, 3)));
    expect(Math.abs(found.error.data[0]! - all.s.data[3]!)).toBeLessThan(1e-15);
    expect([...(await device.linalg.svd(a, { rank: 4 })).error.data]).toEqual([0]);
    expect((await device.linalg.svd(a, { rank: 2, mode: 'values' })).s.data).toEqual(all.s.data.slice(0, 2));
  });

  test('of a batch, of complex matrices, of zeros, and on the device', async () => {
    const a = random('float64', [3, 60, 70]);
    const batch = await device.linalg.svd(a, { rank: 2 });
    const all = await device.linalg.svdvals(a);
    for (let i = 0; i < 3; i++) {
      expect(Math.abs(batch.s.data[2 * i]! / all.data[60 * i]! - 1)).toBeLessThan(1e-9);
    }
    const c = randomComplex('complex128', [60, 50]);
    const complex = await device.linalg.svd(c, { rank: 2 });
    expect([complex.u.type, complex.s.type, complex.error.type]).toEqual(['complex128', 'float64', 'float64']);
    expect(Math.abs(complex.s.data[0]! / (await device.linalg.svdvals(c)).data[0]! - 1)).toBeLessThan(1e-9);
    const zeros = await device.linalg.svd(f64(new Array(3600).fill(0), [60, 60]), { rank: 2 });
    expect([...zeros.s.data, ...zeros.error.data]).toEqual([0, 0, 0]);
    await using x = await device.put(a);
    const there = await device.linalg.svd(x, { rank: 2 });
    const s: DeviceTensor<'float32' | 'float64'> = there.s;
    const read = (await s.get()).data;
    expect(Math.abs(read[0]! / all.data[0]! - 1)).toBeLessThan(1e-9);
    await Promise.all([there.u.dispose(), there.s.dispose(), there.vt.dispose(), there.error.dispose()]);
  });

  test('what is wrong', async () => {
    const a = random('float64', [6, 4]);
    const { linalg } = device;
    await expectError(linalg.svd(a, { rank: 5 }), 'ERR_ARGUMENT', /svd: rank must be an integer from 1 to 4/);
    await expectError(linalg.svd(a, { rank: 2, mode: 'full' }), 'ERR_ARGUMENT', /'full'/);
    const broken = random('float64', [90, 90]);
    broken.data[77] = Number.NaN;
    await expectError(linalg.svd(broken, { rank: 2 }), 'ERR_NOT_FINITE', /^svd: /);
  });
});

describe('a random sample', () => {
  const sampled = { driver: 'randomized' } as const;

  test.each([
    ['float32', 90, 70],
    ['float64', 70, 110],
  ] as const)('%s, of %i x %i: nearly the nearest matrix, and what it leaves', async (type, m, n) => {
    const a = await decaying(type, m, n, 1e-3);
    const found = await device.linalg.svd(a, { rank: 5, oversample: 3, ...sampled });
    expect([found.u.dims, found.s.dims, found.vt.dims, found.error.dims]).toEqual([[m, 5], [5], [5, n], []]);
    const exact = await device.linalg.svd(a, { rank: 5 });
    const digits = type === 'float32' ? 1e-4 : 1e-6;
    found.s.data.forEach((s: number, i: number) => {
      expect(Math.abs(s / exact.s.data[i]! - 1)).toBeLessThan(digits);
    });
    expect(found.error.data[0]! / exact.error.data[0]!).toBeLessThan(1 + digits);
    const kept = product(found);
    const left = norm(matrix(a).flatMap((row, i) => row.map((x, j) => x - kept[i]![j]!)));
    expect(Math.abs(found.error.data[0]! / left - 1)).toBeLessThan(type === 'float32' ? 1e-2 : 1e-6);
    const [u, vt] = [matrix(found.u), matrix(found.vt)];
    expect(largestDifference(multiply(transpose(u), u), identity(5))).toBeLessThan(50 * epsilon[type]);
    expect(largestDifference(multiply(vt, transpose(vt)), identity(5))).toBeLessThan(50 * epsilon[type]);
  });

  test('the same seed gives the same, another one another sample', async () => {
    // Slowly decaying values, of which one pass over a small sample sees little.
    const a = random('float64', [80, 60], 9);
    const of = (seed?: number) => device.linalg.svd(a, { rank: 3, oversample: 0, iterations: 0, seed, ...sampled });
    const [first, again, standard, zero] = [await of(5), await of(5), await of(), await of(0)];
    expect(again.s.data).toEqual(first.s.data);
    expect(zero.s.data).toEqual(standard.s.data);
    expect(standard.s.data[0]).not.toBe(first.s.data[0]);
    await using held = await device.put(a);
    const there = await device.linalg.svd(held, { rank: 3, oversample: 0, iterations: 0, seed: 5, ...sampled });
    const s = await there.s.get();
    s.data.forEach((one, i) => {
      expect(Math.abs(one / first.s.data[i]! - 1)).toBeLessThan(1e-10);
    });
    await Promise.all([there.u.dispose(), there.s.dispose(), there.vt.dispose(), there.error.dispose()]);
  });

  test('each iteration is nearer', async () => {
    const a = random('float64', [120, 100], 11);
    const best = (await device.linalg.svd(a, { rank: 4 })).error.data[0]!;
    const away: number[] = [];
    for (const iterations of [0, 1, 3]) {
      const { error } = await device.linalg.svd(a, { rank: 4, oversample: 4, iterations, ...sampled });
      away.push(error.data[0]! - best);
    }
    expect(away[1]).toBeLessThan(away[0]! / 2);
    expect(away[2]).toBeLessThan(away[1]! / 2);
    expect(away[2]).toBeGreaterThan(-1e-10);
  });

  test('of a batch, of complex matrices, of small rank, of zeros, and where the sample is as large as the matrix', async () => {
    const a = random('float64', [3, 60, 70]);
    const batch = await device.linalg.svd(a, { rank: 2, iterations: 4, oversample: 6, ...sampled });
    const all = await device.linalg.svd(a, { rank: 2 });
    expect([batch.u.dims, batch.vt.dims, batch.error.dims]).toEqual([[3, 60, 2], [3, 2, 70], [3]]);
    for (let i = 0; i < 3; i++) {
      expect(batch.error.data[i]! / all.error.data[i]! - 1).toBeLessThan(1e-3);
      expect(Math.abs(batch.s.data[2 * i]! / all.s.data[2 * i]! - 1)).toBeLessThan(1e-2);
    }
    const c = randomComplex('complex128', [60, 50]);
    const complex = await device.linalg.svd(c, { rank: 2, iterations: 3, oversample: 8, ...sampled });
    const whole = await device.linalg.svd(c, { rank: 2 });
    expect([complex.u.type, complex.s.type, complex.error.type]).toEqual(['complex128', 'float64', 'float64']);
    expect(Math.abs(complex.s.data[0]! / whole.s.data[0]! - 1)).toBeLessThan(1e-3);
    expect(complex.error.data[0]! / whole.error.data[0]! - 1).toBeLessThan(1e-3);
    // Of rank 2, where more columns are asked for: the blocks behind the first span nothing new.
    const thin = f64(
      matrix(random('float64', [60, 2], 5)).flatMap(([x, y]) =>
        Array.from({ length: 50 }, (_, j) => x! * (j + 1) + y! * Math.cos(j)),
      ),
      [60, 50],
    );
    const rank = await device.linalg.svd(thin, { rank: 4, oversample: 4, ...sampled });
    const exact = (await device.linalg.svdvals(thin)).data;
    rank.s.data.forEach((s, i) => {
      expect(Math.abs(s - (i < 2 ? exact[i]! : 0))).toBeLessThan(1e-11);
    });
    expect(rank.error.data[0]).toBeLessThan(1e-10);
    const u = matrix(rank.u);
    expect(largestDifference(multiply(transpose(u), u), identity(4))).toBeLessThan(1e-13);
    const zeros = await device.linalg.svd(f64(new Array(3600).fill(0), [60, 60]), { rank: 2, ...sampled });
    expect([...zeros.s.data, ...zeros.error.data]).toEqual([0, 0, 0]);
    const small = random('float64', [9, 8]);
    expect((await device.linalg.svd(small, { rank: 3, ...sampled })).s.data).toEqual(
      (await device.linalg.svd(small, { rank: 3 })).s.data,
    );
    const signed = await device.linalg.svd(random('float64', [80, 70]), {
      rank: 2,
      signs: 'deterministic',
      ...sampled,
    });
    for (const row of matrix(signed.vt)) expect(Math.max(...row)).toBe(Math.max(...row.map(Math.abs)));
  });

  test('what is wrong', async () => {
    const a = random('float64', [60, 40]);
    const { linalg } = device;
    await expectError(linalg.svd(a, sampled), 'ERR_ARGUMENT', /'randomized' needs a rank/);
    await expectError(linalg.svd(a, { rank: 41, ...sampled }), 'ERR_ARGUMENT', /from 1 to 40/);
    await expectError(linalg.svd(a, { rank: 2, seed: -1, ...sampled }), 'ERR_ARGUMENT', /svd: seed/);
    await expectError(linalg.svd(a, { rank: 2, iterations: 0.5, ...sampled }), 'ERR_ARGUMENT', /svd: iterations/);
    await expectError(linalg.svd(a, { rank: 2, oversample: -1, ...sampled }), 'ERR_ARGUMENT', /svd: oversample/);
    await expectError(linalg.svd(a, { rank: 2, seed: 1 }), 'ERR_ARGUMENT', /seed goes together with the driver/);
    await expectError(linalg.svd(a, { rank: 2, mode: 'full', ...sampled }), 'ERR_ARGUMENT', /'full'/);
    const broken = random('float64', [90, 90]);
    broken.data[77] = Number.NaN;
    await expectError(linalg.svd(broken, { rank: 2, ...sampled }), 'ERR_NOT_FINITE', /^svd: /);
  });
});

describe('signs', () => {
  test('the largest element of each row is positive', async () => {
    const a = random('float64', [2, 5, 4]);
    const { u, s, vt } = await device.linalg.svd(a, { signs: 'deterministic' });
    for (const i of [0, 1]) {
      for (const row of matrix(vt, i)) expect(Math.max(...row)).toBe(Math.max(...row.map(Math.abs)));
      const scaled = matrix(u, i).map((row) => row.map((x, j) => x * s.data[4 * i + j]!));
      expect(largestDifference(multiply(scaled, matrix(vt, i)), matrix(a, i))).toBeLessThan(1e-13);
    }
    const c = randomComplex('complex128', [2, 2]);
    await expectError(device.linalg.svd(c, { signs: 'deterministic' }), 'ERR_DTYPE', /real matrices/);
  });
});

describe('hermitian', () => {
  test.each(['float64', 'complex128'] as const)(
    '%s: by eigenvalues, of either sign, from the lower triangle',
    async (type) => {
      const x = type === 'float64' ? random(type, [3, 6, 6]) : randomComplex(type, [3, 6, 6]);
      const found = await device.linalg.svd(x, { hermitian: true });
      const w = await device.linalg.eigvalsh(x);
      for (let i = 0; i < 3; i++) {
        const sizes = [...w.data.subarray(6 * i, 6 * i + 6)].map(Math.abs).sort((p, q) => q - p);
        expect(Math.max(...sizes.map((one, j) => Math.abs(one - found.s.data[6 * i + j]!)))).toBeLessThan(1e-14);
        const scaled = complexMatrix(found.u, i).map((row) =>
          row.map(([re, im], j) => [re * found.s.data[6 * i + j]!, im * found.s.data[6 * i + j]!] as const),
        );
        const whole = complexMatrix(x, i).map((row, r) =>
          row.map((one, c) => {
            if (c < r) return one;
            const [re, im] = complexMatrix(x, i)[c]![r]!;
            return c === r ? ([re, 0] as const) : ([re, -im] as const);
          }),
        );
        expect(complexDifference(multiplyComplex(scaled, complexMatrix(found.vt, i)), whole)).toBeLessThan(1e-13);
      }
      expect((await device.linalg.svd(x, { hermitian: true, mode: 'values' })).s.dims).toEqual([3, 6]);
    },
  );

  test('what is wrong', async () => {
    await expectError(device.linalg.svd(random('float64', [2, 3]), { hermitian: true }), 'ERR_SHAPE', /square/);
    await expectError(
      device.linalg.svd(random('float64', [3, 3]), { hermitian: true, rank: 2 }),
      'ERR_ARGUMENT',
      /hermitian/,
    );
  });
});

describe('blocks of rows', () => {
  const blocksOf = (a: FloatTensor, ...sizes: number[]) => {
    const n = a.dims[1]!;
    let from = 0;
    return sizes.map((rows) => {
      const data = a.data.slice(from * n, (from + rows) * n);
      from += rows;
      return { type: a.type, data, dims: [rows, n] } as FloatTensor;
    });
  };

  test.each(['float32', 'float64'] as const)('%s: the values and vectors of all rows', async (type) => {
    const a = random(type, [3000, 7]);
    const whole = await device.linalg.svd(a, { signs: 'deterministic' });
    async function* rows() {
      yield* blocksOf(a, 1, 0, 5, 1500, 994, 500);
    }
    const found = await device.linalg.svd(rows());
    expect([found.rows, found.s.dims, found.vt.dims]).toEqual([3000, [7], [7, 7]]);
    found.s.data.forEach((s: number, i: number) => {
      expect(Math.abs(s / whole.s.data[i]! - 1)).toBeLessThan(50 * epsilon[type]);
    });
    const inner = multiply(matrix(found.vt), transpose(matrix(whole.vt)));
    inner.forEach((row, i) => {
      expect(Math.abs(Math.abs(row[i]!) - 1)).toBeLessThan(1e4 * epsilon[type]);
    });
    const two = await device.linalg.svd(blocksOf(a, 2999, 1), { rank: 2 });
    expect(Math.abs(two.error.data[0]! / norm([...whole.s.data].slice(2).map(Number)) - 1)).toBeLessThan(1e-5);
  });

  test('fewer rows than columns, blocks on the device, and complex ones', async () => {
    const a = random('float64', [3, 5]);
    const whole = await device.linalg.svdvals(a);
    const found = await device.linalg.svd(blocksOf(a, 1, 2));
    expect(found.vt.dims).toEqual([3, 5]);
    found.s.data.forEach((s: number, i: number) => {
      expect(Math.abs(s - whole.data[i]!)).toBeLessThan(1e-14);
    });
    await using first = await device.put(a);
    const there = await device.linalg.svd([first, first]);
    const s = await there.s.get();
    expect(Math.abs(s.data[0]! - Math.SQRT2 * whole.data[0]!)).toBeLessThan(1e-14);
    await Promise.all([there.s.dispose(), there.vt.dispose(), there.error.dispose()]);
    const c = randomComplex('complex128', [4, 3]);
    const complex = await device.linalg.svd([c, c]);
    expect(Math.abs(complex.s.data[0]! - Math.SQRT2 * (await device.linalg.svdvals(c)).data[0]!)).toBeLessThan(1e-14);
  });

  test('of many columns the largest are followed, and the error says what they leave', async () => {
    const [m, n] = [60, 4100];
    const left = matrix(random('float64', [m, 3], 5));
    const right = matrix(random('float64', [3, n], 6));
    const noise = random('float64', [m, n], 7);
    const exact = multiply(left, right);
    const data = Float64Array.from(noise.data, (x, i) => exact[Math.floor(i / n)]![i % n]! + 1e-3 * Number(x));
    const a = f64([...data], [m, n]) as FloatTensor;
    const found = await device.linalg.svd(blocksOf(a, 20, 40), { rank: 3, oversample: 5 });
    const whole = await device.linalg.svdvals(a);
    for (let i = 0; i < 3; i++) expect(Math.abs(found.s.data[i]! / whole.data[i]! - 1)).toBeLessThan(1e-6);
    const rest = norm([...whole.data].slice(3).map(Number));
    expect(Math.abs(found.error.data[0]! / rest - 1)).toBeLessThan(1e-2);
    await expectError(device.linalg.svd([a]), 'ERR_ARGUMENT', /need a rank/);
  });

  test('progress, and a signal that ends it', async () => {
    const a = random('float64', [10, 2]);
    const seen: number[] = [];
    await device.linalg.svd(blocksOf(a, 4, 6), { onProgress: ({ rows }) => seen.push(rows) });
    expect(seen).toEqual([4, 10]);
    const controller = new AbortController();
    let ended = false;
    function* forever() {
      try {
        for (;;) yield a;
      } finally {
        ended = true;
      }
    }
    const running = device.linalg.svd(forever(), {
      signal: controller.signal,
      onProgress: ({ rows }) => rows >= 50 && controller.abort('enough'),
    });
    await expectError(running, 'ERR_ABORTED', /^svd: aborted by its signal/);
    expect(ended).toBe(true);
    const { tensorBytes } = device.stats().memory;
    await using x = await device.put(a);
    await expectError(device.linalg.svd([x, random('float64', [2, 3])]), 'ERR_SHAPE', /first block has 2 columns/);
    await expectError(device.linalg.svd([x, a]), 'ERR_ARGUMENT', /some blocks are on the device/);
    expect(device.stats().memory.tensorBytes).toBe(tensorBytes + 160);
  });

  test('what is wrong', async () => {
    const { linalg } = device;
    await expectError(linalg.svd([]), 'ERR_ARGUMENT', /at least one block/);
    await expectError(linalg.svd([random('float64', [2, 2, 2])]), 'ERR_SHAPE', /blocks of rows/);
    await expectError(linalg.svd([random('float64', [2, 2])], { rank: 3 }), 'ERR_ARGUMENT', /rank of 3/);
    await expectError(linalg.svd([random('float64', [2, 2])], { signal: {} as never }), 'ERR_ARGUMENT', /AbortSignal/);
    const broken = random('float64', [4, 2]);
    broken.data[1] = Number.POSITIVE_INFINITY;
    await expectError(linalg.svd([broken]), 'ERR_NOT_FINITE', /^svd: /);
  });
});

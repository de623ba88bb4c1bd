// Operations of several steps beside what vectors.test.ts has of them: what they refuse, what they are by definition where results may
// differ, and what holds of all of them whoever else uses their operands.

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

const halves = { type: 'float16', data: new Uint16Array(4), dims: [2, 2] } as never;

describe('what is wrong is refused', () => {
  const a = f64([1, 2, 3, 4, 5, 6], [2, 3]);
  const square = f64([2, 1, 1, 3], [2, 2]);
  const cases: readonly [string, () => Promise<unknown>, string, RegExp][] = [
    ['norm: ord', () => device.linalg.norm(a, { ord: 3 }), 'ERR_ARGUMENT', /ord must be 'fro'.*got 3/],
    ['norm: three axes', () => device.linalg.norm(a, { axis: [0, 1, 2] }), 'ERR_ARGUMENT', /axis/],
    ['norm: an axis twice', () => device.linalg.norm(a, { axis: [0, -2] }), 'ERR_ARGUMENT', /only once/],
    ['norm: of a cube', () => device.linalg.norm(f64([1], [1, 1, 1]), { ord: 2 }), 'ERR_SHAPE', /an axis/],
    ['norm: fro of a vector', () => device.linalg.norm(f64([1], [1]), { ord: 'fro' }), 'ERR_ARGUMENT', /number/],
    ['vectorNorm: ord', () => device.linalg.vectorNorm(a, { ord: Number.NaN }), 'ERR_ARGUMENT', /got NaN/],
    [
      'vectorNorm: of nothing',
      () => device.linalg.vectorNorm(f64([], [0]), { ord: Number.NEGATIVE_INFINITY }),
      'ERR_SHAPE',
      /nothing/,
    ],
    ['vectorNorm: a scalar', () => device.linalg.vectorNorm(f64([1], []), { axis: 0 }), 'ERR_ARGUMENT', /scalar/],
    ['matrixNorm: halves', () => device.linalg.matrixNorm(halves), 'ERR_DTYPE', /float16/],
    ['cond: of a wide one', () => device.linalg.cond(a, { p: 1 }), 'ERR_SHAPE', /square/],
    ['cond: of nothing', () => device.linalg.cond(f64([], [0, 2])), 'ERR_SHAPE', /empty/],
    ['matrixRank: both', () => device.linalg.matrixRank(a, { tol: 1, rtol: 1 }), 'ERR_ARGUMENT', /both/],
    ['matrixRank: rtol', () => device.linalg.matrixRank(a, { rtol: -1 }), 'ERR_ARGUMENT', /at least 0, got -1/],
    ['pinv: rtol', () => device.linalg.pinv(a, { rtol: '1' as never }), 'ERR_ARGUMENT', /pinv: rtol/],
    ['pinv: hermitian', () => device.linalg.pinv(a, { hermitian: true }), 'ERR_SHAPE', /square/],
    ['matrixPower: half', () => device.linalg.matrixPower(square, 0.5), 'ERR_ARGUMENT', /got 0.5/],
    [
      'matrixPower: inverse',
      () => device.linalg.matrixPower(f64([0, 0, 0, 0], [2, 2]), -1),
      'ERR_SINGULAR',
      /^matrixPower: /,
    ],
    ['outer: of a matrix', () => device.linalg.outer(a, f64([1], [1])), 'ERR_SHAPE', /vectors/],
    ['outer: halves', () => device.linalg.outer(halves, a), 'ERR_DTYPE', /float16/],
    ['cross: of four', () => device.linalg.cross(f64([1, 2, 3, 4], [4]), f64([1, 2, 3], [3])), 'ERR_SHAPE', /three/],
    ['vecdot: lengths', () => device.linalg.vecdot(a, square), 'ERR_SHAPE', /3 elements along the axis, b has 2/],
    ['vecdot: batches', () => device.linalg.vecdot(a, f64(Array(9).fill(1), [3, 3])), 'ERR_SHAPE', /do not broadcast/],
    ['tensordot: sizes', () => device.linalg.tensordot(a, square, { axes: 1 }), 'ERR_SHAPE', /axis 1 of a has 3/],
    ['tensordot: count', () => device.linalg.tensordot(a, square, { axes: 3 }), 'ERR_SHAPE', /3 axes/],
    ['tensordot: pairs', () => device.linalg.tensordot(a, square, { axes: [[0], []] }), 'ERR_ARGUMENT', /as many/],
    ['multiDot: one', () => device.linalg.multiDot([a]), 'ERR_ARGUMENT', /two/],
    ['multiDot: inner', () => device.linalg.multiDot([a, square]), 'ERR_SHAPE', /matrix 0 has 3 columns/],
    ['multiDot: cube', () => device.linalg.multiDot([a, f64([1], [1, 1, 1])]), 'ERR_SHAPE', /number 1/],
    ['diagonal: a vector', () => device.linalg.diagonal(f64([1], [1])), 'ERR_SHAPE', /2 dimensions/],
    ['tensorsolve', () => device.linalg.tensorsolve(a, f64([1], [1])), 'ERR_SHAPE', /no square matrix/],
    ['tensorinv', () => device.linalg.tensorinv(a, { ind: 1 }), 'ERR_SHAPE', /2 elements, the others 3/],
    ['tensorinv: ind', () => device.linalg.tensorinv(a, { ind: 0 }), 'ERR_ARGUMENT', /ind/],
    ['lstsq: rows', () => device.linalg.lstsq(a, f64([1, 2, 3], [3])), 'ERR_SHAPE', /2 rows, b of dims \[3\] 3/],
    ['expm: NaN', () => device.linalg.expm(f64([1, Number.NaN, 0, 1], [2, 2])), 'ERR_NOT_FINITE', /NaN/],
    ['expm: too large', () => device.linalg.expm(f64([1000], [1, 1])), 'ERR_NOT_FINITE', /beyond what float64 holds/],
    ['polar: side', () => device.linalg.polar(a, { side: 'top' as never }), 'ERR_ARGUMENT', /top/],
    ['nullSpace: a batch', () => device.linalg.nullSpace(f64([1], [1, 1, 1])), 'ERR_SHAPE', /differ in shape/],
    ['orth: NaN', () => device.linalg.orth(f64([Number.NaN], [1, 1])), 'ERR_NOT_FINITE', /^orth: svd: /],
    ['eigh: uplo', () => device.linalg.eigh(square, { uplo: 'lower' as never }), 'ERR_ARGUMENT', /lower/],
    ['cholesky: upper', () => device.linalg.cholesky(square, { upper: 1 as never }), 'ERR_ARGUMENT', /upper/],
    ['einsum: no text', () => device.linalg.einsum(5 as never, [a]), 'ERR_ARGUMENT', /string/],
    ['einsum: no operands', () => device.linalg.einsum('i', []), 'ERR_ARGUMENT', /at least one/],
    ['einsum: too few', () => device.linalg.einsum('ij,jk', [a]), 'ERR_ARGUMENT', /1 operand, and subscripts for 2/],
    ['einsum: ranks', () => device.linalg.einsum('ijk', [a]), 'ERR_SHAPE', /names 3 axes, operand 0 has 2/],
    ['einsum: a digit', () => device.linalg.einsum('i1', [a]), 'ERR_ARGUMENT', /'1', which is no letter/],
    ['einsum: two arrows', () => device.linalg.einsum('ij->i->', [a]), 'ERR_ARGUMENT', /'->'/],
    ['einsum: unknown', () => device.linalg.einsum('ij->k', [a]), 'ERR_ARGUMENT', /'k' is in the result/],
    ['einsum: twice', () => device.linalg.einsum('ij->ii', [a]), 'ERR_ARGUMENT', /twice/],
    ['einsum: two ellipses', () => device.linalg.einsum('......', [a]), 'ERR_ARGUMENT', /more than one/],
    ['einsum: lost', () => device.linalg.einsum('i...->i', [a]), 'ERR_ARGUMENT', /further dimensions/],
    ['einsum: sizes', () => device.linalg.einsum('ij,ij', [a, square]), 'ERR_SHAPE', /'j' is 3 elsewhere, and 2/],
    ['einsum: a diagonal', () => device.linalg.einsum('ii', [a]), 'ERR_SHAPE', /'i'/],
    ['einsum: halves', () => device.linalg.einsum('ij', [halves]), 'ERR_DTYPE', /float16/],
  ];
  test.each(cases)('%s', async (_, call, code, message) => {
    const tensors = device.stats().tensors;
    const error = await expectError(call(), code, message);
    expect(error.stack, 'the stack must lead to the caller').toContain('composed.test.ts');
    expect(device.stats().tensors).toBe(tensors);
  });

  test('the matrices of a batch that failed are named', async () => {
    const stack = random('float64', [3, 4, 4]);
    stack.data[20] = Number.NaN;
    for (const name of ['pinv', 'expm', 'polar'] as const) {
      const operation = device.linalg[name] as (a: FloatTensor) => Promise<unknown>;
      expect((await expectError(operation.call(device.linalg, stack), 'ERR_NOT_FINITE')).indices, name).toEqual([1]);
    }
    const overflows = await expectError(device.linalg.expm(f64([1, 800, 2], [3, 1, 1])), 'ERR_NOT_FINITE');
    expect(overflows.indices).toEqual([1]);
  });
});

test.each([
  ['ij,j->i', [2, 3], [1], [3, 12]],
  ['ij,ij', [1, 3], [2, 3], [0 + 1 + 4 + 0 + 4 + 10]],
  ['ij,ij->j', [2, 3], [1, 3], [0, 5, 14]],
  ['ij,jk->ik', [2, 1], [3, 2], [0, 0, 6, 9]],
  ['ii,i->', [3, 3], [1], [0]],
] as const)(
  'einsum: a dimension of 1 serves for a larger one that is summed over: %s of %j and %j',
  async (subscripts, of, by, expected) => {
    const counted = (dims: readonly number[]) =>
      f64([...Array(dims.reduce((x, y) => x * y, 1)).keys()], [...dims]) as Tensor<'float64'>;
    const b = subscripts === 'ij,j->i' ? f64([1], [1]) : counted(by);
    const { data } = await device.linalg.einsum(subscripts, [counted(of), b]);
    expect([...data]).toEqual(expected);
  },
);

test('cond of a matrix that inversion finds singular is infinite, whatever its determinant is rounded to', async () => {
  // Its determinant is rounded to a number, or to 0, by the order of elimination.
  const singular = [3, 1, 2, 4, 0, 4, 3, 0, 3];
  const { data } = await device.linalg.cond(f64([...singular, 1, 0, 0, 0, 2, 0, 0, 0, 4], [2, 3, 3]), { p: -1 });
  expect([...data]).toEqual([Number.POSITIVE_INFINITY, 0.25]);
});

test('a power may be beyond the safe integers, and a rotation to any of them is one', async () => {
  const quarter = f64([0, -1, 1, 0], [2, 2]);
  expect([...(await device.linalg.matrixPower(quarter, 2n ** 100n)).data].map((x) => x + 0)).toEqual([1, 0, 0, 1]);
  expect([...(await device.linalg.matrixPower(quarter, -(2n ** 70n) - 1n)).data].map((x) => x + 0)).toEqual([
    0, 1, -1, 0,
  ]);
});

describe('whoever else uses the operands', () => {
  test('small ones in host memory may be written to as soon as a call returns', async () => {
    const a = random('float64', [2, 4, 4]) as Tensor<'float64'>;
    const kept = { ...a, data: a.data.slice() } as Tensor<'float64'>;
    const calls: readonly ((of: Tensor<'float64'>) => Promise<unknown>)[] = [
      (of) => device.linalg.matrixPower(of, 5),
      (of) => device.linalg.expm(of),
      (of) => device.linalg.cond(of, { p: 1 }),
      (of) => device.linalg.einsum('bij,bjk->ik', [of, of]),
      (of) => device.linalg.lstsq(of, of),
    ];
    for (const call of calls) {
      const expected = await call(kept);
      const given = { ...a, data: kept.data.slice() } as Tensor<'float64'>;
      const begun = call(given);
      given.data.fill(0);
      expect(await begun).toEqual(expected);
    }
  });

  test('what is given is memory of its own, also where nothing is to do', async () => {
    const a = f64([1, 2, 3, 4], [2, 2]);
    const same = await Promise.all([
      device.linalg.matrixPower(a, 1),
      device.linalg.einsum('ij->ij', [a]),
      device.linalg.matrixTranspose(f64([5, 6], [2, 1])),
    ]);
    a.data.fill(0);
    expect(same.map(({ data }) => [...data])).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3, 4],
      [5, 6],
    ]);
  });

  test('results belong to the scope, and what is made on the way to nobody', async () => {
    const before = device.stats().tensors;
    {
      await using scope = device.scope();
      const held = await scope.put(random('float64', [3, 5, 5]));
      await scope.linalg.pinv(held);
      await scope.linalg.expm(held);
      const { x } = await scope.linalg.lstsq(held, held);
      expect(device.stats().tensors).toBe(before + 1 + 1 + 1 + 4);
      scope.keep(x);
      await scope.dispose();
      expect(device.stats().tensors).toBe(before + 1);
      await x.dispose();
    }
    expect(device.stats().tensors).toBe(before);
  });

  test('one that has begun goes on to its end while its device is disposed, and its stream is released', async () => {
    const own = await open(testDevice);
    const stream = await own.streams.acquire();
    const begun = own.linalg.matrixPower(f64([1, 1, 0, 1], [2, 2]), 1000, { stream });
    stream.release();
    const [result] = await Promise.all([begun, own.dispose()]);
    expect([...result.data]).toEqual([1, 1000, 0, 1]);
  });

  test('a matrix gets the same bits in a batch as alone', async () => {
    await using single = await open({ device: testDevice, threads: 1 });
    const a = random('float64', [3, 6, 6], 3) as Tensor<'float64'>;
    for (let i = 0; i < 108; i++) a.data[i]! *= i < 36 ? 1 : i < 72 ? 100 : 1e-3;
    const all = await single.linalg.expm(a);
    for (let i = 0; i < 3; i++) {
      const part = f64([...a.data.subarray(i * 36, i * 36 + 36)], [6, 6]);
      const alone = await single.linalg.expm(part);
      expect([...alone.data]).toEqual([...all.data.subarray(i * 36, i * 36 + 36)]);
    }
    await (await open(testDevice)).dispose(); // gives the process all its cores back
  });
});

const tolerances = { float32: 2e-4, float64: 1e-11 } as const;
describe.each(['float32', 'float64'] as const)('%s, by what defines them', (type) => {
  const within = tolerances[type];

  test.each([
    [6, 6],
    [9, 4],
    [4, 9],
    [40, 33],
  ])('pinv of %i x %i', async (m, n) => {
    const a = random(type, [2, m, n], m);
    const inverse = await device.linalg.pinv(a);
    expect(inverse.dims).toEqual([2, n, m]);
    for (let b = 0; b < 2; b++) {
      const [x, y] = [matrix(a, b), matrix(inverse, b)];
      expect(largestDifference(multiply(multiply(x, y), x), x)).toBeLessThan(within * 10);
      expect(largestDifference(multiply(x, y), transpose(multiply(x, y)))).toBeLessThan(within * 10);
    }
  });

  test('pinv and lstsq of values whose inverses are beyond the type are refused', async () => {
    const least = type === 'float32' ? 2 ** -140 : 2 ** -1060;
    const a = tensor(
      [
        [least, 3 * least],
        [2 * least, -least],
        [least, 0],
      ],
      { type },
    ) as FloatTensor;
    const b = tensor([[1], [2], [3]], { type }) as FloatTensor;
    await expectError(device.linalg.pinv(a), 'ERR_NOT_FINITE', /pinv: it has elements beyond what float/);
    await expectError(device.linalg.lstsq(a, b), 'ERR_NOT_FINITE', /lstsq: the solution has elements beyond/);
  });

  test.each([
    [6, 4, 2],
    [4, 6, 4],
    [5, 5, 5],
    [3, 3, 0],
  ])('nullSpace and orth of %i x %i of rank %i', async (m, n, rank) => {
    const [left, right] = [
      matrix(random(type, [m, Math.max(rank, 1)], 1)),
      matrix(random(type, [Math.max(rank, 1), n], 2)),
    ];
    const product = multiply(left, right).map((row) => row.map((x) => (rank === 0 ? 0 : x)));
    const a = tensor(product, { type }) as FloatTensor;
    const [nothing, range] = [await device.linalg.nullSpace(a), await device.linalg.orth(a)];
    expect([nothing.dims, range.dims]).toEqual([
      [n, n - rank],
      [m, rank],
    ]);
    if (rank < n) {
      const q = matrix(nothing);
      expect(largestDifference(multiply(transpose(q), q), identity(n - rank))).toBeLessThan(within);
      expect(Math.max(...multiply(product, q).flat().map(Math.abs))).toBeLessThan(within * 10);
    }
    if (rank > 0) {
      const q = matrix(range);
      expect(largestDifference(multiply(transpose(q), q), identity(rank))).toBeLessThan(within);
      expect(largestDifference(multiply(q, multiply(transpose(q), product)), product)).toBeLessThan(within * 10);
    }
  });

  test('expm of a and of -a are inverse to each other, of any size of norm', async () => {
    const a = random(type, [4, 5, 5], 9);
    a.data.forEach((x, i) => {
      a.data[i] = x * [1e-6, 0.3, 2, 8][Math.floor(i / 25)]!;
    });
    const minus = { ...a, data: a.data.map((x) => -x) } as FloatTensor;
    const [up, down] = [await device.linalg.expm(a), await device.linalg.expm(minus)];
    for (let b = 0; b < 4; b++) {
      const [x, y] = [matrix(up, b), matrix(down, b)];
      const size = Math.max(...x.flat().map(Math.abs)) * Math.max(...y.flat().map(Math.abs));
      expect(largestDifference(multiply(x, y), identity(5)) / size).toBeLessThan(within);
    }
  });

  test('multiDot and einsum of chains give what products one after the other give', async () => {
    const chain = [random(type, [7, 2], 1), random(type, [2, 9], 2), random(type, [9, 3], 3), random(type, [3, 8], 4)];
    let expected = matrix(chain[0]!);
    for (const one of chain.slice(1)) expected = multiply(expected, matrix(one));
    expect(largestDifference(matrix(await device.linalg.multiDot(chain)), expected)).toBeLessThan(within * 10);
    const summed = await device.linalg.einsum('ab,bc,cd,de->ae', chain);
    expect(largestDifference(matrix(summed), expected)).toBeLessThan(within * 10);
  });

  test('einsum of more operands than are tried in all orders', async () => {
    const letters = 'abcdefghijk';
    const terms = Array.from({ length: 10 }, (_, i) => letters.slice(i, i + 2));
    const chain = terms.map((_, i) => random(type, [2, 2], i + 1));
    let expected = matrix(chain[0]!);
    for (const one of chain.slice(1)) expected = multiply(expected, matrix(one));
    const result = await device.linalg.einsum(`${terms.join(',')}->ak`, chain);
    expect(largestDifference(matrix(result), expected)).toBeLessThan(within);
  });
});

// Results in memory of the caller's, wherever that is: `out` of every operation, and of get().

import { type Device, open, type ResultOptions, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { f64, random } from '../support/matrices.js';

type HostOperand = Extract<NonNullable<ResultOptions['out']>, { data: unknown }>;

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const filled = (dims: number[]) => f64(new Array(dims.reduce((a, b) => a * b, 1)).fill(Number.NaN), dims);
const like = ({ type, dims, data }: Tensor): HostOperand => {
  const copy = (data as Float64Array).slice();
  copy.fill((copy instanceof BigInt64Array ? 0n : 0) as number);
  return { type, dims, data: copy } as unknown as HostOperand;
};

const a = f64([4, 1, 0, 1, 3, 1, 0, 1, 2], [3, 3]);
const b = f64([1, 2, 3], [3]);
const c64: Tensor<'complex128'> = { type: 'complex128', data: Float64Array.of(2, 0, 1, 1, 1, -1, 3, 0), dims: [2, 2] };

/** Every operation, with what it is given before its options. */
const single: Readonly<Record<string, readonly unknown[]>> = {
  ...Object.fromEntries(
    ['svdvals', 'eigvalsh', 'eigvals', 'inv', 'cholesky', 'det', 'trace', 'norm', 'vectorNorm', 'matrixNorm'].map(
      (name) => [name, [a]],
    ),
  ),
  ...Object.fromEntries(
    ['cond', 'matrixRank', 'pinv', 'expm', 'orth', 'diagonal', 'matrixTranspose'].map((name) => [name, [a]]),
  ),
  nullSpace: [f64([1, 2, 2, 4], [2, 2])],
  ...Object.fromEntries(
    ['matmul', 'solve', 'kron', 'tensordot', 'vecdot', 'solveTriangular'].map((name) => [name, [a, a]]),
  ),
  cross: [a, a],
  outer: [b, b],
  multiDot: [[a, a, b]],
  matrixPower: [a, 3],
  einsum: ['ij,jk', [a, a]],
  tensorsolve: [a, b],
  tensorinv: [f64([2, 1, 1, 2], [2, 1, 2])],
  luSolve: [{ lu: a, pivots: tensor(new Int32Array([0, 1, 2])) }, b],
};
const several: Readonly<Record<string, readonly unknown[]>> = {
  ...Object.fromEntries(['svd', 'eigh', 'eig', 'qr', 'slogdet', 'lu', 'luFactor', 'polar'].map((name) => [name, [a]])),
  lstsq: [a, b],
};

type Results = Readonly<Record<string, Tensor>>;
type Call = (...args: unknown[]) => Promise<Tensor & Results>;
const call = (name: string): Call => (device.linalg as unknown as Record<string, Call>)[name]!.bind(device.linalg);

describe('a host tensor', () => {
  test.each(Object.entries(single))('%s', async (name, operands) => {
    const expected: Tensor = await call(name)(...operands);
    const out = like(expected);
    expect(await call(name)(...operands, { out })).toBe(out);
    expect(out.data).toEqual(expected.data);
  });

  test.each(Object.entries(several))('%s', async (name, operands) => {
    const expected: Results = await call(name)(...operands);
    const out = Object.fromEntries(Object.entries(expected).map(([key, one]) => [key, like(one)]));
    const found = await call(name)(...operands, { out });
    for (const [key, one] of Object.entries(expected)) {
      expect(found[key]).toBe(out[key]);
      expect(out[key]!.data).toEqual(one.data);
    }
  });

  test('some of several results', async () => {
    const s = filled([3]);
    const found = await device.linalg.svd(a, { out: { s } });
    expect(found.s).toBe(s);
    expect(s.data).toEqual((await device.linalg.svdvals(a)).data);
    expect(found.u.dims).toEqual([3, 3]);
  });

  test('complex matrices, and operands that are converted', async () => {
    const out = like(c64);
    expect(await device.linalg.matmul(c64, c64, { out })).toBe(out);
    expect(out.data).toEqual((await device.linalg.matmul(c64, c64)).data);
    const mixed = filled([3, 3]);
    await device.linalg.matmul(a, tensor(new Float32Array(9).fill(1), [3, 3]), { out: mixed });
    expect([...mixed.data]).toEqual([5, 5, 5, 5, 5, 5, 3, 3, 3]);
    const complex: Tensor<'complex128'> = { type: 'complex128', data: new Float64Array(8), dims: [2, 2] };
    await device.linalg.matmul(c64, f64([1, 0, 0, 1], [2, 2]), { out: complex });
    expect(complex.data).toEqual(c64.data);
  });

  // Large operands are read while the operation runs, and so would be written over.
  test.each([4, 100])('one that is an operand, of %i rows', async (n) => {
    // On one thread: with more, how many it is depends on what else the machine does, and so do the last bits.
    await using single = await open({ device: testDevice, threads: 1 });
    const x = random('float64', [n, n]);
    const expected = await single.linalg.matmul(x, x);
    expect(await single.linalg.matmul(x, x, { out: x })).toBe(x);
    expect(x.data).toEqual(expected.data);
    const y = random('float64', [n, n], 2);
    const inverse = await single.linalg.inv(y);
    await single.linalg.inv(y, { out: y });
    expect(y.data).toEqual(inverse.data);
    await (await open(testDevice)).dispose(); // gives the process all its cores back
  });

  test.each([1, 100])('parts of arrays, %i rows', async (rows) => {
    const whole = new Float64Array(rows * 100 + 3).fill(7);
    const out = { type: 'float64', data: whole.subarray(1, 1 + rows * 100), dims: [rows, 100] } as const;
    const x = random('float64', [rows, 100]) as Tensor<'float64'>;
    await device.linalg.matrixTranspose(random('float64', [100, rows]), { out });
    expect(out.data).toEqual((await device.linalg.matrixTranspose(random('float64', [100, rows]))).data);
    expect([whole[0], ...whole.subarray(-2)]).toEqual([7, 7, 7]);
    // The next row on of what the operand is: both overlap, neither begins where the other does.
    const moved = new Float64Array(rows * 100 + 100);
    moved.set(x.data);
    const shifted = { type: 'float64', data: moved.subarray(100), dims: [rows, 100] } as const;
    const given = { type: 'float64', data: moved.subarray(0, rows * 100), dims: [rows, 100] } as const;
    await device.linalg.matmul(given, f64(identityOf(100), [100, 100]), { out: shifted });
    expect(shifted.data).toEqual(x.data);
  });

  test('memory that may move: resizable, shared, and an array of the smallest size', async () => {
    const growing = new Float64Array(resizable(72, 720));
    const shared = new Float64Array(new SharedArrayBuffer(72));
    const expected = await device.linalg.inv(a);
    for (const data of [growing, shared]) {
      const out = { type: 'float64', data, dims: [3, 3] } as Tensor<'float64'>;
      await device.linalg.inv(a, { out });
      expect(Array.from(data)).toEqual([...expected.data]);
    }
    const one = filled([]);
    await device.linalg.det(f64([5], [1, 1]), { out: one });
    expect(one.data[0]).toBe(5);
    const none = filled([0, 0]);
    expect(await device.linalg.inv(f64([], [0, 0]), { out: none })).toBe(none);
  });

  test('an array that is transferred meanwhile takes no result, and nobody else is written to', async () => {
    const out = filled([3, 3]);
    const running = device.linalg.inv(a, { out });
    structuredClone(out.data, { transfer: [out.data.buffer as ArrayBuffer] });
    await running.catch(() => {});
    expect(out.data.length).toBe(0);
    const buffer = resizable(72, 72);
    const shrinking = { type: 'float64', data: new Float64Array(buffer, 0, 9), dims: [3, 3] } as Tensor<'float64'>;
    const refused = device.linalg.inv(a, { out: shrinking });
    buffer.resize(8);
    await expectError(refused, 'ERR_ARGUMENT', /out was detached or has shrunk/);
  });
});

/** Of TypeScript's older library. */
type Resizable = ArrayBuffer & { resize(to: number): void };
function resizable(bytes: number, maxByteLength: number): Resizable {
  const Class = ArrayBuffer as unknown as new (bytes: number, options: object) => Resizable;
  return new Class(bytes, { maxByteLength });
}

const identityOf = (n: number) => Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0));

describe('a device tensor', () => {
  test('of every operation, also within another one', async () => {
    await using x = await device.put(a);
    const expected = await device.linalg.inv(a);
    await using out = await device.put(filled([5, 3, 3]));
    // One that begins where memory is aligned as allocations are, and one that does not.
    for (const i of [0, 1]) {
      await using part = out.slice(i, i + 1).reshape([3, 3]);
      expect(await device.linalg.inv(x, { out: part })).toBe(part);
      expect((await part.get()).data).toEqual(expected.data);
      expect(await device.linalg.pinv(x, { out: part })).toBe(part);
    }
    const { data } = (await out.get()) as Tensor<'float64'>;
    expect(data.subarray(18).every(Number.isNaN)).toBe(true);
  });

  test('one that is an operand, and one that others read before', async () => {
    const [p, q] = [random('float64', [64, 64]), random('float64', [64, 64], 2)];
    await using x = await device.put(p);
    await using y = await device.put(q);
    const before = device.linalg.matmul(x, y);
    await device.linalg.matmul(x, x, { out: x });
    await using first = await before;
    expect((await first.get()).data).toEqual((await device.linalg.matmul(p, q)).data);
    expect((await x.get()).data).toEqual((await device.linalg.matmul(p, p)).data);
  });

  test('outlives the scope in which it was written to', async () => {
    await using out = await device.put(filled([3, 3]));
    {
      await using scope = device.scope();
      const x = await scope.put(a);
      await scope.linalg.matmul(x, x, { out });
      await scope.linalg.expm(x, { out });
    }
    expect(out.disposed).toBe(false);
    expect((await out.get()).data).toEqual((await device.linalg.expm(a)).data);
  });

  test('get', async () => {
    await using x = await device.put(a);
    const out = filled([3, 3]);
    expect(await x.get({ out })).toBe(out);
    expect(out.data).toEqual(a.data);
    await expectError(x.get({ out: filled([9]) }), 'ERR_SHAPE', /^get: out has dims \[9\], and the result \[3, 3\]/);
  });
});

describe('refused', () => {
  test('another type, other dims, another place', async () => {
    const { linalg } = device;
    await expectError(
      linalg.inv(a, { out: like(tensor([[1, 2]])) }),
      'ERR_DTYPE',
      /^inv: out is float32, and the result float64/,
    );
    await expectError(
      linalg.expm(a, { out: filled([9]) }),
      'ERR_SHAPE',
      /^expm: out has dims \[9\], and the result \[3, 3\]/,
    );
    await using x = await device.put(a);
    await expectError(
      linalg.inv(x, { out: filled([3, 3]) }),
      'ERR_ARGUMENT',
      /^inv: out is in host memory, and the result is on the device/,
    );
    await expectError(
      linalg.inv(a, { out: x }),
      'ERR_ARGUMENT',
      /^inv: out is on the device, and the result is in host memory/,
    );
    await using gone = await device.put(a);
    await gone.dispose();
    await expectError(linalg.inv(x, { out: gone }), 'ERR_DISPOSED', /^inv: /);
  });

  test('what is no tensor, no result, or twice the same', async () => {
    const { linalg } = device;
    await expectError(linalg.inv(a, { out: 5 as never }), 'ERR_ARGUMENT', /^inv: out/);
    await expectError(
      linalg.svd(a, { out: filled([3]) as never }),
      'ERR_ARGUMENT',
      /^svd: out must be an object with s, u, vt, not a tensor/,
    );
    await expectError(
      linalg.svd(a, { mode: 'values', out: { u: filled([3, 3]) } }),
      'ERR_ARGUMENT',
      /^svd: out: there is no option 'u'; there is s/,
    );
    const both = filled([3, 3]);
    await expectError(linalg.svd(a, { out: { u: both, vt: both } }), 'ERR_ARGUMENT', /two of out share memory/);
  });
});

// Products of integers and bools: exact but for wrapping, of numpy's types.

import { type Device, DeviceTensor, type IntegerType, type MatrixOperand, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { arrayClasses } from '../../lib/tensor/dtypes.js';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const bits = { int8: 8, int16: 16, int32: 32, int64: 64, uint8: 8, uint16: 16, uint32: 32, uint64: 64 } as const;
type Counted = keyof typeof bits;
const types = Object.keys(bits) as Counted[];

function integers(type: IntegerType, dims: number[], values: readonly (number | bigint)[]): Tensor<IntegerType> {
  const data = new arrayClasses[type](values.length);
  const isBig = type === 'int64' || type === 'uint64';
  for (const [i, value] of values.entries()) data[i] = isBig ? BigInt(value) : Number(value);
  return { type, data, dims } as Tensor<IntegerType>;
}

const wrapped = (type: Counted, value: bigint) =>
  type.startsWith('u') ? BigInt.asUintN(bits[type], value) : BigInt.asIntN(bits[type], value);

/** Over all of a type's range, from a seed. */
function spread(type: Counted, dims: number[], seed: number): Tensor<IntegerType> {
  let state = BigInt(seed);
  const values = Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
    return wrapped(type, state >> 13n);
  });
  return integers(type, dims, values);
}

const all = ({ data }: Tensor) => Array.from(data as ArrayLike<number | bigint>, (x) => BigInt(x));

function productOf(type: Counted, a: readonly bigint[], b: readonly bigint[], m: number, k: number, n: number) {
  return Array.from({ length: m * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0n;
    for (let l = 0; l < k; l++) sum += a[i * k + l]! * b[l * n + j]!;
    return wrapped(type, sum);
  });
}

describe('matmul', () => {
  test.each(types)('of %s is exact, and wraps', async (type) => {
    for (const [m, k, n] of [
      [1, 1, 1],
      [3, 4, 5],
      [2, 70, 33],
      [17, 1, 9],
    ] as const) {
      const [a, b] = [spread(type, [m, k], 3), spread(type, [k, n], 5)];
      const expected = integers(type, [m, n], productOf(type, all(a), all(b), m, k, n));
      expect(await device.linalg.matmul(a, b), `${m} x ${k} x ${n}`).toEqual(expected);
      await using held = await device.put(a);
      await using there = (await device.linalg.matmul(held as MatrixOperand, b)) as DeviceTensor;
      expect(there).toBeInstanceOf(DeviceTensor);
      expect(await there.get()).toEqual(expected);
    }
  });

  test('large enough for all cores, batched and broadcast', async () => {
    const [m, k, n] = [200, 150, 170];
    const [a, b] = [spread('int32', [m, k], 1), spread('int32', [k, n], 2)];
    expect(all(await device.linalg.matmul(a, b))).toEqual(productOf('int32', all(a), all(b), m, k, n));
    const stack = spread('int16', [3, 1, 2, 4], 7);
    const others = spread('int16', [5, 4, 3], 8);
    const products = await device.linalg.matmul(stack, others);
    expect([products.type, products.dims]).toEqual(['int16', [3, 5, 2, 3]]);
    for (const [i, j] of [
      [0, 0],
      [2, 4],
      [1, 3],
    ] as const) {
      const expected = productOf('int16', all(stack).slice(i * 8), all(others).slice(j * 12), 2, 4, 3);
      expect(all(products).slice((i * 5 + j) * 6, (i * 5 + j + 1) * 6)).toEqual(expected);
    }
  });

  test('of nothing it is 0, and nothing gives nothing', async () => {
    expect(await device.linalg.matmul(integers('uint8', [2, 0], []), integers('uint8', [0, 2], []))).toEqual(
      integers('uint8', [2, 2], [0, 0, 0, 0]),
    );
    expect(
      (await device.linalg.matmul(integers('int64', [0, 2, 2], []), integers('int64', [2, 2], [1, 2, 3, 4]))).dims,
    ).toEqual([0, 2, 2]);
  });

  test('of bools it is whether a pair is true, whatever byte says so', async () => {
    const a = integers('bool', [2, 3], [0, 2, 0, 0, 0, 255]);
    const b = integers('bool', [3, 2], [1, 0, 0, 64, 0, 0]);
    expect(await device.linalg.matmul(a, b)).toEqual(integers('bool', [2, 2], [0, 1, 0, 0]));
  });

  const promoted: readonly (readonly [IntegerType, IntegerType, IntegerType | 'float64'])[] = [
    ['bool', 'bool', 'bool'],
    ['bool', 'uint8', 'uint8'],
    ['int8', 'uint8', 'int16'],
    ['int8', 'uint16', 'int32'],
    ['int32', 'uint8', 'int32'],
    ['uint32', 'int8', 'int64'],
    ['uint64', 'uint8', 'uint64'],
    ['uint64', 'int8', 'float64'],
    ['int64', 'int32', 'int64'],
  ];
  test.each(promoted)('of %s and %s is %s, as numpy has it', async (a, b, type) => {
    const one = integers(a, [1, 2], [1, 1]);
    const other = integers(b, [2, 1], [1, 0]);
    for (const product of [await device.linalg.matmul(one, other), await device.linalg.matmul(other, one)]) {
      expect(product.type).toBe(type);
    }
    expect(Number((await device.linalg.matmul(one, other)).data[0])).toBe(1);
  });
});

describe('other products', () => {
  test('vecdot, tensordot, einsum, multiDot, outer, kron, cross', async () => {
    const { linalg: of } = device;
    const a = tensor([1, 2, 3], { type: 'int8' });
    const b = tensor([100, 100, 100], { type: 'int8' });
    expect(await of.vecdot(a, b)).toEqual({ type: 'int8', data: Int8Array.of(88), dims: [] }); // 600 wraps
    const rows = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { type: 'uint16' },
    );
    expect(await of.vecdot(rows, rows)).toEqual(tensor([5, 25], { type: 'uint16' }));
    expect(await of.tensordot(rows, rows)).toEqual({ type: 'uint16', data: Uint16Array.of(30), dims: [] });
    expect(await of.einsum('ij->j', [rows])).toEqual(tensor([4, 6], { type: 'uint16' }));
    expect(await of.einsum('ij,ij->i', [rows, rows])).toEqual(tensor([5, 25], { type: 'uint16' }));
    expect(await of.einsum('ii', [rows])).toEqual({ type: 'uint16', data: Uint16Array.of(5), dims: [] });
    expect(await of.einsum('i,j->ij', [a, a])).toEqual(
      tensor(
        [
          [1, 2, 3],
          [2, 4, 6],
          [3, 6, 9],
        ],
        { type: 'int8' },
      ),
    );
    expect(await of.multiDot([rows, rows, rows])).toEqual(
      tensor(
        [
          [37, 54],
          [81, 118],
        ],
        { type: 'uint16' },
      ),
    );
    expect(await of.outer(a, b)).toEqual(
      tensor(
        [
          [100, 100, 100],
          [-56, -56, -56],
          [44, 44, 44],
        ],
        { type: 'int8' },
      ),
    );
    expect(await of.kron(rows, tensor([[1, 0]], { type: 'uint8' }))).toEqual(
      tensor(
        [
          [1, 0, 2, 0],
          [3, 0, 4, 0],
        ],
        { type: 'uint16' },
      ),
    );
    expect(await of.cross(a, tensor([0, 0, 1], { type: 'int8' }))).toEqual(tensor([2, -1, 0], { type: 'int8' }));
    const big = { type: 'uint64', data: BigUint64Array.of(2n ** 63n, 3n), dims: [2] } as const;
    expect(await of.outer(big, big)).toEqual({
      type: 'uint64',
      data: BigUint64Array.of(0n, 2n ** 63n, 2n ** 63n, 9n),
      dims: [2, 2],
    });
  });

  test('matrixPower keeps the type, but for a negative power', async () => {
    for (const type of types) {
      const a = integers(type, [2, 2], [1, 1, 0, 1]);
      expect(await device.linalg.matrixPower(a, 5)).toEqual(integers(type, [2, 2], [1, 5, 0, 1]));
      expect(await device.linalg.matrixPower(a, 0)).toEqual(integers(type, [2, 2], [1, 0, 0, 1]));
      expect(await device.linalg.matrixPower(a, 1)).toEqual(a);
      expect((await device.linalg.matrixPower(a, -1)).type).toBe('float64');
    }
    const batch = await device.linalg.matrixPower(integers('bool', [3, 2, 2], new Array(12).fill(1)), 0);
    expect(batch).toEqual(integers('bool', [3, 2, 2], [1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1]));
    await using held = await device.put(integers('int32', [2, 2, 2], [1, 2, 3, 4, 0, 1, 1, 0]));
    await using one = (await device.linalg.matrixPower(held as MatrixOperand, 0)) as DeviceTensor;
    expect(await one.get()).toEqual(integers('int32', [2, 2, 2], [1, 0, 0, 1, 1, 0, 0, 1]));
  });

  test('trace sums into 64 bits', async () => {
    for (const type of types) {
      const a = integers(type, [2, 2, 3], [100, 0, 0, 0, 100, 7, 1, 2, 3, 4, 5, 6]);
      const sum = type.startsWith('u') ? 'uint64' : 'int64';
      expect(await device.linalg.trace(a)).toEqual(integers(sum, [2], [200, 6]));
      expect(await device.linalg.trace(a, { offset: 1 })).toEqual(integers(sum, [2], [7, 8]));
      expect(await device.linalg.trace(a, { offset: 9 })).toEqual(integers(sum, [2], [0, 0]));
    }
    expect(await device.linalg.trace(integers('bool', [2, 2], [1, 0, 0, 1]))).toEqual(integers('int64', [], [2]));
    await using held = await device.put(integers('int8', [2, 2], [100, 0, 0, 100]));
    await using there = (await device.linalg.trace(held as MatrixOperand)) as DeviceTensor;
    expect(await there.get()).toEqual(integers('int64', [], [200]));
  });

  test('floats of 16 bits are refused in words', async () => {
    const half = { type: 'float16', data: new Uint16Array(4), dims: [2, 2] } as never;
    const { linalg } = device;
    for (const call of [() => linalg.matmul(half, half), () => linalg.trace(half), () => linalg.outer(half, half)]) {
      await expectError(call(), 'ERR_DTYPE', /float16; cast it first/);
    }
  });
});

// Element by element: against numpy's rules as plain loops have them, for every pair of types and dims that broadcast.

import fc from 'fast-check';
import { type Device, DeviceTensor, type NumberOperand, type Operand, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { expectWithin } from '../support/within.js';
import { expectSame, floats, generator, inAllWays, product } from './support.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

type Type = 'float32' | 'float64' | 'int32' | 'int64';
type Numbers = Tensor<Type>;
type Value = number | bigint;
const types: readonly Type[] = ['float32', 'float64', 'int32', 'int64'];
const arrays = { float32: Float32Array, float64: Float64Array, int32: Int32Array, int64: BigInt64Array };

function numbers(type: Type, dims: number[], seed: number): Numbers {
  if (type === 'float32' || type === 'float64') return floats(type, dims, seed, true);
  const next = generator(seed);
  const data = Array.from({ length: product(dims) }, () => Math.floor(next() * 9) - 4);
  return (type === 'int32'
    ? { type, data: Int32Array.from(data), dims }
    : { type, data: BigInt64Array.from(data, BigInt), dims }) as unknown as Numbers;
}

/** Of these four, as numpy.promote_types. */
function common(a: Type, b: Type): Type {
  if (a === b) return a;
  return a.startsWith('float') || b.startsWith('float') ? 'float64' : 'int64';
}

const wrap = { int32: (x: bigint) => BigInt.asIntN(32, x), int64: (x: bigint) => BigInt.asIntN(64, x) };
const arithmetic = {
  add: [(x: number, y: number) => x + y, (x: bigint, y: bigint) => x + y],
  sub: [(x: number, y: number) => x - y, (x: bigint, y: bigint) => x - y],
  mul: [(x: number, y: number) => x * y, (x: bigint, y: bigint) => x * y],
} as const;
const comparisons = {
  equal: (x: Value, y: Value) => x === y,
  notEqual: (x: Value, y: Value) => x !== y,
  less: (x: Value, y: Value) => x < y,
  lessEqual: (x: Value, y: Value) => x <= y,
  greater: (x: Value, y: Value) => x > y,
  greaterOrEqual: (x: Value, y: Value) => x >= y,
} as const;
const names = [...Object.keys(arithmetic), ...Object.keys(comparisons), 'div'] as (
  | keyof typeof arithmetic
  | keyof typeof comparisons
  | 'div'
)[];

/** The elements of `a`, as they are broadcast to `dims`. */
function spread<T>({ data, dims }: { data: ArrayLike<T>; dims: readonly number[] }, to: readonly number[]): T[] {
  return Array.from({ length: product(to) }, (_, i) => {
    let rest = i;
    let at = 0;
    let step = 1;
    for (let back = 1; back <= to.length; back++) {
      const along = rest % to.at(-back)!;
      rest = Math.floor(rest / to.at(-back)!);
      const own = dims.at(-back) ?? 1;
      if (back <= dims.length && own !== 1) at += along * step;
      if (back <= dims.length) step *= own;
    }
    return data[at]!;
  });
}

const together = (all: readonly (readonly number[])[]) =>
  Array.from({ length: Math.max(...all.map(({ length }) => length)) }, (_, i, rank = 0) => {
    const length = Math.max(...all.map((dims) => dims.length)) + rank;
    return all.map((dims) => dims[dims.length - length + i] ?? 1).reduce((most, one) => (one === 1 ? most : one), 1);
  });

function expectedOf(name: (typeof names)[number], a: Numbers, b: Numbers): Tensor {
  const type = common(a.type, b.type);
  const to = name === 'div' && !type.startsWith('float') ? 'float64' : type;
  const dims = together([a.dims, b.dims]);
  const isFloat = to.startsWith('float');
  const left = spread<Value>(a, dims).map((x) => (isFloat ? Number(x) : BigInt(x)));
  const right = spread<Value>(b, dims).map((x) => (isFloat ? Number(x) : BigInt(x)));
  if (name in comparisons) {
    const compare = comparisons[name as keyof typeof comparisons];
    return { type: 'bool', data: Uint8Array.from(left, (x, i) => (compare(x, right[i]!) ? 1 : 0)), dims };
  }
  if (name === 'div') {
    return {
      type: to,
      data: arrays[to as 'float64'].from(left, (x, i) => Number(x) / Number(right[i]!)),
      dims,
    } as Tensor;
  }
  const [ofNumbers, ofIntegers] = arithmetic[name as keyof typeof arithmetic];
  if (isFloat) {
    const data = arrays[to as 'float64'].from(left as number[], (x, i) => ofNumbers(x, right[i] as number));
    return { type: to, data, dims } as Tensor;
  }
  const whole = left.map((x, i) => wrap[to as 'int32'](ofIntegers(x as bigint, right[i] as bigint)));
  return {
    type: to,
    data: to === 'int64' ? BigInt64Array.from(whole) : Int32Array.from(whole, Number),
    dims,
  } as unknown as Tensor;
}

/** Equal bit by bit but for NaNs, which are equal to each other. */
function expectEqual(got: Tensor, expected: Tensor, what: string): void {
  expect({ type: got.type, dims: got.dims }, what).toEqual({ type: expected.type, dims: expected.dims });
  expect([...(got.data as Float64Array)], what).toEqual([...(expected.data as Float64Array)]);
}

describe('operations on two', () => {
  test('of every pair of types, and dims that broadcast', async () => {
    const cases = fc.record({
      name: fc.constantFrom(...names),
      dims: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }),
      ones: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
      cut: fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 })),
      a: fc.constantFrom(...types),
      b: fc.constantFrom(...types),
      seed: fc.integer({ min: 1, max: 1 << 30 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ name, dims, ones, cut, a, b, seed }) => {
        const [first, second] = [0, 1].map((which) =>
          dims.map((dim, i) => (ones[which * 4 + i] ? 1 : dim)).slice(Math.min(cut[which]!, dims.length)),
        );
        const left = numbers(a, first!, seed);
        const right = numbers(b, second!, seed + 1);
        const expected = expectedOf(name, left, right);
        const what = `${name} of ${a} [${first}] and ${b} [${second}]`;
        const operation = device.ops[name] as (a: Operand, b: Operand) => Promise<Operand>;
        expectEqual((await operation.call(device.ops, left, right)) as Tensor, expected, what);
        await using held = (await device.put(left)) as DeviceTensor<Type>;
        await using mixed = (await operation.call(device.ops, held, right)) as DeviceTensor;
        expect(mixed).toBeInstanceOf(DeviceTensor);
        expectEqual(await mixed.get(), expected, `${what}, the first on the device`);
      }),
      { numRuns: 150 },
    );
  });

  test('with a number, which takes the type of the tensor', async () => {
    const whole = tensor(Int32Array.of(1, 2, 3));
    expectSame(await device.ops.add(whole, 2), tensor(Int32Array.of(3, 4, 5)), 'int32 + 2');
    expectSame(await device.ops.sub(10, whole), tensor(Int32Array.of(9, 8, 7)), '10 - int32');
    expectSame(await device.ops.div(whole, 2), tensor(Float64Array.of(0.5, 1, 1.5)), 'int32 / 2');
    expectSame(
      await device.ops.mul(tensor([1, 2]), 0.1),
      tensor(Float32Array.of(0.1, Math.fround(2 * Math.fround(0.1)))),
      'float32',
    );
    expectSame(
      await device.ops.add(tensor(BigInt64Array.of(1n)), 2n ** 62n),
      tensor(BigInt64Array.of(2n ** 62n + 1n)),
      'int64',
    );
    expectSame(
      await device.ops.less(tensor([1, 2]), 2),
      { type: 'bool', data: Uint8Array.of(1, 0), dims: [2] },
      'less',
    );
    await expectError(device.ops.add(whole, 1.5), 'ERR_ARGUMENT', /add: b must be an integer for int32/);
    await expectError(device.ops.add(whole, 2 ** 31), 'ERR_ARGUMENT', /range/);
    await expectError(device.ops.add(1 as never, 2 as never), 'ERR_ARGUMENT', /two numbers/);
    const real = tensor([1]);
    await expectError(
      device.ops.add(real, 1e300),
      'ERR_ARGUMENT',
      /add: b must be a number for float32, within .* got 1e\+300/,
    );
    await expectError(device.ops.mul(-(10n ** 400n), tensor(Float64Array.of(1))), 'ERR_ARGUMENT', /float64/);
    expect((await device.ops.add(real, Infinity)).data).toEqual(Float32Array.of(Infinity));
    await expectError(device.ops.clip(real, { max: 1e300 }), 'ERR_ARGUMENT', /clip: max must be a number for float32/);
    await expectError(device.ops.padSequences(real, [1], { value: 1e300 }), 'ERR_ARGUMENT', /padSequences: value/);
    await expectError(device.ops.add(whole, '1' as never), 'ERR_ARGUMENT', /add: b/);
    await expectError(device.ops.add(whole, null as never), 'ERR_ARGUMENT', /add: b/);
  });

  test('integers wrap, and are divided in float64', async () => {
    const most = tensor(Int32Array.of(2 ** 31 - 1, -(2 ** 31)));
    expectSame(await device.ops.add(most, 1), tensor(Int32Array.of(-(2 ** 31), -(2 ** 31) + 1)), 'add');
    expectSame(await device.ops.mul(most, 2), tensor(Int32Array.of(-2, 0)), 'mul');
    expectSame(await device.ops.abs(most), tensor(Int32Array.of(2 ** 31 - 1, -(2 ** 31))), 'abs');
    const none = await device.ops.div(tensor(Int32Array.of(1, -1, 0)), tensor(Int32Array.of(0, 0, 0)));
    expect([...none.data]).toEqual([Infinity, -Infinity, Number.NaN]);
    const large = await device.ops.add(tensor(BigInt64Array.of(2n ** 53n + 1n)), tensor(Int32Array.of(1)));
    expectSame(large, tensor(BigInt64Array.of(2n ** 53n + 2n)), 'int64 + int32');
  });

  test('operands of different types may be reused and disposed as soon as the call returns', async () => {
    const a = tensor(Float64Array.of(1, 2, 3));
    const b = tensor(Int32Array.of(1, 1, 1));
    const sum = device.ops.add(a, b);
    a.data.fill(0);
    b.data.fill(0);
    expect([...(await sum).data]).toEqual([2, 3, 4]);
    const tensors = device.stats().tensors;
    const x = await device.put(tensor(Float32Array.of(1, 2, 3)));
    const y = await device.put(tensor(Int32Array.of(1, 1, 1)));
    const product = device.ops.add(x, y);
    await Promise.all([x.dispose(), y.dispose()]);
    await using result = await product;
    expect([...(await result.get()).data]).toEqual([2, 3, 4]);
    expect(device.stats().tensors, 'what was converted on the way is freed').toBe(tensors + 1);
  });

  test('what has no arithmetic, and dims that do not broadcast, are refused in words', async () => {
    const a = tensor([1, 2, 3]);
    await expectError(device.ops.add(a, tensor([1, 2])), 'ERR_SHAPE', /add: the dims \[3\] and \[2\] do not broadcast/);
    const small = tensor(Uint8Array.of(1, 2, 3)) as never;
    await expectError(device.ops.add(a, small), 'ERR_DTYPE', /add: b: .*uint8.*cast/);
    await expectError(device.ops.add(a, a, { axis: 1 } as never), 'ERR_ARGUMENT', /no option 'axis'/);
    await expectError(device.ops.exp({ type: 'string', data: ['a'], dims: [1] } as never), 'ERR_DTYPE', /exp/);
    await expectError(device.ops.add([1, 2] as never, a), 'ERR_DTYPE', /add: a/);
  });

  test('long operands, and such as broadcast by turns', async () => {
    for (const [first, second] of [
      [[70_000], [70_000]],
      [[1], [70_001]],
      [
        [300, 1, 7],
        [5, 1],
      ],
      [
        [2, 1, 3, 1, 2],
        [1, 2, 1, 3, 2],
      ],
      [[1000, 64], [64]],
    ] as const) {
      const left = numbers('float32', [...first], 3);
      const right = numbers('float32', [...second], 4);
      expectEqual(await device.ops.add(left, right), expectedOf('add', left, right), `[${first}] and [${second}]`);
    }
    const turns = (odd: number) => Array.from({ length: 10 }, (_, i) => (i % 2 === odd ? 2 : 1));
    const far = device.ops.add(floats('float32', turns(0), 1), floats('float32', turns(1), 1));
    await expectError(far, 'ERR_SHAPE', /more than 8 axes/);
  });
});

describe('operations on one', () => {
  const functions = { exp: Math.exp, log: Math.log, sqrt: Math.sqrt, abs: Math.abs } as const;

  test.each(types)('exp, log, sqrt and abs of %s', async (type) => {
    for (const dims of [[], [0], [7], [3, 5, 4], [20_011]]) {
      const a = numbers(type, dims, 5);
      for (const name of ['exp', 'log', 'sqrt', 'abs'] as const) {
        const result = await inAllWays<Numbers>(device, a as never, (operand, options) =>
          device.ops[name](operand as NumberOperand, options),
        );
        const isSame = name === 'abs' || type.startsWith('float');
        expect({ type: result.type, dims: result.dims }).toEqual({ type: isSame ? type : 'float64', dims });
        for (const [i, x] of [...(a.data as Float64Array)].entries()) {
          const expected = functions[name](Number(x));
          const got = Number(result.data[i]);
          const eps = result.type === 'float32' ? 2 ** -23 : 2 ** -52;
          expectWithin(got, expected, 4 * eps * Math.abs(expected), () => `${name}(${x})`);
        }
      }
    }
  });

  test('clip, as numpy has it', async () => {
    const a = tensor(Float32Array.of(-5, -1, 0, 2, 9, Number.NaN, -Infinity, Infinity));
    const values = async (options: { min?: number; max?: number }) => [...(await device.ops.clip(a, options)).data];
    expect(await values({ min: -1, max: 2 })).toEqual([-1, -1, 0, 2, 2, Number.NaN, -1, 2]);
    expect(await values({ min: 0 })).toEqual([0, 0, 0, 2, 9, Number.NaN, 0, Infinity]);
    expect(await values({ max: 0 })).toEqual([-5, -1, 0, 0, 0, Number.NaN, -Infinity, 0]);
    expect(await values({ min: 3, max: 1 })).toEqual([1, 1, 1, 1, 1, Number.NaN, 1, 1]);
    const whole = await inAllWays<Numbers>(device, numbers('int64', [4, 5], 1) as never, (operand, options) =>
      device.ops.clip(operand as NumberOperand, { ...options, min: -1n, max: 2 }),
    );
    const expected = [...(numbers('int64', [4, 5], 1).data as BigInt64Array)].map((x) =>
      x < -1n ? -1n : x > 2n ? 2n : x,
    );
    expect([...whole.data]).toEqual(expected);
    await expectError(device.ops.clip(a, { min: Number.NaN }), 'ERR_ARGUMENT', /NaN/);
    await expectError(device.ops.clip(a, { min: '1' as never }), 'ERR_ARGUMENT', /clip: min/);
    await expectError(device.ops.clip(a, { min: null as never }), 'ERR_ARGUMENT', /clip: min/);
    await expectError(device.ops.clip(tensor(Int32Array.of(1)), { min: 0.5 }), 'ERR_ARGUMENT', /integer/);
    expectSame(await device.ops.clip(a), a, 'without bounds');
    await expectError(device.ops.clip(a, null as never), 'ERR_ARGUMENT', /options/);
  });
});

describe('where', () => {
  test('three operands broadcast; types are promoted, or any one type is chosen from', async () => {
    const condition = { type: 'bool', data: Uint8Array.of(0, 1, 255), dims: [3] } as const;
    const rows = tensor([[1], [2]]);
    const picked = await device.ops.where(condition, rows, tensor([10, 20, 30]));
    expectSame(
      picked,
      tensor([
        [10, 1, 1],
        [10, 2, 2],
      ]),
      'rows',
    );
    expectSame(
      await device.ops.where(condition, tensor(Int32Array.of(1, 2, 3)), 0),
      tensor(Int32Array.of(0, 2, 3)),
      'a number',
    );
    const promoted = await device.ops.where(condition, tensor(Int32Array.of(1, 2, 3)), tensor([0.5, 0.5, 0.5]));
    expectSame(promoted, tensor(Float64Array.of(0.5, 2, 3)), 'promoted');
    for (const type of ['uint8', 'bfloat16', 'int64'] as const) {
      const data =
        type === 'uint8'
          ? Uint8Array.of(1, 2, 3)
          : type === 'int64'
            ? BigInt64Array.of(1n, 2n, 3n)
            : Uint16Array.of(1, 2, 3);
      const a = { type, data, dims: [3] } as Tensor<'uint8'>;
      const b = { type, data: data.slice().reverse(), dims: [3] } as Tensor<'uint8'>;
      await using held = await device.put(condition);
      await using result = await device.ops.where(held, a, b);
      expect([...(await result.get()).data].map(Number), type).toEqual([3, 2, 3]);
    }
    const large = {
      type: 'bool',
      data: Uint8Array.from({ length: 100_000 }, (_, i) => i % 2),
      dims: [100_000],
    } as const;
    const chosen = await device.ops.where(large, tensor([1]), 0);
    expect(chosen.data.reduce((sum, x) => sum + x, 0)).toBe(50_000);
  });

  test('a condition that is none, and types that have nothing in common, are refused', async () => {
    const a = tensor([1, 2]);
    await expectError(device.ops.where(a as never, a, a), 'ERR_DTYPE', /condition must be bool, not float32/);
    const condition = { type: 'bool', data: Uint8Array.of(0, 1), dims: [2] } as const;
    await expectError(
      device.ops.where(condition, a, tensor(Uint8Array.of(1, 2)) as never),
      'ERR_DTYPE',
      /where: b.*uint8/,
    );
    await expectError(
      device.ops.where(condition, a, tensor([1, 2, 3])),
      'ERR_SHAPE',
      /\[2\], \[2\] and \[3\] do not broadcast/,
    );
    await expectError(device.ops.where(condition, 1 as never, 2 as never), 'ERR_ARGUMENT', /two numbers/);
  });
});

describe('softmax', () => {
  test.each(['float32', 'float64'] as const)('of %s along every axis', async (type) => {
    for (const dims of [[1], [7], [3, 129], [2, 5, 4], [4, 3000], [3, 0, 2], [300, 2, 3]]) {
      const a = floats(type, dims, 7);
      for (const axis of dims.keys()) {
        const result = await inAllWays<Tensor<typeof type>>(device, a, (operand, options) =>
          device.ops.softmax(operand, { ...options, axis }),
        );
        expect({ type: result.type, dims: result.dims }).toEqual({ type, dims });
        const inner = product(dims.slice(axis + 1));
        const length = dims[axis]!;
        for (let row = 0; row < product(dims.slice(0, axis)) * inner; row++) {
          const at = (j: number) => (Math.floor(row / inner) * length + j) * inner + (row % inner);
          const own = Array.from({ length }, (_, j) => a.data[at(j)]!);
          const sum = own.reduce((all, x) => all + Math.exp(x), 0);
          for (const [j, x] of own.entries()) {
            const tolerance = (type === 'float32' ? 4e-6 : 1e-14) * (Math.exp(x) / sum) + 1e-40;
            expectWithin(
              result.data[at(j)]!,
              Math.exp(x) / sum,
              tolerance,
              () => `[${dims}] along ${axis}, ${row}, ${j}`,
            );
          }
        }
      }
    }
  });

  test('nothing overflows, and what is no number is said', async () => {
    const large = await device.ops.softmax(
      tensor([
        [1000, 1000],
        [-1000, -1000],
        [-Infinity, 0],
      ]),
    );
    expect([...large.data]).toEqual([0.5, 0.5, 0.5, 0.5, 0, 1]);
    const none = await device.ops.softmax(
      tensor([
        [Number.NaN, 0],
        [Infinity, 0],
        [-Infinity, -Infinity],
      ]),
    );
    expect([...none.data].every(Number.isNaN)).toBe(true);
    expect((await device.ops.softmax(tensor(Int32Array.of(0, 0)))).type).toBe('float64');
    await expectError(device.ops.softmax(tensor([1]), { axis: 1 }), 'ERR_ARGUMENT', /softmax: axis/);
    await expectError(device.ops.softmax(tensor([1]), { keepDims: true } as never), 'ERR_ARGUMENT', /keepDims/);
    await expectError(
      device.ops.softmax({ type: 'float32', data: new Float32Array(1), dims: [] } as never),
      'ERR_SHAPE',
      /1 dimension/,
    );
  });
});

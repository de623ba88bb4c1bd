import { inspect } from 'node:util';
import { TensorlaneError, tensor } from 'tensorlane';
import { describe, expect, test } from 'vitest';

const failure = (make: () => unknown): TensorlaneError => {
  try {
    make();
  } catch (error) {
    expect(error).toBeInstanceOf(TensorlaneError);
    return error as TensorlaneError;
  }
  throw new Error('expected a TensorlaneError, but nothing was thrown');
};

const endless: never[] = [];
endless.push(endless as never);
const row = new Array<number>(10 ** 6).fill(0);
const wide = new Array<number[]>(10 ** 6).fill(row);

describe('tensor', () => {
  test('says where it lies, as onnxruntime-node asks, and looks like what it has', () => {
    const made = tensor([[1, 2]]);
    expect((made as { location?: unknown }).location).toBe('cpu');
    expect(Object.getOwnPropertyNames(made)).toEqual(['type', 'data', 'dims']);
    expect({ ...made }).toStrictEqual(made);
    expect(inspect(made)).toBe(inspect({ ...made }));
  });

  test('takes nested arrays as float32, with their shape', () => {
    const t = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(t).toEqual({ type: 'float32', data: Float32Array.of(1, 2, 3, 4, 5, 6), dims: [2, 3] });
  });

  test('converts nested arrays to the type that is asked for', () => {
    expect(tensor([1.5, 2], { type: 'float64' }).data).toEqual(Float64Array.of(1.5, 2));
    expect(tensor([[1], [2]], { type: 'int64' }).data).toEqual(BigInt64Array.of(1n, 2n));
    // float32 would have 2^53 for it.
    expect(tensor([[2n ** 53n + 1n], [-1n]])).toEqual({
      type: 'int64',
      data: BigInt64Array.of(2n ** 53n + 1n, -1n),
      dims: [2, 1],
    });
    expect(() => tensor([1, 2n])).toThrow(/expected numbers, as the elements before are, got 2n at element 1/);
    expect(() => tensor([1n, 0.5])).toThrow(/integers for int64.*got 0\.5 at element 1/);
    expect(tensor([1n, 2n], { type: 'float32' }).data).toEqual(Float32Array.of(1, 2));
    expect(tensor([], { type: 'int8' })).toEqual({ type: 'int8', data: new Int8Array(0), dims: [0] });
    expect(tensor([true, 0, 1, false] as never, { type: 'bool' }).data).toEqual(Uint8Array.of(1, 0, 1, 0));
    expect(tensor([-128, 127], { type: 'int8' }).data).toEqual(Int8Array.of(-128, 127));
    expect(tensor([2n ** 64n - 1n] as never, { type: 'uint64' }).data).toEqual(BigUint64Array.of(2n ** 64n - 1n));
    expect(tensor([1e-50, 0.1], { type: 'float32' }).data).toEqual(Float32Array.of(0, 0.1));
  });

  test('refuses dims that are a typed array, and says what makes a plain one', () => {
    for (const dims of [Int32Array.of(2, 3), BigInt64Array.of(2n, 3n), new DataView(new ArrayBuffer(8))]) {
      const make = () => tensor(new Float32Array(6), dims as never);
      expect(make).toThrow(expect.objectContaining({ code: 'ERR_SHAPE' }));
      expect(make).toThrow(/dims must be a plain array of integers, got \w+; Array\.from\(dims, Number\)/);
    }
  });

  test('takes the bytes of a canvas as uint8, over the same memory', () => {
    const pixels = Uint8ClampedArray.of(1, 2, 3, 4);
    const { type, data, dims } = tensor(pixels, [2, 2]);
    expect([type, [...data], dims]).toEqual(['uint8', [1, 2, 3, 4], [2, 2]]);
    expect(data.buffer).toBe(pixels.buffer);
  });

  test('wraps a typed array without copying it', () => {
    const data = new Float64Array(6);
    expect(tensor(data, [2, 3])).toEqual({ type: 'float64', data, dims: [2, 3] });
    expect(tensor(data, [2, 3]).data).toBe(data);
    expect(tensor(data).dims).toEqual([6]);
    expect(tensor(new BigUint64Array(2)).type).toBe('uint64');
    expect(tensor(new Uint16Array(2), [2], { type: 'float16' }).type).toBe('float16');
    expect(tensor(new Uint8Array(2), [2], { type: 'bool' }).type).toBe('bool');
    expect(tensor(new Int8Array(2), undefined, { type: 'int4' }).dims).toEqual([4]);
  });

  test('takes strings', () => {
    expect(tensor(['a', 'b'], [2, 1])).toEqual({ type: 'string', data: ['a', 'b'], dims: [2, 1] });
  });

  test('is not tied to the array it was given dims in', () => {
    const dims = [2];
    const t = tensor(new Float32Array(2), dims);
    dims[0] = 7;
    expect(t.dims).toEqual([2]);
  });

  test.each([
    [
      'too few elements',
      () => tensor(new Float32Array(5), [2, 3]),
      'ERR_SHAPE',
      /\[2, 3\] need 6 elements, but data has 5/,
    ],
    ['a negative dim', () => tensor(new Float32Array(5), [-5]), 'ERR_SHAPE', /at least 0/],
    ['a fraction', () => tensor(new Float32Array(5), [2.5, 2]), 'ERR_SHAPE', /integers/],
    ['ragged arrays', () => tensor([[1, 2], [3]]), 'ERR_SHAPE', /ragged/],
    ['a hole of text', () => tensor([1, 'x' as unknown as number]), 'ERR_SHAPE', /number/],
    ['the wrong class', () => tensor(new Float32Array(2), [2], { type: 'int32' } as never), 'ERR_DTYPE', /Int32Array/],
    ['an unknown type', () => tensor([1], { type: 'float128' as never }), 'ERR_DTYPE', /float128/],
    ['a DataView', () => tensor(new DataView(new ArrayBuffer(8)) as never), 'ERR_DTYPE', /DataView/],
    [
      'a fraction for integers',
      () => tensor([1, 1.5], { type: 'int64' }),
      'ERR_ARGUMENT',
      /integers for int64, .*got 1\.5 at element 1/,
    ],
    [
      '300 for int8',
      () => tensor([300], { type: 'int8' }),
      'ERR_ARGUMENT',
      /integers for int8, within its range, got 300/,
    ],
    ['-1 for uint32', () => tensor([7, -1], { type: 'uint32' }), 'ERR_ARGUMENT', /got -1 at element 1/],
    ['2 ** 63 for int64', () => tensor([2 ** 63], { type: 'int64' }), 'ERR_ARGUMENT', /integers for int64/],
    ['2 for bool', () => tensor([2], { type: 'bool' }), 'ERR_ARGUMENT', /true, false, 1 or 0 for bool, got 2/],
    ['null among strings', () => tensor(['a', null as never]), 'ERR_DTYPE', /element 1 of a string tensor is null/],
    ['numbers for strings', () => tensor([1] as never, [1], { type: 'string' } as never), 'ERR_DTYPE', /element 0/],
    ['dims of fractions', () => tensor(new Float32Array(2), Float32Array.of(2) as never), 'ERR_SHAPE', /dims/],
    ['NaN for integers', () => tensor([Number.NaN], { type: 'uint64' }), 'ERR_ARGUMENT', /got NaN at element 0/],
    ['arrays without end', () => tensor(endless), 'ERR_SHAPE', /deeper than 64/],
    ['more than there is memory for', () => tensor(wide), 'ERR_OUT_OF_MEMORY', /1000000000000 elements of float32/],
    [
      'no dims',
      () => tensor([1], 'float64' as never),
      'ERR_ARGUMENT',
      /dims, or options must be an object, got 'float64'/,
    ],
    ['no array', () => tensor(5 as never), 'ERR_ARGUMENT', /typed array or nested arrays/],
  ])('refuses %s', (_, make, code, message) => {
    const error = failure(make);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });
});

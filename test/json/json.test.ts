// tensorlane/json: numbers out of JSON texts and into them, beside what JSON.parse and String make of them.

import fc from 'fast-check';
import { type DType, type Tensor, tensor } from 'tensorlane';
import { findNumbers, type JsonDType, type NumberArray, printNumbers, readNumbers } from 'tensorlane/json';
import { describe, expect, test } from 'vitest';
import { expectError } from '../support/errors.js';

const encoded = (text: string) => Buffer.from(text);
const decoded = (text: string | Uint8Array) => (typeof text === 'string' ? text : Buffer.from(text).toString());

/** Of what JSON.stringify has no numbers for, too. */
const textOf = (list: readonly number[]) => `[${list.map((one) => (Object.is(one, -0) ? '-0' : String(one)))}]`;

/** All that there is in a text, read as one type. */
async function elementsIn<T extends JsonDType>(text: string, type: T) {
  const bytes = encoded(text);
  const { arrays } = await findNumbers(bytes, { least: 1 });
  const { data, refused } = await readNumbers(bytes, arrays, type);
  return refused ?? [...(data as Iterable<number | bigint>)];
}

describe('finding', () => {
  test('gives the outline, and where the arrays stood', async () => {
    const text = '{"ä": [1, 2.5], "names": ["a"], "nested": [[1, 2], [3, 4]], "rest": [null, [7]]}';
    const { outline, arrays } = await findNumbers(encoded(text), { least: 1 });
    const left = decoded(outline);
    expect(left).toBe('{"ä": [], "names": ["a"], "nested": [], "rest": [null, []]}');
    expect(arrays.map(({ dims, count }) => [dims, count])).toEqual([
      [[2], 2],
      [[2, 2], 4],
      [[1], 1],
    ]);
    for (const { at } of arrays) expect(left.slice(at, at + 2)).toBe('[]');
    const first = arrays[1]!;
    expect(encoded(text).subarray(first.start, first.end).toString()).toBe('[[1, 2], [3, 4]]');
  });

  test('leaves what is short, and 256 numbers are not', async () => {
    const list = (count: number) => encoded(JSON.stringify([new Array(count).fill(1), 'a']));
    expect((await findNumbers(list(255))).arrays).toEqual([]);
    expect((await findNumbers(list(256))).arrays).toHaveLength(1);
  });

  test('a text that is put together again is the text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), fc.integer({ min: 1, max: 4 }), async (json, least) => {
        const bytes = encoded(json);
        const { outline, arrays } = await findNumbers(bytes, { least });
        let text = decoded(outline);
        for (const { at, start, end } of [...arrays].reverse()) {
          text = text.slice(0, at) + bytes.subarray(start, end).toString() + text.slice(at + 2);
        }
        expect(text).toBe(json);
      }),
      { seed: 13, numRuns: 300 },
    );
  });
});

describe('reading', () => {
  test('gives the numbers that JSON.parse does', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }),
        async (list) => {
          const text = textOf(list);
          expect(await elementsIn(text, 'float64')).toEqual(JSON.parse(text));
          const small = list.map(Math.fround);
          expect(await elementsIn(textOf(small), 'float32')).toEqual(small);
        },
      ),
      { seed: 13, numRuns: 200 },
    );
  });

  test('rounds to small floats once, as tensor does', async () => {
    const values = fc.sample(fc.double({ min: -65000, max: 65000, noNaN: true }), { seed: 7, numRuns: 2000 });
    for (const type of ['float16', 'bfloat16'] as const) {
      expect(await elementsIn(textOf(values), type)).toEqual([...tensor(values, { type }).data]);
    }
  });

  test('is exact with integers of 64 bits, and refuses what a type has not by its place and text', async () => {
    expect(await elementsIn('[9223372036854775807, -9223372036854775808, 1e3]', 'int64')).toEqual([
      9223372036854775807n,
      -9223372036854775808n,
      1000n,
    ]);
    expect(await elementsIn('[[1, 2], [3, 18446744073709551616]]', 'uint64')).toEqual({
      index: 3,
      text: '18446744073709551616',
    });
    expect(await elementsIn('[1, 2.50]', 'int32')).toEqual({ index: 1, text: '2.50' });
    expect(await elementsIn('[true, false, 1]', 'bool')).toEqual([1, 0, 1]);
    expect(await elementsIn('[NaN, -Infinity]', 'float32')).toEqual([Number.NaN, -Infinity]);
    expect(await elementsIn('[1e39]', 'float32')).toEqual({ index: 0, text: '1e39' });
  });

  test('one array behind the other, also large ones, of many texts at once', async () => {
    const list = Array.from({ length: 50_000 }, (_, i) => i / 7);
    const bytes = encoded(JSON.stringify({ a: list, b: [list, list] }));
    const all = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const { arrays } = await findNumbers(bytes);
        return (await readNumbers(bytes, arrays, 'float64')).data;
      }),
    );
    const expected = Buffer.from(Float64Array.from([...list, ...list, ...list]).buffer);
    for (const data of all) expect(Buffer.from(data!.buffer as ArrayBuffer).equals(expected)).toBe(true);
  });

  test('refuses what is not the text that was looked at', async () => {
    const bytes = encoded('[1, 2, 3]');
    const { arrays } = await findNumbers(bytes, { least: 1 });
    await expectError(readNumbers(encoded('[1, 2]'), arrays, 'float32'), 'ERR_ARGUMENT');
    await expectError(readNumbers(encoded('[1, 2,"a"]'), arrays, 'float32'), 'ERR_ARGUMENT');
    const wrong = [{ ...arrays[0]!, start: 5, end: 2 }] as NumberArray[];
    await expectError(readNumbers(bytes, wrong, 'float32'), 'ERR_ARGUMENT');
    await expectError(readNumbers(bytes, arrays, 'string' as never), 'ERR_ARGUMENT', /type/);
    await expectError(readNumbers('[1]' as never, arrays, 'float32'), 'ERR_ARGUMENT', /Uint8Array/);
    await expectError(readNumbers(bytes, null as never, 'float32'), 'ERR_ARGUMENT', /arrays must be those .* got null/);
    await expectError(readNumbers(bytes, [null] as never, 'float32'), 'ERR_ARGUMENT', /arrays\[0\] must be an object/);
    const half = [{ ...arrays[0]!, count: 1.5 }];
    await expectError(readNumbers(bytes, half, 'float32'), 'ERR_ARGUMENT', /arrays\[0\]\.count must be an integer/);
    await expectError(findNumbers('[1]' as never), 'ERR_ARGUMENT', /Uint8Array/);
    await expectError(findNumbers(bytes, { least: 0 }), 'ERR_ARGUMENT', /least/);
  });
});

/** Both of its ways: on this thread, and on another one. */
async function printed(given: Tensor<JsonDType>, options = {}) {
  const [short] = [decoded((await printNumbers(given, options)).text)];
  const times = Math.ceil(600 / Math.max(1, given.data.length));
  const Class = given.data.constructor as new (values: unknown[]) => never;
  const repeated = new Class(Array.from({ length: times }, () => [...(given.data as Iterable<unknown>)]).flat());
  const { text } = await printNumbers(
    { ...given, data: repeated, dims: [times * given.data.length] } as never,
    options,
  );
  expect(text).toBeInstanceOf(Uint8Array);
  return [short, decoded(text)];
}

describe('printing', () => {
  const cases: readonly [DType, readonly (number | bigint)[], string][] = [
    ['float32', [0.1, 16777216, -0, 1e-7], '0.1,16777216,-0,1e-7'],
    ['float64', [1e21, 0.1, 123456789012345680], '1e+21,0.1,123456789012345680'],
    ['int64', [9223372036854775807n, -1n], '9223372036854775807,-1'],
    ['bool', [0, 1], 'false,true'],
    ['float16', [0x3c00, 0x7c00], '1,Infinity'],
  ];
  test.each(cases)('%s', async (type, elements, text) => {
    const { data } = tensor([0], { type: type as 'float32' });
    const Class = data.constructor as new (values: unknown) => never;
    const given = { type, data: new Class(elements), dims: [elements.length] } as never;
    const [short, long] = await printed(given);
    expect(short).toBe(text);
    expect(long).toBe(new Array(Math.ceil(600 / elements.length)).fill(text).join(','));
  });

  test('doubles are printed as JavaScript prints them', async () => {
    const values = fc.sample(fc.double(), { seed: 5, numRuns: 3000 });
    const { text } = await printNumbers(tensor(Float64Array.from(values)));
    expect(decoded(text).split(',')).toEqual(values.map((value) => (Object.is(value, -0) ? '-0' : String(value))));
  });

  test('a float32 comes back from the fewest digits that it needs', async () => {
    const values = Float32Array.from(fc.sample(fc.float({ noNaN: true }), { seed: 5, numRuns: 3000 }));
    const texts = decoded((await printNumbers(tensor(values))).text).split(',');
    for (const [i, text] of texts.entries()) {
      expect(Math.fround(Number(text))).toBe(values[i]);
      const digits = text
        .replace(/e.*$/, '')
        .replaceAll(/[^\d]/g, '')
        .replaceAll(/^0+|0+$/g, '').length;
      if (Number.isFinite(values[i]!) && !Number.isInteger(values[i]!)) {
        expect(Math.fround(Number(values[i]!.toPrecision(Math.max(1, digits - 1)))) === values[i] && digits > 1).toBe(
          false,
        );
      }
    }
  });

  test('rows say where they end', async () => {
    const { text, ends } = await printNumbers(tensor(Float32Array.of(1, 2, 3, 4), [2, 2]), {
      style: 'tensorflow',
      layout: 'rows',
    });
    expect(text).toBe('[1.0, 2.0], [3.0, 4.0]');
    expect([...ends]).toEqual([10, 22]);
  });

  test('what is wrong is refused', async () => {
    const good = tensor(Float32Array.of(1, 2));
    await expectError(printNumbers({ ...good, dims: [3] }), 'ERR_SHAPE');
    await expectError(printNumbers(good, { layout: 'columns' as never }), 'ERR_ARGUMENT', /layout/);
    await expectError(printNumbers(good, { indent: -1 }), 'ERR_ARGUMENT', /indent/);
    await expectError(printNumbers(undefined as never), 'ERR_ARGUMENT');
    await expectError(printNumbers({ type: 'float32', dims: [1] } as never), 'ERR_DTYPE', /holds a Float32Array/);
    const doubles = { ...good, data: Float64Array.of(1, 2) };
    await expectError(printNumbers(doubles as never), 'ERR_DTYPE', /holds a Float32Array, not Float64Array/);
    await expectError(printNumbers(tensor(['a']) as never), 'ERR_NOT_SUPPORTED', /printNumbers: .* of string/);
    await expectError(printNumbers({ type: 'float3' as never, data: good.data, dims: [2] }), 'ERR_DTYPE', /float3/);
    const scalar = tensor(Float32Array.of(1), []);
    await expectError(printNumbers(scalar, { layout: 'rows' }), 'ERR_SHAPE', /scalar/);
  });
});

// JSON as the protocols have it, beside JSON.parse; floats of 16 bits beside tensorlane's own.

import fc from 'fast-check';
import { tensor } from 'tensorlane';
import { expect, test } from 'vitest';
import { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from '../lib/json/half.js';
import { parseJson } from '../lib/json/parse.js';

const parse = (text: string) => parseJson(Buffer.from(text));

test('whatever JSON says, it is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom('', ' ', '\n\t\r '), (text, blanks) => {
      const spaced =
        blanks + text.replaceAll(/([[\]{},:])(?=(?:[^"\\]|\\.|"(?:[^"\\]|\\.)*")*$)/g, `${blanks}$1${blanks}`);
      // Integers beyond what a double holds are bigints here.
      const plain = JSON.parse(
        JSON.stringify(parse(spaced), (_, value) => (typeof value === 'bigint' ? Number(value) : value)),
      );
      expect(plain).toEqual(JSON.parse(JSON.stringify(JSON.parse(text))));
    }),
    { seed: 13, numRuns: 500 },
  );
});

test('numbers come out as they are', () => {
  for (const text of ['0', '-0', '0.1', '1e3', '1E-7', '-12.5e+2', '123456789012345', '1234567890123456', '1e400']) {
    expect(parse(text)).toBe(JSON.parse(text));
  }
  expect(parse('9223372036854775807')).toBe(9223372036854775807n);
  expect(parse('-9007199254740993')).toBe(-9007199254740993n);
  expect(parse('[NaN, Infinity, -Infinity]')).toEqual([Number.NaN, Infinity, -Infinity]);
});

test('what is no JSON is refused', () => {
  const texts = [
    '',
    ' ',
    '[1,]',
    '[1 2]',
    '{"a"}',
    '{"a":1,}',
    '{a:1}',
    '01',
    '1.',
    '.5',
    '1e',
    '+1',
    '-',
    "'a'",
    '"a',
    '"\u0001"',
    '"\\x"',
    'nul',
    '[1]]',
    '-NaN',
    '\ufeff1',
  ];
  for (const text of texts) expect(() => parse(text), text).toThrow(/no JSON|empty/);
});

test('floats of 16 bits are those of the library', () => {
  const numbers = [
    0,
    -0,
    1,
    -1.5,
    65504,
    65519.99,
    65520,
    1e-8,
    6e-8,
    2 ** -24,
    2 ** -25,
    1.0009765625,
    1.00048828125,
    3.4e38,
    1e39,
    -1e39,
    1e-40,
    NaN,
    Infinity,
    -Infinity,
  ];
  const random = fc.sample(fc.double(), { seed: 7, numRuns: 2000 });
  for (const value of [...numbers, ...random, ...random.map((x) => x % 70000)]) {
    const [half] = tensor([value], { type: 'float16' }).data;
    const [brain] = tensor([value], { type: 'bfloat16' }).data;
    expect(float16Bits(value), String(value)).toBe(half);
    expect(bfloat16Bits(value), String(value)).toBe(brain);
    for (const [back, there] of [
      [float16Value(half!), float16Bits] as const,
      [bfloat16Value(brain!), bfloat16Bits] as const,
    ]) {
      expect(there(back)).toBe(there(value));
    }
  }
});

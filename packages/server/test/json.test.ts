// JSON as the protocols have it, beside JSON.parse; floats of 16 bits beside tensorlane's own; long arrays read elsewhere beside short ones
// read here.

import fc from 'fast-check';
import { type DType, tensor, type ValueInfo } from 'tensorlane';
import { describe, expect, test } from 'vitest';
import { byType } from '../lib/core/dtypes.js';
import { bytesOfBase64, bytesOfLongBase64 } from '../lib/json/base64.js';
import { bfloat16Bits, float16Bits } from '../lib/json/half.js';
import { pieceBytes, takeLongStrings } from '../lib/json/long-strings.js';
import { type JsonValue, Numbers, parseJson } from '../lib/json/parse.js';
import { readJson } from '../lib/json/read.js';
import { tensorOf } from '../lib/json/tensor.js';
import { columnFeeds, rowFeeds } from '../lib/tfs/tensors.js';

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
  }
});

describe('a body reads the same here and on another thread', () => {
  const within = new Set(['instances', 'inputs', 'data']);
  /** Every array of so many numbers is taken out, however short the body. */
  const elsewhere = (body: Uint8Array, numbers: number) => readJson(body, within, { bytes: 0, numbers });

  const number = fc.oneof(
    fc.constantFrom('0', '-0', '1', '2.5', '1e3', '1e39', '1e400', '65520', '9007199254740993', '-1', '300', '1.0'),
    fc.constantFrom('NaN', 'Infinity', '-Infinity', 'true', 'false', '18446744073709551616', '0.1', '-2147483649'),
    fc.double().map(String),
    fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
  );
  const other = fc.constantFrom(
    'null',
    '"a"',
    '"[1]\\""',
    '{"b64":"w6Q="}',
    '{}',
    '[]',
    '01',
    '1.',
    'nan',
    '-',
    '"ä€😀"',
  );
  const blank = fc.constantFrom('', '', '', ' ', '\n\t');
  const list = (element: fc.Arbitrary<string>, most = 4) =>
    fc.tuple(fc.array(element, { maxLength: most }), blank).map(([all, space]) => `[${all.join(`${space},`)}${space}]`);
  /** Full shapes, and what only looks like one. */
  const full = fc
    .tuple(fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }), fc.infiniteStream(number))
    .map(([dims, numbers]) => {
      const level = (at: number): string =>
        at === dims.length
          ? (numbers.next().value as string)
          : `[${Array.from({ length: dims[at]! }, () => level(at + 1)).join(',')}]`;
      return level(0);
    });
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      number,
      other,
      full,
      list(number, 6),
      list(tie('value')),
      list(full, 3),
      fc
        .dictionary(fc.constantFrom('x', 'y', 'data', 'inputs', '__proto__', 'ä'), tie('value'), { maxKeys: 3 })
        .map((object) => `{${Object.entries(object).map(([name, one]) => `"${name}":${one}`)}}`),
    ),
  }));
  const body = fc
    .constantFrom('instances', 'inputs', 'data', 'shape')
    .chain((name) => value.map((one) => `{"${name}":${one},"z":[1,2]}`));
  /** One character of it is another, is missing, or is there twice. */
  const broken = (text: fc.Arbitrary<string>) =>
    fc
      .tuple(text, fc.nat(), fc.constantFrom('', '[', ']', ',', '"', '1', 'x', '{', '}', '-', '\\', '\u0001'))
      .map(([whole, at, character]) => {
        const place = at % (whole.length + 1);
        return whole.slice(0, place) + character + whole.slice(place + (at % 2));
      });
  const text = fc.oneof({ weight: 3, arbitrary: body }, { weight: 1, arbitrary: broken(body) });

  const outcome = async (work: () => unknown) => {
    try {
      return await work();
    } catch (error) {
      return (error as Error).message;
    }
  };

  /** With what was taken out put back. */
  const whole = (read: JsonValue): JsonValue => {
    if (read instanceof Numbers) return parseJson(read.body.subarray(read.array.start, read.array.end));
    if (Array.isArray(read)) return read.map(whole);
    if (typeof read !== 'object' || read === null) return read;
    const object = Object.create(null) as Record<string, JsonValue>;
    for (const [name, one] of Object.entries(read)) object[name] = whole(one);
    return object;
  };

  test('its values, or what is wrong with it', async () => {
    let refused = 0;
    let takenOut = 0;
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 3 }), async (json, least) => {
        const bytes = Buffer.from(json);
        const here = await outcome(() => parseJson(bytes));
        const there = await outcome(async () => {
          const read = await elsewhere(bytes, least);
          const [first] = Object.values(read as Record<string, JsonValue>);
          if (first instanceof Numbers) takenOut++;
          return whole(read);
        });
        if (typeof here === 'string') refused++;
        expect(there).toEqual(here);
      }),
      { seed: 13, numRuns: 3000 },
    );
    expect([refused > 300, takenOut > 300]).toEqual([true, true]);
  });

  const types: readonly DType[] = [...byType.keys()] as DType[];
  const inputs = (type: DType, names: readonly string[]) =>
    names.map((name) => ({ name, type, dims: [-1], dimNames: [undefined] })) as readonly ValueInfo[];

  test('its tensors, or what is wrong with them', async () => {
    let tensors = 0;
    await fc.assert(
      fc.asyncProperty(
        body,
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(...types),
        fc.boolean(),
        async (json, least, type, isTwo) => {
          const bytes = Buffer.from(json);
          const wanted = inputs(type, isTwo ? ['x', 'y'] : ['x']);
          const feeds = async (read: Record<string, JsonValue>) => {
            if (read.instances !== undefined) return rowFeeds(wanted, read.instances);
            if (read.inputs !== undefined) return columnFeeds(wanted, read.inputs);
            const data = read.data ?? read.shape!;
            return { x: await tensorOf("input 'x'", byType.get(type)!, [countOf(data)], data) };
          };
          const here = await outcome(async () => feeds(parseJson(bytes) as Record<string, JsonValue>));
          const there = await outcome(async () => feeds((await elsewhere(bytes, least)) as Record<string, JsonValue>));
          if (typeof here !== 'string') tensors++;
          expect(there).toEqual(here);
        },
      ),
      { seed: 14, numRuns: 3000 },
    );
    expect(tensors).toBeGreaterThan(200);
  });

  /** As many as there are, so that they are looked at. */
  function countOf(data: JsonValue): number {
    if (data instanceof Numbers) return data.array.count;
    return Array.isArray(data) ? data.reduce((sum: number, one) => sum + countOf(one), 0) : 1;
  }

  test('nested as deep as may be, and a level more', async () => {
    for (const depth of [62, 63, 64]) {
      const json = Buffer.from(`{"data":${'['.repeat(depth)}1${']'.repeat(depth)}}`);
      expect(await outcome(async () => whole(await elsewhere(json, 1)))).toEqual(await outcome(() => parseJson(json)));
    }
  });

  test('long ones that are broken are told where', async () => {
    const numbers = new Array(1000).fill('0.5').join(',');
    const long = Buffer.from(`{"a":"ä","data":[${numbers}],"b":[${numbers}],"c" 1,${' '.repeat(20_000)}}`);
    const message = await outcome(() => parseJson(long));
    expect(message).toMatch(/expected ':' at character \d+, got "1"/);
    expect(await outcome(() => readJson(long, within))).toBe(message);
  });
});

test('bytes in base64 are the same whether they are long or not, and so is what is wrong with them', async () => {
  const bytes = Buffer.from(Uint8Array.from({ length: 2_000_000 }, (_, i) => (i * 7919) >> 3));
  for (const length of [0, 1, 2, 3, 786_431, 786_432, 786_433, 1_999_999, 2_000_000]) {
    const part = bytes.subarray(0, length);
    const text = part.toString('base64');
    for (const one of [text, text.replace(/=+$/, '')]) {
      for (const given of [one, Buffer.from(one)]) {
        expect(Buffer.compare(await bytesOfLongBase64('x', given), part), `${length}`).toBe(0);
      }
    }
  }
  const text = bytes.toString('base64');
  const at = 2 ** 20;
  for (const wrong of [
    `${text.slice(0, at - 1)}=${text.slice(at)}`,
    `${text.slice(0, at - 2)}==${text.slice(at)}`,
    `${text.slice(0, at)}*${text.slice(at + 1)}`,
    `${text}*`,
    `${text.slice(0, at)}=`,
    `${text.slice(0, at)}A`,
    `${text.slice(0, at)}A===`,
    `${text.slice(0, at)}\n`,
  ]) {
    expect(() => bytesOfBase64('x', wrong)).toThrow('unable to base64 decode');
    for (const given of [wrong, Buffer.from(wrong)]) {
      await expect(bytesOfLongBase64('x', given)).rejects.toThrow('unable to base64 decode');
    }
  }
});

test('long strings are taken out of a body, wherever they are, and what is left is the same', async () => {
  const long = 'A'.repeat(pieceBytes + 3);
  const other = 'B'.repeat(2 * pieceBytes);
  // Neither is one: it has escapes, or is no longer than a piece.
  const escaped = JSON.stringify(`"${long}\\`);
  const [short, quotes] = ['C'.repeat(pieceBytes), JSON.stringify('\\\\"\\"'.repeat(3))];
  const text = (one: string, two: string) =>
    `{"a\\"":"${one}", ${escaped}: [${quotes},"${two}",${escaped}, "","${short}"], "b": {"${one}": 1}, "c":"\\\\"}`;
  const { outline, strings } = await takeLongStrings(Buffer.from(text(long, other)));
  expect([...strings.values()].map(({ length }) => length)).toEqual([long.length, other.length, long.length]);
  const back = [...strings].reduce(
    (left, [name, bytes]) => left.replace(name, Buffer.from(bytes).toString()),
    Buffer.from(outline).toString(),
  );
  expect(back === text(long, other)).toBe(true);
  // What has none, or does not end, is left as it is.
  for (const one of ['', 'x', '"', `"${long}`, `"${long}\\"`, text('a', 'b')]) {
    const body = Buffer.from(one);
    const left = await takeLongStrings(body);
    expect([left.outline === body, left.strings.size]).toEqual([true, 0]);
  }
});

test.each([10, 2000])('strings of %i characters end where JSON says, and have what it says', (length) => {
  const long = 'a'.repeat(length);
  for (const text of [long, `${long}"`, `\\${long}`, `${long}\n${long}`, `${long}\u00e9`, `"${long}"${long}`]) {
    expect(parseJson(Buffer.from(JSON.stringify({ [text]: [text, text] })))).toEqual({ [text]: [text, text] });
  }
  for (const wrong of [`"${long}`, `"${long}\n"`, `"${long}\\"`, `"${long}\\q"`, `"\u0001${long}"`]) {
    expect(() => parseJson(Buffer.from(wrong))).toThrow(/the body is no JSON/);
  }
});

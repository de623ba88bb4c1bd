// What is right, broken by chance: texts of JSON, bytes, and the requests that have them.

export type Random = () => number;

export const below = (random: Random, most: number) => Math.floor(random() * most);
export const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)]!;

/** Values where another is expected. */
export const wrongValues: readonly string[] = [
  ...['null', 'true', '-1', '0', '1e999', '-0', '1.5', '9007199254740993', '18446744073709551616', 'NaN', '-Infinity'],
  ...[
    '""',
    '"x"',
    '"\\u0000"',
    '"\\ud800"',
    '[]',
    '[[]]',
    '[[1],[2,3]]',
    '{}',
    '{"a":1,"a":2}',
    '{"b64":"!!"}',
    '[[[[[[1]]]]]]',
  ],
  ...['[4294967296, 4294967296]', '[-1]', '[2147483647]', '[1e15]', '["1"]', `[${'['.repeat(300)}1${']'.repeat(300)}]`],
];
const keys = [
  'id',
  'parameters',
  'inputs',
  'outputs',
  'name',
  'shape',
  'datatype',
  'data',
  'instances',
  'signature_name',
  'b64',
];
const parameterNames = [
  'binary_data',
  'binary_data_size',
  'binary_data_output',
  'priority',
  'timeout',
  'deadline',
  'sequence_id',
  'classification',
  'shared_memory_region',
];

/** A valid body, of which something was replaced, doubled, or left out. */
export function json(random: Random, valid: string): string {
  let text = valid;
  for (let change = below(random, 4); change >= 0; change--) {
    const tokens = [...text.matchAll(/"[^"]*"|-?\d+(\.\d+)?|[[\]{},:]/g)];
    const token = tokens[below(random, tokens.length)];
    if (token === undefined) return text;
    const [from, to] = [token.index, token.index + token[0].length];
    const other = pick(random, [
      () => pick(random, wrongValues),
      () => `"${pick(random, keys)}"`,
      () => `"parameters":{"${pick(random, parameterNames)}":${pick(random, wrongValues)}}`,
      () => '',
      () => token[0] + token[0],
      () => String.fromCharCode(below(random, 256)),
    ])();
    text = text.slice(0, from) + other + text.slice(to);
  }
  return random() < 0.1 ? text.slice(0, below(random, text.length)) : text;
}

/** Some bytes are others, or more, or fewer. */
export function bytes(random: Random, valid: Uint8Array): Buffer {
  const changed = Buffer.from(valid);
  for (let change = below(random, 8); change >= 0 && changed.length > 0; change--) {
    changed[below(random, changed.length)] = below(random, 256);
  }
  const cut = random();
  if (cut < 0.15) return changed.subarray(0, below(random, changed.length + 1));
  if (cut < 0.25)
    return Buffer.concat([changed, Buffer.from(Array.from({ length: below(random, 64) }, () => below(random, 256)))]);
  return changed;
}

export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

// What numpy and scipy give (vectors/generate.py): the same values, dims and types, of operands in host memory and on the device.

import { readFileSync } from 'node:fs';
import { type Device, DeviceTensor, open, type Tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { arrayClasses, type NumericDType } from '../../lib/tensor/dtypes.js';
import { testDevice } from '../support/device.js';
import { expectWithin } from '../support/within.js';

interface Encoded {
  readonly type: NumericDType;
  readonly dims: readonly number[];
  readonly data: readonly (number | string)[];
}
interface Case {
  readonly operation: string;
  readonly operands: readonly Encoded[];
  readonly arguments: readonly (string | number)[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly expected: Encoded | Readonly<Record<string, Encoded>>;
}

const [, ...lines] = readFileSync(new URL('./vectors/vectors.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n');
const cases = lines.map((line) => JSON.parse(line) as Case);
/** Of the largest element. */
const tolerance: Readonly<Record<string, number>> = { float32: 2e-4, float64: 1e-10 };
/** Those that take their operands as one array. */
const ofArrays = ['multiDot', 'einsum'];

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

function decoded({ type, dims, data }: Encoded): Tensor<NumericDType> {
  const isBig = type === 'int64' || type === 'uint64';
  const array = new arrayClasses[type](data.length);
  for (const [i, value] of data.entries()) array[i] = isBig ? BigInt(value) : Number(value);
  return { type, data: array, dims } as Tensor<NumericDType>;
}

function call(one: Case, operands: readonly unknown[]): Promise<unknown> {
  const options = Object.fromEntries(
    Object.entries(one.options).map(([name, value]) => [
      name,
      typeof value === 'string' && value.endsWith('Infinity') ? Number(value) : value,
    ]),
  );
  const texts = one.arguments.filter((argument) => typeof argument === 'string');
  const numbers = one.arguments.filter((argument) => typeof argument === 'number');
  const given = ofArrays.includes(one.operation) ? [operands] : operands;
  const method = (device.linalg as unknown as Record<string, (...all: unknown[]) => Promise<unknown>>)[one.operation]!;
  return method.call(device.linalg, ...texts, ...given, ...numbers, options);
}

/** The results by their names; the only one is `result`. */
function named(results: unknown): Readonly<Record<string, Tensor | DeviceTensor>> {
  const isTensor = results instanceof DeviceTensor || 'dims' in (results as object);
  return (isTensor ? { result: results } : results) as Readonly<Record<string, Tensor | DeviceTensor>>;
}

function expectSame(given: Tensor, encoded: Encoded, what: string): void {
  const expected = decoded(encoded);
  expect(given.type, what).toBe(expected.type);
  expect(given.dims, what).toEqual(expected.dims);
  const values = Array.from(expected.data, Number);
  const size = Math.max(1e-300, ...values.map(Math.abs).filter(Number.isFinite));
  const within = (tolerance[given.type] ?? 0) * size;
  for (const [i, value] of values.entries()) {
    expectWithin(Number(given.data[i]), value, within, () => `${what}, element ${i}`);
  }
}

const operations = [...new Set(cases.map(({ operation }) => operation))];
describe.each(operations)('%s', (operation) => {
  const own = cases.filter((one) => one.operation === operation);
  const title = (one: Case) =>
    `${one.arguments.join(' ')} ${JSON.stringify(one.options)} of ${one.operands.map(({ type, dims }) => `${type} [${dims}]`).join(', ')}`;

  test.each(own.map((one, i) => [`${i} ${title(one)}`, one] as const))('%s', async (_, one) => {
    const expected = named(one.expected as never) as unknown as Record<string, Encoded>;
    const results = named(await call(one, one.operands.map(decoded)));
    expect(Object.keys(results).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, result] of Object.entries(results)) expectSame(result as Tensor, expected[name]!, name);

    const tensors = device.stats().tensors;
    const held = await Promise.all(one.operands.map((operand) => device.put(decoded(operand))));
    const begun = call(one, held);
    // As soon as the call has returned they may go.
    await Promise.all(held.map((tensor) => tensor.dispose()));
    const onDevice = named(await begun);
    for (const [name, result] of Object.entries(onDevice)) {
      expect(result, name).toBeInstanceOf(DeviceTensor);
      expectSame((await (result as DeviceTensor).get()) as Tensor, expected[name]!, `${name} on the device`);
      await (result as DeviceTensor).dispose();
    }
    expect(device.stats().tensors, 'what was made on the way is freed').toBe(tensors);
  });
});

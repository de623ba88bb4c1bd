// What batches promise, on models as people have them: a row's answer is, within rounding, what it is alone, whatever lies beside it
// and wherever; and a run of its own gives the same bits each time.

import { type Device, open } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { models } from '../../bench/models.js';
import { textImages } from '../../bench/text-image.js';
import { testDevice } from '../support/device.js';
import { expectSame, type Feeds, floats, type Outputs, sizeOf, together } from './support.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const pictures = (dims: readonly number[]) => (seed: number) => ({
  type: 'float32' as const,
  data: textImages(dims, seed),
  dims,
});
const noise = (dims: readonly number[]) => (seed: number) => floats(dims, seed);

const all: readonly [string, string, (seed: number) => ReturnType<typeof floats>][] = [
  ['OCR detection', models.detection(), pictures([1, 3, 64, 192])],
  ['OCR recognition', models.recognition(), pictures([1, 3, 48, 192])],
  ['OCR classifier', models.classifier(), pictures([1, 3, 48, 192])],
  ['LSTM', models.lstm(), noise([1, 24, 32])],
  ['attention', models.attention(), noise([1, 32, 128])],
  ['dense', models.dense(256), noise([1, 256])],
];

/** float32 keeps 24 bits; of a sum of thousands in another order, some seven of them may be other ones. */
const rounding = 2 ** -17;

/** The largest difference, beside the largest number. */
function difference(given: Outputs, expected: Outputs): number {
  let worst = 0;
  let largest = 0;
  for (const [name, { data, dims }] of Object.entries(expected)) {
    expect(given[name]!.dims).toEqual(dims);
    for (const [i, x] of (data as Float32Array).entries()) {
      largest = Math.max(largest, Math.abs(x));
      const distance = Math.abs((given[name]!.data[i] as number) - x);
      if (!(distance <= worst)) worst = distance; // and a NaN stays
    }
  }
  expect(largest, 'an answer that is worth comparing').toBeGreaterThan(0);
  return worst / largest;
}

describe.each(all)('%s', (_name, path, picture) => {
  const dims = picture(0).dims;
  const filled = (value: number) => ({
    type: 'float32' as const,
    data: new Float32Array(sizeOf(dims)).fill(value),
    dims,
  });
  const own = [1, 2, 3].map(picture);
  const beside = [filled(0), filled(3e38), filled(1e-40), filled(Number.POSITIVE_INFINITY), filled(Number.NaN)];

  test('rows in one batch are what they are alone, within rounding', async () => {
    await using shared = await device.loadModel(path, { batching: { maxBatchSize: 8 } });
    await using alone = await device.loadModel(path, { batching: false });
    const input = shared.inputs[0]!.name;
    const feeds = (rows: readonly Feeds[string][]): Feeds[] => rows.map((row) => ({ [input]: row }));
    expect(shared.batching).toMatchObject({ enabled: true });
    const expected = await together(alone, feeds(own));
    expectSame((await alone.run(feeds(own)[0]!)) as Outputs, expected[0]!, 'alone once more');

    const middle = [...beside.slice(0, 2), ...own, ...beside.slice(2)];
    for (const [order, rows, at] of [
      ['first', [...own, ...beside], 0],
      ['in the middle', middle, 2],
      ['with none of the others', own, 0],
    ] as const) {
      const before = shared.stats().batches.count;
      const answers = await together(shared, feeds(rows));
      expect(shared.stats().batches.count - before, 'batches').toBe(1);
      for (const [i, one] of expected.entries()) {
        expect(difference(answers[at + i]!, one), `row ${i}, ${order}`).toBeLessThan(rounding);
      }
    }
    // What the neighbours are has no part in it: in the same place among as many a row's answer is the same to the bit.
    const extreme = await together(shared, feeds(middle));
    const calm = await together(shared, feeds(middle.map((row) => (own.includes(row) ? row : own[0]!))));
    for (const i of own.keys()) expectSame(extreme[2 + i]!, calm[2 + i]!, `row ${i} beside other rows`);
    // The rows differ, so that none could pass for another.
    expect(difference(expected[1]!, expected[0]!)).toBeGreaterThan(100 * rounding);
  });
});

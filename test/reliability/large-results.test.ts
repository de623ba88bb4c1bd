// Results of more bytes than one array of V8's can hold: they are refused before they are computed, where their size is known.

import { constants } from 'node:buffer';
import { type Device, open, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { initializer, model, node, value } from '../support/onnx-builder.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

/** Where an array may have more, no machine's memory is enough. */
const reachable = constants.MAX_LENGTH <= 2 ** 33;
/** The square root of more float64 than fit. */
const side = Math.ceil(Math.sqrt(constants.MAX_LENGTH / 8)) + 1;

it('a result that no memory can hold is refused, and the model goes on', async () => {
  const bytes = model({
    inputs: [value('n', 'int64', [1])],
    outputs: [value('y', 'int8', [null])],
    nodes: [
      node('ConstantOfShape', ['n'], ['y'], { value: { tensor: initializer('one', 'int8', [1], Int8Array.of(1)) } }),
    ],
  });
  await using ones = await device.loadModel(bytes);
  const many = (n: number) => ones.run({ n: tensor(BigInt64Array.of(BigInt(n))) });
  await expectError(many(2 ** 47), 'ERR_OUT_OF_MEMORY', /running the model: .*ConstantOfShape/);
  await expectError(many(2 ** 53 - 1), 'ERR_OUT_OF_MEMORY');
  expect((await many(2)).y!.data).toEqual(Int8Array.of(1, 1));
});

describe.runIf(reachable)('a result that no array can hold is refused', () => {
  const tooLarge = /a result of \d+ bytes is more than one JS array can hold \(\d+\)/;
  const column = (length: number) => tensor(new Float64Array(length).fill(1), [length, 1]);

  it.each<[string, () => Promise<unknown>]>([
    ['matmul', () => device.linalg.matmul(column(side), tensor(new Float64Array(side), [1, side]))],
    ['gather', () => device.ops.gather(tensor(new Uint8Array(2 ** 20), [1, 2 ** 20]), new Array<number>(8193).fill(0))],
    [
      'padSequences',
      () => device.ops.padSequences(tensor(new Uint8Array(8193)), new Array<number>(8193).fill(1), { length: 2 ** 20 }),
    ],
  ])('%s', async (_, call) => {
    await expectError(call(), 'ERR_OUT_OF_MEMORY', tooLarge);
    const { data } = await device.linalg.matmul(column(1), column(1));
    expect(data).toEqual(Float64Array.of(1));
  });
});

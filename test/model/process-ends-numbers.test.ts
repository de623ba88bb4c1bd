// What ONNX Runtime ends the process for by an input's numbers, not by its shape: requests with such numbers are refused.

import { type Device, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../support/errors.js';
import { type Initializer, model, type Node, node, scalar, value } from '../support/onnx-builder.js';

let device: Device;
beforeAll(async () => {
  device = await open('cpu');
});
afterAll(() => device.dispose());

const ones = (...dims: number[]) => tensor(new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(1), dims);
const number = (of: number): Tensor => tensor(BigInt64Array.of(BigInt(of)), []);

describe('the length of the frames of a STFT', () => {
  const stft = node('STFT', ['x', 'step', '', 'length'], ['y']);
  const of = (nodes: readonly Node[], initializers: readonly Initializer[] = []) =>
    model({
      nodes: [...nodes, stft],
      inputs: [
        value('x', 'float32', ['N', 'T', 1]),
        ...['step', 'length', 'n']
          .filter(
            (name) => ![...nodes.flatMap(({ outputs }) => outputs), ...initializers.map((i) => i.name)].includes(name),
          )
          .filter((name) => name !== 'n' || nodes.length > 0)
          .map((name) => value(name, 'int64', [])),
      ],
      outputs: [value('y', 'float32', null)],
      initializers: [...initializers],
    });

  test.each([undefined, false] as const)('is given as an input (batching: %s)', async (batching) => {
    await using loaded = await device.loadModel(of([]), batching === undefined ? {} : { batching });
    for (let round = 0; round < 2; round++) {
      await expectError(
        loaded.run({ x: ones(1, 64, 1), step: number(16), length: number(0) }),
        'ERR_SHAPE',
        /STFT 'y' is given 0 in 'length', and divides by it/,
      );
      const { y } = await loaded.run({ x: ones(1, 64, 1), step: number(16), length: number(16) });
      expect(y!.dims).toEqual([1, 4, 9, 2]);
    }
  });

  test('is computed of one', async () => {
    const bytes = of([node('Sub', ['n', 'two'], ['length'])], [scalar('two', 2)]);
    await using loaded = await device.loadModel(bytes, { batching: false });
    await expectError(loaded.run({ x: ones(1, 64, 1), step: number(16), n: number(2) }), 'ERR_SHAPE', /STFT/);
    expect((await loaded.run({ x: ones(1, 64, 1), step: number(16), n: number(18) })).y!.dims).toEqual([1, 4, 9, 2]);
  });

  test('is held by the model', async () => {
    await expectError(device.loadModel(of([], [scalar('length', 0)])), 'ERR_MODEL', /STFT 'y' is given 0 in 'length'/);
  });
});

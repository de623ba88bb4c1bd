// What ONNX Runtime ends the process for by an input's numbers, not by its shape: requests with such numbers are refused; and those whose
// numbers lead past what would end it run.

import { type Device, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../support/errors.js';
import {
  type Attribute,
  type Initializer,
  initializer,
  model,
  type Node,
  node,
  scalar,
  value,
} from '../support/onnx-builder.js';
import { ones, weightsOf } from '../support/onnx-parts.js';

let device: Device;
beforeAll(async () => {
  device = await open('cpu');
});
afterAll(() => device.dispose());

const number = (of: number): Tensor => tensor(BigInt64Array.of(BigInt(of)), []);
const yes = tensor(Uint8Array.of(1), [], { type: 'bool' });
const no = tensor(Uint8Array.of(0), [], { type: 'bool' });

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

describe('the way that an If goes', () => {
  const branch = (nodes: readonly Node[]): Attribute => ({
    graph: { nodes, inputs: [], outputs: [value('y', 'float32', null)] },
  });
  const weights = weightsOf(1);
  const rnn = node('RNN', ['x', 'w', 'r'], ['y'], { hidden_size: { int: 2 } });
  const way = (condition: readonly Node[], inputs: ReturnType<typeof value>[], held: readonly Initializer[] = []) =>
    model({
      nodes: [
        ...condition,
        node('If', ['condition'], ['y'], {
          then_branch: branch([rnn]),
          else_branch: branch([node('Neg', ['x'], ['y'])]),
        }),
      ],
      inputs: [value('x', 'float32', null), ...inputs],
      outputs: [value('y', 'float32', null)],
      initializers: [weights('w', 1, 2, 3), weights('r', 1, 2, 2), scalar('rate', 16000), ...held],
    });

  test('is given as an input', async () => {
    await using loaded = await device.loadModel(way([], [value('condition', 'bool', [])]), { batching: false });
    await expectError(loaded.run({ x: ones(4, 3), condition: yes }), 'ERR_SHAPE', /RNN 'y' takes 3/);
    expect((await loaded.run({ x: ones(4, 3), condition: no })).y!.dims).toEqual([4, 3]);
    await expectError(loaded.run({ x: ones(4, 3), condition: yes }), 'ERR_SHAPE', /RNN 'y' takes 3/);
    expect((await loaded.run({ x: ones(4, 2, 3), condition: yes })).y!.dims).toEqual([4, 1, 2, 2]);
  });

  test('is given as an input, and the other way needs elements', async () => {
    await using loaded = await device.loadModel(way([], [value('condition', 'bool', [])]), { batching: false });
    expect((await loaded.run({ x: ones(4, 0, 3), condition: no })).y!.dims).toEqual([4, 0, 3]);
    await expectError(loaded.run({ x: ones(4, 0, 3), condition: yes }), 'ERR_SHAPE', /RNN 'y' needs some/);
  });

  test('is computed of an input', async () => {
    const bytes = way([node('Equal', ['sr', 'rate'], ['condition'])], [value('sr', 'int64', [])]);
    await using loaded = await device.loadModel(bytes, { batching: false });
    await expectError(loaded.run({ x: ones(4, 3), sr: number(16000) }), 'ERR_SHAPE', /RNN 'y' takes 3/);
    expect((await loaded.run({ x: ones(4, 3), sr: number(8000) })).y!.dims).toEqual([4, 3]);
  });

  test('is computed of an integer that wraps', async () => {
    const condition = [node('Add', ['n', 'one'], ['sum']), node('Less', ['sum', 'one'], ['condition'])];
    const one = initializer('one', 'int32', [], Int32Array.of(1));
    await using loaded = await device.loadModel(way(condition, [value('n', 'int32', [])], [one]), { batching: false });
    const n = (of: number) => tensor(Int32Array.of(of), []);
    expect((await loaded.run({ x: ones(4, 3), n: n(5) })).y!.dims).toEqual([4, 3]);
    await expectError(loaded.run({ x: ones(4, 3), n: n(-5) }), 'ERR_SHAPE', /RNN 'y' takes 3/);
    await expectError(loaded.run({ x: ones(4, 3), n: n(2 ** 31 - 1) }), 'ERR_SHAPE', /RNN 'y' takes 3/);
    expect((await loaded.run({ x: ones(4, 2, 3), n: n(2 ** 31 - 1) })).y!.dims).toEqual([4, 1, 2, 2]);
  });

  test('is not known before the run', async () => {
    const condition = [
      node('ReduceMax', ['x'], ['most'], { keepdims: { int: 0 } }),
      node('Cast', ['most'], ['condition'], { to: { int: 9 } }),
    ];
    await using loaded = await device.loadModel(way(condition, []), { batching: false });
    await expectError(loaded.run({ x: ones(4, 3) }), 'ERR_SHAPE', /RNN 'y' takes 3/);
    expect((await loaded.run({ x: ones(4, 2, 3) })).y!.dims).toEqual([4, 1, 2, 2]);
  });
});

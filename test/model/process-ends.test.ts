// What ONNX Runtime ends the process for, which nobody could catch: requests that lead to it are refused.

import { type Device, open } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../support/errors.js';
import { type Attribute, initializer, ints, model, type Node, node, value } from '../support/onnx-builder.js';
import { ones, text, weightsOf } from '../support/onnx-parts.js';

let device: Device;
beforeAll(async () => {
  device = await open('cpu');
});
afterAll(() => device.dispose());

const weights = weightsOf(1);

/** Of x and, where a node takes it, z, of unknown shape, to y. */
function ofAnyRank(nodes: readonly Node[], initializers: ReturnType<typeof weights>[] = []): Uint8Array {
  const takes = (name: string) => nodes.some(({ inputs }) => inputs.includes(name));
  return model({
    nodes,
    inputs: ['x', 'z'].filter(takes).map((name) => value(name, 'float32', null)),
    outputs: [value('y', 'float32', null)],
    initializers,
  });
}

const recurrent = (op: string, gates: number, batch = 'N') =>
  model({
    nodes: [node(op, ['x', 'w', 'r'], ['y'], { hidden_size: { int: 2 } })],
    inputs: [value('x', 'float32', ['T', batch, 3])],
    outputs: [value('y', 'float32', ['T', 1, batch, 2])],
    initializers: [weights('w', 1, gates * 2, 3), weights('r', 1, gates * 2, 2)],
  });

describe('ranks that are known only when a request comes', () => {
  const rnn = [node('RNN', ['x', 'w', 'r'], ['y'], { hidden_size: { int: 2 } })];
  const rnnWeights = [weights('w', 1, 2, 3), weights('r', 1, 2, 2)];
  const squeezed = [node('Squeeze', ['x'], ['s']), node('Einsum', ['s'], ['y'], { equation: text('ab->ba') })];
  const cases: [what: string, bytes: Uint8Array, right: number[][], wrong: number[][]][] = [
    ['RNN', ofAnyRank(rnn, rnnWeights), [[4, 2, 3]], [[4, 3]]],
    ['Einsum', ofAnyRank(squeezed), [[1, 2, 3]], [[1, 1, 3]]],
    ['Concat', ofAnyRank([node('Concat', ['x', 'z'], ['y'], { axis: { int: 0 } })]), [[2], [3]], [[2, 1], [3]]],
    [
      'Conv',
      ofAnyRank([node('Conv', ['x', 'z'], ['y'])]),
      [
        [1, 2, 3],
        [4, 2, 1],
      ],
      [[3], [3]],
    ],
    [
      'ReverseSequence',
      ofAnyRank([node('ReverseSequence', ['x', 'l'], ['y'])], [ints('l', 1) as never]),
      [[2, 1]],
      [[2]],
    ],
  ];
  test.each(cases)('%s', async (what, bytes, right, wrong) => {
    const feeds = (shapes: number[][]) => Object.fromEntries(shapes.map((dims, i) => ['xz'[i]!, ones(...dims)]));
    for (const batching of [undefined, false] as const) {
      await using loaded = await device.loadModel(bytes, batching === undefined ? {} : { batching });
      for (let round = 0; round < 2; round++) {
        await expectError(
          loaded.run(feeds(wrong)),
          'ERR_SHAPE',
          new RegExp(`dimensions, and the model's node ${what} 'y'`),
        );
        expect((await loaded.run(feeds(right))).y!.dims.length).toBeGreaterThan(0);
      }
    }
  });

  test('a branch that is not taken is not looked at', async () => {
    const branch = (nodes: Node[]): Attribute => ({
      graph: { nodes, inputs: [], outputs: [value('y', 'float32', null)] },
    });
    const bytes = ofAnyRank(
      [
        node('Shape', ['x'], ['dims']),
        node('Size', ['dims'], ['rank']),
        node('Equal', ['rank', 'three'], ['yes']),
        node('If', ['yes'], ['y'], { then_branch: branch(rnn), else_branch: branch([node('Neg', ['x'], ['y'])]) }),
      ],
      [...rnnWeights, initializer('three', 'int64', [], BigInt64Array.of(3n)) as never],
    );
    await using loaded = await device.loadModel(bytes, { batching: false });
    expect((await loaded.run({ x: ones(4, 2, 3) })).y!.dims).toEqual([4, 1, 2, 2]);
    expect((await loaded.run({ x: ones(4, 3) })).y!.dims).toEqual([4, 3]);
  });
});

describe('values without elements', () => {
  const quantize = node('QuantizeLinear', ['x', 's'], ['q'], { axis: { int: 1 }, block_size: { int: 2 } });
  const cases: [what: string, bytes: Uint8Array, none: number[], some: number[]][] = [
    ['RNN', recurrent('RNN', 1), [4, 0, 3], [4, 2, 3]],
    ['LSTM', recurrent('LSTM', 4), [4, 0, 3], [4, 2, 3]],
    ['GRU', recurrent('GRU', 3), [0, 2, 3], [4, 2, 3]],
    [
      'Einsum',
      model({
        nodes: [node('Einsum', ['x', 'x'], ['y'], { equation: text('ab,cb->ac') })],
        inputs: [value('x', 'float32', ['N', 'K'])],
        outputs: [value('y', 'float32', ['N', 'N'])],
      }),
      [2, 0],
      [2, 3],
    ],
    [
      'InstanceNormalization',
      model({
        nodes: [node('InstanceNormalization', ['x', 's', 'b'], ['y'])],
        inputs: [value('x', 'float32', ['N', 3, 'W'])],
        outputs: [value('y', 'float32', ['N', 3, 'W'])],
        initializers: [weights('s', 3), weights('b', 3)],
      }),
      [2, 3, 0],
      [2, 3, 4],
    ],
    [
      'QuantizeLinear',
      model({
        nodes: [quantize, node('DequantizeLinear', ['q', 's'], ['y'], quantize.attributes)],
        inputs: [value('x', 'float32', ['N', 2, 'W']), value('s', 'float32', ['N', 1, 'W'])],
        outputs: [value('y', 'float32', ['N', 2, 'W'])],
      }),
      [0, 2, 3],
      [1, 2, 3],
    ],
  ];
  test.each(cases)('%s', async (what, bytes, none, some) => {
    await using loaded = await device.loadModel(bytes, { batching: false });
    const feeds = (dims: number[]) => ({
      x: ones(...dims),
      ...(what === 'QuantizeLinear' && { s: ones(...dims.with(1, 1)) }),
    });
    await expectError(
      loaded.run(feeds(none)),
      'ERR_SHAPE',
      new RegExp(`has no elements, and the model's node ${what} '`),
    );
    expect((await loaded.run(feeds(some))).y!.data.length).toBeGreaterThan(0);
  });

  test('where another input has none, what the node takes decides', async () => {
    const bytes = model({
      nodes: [node('TopK', ['x', 'k'], ['y', 'places']), node('Neg', ['z'], ['w'])],
      inputs: [value('x', 'float32', ['N', 2]), value('z', 'float32', ['M'])],
      outputs: [value('y', 'float32', ['N', 1]), value('w', 'float32', ['M'])],
      initializers: [ints('k', 1)],
    });
    await using loaded = await device.loadModel(bytes, { batching: false });
    expect((await loaded.run({ x: ones(1, 2), z: ones(0) })).y!.data).toEqual(Float32Array.of(1));
    await expectError(loaded.run({ x: ones(0, 2), z: ones(1) }), 'ERR_SHAPE', /node TopK 'y'/);
  });
});

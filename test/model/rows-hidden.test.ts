// Rows that mix where a run seldom shows it, or where the graph was once read wrongly: behind a threshold, among integers, in functions, in
// loops, after a first request that tells nothing. Everybody gets in company what he gets alone.

import { type Device, type Feeds, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { initializer, ints, model, type Node, node, randomFloats, scalar, value } from '../support/onnx-builder.js';
import { withFunction } from '../support/onnx-functions.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const floats = (name: string, ...numbers: number[]) =>
  initializer(name, 'float32', [numbers.length], Float32Array.from(numbers));
const row = (...numbers: number[]): Feeds => ({ x: tensor(Float32Array.from(numbers), [1, numbers.length]) });
const same = (number: number, length = 4) => row(...new Array<number>(length).fill(number));
const ids = (...numbers: number[]): Feeds => ({ x: tensor(BigInt64Array.from(numbers, BigInt), [1, 4]) });
const x = [value('x', 'float32', ['N', 4])];
const y = [value('y', 'float32', ['N', 4])];
const wholes = { inputs: [value('x', 'int64', ['N', 4])], outputs: [value('y', 'int64', ['N', 4])] };
const yes = initializer('yes', 'bool', [], Uint8Array.of(1));
/** x in the order of its columns: rows of other callers' elements. */
const scrambled = [node('Transpose', ['x'], ['t']), node('Reshape', ['t', 'four'], ['r'])];
const first = [
  node('SplitToSequence', ['x'], ['rows'], { axis: { int: 0 } }),
  node('SequenceAt', ['rows', 'zero'], ['first']),
];
const branch = (type: 'float32' | 'int64', ...nodes: Node[]) => ({
  graph: { inputs: [], outputs: [value('o', type, null)], nodes },
});

const byLargest = model({
  inputs: [value('a', 'int64', null)],
  outputs: [value('b', 'int64', null)],
  nodes: [
    node('Constant', [], ['limit'], { value: { tensor: scalar('l', 1000) } }),
    node('ReduceMax', ['a'], ['largest'], { keepdims: { int: 0 } }),
    node('Greater', ['largest', 'limit'], ['c']),
    node('If', ['c'], ['b'], {
      then_branch: branch('int64', node('Neg', ['a'], ['o'])),
      else_branch: branch('int64', node('Identity', ['a'], ['o'])),
    }),
  ],
});
const one = (name: string) => value(name, 'float32', [1]);
const scaling = {
  inputs: [
    value('i', 'int64', []),
    value('go', 'bool', []),
    value('h', 'float32', [null, 4]),
    one('p'),
    one('q'),
    one('r'),
  ],
  outputs: [value('on', 'bool', []), value('hn', 'float32', [null, 4]), one('pn'), one('qn'), one('rn')],
  nodes: [
    node('Identity', ['go'], ['on']),
    node('Resize', ['h', '', 'p'], ['hn'], { mode: { string: 'linear' }, axes: { ints: [0] } }),
    node('Identity', ['q'], ['pn']),
    node('Identity', ['r'], ['qn']),
    node('Identity', ['r'], ['rn']),
  ],
};
const chunks = [
  node('SplitToSequence', ['x', 'five'], ['parts'], { axis: { int: 0 } }),
  node('SequenceAt', ['parts', 'last'], ['tail']),
  node('SequenceErase', ['parts', 'last'], ['rest']),
  node('SequenceInsert', ['rest', 'tail', 'zero'], ['turned']),
  node('ConcatFromSequence', ['turned'], ['y'], { axis: { int: 0 } }),
];

describe('everybody gets what he gets alone', () => {
  test.each<[string, Uint8Array, readonly Feeds[]]>([
    [
      'a sum behind a threshold far below zero',
      model({
        inputs: x,
        outputs: [value('y', 'bool', ['N', 1])],
        nodes: [...scrambled, node('ReduceSum', ['r', 'one'], ['q']), node('Less', ['q', 'limit'], ['y'])],
        initializers: [ints('four', -1, 4), ints('one', 1), floats('limit', -5)],
      }),
      [same(1), same(-100), same(2)],
    ],
    [
      'integers behind a threshold that those of the first request are below',
      model({
        ...wholes,
        nodes: [...scrambled, node('Max', ['r', 'limit'], ['m']), node('Add', ['x', 'm'], ['y'])],
        initializers: [ints('four', -1, 4), scalar('limit', 50)],
      }),
      [ids(1, 2, 3, 4), ids(100, 100, 100, 100), ids(2, 3, 4, 5)],
    ],
    [
      'the largest of all rows, by CastLike and behind a threshold',
      model({
        ...wholes,
        nodes: [
          node('CastLike', ['x', 'limit'], ['real']),
          node('ReduceMax', ['real', 'zero'], ['most']),
          node('Greater', ['most', 'limit'], ['above']),
          node('Neg', ['x'], ['n']),
          node('Where', ['above', 'n', 'x'], ['y']),
        ],
        initializers: [ints('zero', 0), floats('limit', 5000)],
      }),
      [ids(1, 2, 3, 4), ids(6000, 6000, 6000, 6000), ids(2, 3, 4, 5)],
    ],
    [
      'a function with an If by the largest of all rows',
      withFunction(model({ ...wholes, nodes: [node('F', ['x'], ['y'], {}, 'my')] }), 'my', 'F', byLargest),
      [ids(1, 2, 3, 4), ids(2, 3, 4, 5000), ids(5, 6, 7, 8)],
    ],
    [
      "a function that has the name of one of ONNX's own operators, which runs in its place",
      withFunction(
        model({ inputs: x, outputs: y, nodes: [node('CumSum', ['x', 'z'], ['y'])], initializers: [scalar('z', 0)] }),
        '',
        'CumSum',
        model({
          inputs: [value('a', 'float32', null), value('axis', 'int64', [])],
          outputs: [value('b', 'float32', null)],
          nodes: [node('Identity', ['a'], ['b'])],
        }),
      ),
      [same(1), same(10), same(100)],
    ],
    [
      'a gate by the first row, where zeros came first',
      model({
        inputs: x,
        outputs: y,
        nodes: [...first, node('Sigmoid', ['first'], ['g']), node('Mul', ['x', 'g'], ['y'])],
        initializers: [scalar('zero', 0)],
      }),
      [same(0), same(1), same(-5)],
    ],
    [
      'the first row is added, where NaN came first',
      model({
        inputs: x,
        outputs: y,
        nodes: [...first, node('Add', ['x', 'first'], ['y'])],
        initializers: [scalar('zero', 0)],
      }),
      [same(Number.NaN), same(1), same(-5)],
    ],
    [
      'small numbers beside large ones',
      model({
        inputs: x,
        outputs: [value('y', 'float32', ['N', 8])],
        nodes: [
          ...first,
          node('Sigmoid', ['first'], ['g']),
          node('Mul', ['x', 'large'], ['pixels']),
          node('Mul', ['x', 'nothing'], ['zeros']),
          node('Add', ['zeros', 'g'], ['scores']),
          node('Concat', ['scores', 'pixels'], ['y'], { axis: { int: 1 } }),
        ],
        initializers: [scalar('zero', 0), floats('large', 10000), floats('nothing', 0)],
      }),
      [same(1), same(-1), same(2)],
    ],
    [
      'attention over the batch, and a label of its sum',
      model({
        inputs: [value('x', 'float32', ['N', 16])],
        outputs: [value('y', 'bool', ['N', 1])],
        nodes: [
          node('Unsqueeze', ['x', 'axis 0'], ['u']),
          node('MultiHeadAttention', ['u', 'u', 'u'], ['a'], { num_heads: { int: 2 } }, 'com.microsoft'),
          node('Squeeze', ['a', 'axis 0'], ['s']),
          node('ReduceSum', ['s', 'axis 1'], ['t']),
          node('Greater', ['t', 'limit'], ['y']),
        ],
        initializers: [ints('axis 0', 0), ints('axis 1', 1), floats('limit', 5)],
      }),
      [same(-0.1, 16), same(2, 16), same(0.1, 16)],
    ],
    [
      'a Loop that resizes the batch by scales that go round in it',
      model({
        inputs: x,
        outputs: y,
        nodes: [
          node('Loop', ['three', 'yes', 'x', 's0', 's1', 's2'], ['y', 'a', 'b', 'c'], { body: { graph: scaling } }),
        ],
        initializers: [scalar('three', 3), yes, floats('s0', 1), floats('s1', 2), floats('s2', 0.5)],
      }),
      [same(1), same(10), same(100)],
    ],
    [
      'an If by a number that uint8 does not hold',
      model({
        inputs: x,
        outputs: y,
        nodes: [
          node('Cast', ['minus 1'], ['u'], { to: { int: 2 } }),
          node('Cast', ['u'], ['i'], { to: { int: 7 } }),
          node('Less', ['i', 'zero'], ['c']),
          node('If', ['c'], ['y'], {
            then_branch: branch('float32', node('Identity', ['x'], ['o'])),
            else_branch: branch('float32', node('CumSum', ['x', 'zero'], ['o'])),
          }),
        ],
        initializers: [scalar('minus 1', -1), scalar('zero', 0)],
      }),
      [same(1), same(10), same(100)],
    ],
    [
      'inputs whose dimensions have one name and two sizes',
      model({
        inputs: [value('a', 'float32', ['N', 'K']), value('b', 'float32', ['N', 'K'])],
        outputs: [value('y', 'float32', ['N', null])],
        nodes: [
          node('Shape', ['a'], ['s']),
          node('Gather', ['s', 'at 1'], ['k']),
          node('Gather', ['s', 'at 0'], ['n']),
          node('Concat', ['k', 'n', 'rest'], ['to'], { axis: { int: 0 } }),
          node('Transpose', ['b'], ['bt']),
          node('Reshape', ['bt', 'to'], ['b2']),
          node('Transpose', ['b2'], ['b3'], { perm: { ints: [1, 0, 2] } }),
          node('Reshape', ['b3', 'flat'], ['y']),
        ],
        initializers: [ints('at 1', 1), ints('at 0', 0), ints('rest', -1), ints('flat', 0, -1)],
      }),
      [1, 10, 100].map((v) => ({ a: row(v, v).x!, b: row(v, v + 1, v + 2, v + 3).x! })),
    ],
  ])('%s', async (_, bytes, feeds) => {
    await using shared = await device.loadModel(Uint8Array.from(bytes));
    await using alone = await device.loadModel(Uint8Array.from(bytes), { batching: false });
    const told = async (answer: Promise<{ readonly [name: string]: unknown }>) =>
      String(
        [...((await answer).y as Tensor).data].slice(0, 8).map((v) => (typeof v === 'number' ? v.toPrecision(5) : v)),
      );
    const expected: string[] = [];
    for (const one of feeds) expected.push(await told(alone.run(one)));
    // What comes first is what its rows are tried with; then there is time to learn.
    for (let i = 0; i < 3; i++) await shared.run(feeds[0]!);
    for (let round = 0; round < 4; round++) {
      const callers = Array.from({ length: 30 }, (_unused, i) => i % feeds.length);
      const answers = await Promise.all(callers.map((caller) => told(shared.run(feeds[caller]!))));
      expect(answers).toEqual(callers.map((caller) => expected[caller]));
    }
  });

  test('chunks of five rows, put back in another order', async () => {
    const bytes = model({
      inputs: x,
      outputs: y,
      nodes: chunks,
      initializers: [scalar('five', 5), scalar('zero', 0), scalar('last', -1)],
    });
    await using shared = await device.loadModel(bytes, { batching: { maxBatchSize: 8 }, concurrency: 1 });
    for (let i = 0; i < 5; i++) await shared.run(row(1, 2, 3, 4));
    const numbers = Array.from({ length: 40 }, (_unused, i) => i + 1);
    const answers = await Promise.all(
      numbers.map(async (number) => ((await shared.run(same(number))).y as Tensor).data[0]),
    );
    expect(answers).toEqual(numbers);
  });
});

describe('a finding', () => {
  const gated = (constant: number) =>
    model({
      inputs: x,
      outputs: y,
      nodes: [
        ...first,
        node('Constant', [], ['k'], { value_float: { float: constant } }),
        node('Mul', ['first', 'k'], ['f']),
        node('Add', ['x', 'f'], ['y']),
      ],
      initializers: [scalar('zero', 0)],
    });

  test('is not used for a model that differs in a number of an attribute', async () => {
    await using still = await device.loadModel(gated(0));
    for (let i = 0; i < 3; i++) await still.run(row(1, 2, 3, 4));
    const { finding } = still.batching;
    await using moving = await device.loadModel(gated(1), { batching: { finding: finding! } });
    const answers = await Promise.all([1, 10, 100].map((v) => moving.run(same(v))));
    expect(answers.map(({ y: of }) => (of as Tensor).data[0])).toEqual([2, 20, 200]);
    expect(moving.batching.finding?.graph).not.toBe(finding?.graph);
  });

  test('says for which axes of the batch it is', async () => {
    const bytes = model({
      inputs: [value('x', 'float32', ['N', 'M'])],
      outputs: [value('y', 'float32', ['N', 'M'])],
      nodes: [node('Relu', ['x'], ['y'])],
    });
    await using leading = await device.loadModel(Uint8Array.from(bytes));
    await using other = await device.loadModel(bytes, {
      batching: { batchAxis: { inputs: { x: 1 }, outputs: { y: 1 } } },
    });
    expect(leading.batching.finding?.graph).not.toBe(other.batching.finding?.graph);
  });
});

test('what would end the process in a function with an If is refused', async () => {
  const inner = model({
    inputs: ['a', 'w', 'r'].map((name) => value(name, 'float32', null)),
    outputs: [value('b', 'float32', null)],
    nodes: [
      node('Constant', [], ['c'], { value: { tensor: initializer('c', 'bool', [], Uint8Array.of(1)) } }),
      node('If', ['c'], ['z'], {
        then_branch: branch('float32', node('Identity', ['a'], ['o'])),
        else_branch: branch('float32', node('Neg', ['a'], ['o'])),
      }),
      node('RNN', ['z', 'w', 'r'], ['b'], { hidden_size: { int: 2 } }),
    ],
  });
  const bytes = withFunction(
    model({
      inputs: [value('x', 'float32', null)],
      outputs: [value('y', 'float32', null)],
      nodes: [node('G', ['x', 'w', 'r'], ['y'], {}, 'my')],
      initializers: [
        initializer('w', 'float32', [1, 2, 3], randomFloats(6, 1)),
        initializer('r', 'float32', [1, 2, 2], randomFloats(4, 2)),
      ],
    }),
    'my',
    'G',
    inner,
  );
  await using loaded = await device.loadModel(bytes, { batching: false });
  await expectError(loaded.run({ x: tensor(randomFloats(12, 1), [4, 3]) }), 'ERR_SHAPE', /RNN/);
});

// Once it took seven loops in each other seconds, and each more of them seven times as long.
test('loops in loops are not followed for ever', async () => {
  const sizes = ['a', 'b', 'c', 'd'];
  const loop = (depth: number, from: string, to: string): Node[] => {
    if (depth === 0) return [node('Relu', [from], [to])];
    const own = (name: string) => `${name}${depth}`;
    const carried = sizes.map((name) => value(own(name), 'int64', null));
    return [
      node('Loop', ['two', '', from, ...sizes], [to, ...sizes.map((name) => own(`out-${name}`))], {
        body: {
          graph: {
            inputs: [
              value(own('i'), 'int64', []),
              value(own('go'), 'bool', []),
              value(own('h'), 'float32', ['N', 4]),
              ...carried,
            ],
            outputs: [
              value(own('on'), 'bool', []),
              value(own('hn'), 'float32', ['N', 4]),
              ...sizes.map((name) => value(own(`next-${name}`), 'int64', null)),
            ],
            nodes: [
              node('Identity', [own('go')], [own('on')]),
              ...loop(depth - 1, own('h'), own('hn')),
              ...sizes.map((name, at) =>
                at < 3
                  ? node('Identity', [own(sizes[at + 1]!)], [own(`next-${name}`)])
                  : node('Concat', [own(name), 'one'], [own(`next-${name}`)], { axis: { int: 0 } }),
              ),
            ],
          },
        },
      }),
    ];
  };
  const bytes = model({
    inputs: x,
    outputs: y,
    nodes: loop(10, 'x', 'y'),
    initializers: [scalar('two', 2), ints('one', 1), ...sizes.map((name) => ints(name, 1))],
  });
  await using loaded = await device.loadModel(bytes);
  expect(loaded.batching.finding?.verdict).not.toBe('independent');
}, 60_000);

// Graphs that mix rows in ways that are easy to overlook: everybody gets in company what he gets alone, and they are refused a batch,
// or found apart, as they should be.

import { type Device, type Feeds, type LoadModelOptions, type Model, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import {
  type Graph,
  initializer,
  ints,
  model,
  type Node,
  node,
  randomFloats,
  scalar,
  type Value,
  value,
} from '../support/onnx-builder.js';
import { elementsOf } from '../support/onnx-parts.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

interface Strange {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly nodes: readonly Node[];
  readonly initializers?: Graph['initializers'];
  /** Of a caller. */
  readonly feeds: (caller: number) => Feeds;
  readonly batching?: LoadModelOptions['batching'];
  readonly opset?: number;
  /** ONNX Runtime has it learn from each run, so that it never gives the same twice. */
  readonly learns?: boolean;
}

const float = (name: string, ...numbers: number[]) =>
  initializer(name, 'float32', [numbers.length], Float32Array.from(numbers));
const x = (...dims: (number | string)[]) => value('x', 'float32', dims);
const y = (...dims: (number | string | null)[]) => value('y', 'float32', dims);
const floats =
  (...dims: number[]) =>
  (caller: number): Feeds => ({
    x: tensor(randomFloats(elementsOf(dims), caller + 1, caller + 1), dims),
  });
const texts =
  (...ones: string[]) =>
  (caller: number): Feeds => ({ x: tensor([ones[caller]!], [1]) });
const ids =
  (...ones: number[]) =>
  (caller: number): Feeds => ({ x: tensor(BigInt64Array.of(BigInt(ones[caller]!)), [1, 1]) });
const microsoft = (op: string, inputs: string[], outputs: string[], attributes = {}) =>
  node(op, inputs, outputs, attributes, 'com.microsoft');
const row = { inputs: [x('N', 4)], outputs: [y('N', 4)], feeds: floats(1, 4) };
const rowsOf: readonly Node[] = [
  node('Shape', ['x'], ['dims']),
  node('Gather', ['dims', 'scalar 0'], ['rows']),
  node('Unsqueeze', ['rows', '0'], ['rows 1']),
];
const zeros = [scalar('scalar 0', 0), ints('0', 0)];

/** A body of Loop: goes on, and gives what `nodes` make of `h`. */
const body = (nodes: readonly Node[], dims: readonly (number | string)[]): Graph => ({
  inputs: [value('i', 'int64', []), value('go', 'bool', []), value('h', 'float32', dims)],
  outputs: [value('on', 'bool', []), value('next', 'float32', dims)],
  nodes: [node('Identity', ['go'], ['on']), ...nodes],
});
const yes = initializer('yes', 'bool', [], Uint8Array.of(1));
const branch = (...nodes: Node[]): Graph => ({ inputs: [], outputs: [value('out', 'float32', null)], nodes });

const mixing: Record<string, Strange> = {
  'Resize to a height of the number of rows': {
    inputs: [x('N', 1, 4, 4)],
    outputs: [y('N', 1, null, 4)],
    nodes: [
      ...rowsOf,
      node('Concat', ['rows 1', 'one', 'rows 1', 'four'], ['sizes'], { axis: { int: 0 } }),
      node('Resize', ['x', '', '', 'sizes'], ['y']),
    ],
    initializers: [...zeros, ints('one', 1), ints('four', 4)],
    feeds: floats(1, 1, 4, 4),
  },
  'Resize of other axes by the number of rows': {
    inputs: [x('N', 1, 4, 4)],
    outputs: [y('N', 1, null, null)],
    nodes: [
      ...rowsOf,
      node('Concat', ['rows 1', 'rows 1'], ['sizes'], { axis: { int: 0 } }),
      node('Resize', ['x', '', '', 'sizes'], ['y'], { axes: { ints: [2, 3] } }),
    ],
    initializers: zeros,
    feeds: floats(1, 1, 4, 4),
  },
  'Resize that keeps the ratio of the sides, to which the batch belongs': {
    inputs: [x('N', 1, 4, 4)],
    outputs: [y('N', null, null, null)],
    nodes: [
      node('Shape', ['x'], ['dims']),
      node('Mul', ['dims', '2 1 2 2'], ['sizes']),
      node('Div', ['sizes', '2 1 1 1'], ['half']),
      node('Resize', ['x', '', '', 'half'], ['y'], { keep_aspect_ratio_policy: { string: 'not_smaller' } }),
    ],
    initializers: [ints('2 1 2 2', 2, 1, 2, 2), ints('2 1 1 1', 2, 1, 1, 1)],
    feeds: floats(1, 1, 4, 4),
  },
  'StringSplit, which fills up to the longest': {
    inputs: [value('x', 'string', ['N'])],
    outputs: [value('y', 'string', ['N', null]), value('count', 'int64', ['N'])],
    nodes: [node('StringSplit', ['x'], ['y', 'count'], { delimiter: { string: ' ' } })],
    feeds: texts('a', 'b c d', 'e f'),
  },
  'StringNormalizer, which leaves rows out': {
    inputs: [value('x', 'string', ['N'])],
    outputs: [value('y', 'string', ['N'])],
    nodes: [node('StringNormalizer', ['x'], ['y'], { locale: { string: 'C' }, stopwords: { strings: ['the'] } })],
    feeds: texts('a', 'the', 'b'),
  },
  'the first of a sequence of rows, whose numbers are alike': {
    inputs: [value('x', 'int64', ['N', 1])],
    outputs: [value('y', 'int64', ['N', 1])],
    nodes: [
      node('SplitToSequence', ['x'], ['rows'], { axis: { int: 0 } }),
      node('SequenceAt', ['rows', 'scalar 0'], ['first']),
      node('Mul', ['x', 'nothing'], ['none']),
      node('Add', ['none', 'first'], ['y']),
    ],
    initializers: [...zeros, scalar('nothing', 0)],
    feeds: ids(7, 8, 9),
  },
  'the first of a sequence of texts': {
    inputs: [value('x', 'string', ['N'])],
    outputs: [value('y', 'string', ['N'])],
    nodes: [
      node('SplitToSequence', ['x'], ['rows'], { axis: { int: 0 } }),
      node('SequenceAt', ['rows', 'scalar 0'], ['first']),
      node('StringConcat', ['x', 'first'], ['y']),
    ],
    initializers: zeros,
    feeds: texts('a', 'b', 'c'),
  },
  'a loop as long as there are rows': {
    ...row,
    nodes: [
      ...rowsOf,
      node('Loop', ['rows', 'yes', 'x'], ['y'], {
        body: { graph: body([node('Add', ['h', 'h'], ['next'])], ['N', 4]) },
      }),
    ],
    initializers: [...zeros, yes],
  },
  'a loop that takes the mean of rows from outside': {
    ...row,
    nodes: [
      node('ReduceMean', ['x', '0'], ['mean']),
      node('Loop', ['three', 'yes', 'x'], ['y'], {
        body: { graph: body([node('Sub', ['h', 'mean'], ['next'])], ['N', 4]) },
      }),
    ],
    initializers: [...zeros, yes, scalar('three', 3)],
  },
  'a loop whose second turn mixes': {
    ...row,
    nodes: [
      node('Loop', ['two', 'yes', 'x', 'x'], ['unused', 'y'], {
        body: {
          graph: {
            inputs: [...body([], ['N', 4]).inputs, value('g', 'float32', ['N', 4])],
            outputs: [...body([], ['N', 4]).outputs, value('g next', 'float32', ['N', 4])],
            nodes: [
              node('Identity', ['go'], ['on']),
              node('CumSum', ['h', 'scalar 0'], ['next']),
              node('Identity', ['h'], ['g next']),
            ],
          },
        },
      }),
    ],
    initializers: [...zeros, yes, scalar('two', 2)],
  },
  'a scan along the rows': {
    ...row,
    nodes: [
      node('Scan', ['start', 'x'], ['last', 'y'], {
        num_scan_inputs: { int: 1 },
        body: {
          graph: {
            inputs: [value('h', 'float32', [4]), value('r', 'float32', [4])],
            outputs: [value('next', 'float32', [4]), value('out', 'float32', [4])],
            nodes: [node('Add', ['h', 'r'], ['next']), node('Identity', ['next'], ['out'])],
          },
        },
      }),
    ],
    initializers: [float('start', 0, 0, 0, 0)],
  },
  'an If by the largest of all': {
    ...row,
    nodes: [
      node('ReduceMax', ['x'], ['most'], { keepdims: { int: 0 } }),
      node('Greater', ['most', 'limit'], ['large']),
      node('If', ['large'], ['y'], {
        then_branch: { graph: branch(node('Neg', ['x'], ['out'])) },
        else_branch: { graph: branch(node('Identity', ['x'], ['out'])) },
      }),
    ],
    initializers: [initializer('limit', 'float32', [], Float32Array.of(1.5))],
  },
  'ScatterND into the first row': {
    ...row,
    nodes: [node('ScatterND', ['x', 'places', 'zeros'], ['y'])],
    initializers: [
      initializer('places', 'int64', [1, 1], BigInt64Array.of(0n)),
      initializer('zeros', 'float32', [1, 4], new Float32Array(4)),
    ],
  },
  'GatherND of the first row': {
    ...row,
    nodes: [node('GatherND', ['x', 'places'], ['first']), node('Sub', ['x', 'first'], ['y'])],
    initializers: [initializer('places', 'int64', [1, 1], BigInt64Array.of(0n))],
  },
  'RoiAlign, whose places count pictures': {
    inputs: [x('N', 1, 4, 4), value('boxes', 'float32', ['N', 4]), value('pictures', 'int64', ['N'])],
    outputs: [y('N', 1, 2, 2)],
    nodes: [
      node('RoiAlign', ['x', 'boxes', 'pictures'], ['y'], { output_height: { int: 2 }, output_width: { int: 2 } }),
    ],
    feeds: (caller) => ({
      ...floats(1, 1, 4, 4)(caller),
      boxes: tensor([[0, 0, 3, 3]]),
      pictures: tensor(BigInt64Array.of(0n)),
    }),
  },
  'ConstantOfShape and NonZero, which number the rows': {
    ...row,
    nodes: [
      ...rowsOf,
      node('ConstantOfShape', ['rows 1'], ['ones'], {
        value: { tensor: initializer('v', 'float32', [1], Float32Array.of(1)) },
      }),
      node('CumSum', ['ones', 'scalar 0'], ['numbers']),
      node('Unsqueeze', ['numbers', 'one'], ['column']),
      node('Mul', ['x', 'column'], ['y']),
    ],
    initializers: [...zeros, ints('one', 1)],
  },
  // No trial shows the way that other rows take.
  'an If by what is not known, above what trials come to': {
    ...row,
    nodes: [
      node('CastLike', ['x', 'like'], ['unknown']),
      node('Tanh', ['unknown'], ['small']),
      node('ReduceMax', ['small'], ['most'], { keepdims: { int: 0 } }),
      node('Equal', ['most', 'limit'], ['large']),
      node('If', ['large'], ['y'], {
        then_branch: { graph: branch(node('Neg', ['x'], ['out'])) },
        else_branch: { graph: branch(node('Identity', ['x'], ['out'])) },
      }),
    ],
    initializers: [initializer('limit', 'float32', [], Float32Array.of(0.9)), float('like', 1)],
  },
  'the largest of the rows of what is not known, where no trial comes to': {
    ...row,
    nodes: [
      node('CastLike', ['x', 'like'], ['unknown']),
      node('Sub', ['unknown', 'five'], ['off']),
      node('Abs', ['off'], ['far']),
      node('Less', ['far', 'little'], ['is five']),
      node('Cast', ['is five'], ['number'], { to: { int: 1 } }),
      node('ReduceMax', ['number', '0'], ['any']),
      node('Sub', ['x', 'any'], ['y']),
    ],
    initializers: [float('like', 1), float('five', 5), float('little', 0.1), ints('0', 0)],
    feeds: (caller) => ({ x: tensor([[caller === 1 ? 5 : 1, 2, 3, 4]]) }),
  },
  'DynamicQuantizeLinear of what is not known': {
    ...row,
    nodes: [
      node('CastLike', ['x', 'like'], ['unknown']),
      node('Tanh', ['unknown'], ['small']),
      node('DynamicQuantizeLinear', ['small'], ['q', 's', 'z']),
      node('DequantizeLinear', ['q', 's', 'z'], ['y']),
    ],
    initializers: [float('like', 1)],
  },
  DynamicQuantizeMatMul: {
    ...row,
    nodes: [microsoft('DynamicQuantizeMatMul', ['x', 'w', 's'], ['y'])],
    initializers: [
      initializer(
        'w',
        'int8',
        [4, 4],
        Int8Array.from({ length: 16 }, (_, i) => i * 7 - 50),
      ),
      float('s', 0.1),
    ],
  },
  'a scale for each row': {
    ...row,
    outputs: [value('y', 'uint8', ['N', 4])],
    nodes: [node('QuantizeLinear', ['x', 's'], ['y'], { axis: { int: 0 } })],
    initializers: [float('s', 0.1, 0.2, 0.3)],
    // A scale for three rows is for three rows only.
    feeds: floats(3, 4),
  },
  'BatchNormalization that trains': {
    ...row,
    nodes: [
      node('BatchNormalization', ['x', 'scale', 'bias', 'mean', 'var'], ['y', 'new mean', 'new var'], {
        training_mode: { int: 1 },
      }),
    ],
    initializers: ['scale', 'bias', 'mean', 'var'].map((name) => float(name, 1, 2, 3, 4)),
    // Of one row the variance is 0.
    feeds: floats(2, 4),
    learns: true,
  },
  'rows along the second axis, summed up along that': {
    inputs: [x(4, 'N')],
    outputs: [y(4, 'N')],
    nodes: [node('CumSum', ['x', 'scalar 1'], ['y'])],
    initializers: [scalar('scalar 1', 1)],
    feeds: floats(4, 1),
    batching: { batchAxis: { inputs: { x: 1 }, outputs: { y: 1 } } },
  },
  'a matrix with its transpose, by Einsum': {
    ...row,
    nodes: [node('Einsum', ['x', 'x', 'x'], ['y'], { equation: { string: 'ik,jk,jl->il' } })],
  },
};

const apart: Record<string, Strange> = {
  'rows along the second axis, summed up along the first': {
    inputs: [x(4, 'N')],
    outputs: [y(4, 'N')],
    nodes: [node('CumSum', ['x', 'scalar 0'], ['y'])],
    initializers: zeros,
    feeds: floats(4, 1),
    batching: { batchAxis: { inputs: { x: 1 }, outputs: { y: 1 } } },
  },
  'a residual beside what was normalised of it': {
    inputs: [x('N', 2, 4)],
    outputs: [y('N', 8)],
    nodes: [
      microsoft('SkipLayerNormalization', ['x', 'x', 'gamma'], ['n', '', '', 'sum']),
      node('Add', ['n', 'sum'], ['both']),
      node('Reshape', ['both', '-1 8'], ['y']),
    ],
    initializers: [float('gamma', 1, 2, 3, 4), ints('-1 8', -1, 8)],
    feeds: floats(1, 2, 4),
  },
  'Resize by the number of rows, of the rows': {
    inputs: [x('N', 1, 4, 4)],
    outputs: [y('N', 1, 8, 4)],
    nodes: [
      ...rowsOf,
      node('Concat', ['rows 1', '1 8 4'], ['sizes'], { axis: { int: 0 } }),
      node('Resize', ['x', '', '', 'sizes'], ['y']),
    ],
    initializers: [...zeros, ints('1 8 4', 1, 8, 4)],
    feeds: floats(1, 1, 4, 4),
  },
  'a loop over rows that stay apart': {
    ...row,
    nodes: [
      node('Loop', ['three', 'yes', 'x'], ['y'], {
        body: { graph: body([node('Add', ['h', 'x'], ['next'])], ['N', 4]) },
      }),
    ],
    initializers: [yes, scalar('three', 3)],
  },
  'rows through a sequence and back': {
    ...row,
    nodes: [
      node('SplitToSequence', ['x'], ['columns'], { axis: { int: 1 } }),
      node('ConcatFromSequence', ['columns'], ['y'], { axis: { int: 1 } }),
    ],
  },
  'RNN, time first': {
    inputs: [x(3, 'N', 2)],
    outputs: [y(1, 'N', 2)],
    nodes: [node('RNN', ['x', 'w', 'w'], ['', 'y'], { hidden_size: { int: 2 } })],
    initializers: [initializer('w', 'float32', [1, 2, 2], randomFloats(4, 3))],
    feeds: floats(3, 1, 2),
    batching: { batchAxis: { inputs: { x: 1 }, outputs: { y: 1 } } },
  },
};

const bytesOf = ({ inputs, outputs, nodes, initializers = [], opset = 21 }: Strange) =>
  model({ inputs, outputs, nodes, initializers }, { opset });

/** What each caller gets alone and, of a model that has seen the shape before, among others. */
async function compare(strange: Strange): Promise<boolean> {
  const bytes = bytesOf(strange);
  const { batchAxis } = (strange.batching ?? {}) as { batchAxis?: object };
  await using alone = await device.loadModel(bytes, { batching: false });
  await using shared = await device.loadModel(bytes, {
    batching: { maxBatchSize: 32, ...(batchAxis && { batchAxis }) },
  });
  const feeds = [0, 1, 2].map(strange.feeds);
  const expected = [];
  for (const one of feeds) expected.push(await alone.run(one));
  for (let round = 0; round < 6; round++) {
    const given = await Promise.all(feeds.map((one) => shared.run(one)));
    for (const [caller, outputs] of strange.learns ? [] : given.entries()) {
      for (const [name, output] of Object.entries(outputs)) expectClose(output, expected[caller]![name]!, `${caller}`);
    }
    await isLearned(shared);
  }
  return isShared(shared, 6 * feeds.length);
}

/** What a model of one shape finds of it; a loop that nothing is found of ends as well. */
async function isLearned(loaded: Model): Promise<void> {
  for (let turn = 0; turn < 400; turn++) {
    const { verdict, shapes } = loaded.batching.finding ?? { verdict: 'mixed', shapes: {} };
    if (verdict !== 'doubtful' || Object.keys(shapes).length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Whether some requests ran together. */
const isShared = (loaded: Model, requests: number) => loaded.stats().batches.count < requests;

function expectClose(given: Tensor, expected: Tensor, caller: string): void {
  expect(given.dims, caller).toEqual(expected.dims);
  if (given.type !== 'float32') expect([...given.data], caller).toEqual([...expected.data]);
  else for (const [i, one] of given.data.entries()) expect(one, caller).toBeCloseTo(Number(expected.data[i]), 4);
}

describe('rows are mixed by', () => {
  test.each(Object.keys(mixing))('%s', async (name) => {
    expect(await compare(mixing[name]!), 'requests ran together').toBe(false);
  });
});

describe('rows stay apart in', () => {
  test.each(Object.keys(apart))('%s', async (name) => {
    expect(await compare(apart[name]!), 'requests ran together').toBe(true);
  });
});

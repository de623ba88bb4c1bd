// Which models share batches: those whose graphs show that rows stay apart, and no others.

import { type Device, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import {
  type Attribute,
  type Dim,
  type ElementType,
  initializer,
  ints,
  model,
  type Node,
  node,
  randomFloats,
  scalar,
  value,
} from '../support/onnx-builder.js';
import { int, list, weightsOf } from '../support/onnx-parts.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

type Nodes = readonly Node[];
interface Options {
  /** Of x; ['N', 4] by default. */
  readonly x?: readonly Dim[];
  readonly type?: ElementType;
  readonly y?: readonly Dim[];
  readonly yType?: ElementType;
  readonly opset?: number;
}

const weights = weightsOf(3);

const constants = [
  ints('zero', 0),
  ints('one', 1),
  ints('two', 2),
  ints('three', 3),
  ints('four', 4),
  ints('0 1 2 3', 0, 1, 2, 3),
  ints('1 2 3 4', 1, 2, 3, 4),
  ints('minus one', -1),
  ints('minus three', -3),
  ints('end', Number.MAX_SAFE_INTEGER),
  ints('0 0', 0, 0),
  ints('0 1', 0, 1),
  ints('0 -1', 0, -1),
  ints('-1 4', -1, 4),
  ints('-1 2', -1, 2),
  ints('-1 8', -1, 8),
  ints('1 2', 1, 2),
  ints('2 1', 2, 1),
  ints('1 -1', 1, -1),
  ints('-1', -1),
  ints('pad columns', 0, 1, 0, 1),
  ints('pad rows', 1, 0, 0, 0),
  scalar('0', 0),
  scalar('1', 1),
  weights('4x3', 4, 3),
  weights('4x4', 4, 4),
  weights('4', 4),
  weights('weight', 1),
  weights('2x4', 2, 4),
  weights('3x2x3', 3, 2, 3),
  weights('1x8x4', 1, 8, 4),
  weights('1x8x2', 1, 8, 2),
  initializer('scale', 'float32', [], Float32Array.of(0.1)),
  initializer('zero point', 'uint8', [], Uint8Array.of(3)),
  initializer('yes', 'bool', [], Uint8Array.of(1)),
  initializer('1 1 2 2', 'float32', [4], Float32Array.of(1, 1, 2, 2)),
  initializer('2 1 1 1', 'float32', [4], Float32Array.of(2, 1, 1, 1)),
  initializer('filter', 'float32', [3, 2, 3, 3], randomFloats(54, 5)),
  initializer('depth', 'int64', [], BigInt64Array.of(5n)),
  initializer('off on', 'float32', [2], Float32Array.of(0, 1)),
];

function of(
  nodes: Nodes,
  { x = ['N', 4], type = 'float32', y = ['N', null], yType = 'float32', opset = 21 }: Options = {},
) {
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  return model(
    {
      inputs: [value('x', type, x)],
      outputs: [value('y', yType, y)],
      nodes,
      initializers: constants.filter(({ name }) => used.has(name)),
    },
    { opset },
  );
}

const one = (op: string, inputs: readonly string[] = ['x'], attributes: Record<string, Attribute> = {}) => [
  node(op, inputs, ['y'], attributes),
];
const picture: Options = { x: ['N', 2, 6, 6], y: ['N', null, null, null] };
const rank3: Options = { x: ['N', 2, 4], y: ['N', null, null] };

const flat: Options = { y: ['N'] };

/** r = 0, 1, 2, ... for the rows, as exporters number them for masks. */
const numbers: Nodes = [
  node('Shape', ['x'], ['s']),
  node('Gather', ['s', '0'], ['n']),
  node('Range', ['0', 'n', '1'], ['r']),
];

/** Elements of x without its axes, picked at the row's number times `step`, plus `offsets`. */
const ownElements = (step: string, offsets: string): Nodes => [
  ...numbers,
  node('Unsqueeze', ['r', 'one'], ['r1']),
  node('Mul', ['r1', step], ['from']),
  node('Add', ['from', offsets], ['i']),
  node('Reshape', ['x', '-1'], ['all']),
  node('Gather', ['all', 'i'], ['y']),
];

/** Two columns of x, by GatherND with the row's number, in the first place of an index or in the second. */
const rowsByNumber = (second = false): Nodes => [
  ...numbers,
  node('Unsqueeze', ['r', '1 2'], ['r3']),
  node('Unsqueeze', ['n', 'zero'], ['n1']),
  node('Concat', ['n1', '2 1'], ['shape'], { axis: int(0) }),
  node('Expand', ['r3', 'shape'], ['rows']),
  node('Unsqueeze', ['0 1', '0 -1'], ['columns']),
  node('Expand', ['columns', 'shape'], ['own']),
  node('Concat', second ? ['own', 'rows'] : ['rows', 'own'], ['i'], { axis: int(-1) }),
  node('GatherND', ['x', 'i'], ['y']),
];

const apart: readonly [string, Nodes, Options?][] = [
  ['Relu', one('Relu')],
  ['elements picked by the number of the row', ownElements('four', '0 1 2 3')],
  ['some of them', ownElements('four', '1 2')],
  ['rows picked by their number', [...numbers, node('Gather', ['x', 'r'], ['y'])]],
  ['GatherND by the number of the row', rowsByNumber()],
  ['Add of a constant for each column', one('Add', ['x', '4'])],
  ['Mul with itself', one('Mul', ['x', 'x'])],
  ['Clip', one('Clip', ['x', '', 'scale'])],
  ['MatMul with weights', one('MatMul', ['x', '4x3'])],
  ['Gemm with weights, turned', one('Gemm', ['x', '2x4'], { transB: int(1) })],
  ['ReduceMean over columns', one('ReduceMean', ['x', 'one'])],
  ['ReduceSum over the last axis', one('ReduceSum', ['x', 'minus one'])],
  ['Softmax', one('Softmax')],
  ['Softmax before opset 13', one('Softmax', ['x'], { axis: int(1) }), { opset: 12 }],
  ['LayerNormalization', one('LayerNormalization', ['x', '4', '4'])],
  ['TopK', [node('TopK', ['x', 'two'], ['y', 'places'])]],
  ['ArgMax over columns', one('ArgMax', ['x'], { axis: int(1) }), { yType: 'int64' }],
  ['CumSum over columns', one('CumSum', ['x', '1'])],
  ['Slice of columns', one('Slice', ['x', 'one', 'end', 'one'])],
  ['Gather of columns', one('Gather', ['x', '0 1'], { axis: int(1) })],
  ['Concat of columns', one('Concat', ['x', 'x'], { axis: int(1) })],
  ['Pad of columns', one('Pad', ['x', 'pad columns'])],
  ['Tile of columns', one('Tile', ['x', '1 2'])],
  ['Split of columns', [node('Split', ['x'], ['y', 'rest'], { axis: int(1), num_outputs: int(2) })]],
  ['Lookup of embeddings', one('Gather', ['4x3', 'x']), { type: 'int64', y: ['N', null, null] }],
  ['OneHot', one('OneHot', ['x', 'depth', 'off on']), { type: 'int64', y: ['N', null, null] }],
  ['Dropout', one('Dropout')],
  ['QuantizeLinear', one('QuantizeLinear', ['x', 'scale', 'zero point']), { yType: 'uint8' }],
  ['Transpose and back', [node('Transpose', ['x'], ['t']), node('Transpose', ['t'], ['y'])]],
  [
    'columns times a matrix',
    [node('Transpose', ['x'], ['t']), node('MatMul', ['2x4', 't'], ['m']), node('Transpose', ['m'], ['y'])],
  ],
  ['Reshape that keeps the batch', one('Reshape', ['x', '0 -1']), { ...rank3, y: ['N', null] }],
  ['Reshape with the batch as what is left', one('Reshape', ['x', '-1 8']), { ...rank3, y: ['N', null] }],
  [
    'fold, MatMul, unfold',
    [
      node('Shape', ['x'], ['dims']),
      node('Slice', ['dims', 'zero', 'two'], ['first two']),
      node('Concat', ['first two', 'minus one'], ['target'], { axis: int(0) }),
      node('Reshape', ['x', '-1 4'], ['folded']),
      node('MatMul', ['folded', '4x3'], ['product']),
      node('Reshape', ['product', 'target'], ['y']),
    ],
    { ...rank3, x: ['N', 'T', 4] },
  ],
  [
    'view by the batch, as PyTorch exports it',
    [
      node('Shape', ['x'], ['dims']),
      node('Gather', ['dims', '0'], ['rows']),
      node('Unsqueeze', ['rows', 'zero'], ['rows1']),
      node('Concat', ['rows1', 'minus one'], ['target'], { axis: int(0) }),
      node('Reshape', ['x', 'target'], ['y']),
    ],
    { ...rank3, y: ['N', null] },
  ],
  [
    'a state of zeros for each row',
    [node('Shape', ['x'], ['dims']), node('ConstantOfShape', ['dims'], ['zeros']), node('Add', ['x', 'zeros'], ['y'])],
  ],
  [
    'Expand of a constant to the rows',
    [node('Shape', ['x'], ['dims']), node('Expand', ['weight', 'dims'], ['w']), node('Mul', ['x', 'w'], ['y'])],
  ],
  ['Conv', one('Conv', ['x', 'filter'], { pads: list(1, 1, 1, 1) }), picture],
  ['MaxPool', one('MaxPool', ['x'], { kernel_shape: list(2, 2) }), picture],
  [
    'GlobalAveragePool and Flatten',
    [node('GlobalAveragePool', ['x'], ['p']), node('Flatten', ['p'], ['y'])],
    { ...picture, y: ['N', 2] },
  ],
  ['Resize of pictures', one('Resize', ['x', '', '1 1 2 2']), picture],
  [
    'batched MatMul',
    [node('Transpose', ['x'], ['t'], { perm: list(0, 2, 1) }), node('MatMul', ['x', 't'], ['y'])],
    rank3,
  ],
  ['CastLike', [node('CastLike', ['x', 'zero'], ['i']), node('CastLike', ['i', 'x'], ['y'])]],
  ['Einsum with dots', one('Einsum', ['x', 'x'], { equation: { string: '...ik, ...jk -> ...ij' } }), rank3],
  ['Einsum without a result', one('Einsum', ['x'], { equation: { string: '...i' } })],
  ['Einsum by rows', one('Einsum', ['x', 'x'], { equation: { string: 'bik,bjk->bij' } }), rank3],
  [
    'LSTM, time first',
    [
      node('Transpose', ['x'], ['t'], { perm: list(1, 0, 2) }),
      node('LSTM', ['t', '1x8x4', '1x8x2'], ['', 'h'], { hidden_size: int(2) }),
      node('Squeeze', ['h', 'zero'], ['y']),
    ],
    { ...rank3, y: ['N', 2] },
  ],
];

const mixing: readonly [string, Nodes, RegExp, Options?][] = [
  ['ReduceMean over rows', one('ReduceMean', ['x', 'zero']), /fixed/, { y: [null, 4] }],
  ['Softmax over rows', one('Softmax', ['x'], { axis: int(0) }), /Softmax .* along the batch/],
  ['Softmax over all, before opset 13', one('Softmax', ['x'], { axis: int(0) }), /Softmax/, { opset: 12 }],
  ['ArgMax, whose default is the leading axis', one('ArgMax'), /fixed/, { yType: 'int64', y: [null, 4] }],
  ['TopK of rows', [node('TopK', ['x', 'one'], ['y', 'places'], { axis: int(0) })], /TopK/],
  ['CumSum over rows', one('CumSum', ['x', '0']), /CumSum/],
  ['x times its transpose', [node('Transpose', ['x'], ['t']), node('MatMul', ['x', 't'], ['y'])], /MatMul/],
  [
    'the transpose of x times x',
    [node('Transpose', ['x'], ['t']), node('MatMul', ['t', 'x'], ['y'])],
    /fixed/,
    { y: [4, 4] },
  ],
  [
    'subtracting the mean of the batch',
    [node('ReduceMean', ['x', 'zero'], ['m']), node('Sub', ['x', 'm'], ['y'])],
    /ReduceMean/,
  ],
  [
    'the first row for all',
    [node('Slice', ['x', 'zero', 'one', 'zero'], ['f']), node('Sub', ['x', 'f'], ['y'])],
    /Slice/,
  ],
  ['a row picked for all', [node('Gather', ['x', 'zero'], ['f']), node('Sub', ['x', 'f'], ['y'])], /Gather/],
  ['rows behind each other', one('Concat', ['x', 'x'], { axis: int(0) }), /Concat/],
  ['rows added', one('Pad', ['x', 'pad rows']), /Pad/],
  ['rows repeated', one('Tile', ['x', '2 1']), /Tile/],
  [
    'the number of rows',
    [
      node('Shape', ['x'], ['s']),
      node('Cast', ['s'], ['f'], { to: int(1) }),
      node('Slice', ['f', 'zero', 'one', 'zero'], ['n']),
      node('Div', ['x', 'n'], ['y']),
    ],
    /number of rows/,
  ],
  [
    'positions of rows',
    [
      node('Shape', ['x'], ['s']),
      node('Gather', ['s', '0'], ['n']),
      node('Range', ['0', 'n', '1'], ['r']),
      node('Unsqueeze', ['r', 'one'], ['r1']),
      node('Cast', ['r1'], ['f'], { to: int(1) }),
      node('Add', ['x', 'f'], ['y']),
    ],
    /numbers of the rows/,
  ],
  [
    'elements picked by the number of the row, of a constant',
    [...numbers, node('Gather', ['4', 'r'], ['y'])],
    /Gather/,
    flat,
  ],
  ['elements of the next row', ownElements('four', '1 2 3 4'), /Gather/],
  ['elements picked with a wrong step', ownElements('three', '0 1 2 3'), /Gather/],
  [
    'rows picked by twice their number',
    [...numbers, node('Mul', ['r', 'two'], ['i']), node('Gather', ['x', 'i'], ['y'])],
    /Gather/,
  ],
  [
    'numbers of rows that come out',
    numbers.with(-1, node('Range', ['0', 'n', '1'], ['y'])),
    /numbers/,
    { ...flat, yType: 'int64' },
  ],
  [
    'sums of numbers of rows',
    [...numbers, node('CumSum', ['r', '0'], ['i']), node('Gather', ['x', 'i'], ['y'])],
    /CumSum/,
  ],
  [
    'numbers of rows turned round',
    [...numbers, node('Sub', ['n', 'r'], ['i']), node('Gather', ['x', 'i'], ['y'])],
    /Sub/,
  ],
  ['GatherND with a number of rows in the second place', rowsByNumber(true), /Concat/],
  [
    'DynamicQuantizeLinear',
    [node('DynamicQuantizeLinear', ['x'], ['q', 's', 'z']), node('DequantizeLinear', ['q', 's', 'z'], ['y'])],
    /DynamicQuantizeLinear/,
  ],
  [
    'Unique',
    [node('Unique', ['x'], ['u', '', 'inverse', ''], { axis: int(0) }), node('Gather', ['u', 'inverse'], ['y'])],
    /Unique/,
  ],
  ['NonZero', [node('NonZero', ['x'], ['y'])], /fixed/, { yType: 'int64', y: [null, null] }],
  ['Dropout in training', one('Dropout', ['x', 'scale', 'yes']), /training/],
  ['random numbers', [node('RandomNormalLike', ['x'], ['r']), node('Add', ['x', 'r'], ['y'])], /random/],
  [
    'LSTM over rows as over time',
    [node('LSTM', ['x', '1x8x4', '1x8x2'], ['h3'], { hidden_size: int(2) }), node('Squeeze', ['h3', 'one'], ['y'])],
    /LSTM/,
    rank3,
  ],
  [
    'batch folded into pictures',
    [node('Reshape', ['x', '1 -1'], ['r']), node('Softmax', ['r'], ['s']), node('Reshape', ['s', '-1 4'], ['y'])],
    /Softmax/,
  ],
  ['Transpose of what comes out', one('Transpose'), /axis 1/, { x: ['N', 'M'], y: [null, null] }],
  ['a constant', [node('Identity', ['4x4'], ['y'])], /fixed/],
  [
    'MaxPool with places',
    [node('MaxPool', ['x'], ['p', 'y'], { kernel_shape: list(2, 2) })],
    /MaxPool/,
    { ...picture, yType: 'int64' },
  ],
  ['Resize of the batch', one('Resize', ['x', '', '2 1 1 1']), /Resize/, picture],
  [
    'Squeeze of everything',
    [node('Squeeze', ['x'], ['s']), node('Softmax', ['s'], ['y'], { axis: int(0) })],
    /Squeeze/,
  ],
  [
    'Einsum without a result, over rows',
    one('Einsum', ['x', 'x'], { equation: { string: 'bik,cik' } }),
    /Einsum/,
    { ...rank3, y: ['N', null] },
  ],
  [
    'Einsum with dots, over rows',
    one('Einsum', ['x', 'x'], { equation: { string: 'ik,...k->i...' } }),
    /Einsum/,
    { y: ['N', null] },
  ],
  [
    'CastLike, and a sum of rows',
    [node('CastLike', ['x', 'zero'], ['i']), node('CumSum', ['i', '0'], ['s']), node('CastLike', ['s', 'x'], ['y'])],
    /CumSum/,
  ],
  [
    'Einsum over rows',
    one('Einsum', ['x', 'x'], { equation: { string: 'bik,cik->bc' } }),
    /Einsum/,
    { ...rank3, y: ['N', null] },
  ],
];

/** What is claimed of constants that are computed with, where a claim may be wrong. */
const claimed: readonly [string, Nodes][] = [
  [
    'integers of two axes that two of one make',
    [
      node('Unsqueeze', ['0 1 2 3', 'zero'], ['row']),
      node('Unsqueeze', ['0 1 2 3', 'one'], ['column']),
      node('Add', ['row', 'column'], ['sums']),
      node('Cast', ['sums'], ['f'], { to: int(1) }),
      node('Add', ['x', 'f'], ['y']),
    ],
  ],
  [
    'a product that is negative',
    [
      node('Shape', ['x'], ['s']),
      node('Gather', ['s', 'zero'], ['n']),
      node('Mul', ['n', 'minus one'], ['minus n']),
      node('Equal', ['minus n', 'minus three'], ['are three']),
      node('Where', ['are three', 'two', 'one'], ['i']),
      node('Cast', ['i'], ['f'], { to: int(1) }),
      node('Mul', ['x', 'f'], ['y']),
    ],
  ],
  [
    'a number of rows that a narrow type does not hold',
    [
      node('Shape', ['x'], ['s']),
      node('Cast', ['s'], ['narrow'], { to: int(3) }),
      node('Cast', ['narrow'], ['dims'], { to: int(7) }),
      node('Reshape', ['x', 'dims'], ['y']),
    ],
  ],
];

const load = async (nodes: Nodes, options?: Options) => device.loadModel(of(nodes, options));

describe('rows stay apart in', () => {
  test.each(apart)('%s', async (_, nodes, options) => {
    await using loaded = await load(nodes, options);
    expect(loaded.batching).toMatchObject({ enabled: true, finding: { verdict: 'independent' } });
  });
});

describe('rows are mixed by', () => {
  test.each(mixing)('%s', async (_, nodes, reason, options) => {
    await using loaded = await load(nodes, options);
    expect(loaded.batching.enabled, JSON.stringify(loaded.batching)).toBe(false);
    expect(loaded.batching.reason).toMatch(reason);
    // By its declared shape alone, or else with what helps where the user knows better.
    expect(loaded.batching.reason).toMatch(/fixed|independentRows/);
  });
});

describe('rows are not taken to be independent for', () => {
  test.each(claimed)('%s', async (_, nodes) => {
    await using loaded = await load(nodes);
    expect(loaded.batching.finding?.verdict).not.toBe('independent');
  });
});

test('the user may say that rows are independent', async () => {
  const bytes = of(one('CumSum', ['x', '0']));
  await using loaded = await device.loadModel(bytes, { batching: { independentRows: true } });
  expect(loaded.batching.enabled).toBe(true);
});

test('batches that are asked for do not make rows independent', async () => {
  await using loaded = await device.loadModel(of(one('CumSum', ['x', '0'])), { batching: { maxBatchSize: 4 } });
  expect(loaded.batching.enabled).toBe(false);
  const [a, b] = await Promise.all([loaded.run({ x: row(1) }), loaded.run({ x: row(2) })]);
  expect([a!.y!.data, b!.y!.data]).toEqual([row(1).data, row(2).data]);
});

const row = (value: number): Tensor<'float32'> => tensor(new Float32Array(4).fill(value), [1, 4]);

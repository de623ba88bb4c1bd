// Random graphs, of steps that keep rows apart and of steps that mix them: one that mixes is never batched, whatever is around it;
// of the others all are, and everybody gets in a batch what he gets alone.

import fc from 'fast-check';
import { type Device, open, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { emulated, testDevice } from '../support/device.js';
import {
  type Attribute,
  initializer,
  ints,
  model,
  type Node,
  node,
  randomFloats,
  value,
} from '../support/onnx-builder.js';
import { int, list, weightsOf } from '../support/onnx-parts.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

/** A step takes [N, 2, 4] and gives the same. `t` names a value of its own. */
type Step = (x: string, y: string, t: (name: string) => string) => Node[];

const one =
  (op: string, others: readonly string[] = [], attributes: Record<string, Attribute> = {}): Step =>
  (x, y) => [node(op, [x, ...others], [y], attributes)];

/** x less what comes of it, broadcast. */
const less =
  (op: string, others: readonly string[] = [], attributes: Record<string, Attribute> = {}): Step =>
  (x, y, t) => [node(op, [x, ...others], [t('part')], attributes), node('Sub', [x, t('part')], [y])];

/** A step between a change of places and the way back. */
const turned =
  (perm: readonly number[], back: readonly number[], middle: Step): Step =>
  (x, y, t) => [
    node('Transpose', [x], [t('turned')], { perm: list(...perm) }),
    ...middle(t('turned'), t('done'), (name) => t(`inner ${name}`)),
    node('Transpose', [t('done')], [y], { perm: list(...back) }),
  ];

const reshaped =
  (to: string, middle: Step): Step =>
  (x, y, t) => [
    node('Reshape', [x, to], [t('folded')]),
    ...middle(t('folded'), t('done'), (name) => t(`inner ${name}`)),
    node('Reshape', [t('done'), '-1 2 4'], [y]),
  ];

/** Elements picked out of all of them, `every` a row, as exporters pick those of a mask. */
const picked =
  (every: string, from: string): Step =>
  (x, y, t) => [
    node('Shape', [x], [t('dims')]),
    node('Gather', [t('dims'), 'scalar 0'], [t('rows')]),
    node('Range', ['scalar 0', t('rows'), 'scalar 1'], [t('numbers')]),
    node('Unsqueeze', [t('numbers'), '1'], [t('column')]),
    node('Mul', [t('column'), every], [t('begin')]),
    node('Add', [t('begin'), from], [t('places')]),
    node('Reshape', [x, '-1'], [t('all')]),
    node('Gather', [t('all'), t('places')], [t('own')]),
    node('Reshape', [t('own'), '-1 2 4'], [y]),
  ];

const apart: Record<string, Step> = {
  'own elements by number': picked('8 of', '0 to 7'),
  relu: one('Relu'),
  'add of a row': one('Add', ['4']),
  'mul by a column': one('Mul', ['2x1']),
  'matmul with weights': one('MatMul', ['4x4']),
  'softmax of the last axis': one('Softmax'),
  'softmax of the middle axis': one('Softmax', [], { axis: int(1) }),
  'less the mean of the last axis': less('ReduceMean', ['2']),
  'less the largest of both': less('ReduceMax', ['1 2']),
  'layer normalization': one('LayerNormalization', ['4', '4']),
  'layer normalization of both': one('LayerNormalization', ['2x4'], { axis: int(1) }),
  'cumulated last axis': one('CumSum', ['scalar 2']),
  'sorted last axis': (x, y, t) => [node('TopK', [x, '4 of'], [y, t('places')])],
  'halves swapped': (x, y, t) => [
    node('Split', [x], [t('a'), t('b')], { axis: int(2), num_outputs: int(2) }),
    node('Concat', [t('b'), t('a')], [y], { axis: int(2) }),
  ],
  'middle axis permuted': one('Gather', ['1 0'], { axis: int(1) }),
  'features first, softmax of the last': turned([1, 0, 2], [1, 0, 2], one('Softmax')),
  'features first, cumulated': turned([2, 1, 0], [2, 1, 0], one('CumSum', ['scalar 0'])),
  'folded matmul': reshaped('-1 4', one('MatMul', ['4x4'])),
  'folded layer normalization': reshaped('-1 4', one('LayerNormalization', ['4'])),
  'flat gemm': reshaped('0 8', one('Gemm', ['8x8'])),
  'features first and folded': turned([1, 0, 2], [1, 0, 2], (x, y, t) => [
    node('Shape', [x], [t('dims')]),
    node('Reshape', [x, '-1 4'], [t('f')]),
    node('MatMul', [t('f'), '4x4'], [t('m')]),
    node('Reshape', [t('m'), t('dims')], [y]),
  ]),
  attention: (x, y, t) => [
    node('Transpose', [x], [t('keys')], { perm: list(0, 2, 1) }),
    node('MatMul', [x, t('keys')], [t('scores')]),
    node('Softmax', [t('scores')], [t('weights')]),
    node('MatMul', [t('weights'), x], [y]),
  ],
  choice: (x, y, t) => [node('Greater', [x, 'half'], [t('mask')]), node('Where', [t('mask'), x, '4'], [y])],
  padding: (x, y, t) => [node('Pad', [x, 'pads'], [t('wide')]), node('Slice', [t('wide'), '1', '3 of', '1'], [y])],
  convolution: one('Conv', ['filter'], { pads: list(1, 1) }),
  'by the number of rows': (x, y, t) => [
    node('Shape', [x], [t('dims')]),
    node('Slice', [t('dims'), '0', '1', '0'], [t('rows')]),
    node('Concat', [t('rows'), '8 of'], [t('target')], { axis: int(0) }),
    node('Reshape', [x, t('target')], [t('flat')]),
    node('Reshape', [t('flat'), '0 2 4'], [y]),
  ],
  'zeros like it': (x, y, t) => [
    node('Shape', [x], [t('dims')]),
    node('Expand', ['half', t('dims')], [t('all')]),
    node('Add', [x, t('all')], [y]),
  ],
};

const mixing: Record<string, Step> = {
  'elements by half the number': picked('4 of', '0 to 7'),
  'softmax of rows': one('Softmax', [], { axis: int(0) }),
  'less the mean of rows': less('ReduceMean', ['0']),
  'less the largest of all': less('ReduceMax'),
  'cumulated rows': one('CumSum', ['scalar 0']),
  'normalized over all': one('LayerNormalization', ['2x4'], { axis: int(0) }),
  'features first, softmax of the middle': turned([1, 0, 2], [1, 0, 2], one('Softmax', [], { axis: int(1) })),
  'folded softmax': reshaped('-1 4', one('Softmax', [], { axis: int(0) })),
  'flat softmax': reshaped('1 -1', one('Softmax')),
  'the first row for all': less('Slice', ['0', '1', '0']),
  'one row picked': less('Gather', ['0'], { axis: int(0) }),
  'rows turned around': one('Slice', ['-1', 'least', '0', '-1']),
  'the next row': (x, y, t) => [
    node('Slice', [x, '1', 'most', '0'], [t('rest')]),
    node('Slice', [x, '0', '1', '0'], [t('first')]),
    node('Concat', [t('rest'), t('first')], [y], { axis: int(0) }),
  ],
  quantised: (x, y, t) => [
    node('DynamicQuantizeLinear', [x], [t('q'), t('s'), t('z')]),
    node('DequantizeLinear', [t('q'), t('s'), t('z')], [y]),
  ],
  'by how many rows': (x, y, t) => [
    node('Shape', [x], [t('dims')]),
    node('Gather', [t('dims'), '0'], [t('rows')]),
    node('Cast', [t('rows')], [t('number')], { to: int(1) }),
    node('Mul', [x, t('number')], [y]),
  ],
  'by its place': (x, y, t) => [
    node('Shape', [x], [t('dims')]),
    node('Gather', [t('dims'), 'scalar 0'], [t('rows')]),
    node('Range', ['scalar 0', t('rows'), 'scalar 1'], [t('places')]),
    node('Cast', [t('places')], [t('numbers')], { to: int(1) }),
    node('Unsqueeze', [t('numbers'), '1 2'], [t('column')]),
    node('Add', [x, t('column')], [y]),
  ],
  gram: reshaped('-1 4', (x, y, t) => [
    node('Transpose', [x], [t('t')]),
    node('MatMul', [t('t'), x], [t('gram')]),
    node('MatMul', [x, t('gram')], [y]),
  ]),
  'the largest row': (x, y, t) => [
    node('TopK', [x, '1'], [t('top'), t('places')], { axis: int(0) }),
    node('Sub', [x, t('top')], [y]),
  ],
};
const floats = weightsOf(11);
const constants = [
  ints('0', 0),
  ints('1', 1),
  ints('2', 2),
  ints('-1', -1),
  ints('4 of', 4),
  ints('3 of', 3),
  ints('8 of', 8),
  ints('0 to 7', 0, 1, 2, 3, 4, 5, 6, 7),
  ints('1 0', 1, 0),
  ints('1 2', 1, 2),
  ints('1 -1', 1, -1),
  ints('-1 4', -1, 4),
  ints('0 8', 0, 8),
  ints('0 2 4', 0, 2, 4),
  ints('-1 2 4', -1, 2, 4),
  ints('pads', 0, 1, 0, 0, 1, 0),
  ints('most', 2n ** 62n),
  ints('least', -(2n ** 62n)),
  ...[0, 1, 2].map((n) => initializer(`scalar ${n}`, 'int64', [], BigInt64Array.of(BigInt(n)))),
  initializer('half', 'float32', [], Float32Array.of(0.5)),
  floats('4', 4),
  floats('2x1', 2, 1),
  floats('2x4', 2, 4),
  floats('4x4', 4, 4),
  floats('8x8', 8, 8),
  floats('filter', 2, 2, 3),
];

function graphOf(steps: readonly Step[]): Uint8Array {
  const nodes = steps.flatMap((step, i) =>
    step(i === 0 ? 'x' : `h${i}`, i === steps.length - 1 ? 'y' : `h${i + 1}`, (name) => `${i} ${name}`),
  );
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  return model({
    inputs: [value('x', 'float32', ['N', 2, 4])],
    outputs: [value('y', 'float32', ['N', 2, 4])],
    nodes,
    initializers: constants.filter(({ name }) => used.has(name)),
  });
}

const rows = [1, 2, 3].map((seed) => tensor(randomFloats(8, seed * 7, 3), [1, 2, 4]));
const everything = { ...apart, ...mixing };

test.each(Object.keys(everything))('%s, alone', async (name) => {
  await using loaded = await device.loadModel(graphOf([everything[name]!]));
  expect(loaded.batching.enabled, loaded.batching.reason).toBe(name in apart);
});

test('in any order', async () => {
  const names = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...Object.keys(apart)) },
    { weight: 1, arbitrary: fc.constantFrom(...Object.keys(mixing)) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(names, { minLength: 1, maxLength: 6 }), async (chain) => {
      const bytes = graphOf(chain.map((name) => everything[name]!));
      await using loaded = await device.loadModel(bytes);
      const isApart = chain.every((name) => name in apart);
      expect(loaded.batching.enabled, `${chain.join(', ')}: ${loaded.batching.reason}`).toBe(isApart);
      await using alone = await device.loadModel(bytes, { batching: false });
      const together = await Promise.all(rows.map((x) => loaded.run({ x })));
      for (const [i, { y }] of together.entries()) {
        expectClose(y as Tensor<'float32'>, (await alone.run({ x: rows[i]! })).y as Tensor<'float32'>, chain);
      }
      expect(loaded.stats().batches.count, 'batches').toBe(isApart ? 1 : 3);
    }),
    { numRuns: emulated ? 40 : 120 }, // what follows from a graph does not know of the device
  );
});

function expectClose(given: Tensor<'float32'>, expected: Tensor<'float32'>, chain: readonly string[]): void {
  const scale = expected.data.reduce((most, one) => Math.max(most, Math.abs(one)), 1);
  const off = given.data.reduce((most, one, i) => Math.max(most, Math.abs(one - expected.data[i]!)), 0);
  expect(off / scale, `off by ${off} after ${chain.join(', ')}`).toBeLessThan(1e-4);
}

// Operators whose kernels use dimensions, elements or sizes without a look at whether they are there: ONNX Runtime ends the process, or a
// run never does. What leads to it is refused; what is right beside it runs.

import { type Device, open, type Tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../support/errors.js';
import { type Attribute, model, node, value } from '../support/onnx-builder.js';
import { elementsOf, int, list, text } from '../support/onnx-parts.js';

let device: Device;
beforeAll(async () => {
  device = await open('cpu');
});
afterAll(() => device.dispose());

type Type = 'float32' | 'uint8' | 'int8' | 'int32' | 'int64' | 'bool';
const arrays = {
  float32: Float32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int32: Int32Array,
  bool: Uint8Array,
  int64: BigInt64Array,
};
const letters: Record<string, Type> = { f: 'float32', u: 'uint8', s: 'int8', w: 'int32', i: 'int64', b: 'bool' };

interface Operator {
  readonly op: string;
  readonly domain?: string;
  readonly attributes?: Record<string, Attribute>;
  /** The type of each input, a letter each; '-' where it is left out. */
  readonly takes: string;
  /** How many outputs; 1 where it is not said. */
  readonly gives?: number;
  readonly right: readonly number[][];
  /** By what is wrong of them: the dims of all inputs. */
  readonly wrong: readonly number[][][];
}

const ms = 'com.microsoft';
const scalars = (count: number): number[][] => Array.from({ length: count }, () => []);

const operators: readonly Operator[] = [
  {
    op: 'Conv',
    takes: 'ff',
    right: [
      [1, 2, 3],
      [4, 2, 1],
    ],
    wrong: [
      [
        [1, 2, 3],
        [4, 2, 0],
      ],
    ],
  },
  {
    op: 'FusedConv',
    domain: ms,
    attributes: { activation: text('Relu') },
    takes: 'ff',
    right: [
      [1, 2, 3, 3],
      [4, 2, 1, 1],
    ],
    wrong: [
      [
        [1, 2, 3, 3],
        [4, 2, 1, 0],
      ],
      [[3], [3]],
    ],
  },
  {
    op: 'ConvTranspose',
    takes: 'ff',
    right: [
      [2, 1, 3],
      [1, 2, 1],
    ],
    wrong: [
      [
        [2, 0, 0],
        [0, 1, 2],
      ],
    ],
  },
  {
    op: 'Dropout',
    takes: 'f-b',
    right: [[2, 3], []],
    wrong: [
      [
        [2, 3],
        [0, 2],
      ],
    ],
  },
  {
    op: 'DFT',
    takes: 'fii',
    right: [[2, 3, 1], [], []],
    wrong: [
      [[2, 3, 1], [0], []],
      [[2, 3, 1], [], [0]],
      [[3], [], []],
    ],
  },
  {
    op: 'Attention',
    attributes: { q_num_heads: int(1), kv_num_heads: int(1) },
    takes: 'fff-ff',
    gives: 3,
    right: [
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
      [1, 1, 2, 3],
      [1, 1, 2, 3],
    ],
    wrong: [
      [
        [1, 2, 3],
        [1, 2, 3],
        [1, 2, 3],
        [1, 2, 3],
        [1, 2, 3],
      ],
    ],
  },
  {
    op: 'MultiHeadAttention',
    domain: ms,
    attributes: { num_heads: int(1) },
    takes: 'fff',
    right: [
      [1, 2, 4],
      [1, 3, 4],
      [1, 3, 4],
    ],
    wrong: [
      [
        [1, 2, 0],
        [1, 3, 0],
        [1, 3, 0],
      ],
      [[2], [2], [2]],
    ],
  },
  {
    op: 'Attention',
    domain: ms,
    attributes: { num_heads: int(1) },
    takes: 'fff',
    right: [[1, 2, 4], [4, 12], [12]],
    wrong: [[[1, 2, 4], [4, 2, 2], [12]]],
  },
  {
    op: 'QAttention',
    domain: ms,
    attributes: { num_heads: int(1) },
    takes: 'usfff-us',
    right: [[1, 2, 4], [4, 12], [12], [], [], [], []],
    wrong: [
      [[0, 2, 4], [4, 12], [12], [], [], [], []],
      [[1, 2, 4], [4, 12], [12], [0], [], [], []],
    ],
  },
  {
    op: 'LinearAttention',
    domain: ms,
    attributes: { q_num_heads: int(1), kv_num_heads: int(1), update_rule: text('linear') },
    takes: 'fff',
    gives: 2,
    right: [
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
    ],
    wrong: [
      [
        [1, 2, 0],
        [1, 2, 0],
        [1, 2, 0],
      ],
    ],
  },
  {
    op: 'EmbedLayerNormalization',
    domain: ms,
    takes: 'w-ff-ff',
    gives: 2,
    right: [[1, 2], [3, 4], [3, 4], [4], [4]],
    wrong: [[[1, 1, 2], [3, 4], [3, 4], [4], [4]]],
  },
  {
    op: 'DynamicQuantizeMatMul',
    domain: ms,
    takes: 'fufu',
    right: [[2, 3], [3, 2], [], []],
    wrong: [
      [[1, 1], [1, 1], [2], [1]],
      [[2, 3], [3, 2], [0], []],
      [[2], [2], [2], [1]],
    ],
  },
  {
    op: 'MatMulIntegerToFloat',
    domain: ms,
    takes: 'uuff',
    right: [[2, 3], [3, 2], [], [2]],
    wrong: [
      [[1, 1], [1, 1], [1], [4]],
      [[1, 1], [1, 1], [1, 2, 4], [1]],
      [[2, 3], [3, 2], [], [2, 0]],
    ],
  },
  {
    op: 'QLinearConcat',
    domain: ms,
    attributes: { axis: int(0) },
    takes: 'fuufuufu',
    right: [[], [], [2, 3], [], [], [1, 3], [], []],
    wrong: [
      [[], [], [2, 3], [], [], [1], [], []],
      [[], [0], [2, 3], [], [], [1, 3], [], []],
      [[], [], [2, 3], [0], [], [1, 3], [], []],
    ],
  },
  {
    op: 'QLinearSoftmax',
    domain: ms,
    attributes: { axis: int(0), opset: int(13) },
    takes: 'ufufu',
    right: [[2, 3], ...scalars(4)],
    wrong: [
      [[2, 3], [0], ...scalars(3)],
      [[], ...scalars(4)],
    ],
  },
  {
    op: 'QLinearAveragePool',
    domain: ms,
    attributes: { kernel_shape: list(1, 1), channels_last: int(1) },
    takes: 'ufufu',
    right: [[1, 2, 2, 3], ...scalars(4)],
    wrong: [[[0, 2, 2, 3], ...scalars(4)]],
  },
  {
    op: 'FusedMatMul',
    domain: ms,
    attributes: { transBatchA: int(1) },
    takes: 'ff',
    right: [
      [2, 1, 3],
      [1, 3, 2],
    ],
    wrong: [
      [
        [0, 0, 2],
        [0, 2, 0],
      ],
    ],
  },
  { op: 'Inverse', domain: ms, takes: 'f', right: [[2, 1, 1]], wrong: [[[2, 3]], [[3]], [[1, 3, 0]]] },
  {
    op: 'CropAndResize',
    domain: ms,
    takes: 'ffww',
    right: [[2, 1, 3, 3], [1, 4], [1], [2]],
    wrong: [[[2, 3], [1, 4], [1], [2]]],
  },
  {
    op: 'GridSample',
    domain: ms,
    takes: 'ff',
    right: [
      [1, 1, 2, 2],
      [1, 3, 3, 2],
    ],
    wrong: [[[], []]],
  },
  {
    op: 'FeatureVectorizer',
    domain: 'ai.onnx.ml',
    attributes: { inputdimensions: list(3, 1) },
    takes: 'ff',
    right: [
      [2, 3],
      [2, 1],
    ],
    wrong: [
      [
        [0, 3],
        [0, 1],
      ],
    ],
  },
  {
    op: 'DecoderMaskedMultiHeadAttention',
    domain: ms,
    attributes: { num_heads: int(1) },
    takes: 'fff',
    right: [],
    wrong: [
      [
        [1, 1, 0],
        [1, 1, 0],
        [1, 1, 0],
      ],
    ],
  },
  {
    op: 'RotaryEmbedding',
    domain: ms,
    takes: 'fiff',
    right: [
      [1, 2, 3, 4],
      [1, 3],
      [5, 2],
      [5, 2],
    ],
    wrong: [
      [
        [1, 2, 3, 0],
        [1, 3],
        [5, 2],
        [5, 2],
      ],
    ],
  },
  {
    op: 'SkipSimplifiedLayerNormalization',
    domain: ms,
    takes: 'fff',
    right: [[1, 2, 4], [1, 2, 4], [4]],
    wrong: [[[1, 2, 4], [0, 2, 4], [4]]],
  },
  {
    op: 'QLinearAveragePool',
    domain: ms,
    attributes: { kernel_shape: list(2, 2), channels_last: int(1) },
    takes: 'ufufu',
    right: [[1, 4, 4, 2], ...scalars(4)],
    wrong: [[[1, 1, 4, 2], ...scalars(4)]],
  },
  {
    op: 'QLinearAdd',
    domain: ms,
    takes: 'ufuufufu',
    right: [[2, 3], [], [], [3], ...scalars(4)],
    wrong: [[[2, 0], [], [], [0], ...scalars(4)]],
  },
  {
    op: 'QLinearWhere',
    domain: ms,
    takes: 'bufuufufu',
    right: [[2, 3], [2, 3], [], [], [3], ...scalars(4)],
    wrong: [[[2, 3], [2, 3], [], [], [3], [], [], [0], []]],
  },
  {
    op: 'MoE',
    domain: ms,
    attributes: { activation_type: text('relu'), k: int(1) },
    takes: 'ffffff',
    right: [],
    wrong: [
      [
        [2, 0],
        [2, 3],
        [3, 4, 8],
        [3, 8],
        [3, 8, 4],
        [3, 4],
      ],
    ],
  },
  {
    op: 'AttnLSTM',
    domain: ms,
    attributes: { hidden_size: int(2) },
    takes: 'ffff----ffffw',
    right: [],
    wrong: [[[1], [1], [1], [1], [1], [1], [1], [1], [1]]],
  },
  {
    op: 'DynamicQuantizeLSTM',
    domain: ms,
    attributes: { hidden_size: int(2) },
    takes: 'fss-----fsfs',
    right: [[3, 1, 4], [1, 4, 8], [1, 2, 8], [1], [1], [1], [1]],
    wrong: [
      [[3, 0, 4], [1, 4, 8], [1, 2, 8], [1], [1], [1], [1]],
      [[3], [4, 8], [2, 8], [1], [1], [1], [1]],
    ],
  },
];

const given = (types: readonly Type[], shapes: readonly number[][], names: readonly string[]) =>
  Object.fromEntries(
    names.map((name, i): [string, Tensor] => {
      const type = types[i]!;
      const dims = shapes[i]!;
      const data = new arrays[type](elementsOf(dims));
      (data as Uint8Array).fill((type === 'int64' ? 1n : 1) as number);
      return [name, { type, dims, data } as Tensor];
    }),
  );

describe('what a kernel does not look at', () => {
  test.each(operators)('$domain $op', async ({ op, domain, attributes, takes, gives = 1, right, wrong }) => {
    const names = [...takes].map((letter, i) => (letter === '-' ? '' : `x${i}`));
    const kept = names.filter((name) => name !== '');
    const outputs = Array.from({ length: gives }, (_, i) => (i === 0 ? 'y' : `y${i}`));
    const types = [...takes].filter((letter) => letter !== '-').map((letter) => letters[letter]!);
    const bytes = model(
      {
        nodes: [node(op, names, outputs, attributes, domain)],
        inputs: kept.map((name, i) => value(name, types[i]!, null)),
        outputs: [value('y', /^QLinear/.test(op) ? 'uint8' : 'float32', null)],
      },
      { opset: 23 },
    );
    await using loaded = await device.loadModel(bytes, { batching: false });
    for (const shapes of wrong)
      await expectError(loaded.run(given(types, shapes, kept)), 'ERR_SHAPE', new RegExp(`node ${op} 'y'`));
    if (right.length > 0) expect((await loaded.run(given(types, right, kept))).y!.data.length).toBeGreaterThan(0);
  });

  test.each([
    ['QLinearSigmoid', 'ufuf'],
    ['QLinearLeakyRelu', 'ufuf'],
    ['ConvTransposeWithDynamicPads', 'ff'],
    ['Attention', 'ff'],
  ])('a model is refused whose %s leaves out an input that is read all the same', async (op, takes) => {
    const names = [...takes].map((_, i) => `x${i}`);
    const bytes = model({
      nodes: [node(op, names, ['y'], {}, ms)],
      inputs: names.map((name, i) => value(name, letters[takes[i]!]!, null)),
      outputs: [value('y', letters[takes[0]!]!, null)],
    });
    await expectError(device.loadModel(bytes), 'ERR_MODEL', new RegExp(`node ${op} .* leaves out its input`));
  });
});

// Models whose attributes, constants or bodies would end ONNX Runtime's process: refused as they are loaded, or with the first request that
// leads there.

import { type Device, open, type Tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../support/errors.js';
import {
  type Attribute,
  type Initializer,
  initializer,
  ints,
  model,
  type Node,
  node,
  type Value,
  value,
} from '../support/onnx-builder.js';
import { elementsOf, int, list, ones, real, text } from '../support/onnx-parts.js';

let device: Device;
beforeAll(async () => {
  device = await open('cpu');
});
afterAll(() => device.dispose());

const held = (name: string, ...dims: number[]) => initializer(name, 'float32', dims, ones(...dims).data);

/** Of as many inputs of float32, x0 to x9, as its nodes take. */
function ofFloats(nodes: readonly Node[], initializers: readonly Initializer[] = [], outputs = ['y'], opset = 21) {
  const names = [...new Set(nodes.flatMap((one) => one.inputs))].filter((name) => /^x\d$/.test(name));
  return model(
    {
      nodes,
      inputs: (names.length > 0 ? names : ['x0']).map((name) => value(name, 'float32', null)),
      outputs: outputs.map((name) => value(name, 'float32', null)),
      initializers,
    },
    { opset },
  );
}

const xs = (...shapes: number[][]) => Object.fromEntries(shapes.map((dims, i) => [`x${i}`, ones(...dims)]));

describe('attributes', () => {
  const huge = 2 ** 33;
  const cases: [op: string, inputs: number, attributes: Record<string, Attribute>, says: RegExp, domain?: string][] = [
    ['Attention', 3, { q_num_heads: int(huge), kv_num_heads: int(1) }, /8589934592 as its 'q_num_heads'/],
    ['Attention', 3, { q_num_heads: int(1), kv_num_heads: int(-1) }, /-1 as its 'kv_num_heads'/],
    ['Conv', 2, { group: int(0) }, /0 as its 'group', and takes 1 to/],
    ['ConvTranspose', 2, { group: int(0) }, /0 as its 'group'/],
    ['DepthToSpace', 1, { blocksize: int(huge) }, /'blocksize'/],
    ['SpaceToDepth', 1, { blocksize: int(huge) }, /'blocksize'/],
    ['GatherND', 2, { batch_dims: int(-2) }, /-2 as its 'batch_dims'/],
    ['RoiAlign', 3, { sampling_ratio: int(huge) }, /'sampling_ratio'/],
    ['Split', 1, { num_outputs: int(-7) }, /-7 as its 'num_outputs'/],
    [
      'AveragePool',
      1,
      { kernel_shape: list(2 ** 31), auto_pad: text('SAME_UPPER') },
      /'kernel_shape', and takes no more/,
    ],
    ['AveragePool', 1, { kernel_shape: list(2 ** 20, 2 ** 20) }, /'kernel_shape', and takes no more/],
    ['MaxPool', 1, { kernel_shape: list(2 ** 31) }, /'kernel_shape'/],
    ['RandomNormal', 0, { shape: list(2), scale: real(-1) }, /-1.0* as its 'scale', and takes more than 0/],
    ['RandomNormal', 0, { shape: list(2), scale: real(0) }, /as its 'scale'/],
    ['RandomNormalLike', 1, { scale: real(Number.NaN) }, /as its 'scale'/],
    ['RandomUniform', 0, { shape: list(2), low: real(2) }, /as its 'low' and 1.0* as its 'high'/],
    ['RandomUniformLike', 1, { high: real(Number.NaN) }, /as its 'high'/],
    [
      'TfIdfVectorizer',
      1,
      {
        mode: text('TF'),
        min_gram_length: int(1),
        max_gram_length: int(1),
        max_skip_count: int(0),
        ngram_counts: list(0),
        ngram_indexes: list(0, 1),
        pool_int64s: list(1, 2, 3),
      },
      /2 numbers as its 'ngram_indexes', and takes 3/,
    ],
    ['FeatureVectorizer', 2, { inputdimensions: list(3, -2) }, /-2 as its 'inputdimensions'/, 'ai.onnx.ml'],
  ];
  test.each(cases)('%s of %d inputs: %o', async (op, inputs, attributes, says, domain) => {
    const names = Array.from({ length: inputs }, (_, i) => `x${i}`);
    const bad = node(op, names, ['y'], attributes, domain);
    await expectError(device.loadModel(ofFloats([bad], [], ['y'], 23)), 'ERR_MODEL', new RegExp(`node ${op} 'y'`));
    await expectError(device.loadModel(ofFloats([bad], [], ['y'], 23)), 'ERR_MODEL', says);
  });

  test('more outputs of a Split than parts', async () => {
    const split = node('Split', ['w'], ['y', 'z'], { num_outputs: int(1) });
    await expectError(
      device.loadModel(ofFloats([split], [held('w', 4)])),
      'ERR_MODEL',
      /node Split 'y' has 2 outputs, and 1 as its 'num_outputs'/,
    );
  });

  test.each(['Max', 'Min', 'Sum', 'Mean', 'Concat', 'Einsum'])('an input of %s that is left out', async (op) => {
    const bytes = ofFloats([node(op, ['x0', '', 'x1'], ['y'])]);
    await expectError(device.loadModel(bytes), 'ERR_MODEL', new RegExp(`node ${op} 'y' leaves out its input 1`));
  });

  test('what is right beside them runs', async () => {
    const nodes = [
      node('RandomNormalLike', ['x0'], ['a'], { scale: real(1e-30) }),
      node('RandomUniformLike', ['x0'], ['b'], { low: real(1), high: real(1) }),
      node('AveragePool', ['x0'], ['c'], { kernel_shape: list(2, 2) }),
      node('DepthToSpace', ['x0'], ['d'], { blocksize: int(2) }),
      node('Split', ['x0'], ['e', 'f'], { axis: int(1), num_outputs: int(2) }),
    ];
    await using loaded = await device.loadModel(ofFloats(nodes, [], ['a', 'b', 'c', 'd', 'e', 'f']), {
      batching: false,
    });
    const outputs = await loaded.run(xs([1, 4, 2, 2]));
    expect(Object.values(outputs).map(({ dims }) => dims)).toEqual([
      [1, 4, 2, 2],
      [1, 4, 2, 2],
      [1, 4, 1, 1],
      [1, 1, 4, 4],
      [1, 2, 2, 2],
      [1, 2, 2, 2],
    ]);
    expect(outputs.b!.data[0]).toBe(1);
  });
});

describe('constants, which are computed with as the model is loaded', () => {
  const none = (name: string, ...dims: number[]) => initializer(name, 'float32', dims, new Float32Array());
  const cases: [op: string, nodes: Node[], constants: Initializer[]][] = [
    ['TopK', [node('TopK', ['c', 'k'], ['y', 'i'])], [none('c', 0, 5), ints('k', 2)]],
    ['Unique', [node('Unique', ['c'], ['y'], { axis: int(0) })], [none('c', 2, 0)]],
    [
      'InstanceNormalization',
      [node('InstanceNormalization', ['c', 's', 's'], ['y'])],
      [none('c', 2, 3, 0), held('s', 3)],
    ],
    ['DFT', [node('DFT', ['x0', '', 'axis'], ['y'])], [ints('axis')]],
    [
      'STFT',
      [node('STFT', ['x0', 'step', 'c'], ['y'])],
      [none('c', 0), initializer('step', 'int64', [], BigInt64Array.of(4n))],
    ],
    ['SequenceAt', [node('SequenceConstruct', ['x0'], ['s']), node('SequenceAt', ['s', 'i'], ['y'])], [ints('i')]],
    ['OneHot', [node('OneHot', ['x0', 'c', 'v'], ['y'])], [none('c', 0), held('v', 2)]],
    [
      'LayerNormalization',
      [node('LayerNormalization', ['c', 's'], ['y'], { axis: int(-1024) })],
      [held('c', 2, 3), held('s', 3)],
    ],
    ['Resize', [node('Resize', ['c', '', 's'], ['y'])], [held('c', 1, 1, 2, 2), held('s', 3)]],
    // By way of what is computed of them.
    [
      'Einsum',
      [node('Neg', ['c'], ['d']), node('Einsum', ['d'], ['y'], { equation: text('ab->a') })],
      [none('c', 2, 0)],
    ],
  ];
  test.each(cases)('%s', async (op, nodes, constants) => {
    await expectError(
      device.loadModel(ofFloats(nodes, constants)),
      'ERR_MODEL',
      new RegExp(`node ${op} 'y' .*: ONNX Runtime would end the process`),
    );
  });

  test('in a branch, too', async () => {
    const body = (nodes: Node[]): Attribute => ({
      graph: {
        nodes,
        inputs: [],
        outputs: [value('y', 'float32', null)],
        initializers: [none('c', 0, 5), ints('k', 2)],
      },
    });
    const bytes = model({
      nodes: [
        node('If', ['if'], ['y'], {
          then_branch: body([node('TopK', ['c', 'k'], ['y', 'i'])]),
          else_branch: body([node('Neg', ['x'], ['y'])]),
        }),
      ],
      inputs: [value('if', 'bool', []), value('x', 'float32', null)],
      outputs: [value('y', 'float32', null)],
    });
    await expectError(device.loadModel(bytes), 'ERR_MODEL', /'c' has no elements, and the model's node TopK 'y'/);
  });
});

describe('what has to fit', () => {
  const trees = (op: string): Node =>
    node(
      op,
      ['x0'],
      ['y'],
      {
        n_targets: int(1),
        nodes_falsenodeids: list(2, 0, 0),
        nodes_featureids: list(1, 0, 0),
        nodes_modes: { strings: ['BRANCH_LT', 'LEAF', 'LEAF'] },
        nodes_nodeids: list(0, 1, 2),
        nodes_treeids: list(0, 0, 0),
        nodes_truenodeids: list(1, 0, 0),
        nodes_values: { floats: [0.5, 0, 0] },
        target_ids: list(0, 0),
        target_nodeids: list(1, 2),
        target_treeids: list(0, 0),
        target_weights: { floats: [1, 2] },
      },
      'ai.onnx.ml',
    );
  const scales = initializer('s', 'float32', [2], Float32Array.of(1, 2));
  const step = initializer('n', 'int64', [], BigInt64Array.of(4n));
  const heads = node('Attention', ['x0', 'x1', 'x2'], ['y']);
  const all = (...dims: number[]) => [dims, dims, dims];
  const cases: [what: string, bytes: Uint8Array, right: number[][], wrong: number[][][]][] = [
    ['Resize', ofFloats([node('Resize', ['x0', '', 's'], ['y'])], [scales]), [[2, 2]], [[[2, 2, 2]], [[]]]],
    ['Resize', ofFloats([node('Resize', ['x0', '', 'x1'], ['y'])]), [[1], [1]], [[[1], [1, 1]]]],
    ['Resize', ofFloats([node('Resize', ['x0', 's'], ['y'])], [scales], ['y'], 10), [[2, 2]], [[[2]]]],
    ['Resize', ofFloats([node('Resize', ['x0', '', 's'], ['y'], { axes: list(1, 2) })], [scales]), [[1, 2, 2]], []],
    ['Upsample', ofFloats([node('Upsample', ['x0', 's'], ['y'])], [scales], ['y'], 9), [[2, 2]], [[[2, 2, 2]]]],
    [
      'Upsample',
      ofFloats([node('Upsample', ['x0'], ['y'], { scales: { floats: [1, 2] } })], [], ['y'], 7),
      [[2, 2]],
      [[[2, 2, 2]]],
    ],
    ['STFT', ofFloats([node('STFT', ['x0', 'n', 'x1'], ['y'])], [step]), [[1, 16, 1], [8]], [[[1, 16, 1], []]]],
    ['TreeEnsembleRegressor', ofFloats([trees('TreeEnsembleRegressor')]), [[3, 2]], [[[3, 1]], [[0]]]],
    ['LayerNormalization', ofFloats([node('LayerNormalization', ['x0', 'x1'], ['y'])]), [[2, 3], [3]], [[[], []]]],
    ['Attention', ofFloats([heads], [], ['y'], 23), all(1, 1, 2, 3), [all(1, 2, 3)]],
    [
      'ConvTranspose',
      ofFloats([node('ConvTranspose', ['x0', 'x1'], ['y'], { group: int(2) })]),
      [
        [1, 2, 3],
        [2, 1, 2],
      ],
      [
        [
          [1, 2, 0],
          [2, 1, 2],
        ],
      ],
    ],
    [
      'Conv',
      ofFloats([node('Conv', ['x0', 'x1'], ['y'], { pads: list(3, 3) })]),
      [
        [3, 1, 7],
        [3, 1, 7],
      ],
      [
        [
          [3, 0, 7],
          [3, 0, 7],
        ],
      ],
    ],
  ];
  test.each(cases)('%s', async (op, bytes, right, wrong) => {
    await using loaded = await device.loadModel(bytes, { batching: false });
    for (const shapes of wrong) await expectError(loaded.run(xs(...shapes)), 'ERR_SHAPE', new RegExp(`node ${op} 'y'`));
    expect((await loaded.run(xs(...right))).y!.data.length).toBeGreaterThan(0);
  });

  test('what may be given in place of what the model holds', async () => {
    const bytes = model({
      nodes: [node('RNN', ['x', 'w', 'r'], ['y'], { hidden_size: int(2) })],
      inputs: [value('x', 'float32', null), value('w', 'float32', null)],
      outputs: [value('y', 'float32', null)],
      initializers: [held('w', 1, 2, 3), held('r', 1, 2, 2)],
    });
    await using loaded = await device.loadModel(bytes, { batching: false });
    const x = ones(4, 2, 3);
    expect((await loaded.run({ x })).y!.dims).toEqual([4, 1, 2, 2]);
    await expectError(loaded.run({ x, w: ones(2, 3) }), 'ERR_SHAPE', /'w' a value of 2 dimensions/);
    expect((await loaded.run({ x, w: ones(1, 2, 3) })).y!.dims).toEqual([4, 1, 2, 2]);
  });

  test('QLinearWhere, of whose scales the model holds some', async () => {
    const names = ['if', 'a', 'as', 'az', 'b', 'bs', 'bz', 'ys', 'yz'];
    const types = ['bool', 'uint8', 'float32', 'uint8', 'uint8', 'float32', 'uint8', 'float32', 'uint8'] as const;
    const of = (...constants: string[]) =>
      model({
        nodes: [node('QLinearWhere', names, ['y'], {}, 'com.microsoft')],
        inputs: names.map((name, i) => value(name, types[i]!, null)).filter(({ name }) => !constants.includes(name)),
        outputs: [value('y', 'uint8', null)],
        initializers: constants.map((name) =>
          name.endsWith('s') ? held(name) : initializer(name, 'uint8', [], new Uint8Array(1)),
        ),
      });
    await expectError(
      device.loadModel(of('ys', 'yz', 'bs', 'bz')),
      'ERR_MODEL',
      /node QLinearWhere 'y' takes 'ys' as the model holds it, but not 'as'/,
    );
    await using loaded = await device.loadModel(of('as', 'az', 'bs', 'bz', 'ys', 'yz'), { batching: false });
    const byte = (...dims: number[]): Tensor => ({ type: 'uint8', dims, data: new Uint8Array(dims[0] ?? 1).fill(3) });
    const feeds = {
      if: { ...byte(2), type: 'bool', data: Uint8Array.of(1, 0) } as Tensor,
      a: byte(2),
      b: byte(2),
    };
    expect((await loaded.run(feeds)).y!.data).toEqual(Uint8Array.of(3, 3));
  });

  test('MatMulInteger', async () => {
    const names = ['a', 'b', 'za', 'zb'];
    const bytes = model({
      nodes: [node('MatMulInteger', names, ['y'])],
      inputs: names.map((name) => value(name, 'uint8', null)),
      outputs: [value('y', 'int32', null)],
    });
    const given = (...shapes: number[][]) =>
      Object.fromEntries(
        shapes.map((dims, i): [string, Tensor] => [
          names[i]!,
          { type: 'uint8', dims, data: new Uint8Array(elementsOf(dims)).fill(1) },
        ]),
      );
    await using loaded = await device.loadModel(bytes, { batching: false });
    await expectError(
      loaded.run(given([2, 2, 0], [2, 0, 4], [], [2, 1, 4])),
      'ERR_SHAPE',
      /node MatMulInteger 'y' is given matrices without elements/,
    );
    expect((await loaded.run(given([2, 2, 0], [2, 0, 4], [], []))).y!.dims).toEqual([2, 2, 4]);
    expect((await loaded.run(given([2, 2, 3], [2, 3, 4], [], [2, 1, 4]))).y!.dims).toEqual([2, 2, 4]);
  });
});

describe('bodies', () => {
  const rnn = (takes: string, makes: string) => node('RNN', [takes, 'w', 'r'], [makes], { hidden_size: int(2) });
  const weights = [held('w', 1, 2, 3), held('r', 1, 2, 2)];
  const body = (nodes: Node[], inputs: Value[], ...outputs: string[]): Attribute => ({
    graph: { nodes, inputs, outputs: outputs.map((name) => value(name, name === 'on' ? 'bool' : 'float32', null)) },
  });
  const x = value('x', 'float32', null);
  const cases: [
    what: string,
    nodes: Node[],
    inputs: Value[],
    feeds: Record<string, Tensor>,
    initializers?: Initializer[],
  ][] = [
    [
      'If of a condition that is not known',
      [
        node('If', ['if'], ['y'], {
          then_branch: body([rnn('x', 'y')], [], 'y'),
          else_branch: body([node('Neg', ['x'], ['y'])], [], 'y'),
        }),
      ],
      [x, value('if', 'bool', [])],
      { if: { type: 'bool', dims: [], data: Uint8Array.of(1) } as Tensor },
    ],
    [
      'Loop',
      [
        node('Loop', ['count', ''], ['y'], {
          body: body(
            [node('Identity', ['go'], ['on']), rnn('x', 'made')],
            [value('i', 'int64', []), value('go', 'bool', [])],
            'on',
            'made',
          ),
        }),
      ],
      [x],
      {},
      [initializer('count', 'int64', [], BigInt64Array.of(2n))],
    ],
    [
      'Scan',
      [
        node('Scan', ['x'], ['y'], {
          num_scan_inputs: int(1),
          body: body([rnn('slice', 'made')], [value('slice', 'float32', null)], 'made'),
        }),
      ],
      [x],
      {},
    ],
    [
      'SequenceMap',
      [
        node('SequenceConstruct', ['x', 'x'], ['s']),
        node('SequenceMap', ['s'], ['t'], {
          body: body([rnn('x', 'made')], [value('one', 'float32', null)], 'made'),
        }),
        node('SequenceAt', ['t', 'zero'], ['y']),
      ],
      [x],
      {},
      [initializer('zero', 'int64', [], BigInt64Array.of(0n))],
    ],
  ];
  test.each(cases)('%s', async (what, nodes, inputs, feeds, initializers = []) => {
    const bytes = model({
      nodes,
      inputs,
      outputs: [value('y', 'float32', null)],
      initializers: [...weights, ...initializers],
    });
    await using loaded = await device.loadModel(bytes, { batching: false });
    const [right, wrong] = what === 'Scan' ? [ones(2, 4, 2, 3), ones(2, 4, 3)] : [ones(4, 2, 3), ones(4, 3)];
    await expectError(
      loaded.run({ ...feeds, x: wrong }),
      'ERR_SHAPE',
      /dimensions, and the model's node RNN '(y|made)'/,
    );
    expect((await loaded.run({ ...feeds, x: right })).y!.data.length).toBeGreaterThan(0);
  });
});

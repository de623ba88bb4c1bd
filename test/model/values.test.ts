// What a model takes and gives that is no tensor of known rank: sequences, maps, optionals, tensors of any rank, overridable
// initializers; and tensors of no rows.

import { type Device, type ModelValue, open, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';
import * as values from '../support/onnx-values.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const floats = (...rows: number[][]) => tensor(Float32Array.from(rows.flat()), [rows.length, rows[0]!.length]);
const output = (outputs: Record<string, unknown>, name: string) => outputs[name] as ModelValue;

describe('a classifier with ZipMap', () => {
  test('gives an array of Maps of bigints, as its labels are', async () => {
    await using model = await device.loadModel(values.zipMap([3, 5]));
    const outputs = await model.run({ x: floats([0.25, 0.75], [1, 0]) });
    expect(outputs.label!.data).toEqual(BigInt64Array.of(1n, 0n));
    expect(output(outputs, 'probabilities')).toEqual([
      new Map([
        [3n, 0.25],
        [5n, 0.75],
      ]),
      new Map([
        [3n, 1],
        [5n, 0],
      ]),
    ]);
    expect(model.outputs[1]).toEqual({
      name: 'probabilities',
      type: 'sequence',
      of: { type: 'map', keys: 'int64', of: { type: 'float32', dims: undefined, dimNames: [] } },
    });
  });

  test('of strings gives Maps of strings', async () => {
    await using model = await device.loadModel(values.zipMap(['cat', 'dög']));
    const outputs = await model.run({ x: floats([0.5, 1]) }, { outputs: ['probabilities'] });
    expect(Object.keys(outputs)).toEqual(['probabilities']);
    expect(output(outputs, 'probabilities')).toEqual([
      new Map([
        ['cat', 0.5],
        ['dög', 1],
      ]),
    ]);
  });

  test('runs each request alone, says why, and gives the label by itself', async () => {
    const why = /'probabilities' is a sequence of Maps of int64 to float32/;
    await expectError(device.loadModel(values.zipMap([0, 1]), { batching: {} }), 'ERR_ARGUMENT', why);
    await using model = await device.loadModel(values.zipMap([0, 1]));
    expect(model.batching).toMatchObject({ enabled: false });
    expect(model.batching.reason).toMatch(why);
    const rows = [floats([0, 1]), floats([1, 0], [0, 1]), floats([1, 0])];
    const labels = await Promise.all(rows.map((x) => model.run({ x }, { outputs: ['label'] })));
    expect(labels.map(({ label }) => [...label!.data])).toEqual([[1n], [0n, 1n], [0n]]);
    expect(model.stats().batches.count).toBe(3);
  });

  test('of no rows gives no Maps', async () => {
    await using model = await device.loadModel(values.zipMap([0, 1]));
    const outputs = await model.run({ x: tensor(new Float32Array(0), [0, 2]) });
    expect([outputs.label!.dims, output(outputs, 'probabilities')]).toEqual([[0], []]);
  });
});

describe('maps as inputs', () => {
  const ofText = ['a', 'b', 'ü'];
  test.each([
    ['string', 'float32', ofText, new Map([['ü', 1.5]]), [0, 0, 1.5]],
    ['string', 'float64', ofText, new Map(Object.entries({ a: 1, b: 0.1 })), [1, 0.1, 0]],
    ['string', 'int64', ofText, new Map([['b', 7n]]), [0n, 7n, 0n]],
    ['int64', 'float32', ['3', '1'], new Map([[1n, 4]]), [0, 4]],
    ['int64', 'float32', ['3', '1'], new Map([[1, 4]]), [0, 4]],
    ['string', 'float32', ofText, new Map(), [0, 0, 0]],
  ] as const)('of %s to %s', async (keys, type, vocabulary, x, expected) => {
    await using model = await device.loadModel(values.dictVectorizer(keys, type, vocabulary));
    expect(model.inputs).toMatchObject([{ name: 'x', type: 'map', keys, of: { type } }]);
    const { y } = await model.run({ x });
    expect([...y!.data]).toEqual(expected);
  });

  test.each([
    [{ a: 1 }, 'ERR_ARGUMENT', /input 'x': expected a Map of int64 to float32, got object/],
    [new Map([['a', 1]]), 'ERR_DTYPE', /input 'x': a key must be int64, got 'a'/],
    [new Map([[1.5, 1]]), 'ERR_DTYPE', /a key must be int64, got 1.5/],
    [new Map([[1n, '1']]), 'ERR_DTYPE', /a value must be float32, got '1'/],
    [new Map([[1n, null]]), 'ERR_DTYPE', /a value must be float32, got null/],
    [null, 'ERR_ARGUMENT', /expected a Map of int64 to float32, got null/],
    [floats([1]), 'ERR_ARGUMENT', /expected a Map of int64 to float32, got object/],
  ] as const)('%s is refused', async (x, code, message) => {
    await using model = await device.loadModel(values.dictVectorizer('int64', 'float32', ['1']));
    await expectError(model.run({ x } as never), code, message);
  });
});

describe('sequences', () => {
  test('go in and come out as arrays of tensors', async () => {
    await using model = await device.loadModel(values.sequences());
    const given = [floats([1, 2]), floats([3, 4], [5, 6])];
    const outputs = await model.run({ x: floats([7, 8], [9, 10]), given });
    expect(output(outputs, 'parts')).toEqual([floats([7, 8]), floats([9, 10])]);
    expect(outputs.joined).toEqual(floats([1, 2], [3, 4], [5, 6]));
    expect(outputs.count!.data).toEqual(BigInt64Array.of(2n));
  });

  test('of strings, of large tensors, and of none', async () => {
    await using strings = await device.loadModel(values.sequenceThrough('string'));
    const texts = [tensor(['a', 'ß']), tensor([''])];
    expect(output(await strings.run({ x: texts }), 'y')).toEqual(texts);

    await using model = await device.loadModel(values.sequenceThrough());
    const large = tensor(new Float32Array(50_000).fill(3), [50_000]);
    const [first, second] = output(await model.run({ x: [large, large] }), 'y') as (typeof large)[];
    first!.data.fill(0);
    expect([second!.data[0], second!.data.at(-1), large.data[0]]).toEqual([3, 3, 3]);
    const none = await model.run({ x: [] });
    expect([output(none, 'y'), none.count!.data[0]]).toEqual([[], 0n]);
  });

  test('small tensors in them may be reused at once', async () => {
    await using model = await device.loadModel(values.sequenceThrough());
    const x = [tensor(Float32Array.of(1, 2))];
    const running = model.run({ x });
    x[0]!.data.fill(9);
    x.push(tensor(Float32Array.of(3)));
    expect(output(await running, 'y')).toEqual([tensor(Float32Array.of(1, 2))]);
  });

  test.each([
    [
      floats([1, 2]),
      'ERR_ARGUMENT',
      /input 'given': expected an array \(a sequence of tensors of float32\), got object/,
    ],
    [[floats([1, 2]), null], 'ERR_ARGUMENT', /input 'given': element 1: expected a tensor/],
    [[tensor(new Float64Array(2), [1, 2])], 'ERR_DTYPE', /element 0 takes float32, but was given float64/],
    [[floats([1, 2, 3])], 'ERR_SHAPE', /element 0 takes dims \[M, 2\], but was given \[1, 3\]/],
  ] as const)('%s is refused', async (given, code, message) => {
    await using model = await device.loadModel(values.sequences());
    await expectError(model.run({ x: floats([1, 2]), given } as never), code, message);
  });
});

describe('optionals', () => {
  test('hold a value, or are null or left out', async () => {
    await using model = await device.loadModel(values.optionalThrough());
    expect(model.inputs).toMatchObject([{ name: 'x', type: 'optional', of: { type: 'float32', dims: [-1] } }]);
    const x = tensor(Float32Array.of(1, 2));
    const full = await model.run({ x });
    expect([output(full, 'y'), full.there!.data[0]]).toEqual([x, 1]);
    for (const feeds of [{ x: null }, {}]) {
      const empty = await model.run(feeds);
      expect([output(empty, 'y'), empty.there!.data[0]]).toEqual([null, 0]);
    }
    await expectError(model.run({ z: null }), 'ERR_ARGUMENT', /no input 'z'; it takes 'x'/);
  });

  test('warm up empty; what else has no smallest value must be given', async () => {
    await using optional = await device.loadModel(values.optionalThrough(), { warmup: true });
    expect(optional.inputs).toHaveLength(1);
    const bytes = () => values.sequences();
    await expectError(
      device.loadModel(bytes(), { warmup: true }),
      'ERR_ARGUMENT',
      /warmup: input 'given' is a sequence of tensors of float32; give one in warmup\.inputs/,
    );
    await using model = await device.loadModel(bytes(), { warmup: { inputs: { given: [floats([1, 2])] } } });
    expect(model.outputs).toHaveLength(3);
  });
});

test('what cannot be passed in is described, and refused when it is given', async () => {
  await using model = await device.loadModel(values.sparseProduct());
  expect(model.inputs).toMatchObject([
    { name: 'a', type: 'unsupported', what: 'a sparse tensor' },
    { name: 'x', type: 'float32', dims: [2, 2] },
  ]);
  expect(model.batching.reason).toMatch(/input 'a' is a sparse tensor/);
  const x = floats([1, 2], [3, 4]);
  await expectError(
    model.run({ a: x, x }),
    'ERR_NOT_SUPPORTED',
    /input 'a' is a sparse tensor, which cannot be passed in/,
  );
});

describe('a tensor of unknown rank', () => {
  test('is described without dims, and may have any', async () => {
    await using model = await device.loadModel(values.anyRank());
    expect(model.inputs).toEqual([{ name: 'x', type: 'float32', dims: undefined, dimNames: [] }]);
    expect(model.batching.reason).toMatch(/input 'x' may have any rank/);
    for (const dims of [[], [1], [2, 1], [1, 2, 1, 1], [0], [3, 0]]) {
      const size = dims.reduce((product, dim) => product * dim, 1);
      const { y } = await model.run({ x: tensor(new Float32Array(size).fill(2), dims) });
      expect(y).toEqual(tensor(new Float32Array(size).fill(-2), dims));
    }
    await expectError(model.run({ x: tensor(Int32Array.of(1)) }), 'ERR_DTYPE', /takes float32/);
    await expectError(
      model.run({ x: { type: 'float32', data: new Float32Array(3), dims: [2] } }),
      'ERR_SHAPE',
      /needs 2 elements, but data has 3/,
    );
  });

  test('a scalar is none', async () => {
    await using model = await device.loadModel(models.identity('float32', []));
    expect(model.inputs[0]!.dims).toEqual([]);
    await expectError(
      model.run({ x: tensor(Float32Array.of(1)) }),
      'ERR_SHAPE',
      /takes dims \[\], but was given \[1\]/,
    );
  });
});

describe('no rows', () => {
  test('are answered as the model alone answers them, and leave the batches of others as they are', async () => {
    await using model = await device.loadModel(models.square({ features: 2 }));
    const none = tensor(new Float32Array(0), [0, 2]);
    const requests = [floats([1, 2]), none, floats([3, 4]), none];
    const results = await Promise.all(requests.map((x) => model.run({ x })));
    expect(results.map(({ y }) => y)).toEqual([floats([1, 4]), none, floats([9, 16]), none]);
    expect(model.batching.enabled).toBe(true);
  });

  test('where the model cannot run without, its own error comes', async () => {
    const bytes = models.model({
      inputs: [models.value('x', 'float32', ['N', 2])],
      outputs: [models.value('y', 'int64', ['N'])],
      nodes: [models.node('ArgMax', ['x'], ['y'], { axis: { int: 0 }, keepdims: { int: 0 } })],
    });
    await using model = await device.loadModel(bytes, { batching: false });
    await expectError(model.run({ x: tensor(new Float32Array(0), [0, 2]) }), 'ERR_MODEL', /ArgMax/);
  });

  test('padded rows too', async () => {
    const padVariableLength = { inputs: { x: { axis: 1 } }, maskInput: 'mask' };
    await using model = await device.loadModel(models.masked(), {
      batching: { independentRows: true, padVariableLength },
    });
    const { y, sums } = await model.run({ x: tensor(new Float32Array(0), [0, 3, 2]) });
    expect([y!.dims, sums!.dims]).toEqual([
      [0, 3, 2],
      [0, 2],
    ]);
  });
});

describe('initializers that may be overridden', () => {
  const x = floats([1, 2]);
  test('are no inputs, and may be fed', async () => {
    await using model = await device.loadModel(values.overridable());
    expect(model.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(model.overridableInitializers).toEqual([
      { name: 'scale', type: 'float32', dims: [1], dimNames: [undefined] },
      { name: 'shift', type: 'float32', dims: [2], dimNames: [undefined] },
    ]);
    const scale = tensor(Float32Array.of(0));
    const shift = tensor(Float32Array.of(-1, -2));
    const runs = [{ x }, { x, scale }, { x, shift }, { x, shift, scale }, { x }];
    const results = await Promise.all(runs.map((feeds) => model.run(feeds)));
    expect(results.map(({ y }) => [...y!.data])).toEqual([
      [12, 24],
      [10, 20],
      [1, 2],
      [-1, -2],
      [12, 24],
    ]);
  });

  test('what is wrong with them is said', async () => {
    await using model = await device.loadModel(values.overridable());
    await expectError(model.run({ x, scale: floats([1]) }), 'ERR_SHAPE', /input 'scale' takes dims \[1\]/);
    await expectError(
      model.run({ x, skale: floats([1]) }),
      'ERR_ARGUMENT',
      /no input 'skale'; it takes 'x', 'scale', 'shift'/,
    );
    await expectError(model.run({ x, scale: undefined } as never), 'ERR_ARGUMENT', /input 'scale'.*undefined/);
  });

  test('rows are tried with those that the model has', async () => {
    await using model = await device.loadModel(values.overridableFused());
    const found = () => Object.values(model.batching.finding?.shapes ?? {});
    for (let attempt = 0; attempt < 100 && found().length === 0; attempt++) {
      await model.run({ x });
      await new Promise(setImmediate);
    }
    expect(found()).toMatchObject([{ verdict: 'independent' }]);
  });

  test('before version 4 of ONNX’s format they were constants', async () => {
    await using model = await device.loadModel(values.overridable({ irVersion: 3 }));
    expect(model.overridableInitializers).toEqual([]);
    expect([...(await model.run({ x })).y!.data]).toEqual([12, 24]);
  });
});

// Steps before and after a model: on the CPU, on a CUDA device whose models run in host memory, and in the memory of the emulated one.

import {
  type Device,
  DeviceTensor,
  type LoadModelOptions,
  open,
  type PreprocessStep,
  type Tensor,
  tensor,
} from 'tensorlane';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { plugin } from '../cuda/emulation.js';
import { onCuda, testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';
import { expectSame, floats, type Outputs, sizeOf, together } from './support.js';

const { imageClassifier: classifier, node, value } = models;
const places: [string, LoadModelOptions][] = [['as it is loaded by default', {}]];
if (onCuda && plugin !== undefined) places.push(["in the device's memory", { providers: [plugin] }]);

let device: Device;
let host: Device;
beforeAll(async () => {
  device = await open({ device: testDevice, streams: 2 });
  host = await open('cpu');
});
afterEach(() => expect(device.stats().tensors).toBe(0));
afterAll(async () => {
  await device.dispose();
  await host.dispose();
});

function images(dims: readonly number[], seed: number): Tensor<'uint8'> {
  const data = Uint8Array.from(models.randomFloats(sizeOf(dims), seed, 128), (v) => Math.floor(v + 128));
  return { type: 'uint8', data, dims };
}

const look = { scale: 1 / 255, mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3], swapRedBlue: true };
const preprocess = { image: [{ step: 'imageToTensor', ...look }] } as const;
const postprocess = { logits: [{ step: 'softmax' }, { step: 'topK', k: 3, indices: 'classes' }] } as const;

/** The same by operations of the CPU around the model. */
async function expected(given: Tensor<'uint8'>): Promise<Outputs> {
  await using model = await host.loadModel(classifier(), { batching: false });
  const image = await host.ops.imageToTensor(given, { height: 4, width: 6, ...look });
  const { logits, mean } = await model.run({ image });
  const { values, indices } = await host.ops.topK(await host.ops.softmax(logits as Tensor<'float32'>), 3);
  return { logits: values, mean: mean!, classes: indices };
}

/** To rounding: the device's sums are in another order. */
function expectClose(given: Outputs, wanted: Outputs): void {
  expect(Object.keys(given).sort()).toEqual(Object.keys(wanted).sort());
  for (const [name, { type, dims, data }] of Object.entries(wanted)) {
    const other = given[name]!;
    expect([other.type, other.dims], name).toEqual([type, dims]);
    if (type === 'int64') expect(other.data, name).toEqual(data);
    else for (const [i, v] of (data as Float32Array).entries()) expect(other.data[i], `${name} ${i}`).toBeCloseTo(v, 5);
  }
}

describe.each(places)('steps, %s', (_, where) => {
  test('make of images what the model takes, and of its outputs what callers want', async () => {
    await using model = await device.loadModel(classifier(), { ...where, preprocess, postprocess });
    expect(model.inputs).toEqual([
      { name: 'image', type: 'uint8', dims: [-1, -1, -1, 3], dimNames: ['N', undefined, undefined, undefined] },
    ]);
    expect(model.outputs.map((one) => [one.name, one.type, 'dims' in one && one.dims])).toEqual([
      ['logits', 'float32', [-1, 3]],
      ['mean', 'float32', [-1, 3, 1, 1]],
      ['classes', 'int64', [-1, 3]],
    ]);
    for (const dims of [
      [1, 9, 5, 3],
      [3, 4, 6, 3],
      [2, 200, 300, 3],
    ]) {
      const image = images(dims, sizeOf(dims));
      expectClose(await model.run({ image }), await expected(image));
    }
  });

  test('give each of a batch what it would get alone, also of images that are larger than what is copied at once', async () => {
    await using model = await device.loadModel(classifier(), { ...where, preprocess, postprocess });
    expect(model.batching).toMatchObject({ enabled: true });
    for (const sides of [
      [8, 8],
      [160, 150],
    ]) {
      const requests = Array.from({ length: 16 }, (_, i) => ({ image: images([1 + (i % 2), ...sides, 3], i + 1) }));
      const results = await together(model, requests);
      for (const [i, { image }] of requests.entries()) expectClose(results[i]!, await expected(image));
    }
    expect(model.stats().batches.count).toBeLessThan(32);
  });

  test('take some outputs alone, in any order, and compute no others', async () => {
    await using model = await device.loadModel(classifier(), { ...where, preprocess, postprocess });
    const image = images([2, 5, 5, 3], 3);
    const all = await expected(image);
    for (const outputs of [['classes'], ['mean', 'logits'], ['classes', 'mean']]) {
      const wanted = Object.fromEntries(outputs.map((name) => [name, all[name]!]));
      expectClose(await model.run({ image }, { outputs }), wanted);
    }
  });

  test('take tensors of the device, and leave outputs there', async () => {
    await using model = await device.loadModel(classifier(), { ...where, preprocess, postprocess });
    const image = images([2, 30, 20, 3], 4);
    await using put = await device.put(image);
    const wanted = await expected(image);
    expectClose(await model.run({ image: put }), wanted);
    const kept = (await model.run({ image: put }, { resident: true })) as unknown as Record<string, DeviceTensor>;
    const got: Outputs = {};
    for (const [name, one] of Object.entries(kept)) {
      expect(one).toBeInstanceOf(DeviceTensor);
      got[name] = (await one.get()) as Tensor;
      await one.dispose();
    }
    expectClose(got, wanted);
  });

  test('cast and normalize, where the model keeps its dims', async () => {
    const bytes = models.model({
      inputs: [value('x', 'float32', ['N', 5])],
      outputs: [value('y', 'float32', ['N', 5]), value('z', 'float32', ['N', 5])],
      nodes: [node('Relu', ['x'], ['y']), node('Add', ['x', 'x'], ['z'])],
    });
    await using model = await device.loadModel(bytes, {
      ...where,
      preprocess: { x: [{ step: 'cast', from: 'int32' }] },
      postprocess: { y: [{ step: 'l2Normalize' }], z: [{ step: 'cast', to: 'float64' }] },
    });
    const x = tensor(
      [
        [3, 4, 0, -1, 0],
        [0, -7, 0, 0, 0],
        [-5, 12, 1_000_000, 2, 1],
      ],
      { type: 'int32' },
    );
    const norm = (row: number[]) => row.map((v) => v / Math.max(Math.hypot(...row), 1e-12));
    const rows = [0, 1, 2].map((i) => [...x.data.slice(i * 5, i * 5 + 5)].map((v) => Math.max(v, 0)));
    const { y, z } = await model.run({ x });
    expect([y!.type, z!.type]).toEqual(['float32', 'float64']);
    for (const [i, v] of rows.flatMap(norm).entries()) expect(y!.data[i]).toBeCloseTo(v, 6);
    expect([...(z!.data as Float64Array)]).toEqual([...x.data].map((v) => 2 * v));
  });

  test('of rows of none are of none', async () => {
    await using model = await device.loadModel(classifier(), { ...where, preprocess, postprocess });
    const { logits, classes } = await model.run({ image: images([0, 5, 5, 3], 1) });
    expect([logits!.dims, classes!.dims, classes!.data.length]).toEqual([[0, 3], [0, 3], 0]);
  });

  test('refuse what is no image, and go on', async () => {
    await using model = await device.loadModel(classifier(), { ...where, preprocess, postprocess });
    await expectError(model.run({ image: images([1, 4, 4, 4], 1) }), 'ERR_SHAPE', /takes dims \[N, any, any, 3\]/);
    await expectError(model.run({ image: images([1, 0, 4, 3], 1) }), 'ERR_SHAPE', /side must be at least 1/);
    await expectError(model.run({ image: floats([1, 4, 4, 3], 1) } as never), 'ERR_DTYPE', /takes uint8/);
    const image = images([1, 4, 4, 3], 1);
    expectClose(await model.run({ image }), await expected(image));
  });

  test('warm up, and resize to what the model leaves open', async () => {
    await using free = await device.loadModel(classifier({ sides: ['H', 'W'] }), {
      ...where,
      preprocess,
      warmup: true,
    });
    const image = images([1, 4, 6, 3], 8);
    const { logits } = await free.run({ image });
    await using fixed = await device.loadModel(classifier(), { ...where, preprocess });
    expectSame({ logits: logits! }, { logits: (await fixed.run({ image })).logits! }, 'of its own size');
    await using sized = await device.loadModel(classifier({ sides: ['H', 'W'] }), {
      ...where,
      preprocess: { image: [{ step: 'imageToTensor', ...look, height: 4, width: 6 }] },
    });
    const large = images([1, 40, 60, 3], 9);
    expectSame(await sized.run({ image: large }), await fixed.run({ image: large }), 'of the size that is asked for');
  });
});

test('what only shows when it runs is refused then, also of requests whose shapes are not looked at before', async () => {
  const options: LoadModelOptions = { preprocess: { image: [{ step: 'imageToTensor' }] } };
  await using model = await device.loadModel(classifier({ sides: ['H', 'W'] }), options);
  const run = (dims: readonly number[]) => model.run({ image: images(dims, 1) }, { alone: true });
  await expectError(
    run([4, 4, 3]),
    'ERR_SHAPE',
    /preprocess\.image: imageToTensor: expected images, uint8 \[n, h, w, c\]/,
  );
  await expectError(run([1, 4, 4, 5]), 'ERR_SHAPE', /images have 1 to 4 channels, got 5/);
  await expectError(run([1, 4, 4, 4]), 'ERR_MODEL', /Expected: 3/);
  const side = 2 ** 31 - 1;
  for (const [height, code] of [[side, 'ERR_SHAPE'] as const, [400, 'ERR_OUT_OF_MEMORY'] as const]) {
    await using huge = await device.loadModel(classifier({ sides: ['H', 'W'] }), {
      preprocess: { image: [{ step: 'imageToTensor', height, width: side }] },
    });
    await expectError(huge.run({ image: images([1, 1, 1, 3], 1) }), code);
  }

  const bytes = models.model({
    inputs: [value('x', 'float32', null)],
    outputs: [value('y', 'float32', null)],
    nodes: [node('Relu', ['x'], ['y'])],
  });
  await using unranked = await device.loadModel(bytes, {
    postprocess: { y: [{ step: 'l2Normalize' }, { step: 'topK', k: 2 }] },
  });
  for (const x of [tensor([3, 4]), tensor(new Float32Array(1), [])]) {
    await expectError(unranked.run({ x }), 'ERR_SHAPE', /postprocess\.y: l2Normalize: expected rows/);
  }
  await expectError(unranked.run({ x: tensor([[3]]) }), 'ERR_SHAPE', /topK: k is 2, but a row has 1 elements/);
  const { y, y_indices: at } = await unranked.run({
    x: tensor([
      [3, 4],
      [0, 0],
      [NaN, 1],
    ]),
  });
  for (const [i, v] of [0.8, 0.6, 0, 0, NaN, NaN].entries()) {
    if (Number.isNaN(v)) expect(y!.data[i]).toBeNaN();
    else expect(y!.data[i]).toBeCloseTo(v, 6);
  }
  expect(at!.data).toEqual(BigInt64Array.of(1n, 0n, 0n, 1n, 0n, 1n));
});

test('what the model passes through to one output is not what a step of another overwrites', async () => {
  const bytes = models.model({
    inputs: [value('x', 'float32', ['N', 300])],
    outputs: ['a', 'b', 'c'].map((name) => value(name, 'float32', ['N', 300])),
    nodes: ['a', 'b', 'c'].map((name) => node('Identity', ['x'], [name])),
  });
  await using model = await device.loadModel(bytes, {
    postprocess: { b: [{ step: 'softmax' }], c: [{ step: 'topK', k: 300 }] },
  });
  const rows = Array.from({ length: 9 }, (_, i) => floats([1, 300], i + 1));
  const results = await together(
    model,
    rows.map((x) => ({ x })),
  );
  for (const [i, { a, b }] of results.entries()) {
    expect(a!.data).toEqual(rows[i]!.data);
    const softmax = await host.ops.softmax(rows[i]!);
    for (const [k, v] of softmax.data.entries()) expect(b!.data[k]).toBeCloseTo(v, 6);
  }
});

test('rows that the model mixes share no batch, whatever is before it', async () => {
  const bytes = models.model({
    inputs: [value('image', 'float32', ['N', 3, 2, 2])],
    outputs: [value('y', 'float32', ['N', 3, 2, 2])],
    nodes: [
      node('ReduceMean', ['image', 'axes'], ['mean'], { keepdims: { int: 1 } }),
      node('Sub', ['image', 'mean'], ['y']),
    ],
    initializers: [models.ints('axes', 0)],
  });
  const options = { preprocess: { image: [{ step: 'imageToTensor' }] } } as const;
  await using model = await device.loadModel(bytes, options);
  const requests = Array.from({ length: 6 }, (_, i) => ({ image: images([1, 2, 2, 3], i + 1) }));
  for (const { y } of await together(model, requests)) expect([...y!.data].every((v) => v === 0)).toBe(true);
  expect(model.batching.enabled).toBe(false);
});

describe('are refused', () => {
  const image = (step: object): LoadModelOptions => ({ preprocess: { image: [step as PreprocessStep] } });
  const logits = (...steps: object[]): LoadModelOptions => ({ postprocess: { logits: steps as never } });
  const wrong: [string, LoadModelOptions, RegExp, string?][] = [
    ['no object', { preprocess: [] as never }, /preprocess must be an object/],
    ['no steps', { preprocess: { image: [] } }, /preprocess\.image must be an array of at least one step/],
    ['no such step', image({ step: 'resize' }), /preprocess\.image\[0\]\.step must be one of imageToTensor, cast/],
    ['a step for the other side', image({ step: 'topK', k: 1 }), /step must be one of imageToTensor/],
    ['an image after the model', logits({ step: 'imageToTensor' }), /step must be one of cast, softmax/],
    ['a misspelt option', image({ step: 'imageToTensor', heigth: 2 }), /image\[0\]: there is no option 'heigth'/],
    ['a size of 0', image({ step: 'imageToTensor', height: 0 }), /height must be an integer from 1/],
    ['a std of 0', image({ step: 'imageToTensor', std: [1, 0, 1] }), /std must not be 0/],
    ['a std of NaN', image({ step: 'imageToTensor', std: NaN }), /std must be a finite number/],
    ['a scale that float32 has not', image({ step: 'imageToTensor', scale: 1e300 }), /scale must be a finite number/],
    ['two means', image({ step: 'imageToTensor', mean: [1, 2] }), /mean must be a number, or one for each of the 3/],
    ['no boolean', image({ step: 'imageToTensor', swapRedBlue: 1 }), /swapRedBlue must be true or false/],
    ['another size', image({ step: 'imageToTensor', width: 5 }), /make float32 \[\?, 3, 4, 5\], but the model takes/],
    ['no input', { preprocess: { picture: [{ step: 'imageToTensor' }] } }, /has no 'picture'; it has 'image'/],
    ['no output', { postprocess: { x: [{ step: 'softmax' }] } }, /has no 'x'; it has 'logits', 'mean'/],
    ['a cast from nothing', image({ step: 'cast' }), /needs `from` as the first step/],
    ['a cast to nothing', logits({ step: 'cast' }), /needs `to`/],
    ['a cast from another type', logits({ step: 'cast', from: 'int8', to: 'int32' }), /it is from int8/, 'ERR_DTYPE'],
    ['a cast of a string', image({ step: 'cast', from: 'string' }), /\.from: expected floats/, 'ERR_DTYPE'],
    ['a cast to what is not taken', image({ step: 'cast', from: 'int8', to: 'int32' }), /make int32 .*takes float32/],
    [
      'softmax of integers',
      logits({ step: 'cast', to: 'int32' }, { step: 'softmax' }),
      /expected float32/,
      'ERR_DTYPE',
    ],
    ['a k of 0', logits({ step: 'topK', k: 0 }), /k must be an integer from 1/],
    ['a k beyond the rows', logits({ step: 'topK', k: 8 }), /k is 8, but a row has 7/, 'ERR_SHAPE'],
    ['a name twice', logits({ step: 'topK', k: 2, indices: 'mean' }), /there is an output 'mean' already/],
    ['topK before others', logits({ step: 'topK', k: 2 }, { step: 'softmax' }), /topK has to be the last/],
    [
      'a batch along another axis',
      { ...logits({ step: 'softmax' }), batching: { batchAxis: { outputs: { logits: 1 } } } },
      /softmax needs the batch along axis 0/,
    ],
    [
      'padding',
      { ...logits({ step: 'softmax' }), batching: { padVariableLength: true } },
      /softmax would take what batching.padVariableLength fills up/,
    ],
  ];
  test.each(wrong)('%s', async (_, options, message, code = 'ERR_ARGUMENT') => {
    await expectError(device.loadModel(classifier(), options), code, message);
  });

  test('steps of strings', async () => {
    const options: LoadModelOptions = { preprocess: { x: [{ step: 'cast', from: 'int8' }] } };
    await expectError(
      device.loadModel(models.strings(), options),
      'ERR_ARGUMENT',
      /steps for tensors of numbers alone/,
    );
  });
});

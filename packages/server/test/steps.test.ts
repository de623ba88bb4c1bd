// Steps before and after a model, as options of loading it: what clients see is what they give and get, and classes are called what they are.

import { open, tensor } from 'tensorlane';
import { expect, test } from 'vitest';
import { identity, imageClassifier } from '../../../test/support/onnx-builder.js';
import { outputTensor } from '../lib/v2/reply.js';
import { call, grpcClient } from './calls.js';
import { ask, folderOf, put, startEngine, startServer } from './support.js';

const labels = ['ant', 'bee', 'cat', 'dog', 'eel', 'fox', 'gnu'];
const steps = {
  preprocess: { image: [{ step: 'imageToTensor' }] },
  postprocess: { logits: [{ step: 'softmax' }, { step: 'topK', k: 3 }] },
} as const;
const [height, width] = [5, 7];
const pixels = (seed: number) => Array.from({ length: height * width * 3 }, (_, i) => (i * seed) % 256);
const config = (outputs: string) => `max_batch_size: 8
  input { name: "image" data_type: TYPE_UINT8 dims: [-1, -1, 3] }
  output { name: "logits" data_type: TYPE_FP32 dims: 3 label_filename: "labels.txt" }
  ${outputs}`;
const indices = 'output { name: "logits_indices" data_type: TYPE_INT64 dims: 3 }';

test('images go in as bytes, and the likeliest classes come out, by every protocol and in shared batches', async () => {
  const model = imageClassifier();
  const repository = folderOf({
    'plain/1/model.onnx': model,
    'named/1/model.onnx': model,
    'named/config.pbtxt': config(indices),
    'named/labels.txt': labels.join('\n'),
    'short/1/model.onnx': model,
    'short/config.pbtxt': config(''),
    'short/labels.txt': labels.join('\n'),
  });
  const load = { ...steps, batching: { maxQueueDelayMicros: 100_000 } };
  const server = await startServer({ repository, load, grpc: '127.0.0.1:0' });
  await using device = await open('cpu');
  await using alone = await device.loadModel(model, steps);
  const wanted = async (seed: number) => {
    const image = tensor(Uint8Array.from(pixels(seed)), [1, height, width, 3]);
    const { logits, logits_indices: places } = await alone.run({ image });
    return { scores: [...(logits!.data as Float32Array)], places: Array.from(places!.data as BigInt64Array, Number) };
  };
  const client = grpcClient(server.grpcTarget!);
  const input = { name: 'image', shape: [1, height, width, 3], datatype: 'UINT8' };
  const all = [3, 5, 7, 11].map(async (seed) => {
    const { scores, places } = await wanted(seed);
    const inputs = [{ ...input, data: pixels(seed) }];
    const infer = async (name: string, outputs?: object[]) => {
      const { body } = await ask(`${server.url}/v2/models/${name}/infer`, { inputs, outputs });
      return (body as { outputs: { name: string; data: unknown[] }[] }).outputs;
    };
    const got = await infer('plain');
    expect(got.map(({ name }) => name)).toEqual(['logits', 'mean', 'logits_indices']);
    expect(got[2]!.data).toEqual(places);
    for (const [at, score] of scores.entries()) expect(got[0]!.data[at]).toBeCloseTo(score, 5);
    // The classes are those of all, not of the few that are left.
    const three = [{ name: 'logits', parameters: { classification: 3 } }];
    const classes = (text: unknown) => String(text).split(':').slice(1);
    const [plain, ...none] = await infer('plain', three);
    expect([plain!.data.map(classes), none]).toEqual([places.map((place) => [String(place)]), []]);
    const called = places.map((place) => [String(place), labels[place]]);
    expect((await infer('named', three))[0]!.data.map(classes)).toEqual(called);
    const reply = await call(client, 'inference.GRPCInferenceService/ModelInfer', {
      model_name: 'named',
      inputs: [input],
      outputs: [{ name: 'logits', parameters: { classification: { int64_param: 3 } } }],
      raw_input_contents: [Uint8Array.from(pixels(seed))],
    });
    // Each behind its length.
    const bytes = Buffer.from(reply.raw_output_contents[0]);
    const texts: string[] = [];
    for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32LE(at))
      texts.push(bytes.toString('utf8', at + 4, at + 4 + bytes.readUInt32LE(at)));
    expect(texts.map(classes)).toEqual(called);
    const rows = [0, 1, 2, 3, 4].map((y) =>
      [0, 1, 2, 3, 4, 5, 6].map((x) => pixels(seed).slice((y * width + x) * 3, (y * width + x + 1) * 3)),
    );
    const { body } = await ask(`${server.url}/v1/models/plain:predict`, { instances: [rows] });
    expect(body).toMatchObject({ predictions: [{ logits_indices: places }] });
  });
  await Promise.all(all);
  // Nobody can tell of what classes these are.
  expect(
    await ask(`${server.url}/v2/models/short/infer`, {
      inputs: [{ ...input, data: pixels(3) }],
      outputs: [{ name: 'logits', parameters: { classification: 1 } }],
    }),
  ).toMatchObject({ status: 501, body: { error: expect.stringContaining("'logits_indices'") } });
});

test("labels of TensorFlow Serving's classify are those of the classes that are left", async () => {
  const repository = folderOf({
    'm/1/model.onnx': identity('float32', ['N', 7]),
    'm/config.pbtxt': `max_batch_size: 8 output { name: "y" data_type: TYPE_FP32 dims: 2 label_filename: "labels.txt" }
      output { name: "places" data_type: TYPE_INT64 dims: 2 }`,
    'm/labels.txt': labels.join('\n'),
  });
  const load = { postprocess: { y: [{ step: 'topK', k: 2, indices: 'places' }] } } as const;
  const server = await startServer({ repository, models: { m: { load } }, grpc: '127.0.0.1:0' });
  const example = [0, 1, 9, 2, 8, 3, 4];
  expect((await ask(`${server.url}/v1/models/m:classify`, { examples: [{ x: example }] })).body).toEqual({
    results: [
      [
        ['cat', 9],
        ['eel', 8],
      ],
    ],
  });
  const client = grpcClient(server.grpcTarget!);
  const { result } = await call(client, 'tensorflow.serving.PredictionService/Classify', {
    model_spec: { name: 'm' },
    input: { example_list: { examples: [{ features: { feature: { x: { float_list: { value: example } } } } }] } },
  });
  expect(result.classifications[0].classes).toEqual([
    { label: 'cat', score: 9 },
    { label: 'eel', score: 8 },
  ]);
});

const saidOf = (option: string, steps: unknown) =>
  `parameters { key: "tensorlane.${option}" value { string_value: '${JSON.stringify(steps)}' } }`;

test('steps are said in config.pbtxt, too, and an ensemble has the classes of the model that its output is of', async () => {
  const classes = {
    'm/1/model.onnx': imageClassifier(),
    'm/config.pbtxt': `${config(`${indices} output { name: "mean" data_type: TYPE_FP32 dims: [3, 1, 1] }`)}
      ${saidOf('preprocess', steps.preprocess)} ${saidOf('postprocess', steps.postprocess)}`,
    'm/labels.txt': labels.join('\n'),
  };
  const ensemble = (outputs: string, maps: string, labelled = '') => `max_batch_size: 8
    input { name: "photo" data_type: TYPE_UINT8 dims: [-1, -1, 3] }
    output { name: "scores" data_type: TYPE_FP32 dims: 3 ${labelled} } ${outputs}
    ensemble_scheduling { step { model_name: "m" input_map { key: "image" value: "photo" }
      output_map { key: "logits" value: "scores" } ${maps} } }`;
  const places = 'output_map { key: "logits_indices" value: "places" }';
  const given = 'output { name: "places" data_type: TYPE_INT64 dims: 3 }';
  // Another's, which only happens to be called so.
  const misled = 'output { name: "logits_indices" data_type: TYPE_FP32 dims: [3, 1, 1] }';
  const repository = folderOf({
    ...classes,
    'e/config.pbtxt': ensemble(given, places),
    'own/config.pbtxt': ensemble(given, places, 'label_filename: "mine.txt"'),
    'own/mine.txt': labels.map((label) => label.toUpperCase()).join('\n'),
    'nested/config.pbtxt': ensemble(given, places)
      .replace('model_name: "m"', 'model_name: "e"')
      .replace('key: "image"', 'key: "photo"')
      .replace('key: "logits"', 'key: "scores"')
      .replace('key: "logits_indices"', 'key: "places"'),
    'hidden/config.pbtxt': ensemble('', places),
    'short/config.pbtxt': ensemble(misled, 'output_map { key: "mean" value: "logits_indices" }'),
    'js/1/model.mjs': 'export const inputs = [], outputs = []; export async function run() { return {}; }',
    'js/config.pbtxt': saidOf('preprocess', steps.preprocess),
    'empty/1/model.onnx': imageClassifier(),
    'empty/config.pbtxt': 'parameters { key: "tensorlane.postprocess" }',
    'unknown/1/model.onnx': imageClassifier(),
    'unknown/config.pbtxt': saidOf('preproces', steps.preprocess),
    'wrong/1/model.onnx': imageClassifier(),
    'wrong/config.pbtxt': saidOf('postprocess', { logits: [{ step: 'softmaxx' }] }),
    'parts/config.pbtxt': `${ensemble(given, places)} ${saidOf('preprocess', steps.preprocess)}`,
  });
  const server = await startServer({ repository });
  const top = async (name: string, input: string, output: string) =>
    ask(`${server.url}/v2/models/${name}/infer`, {
      inputs: [{ name: input, shape: [1, height, width, 3], datatype: 'UINT8', data: pixels(7) }],
      outputs: [{ name: output, parameters: { classification: 2 } }],
    });
  const { body } = await top('m', 'image', 'logits');
  const wanted = (body as { outputs: { data: string[] }[] }).outputs[0]!.data;
  expect(wanted[0]).toMatch(/^0\.\d{6}:(\d):[a-z]{3}$/);
  for (const name of ['e', 'nested']) {
    expect((await top(name, 'photo', 'scores')).body, name).toMatchObject({
      outputs: [{ name: 'scores', datatype: 'BYTES', shape: [1, 2], data: wanted }],
    });
  }
  expect((await top('own', 'photo', 'scores')).body).toMatchObject({
    outputs: [{ data: wanted.map((one) => one.toUpperCase()) }],
  });
  for (const [name, left] of [
    ['hidden', 'places'],
    ['short', 'logits_indices'],
  ] as const) {
    expect(await top(name, 'photo', 'scores')).toMatchObject({
      status: 501,
      body: { error: expect.stringMatching(`output 'scores' of '${name}' .*'${left}'`) },
    });
  }
  const { body: index } = await ask(`${server.url}/v2/repository/index`, {});
  for (const [name, reason] of [
    ['js', "'tensorlane.preprocess' is for a model that is an ONNX file"],
    ['parts', "'tensorlane.preprocess' is for a model that is an ONNX file"],
    ['empty', "the string_value of 'tensorlane.postprocess' must be JSON"],
    ['unknown', "'tensorlane.preproces' is unknown; those of tensorlane are 'tensorlane.preprocess' and"],
    ['wrong', 'postprocess.logits[0].step must be one of'],
  ]) {
    expect(index).toContainEqual(expect.objectContaining({ name, reason: expect.stringContaining(reason!) }));
  }
});

test('classes of an ensemble are those of the version that has answered, whatever is served by then', async () => {
  const scores = identity('float32', ['N', 3]);
  const files = (config: string, names: readonly string[]) => ({
    'm/config.pbtxt': `max_batch_size: 8 output { name: "y" data_type: TYPE_FP32 dims: 3 label_filename: "labels.txt" } ${config}`,
    'm/labels.txt': names.join('\n'),
  });
  const repository = folderOf({
    'm/1/model.onnx': scores,
    ...files('', ['one', 'two', 'three']),
    'e/config.pbtxt': `max_batch_size: 8
      input { name: "in" data_type: TYPE_FP32 dims: 3 } output { name: "out" data_type: TYPE_FP32 dims: 3 }
      ensemble_scheduling { step { model_name: "m" input_map { key: "x" value: "in" } output_map { key: "y" value: "out" } } }`,
  });
  const engine = await startEngine({ repository });
  const feeds = { in: tensor([[1, 3, 2]]) };
  const servable = engine.resolve({ name: 'e' });
  const before = await servable.run(feeds);
  // The next has the highest alone, and does not say here which they are.
  const places = 'output { name: "y_indices" data_type: TYPE_INT64 dims: 3 }';
  const top = `${places} ${saidOf('postprocess', { y: [{ step: 'topK', k: 3 }] })}`;
  put(repository, files(top, ['another', 'name', 'each']));
  await engine.refresh();
  const after = await engine.run('e', feeds);
  expect([[...before.out!.data], [...after.out!.data]]).toEqual([
    [1, 3, 2],
    [3, 2, 1],
  ]);
  const [top2] = outputTensor(servable, { name: 'out', classes: 1 }, before).data;
  expect(top2).toBe('3.000000:1:two');
  expect(() => outputTensor(engine.resolve({ name: 'e' }), { name: 'out', classes: 1 }, after)).toThrow("'y_indices'");
});

test('a step that does not fit fails the model alone, and the index says which', async () => {
  const repository = folderOf({ 'm.onnx': imageClassifier(), 'n.onnx': identity('float32', ['N', 2]) });
  const load = { preprocess: { picture: [{ step: 'imageToTensor' }] } } as const;
  const server = await startServer({ repository, models: { m: { load } } });
  const { body } = await ask(`${server.url}/v2/repository/index`, {});
  expect(body).toMatchObject([
    { name: 'm', state: 'UNAVAILABLE', reason: expect.stringContaining("preprocess: the model has no 'picture'") },
    { name: 'n', state: 'READY' },
  ]);
});

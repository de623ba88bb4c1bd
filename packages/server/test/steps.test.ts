// Steps before and after a model, as options of loading it: what clients see is what they give and get, and classes are called what they are.

import { open, tensor } from 'tensorlane';
import { expect, test } from 'vitest';
import { identity, imageClassifier } from '../../../test/support/onnx-builder.js';
import { call, grpcClient } from './calls.js';
import { ask, folderOf, startServer } from './support.js';

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

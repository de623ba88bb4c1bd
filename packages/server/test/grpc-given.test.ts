// Calls of gRPC that are small and ask for much: what they cost goes by what came.

import { describe, expect, test } from 'vitest';
import { add, identity, square } from '../../../test/support/onnx-builder.js';
import { call, grpcClient } from './calls.js';
import { ask, folderOf, startServer } from './support.js';

const predict = 'tensorflow.serving.PredictionService/Predict';
const classify = 'tensorflow.serving.PredictionService/Classify';

async function started(files: Readonly<Record<string, Uint8Array>>) {
  const server = await startServer({ repository: folderOf(files), grpc: '127.0.0.1:0' });
  return { server, client: grpcClient(server.grpcTarget!) };
}

/** How many elements arrays of numbers were made with, while `work` ran. */
async function elementsMade(work: () => Promise<unknown>): Promise<number> {
  const original = globalThis.ArrayBuffer;
  let bytes = 0;
  globalThis.ArrayBuffer = new Proxy(original, {
    construct(target, args: [number], newTarget) {
      bytes += args[0];
      return Reflect.construct(target, args, newTarget) as object;
    },
  });
  try {
    await work();
  } finally {
    globalThis.ArrayBuffer = original;
  }
  return bytes / 4;
}

const filled = (elements: number, value = 1) => ({
  dtype: 1,
  tensor_shape: { dim: [{ size: elements / 4 }, { size: 4 }] },
  float_val: [value],
});

describe('one value fills a tensor', () => {
  test('of inputs that the model has', async () => {
    const { client } = await started({ 'm.onnx': identity('float32', ['N', 4]) });
    const inputs = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`none${i}`, filled(1_000_000)]));
    const made = await elementsMade(async () =>
      expect(call(client, predict, { model_spec: { name: 'm' }, inputs })).rejects.toMatchObject({
        code: 3,
        details: expect.stringContaining("no input 'none0'; it takes 'x'"),
      }),
    );
    expect(made).toBeLessThan(1_000_000);
  });

  test('up to a number of all inputs together, and is written once', async () => {
    const { client } = await started({ 'm.onnx': add() });
    const of = (elements: number) => ({
      model_spec: { name: 'm' },
      inputs: { a: filled(elements, 2), b: filled(elements, 3) },
    });
    const reply = await call(client, predict, of(400_000));
    const sums = reply.outputs.c.float_val as number[];
    expect(sums.length).toBe(400_000);
    expect(new Set(sums)).toEqual(new Set([5]));
    await expect(call(client, predict, of(600_000))).rejects.toMatchObject({
      code: 3,
      details: expect.stringContaining('1000000 elements'),
    });
  });

  test('so does what all examples share', async () => {
    const { server, client } = await started({ 'm.onnx': square({ features: 2_000 }) });
    const floats = { float_list: { value: new Array(2_000).fill(1) } };
    const context = { features: { feature: { x: floats } } };
    const examples = Array.from({ length: 1_000 }, () => ({}));
    const input = { example_list_with_context: { context, examples } };
    const refused = { code: 3, details: expect.stringContaining('1000000 elements') };
    await expect(call(client, classify, { model_spec: { name: 'm' }, input })).rejects.toMatchObject(refused);
    const body = { context: { x: new Array(2_000).fill(1) }, examples };
    expect(await ask(`${server.url}/v1/models/m:classify`, body)).toMatchObject({ status: 400 });
  });
});

describe('what is wrong is told, whatever the length of what was sent', () => {
  const infer = 'inference.GRPCInferenceService/ModelInfer';
  const contents = { fp32_contents: [1, 2, 3, 4] };
  const input = (name: string, shape = [1, 4]) => ({ name, datatype: 'FP32', shape, contents });
  const refused = async (path: string, request: object): Promise<string> => {
    const { client } = await started({ 'm.onnx': square({ features: 4 }) });
    const error = await call(client, path, request).then(
      () => undefined,
      (reason: { code: number; details: string }) => reason,
    );
    expect(error?.code).toBe(3);
    return error!.details;
  };

  test('of many inputs, and of many outputs', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => ({ name: `tensor${i}` }));
    const inputs = many.map(({ name }) => input(name));
    expect(await refused(infer, { model_name: 'm', inputs })).toContain("'inputs' has 20000 tensors");
    expect(await refused(infer, { model_name: 'm', inputs: [input('x')], outputs: many })).toContain("'outputs' has");
    const protos = Object.fromEntries(many.map(({ name }) => [name, filled(4)]));
    expect(await refused(predict, { model_spec: { name: 'm' }, inputs: protos })).toContain("'inputs' has");
    const filter = many.map(({ name }) => name);
    const request = { model_spec: { name: 'm' }, inputs: { x: filled(4) }, output_filter: filter };
    expect(await refused(predict, request)).toContain("'output_filter' has");
    // As many as there may be, which the model has not.
    const names = await refused(infer, { model_name: 'm', inputs: inputs.slice(0, 1000) });
    expect(names).toMatch(/given was 'tensor0', .*'tensor9' and 990 more$/);
  });

  test('of many dimensions, and of long names, wherever they are cut', async () => {
    const shape = new Array(20_000).fill(1);
    expect(await refused(infer, { model_name: 'm', inputs: [input('x', shape)] })).toMatch(/dims \[1, 1, .*\.\.\.$/);
    for (const letters of ['a'.repeat(99), 'é'.repeat(20_000), '\u{1F600}'.repeat(20_000)]) {
      for (const name of [`${letters}\u{1F600}`, `b${letters}\u{1F600}`]) {
        const twice = [input(name), input(name)];
        expect(await refused(infer, { model_name: 'm', inputs: twice })).toContain(name.slice(0, 90));
      }
    }
    const { client } = await started({ 'm.onnx': square({ features: 4 }) });
    await expect(call(client, infer, { model_name: '\u{1F600}'.repeat(20_000) })).rejects.toMatchObject({ code: 5 });
  });
});

// What Prometheus scrapes.

import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { tensor } from 'tensorlane';
import { expect, onTestFinished, test } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import { messageType } from '../lib/core/protos.js';
import { createFetchHandler } from '../lib/index.js';
import { ask, folderOf, put, startEngine, startServer } from './support.js';

/** The value of a sample, by its name and labels. */
function sampleOf(text: string, name: string, labels: string): number | undefined {
  const line = text
    .split('\n')
    .find((one) => one.startsWith(`${name}{`) && labels.split(',').every((label) => one.includes(label)));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

test("the library's metrics and Triton's, of every version that is served and of no other", async () => {
  const repository = folderOf({ 'm/1/model.onnx': square({ features: 2 }), next: square({ features: 2 }) });
  const server = await startServer({ repository, linalg: true });
  const scrape = async (path = '/metrics') => {
    const { status, headers, body } = await ask(server.url + path);
    expect([status, headers.get('content-type')]).toEqual([200, expect.stringContaining('text/plain')]);
    return body as string;
  };
  const infer = (data: number[]) =>
    ask(`${server.url}/v2/models/m/infer`, {
      inputs: [{ name: 'x', shape: [1, data.length], datatype: 'FP32', data }],
    });
  for (let i = 0; i < 3; i++) await infer([1, 2]);
  await infer([1, 2, 3]);
  const text = await scrape();
  const one = 'model="m",version="1"';
  expect(sampleOf(text, 'nv_inference_request_success', one)).toBe(3);
  for (const [reason, count] of Object.entries({ REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 1 })) {
    expect(sampleOf(text, 'nv_inference_request_failure', `${one},reason="${reason}"`), reason).toBe(count);
  }
  expect(sampleOf(text, 'nv_inference_compute_input_duration_us', one)).toBe(0);
  expect(sampleOf(text, 'nv_inference_compute_output_duration_us', one)).toBe(0);
  expect(sampleOf(text, 'nv_inference_count', one)).toBe(3);
  expect(sampleOf(text, 'nv_inference_pending_request_count', one)).toBe(0);
  expect(sampleOf(text, 'nv_inference_request_duration_us', one)).toBeGreaterThan(0);
  expect(sampleOf(text, 'nv_inference_count', 'model="linalg.svd",version="1"')).toBe(0);
  expect(text).toMatch(/^tensorlane_requests_accepted_total\{.*model="m".*\} 3$/m);
  expect(text).toMatch(/^tensorlane_\w+\{.*device="cpu"/m);
  expect(await scrape('/monitoring/prometheus/metrics')).toContain('nv_inference_count');
  // The same version from another file, and another version: each is counted on or anew, and none twice.
  renameSync(join(repository, 'next'), join(repository, 'm/1/model.onnx'));
  await server.engine.refresh();
  await infer([1, 2]);
  expect(sampleOf(await scrape(), 'nv_inference_count', one)).toBe(4);
  put(repository, { 'm/2/model.onnx': square({ features: 2 }) });
  await server.engine.refresh();
  const after = await scrape();
  expect(sampleOf(after, 'nv_inference_count', one)).toBeUndefined();
  expect(sampleOf(after, 'nv_inference_count', 'model="m",version="2"')).toBe(0);
  // What clients send makes no labels.
  await ask(`${server.url}/v2/models/nobody-has-this/infer`, {});
  expect(await scrape()).not.toContain('nobody-has-this');
});

test('why requests failed, and how long those took whose model has no batches', async () => {
  const js = (body: string) => `
export const inputs = [{ name: 'x', type: 'float32' }];
export const outputs = [{ name: 'y', type: 'float32' }];
export async function run({ x }, { signal }) { ${body} }`;
  const repository = folderOf({
    'good/1/model.mjs': js('return { y: x };'),
    'bad/1/model.mjs': js('throw new Error("inside");'),
    'waits/1/model.mjs': js('await new Promise(() => {});'),
    'm.onnx': square({ features: 2 }),
  });
  const server = await startServer({ repository, linalg: true });
  const { engine } = server;
  const x = tensor([[1, 2]]);
  const abort = new AbortController();
  abort.abort();
  const failed = [
    engine.run('bad', { x }),
    engine.run('bad', {}),
    engine.run('waits', { x }, { deadlineMicros: 1000 }),
    engine.run('waits', { x }, { signal: abort.signal }),
    engine.run('linalg.inv', { a: tensor([[0]]) }),
  ];
  expect((await Promise.allSettled(failed)).map(({ status }) => status)).toEqual(failed.map(() => 'rejected'));
  for (let i = 0; i < 3; i++) await engine.run('good', { x });
  await engine.run('m', { x });
  const text = (await ask(`${server.url}/metrics`)).body as string;
  const counted = (model: string) =>
    ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'].map((reason) =>
      sampleOf(text, 'nv_inference_request_failure', `model="${model}",version="1",reason="${reason}"`),
    );
  expect([counted('bad'), counted('waits'), counted('linalg.inv')]).toEqual([
    [0, 0, 1, 1],
    [1, 1, 0, 0],
    [0, 0, 1, 0],
  ]);
  const { models } = (await ask(`${server.url}/status`)).body as {
    models: { name: string; versions: { stats: { latency: { upTo: number[]; counts: number[] } } }[] }[];
  };
  const latencyOf = (model: string) => models.find(({ name }) => name === model)!.versions[0]!.stats.latency;
  expect(latencyOf('good').counts.at(-1)).toBe(3);
  expect(latencyOf('good').counts).toEqual(latencyOf('good').counts.toSorted((a, b) => a - b));
  expect(latencyOf('good').upTo).toEqual(latencyOf('m').upTo);
});

test("TensorFlow Serving's, of its calls over REST and gRPC, how they ended and how long they took", async () => {
  const repository = folderOf({ 'm.onnx': square({ features: 2 }) });
  const server = await startServer({ repository, grpc: '127.0.0.1:0' });
  const predict = (body: unknown, model = 'm') => ask(`${server.url}/v1/models/${model}:predict`, body);
  for (let i = 0; i < 3; i++) await predict({ instances: [[1, 2]] });
  await predict({ instances: [[1, 2, 3]] });
  await predict({}, 'nobody-has-this');
  const client = new Client(server.grpcTarget!, credentials.createInsecure());
  onTestFinished(() => client.close());
  const type = messageType('tensorflow.serving.PredictRequest');
  const x = { dtype: 1, tensor_shape: { dim: [{ size: 1 }, { size: 2 }] }, float_val: [1, 2] };
  const bytes = Buffer.from(type.encode(type.fromObject({ model_spec: { name: 'm' }, inputs: { x } })).finish());
  const same = (one: Buffer) => one;
  await new Promise((resolve, reject) => {
    client.makeUnaryRequest('/tensorflow.serving.PredictionService/Predict', same, same, bytes, (error, reply) =>
      error ? reject(error) : resolve(reply),
    );
  });
  const text = (await ask(`${server.url}/monitoring/prometheus/metrics`)).body as string;
  expect(text).toMatch(/^:tensorflow:serving:request_count\{model_name="m",status="OK"\} 4$/m);
  expect(text).toMatch(/^:tensorflow:serving:request_count\{model_name="m",status="INVALID_ARGUMENT"\} 1$/m);
  for (const [entrypoint, count] of [
    ['REST', 3],
    ['GRPC', 1],
  ]) {
    const labels = `model_name="m",API="Predict",entrypoint="${entrypoint}"`;
    expect(text).toContain(`:tensorflow:serving:request_latency_count{${labels}} ${count}`);
  }
  expect(text).toMatch(/^:tensorflow:serving:request_latency_bucket\{le="18",/m);
  expect(text).not.toContain('nobody-has-this');
});

test('within another server it answers only where that is asked for', async () => {
  const engine = await startEngine({ linalg: true });
  const at = (options: object) => createFetchHandler(engine, options)(new Request('http://x/metrics'));
  expect((await at({})).status).toBe(404);
  expect((await at({ metrics: true })).status).toBe(200);
});

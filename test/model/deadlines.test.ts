// A deadline, or a signal where that was asked for, rejects while the model runs; the others of the batch get what they would.

import { type Device, type Model, open, tensor } from 'tensorlane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as models from '../support/onnx-builder.js';
import { outcome } from './support.js';

let device: Device;
let model: Model;
/** Takes tens of milliseconds. */
const features = 1024;
const row = (value: number) => tensor(new Float32Array(features).fill(value), [1, features]);

beforeAll(async () => {
  device = await open({ device: 'cpu', threads: 1 }); // a GPU would be done before its deadline
  const weights = new Float32Array(features * features);
  for (let i = 0; i < features; i++) weights[i * features + i] = 1;
  const layers = 150;
  const bytes = models.model({
    inputs: [models.value('x', 'float32', ['N', features])],
    outputs: [models.value('y', 'float32', ['N', features])],
    nodes: Array.from({ length: layers }, (_, i) =>
      models.node('MatMul', [i === 0 ? 'x' : `h${i}`, 'identity'], [i === layers - 1 ? 'y' : `h${i + 1}`]),
    ),
    initializers: [models.initializer('identity', 'float32', [features, features], weights)],
  });
  model = await device.loadModel(bytes, { batching: { maxBatchSize: 8 }, concurrency: 1 });
});
afterAll(() => device.dispose());

test('rejected while its batch runs, and before that ends', async () => {
  const controller = new AbortController();
  const order: string[] = [];
  const told = async (name: string, run: Promise<unknown>) => {
    const result = await outcome(run);
    order.push(name);
    return (result as { code?: unknown }).code ?? (result as { y: { data: Float32Array } }).y.data[0];
  };
  const before = model.stats().requests;
  const all = [
    told('fine', model.run({ x: row(1) })),
    told('late', model.run({ x: row(2) }, { deadlineMicros: 2000 })),
    told('aborted', model.run({ x: row(3) }, { signal: controller.signal, abortWhileRunning: true })),
    told('unmoved', model.run({ x: row(4) }, { signal: controller.signal })),
  ];
  // Behind the end of the turn, in which their batch starts.
  setImmediate(() => controller.abort());
  expect(await Promise.all(all)).toEqual([1, 'ERR_TIMEOUT', 'ERR_ABORTED', 4]);
  expect(order.slice(0, 2).sort()).toEqual(['aborted', 'late']);
  const { completed, expired, cancelled, pending } = model.stats().requests;
  expect({ completed, expired, cancelled, pending }).toEqual({
    completed: before.completed + 2,
    expired: before.expired + 1,
    cancelled: before.cancelled + 1,
    pending: 0,
  });
  // What the batch held has been given back: the next ones find it as it was.
  const again = await Promise.all([5, 6].map((value) => model.run({ x: row(value) })));
  expect(again.map(({ y }) => y!.data[features - 1])).toEqual([5, 6]);
});

test('what the model has shown that it cannot do in time is not started', async () => {
  await model.run({ x: row(1) });
  const { count } = model.stats().batches;
  const refused = (await outcome(model.run({ x: row(1) }, { deadlineMicros: 50 }))) as { code: string };
  expect(refused.code).toBe('ERR_TIMEOUT');
  expect(model.stats().batches.count).toBe(count);
});

// A client of TensorFlow Serving's as it stands: ten threads, each with one number, to a model that squares it.

import { expect, test } from 'vitest';
import { model, node, value } from '../../../test/support/onnx-builder.js';
import { ask, folderOf, gathering, startServer } from './support.js';

test('ten requests at once get their squares, of fewer batches', async () => {
  const dims = ['N', 1];
  const squares = model({
    inputs: [value('input_tensor', 'float32', dims)],
    outputs: [value('output', 'float32', dims)],
    nodes: [node('Mul', ['input_tensor', 'input_tensor'], ['output'])],
  });
  const server = await startServer({ repository: folderOf({ 'my_model.onnx': squares }), load: gathering });
  const post = (i: number) =>
    ask(
      `${server.url}/v1/models/my_model:predict`,
      { instances: [{ input_tensor: [i] }] },
      { headers: { 'content-type': 'application/json' } },
    );
  const replies = await Promise.all(Array.from({ length: 10 }, (_, i) => post(i)));
  expect(replies.map(({ body }) => body)).toEqual(replies.map((_, i) => ({ predictions: [[i * i]] })));
  const { body } = await ask(`${server.url}/v2/models/my_model/stats`);
  const [stats] = (body as { model_stats: { inference_count: number; execution_count: number }[] }).model_stats;
  expect(stats!.inference_count).toBe(10);
  expect(stats!.execution_count).toBeLessThan(10);
});

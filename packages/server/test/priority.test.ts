// The priority of a request says who is next, whichever way it came.

import { expect, test } from 'vitest';
import { call, grpcClient, inferOf } from './calls.js';
import { ask, folderOf, lasting, startServer, until } from './support.js';

const numbers = new Array(256).fill(1);

test('over REST and gRPC', async () => {
  const config = `max_batch_size: 1 instance_group { count: 1 kind: KIND_CPU }
    dynamic_batching { priority_levels: 2 default_priority_level: 2 }`;
  const repository = folderOf({ 'm/1/model.onnx': lasting(), 'm/config.pbtxt': config });
  const server = await startServer({ repository, grpc: '127.0.0.1:0' });
  const stats = () => server.engine.resolve({ name: 'm' }).stats()!;
  const client = grpcClient(server.grpcTarget!);
  const rest = (priority?: number) =>
    ask(`${server.url}/v2/models/m/infer`, {
      parameters: priority === undefined ? {} : { priority },
      inputs: [{ name: 'x', shape: [1, 256], datatype: 'FP32', data: numbers }],
    });
  const grpc = (priority?: number) =>
    call(client, 'inference.GRPCInferenceService/ModelInfer', {
      ...inferOf('m', numbers),
      parameters: priority === undefined ? {} : { priority: { int64_param: priority } },
    });
  const ways: readonly [string, () => Promise<unknown>][] = [
    ['default of REST', rest],
    ['second of gRPC', () => grpc(2)],
    ['default of gRPC', grpc],
    ['first of gRPC', () => grpc(1)],
    ['first of REST', () => rest(1)],
  ];
  /** All of them behind one that runs; undefined, where that was over before they had come. */
  const ordered = async () => {
    const order: string[] = [];
    const first = rest();
    await until(() => stats().batches.running === 1);
    const sent: Promise<unknown>[] = [];
    for (const [name, send] of ways) {
      sent.push(send().then(() => order.push(name)));
      await until(() => stats().requests.queued === sent.length || stats().requests.pending === 0 || order.length > 0);
    }
    const areTogether = stats().requests.queued === ways.length;
    await Promise.all([first, ...sent]);
    return areTogether ? order : undefined;
  };
  let order = await ordered();
  while (order === undefined) order = await ordered();
  expect(order).toEqual(['first of gRPC', 'first of REST', 'default of REST', 'second of gRPC', 'default of gRPC']);
});

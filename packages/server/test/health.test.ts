// Who watches health over gRPC: many see the same, each what is new, and there are no more than may be.

import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import { protos } from '../lib/core/protos.js';
import { mostWatchers } from '../lib/grpc/health.js';
import { call, grpcClient } from './calls.js';
import { folderOf, put, startServer, until } from './support.js';

const health = 'grpc.health.v1.Health';

function watchers(target: string) {
  const method = protos().lookupService(health).methods.Watch!;
  method.resolve();
  const client = grpcClient(target);
  return (service: string) => {
    const request = Buffer.from(method.resolvedRequestType!.encode({ service } as never).finish());
    const states: number[] = [];
    const stream = client.makeServerStreamRequest(
      `/${health}/Watch`,
      (one: Buffer) => one,
      (bytes) => (method.resolvedResponseType!.decode(bytes) as unknown as { status: number }).status,
      request,
      new Metadata(),
    );
    const watcher = { states, code: undefined as number | undefined, cancel: () => stream.cancel() };
    stream.on('data', (status: number) => states.push(status));
    stream.on('error', ({ code }: ServiceError) => {
      watcher.code = code;
    });
    return watcher;
  };
}

test('a list has the services and the server itself, and no names of models', async () => {
  const server = await startServer({ repository: folderOf({ 'm.onnx': 'no model' }), grpc: '127.0.0.1:0' });
  const { statuses } = await call(grpcClient(server.grpcTarget!), `${health}/List`);
  const services = ['GRPCInferenceService', 'PredictionService', 'ModelService'];
  expect(Object.keys(statuses).map((name) => name.split('.').at(-1))).toEqual(['', ...services]);
  expect(new Set(Object.values(statuses).map((one) => (one as { status: number }).status))).toEqual(new Set([2]));
});

test('each is told what is new of what it watches, until it leaves', async () => {
  const repository = folderOf({ 'm.onnx': square({ features: 2 }) });
  const server = await startServer({ repository, grpc: '127.0.0.1:0' });
  const watch = watchers(server.grpcTarget!);
  const [all, m, late, gone] = ['', 'm', 'late', 'late'].map(watch);
  await until(() => [all, m, late, gone].every((one) => one!.states.length === 1));
  expect([all!.states, m!.states, late!.states]).toEqual([[1], [1], [3]]);
  gone!.cancel();
  await until(() => gone!.code === 1);
  put(repository, { 'late.onnx': square({ features: 2 }) });
  await server.engine.refresh();
  await until(() => late!.states.length === 2);
  expect([all!.states, m!.states, late!.states, gone!.states]).toEqual([[1], [1], [3, 1], [3]]);
  // Those that come when the last has left are told, too.
  for (const one of [all, m, late]) one!.cancel();
  await until(() => [all, m, late].every((one) => one!.code === 1));
  const next = watch('next');
  await until(() => next.states.length === 1);
  put(repository, { 'next.onnx': square({ features: 2 }) });
  await server.engine.refresh();
  await until(() => next.states.length === 2);
  expect(next.states).toEqual([3, 1]);
});

test('there are as many as may be, and one that leaves makes room', async () => {
  const repository = folderOf({ 'm.onnx': square({ features: 2 }) });
  const server = await startServer({ repository, grpc: '127.0.0.1:0' });
  const watch = watchers(server.grpcTarget!);
  const watching = Array.from({ length: mostWatchers }, () => watch(''));
  await until(() => watching.every(({ states }) => states.length === 1));
  const refused = watch('');
  await until(() => refused.code !== undefined);
  expect([refused.code, refused.states]).toEqual([8, []]);
  watching[0]!.cancel();
  await until(() => watching[0]!.code === 1);
  let next = watch('');
  while (next.states.length === 0) {
    if (next.code !== undefined) next = watch('');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  expect(next.states).toEqual([1]);
});

// What is refused under load says when to come again, and over every way the same: the server's own estimate, not a constant.

import { type ClientRequest, request } from 'node:http';
import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { tensor } from 'tensorlane';
import { expect, test } from 'vitest';
import { identity, square } from '../../../test/support/onnx-builder.js';
import { protos } from '../lib/core/protos.js';
import { connect } from '../lib/index.js';
import { call, codeOf, grpcClient, inferOf } from './calls.js';
import { ask, folderOf, lasting, startServer, until } from './support.js';

const numbers = new Array(256).fill(1);
const body = { inputs: [{ name: 'x', shape: [1, 256], datatype: 'FP32', data: numbers }] };

/** The trailer of a call that failed. */
function trailerOf(target: string, name: string): Promise<string | undefined> {
  const method = protos().lookupService('inference.GRPCInferenceService').methods.ModelInfer!;
  method.resolve();
  const bytes = Buffer.from(method.resolvedRequestType!.encode(inferOf(name, numbers) as never).finish());
  const same = (one: Buffer) => one;
  return new Promise((resolve, reject) => {
    const path = '/inference.GRPCInferenceService/ModelInfer';
    grpcClient(target).makeUnaryRequest(path, same, same, bytes, new Metadata(), (error: ServiceError | null) => {
      if (error === null) reject(new Error('it was answered'));
      else resolve(error.metadata.get('grpc-retry-pushback-ms')[0]?.toString());
    });
  });
}

test.each([
  ['ERR_QUEUE_FULL', { maxBatchSize: 1, maxQueueSize: 1 }],
  ['ERR_OVERLOADED', { maxBatchSize: 1, targetLatencyMicros: 1000 }],
] as const)(
  '%s comes with a time by REST, gRPC and the client, which is that of the library',
  async (code, batching) => {
    const repository = folderOf({ 'm.onnx': lasting() });
    const server = await startServer({ repository, grpc: '127.0.0.1:0', load: { concurrency: 1, batching } });
    const servable = server.engine.resolve({ name: 'm' });
    const run = () => server.engine.run('m', { x: tensor(Float32Array.from(numbers), [1, 256]) });
    // It knows how long one takes.
    await run();
    const running: Promise<unknown>[] = [];
    for (;;) {
      const pending = servable.stats()!.requests.pending;
      const next = run();
      const refused = next.then(
        () => undefined,
        (error: { code: string; retryAfterMicros?: number }) => error,
      );
      const outcome = await Promise.race([refused, until(() => servable.stats()!.requests.pending > pending)]);
      if (outcome !== undefined) {
        expect([outcome.code, outcome.retryAfterMicros]).toEqual([code, expect.any(Number)]);
        break;
      }
      running.push(next.catch(() => {}));
    }
    using client = await connect(server.url);
    const remote = await client.model('m');
    const ofClient = await remote.run({ x: tensor(Float32Array.from(numbers), [1, 256]) }).catch((error) => error);
    expect(ofClient).toMatchObject({ code, retryAfterMicros: expect.any(Number) });
    const ofRest = await ask(`${server.url}/v2/models/m/infer`, body);
    const pushback = Number(await trailerOf(server.grpcTarget!, 'm'));
    expect(ofRest.status).toBe(503);
    // Of a queue that takes half a second a run: no fallback, and each way in its own unit.
    const exact = Number(ofRest.headers.get('tensorlane-retry-after-micros'));
    for (const micros of [ofClient.retryAfterMicros, exact, pushback * 1000]) expect(micros).toBeGreaterThan(10_000);
    expect(Number(ofRest.headers.get('retry-after'))).toBe(Math.max(1, Math.ceil(exact / 1e6)));
    await Promise.all(running);
  },
);

test('Retry-After is as long as it takes until there is room, by how fast that was', async () => {
  const limits = { bodyBytes: 8000, pendingBytes: 8000, stallSeconds: 86_400 };
  const server = await startServer({ repository: folderOf({ 'm.onnx': square({ features: 2 }) }), limits });
  const infer = `${server.url}/v2/models/m/infer`;
  const small = { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [3, 4] }] };
  // A second in which few bytes are answered.
  const began = performance.now();
  while (performance.now() - began < 1500) {
    await ask(infer, small);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const { port } = new URL(server.url);
  // Until it is let in: another request may be there at that moment.
  let holder: ClientRequest;
  const hold = () => {
    holder = request({ port, path: '/v2/models/m/infer', method: 'POST', headers: { 'content-length': 7990 } });
    holder
      .on('error', () => {})
      .on('response', hold)
      .write('{');
  };
  hold();
  let refused = await ask(infer, small);
  while (refused.status === 200) refused = await ask(infer, small);
  const exact = Number(refused.headers.get('tensorlane-retry-after-micros'));
  const large = await ask(infer, ' '.repeat(7000));
  holder!.destroy();
  expect([refused.status, large.status]).toEqual([503, 503]);
  // A hundred times as much takes as many times as long.
  expect(Number(large.headers.get('retry-after'))).toBeGreaterThan(Math.max(2, Math.ceil((exact * 10) / 1e6)));
});

test('a message of gRPC may have as many bytes as a body, above the 4 MiB of the library, and no more', async () => {
  const bodyBytes = 8 * 2 ** 20;
  const repository = folderOf({ 'm.onnx': identity('float32', ['N', 'M']) });
  const server = await startServer({ repository, grpc: '127.0.0.1:0', limits: { bodyBytes } });
  const client = grpcClient(server.grpcTarget!, undefined, { 'grpc.max_send_message_length': -1 });
  const infer = (elements: number) =>
    call(client, 'inference.GRPCInferenceService/ModelInfer', inferOf('m', new Array(elements).fill(1)));
  const { raw_output_contents: raw } = await infer(1.5 * 2 ** 20);
  expect(raw[0].length).toBe(6 * 2 ** 20);
  expect(await codeOf(infer(2.5 * 2 ** 20))).toBe(8);
  expect(await codeOf(infer(2))).toBe(0);
});

test('so many tensors a request has over REST, and no more', async () => {
  const server = await startServer({ repository: folderOf({ 'm.onnx': square({ features: 2 }) }) });
  const input = { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] };
  const infer = (inputs: number, outputs = 0) =>
    ask(`${server.url}/v2/models/m/infer`, {
      inputs: new Array(inputs).fill(input),
      ...(outputs === 0 ? {} : { outputs: new Array(outputs).fill({ name: 'y' }) }),
    });
  expect(await infer(1001)).toMatchObject({
    status: 400,
    body: { error: expect.stringMatching(/1001 tensors; 1000/) },
  });
  expect(await infer(1, 1001)).toMatchObject({
    status: 400,
    body: { error: expect.stringMatching(/1001 tensors; 1000/) },
  });
  expect(await infer(1000)).toMatchObject({ status: 400, body: { error: expect.not.stringMatching(/are the most/) } });
});

// Spans, as an SDK of OpenTelemetry's gets them.

import { AsyncLocalStorage } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Attributes,
  type Context,
  type ContextManager,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  type SpanOptions,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import { templateOf } from '../lib/core/routes.js';
import { call, grpcClient, inferOf } from './calls.js';
import { ask, folderOf, gathering, startServer } from './support.js';

interface Kept {
  readonly name: string;
  readonly own: SpanContext;
  readonly parent: SpanContext | undefined;
  readonly attributes: Attributes;
  readonly start: number;
  end: number | undefined;
}

/** The least that an SDK is: spans that are kept, W3C's context, and the context of what runs. */
let spans: Kept[] = [];
let ids = 0;

const tracer = {
  startSpan(name: string, { startTime, attributes = {} }: SpanOptions = {}, around: Context = context.active()): Span {
    const parent = trace.getSpanContext(around);
    const spanId = (++ids).toString(16).padStart(16, '0');
    const own = { traceId: parent?.traceId ?? spanId.padStart(32, '0'), spanId, traceFlags: 1 };
    const kept: Kept = {
      name,
      own,
      parent,
      attributes: { ...attributes },
      start: Number(startTime ?? Date.now()),
      end: undefined,
    };
    spans.push(kept);
    const span = {
      spanContext: () => own,
      setAttribute: (key: string, value: never) => Object.assign(kept.attributes, { [key]: value }) && span,
      setAttributes: (more: Attributes) => Object.assign(kept.attributes, more) && span,
      setStatus: () => span,
      isRecording: () => kept.end === undefined,
      end: (time?: number) => {
        kept.end = Number(time ?? Date.now());
      },
    } as unknown as Span;
    return span;
  },
} as unknown as Tracer;

class Manager implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();
  active = () => this.#storage.getStore() ?? ROOT_CONTEXT;
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    around: Context,
    run: F,
    self?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(around, () => run.call(self as never, ...args));
  }
  bind<T>(_: Context, target: T): T {
    return target;
  }
  enable = () => this;
  disable = () => this;
}

beforeEach(() => {
  spans = [];
  trace.setGlobalTracerProvider({ getTracer: () => tracer });
  context.setGlobalContextManager(new Manager());
  propagation.setGlobalPropagator({
    inject() {},
    fields: () => ['traceparent'],
    extract(around, carrier, getter) {
      const [, traceId, spanId] = String(getter.get(carrier, 'traceparent') ?? '').split('-');
      if (spanId === undefined) return around;
      return trace.setSpanContext(around, { traceId: traceId!, spanId, traceFlags: 1, isRemote: true });
    },
  });
});

afterEach(() => {
  trace.disable();
  context.disable();
  propagation.disable();
});

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const named = (name: string) => spans.filter((span) => span.name === name);

function expectTree(root: Kept): void {
  expect(root.parent).toMatchObject({ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' });
  const [queue, batch, compute] = ['queue', 'batch', 'compute'].map((name) => named(`tensorlane.${name}`).at(-1)!) as [
    Kept,
    Kept,
    Kept,
  ];
  expect([queue, batch, compute].map(({ parent }) => parent?.spanId)).toEqual([
    root.own.spanId,
    root.own.spanId,
    batch.own.spanId,
  ]);
  expect(queue.attributes).toMatchObject({ 'tensorlane.model': 'm', 'tensorlane.version': 1 });
  expect(queue.end).toBe(batch.start);
  expect(compute.start).toBeLessThanOrEqual(compute.end!);
  expect(compute.end).toBeLessThanOrEqual(batch.end!);
  for (const { end } of spans) expect(end).toBeDefined();
}

test('over HTTP and gRPC: queue, batch and compute, within what the client said', async () => {
  const server = await startServer({
    repository: folderOf({ 'm.onnx': square({ features: 2 }) }),
    grpc: '127.0.0.1:0',
  });
  const body = { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [3, 4] }] };
  await ask(`${server.url}/v2/models/m/infer`, body, { headers: { traceparent } });
  const [http] = named('POST /v2/models/{model}/infer');
  expect(http!.attributes).toMatchObject({ 'http.response.status_code': 200, 'url.path': '/v2/models/m/infer' });
  expectTree(http!);
  spans = [];
  await call(grpcClient(server.grpcTarget!), 'inference.GRPCInferenceService/ModelInfer', inferOf('m', [3, 4]), {
    traceparent,
  });
  const [grpc] = named('inference.GRPCInferenceService/ModelInfer');
  expect(grpc!.attributes).toMatchObject({ 'rpc.system': 'grpc', 'rpc.method': 'ModelInfer' });
  expectTree(grpc!);
});

test('requests that share a batch each have their own spans, which say how many they were', async () => {
  const server = await startServer({ repository: folderOf({ 'm.onnx': square({ features: 2 }) }), load: gathering });
  const body = { instances: [[3, 4]] };
  await Promise.all(Array.from({ length: 5 }, () => ask(`${server.url}/v1/models/m:predict`, body)));
  const batches = named('tensorlane.batch').map(({ attributes }) => attributes['tensorlane.batch.requests']);
  expect(batches).toHaveLength(5);
  expect(Math.max(...batches.map(Number))).toBeGreaterThan(1);
  expect(new Set(named('tensorlane.batch').map(({ parent }) => parent!.spanId)).size).toBe(5);
});

test('a decoupled model, over HTTP: the request lasts until its last answer, and all runs are within it', async () => {
  const twice = `
export const inputs = [{ name: 'x', type: 'float32', dims: [1, 2] }];
export const outputs = [{ name: 'y', type: 'float32', dims: [1, 2] }];
export async function* run({ x }, { models }) {
  for (let i = 0; i < 2; i++) yield await models.run('m', { x });
}`;
  const file = join(folderOf({}), 'trace.json');
  const server = await startServer({
    repository: folderOf({ 'm.onnx': square({ features: 2 }), 'twice/1/model.mjs': twice }),
    trace: { file },
  });
  const body = JSON.stringify({ x: [3, 4] });
  const response = await fetch(`${server.url}/v2/models/twice/generate_stream`, {
    method: 'POST',
    body,
    headers: { traceparent },
  });
  expect((await response.text()).match(/data: /g)).toHaveLength(2);
  const [root] = named('POST /v2/models/{model}/generate_stream');
  expect(root!.attributes).toMatchObject({ 'http.response.status_code': 200 });
  const runs = named('tensorlane.compute');
  expect(runs).toHaveLength(2);
  for (const { own } of spans) expect(own.traceId).toBe(root!.own.traceId);
  for (const { end } of runs) expect(end).toBeLessThanOrEqual(root!.end!);
  await server.close();
  const kept = JSON.parse(readFileSync(file, 'utf8')) as { id: number; model_name?: string; parent_id?: number }[];
  const [whole, ...steps] = kept.filter(({ model_name: name }) => name !== undefined);
  expect(whole!.model_name).toBe('twice');
  expect(steps.map((one) => [one.model_name, one.parent_id])).toEqual(Array(2).fill(['m', whole!.id]));
});

test('settings say which requests have spans', async () => {
  const repository = folderOf({ 'm.onnx': square({ features: 2 }) });
  const server = await startServer({ repository, explicitControl: true });
  const infer = () => ask(`${server.url}/v1/models/m:predict`, { instances: [[3, 4]] });
  const ended = () => spans.filter(({ name, end }) => name.startsWith('POST /v1') && end !== undefined).length;
  await ask(`${server.url}/v2/trace/setting`, { trace_rate: '2' });
  for (let i = 0; i < 6; i++) await infer();
  expect([ended(), named('tensorlane.compute').length]).toEqual([3, 3]);
  await ask(`${server.url}/v2/models/m/trace/setting`, { trace_level: ['OFF'] });
  for (let i = 0; i < 4; i++) await infer();
  expect([ended(), named('tensorlane.compute').length]).toEqual([3, 3]);
});

test('a request that fails says with what', async () => {
  const server = await startServer({ repository: folderOf({ 'm.onnx': square({ features: 2 }) }) });
  await ask(`${server.url}/v1/models/m:predict`, { instances: [[3, 4, 5]] });
  const [root] = named('POST /v1/models/{model}:predict');
  expect(root!.attributes).toMatchObject({ 'error.type': 'ERR_SHAPE', 'http.response.status_code': 400 });
});

test('names of spans are few, whatever clients ask for', () => {
  const routes = {
    '/v2/models/a%20b/versions/12/infer': '/v2/models/{model}/versions/{version}/infer',
    '/v2/models/stats': '/v2/models/stats',
    '/v2/repository/models/m/load': '/v2/repository/models/{model}/load',
    '/v1/models/m/labels/x:predict': '/v1/models/{model}/labels/{label}:predict',
    '/V1/models/m:Predict': '/v1/models/{model}:predict',
    '/metrics': '/metrics',
    '/v2/<script>': '/{path}',
    '/nothing': '/{path}',
  };
  for (const [path, route] of Object.entries(routes)) expect([path, templateOf(path)]).toEqual([path, route]);
  const asked = new Set(Array.from({ length: 100 }, (_, i) => templateOf(`/v2/models/m/x${i}`)));
  expect(asked.size).toBe(1);
});

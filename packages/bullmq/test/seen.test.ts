// What others see of a queue: Prometheus its state, OpenTelemetry one trace from the producer to the worker and back.

import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { BullMQOtel } from 'bullmq-otel';
import { tensor } from 'tensorlane';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { encodeTensors, TensorQueue, TensorWorker } from '../lib/index.js';
import { metricsOf } from '../lib/producer/metrics.js';
import { usePlace } from './support/place.js';
import { hasRedis } from './support/redis.js';
import { until } from './support/until.js';

test('metrics have labels that Prometheus can read', () => {
  const worker = {
    id: 'w',
    host: 'h',
    pid: 1,
    device: 'cpu',
    version: '1',
    slots: 8,
    running: 3,
    completed: 1,
    failed: 0,
    perSecond: 2,
    at: 0,
  };
  const text = metricsOf('a "b"', {
    waiting: 1,
    delayed: 2,
    active: 3,
    completed: 4,
    failed: 5,
    oldestMs: 1500,
    perSecond: 2,
    workers: [worker, worker],
  });
  const lines = text.split('\n');
  expect(lines).toContain('tensorlane_queue_jobs{queue="a \\"b\\"",state="failed"} 5');
  expect(lines).toContain('tensorlane_queue_oldest_job_seconds{queue="a \\"b\\""} 1.5');
  expect(lines).toContain('tensorlane_queue_worker_slots{queue="a \\"b\\""} 16');
  const bad = lines.filter((line) => line !== '' && !/^(# (HELP|TYPE) \w+ .+|\w+\{.*\} [\d.]+)$/.test(line));
  expect(bad).toEqual([]);
});

describe.skipIf(!hasRedis)('of a queue', () => {
  const place = usePlace();

  test('its metrics are those of its state', async () => {
    await using jobs = new TensorQueue('seen', { connection: place.url });
    await jobs.add('nothing', { x: tensor([1]) });
    expect(await jobs.metrics()).toContain('tensorlane_queue_jobs{queue="seen",state="waiting"} 1\n');
  });

  describe('with OpenTelemetry', () => {
    const spans = new InMemorySpanExporter();
    const telemetry = new BullMQOtel({ tracerName: 'jobs' });
    const a = tensor([[1]], { type: 'float64' });
    const tracer = () => trace.getTracer('test');
    const ended = (name: string) => spans.getFinishedSpans().filter((one) => one.name === name);

    beforeAll(() => {
      context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
      propagation.setGlobalPropagator(new W3CTraceContextPropagator());
      trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
    });
    beforeEach(() => spans.reset());
    afterAll(() => {
      context.disable();
      propagation.disable();
      trace.disable();
    });

    test('one trace goes from add through the worker to the result', async () => {
      await using jobs = new TensorQueue('traced', { connection: place.url, telemetry });
      await using worker = new TensorWorker('traced', { connection: place.url, device: place.device, telemetry });
      await worker.ready();
      const handle = await tracer().startActiveSpan('request', async (span) => {
        const added = await jobs.trace(a);
        span.end();
        return added;
      });
      // Elsewhere than where it was added, and in no span.
      await handle.result();
      await until(() => ended('process traced').length === 1);
      const [request] = ended('request');
      const names = [
        'add traced.trace',
        'process traced',
        'load traced',
        'run traced',
        'store traced',
        'result traced',
      ];
      for (const name of names) {
        const [span, ...others] = ended(name);
        expect(others, name).toEqual([]);
        expect(span?.spanContext().traceId, name).toBe(request!.spanContext().traceId);
      }
      const idOf = (name: string) => ended(name)[0]!.spanContext().spanId;
      const parentOf = (name: string) => ended(name)[0]!.parentSpanContext?.spanId;
      expect(parentOf('process traced')).toBe(idOf('add traced.trace'));
      expect(parentOf('result traced')).toBe(idOf('add traced.trace'));
      expect(parentOf('run traced')).toBe(idOf('process traced'));
      expect(ended('result traced')[0]).toMatchObject({
        kind: SpanKind.CLIENT,
        attributes: { 'bullmq.job.id': handle.id },
      });
    });

    test('jobs that are added at once stay each in the trace of who added it; a failure is in its span', async () => {
      await using jobs = new TensorQueue('traced-many', { connection: place.url, telemetry });
      await using worker = new TensorWorker('traced-many', { connection: place.url, device: place.device, telemetry });
      await worker.ready();
      const singular = tensor([[0]], { type: 'float64' });
      const handles = await Promise.all(
        ['one', 'two'].map((name) =>
          tracer().startActiveSpan(name, async (span) => {
            const handle = await jobs.inv(singular);
            span.end();
            return handle;
          }),
        ),
      );
      for (const handle of handles) await expect(handle.result()).rejects.toMatchObject({ code: 'ERR_SINGULAR' });
      await until(() => ended('run traced-many').length === 2);
      const traces = (name: string) => ended(name).map((one) => one.spanContext().traceId);
      expect(new Set(traces('run traced-many'))).toEqual(new Set([...traces('one'), ...traces('two')]));
      expect(traces('one')).not.toEqual(traces('two'));
      for (const { events } of ended('run traced-many')) expect(events.map(({ name }) => name)).toContain('exception');
    });

    test('a job that another language adds, with its traceparent', async () => {
      await using worker = new TensorWorker('traced-raw', { connection: place.url, device: place.device, telemetry });
      await worker.ready();
      const traceId = '0af7651916cd43dd8448eb211c80319c';
      const data = { tensorlane: 1, feeds: { inline: encodeTensors({ a }, 'test').toString('base64') } };
      // As docs/jobs.md has it for Python.
      const tm = JSON.stringify({ traceparent: `00-${traceId}-b7ad6b7169203331-01` });
      const { redis } = place;
      const fields = { name: 'trace', data: JSON.stringify(data), opts: JSON.stringify({ attempts: 1, tm }) };
      await redis
        .multi()
        .hset('bull:traced-raw:j1', { ...fields, timestamp: Date.now(), delay: 0, priority: 0 })
        .lpush('bull:traced-raw:wait', 'j1')
        .zadd('bull:traced-raw:marker', 0, '0')
        .exec();
      await until(() => ended('process traced-raw').length === 1);
      for (const name of ['process traced-raw', 'run traced-raw']) {
        expect(ended(name)[0]!.spanContext().traceId).toBe(traceId);
      }
      expect(ended('process traced-raw')[0]!.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    });
  });
});

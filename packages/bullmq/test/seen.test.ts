// What others see of a queue: Prometheus its state, OpenTelemetry one trace from the producer to the worker.

import { AsyncLocalStorage } from 'node:async_hooks';
import { type Device, open, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TensorQueue, type TensorQueueOptions, TensorWorker } from '../lib/index.js';
import { metricsOf } from '../lib/producer/metrics.js';
import { hasRedis, RedisServer } from './support/redis.js';

interface Trace {
  readonly trace: string;
}

/** A telemetry that keeps the trace of every span. */
function telemetry(spans: (Trace & { readonly name: string })[]) {
  const storage = new AsyncLocalStorage<Trace>();
  let number = 0;
  return {
    tracer: {
      startSpan(name: string, _: unknown, context?: Trace) {
        const span = { name, trace: (context ?? storage.getStore() ?? { trace: `trace ${++number}` }).trace };
        spans.push(span);
        const own = {
          setSpanOnContext: () => ({ trace: span.trace }),
          setAttribute() {},
          setAttributes() {},
          addEvent() {},
          recordException() {},
          end() {},
        };
        return own;
      },
    },
    contextManager: {
      with: <A>(context: Trace, run: () => A) => storage.run(context, run),
      active: () => storage.getStore(),
      getMetadata: (context: Trace) => JSON.stringify(context),
      fromMetadata: (_: Trace, metadata: string) => JSON.parse(metadata) as Trace,
    },
  } as unknown as NonNullable<TensorQueueOptions['telemetry']>;
}

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
  let server: RedisServer;
  let device: Device;
  beforeAll(async () => {
    server = await RedisServer.start();
    device = await open('cpu');
  });
  afterAll(async () => {
    await device.dispose();
    await server.stop();
  });

  test('its metrics are those of its state', async () => {
    await using jobs = new TensorQueue('seen', { connection: server.url });
    await jobs.add('nothing', { x: tensor([1]) });
    expect(await jobs.metrics()).toContain('tensorlane_queue_jobs{queue="seen",state="waiting"} 1\n');
  });

  test('a trace goes from the producer to the worker', async () => {
    const [added, worked]: [(Trace & { name: string })[], (Trace & { name: string })[]] = [[], []];
    await using jobs = new TensorQueue('traced', { connection: server.url, telemetry: telemetry(added) });
    await using worker = new TensorWorker('traced', { connection: server.url, device, telemetry: telemetry(worked) });
    await worker.ready();
    await (await jobs.trace(tensor([[1]], { type: 'float64' }))).result();
    const first = added.find(({ name }) => /^add /.test(name));
    const process = worked.find(({ name }) => /^process /.test(name));
    expect(first).toBeDefined();
    expect(process?.trace).toBe(first!.trace);
  });
});

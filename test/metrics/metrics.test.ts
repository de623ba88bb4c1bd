import { Registry } from 'prom-client';
import { type Device, type Model, open, tensor } from 'tensorlane';
import { type BatcherStats, batched } from 'tensorlane/batching';
import { collectMetrics, type MetricsOptions } from 'tensorlane/metrics';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeClock } from '../batching/fake.js';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';

let device: Device;
beforeAll(async () => {
  device = await open(testDevice);
});
afterAll(() => device.dispose());

const setUp = (options: Partial<MetricsOptions> = {}) => {
  const register = new Registry();
  return { register, metrics: collectMetrics({ registers: [register], ...options }) };
};

/** Every sample of an exposition, by its name with its labels in order. */
async function scrape(register: Pick<Registry, 'metrics'>): Promise<Map<string, number>> {
  const samples = new Map<string, number>();
  for (const line of (await register.metrics()).split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, labels, value] = /^([a-z_]+)(\{.*\})? (\S+)$/.exec(line) ?? [];
    expect(name, `not a sample: ${line}`).toBeDefined();
    const key = name! + (labels ?? '').replace(/^\{(.*)\}$/, (_, list: string) => `{${list.split(',').sort()}}`);
    expect(samples.has(key), `two samples are ${key}`).toBe(false);
    samples.set(key, Number(value));
  }
  return samples;
}

/** Those of a metric, by the value of a label. */
function by(label: string, samples: Map<string, number>, metric: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [key, value] of samples) {
    const labelled = new RegExp(`^tensorlane_${metric}\\{.*\\b${label}="([^"]*)"`).exec(key);
    if (labelled !== null) found[labelled[1]!] = value;
  }
  return found;
}

/** Everything that is counted once in the metrics and once in the statistics. */
function expectToAgree(samples: Map<string, number>, model: string, stats: BatcherStats): void {
  const one = (metric: string) => samples.get(`tensorlane_${metric}{model="${model}"}`);
  const { accepted, completed, failed, cancelled, expired, shed, pending, queued, refused } = stats.requests;
  const outcomes = by('outcome', samples, 'requests_total');
  expect(outcomes).toEqual({ completed, failed, cancelled, expired, shed });
  expect(one('requests_accepted_total')).toBe(accepted);
  expect(one('requests_pending')).toBe(pending);
  expect(one('requests_queued')).toBe(queued);
  const settled = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  expect(settled + one('requests_pending')!, 'the counters do not add up').toBe(accepted);
  expect(by('reason', samples, 'requests_refused_total')).toEqual(refused);

  const { count, rows, sizes, closed, retried, paddedRows, paddedLengths, running } = stats.batches;
  expect(by('reason', samples, 'batches_total')).toEqual(closed);
  expect(one('batches_retried_total')).toBe(retried);
  expect(one('batches_running')).toBe(running);
  expect(one('padded_rows_total')).toBe(paddedRows);
  expect(one('padded_lengths_total')).toBe(paddedLengths);
  expect(one('batch_rows_count')).toBe(count);
  expect(one('batch_rows_sum')).toBe(rows);
  for (const [most, total] of Object.entries(by('le', samples, 'batch_rows_bucket'))) {
    const limit = most === '+Inf' ? Number.POSITIVE_INFINITY : Number(most);
    const upTo = Object.entries(sizes).filter(([size]) => Number(size) <= limit);
    expect(total, `batches of up to ${most} rows`).toBe(upTo.reduce((sum, [, executions]) => sum + executions, 0));
  }

  const latencies = {
    request_queue_seconds: stats.queueMicros,
    request_seconds: stats.totalMicros,
    batch_forming_seconds: stats.formingMicros,
    batch_compute_seconds: stats.computeMicros,
  };
  for (const [metric, summary] of Object.entries(latencies)) {
    expect(one(`${metric}_count`)).toBe(summary.count);
    expect(one(`${metric}_sum`)).toBeCloseTo(summary.sum / 1e6, 9);
    const { p50, p95, p99, max } = summary;
    const quantiles = { 0.5: p50 / 1e6, 0.95: p95 / 1e6, 0.99: p99 / 1e6, 1: max / 1e6 };
    expect(by('quantile', samples, metric)).toEqual(summary.count === 0 ? {} : quantiles);
  }

  const histograms = {
    request_queue_duration_seconds: stats.queueMicros,
    request_duration_seconds: stats.totalMicros,
    batch_compute_duration_seconds: stats.computeMicros,
    batch_lane_wait_seconds: stats.laneWaitMicros,
  };
  for (const [metric, { count, sum, buckets }] of Object.entries(histograms)) {
    expect(one(`${metric}_count`)).toBe(count);
    expect(one(`${metric}_sum`)).toBeCloseTo(sum / 1e6, 9);
    const expected = buckets.upTo.map((micros, i) => [String(micros / 1e6), buckets.counts[i]]);
    expect(by('le', samples, `${metric}_bucket`)).toEqual({ ...Object.fromEntries(expected), '+Inf': count });
    expect(buckets.counts.every((upTo, i) => upTo >= (buckets.counts[i - 1] ?? 0) && upTo <= count)).toBe(true);
  }
  expect(one('lanes')).toBe(stats.lanes.size);
  expect(one('lanes_busy_seconds_total')).toBeLessThanOrEqual(stats.lanes.busyMicros / 1e6);
}

describe('a batched function', () => {
  test('every outcome, refusal and batch is counted once', async () => {
    const { register, metrics } = setUp();
    let letGo = () => {};
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    await using double = batched(
      async (items: number[]) => {
        await gate;
        return items.map((item) => (item < 0 ? new RangeError('negative') : item * 2));
      },
      { name: 'double', maxBatchSize: 4, allowedBatchSizes: [1, 4], concurrency: 1, maxQueueSize: 5, rows: Math.abs },
    );
    using _ = { [Symbol.dispose]: letGo }; // whatever fails, its disposal has nothing to wait for
    metrics.add(double);
    expectToAgree(await scrape(register), 'double', double.stats());

    const stop = new AbortController();
    const first = [double.run(1), double.run(1), double.run(1)];
    await new Promise(setImmediate); // a batch of three runs, padded to four
    const cancelled = expectError(double.run(1, { signal: stop.signal }), 'ERR_ABORTED');
    const expired = expectError(double.run(1, { timeoutMicros: 50_000 }), 'ERR_TIMEOUT');
    const failing = expect(double.run(-1)).rejects.toThrow('negative');
    const more = [double.run(2), double.run(2)];
    const refused = expectError(double.run(1), 'ERR_QUEUE_FULL');
    const oversize = expectError(double.run(5), 'ERR_SHAPE');
    stop.abort();
    await Promise.all([cancelled, expired, refused, oversize]);

    const during = await scrape(register);
    expectToAgree(during, 'double', double.stats());
    expect(during.get('tensorlane_requests_pending{model="double"}')).toBe(6);
    expect(during.get('tensorlane_requests_queued{model="double"}')).toBe(3);
    expect(during.get('tensorlane_batches_running{model="double"}')).toBe(1);
    expect(during.get('tensorlane_lanes_busy_seconds_total{model="double"}'), 'its lane is busy').toBeGreaterThan(0);

    letGo();
    expect(await Promise.all([...first, ...more])).toEqual([2, 2, 2, 4, 4]);
    await failing;
    const after = await scrape(register);
    expectToAgree(after, 'double', double.stats());
    expect(by('outcome', after, 'requests_total')).toEqual({
      completed: 5,
      failed: 1,
      cancelled: 1,
      expired: 1,
      shed: 0,
    });
    expect(by('reason', after, 'requests_refused_total')).toEqual({ queueFull: 1, overloaded: 0, oversize: 1 });
    expect(after.get('tensorlane_padded_rows_total{model="double"}')).toBeGreaterThan(0);
  });

  test('the gauges of a target latency are there with one, and only then', async () => {
    const { register, metrics } = setUp();
    const identity = async (items: number[]) => items;
    await using plain = batched(identity, { name: 'plain' });
    await using adaptive = batched(identity, { name: 'adaptive', targetLatencyMicros: 20_000, maxBatchSize: 8 });
    metrics.add(plain);
    metrics.add(adaptive);
    const samples = await scrape(register);
    expect(by('model', samples, 'latency_target_seconds')).toEqual({ adaptive: 0.02 });
    const { budgetMicros, rows, atOnce } = adaptive.stats().adaptive!;
    expect(by('model', samples, 'latency_budget_seconds')).toEqual({ adaptive: budgetMicros! / 1e6 });
    expect(by('model', samples, 'batch_rows_limit')).toEqual({ adaptive: rows });
    expect(by('model', samples, 'batches_limit')).toEqual({ adaptive: atOnce });
  });
});

describe('models and devices', () => {
  const row = (...values: number[]) => tensor(Float32Array.from(values), [1, values.length]);

  test('a model by its name, and the device it is on', async () => {
    const { register, metrics } = setUp();
    await using model = await device.loadModel(models.square({ features: 2 }), { name: 'square' });
    metrics.add(model);
    metrics.add(device);
    await Promise.all([1, 2, 3, 4, 5].map((i) => model.run({ x: row(i, i) })));
    await model.run({ x: row(1, 1) });
    const samples = await scrape(register);
    expectToAgree(samples, 'square', model.stats());
    expect(samples.get('tensorlane_batch_rows_sum{model="square"}')).toBe(6);

    const { streams, memory, models: loaded, tensors } = device.stats();
    const label = device.info.kind === 'cpu' ? 'cpu' : `${device.info.kind}:${device.info.index}`;
    const one = (metric: string) => samples.get(`tensorlane_device_${metric}{device="${label}"}`);
    expect(one('streams')).toBe(streams.size);
    expect(one('operations_total')).toBe(streams.completed);
    expect(one('operations_queued')).toBe(streams.queued);
    for (const [metric, micros] of [
      ['streams_busy_seconds_total', streams.busyMicros],
      ['operations_queue_seconds_total', streams.waitedMicros],
    ] as const) {
      expect(one(metric)).toBeGreaterThan(0);
      expect(one(metric)).toBeCloseTo(micros / 1e6, 9);
    }
    expect(one('models')).toBe(loaded);
    expect(one('tensors')).toBe(tensors);
    expect(one('memory_limit_bytes')).toBe(memory.limitBytes);
    expect(one('memory_peak_bytes')).toBe(memory.peakBytes);
  });

  test("the device's memory follows its tensors", async () => {
    const { register, metrics } = setUp();
    metrics.add(device, { device: 'here' });
    const used = async () => (await scrape(register)).get('tensorlane_device_memory_tensor_bytes{device="here"}')!;
    const before = await used();
    const kept = await device.put(tensor(new Float32Array(1000), [1000]));
    expect(await used()).toBeGreaterThanOrEqual(before + 4000);
    await kept.dispose();
    expect(await used()).toBe(before);
  });

  test('what is disposed, removed or lost is left out', async () => {
    const { register, metrics } = setUp();
    const known = async () => Object.keys(by('model', await scrape(register), 'requests_accepted_total')).sort();
    const load = (name: string): Promise<Model> => device.loadModel(models.square(), { name });
    await using first = await load('first');
    await using second = await load('second');
    metrics.add(first);
    {
      using _ = metrics.add(second);
      addLost(metrics);
      expect(await known()).toEqual(['first', 'lost', 'second']);
    }
    expect(await known()).not.toContain('second');
    metrics.remove(first);
    metrics.remove(first);
    const third = await load('third');
    metrics.add(third);
    expect(await known()).toContain('third');
    await third.dispose();
    expect(await known()).not.toContain('third');
    for (let i = 0; i < 20 && (await known()).length > 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      globalThis.gc!();
    }
    expect(await known(), 'a source was kept alive').toEqual([]);
  });

  /** In a frame of its own, so that nothing on the stack keeps it. */
  function addLost(metrics: ReturnType<typeof collectMetrics>): void {
    metrics.add(batched(async (items: number[]) => items, { name: 'lost' }));
  }
});

test('histograms of several processes can be added up, and their type is known', async () => {
  const { register, metrics } = setUp();
  const clocks = [new FakeClock(), new FakeClock()];
  const took = [
    [100, 200, 3000],
    [200, 20_000_000],
  ];
  for (const [i, clock] of clocks.entries()) {
    const all = batched(async (items: string[]) => items, {
      name: `replica${i}`,
      clock,
      maxQueueDelayMicros: 30_000_000,
    });
    metrics.add(all);
    for (const micros of took[i]!) {
      const result = all.run('x');
      clock.stall(micros);
      const others = Array.from({ length: 31 }, () => all.run('x')); // which fill the batch: it waits no more
      await Promise.all([result, ...others]);
    }
  }
  const samples = await scrape(register);
  const upTo = (seconds: string) =>
    [0, 1].reduce(
      (sum, i) =>
        sum + samples.get(`tensorlane_batch_compute_duration_seconds_bucket{le="${seconds}",model="replica${i}"}`)!,
      0,
    );
  expect(upTo('+Inf')).toBe(5);
  const late = (seconds: string) =>
    [0, 1].reduce((sum, i) => {
      const of = (metric: string) => samples.get(`tensorlane_request_queue_duration_seconds_${metric}`)!;
      return sum + of(`count{model="replica${i}"}`) - of(`bucket{le="${seconds}",model="replica${i}"}`);
    }, 0);
  expect([late('0.0001'), late('0.00025'), late('0.0025'), late('0.005'), late('10')]).toEqual([4, 2, 2, 1, 1]);
  const text = await register.metrics();
  expect(text).toContain('# TYPE tensorlane_request_duration_seconds histogram');
  expect(text).toContain('# TYPE tensorlane_request_seconds summary');
});

describe('registries', () => {
  const source = () => batched(async (items: number[]) => items, { name: 'it' });

  test('several at once, one of them for OpenMetrics', async () => {
    const plain = new Registry();
    const openMetrics = new Registry();
    openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    const metrics = collectMetrics({ registers: [plain, openMetrics] });
    await using it = source();
    metrics.add(it);
    await it.run(1);
    const name = 'tensorlane_requests_accepted_total{model="it"}';
    for (const register of [openMetrics, plain, openMetrics, plain]) {
      expect((await scrape(register)).get(name)).toBe(1);
    }
    expect(await openMetrics.metrics()).toContain('# TYPE tensorlane_requests_accepted counter');
    expect(await plain.metrics()).toContain('# TYPE tensorlane_requests_accepted_total counter');
  });

  test("a prefix, labels, and the registry's own default labels", async () => {
    const { register, metrics } = setUp({ prefix: 'ours_', labels: { zone: 'a' } });
    register.setDefaultLabels({ host: 'h' });
    await using it = source();
    metrics.add(it, { version: '2' });
    const samples = await scrape(register);
    expect(samples.get('ours_requests_pending{host="h",model="it",version="2",zone="a"}')).toBe(0);
    expect([...samples.keys()].every((key) => key.startsWith('ours_'))).toBe(true);
  });

  test('registries that are merged, and values as JSON', async () => {
    const { register, metrics } = setUp();
    await using it = source();
    metrics.add(it);
    const merged = Registry.merge([register, new Registry()]);
    expect((await scrape(merged)).get('tensorlane_requests_pending{model="it"}')).toBe(0);
    const json = await register.getMetricsAsJSON();
    expect(json.find(({ name }) => name === 'tensorlane_requests_pending')).toMatchObject({
      type: 'gauge',
      values: [{ value: 0, labels: { model: 'it' } }],
    });
  });

  test('a reset of the registry leaves the counters as they are', async () => {
    const { register, metrics } = setUp();
    await using it = source();
    metrics.add(it);
    await it.run(1);
    register.resetMetrics();
    expectToAgree(await scrape(register), 'it', it.stats());
  });

  test('disposing takes the metrics out, so that they can be registered anew', async () => {
    const { register, metrics } = setUp();
    await using it = source();
    metrics.add(it);
    metrics.dispose();
    metrics.dispose();
    expect(register.getMetricsAsArray()).toEqual([]);
    collectMetrics({ registers: [register] }).add(it);
    expect((await scrape(register)).get('tensorlane_requests_pending{model="it"}')).toBe(0);
  });
});

describe('mistakes', () => {
  const attempt = (work: () => unknown) => Promise.resolve().then(work);

  test.each([
    ['no registries', {}, /registers must be registries of prom-client.*npm install prom-client/],
    ['no registry at all', { registers: [] }, /registers must be/],
    ['something else', { registers: [{}] }, /registers must be/],
    ['an option that there is not', { registers: [new Registry()], register: 1 }, /no option 'register'/],
    ['a prefix', { registers: [new Registry()], prefix: '1-' }, /prefix must be .* got '1-'/],
    ['a label', { registers: [new Registry()], labels: { 'a-b': 'x' } }, /'a-b' cannot be a label/],
    ['a label that is taken', { registers: [new Registry()], labels: { le: 'x' } }, /'le' cannot be a label/],
    ['a value of a label', { registers: [new Registry()], labels: { a: 1 } }, /labels.a must be a string, got 1/],
  ])('%s', async (_, options, message) => {
    await expectError(
      attempt(() => collectMetrics(options as unknown as MetricsOptions)),
      'ERR_ARGUMENT',
      message,
    );
  });

  test('a name that a registry has already leaves all registries as they were', async () => {
    const taken = setUp().register;
    const free = new Registry();
    const before = taken.getMetricsAsArray().length;
    const again = attempt(() => collectMetrics({ registers: [free, taken] }));
    await expectError(again, 'ERR_ARGUMENT', /'tensorlane_requests_accepted_total' already/);
    expect(free.getMetricsAsArray()).toEqual([]);
    expect(taken.getMetricsAsArray()).toHaveLength(before);
  });

  test('two sources that Prometheus could not tell apart', async () => {
    const { register, metrics } = setUp();
    const identity = async (items: number[]) => items;
    await using one = batched(identity, { name: 'same' });
    await using other = batched(identity, { name: 'same' });
    metrics.add(one);
    metrics.add(one);
    await expectError(
      attempt(() => metrics.add(other)),
      'ERR_ARGUMENT',
      /something else has the labels {"model":"same"}/,
    );
    metrics.add(other, { version: '2' });
    expect((await scrape(register)).size).toBeGreaterThan(0); // no sample is there twice
  });

  test('a source that is none', async () => {
    const { metrics } = setUp();
    for (const source of [undefined, {}, { stats: () => ({}) }]) {
      await expectError(
        attempt(() => metrics.add(source as never)),
        'ERR_ARGUMENT',
        /add takes a model, a batched function/,
      );
    }
  });
});

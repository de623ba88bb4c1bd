import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type BatchEvent, open, type RequestEvent, tensor } from 'tensorlane';
import { expect, onTestFinished, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';

/** What the channels tell from now to the end of the test. */
function listen() {
  const batches: BatchEvent[] = [];
  const requests: RequestEvent[] = [];
  const onBatch = (event: unknown) => batches.push(event as BatchEvent);
  const onRequest = (event: unknown) => requests.push(event as RequestEvent);
  subscribe('tensorlane:batch', onBatch);
  subscribe('tensorlane:request', onRequest);
  const stop = () => {
    unsubscribe('tensorlane:batch', onBatch);
    unsubscribe('tensorlane:request', onRequest);
  };
  onTestFinished(stop);
  return { batches, requests, stop };
}

const count = <T>(items: readonly T[], is: (item: T) => boolean) => items.filter(is).length;

test("a model's events add up to its statistics", async () => {
  const { batches, requests } = listen();
  await using device = await open(testDevice);
  await using model = await device.loadModel(models.lookup(), {
    name: 'lookup',
    batching: { priorityLevels: 2, allowedBatchSizes: [1, 4, 8] },
  });
  const stop = new AbortController();
  const run = (index: number, options = {}) =>
    model.run({ index: tensor(BigInt64Array.of(BigInt(index)), [1, 1]) }, options);
  const good = [run(1), run(2, { priority: 2 })];
  const bad = expectError(run(99), 'ERR_MODEL');
  const cancelled = expectError(run(3, { signal: stop.signal }), 'ERR_ABORTED');
  stop.abort();
  await Promise.all([...good, bad, cancelled]);
  await model.dispose();

  const stats = model.stats();
  expect(batches.map(({ batcher }) => batcher)).toEqual(batches.map(() => 'lookup'));
  for (const [reason, closed] of Object.entries(stats.batches.closed)) {
    expect(
      count(batches, (batch) => batch.reason === reason),
      `batches that closed by '${reason}'`,
    ).toBe(closed);
  }
  const { accepted, completed, failed } = stats.requests;
  const outcomes = (outcome: string) => count(requests, (request) => request.outcome === outcome);
  expect(requests).toHaveLength(accepted);
  expect([outcomes('completed'), outcomes('failed'), outcomes('cancelled')]).toEqual([completed, failed, 1]);
  expect([completed, failed]).toEqual([2, 1]);
  expect(requests.find(({ priority }) => priority === 2)).toMatchObject({ outcome: 'completed', rows: 1 });
  for (const { totalMicros } of requests) expect(totalMicros).toBeGreaterThanOrEqual(0);
  expect(batches.reduce((sum, batch) => sum + batch.requests, 0)).toBe(accepted - 1);
  for (const { computeMicros, formingMicros, rows, paddedRows } of batches) {
    expect(computeMicros).toBeGreaterThan(0);
    expect(formingMicros).toBeGreaterThanOrEqual(0);
    expect([1, 4]).toContain(rows + paddedRows);
  }
});

test('a batch of which every request failed says so', async () => {
  const { batches } = listen();
  await using device = await open(testDevice);
  await using model = await device.loadModel(models.lookup(), { name: 'lookup' });
  const bad = () => expectError(model.run({ index: tensor(BigInt64Array.of(99n), [1, 1]) }), 'ERR_MODEL');
  await Promise.all([bad(), bad()]);
  await model.dispose();
  expect(batches).toMatchObject([{ requests: 2, rows: 2, failed: true }]);
});

test('whoever does not listen any more is told nothing', async () => {
  const { batches, requests, stop } = listen();
  await using device = await open(testDevice);
  await using model = await device.loadModel(models.square(), { name: 'square' });
  const run = () => model.run({ x: tensor(new Float32Array(16), [1, 16]) });
  await run();
  stop();
  await run();
  await model.dispose();
  expect(requests).toMatchObject([{ batcher: 'square', outcome: 'completed', rows: 1, priority: 1 }]);
  expect(batches).toHaveLength(1);
});

// What tells that lanes are short: how long they are busy, and how long batches that might start wait for one.

import { expect, test } from 'vitest';
import { setUp } from './fake.js';

test('lanes are busy while a batch runs, until now, and once for each', async () => {
  const { clock, executor, batcher, submit } = setUp({ maxBatchSize: 1, concurrency: 2 });
  expect(batcher.stats().lanes).toEqual({ size: 2, busyMicros: 0 });
  void submit('a');
  await clock.advance(0);
  await clock.advance(100);
  expect(batcher.stats().lanes.busyMicros).toBe(100);
  void submit('b');
  await clock.advance(0);
  await clock.advance(50);
  expect(batcher.stats().lanes.busyMicros).toBe(200);
  await executor.running[0]!.finish();
  await clock.advance(1000);
  await executor.running[0]!.finish();
  await clock.advance(1000);
  expect(batcher.stats().lanes).toEqual({ size: 2, busyMicros: 1200 });
});

test('a batch that was run again piece by piece has its lane for as long', async () => {
  const { clock, executor, batcher, submit } = setUp();
  void submit('a');
  void submit('b');
  await clock.advance(0);
  await clock.advance(100);
  await executor.running[0]!.fail(new Error('both'));
  for (let i = 0; i < 2; i++) {
    await clock.advance(100);
    await executor.running[0]!.finish();
  }
  expect(batcher.stats().lanes.busyMicros).toBe(300);
});

test.each([
  ['none, where a lane is free', {}, 0, 0],
  ['from the arrival of the first, without a delay', {}, 700, 700],
  ['from the end of the delay', { maxQueueDelayMicros: 200 }, 700, 500],
  ['none, where the delay is not over', { maxQueueDelayMicros: 2000 }, 700, 0],
])('how long a batch waits for its lane: %s', async (_, options, busyFor, waits) => {
  const { clock, executor, batcher, submit } = setUp(options);
  if (busyFor > 0) {
    void submit('busy', { alone: true });
    await clock.advance(0);
  }
  const before = batcher.stats().laneWaitMicros;
  void submit('a');
  await clock.advance(busyFor);
  if (busyFor > 0) await executor.running[0]!.finish();
  await clock.advance(2000);
  const { count, sum } = batcher.stats().laneWaitMicros;
  expect([count - before.count, sum - before.sum]).toEqual([1, waits]);
});

test('a full batch waits from the moment when it was full', async () => {
  const { clock, executor, batcher, submit } = setUp({ maxQueueDelayMicros: 5000 });
  void submit('busy', { alone: true });
  await clock.turn();
  for (const item of 'abcd') {
    await clock.advance(100);
    void submit(item);
  }
  await clock.advance(250);
  await executor.running[0]!.finish();
  expect(executor.log.at(-1)).toEqual(['a', 'b', 'c', 'd']);
  expect(batcher.stats().laneWaitMicros).toMatchObject({ count: 2, sum: 250 });
});

test('a run that waited for its turn waits for a lane from its turn on', async () => {
  const { clock, executor, batcher } = setUp({ concurrency: 1 });
  let letGo = () => {};
  const before = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const make = () => ({ payload: 'a', key: 'shape', rows: 1, alone: false });
  void batcher.submitInTurn({ before, waiting: 0, maxWaiting: 0, hold: () => {}, make }, {});
  await clock.advance(900);
  letGo();
  await clock.turn();
  await clock.turn();
  expect(executor.log).toEqual([['a']]);
  const { laneWaitMicros, queueMicros, formingMicros } = batcher.stats();
  expect([laneWaitMicros.sum, queueMicros.sum, formingMicros.sum]).toEqual([0, 900, 0]);
});

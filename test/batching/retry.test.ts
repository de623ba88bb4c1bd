// After how long a request that found the queue full may find a place: an estimate of what runs, and of what goes first.

import { expect, test } from 'vitest';
import type { NoPlace } from '../../lib/batching/errors.js';
import { Failure } from '../../lib/batching/running/executor.js';
import { now, setUp } from './fake.js';

type Fake = ReturnType<typeof setUp>;

/** A batch of so many rows takes so long. */
async function run({ clock, executor, submit }: Fake, rows: number, micros: number) {
  void submit('lesson', { rows });
  await clock.turn();
  await clock.advance(micros);
  await executor.running[0]!.finish();
}

async function retryAfter({ submit }: Fake, options: object = {}): Promise<number> {
  const outcome = (await now(submit('refused', options))) as Failure;
  expect(outcome).toBeInstanceOf(Failure);
  expect(outcome.reason).toBe('queueFull');
  return (outcome.cause as NoPlace).retryAfterMicros;
}

test('what is left of the run before, as long as such a run takes', async () => {
  const fake = setUp({ maxQueueSize: 1 });
  await run(fake, 1, 9000);
  void fake.submit('runs');
  await fake.clock.turn();
  void fake.submit('waits');
  expect(await retryAfter(fake)).toBe(9000);
  await fake.clock.advance(4000);
  expect(await retryAfter(fake)).toBe(5000);
  await fake.clock.advance(4900);
  expect(await retryAfter(fake), 'less than a timer of Node’s can wait').toBe(1000);
});

test('as long again as a run is late, or has run where nothing is known', async () => {
  const fake = setUp({ maxQueueSize: 1 });
  void fake.submit('runs');
  await fake.clock.turn();
  void fake.submit('waits');
  await fake.clock.advance(3000);
  expect(await retryAfter(fake)).toBe(3000);
  await fake.executor.running[0]!.finish();
  await fake.clock.turn(); // the second one runs
  void fake.submit('waits');
  await fake.clock.advance(8000);
  expect(await retryAfter(fake)).toBe(5000);
});

test('the first of several lanes', async () => {
  const fake = setUp({ maxQueueSize: 1, concurrency: 2, maxBatchSize: 1 });
  await run(fake, 1, 9000);
  void fake.submit('runs');
  await fake.clock.advance(0);
  await fake.clock.advance(2000);
  void fake.submit('runs too');
  await fake.clock.advance(0);
  await fake.clock.advance(1000);
  void fake.submit('waits');
  expect(await retryAfter(fake)).toBe(6000);
});

test('and as long as what has a higher priority takes', async () => {
  const fake = setUp({ maxBatchSize: 2, priorityLevels: 2, queuePolicies: { 2: { maxQueueSize: 1 } } });
  await run(fake, 2, 9000);
  void fake.submit('runs', { rows: 2 });
  await fake.clock.turn();
  void fake.submit('waits', { priority: 2 });
  for (let i = 0; i < 5; i++) void fake.submit('first', { priority: 1 });
  expect(await retryAfter(fake, { priority: 2 })).toBe(9000 + 2 * 9000);
});

test('who comes back then finds a place, in a steady load', async () => {
  const fake = setUp({ maxQueueSize: 4 });
  await run(fake, 4, 9000);
  const load = () => {
    for (let i = 0; i < 4; i++) void fake.submit('load');
  };
  load();
  await fake.clock.turn();
  load();
  await fake.clock.advance(2500);
  const wait = await retryAfter(fake);
  await fake.clock.advance(wait);
  await fake.executor.running[0]!.finish();
  expect(await now(fake.submit('again'))).toBeUndefined();
});

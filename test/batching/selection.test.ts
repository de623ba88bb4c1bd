// Looking at what may start next changes nothing: no timer, no queue; and one place alone arms the timer.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BatcherOptions, completeBatcherOptions } from '../../lib/batching/options.js';
import { Wake } from '../../lib/batching/time/wake.js';
import { Queue } from '../../lib/batching/waiting/queue.js';
import { QueuedRequest } from '../../lib/batching/waiting/request.js';
import { Selection } from '../../lib/batching/waiting/selection.js';
import { FakeClock, setUp } from './fake.js';

function queued(options: BatcherOptions = {}, running = { size: 0 }) {
  const settings = completeBatcherOptions({ maxBatchSize: 4, concurrency: 1, ...options }, 'batching');
  let emptied = 0;
  const queue = new Queue<string, string>(settings.policies.length, settings.priorityAgingMicros, () => emptied++);
  const limits = { rowsOf: () => settings.maxBatchSize, atOnce: settings.concurrency };
  const selection = new Selection(settings, limits, queue, running);
  const push = (key: string, arrived: number, rows = 1, alone = false) => {
    const request = new QueuedRequest<string, string>(key, key, rows, 0, alone, 0, arrived, () => {});
    queue.push(request);
    return request;
  };
  const next = (now: number) => {
    const bucket = selection.next(now);
    return typeof bucket === 'number' ? bucket : bucket.key;
  };
  return { queue, selection, push, next, emptied: () => emptied };
}

describe('the next bucket', () => {
  test('is that of the request that came first, of those that may start', () => {
    const { push, next } = queued({ maxQueueDelayMicros: 100 });
    push('late', 50);
    push('early', 10);
    expect(next(60), 'neither has waited').toBe(110);
    expect(next(110)).toBe('early');
    expect(next(160)).toBe('early');
    for (let i = 0; i < 3; i++) push('late', 60);
    expect(next(60), 'a full one').toBe('late');
  });

  test('is none where nothing waits, and while no lane is free', () => {
    const running = { size: 0 };
    const { push, next } = queued({}, running);
    expect(next(0)).toBe(Number.POSITIVE_INFINITY);
    push('a', 0);
    expect(next(0)).toBe('a');
    running.size = 1;
    expect(next(1000)).toBe(Number.POSITIVE_INFINITY);
  });

  test('waits for nothing any more once nothing more will come', () => {
    const { selection, push, next } = queued({ maxQueueDelayMicros: 100 });
    push('a', 0);
    expect(next(1)).toBe(100);
    selection.stopWaiting();
    expect(next(1)).toBe('a');
  });

  test('is the same however often it is asked for, and asking changes nothing', () => {
    const requests = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(300), fc.integer({ min: 1, max: 4 })));
    const delays = fc.constantFrom(0, 100, 250);
    fc.assert(
      fc.property(requests, delays, fc.nat(600), fc.boolean(), (all, maxQueueDelayMicros, now, preferred) => {
        const { queue, selection, push, next } = queued({
          maxQueueDelayMicros,
          ...(preferred && { preferredBatchSizes: [2] }),
        });
        const sorted = all.toSorted(([, a], [, b]) => a - b);
        for (const [key, arrived, rows] of sorted) push(key, arrived, rows);
        const seen = () => [...queue.buckets()].map(({ key, rows, requests }) => [key, rows, requests]);
        const before = seen();
        const first = next(now);
        const chosen = selection.next(now);
        if (typeof chosen !== 'number') {
          const plan = selection.plan(chosen, now);
          expect(plan, 'what may start has a batch').toMatchObject({ requests: expect.any(Array) });
          expect(plan).toEqual(selection.plan(chosen, now));
        } else expect(chosen, 'a time that has come').toBeGreaterThan(now);
        expect(next(now)).toBe(first);
        expect(seen()).toEqual(before);
      }),
    );
  });
});

test('a queue says when it is empty, and its buckets are as new then', () => {
  const { queue, push, emptied } = queued();
  const requests = [push('a', 0, 2), push('b', 0), push('a', 1, 3)];
  for (const request of requests) {
    expect(emptied()).toBe(0);
    queue.remove(request);
  }
  expect(emptied()).toBe(1);
  push('a', 5);
  const [bucket] = queue.buckets();
  expect([bucket!.rows, bucket!.requests, bucket!.oldest(), queue.keys]).toEqual([1, 1, 5, 1]);
});

describe('the wake', () => {
  const waking = () => {
    const clock = new FakeClock();
    const looks: number[] = [];
    let armed = 0;
    const { after } = clock;
    clock.after = (...args) => {
      armed++;
      return after.apply(clock, args);
    };
    return { clock, looks, wake: new Wake(clock, () => looks.push(clock.now())), armed: () => armed };
  };

  test('comes at the time that was said last, once', async () => {
    const { clock, looks, wake, armed } = waking();
    wake.at(300);
    wake.at(300);
    expect(armed(), 'a timer was armed again for the same time').toBe(1);
    wake.at(100);
    wake.at(200);
    await clock.advance(1000);
    expect(looks).toEqual([200]);
    wake.at(200); // over, and so at once
    await clock.advance(0);
    expect(looks).toEqual([200, 1000]);
    expect(clock.timers).toBe(0);
  });

  test('leaves no timer where there is nothing to wait for', async () => {
    const { clock, looks, wake } = waking();
    wake.at(300);
    wake.at(Number.POSITIVE_INFINITY);
    expect(clock.timers).toBe(0);
    await clock.advance(1000);
    expect(looks).toEqual([]);
  });

  test('comes once at the end of a turn, however often it was asked for', async () => {
    const { clock, looks, wake } = waking();
    wake.soon();
    wake.soon();
    await clock.turn();
    expect(looks.length).toBe(1);
    wake.soon();
    await clock.turn();
    expect(looks.length).toBe(2);
  });
});

test('a batch that waits has one timer for all that comes meanwhile', async () => {
  const { clock, executor, submit } = setUp({ maxQueueDelayMicros: 300, maxBatchSize: 100 });
  let armed = 0;
  const { after } = clock;
  clock.after = (...args) => {
    armed++;
    return after.apply(clock, args);
  };
  for (let i = 0; i < 20; i++) {
    void submit(`i${i}`);
    await clock.advance(10);
  }
  expect([armed, clock.timers]).toEqual([1, 1]);
  await clock.advance(100);
  expect(executor.log.length).toBe(1);
  expect([armed, clock.timers]).toEqual([1, 0]);
});

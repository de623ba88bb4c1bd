// batched(): the scheduler for a function of one's own, as its users see it.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, test } from 'vitest';
import { Batched, type BatchedOptions, batched } from '../../lib/batching/batched.js';
import type { BatchEvent, RequestEvent } from '../../lib/batching/statistics/events.js';
import type { StartedBatch } from '../../lib/batching/statistics/observer.js';
import { TensorlaneError } from '../../lib/core/errors.js';
import { FakeClock, FakeExecutor } from './fake.js';

/** A function that doubles, whose batches are kept. */
function doubling(options: BatchedOptions<number> = {}) {
  const clock = new FakeClock();
  const batches: number[][] = [];
  const double = async (items: number[]) => {
    batches.push(items);
    return items.map((item) => item * 2);
  };
  return { clock, batches, double: batched(double, { clock, maxBatchSize: 4, concurrency: 1, ...options }) };
}

async function errorFrom(promise: Promise<unknown>): Promise<TensorlaneError> {
  try {
    await promise;
  } catch (error) {
    expect(error).toBeInstanceOf(TensorlaneError);
    return error as TensorlaneError;
  }
  throw new Error('it did not fail');
}

describe('batched', () => {
  test('calls of a turn share a batch, and each gets its own result', async () => {
    const { clock, batches, double } = doubling();
    const results = [1, 2, 3].map((item) => double.run(item));
    await clock.turn();
    expect(await Promise.all(results)).toEqual([2, 4, 6]);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  test('an observer is told of the batches of its request alone, before it is settled', async () => {
    const { clock, double } = doubling({ maxBatchSize: 2 });
    const told: string[] = [];
    const observer = {
      started: ({ requests, rows, reason }: StartedBatch) => told.push(`${requests} ${rows} ${reason}`),
      ran: ({ computeMicros }: { computeMicros: number }) => told.push(`ran ${computeMicros}`),
    };
    const results = [1, 2, 3].map((item) => double.run(item, item === 2 ? { observer } : {}));
    results[1]!.then(() => told.push('settled'));
    await clock.turn();
    await Promise.all(results);
    expect(told).toEqual(['2 2 full', 'ran 0', 'settled']);
    for (const wrong of [1, { started: 1 }]) {
      const error = await errorFrom(double.run(1, { observer: wrong as never }));
      expect([error.code, error.message]).toEqual(['ERR_ARGUMENT', expect.stringContaining('observer')]);
    }
  });

  test('runs on real time where no clock is given', async () => {
    await using double = batched(async (items: number[]) => items.map((item) => item * 2), {
      maxQueueDelayMicros: 500,
    });
    expect(await Promise.all([1, 2, 3].map((item) => double.run(item)))).toEqual([2, 4, 6]);
    expect(double.stats().batches).toMatchObject({ count: 1, rows: 3, closed: { delay: 1 } });
  });

  test('a function that gives its array at once will do', async () => {
    const clock = new FakeClock();
    const same = batched(((items: number[]) => items) as never, { clock });
    const result = same.run(1);
    await clock.turn();
    expect(await result).toBe(1);
  });

  test('items have as many rows as they say, and share with those of their key', async () => {
    const { clock, batches, double } = doubling({ rows: (item) => item, key: (item) => (item % 2 ? 'odd' : 'even') });
    const results = [1, 2, 3, 2, 1].map((item) => double.run(item));
    await clock.turn();
    expect(await Promise.all(results)).toEqual([2, 4, 6, 4, 2]);
    expect(batches).toEqual([[1, 3], [2, 2], [1]]);
  });

  test('what `rows` and `key` throw, or `rows` should not give, rejects that caller alone', async () => {
    const broken = new Error('not this one');
    const { clock, double } = doubling({
      rows: (item) => (item === 13 ? 0 : 1),
      key: (item) => {
        if (item === 99) throw broken;
        return '';
      },
    });
    const good = double.run(1);
    await expect(double.run(99)).rejects.toBe(broken);
    expect((await errorFrom(double.run(13))).message).toBe(
      'batched: rows of an item must be an integer of at least 1, got 0',
    );
    await clock.turn();
    expect(await good).toBe(2);
    expect(double.stats().requests).toMatchObject({ accepted: 1, completed: 1 });
  });

  test('what the function fails with reaches the callers as it is, and only the culprits', async () => {
    class OwnError extends Error {}
    const clock = new FakeClock();
    const check = batched(
      async (items: number[]) => {
        if (items.includes(13)) throw new OwnError(`failed on ${items}`);
        return items;
      },
      { clock },
    );
    const results = [1, 13, 2].map((item) => check.run(item));
    const outcomes = Promise.allSettled(results);
    await clock.turn();
    const [first, second, third] = await outcomes;
    expect([first, third]).toMatchObject([{ value: 1 }, { value: 2 }]);
    expect(second).toMatchObject({ status: 'rejected', reason: new OwnError('failed on 13') });
    expect((second as PromiseRejectedResult).reason).toBeInstanceOf(OwnError);
  });

  test('an Error among the results rejects its caller alone, and nothing is called again', async () => {
    const clock = new FakeClock();
    const odd = new Error('odd');
    let calls = 0;
    const even = batched(
      async (items: number[]) => {
        calls++;
        return items.map((item) => (item % 2 ? odd : item));
      },
      { clock },
    );
    const outcomes = Promise.allSettled([2, 3].map((item) => even.run(item)));
    await clock.turn();
    expect(await outcomes).toEqual([
      { status: 'fulfilled', value: 2 },
      { status: 'rejected', reason: odd },
    ]);
    expect(calls).toBe(1);
  });

  test('what is no array, or too short a one, is refused and says so', async () => {
    for (const [wrong, message] of [
      [undefined, 'batched: the function must give an array, got undefined'],
      [[], 'the executor gave 0 results for 1 requests; it has to give one for each, in order'],
    ] as const) {
      const clock = new FakeClock();
      const outcome = batched((async () => wrong) as never, { clock })
        .run(1)
        .catch((error: Error) => error.message);
      await clock.turn();
      expect(await outcome).toBe(message);
    }
  });

  test('each failure of the scheduler has its code, and the stack of the caller', async () => {
    const { clock, double } = doubling({ maxQueueSize: 3, name: 'double', rows: (item) => (item === 100 ? 5 : 1) });
    const controller = new AbortController();
    async function theCaller(item: number, options?: Parameters<typeof double.run>[1]) {
      return await double.run(item, options);
    }
    const oversize = await errorFrom(theCaller(100));
    const wrong = await errorFrom(theCaller(1, { priority: 2 }));
    const aborted = theCaller(1, { signal: controller.signal });
    const late = theCaller(2, { timeoutMicros: 50 });
    const fine = theCaller(3);
    const full = await errorFrom(theCaller(4));
    controller.abort(new Error('bye'));
    clock.stall(60);
    const late_ = errorFrom(late);
    const aborted_ = errorFrom(aborted);
    await clock.turn();
    expect(await fine).toBe(6);
    await double.dispose();
    const disposed = await errorFrom(theCaller(1));

    const all = { oversize, wrong, full, late: await late_, aborted: await aborted_, disposed };
    expect(Object.fromEntries(Object.entries(all).map(([name, { code, message }]) => [name, [code, message]]))).toEqual(
      {
        oversize: ['ERR_SHAPE', 'double: more rows than maxBatchSize, 4; split the request, or set splitOversize'],
        wrong: ['ERR_ARGUMENT', 'double: priority must be an integer from 1 to priorityLevels, 1, got 2'],
        full: [
          'ERR_QUEUE_FULL',
          'double: the queue is full, with 3 requests (maxQueueSize); try again in 1000 microseconds, or elsewhere',
        ],
        late: ['ERR_TIMEOUT', 'double: not started within 50 microseconds'],
        aborted: ['ERR_ABORTED', 'double: aborted by its signal'],
        disposed: ['ERR_DISPOSED', 'double: it has been disposed'],
      },
    );
    expect(all.aborted.cause).toEqual(new Error('bye'));
    for (const [name, { stack }] of Object.entries(all)) expect(stack, name).toContain('theCaller');
  });

  test('disposing lets the accepted ones finish and refuses new ones; it may be done again', async () => {
    const { clock, double } = doubling({ maxQueueDelayMicros: 1000 });
    const results = [1, 2].map((item) => double.run(item));
    const disposed = double.dispose();
    expect(double.dispose()).toBe(disposed);
    expect((await errorFrom(double.run(3))).code).toBe('ERR_DISPOSED');
    await clock.turn();
    expect(await Promise.all(results)).toEqual([2, 4]);
    await disposed;
    await double[Symbol.asyncDispose]();
    expect(clock.timers, 'a timer was left behind').toBe(0);
  });

  test('an executor of one’s own may split and join', async () => {
    const clock = new FakeClock();
    const executor = new FakeExecutor(clock);
    const texts = new Batched(executor, { clock, maxBatchSize: 4, rows: (text) => text.length });
    const result = texts.run('abcdef');
    await clock.turn();
    while (executor.running.length > 0) await executor.running[0]!.finish();
    expect(await result).toBe('ABCDEF[0..4]+ABCDEF[4..6]');
    expect(executor.held.size).toBe(0);
  });
});

describe('the counters', () => {
  test('add up: accepted = completed + failed + cancelled + expired + shed + pending', async () => {
    const clock = new FakeClock();
    const executor = new FakeExecutor(clock);
    const all = new Batched(executor, { clock, maxBatchSize: 2, concurrency: 1, maxQueueSize: 7 });
    const ignore = () => {};
    const controller = new AbortController();
    const run = (item: string, options = {}) => void all.run(item, options).catch(ignore);
    run('done');
    run('done too');
    run('refused'); // by the executor
    run('cancelled', { signal: controller.signal });
    run('expires', { timeoutMicros: 50 });
    run('fails');
    for (const item of 'abcd') run(item);
    run('one too many');
    await clock.turn();
    controller.abort();
    await clock.advance(60);
    await executor.running[0]!.finish();
    await executor.running[0]!.fail(new Error('both'));
    await executor.running[0]!.fail(new Error('this one'));
    await executor.running[0]!.finish();
    const { requests, batches } = all.stats();
    expect(requests).toEqual({
      accepted: 10,
      completed: 3,
      failed: 2,
      cancelled: 1,
      expired: 1,
      shed: 0,
      pending: 3,
      queued: 1,
      refused: { queueFull: 1, overloaded: 0, oversize: 0 },
    });
    expect(batches).toMatchObject({ count: 5, rows: 8, running: 1, retried: 1, sizes: { 1: 2, 2: 3 } });
  });

  test('histograms have what they are named after', async () => {
    const clock = new FakeClock();
    const executor = new FakeExecutor(clock);
    const all = new Batched(executor, { clock, maxBatchSize: 2, concurrency: 1, maxQueueDelayMicros: 100 });
    const results = [all.run('a')];
    await clock.advance(40);
    results.push(all.run('b'));
    await clock.advance(300);
    await executor.running[0]!.finish();
    await Promise.all(results);
    const { queueMicros, formingMicros, computeMicros, totalMicros } = all.stats();
    expect(queueMicros).toMatchObject({ count: 2, max: 40 });
    expect(formingMicros).toMatchObject({ count: 1, max: 40 });
    // Two digits of it are kept.
    expect(computeMicros.count).toBe(1);
    expect(Math.abs(computeMicros.max - 300)).toBeLessThan(4);
    expect(totalMicros.count).toBe(2);
    expect(Math.abs(totalMicros.max - 340)).toBeLessThan(4);
  });
});

describe('events', () => {
  test('tell of each batch and each accepted request', async () => {
    const clock = new FakeClock();
    const executor = new FakeExecutor(clock);
    const all = new Batched(executor, {
      clock,
      name: 'mine',
      allowedBatchSizes: [2, 4],
      maxQueueDelayMicros: 100,
      priorityLevels: 2,
      splitOversize: false,
      rows: (item) => item.length,
    });
    const batches: BatchEvent[] = [];
    const requests: RequestEvent[] = [];
    const onBatch = (event: unknown) => batches.push(event as BatchEvent);
    const onRequest = (event: unknown) => requests.push(event as RequestEvent);
    subscribe('tensorlane:batch', onBatch);
    subscribe('tensorlane:request', onRequest);
    const controller = new AbortController();
    const cancelled = all.run('c', { signal: controller.signal });
    controller.abort();
    const outcomes = Promise.allSettled([
      cancelled,
      all.run('aa', { priority: 2 }),
      all.run('b'),
      all.run('too large'), // not accepted
    ]);
    await clock.advance(100);
    await clock.advance(20);
    await executor.running[0]!.finish();
    await outcomes;
    const last = Promise.allSettled([all.run('dd'), all.run('ee')]);
    await clock.turn();
    await executor.running[0]!.fail(new Error('broken'));
    await executor.running[0]!.fail(new Error('broken'));
    await executor.running[0]!.fail(new Error('broken'));
    await last;
    unsubscribe('tensorlane:batch', onBatch);
    unsubscribe('tensorlane:request', onRequest);

    expect(batches).toEqual([
      {
        batcher: 'mine',
        reason: 'delay',
        requests: 2,
        rows: 3,
        paddedRows: 1,
        formingMicros: 100,
        computeMicros: 20,
        deviceMicros: 20,
        failed: false,
      },
      {
        batcher: 'mine',
        reason: 'full',
        requests: 2,
        rows: 4,
        paddedRows: 0,
        formingMicros: 0,
        computeMicros: 0,
        deviceMicros: 0,
        failed: true,
      },
    ]);
    const event = { batcher: 'mine', priority: 1 };
    expect(requests).toEqual([
      { ...event, outcome: 'cancelled', rows: 1, totalMicros: 0 },
      { ...event, outcome: 'completed', rows: 1, totalMicros: 120 },
      { ...event, outcome: 'completed', rows: 2, totalMicros: 120, priority: 2 },
      { ...event, outcome: 'failed', rows: 2, totalMicros: 0 },
      { ...event, outcome: 'failed', rows: 2, totalMicros: 0 },
    ]);
  });

  test('tell of a request that the executor does not take over', async () => {
    const clock = new FakeClock();
    const all = new Batched(new FakeExecutor(clock), { clock });
    const requests: unknown[] = [];
    const onRequest = (event: unknown) => requests.push(event);
    subscribe('tensorlane:request', onRequest);
    await all.run('refused').catch(() => {});
    unsubscribe('tensorlane:request', onRequest);
    expect(requests).toEqual([{ batcher: 'batched', outcome: 'failed', rows: 1, priority: 1, totalMicros: 0 }]);
  });

  test('nothing is told, and nothing is different, where nobody listens', async () => {
    const { clock, double } = doubling();
    const told: unknown[] = [];
    const listen = (event: unknown) => told.push(event);
    subscribe('tensorlane:batch', listen);
    unsubscribe('tensorlane:batch', listen);
    const result = double.run(1);
    await clock.turn();
    expect(await result).toBe(2);
    expect(told).toEqual([]);
  });
});

// Who may queue, for how long, and who comes first: bounds, timeouts, priorities.

import { describe, expect, test } from 'vitest';
import { Failure } from '../../lib/batching/running/executor.js';
import { now, setUp } from './fake.js';

/** With the only lane busy, so that all that comes is queued. */
async function busy(options: Parameters<typeof setUp>[0]) {
  const all = setUp(options);
  void all.submit('busy');
  await all.clock.turn();
  /** What ran after that, a string for each batch. */
  const rest = () => all.executor.log.slice(1).map((items) => items.join(' '));
  return { ...all, rest };
}

describe('the bound of the queue', () => {
  test('a bound of 8 with 10 sent: exactly 2 are refused, at once', async () => {
    const { batcher, submit, finishAll } = await busy({ maxQueueSize: 8 });
    const results = [...'abcdefghij'].map((item) => submit(item));
    const full = new Failure('queueFull', { maxQueueSize: 8, of: 'queue', retryAfterMicros: 1000 });
    expect(await now(results[8]!)).toEqual(full);
    expect(await now(results[9]!)).toEqual(full);
    expect(await now(results[7]!)).toBeUndefined();
    await finishAll();
    expect(await Promise.all(results.slice(0, 8))).toEqual([...'ABCDEFGH']);
    expect(batcher.stats().requests).toMatchObject({ accepted: 9, completed: 9, refused: { queueFull: 2 } });
  });

  test('what runs does not count, nor what has left', async () => {
    const { executor, submit, finishAll } = await busy({ maxQueueSize: 2 });
    const controller = new AbortController();
    void submit('a', { signal: controller.signal });
    void submit('b');
    controller.abort();
    const c = submit('c');
    expect(await submit('d')).toBeInstanceOf(Failure);
    await executor.running[0]!.finish(); // b and c run now
    const e = submit('e');
    await finishAll();
    expect([await c, await e]).toEqual(['C', 'E']);
  });

  test('a full queue of one model does not hold up another', async () => {
    const one = await busy({ maxQueueSize: 1 });
    const other = setUp({ maxQueueSize: 1 }, { clock: one.clock });
    void one.submit('a');
    expect(await one.submit('b')).toBeInstanceOf(Failure);
    const result = other.submit('c');
    await other.clock.turn();
    await other.executor.running[0]!.finish();
    expect(await result).toBe('C');
    expect(one.executor.running.length).toBe(1);
  });
});

describe('priorities', () => {
  test('the highest goes first, and within one the oldest', async () => {
    const { submit, finishAll, rest } = await busy({ priorityLevels: 3, maxBatchSize: 2 });
    for (const [item, priority] of [
      ['low', 3],
      ['middle1', 2],
      ['high1', 1],
      ['middle2', undefined],
      ['high2', 1],
    ] as const) {
      void submit(item, { priority });
    }
    await finishAll();
    expect(rest()).toEqual(['high1 high2', 'middle1 middle2', 'low']);
  });

  test('go before other shapes, too', async () => {
    const { submit, finishAll, rest } = await busy({ priorityLevels: 2 });
    void submit('low', { priority: 2, key: 'one' });
    void submit('high', { priority: 1, key: 'other' });
    await finishAll();
    expect(rest()).toEqual(['high', 'low']);
  });

  test('each has a bound of its own', async () => {
    const { batcher, submit, finishAll } = await busy({
      priorityLevels: 3,
      maxQueueSize: 2,
      queuePolicies: { 1: { maxQueueSize: 0 }, 3: { maxQueueSize: 1 } },
    });
    const refused = async (priority: number, sent: number) => {
      const results = Array.from({ length: sent }, (_, i) => now(submit(`p${priority}-${i}`, { priority })));
      return (await Promise.all(results)).filter((result) => result instanceof Failure).length;
    };
    expect(await refused(1, 20), 'no bound').toBe(0);
    expect(await refused(2, 4), 'the general bound').toBe(2);
    expect(await refused(3, 4), 'one of its own').toBe(3);
    expect(batcher.stats().requests).toMatchObject({ queued: 23, refused: { queueFull: 5 } });
    await finishAll();
  });

  test('each has a timeout of its own', async () => {
    const { clock, submit, finishAll } = await busy({
      priorityLevels: 2,
      defaultTimeoutMicros: 100,
      queuePolicies: { 2: { defaultTimeoutMicros: 300 } },
    });
    const high = submit('high', { priority: 1 });
    const low = submit('low', { priority: 2 });
    await clock.advance(100);
    expect(await now(high)).toEqual(new Failure('expired', 100));
    expect(await now(low)).toBeUndefined();
    await clock.advance(200);
    expect(await now(low)).toEqual(new Failure('expired', 300));
    await finishAll();
  });

  test('the lowest is not starved for ever: it is passed by those that come within the time it ages', async () => {
    const { clock, executor, submit } = await busy({ priorityLevels: 2, priorityAgingMicros: 1000, maxBatchSize: 1 });
    const low = submit('low', { priority: 2 });
    // Twice as many come as can run.
    for (let i = 0; executor.log.at(-1)![0] !== 'low' && i < 1000; i++) {
      void submit(`high${i}a`, { priority: 1 });
      void submit(`high${i}b`, { priority: 1 });
      await clock.advance(100);
      await executor.running[0]!.finish();
    }
    expect(executor.log.length, 'the busy one, two every 100 microseconds for 1000, and itself').toBe(1 + 22 + 1);
    await executor.running[0]!.finish();
    expect(await low).toBe('LOW');
  });
});

describe('timeouts', () => {
  test('reject: one that is older than its timeout never runs', async () => {
    const { clock, batcher, submit, finishAll, rest } = await busy({ defaultTimeoutMicros: 50 });
    const late = submit('late');
    await clock.advance(49);
    expect(await now(late)).toBeUndefined();
    const other = submit('other');
    await clock.advance(1);
    expect(await now(late)).toEqual(new Failure('expired', 50));
    await finishAll();
    expect(rest()).toEqual(['other']);
    expect(await other).toBe('OTHER');
    expect(clock.timers, 'a timer was left behind').toBe(0);
    expect(batcher.stats().requests).toMatchObject({ completed: 2, expired: 1 });
  });

  test('reject: nor where its timer is late, because the thread was held up', async () => {
    const { clock, executor, submit, finishAll, rest } = await busy({ defaultTimeoutMicros: 50, maxBatchSize: 2 });
    const late = [submit('late', { rows: 5 }), ...[...'abc'].map((item) => submit(item))];
    clock.stall(45);
    const other = submit('other');
    clock.stall(10);
    await executor.running[0]!.finish();
    expect(rest()).toEqual(['other']);
    for (const result of late) expect(await now(result)).toEqual(new Failure('expired', 50));
    await finishAll();
    expect(await other).toBe('OTHER');
  });

  test('giving up those that are late starts no more batches than there are lanes', async () => {
    const { clock, executor, submit, finishAll } = await busy({ maxBatchSize: 1 });
    const late = submit('late', { timeoutMicros: 50 });
    for (const item of 'abc') void submit(item);
    clock.stall(60);
    await executor.running[0]!.finish();
    expect(executor.running.map(({ items }) => items)).toEqual([['a']]);
    expect(await late).toBeInstanceOf(Failure);
    await finishAll();
  });

  test('reject: ten thousand shapes may be late at once', async () => {
    const { clock, executor, batcher, submit } = await busy({ defaultTimeoutMicros: 50 });
    const late = Array.from({ length: 10_000 }, (_, i) => submit(`late${i}`, { key: `${i}` }));
    clock.stall(60);
    await executor.running[0]!.finish();
    expect((await Promise.all(late)).every((outcome) => outcome instanceof Failure)).toBe(true);
    expect(batcher.stats().requests).toMatchObject({ expired: 10_000, queued: 0 });
    expect(clock.timers, 'a timer was left behind').toBe(0);
  });

  test('delay: one that is older than its timeout runs when all others have', async () => {
    const { clock, batcher, submit, finishAll, rest } = await busy({
      defaultTimeoutMicros: 50,
      timeoutAction: 'delay',
      maxBatchSize: 2,
      priorityLevels: 2,
    });
    const late = [submit('late1', { priority: 1 }), submit('late2', { priority: 1 })];
    await clock.advance(50);
    for (const item of 'abc') void submit(item, { priority: 2 });
    await finishAll();
    expect(rest()).toEqual(['a b', 'c late1', 'late2']);
    expect(await Promise.all(late)).toEqual(['LATE1', 'LATE2']);
    expect(batcher.stats().requests).toMatchObject({ expired: 0, completed: 6 });
  });

  test('delay: a cancellation still counts', async () => {
    const { clock, submit, finishAll, rest } = await busy({ defaultTimeoutMicros: 50, timeoutAction: 'delay' });
    const controller = new AbortController();
    const late = submit('late', { signal: controller.signal });
    await clock.advance(60);
    controller.abort('gone');
    expect(await late).toEqual(new Failure('cancelled', 'gone'));
    await finishAll();
    expect(rest()).toEqual([]);
  });

  test('an override shortens the default, and never lengthens it', async () => {
    const { clock, submit, finishAll } = await busy({ defaultTimeoutMicros: 100 });
    const short = submit('short', { timeoutMicros: 30 });
    const long = submit('long', { timeoutMicros: 5000 });
    await clock.advance(30);
    expect(await now(short)).toEqual(new Failure('expired', 30));
    await clock.advance(70);
    expect(await now(long)).toEqual(new Failure('expired', 100));
    await finishAll();
  });

  test('an override counts where there is no default', async () => {
    const { clock, submit, finishAll } = await busy({});
    const result = submit('a', { timeoutMicros: 30 });
    await clock.advance(30);
    expect(await now(result)).toEqual(new Failure('expired', 30));
    await finishAll();
  });

  test('an override counts for nothing where allowTimeoutOverride is false', async () => {
    const { clock, submit, finishAll } = await busy({ defaultTimeoutMicros: 100, allowTimeoutOverride: false });
    const result = submit('a', { timeoutMicros: 30 });
    await clock.advance(99);
    expect(await now(result)).toBeUndefined();
    await clock.advance(1);
    expect(await now(result)).toEqual(new Failure('expired', 100));
    await finishAll();
  });

  test('one that runs does not expire', async () => {
    const { clock, executor, submit } = setUp({ defaultTimeoutMicros: 100 });
    const result = submit('a');
    await clock.turn();
    await clock.advance(1000);
    await executor.running[0]!.finish();
    expect(await result).toBe('A');
  });
});

// A deadline holds for the whole of a request: it is rejected at its moment, whatever runs on, and not started where it could not
// be met. A signal does the same where that was asked for.

import { describe, expect, test } from 'vitest';
import { batched } from '../../lib/batching/batched.js';
import { errorOf } from '../../lib/batching/errors.js';
import { Foresight } from '../../lib/batching/learning/foresight.js';
import { Failure } from '../../lib/batching/running/executor.js';
import type { TensorlaneError } from '../../lib/core/errors.js';
import { FakeClock, now, setUp } from './fake.js';

const missed = (deadlineMicros: number) => new Failure('expired', { deadlineMicros });

/** A batcher that has seen a batch of each of these sizes take so long. */
async function taught(options: Parameters<typeof setUp>[0], times: readonly [rows: number, micros: number][]) {
  const all = setUp(options);
  for (const [rows, micros] of times) {
    void all.submit('lesson', { rows });
    await all.clock.advance(0);
    await all.clock.advance(micros);
    await all.executor.running[0]!.finish();
  }
  all.executor.log.length = 0;
  return all;
}

describe('a deadline', () => {
  test('rejects while the batch runs on: the others get theirs, and what it held is freed when the batch ends', async () => {
    const { clock, executor, batcher, submit } = setUp();
    const results = [submit('a'), submit('b', { deadlineMicros: 300 }), submit('c', { deadlineMicros: 900 })];
    await clock.turn();
    await clock.advance(299);
    expect(await now(results[1]!)).toBeUndefined();
    await clock.advance(1);
    expect(await now(results[1]!)).toEqual(missed(300));
    expect(batcher.stats()).toMatchObject({ requests: { expired: 1, pending: 2 }, batches: { running: 1 } });
    expect(executor.held.has('b'), 'its batch still reads it').toBe(true);
    await clock.advance(400);
    await executor.running[0]!.finish();
    expect(await Promise.all(results)).toEqual(['A', missed(300), 'C']);
    expect(executor.held.size).toBe(0);
    expect(batcher.stats().requests).toMatchObject({ accepted: 3, completed: 2, expired: 1, pending: 0, queued: 0 });
    expect(clock.timers, 'a timer was left behind').toBe(0);
  });

  test('rejects while queued, with or without a delay, and leaves no timer', async () => {
    const { clock, executor, submit } = setUp({ maxQueueDelayMicros: 500 });
    const result = submit('a', { deadlineMicros: 200 });
    await clock.advance(200);
    expect(await now(result)).toEqual(missed(200));
    expect(executor.held.size + clock.timers).toBe(0);
    await clock.advance(1000);
    expect(executor.log).toEqual([]);
  });

  test('gives no answer after its moment, though its timer comes late', async () => {
    const { clock, executor, submit } = setUp();
    const results = [submit('a', { deadlineMicros: 100 }), submit('b')];
    await clock.turn();
    clock.stall(150);
    await executor.running[0]!.finish();
    expect(await Promise.all(results)).toEqual([missed(100), 'B']);
  });

  test('of the policy is shortened by the request’s own, never lengthened; some may bring none', async () => {
    const { clock, submit } = setUp({
      defaultDeadlineMicros: 100,
      priorityLevels: 2,
      queuePolicies: { 2: { allowTimeoutOverride: false, defaultDeadlineMicros: 400 } },
    });
    const results = [
      submit('shorter', { deadlineMicros: 50 }),
      submit('longer', { deadlineMicros: 5000 }),
      submit('default'),
      submit('own', { deadlineMicros: 10, priority: 2 }),
    ];
    await clock.turn();
    const outcomes = () => Promise.all(results.map(now));
    await clock.advance(50);
    expect(await outcomes()).toEqual([missed(50), undefined, undefined, undefined]);
    await clock.advance(50);
    expect(await outcomes()).toEqual([missed(50), missed(100), missed(100), undefined]);
    await clock.advance(300);
    expect((await outcomes())[3]).toEqual(missed(400));
  });

  test('of a request in several parts: those that are queued never run, whatever the others do', async () => {
    const { clock, executor, batcher, submit, finishAll } = setUp();
    const result = submit('a', { rows: 10, deadlineMicros: 300 });
    const other = submit('b');
    await clock.turn();
    await clock.advance(300);
    expect(await now(result)).toEqual(missed(300));
    await finishAll();
    expect(executor.log).toEqual([['a[0..4]'], ['b']]);
    expect(await other).toBe('B');
    expect(executor.held.size).toBe(0);
    expect(batcher.stats().requests).toMatchObject({ accepted: 2, completed: 1, expired: 1, pending: 0 });
  });

  test.each([
    ['', (clock: FakeClock) => clock.advance(100)],
    [', though its timer comes late', (clock: FakeClock) => clock.stall(100)],
  ])('of a batch that fails: what is late is not run again%s', async (_, pass) => {
    const { clock, executor, submit, finishAll } = setUp();
    const results = [submit('a', { deadlineMicros: 100 }), submit('b')];
    await clock.turn();
    await pass(clock);
    await executor.running[0]!.fail(new Error('both'));
    await finishAll();
    expect(executor.log).toEqual([['a', 'b'], ['b']]);
    expect(await Promise.all(results)).toEqual([missed(100), 'B']);
  });

  test('lets those out that wait for it to be answered before them', async () => {
    const { clock, executor, submit } = setUp({ preserveOrdering: true, maxBatchSize: 1, concurrency: 2 });
    const [slow, quick] = [submit('slow', { deadlineMicros: 500 }), submit('quick')];
    await clock.turn();
    await executor.running[1]!.finish();
    expect(await now(quick)).toBeUndefined();
    await clock.advance(500);
    expect(await Promise.all([slow, quick].map(now))).toEqual([missed(500), 'QUICK']);
  });

  test('holds for an answer that waits for those before it', async () => {
    const { clock, executor, batcher, submit } = setUp({ preserveOrdering: true, maxBatchSize: 1, concurrency: 2 });
    const slow = submit('slow');
    const quick = submit('quick', { deadlineMicros: 500 });
    await clock.turn();
    await executor.running[1]!.finish();
    expect(executor.held.has('quick'), 'what is answered is freed').toBe(false);
    expect(batcher.pending).toBe(2);
    await clock.advance(500);
    expect(await now(quick)).toEqual(missed(500));
    await executor.running[0]!.finish();
    expect(await slow).toBe('SLOW');
    expect(batcher.stats().requests).toMatchObject({ completed: 1, expired: 1, pending: 0 });
  });

  test('does not end the wait of close(): what runs is waited for', async () => {
    const { clock, executor, batcher, submit } = setUp();
    void submit('a', { deadlineMicros: 100 });
    await clock.turn();
    let closed = false;
    const closing = batcher.close().then(() => {
      closed = true;
    });
    await clock.advance(100);
    expect(batcher.pending).toBe(0);
    expect(closed).toBe(false);
    await executor.running[0]!.finish();
    await closing;
    expect(executor.held.size).toBe(0);
  });
});

describe('what cannot be answered in time', () => {
  test('is not started, once it is known how long a run takes, and says so', async () => {
    const { clock, executor, batcher, submit } = await taught({}, [[1, 500]]);
    const result = submit('a', { deadlineMicros: 400 });
    await clock.turn();
    const failure = (await now(result)) as Failure;
    expect(executor.log).toEqual([]);
    const { code, message } = errorOf(failure, 'run');
    expect([code, message]).toEqual([
      'ERR_TIMEOUT',
      'run: not started, as it could not be answered within 400 microseconds (its deadline): 400 are left, and a run takes 500',
    ]);
    expect(batcher.stats().requests).toMatchObject({ expired: 1, pending: 0 });
    const fits = submit('b', { deadlineMicros: 500 });
    await clock.turn();
    expect(executor.log).toEqual([['b']]);
    await executor.running[0]!.finish();
    expect(await fits).toBe('B');
  });

  test('makes room in the batch for those that can', async () => {
    const { clock, executor, submit, finishAll } = await taught({}, [
      [1, 100],
      [4, 400],
    ]);
    void submit('busy');
    await clock.turn();
    const results = [...'abcdef'].map((item, i) => submit(item, i < 2 ? { deadlineMicros: 450 } : {}));
    await clock.advance(100);
    await executor.running[0]!.finish();
    expect(executor.log).toEqual([['busy'], ['c', 'd', 'e', 'f']]);
    await finishAll();
    const outcomes = await Promise.all(results);
    expect(outcomes.slice(0, 2).map((outcome) => (outcome as Failure).reason)).toEqual(['expired', 'expired']);
    expect(outcomes.slice(2)).toEqual(['C', 'D', 'E', 'F']);
  });

  test('is judged by the batches of its own key alone', async () => {
    const { clock, executor, submit } = await taught({}, [[1, 500]]);
    const other = submit('a', { deadlineMicros: 400, key: 'smaller' });
    await clock.turn();
    await executor.running[0]!.finish();
    expect(await other).toBe('A');
  });

  test('is tried again after a while, and a faster run counts at once', async () => {
    const { clock, executor, submit } = await taught({ maxBatchSize: 1 }, [[1, 500_000]]); // as a first run may be
    const soon = submit('a', { deadlineMicros: 100_000 });
    await clock.turn();
    expect(await now(soon)).toBeInstanceOf(Failure);
    await clock.advance(8 * 500_000 + 1);
    const later = submit('b', { deadlineMicros: 100_000 });
    await clock.advance(5000);
    await executor.running[0]!.finish();
    expect(await later).toBe('B');
    const then = submit('c', { deadlineMicros: 6000 });
    await clock.turn();
    await executor.running[0]!.finish();
    expect(await then).toBe('C');
  });

  test('does not take what failed for a lesson', async () => {
    const { clock, executor, submit } = setUp();
    const failed = submit('a');
    await clock.advance(900);
    await executor.running[0]!.fail(new Error('no'));
    await failed;
    void submit('b', { deadlineMicros: 10 });
    await clock.turn();
    expect(executor.log.at(-1)).toEqual(['b']);
  });

  test('is learned by a warm-up', async () => {
    const { clock, executor, batcher, submit } = setUp();
    const warm = batcher.warmUp('w', { key: 'shape', rows: 1 });
    await clock.advance(700);
    await executor.running[0]!.finish();
    await warm;
    const result = submit('a', { deadlineMicros: 600 });
    await clock.turn();
    expect(await now(result)).toBeInstanceOf(Failure);
  });

  test('knows so many keys, and forgets those it learned first', () => {
    const foresight = new Foresight();
    for (let i = 0; i < 1000; i++) foresight.learn(`k${i}`, 1, 100, 0);
    expect(foresight.predict('k999', 1)).toBeCloseTo(100);
    expect(foresight.predict('k0', 1)).toBe(0);
    expect(foresight.predict('never', 1)).toBe(0);
  });
});

describe('a signal', () => {
  test('rejects while the batch runs on, where that was asked for', async () => {
    const { clock, executor, batcher, submit } = setUp();
    const controller = new AbortController();
    const results = [
      submit('a', { signal: controller.signal, abortWhileRunning: true }),
      submit('b', { signal: controller.signal }),
      submit('c'),
    ];
    await clock.turn();
    controller.abort('gone');
    expect(await now(results[0]!)).toEqual(new Failure('cancelled', 'gone'));
    expect(await now(results[1]!)).toBeUndefined();
    expect(executor.held.has('a')).toBe(true);
    await executor.running[0]!.finish();
    expect(await Promise.all(results.slice(1))).toEqual(['B', 'C']);
    expect(executor.held.size).toBe(0);
    expect(batcher.stats().requests).toMatchObject({ accepted: 3, completed: 2, cancelled: 1, pending: 0 });
  });

  test('has no listener left once the request is settled', async () => {
    const { clock, executor, submit } = setUp();
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, args);
    };
    const result = submit('a', { signal, abortWhileRunning: true });
    await clock.turn();
    expect(listeners, 'it is not watched while it runs').toBe(1);
    await executor.running[0]!.finish();
    await result;
    expect(listeners).toBe(0);
  });
});

test('batched(): callers are told at the moment, with their own stack', async () => {
  const clock = new FakeClock();
  let end = () => {};
  const slow = batched(
    (items: string[]) =>
      new Promise<string[]>((resolve) => {
        end = () => resolve(items);
      }),
    { clock, name: 'slow' },
  );
  const controller = new AbortController();
  async function theCaller(options: object) {
    return await slow.run('x', options);
  }
  const caught = (run: Promise<string>) => run.catch((error: TensorlaneError) => error) as Promise<TensorlaneError>;
  const late = caught(theCaller({ deadlineMicros: 100 }));
  const aborted = caught(theCaller({ signal: controller.signal, abortWhileRunning: true }));
  const fine = theCaller({});
  await clock.turn();
  await clock.advance(100);
  controller.abort();
  const errors = [await late, await aborted];
  expect(errors.map(({ code, message }) => [code, message])).toEqual([
    ['ERR_TIMEOUT', 'slow: not answered within 100 microseconds (its deadline)'],
    ['ERR_ABORTED', 'slow: aborted by its signal'],
  ]);
  for (const { stack } of errors) expect(stack).toContain('theCaller');
  end();
  expect(await fine).toBe('x');
  await slow.dispose();
});

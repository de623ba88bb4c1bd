// How requests end: with their result, with a failure that is theirs, or because nobody wants them any more; each once.

import { describe, expect, test } from 'vitest';
import { Failure } from '../../lib/batching/running/executor.js';
import { now, setUp } from './fake.js';

async function busy(options: Parameters<typeof setUp>[0] = {}) {
  const all = setUp(options);
  void all.submit('busy');
  await all.clock.turn();
  return all;
}

describe('cancellation', () => {
  test('while queued: it never runs, and the batch closes up', async () => {
    const { executor, batcher, submit, finishAll } = await busy();
    const controller = new AbortController();
    const results = [submit('a'), submit('b', { signal: controller.signal }), submit('c')];
    controller.abort('changed my mind');
    expect(await results[1]).toEqual(new Failure('cancelled', 'changed my mind'));
    await finishAll();
    expect(executor.log).toEqual([['busy'], ['a', 'c']]);
    expect(await Promise.all([results[0], results[2]])).toEqual(['A', 'C']);
    expect(batcher.stats().requests).toMatchObject({ accepted: 4, completed: 3, cancelled: 1, pending: 0 });
  });

  test('a batch that everyone left does not run, leaves no timer and holds up nothing', async () => {
    const { clock, executor, submit } = setUp({ maxQueueDelayMicros: 100 });
    const controller = new AbortController();
    const gone = submit('a', { signal: controller.signal, timeoutMicros: 5000 });
    await clock.turn();
    expect(clock.timers).toBe(2);
    controller.abort();
    expect(await gone).toBeInstanceOf(Failure);
    expect(clock.timers, 'a timer was left behind').toBe(0);
    expect(executor.released).toBe(1);
    await clock.advance(500);
    expect(executor.log).toEqual([]);
    void submit('b');
    await clock.advance(100);
    expect(executor.log).toEqual([['b']]);
  });

  test('before it is sent: it is not accepted', async () => {
    const { executor, batcher, submit } = setUp();
    expect(await submit('a', { signal: AbortSignal.abort('no') })).toEqual(new Failure('cancelled', 'no'));
    expect(executor.held.size).toBe(0);
    expect(batcher.stats().requests.accepted).toBe(0);
  });

  test('after the start it changes nothing', async () => {
    const { clock, executor, batcher, submit } = setUp();
    const controller = new AbortController();
    const result = submit('a', { signal: controller.signal });
    await clock.turn();
    controller.abort();
    await executor.running[0]!.finish();
    expect(await result).toBe('A');
    expect(batcher.stats().requests).toMatchObject({ completed: 1, cancelled: 0 });
  });

  test('racing completion, in either order of the same turn: settled exactly once', async () => {
    for (const cancelFirst of [true, false]) {
      const { executor, batcher, submit, finishAll } = await busy();
      const controllers = Array.from({ length: 3 }, () => new AbortController());
      let settled = 0;
      const results = controllers.map(({ signal }, i) => submit(`i${i}`, { signal }).finally(() => settled++));
      // The batch before them ends, which starts theirs, while they are cancelled.
      const cancel = () => {
        for (const controller of controllers) controller.abort('raced');
      };
      if (cancelFirst) cancel();
      const finished = executor.running[0]!.finish();
      if (!cancelFirst) cancel();
      await finished;
      await finishAll();
      for (const result of results) expect(await result).toEqual(new Failure('cancelled', 'raced'));
      expect(settled).toBe(3);
      expect(executor.log, 'what was cancelled ran').toEqual([['busy']]);
      expect(executor.released).toBe(4);
      expect(batcher.stats().requests).toMatchObject({ accepted: 4, completed: 1, cancelled: 3, pending: 0 });
    }
  });

  test('racing its timeout: settled exactly once', async () => {
    const { clock, batcher, submit, finishAll } = await busy();
    const controller = new AbortController();
    const result = submit('a', { signal: controller.signal, timeoutMicros: 50 });
    clock.stall(60);
    controller.abort('gone');
    await clock.advance(10);
    expect(await result).toEqual(new Failure('cancelled', 'gone'));
    await finishAll();
    expect(batcher.stats().requests).toMatchObject({ cancelled: 1, expired: 0, completed: 1 });
  });

  test('one signal for many requests: one listener, and none once they run', async () => {
    const { submit, finishAll } = await busy({ maxBatchSize: 100 });
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
    const results = Array.from({ length: 50 }, (_, i) => submit(`i${i}`, { signal }));
    expect(listeners).toBe(1);
    await finishAll();
    await Promise.all(results);
    expect(listeners, 'a listener was left behind').toBe(0);
  });

  test('one signal still cancels what is queued when others that have it run', async () => {
    const { executor, submit, finishAll } = await busy({ maxBatchSize: 2 });
    const controller = new AbortController();
    const results = ['a', 'b', 'c'].map((item) => submit(item, { signal: controller.signal }));
    await executor.running[0]!.finish();
    controller.abort('bye');
    await finishAll();
    expect(await Promise.all(results)).toEqual(['A', 'B', new Failure('cancelled', 'bye')]);
  });

  test('one signal cancels all that have it and are queued, and no other', async () => {
    const { submit, finishAll } = await busy();
    const controller = new AbortController();
    const mine = ['a', 'b'].map((item) => submit(item, { signal: controller.signal }));
    const other = submit('c', { signal: new AbortController().signal });
    controller.abort('bye');
    expect(await Promise.all(mine)).toEqual(mine.map(() => new Failure('cancelled', 'bye')));
    await finishAll();
    expect(await other).toBe('C');
  });
});

describe('a batch that fails', () => {
  test('only the culprit does: each request is run again by itself, once', async () => {
    const { clock, executor, batcher, submit } = setUp();
    const results = [submit('a'), submit('bad'), submit('c')];
    await clock.turn();
    const broken = new Error('broken');
    await executor.running[0]!.fail(new Error('the whole batch'));
    await executor.running[0]!.finish();
    await executor.running[0]!.fail(broken);
    await executor.running[0]!.finish();
    expect(await Promise.all(results)).toEqual(['A', new Failure('failed', broken), 'C']);
    expect(executor.log).toEqual([['a', 'bad', 'c'], ['a'], ['bad'], ['c']]);
    expect(batcher.stats()).toMatchObject({
      requests: { accepted: 3, completed: 2, failed: 1, pending: 0 },
      batches: { count: 4, retried: 1, sizes: { 1: 3, 3: 1 } },
    });
  });

  test('of one request, it is not run again', async () => {
    const { clock, executor, batcher, submit } = setUp();
    const result = submit('a');
    await clock.turn();
    const broken = new Error('broken');
    await executor.running[0]!.fail(broken);
    expect(await result).toEqual(new Failure('failed', broken));
    expect(executor.log).toEqual([['a']]);
    expect(batcher.stats().batches.retried).toBe(0);
  });

  const noMemory = () => Object.assign(new Error('no memory'), { code: 'ERR_OUT_OF_MEMORY' });

  test('for want of memory, is run again in halves, and what fails of these one by one', async () => {
    const { clock, executor, batcher, submit, finishAll } = setUp({ maxBatchSize: 5 });
    const controller = new AbortController();
    const results = ['a', 'b', 'c', 'd', 'e'].map((item) =>
      submit(item, item === 'e' ? { signal: controller.signal, abortWhileRunning: true } : {}),
    );
    await clock.turn();
    await executor.running[0]!.fail(noMemory());
    await executor.running[0]!.fail(noMemory());
    await executor.running[0]!.fail(noMemory());
    controller.abort('bye');
    await finishAll();
    const failed = new Failure('failed', expect.objectContaining({ code: 'ERR_OUT_OF_MEMORY' }));
    expect(await Promise.all(results)).toEqual([failed, 'B', 'C', 'D', new Failure('cancelled', 'bye')]);
    expect(executor.log).toEqual([['a', 'b', 'c', 'd', 'e'], ['a', 'b', 'c'], ['a'], ['b'], ['c'], ['d']]);
    expect(batcher.stats()).toMatchObject({ batches: { count: 6, retried: 1 } });
  });

  test('for want of memory, one request is halved between its rows, where they may be parted', async () => {
    const { clock, executor, submit, finishAll } = setUp();
    const whole = submit('a', { rows: 3 });
    await clock.turn();
    await executor.running[0]!.fail(noMemory());
    await finishAll();
    expect(await whole).toBe('A[0..2]+A[2..3]');
    expect(executor.log).toEqual([['a'], ['a[0..2]'], ['a[2..3]']]);
    const again = submit('b', { rows: 2 });
    await clock.turn();
    await executor.running[0]!.fail(noMemory());
    await executor.running[0]!.finish();
    await executor.running[0]!.fail(noMemory());
    expect(await again).toEqual(new Failure('failed', expect.objectContaining({ code: 'ERR_OUT_OF_MEMORY' })));
    for (const kind of [{ rows: 1 }, { rows: 3, alone: true }]) {
      const one = submit('c', kind);
      await clock.turn();
      await executor.running[0]!.fail(noMemory());
      expect(await one).toBeInstanceOf(Failure);
      expect(executor.running).toEqual([]);
    }
  });

  test('keeps its lane until all of it was run again', async () => {
    const { clock, executor, submit } = setUp();
    for (const item of 'abcd') void submit(item);
    void submit('next');
    await clock.turn();
    await executor.running[0]!.fail(new Error('broken'));
    for (const item of 'abcd') {
      expect(executor.running.map(({ items }) => items)).toEqual([[item]]);
      await executor.running[0]!.finish();
    }
    expect(executor.running.map(({ items }) => items)).toEqual([['next']]);
  });

  test('a Failure among its results fails that request alone, and nothing is run again', async () => {
    const { clock, executor, submit } = setUp();
    const results = [submit('a'), submit('b')];
    await clock.turn();
    const cause = new Error('only b');
    await executor.running[0]!.finish(['A', new Failure('failed', cause)]);
    expect(await Promise.all(results)).toEqual(['A', new Failure('failed', cause)]);
    expect(executor.log).toEqual([['a', 'b']]);
  });

  test('a Failure for a reason that is the batcher’s own counts as one of the executor, and closing is not held up', async () => {
    const { clock, executor, batcher, submit } = setUp();
    const cause = new Error('busy elsewhere');
    const results = [submit('a'), submit('b')];
    await clock.turn();
    await executor.running[0]!.finish([new Failure('queueFull', cause), new Failure('oversize', cause)]);
    expect(await Promise.all(results)).toEqual(results.map(() => new Failure('failed', cause)));
    await batcher.close();
    expect(batcher.stats().requests).toMatchObject({ accepted: 2, failed: 2, pending: 0, refused: { queueFull: 0 } });
  });

  test('too few results: no caller gets that of another, and each is run again', async () => {
    const { clock, executor, submit } = setUp();
    const results = [submit('a'), submit('b')];
    await clock.turn();
    await executor.running[0]!.finish(['A']);
    await executor.running[0]!.finish();
    await executor.running[0]!.finish([]);
    expect(await results[0]).toBe('A');
    expect(await results[1]).toMatchObject({
      reason: 'failed',
      cause: new TypeError('the executor gave 0 results for 1 requests; it has to give one for each, in order'),
    });
  });

  test('an executor that throws, before it gives a promise, fails the batch as one that rejects', async () => {
    const { clock, executor, batcher, submit, finishAll } = setUp();
    const broken = new Error('thrown');
    executor.onRun = (items) => {
      if (items.includes('bad')) throw broken;
    };
    const results = [submit('a'), submit('bad')];
    await clock.turn();
    await finishAll();
    expect(await Promise.all(results)).toEqual(['A', new Failure('failed', broken)]);
    await batcher.close();
  });

  test('one that the executor does not take over fails alone, and is counted', async () => {
    const { executor, batcher, submit, finishAll } = setUp();
    const results = [submit('refused'), submit('b')];
    await finishAll();
    expect(await results[0]).toMatchObject({ reason: 'failed', cause: { message: 'refused' } });
    expect(await results[1]).toBe('B');
    expect(executor.log).toEqual([['b']]);
    expect(batcher.stats().requests).toMatchObject({ accepted: 2, completed: 1, failed: 1 });
  });
});

describe('closing', () => {
  test('lets what was accepted finish', async () => {
    const { clock, executor, batcher, submit } = setUp();
    const results = [...'abcdef'].map((item) => submit(item));
    const closed = batcher.close().then(() => true);
    await clock.turn();
    await executor.running[0]!.finish();
    expect(await now(closed), 'closed before the queue was empty').toBeUndefined();
    await executor.running[0]!.finish();
    expect(await Promise.all(results)).toEqual([...'ABCDEF']);
    expect(await closed).toBe(true);
    expect(batcher.pending).toBe(0);
  });

  test('waits for a batch that runs for nobody any more', async () => {
    const { clock, executor, batcher, submit } = setUp();
    const controller = new AbortController();
    const huge = submit('huge', { rows: 8, signal: controller.signal });
    await clock.turn();
    controller.abort();
    expect(await huge).toBeInstanceOf(Failure);
    const closed = batcher.close().then(() => true);
    expect(await now(closed), 'closed while a batch ran').toBeUndefined();
    await executor.running[0]!.finish();
    expect(await closed).toBe(true);
  });

  test('may be asked for twice, and with nothing to do', async () => {
    const { executor, batcher, submit, finishAll } = setUp();
    void submit('a');
    const closed = [batcher.close(), batcher.close()];
    await finishAll();
    await Promise.all(closed);
    await batcher.close();
    expect(executor.log).toEqual([['a']]);
    expect(batcher.closed).toBe(true);
  });

  test('what is queued may still be cancelled, or expire', async () => {
    const { clock, batcher, submit, finishAll } = await busy();
    const controller = new AbortController();
    const results = [submit('a', { signal: controller.signal }), submit('b', { timeoutMicros: 50 })];
    const closed = batcher.close();
    controller.abort('gone');
    await clock.advance(50);
    expect(await Promise.all(results)).toEqual([new Failure('cancelled', 'gone'), new Failure('expired', 50)]);
    await finishAll();
    await closed;
    expect(clock.timers, 'a timer was left behind').toBe(0);
  });
});

describe('preserveOrdering', () => {
  const ordered = { preserveOrdering: true, concurrency: 3, maxBatchSize: 1 };

  test('answers come in the order of the questions, whichever batch ends first', async () => {
    const { executor, submit } = setUp(ordered);
    const order: string[] = [];
    for (const item of 'abc') void submit(item).then(() => order.push(item));
    await executor.running[2]!.finish();
    await executor.running[1]!.finish();
    expect(order).toEqual([]);
    await executor.running[0]!.finish();
    expect(order).toEqual(['a', 'b', 'c']);
  });

  test('without it they do not', async () => {
    const { executor, submit } = setUp({ ...ordered, preserveOrdering: false });
    const order: string[] = [];
    for (const item of 'abc') void submit(item).then(() => order.push(item));
    await executor.running[2]!.finish();
    expect(order).toEqual(['c']);
  });

  test('a failure is an answer, and waits for its turn', async () => {
    const { executor, submit } = setUp(ordered);
    const [a, b] = [submit('a'), submit('b')];
    await executor.running[1]!.fail(new Error('broken'));
    expect(await now(b)).toBeUndefined();
    await executor.running[0]!.finish();
    expect([await a, await b]).toEqual(['A', new Failure('failed', new Error('broken'))]);
  });

  test('one that is cancelled or expires waits for nobody, and nobody for it', async () => {
    const { clock, executor, submit, finishAll } = setUp({ ...ordered, concurrency: 1 });
    const controller = new AbortController();
    const a = submit('a');
    const b = submit('b', { signal: controller.signal });
    const c = submit('c', { timeoutMicros: 50 });
    const d = submit('d');
    controller.abort('gone');
    expect(await now(b)).toEqual(new Failure('cancelled', 'gone'));
    await clock.advance(50);
    expect(await now(c)).toEqual(new Failure('expired', 50));
    await executor.running[0]!.finish();
    await finishAll();
    expect([await a, await d]).toEqual(['A', 'D']);
  });

  test('holds across priorities and split requests', async () => {
    const { submit, finishAll } = setUp({ preserveOrdering: true, priorityLevels: 2, maxBatchSize: 2 });
    const order: string[] = [];
    void submit('low', { priority: 2, rows: 5 }).then(() => order.push('low'));
    void submit('high', { priority: 1 }).then(() => order.push('high'));
    await finishAll();
    expect(order).toEqual(['low', 'high']);
  });
});

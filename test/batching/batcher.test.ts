import { describe, expect, test } from 'vitest';
import type { Batcher } from '../../lib/batching/batcher.js';
import { Failure } from '../../lib/batching/executor.js';
import { setUp } from './fake.js';

const expectBalance = (batcher: Batcher<string, string>) => {
  const { accepted, completed, failed, cancelled, expired, pending } = batcher.stats().requests;
  expect(completed + failed + cancelled + expired + pending, 'the counters do not add up').toBe(accepted);
};

describe('forming batches', () => {
  test('requests of one turn share a batch', async () => {
    const { clock, executor, submit } = setUp();
    const results = ['a', 'b', 'c'].map((item) => submit(item));
    expect(executor.log, 'a batch ran before the turn was over').toEqual([]);
    await clock.turn();
    expect(executor.log).toEqual([['a', 'b', 'c']]);
    await executor.running[0]!.finish();
    expect(await Promise.all(results)).toEqual(['A', 'B', 'C']);
  });

  test('a full batch runs without waiting for the end of the turn', () => {
    const { executor, submit } = setUp();
    for (const item of 'abcd') void submit(item);
    expect(executor.log).toEqual([['a', 'b', 'c', 'd']]);
  });

  test('with the only slot busy, twelve requests run as exactly the batches that fit, in order', async () => {
    const { clock, executor, batcher, submit } = setUp();
    void submit('first');
    await clock.turn();
    for (const item of 'abcdefghijkl') {
      void submit(item);
      await clock.turn();
    }
    expect(executor.log).toEqual([['first']]);
    while (executor.running.length > 0) await executor.running[0]!.finish();
    expect(executor.log.slice(1).map((items) => items.join(''))).toEqual(['abcd', 'efgh', 'ijkl']);
    expect(batcher.stats().batches).toMatchObject({
      count: 4,
      rows: 13,
      sizes: { 1: 1, 4: 3 },
      closed: { full: 3, laneFree: 1 },
    });
  });

  test('an open batch grows while the one before it runs', async () => {
    const { clock, executor, submit } = setUp();
    void submit('a');
    await clock.turn();
    void submit('b');
    await clock.advance(100);
    void submit('c');
    await clock.turn();
    await executor.running[0]!.finish();
    expect(executor.log).toEqual([['a'], ['b', 'c']]);
  });

  test('as many batches run at once as there are slots, and no more', async () => {
    const { executor, submit } = setUp({ concurrency: 2 });
    for (const item of 'aaaabbbbcccc') void submit(item);
    expect(executor.running.length).toBe(2);
    await executor.running[1]!.finish();
    expect(executor.running.map(({ items }) => items[0])).toEqual(['a', 'c']);
  });

  test('a shape opens its own batch and never closes that of another', async () => {
    const { clock, executor, submit } = setUp();
    void submit('busy');
    await clock.turn();
    for (const item of ['a1', 'b1', 'a2', 'b2', 'a3', 'b3']) void submit(item, { key: item[0]! });
    await clock.turn();
    while (executor.running.length > 0) await executor.running[0]!.finish();
    expect(executor.log.slice(1)).toEqual([
      ['a1', 'a2', 'a3'],
      ['b1', 'b2', 'b3'],
    ]);
  });

  test('the oldest batch runs first, whether full or open', async () => {
    const { clock, executor, submit } = setUp();
    void submit('busy');
    await clock.turn();
    void submit('old', { key: 'rare' });
    for (const item of 'abcd') void submit(item);
    while (executor.running.length > 0) await executor.running[0]!.finish();
    expect(executor.log.slice(1)).toEqual([['old'], ['a', 'b', 'c', 'd']]);
  });

  test('rows count, not requests, and batches split where the next request would not fit', async () => {
    const { clock, executor, submit } = setUp();
    void submit('busy');
    await clock.turn();
    void submit('three', { rows: 3 });
    void submit('two', { rows: 2 });
    void submit('one', { rows: 1 });
    await clock.turn();
    while (executor.running.length > 0) await executor.running[0]!.finish();
    expect(executor.log.slice(1)).toEqual([['three'], ['two', 'one']]);
  });

  test('a request with more rows than a batch may have runs in several, and is put together again', async () => {
    const { clock, executor, batcher, submit } = setUp();
    const small = submit('small');
    const huge = submit('huge', { rows: 9 });
    await clock.turn();
    while (executor.running.length > 0) await executor.running[0]!.finish();
    expect(executor.log).toEqual([['small'], ['huge[0..4]'], ['huge[4..8]'], ['huge[8..9]']]);
    expect(await Promise.all([small, huge])).toEqual(['SMALL', 'HUGE[0..4]+HUGE[4..8]+HUGE[8..9]']);
    expect(batcher.stats().requests).toMatchObject({ accepted: 2, completed: 2 });
  });

  test('a request that wants to be alone is', async () => {
    const { clock, executor, submit } = setUp();
    for (const item of 'abc') void submit(item, { alone: true });
    await clock.turn();
    while (executor.running.length > 0) await executor.running[0]!.finish();
    expect(executor.log).toEqual([['a'], ['b'], ['c']]);
  });
});

describe('the maximum delay', () => {
  test('a batch waits for it while a slot is free, and no longer', async () => {
    const { clock, executor, batcher, submit } = setUp({ maxQueueDelayMicros: 300 });
    void submit('a');
    await clock.advance(200);
    void submit('b');
    await clock.advance(99);
    expect(executor.log, 'the batch did not wait').toEqual([]);
    await clock.advance(1);
    expect(executor.log).toEqual([['a', 'b']]);
    expect(executor.running[0]!.startedAt).toBe(300);
    expect(batcher.stats().batches.closed.delay).toBe(1);
  });

  test('a full batch does not wait', async () => {
    const { clock, executor, submit } = setUp({ maxQueueDelayMicros: 300 });
    for (const item of 'abcd') void submit(item);
    expect(executor.log.length).toBe(1);
    await clock.turn();
    expect(clock.timers, 'a timer was left behind').toBe(0);
  });

  test('twelve requests over a while make at most two batches, none later than the delay', async () => {
    const { clock, executor, submit } = setUp({ maxQueueDelayMicros: 1000, maxBatchSize: 8 });
    for (const item of 'abcdefghijkl') {
      void submit(item);
      await clock.advance(50);
      if (executor.running.length > 0) await executor.running[0]!.finish();
    }
    await clock.advance(1000);
    expect(executor.log.map(({ length }) => length)).toEqual([8, 4]);
  });

  test('each shape keeps its own delay', async () => {
    const { clock, executor, submit } = setUp({ maxQueueDelayMicros: 300, concurrency: 2 });
    void submit('a', { key: 'a' });
    await clock.advance(100);
    void submit('b', { key: 'b' });
    await clock.advance(200);
    expect(executor.log).toEqual([['a']]);
    await clock.advance(99);
    expect(executor.log).toEqual([['a']]);
    await clock.advance(1);
    expect(executor.log).toEqual([['a'], ['b']]);
  });

  test('closing does not wait for it', async () => {
    const { clock, executor, batcher, submit } = setUp({ maxQueueDelayMicros: 300 });
    const result = submit('a');
    await clock.turn();
    const closed = batcher.close();
    expect(executor.log).toEqual([['a']]);
    await executor.running[0]!.finish();
    expect(await result).toBe('A');
    await closed;
    expect(clock.timers, 'a timer was left behind').toBe(0);
  });
});

describe('requests that do not succeed', () => {
  test('one that is cancelled while queued never runs, and the batch closes up', async () => {
    const { clock, executor, batcher, submit } = setUp();
    void submit('busy');
    await clock.turn();
    const controller = new AbortController();
    const results = [submit('a'), submit('b', { signal: controller.signal }), submit('c')];
    controller.abort('changed my mind');
    expect(await results[1]).toEqual(new Failure('cancelled', 'changed my mind'));
    while (executor.running.length > 0) await executor.running[0]!.finish();
    expect(executor.log).toEqual([['busy'], ['a', 'c']]);
    expect(await Promise.all([results[0], results[2]])).toEqual(['A', 'C']);
    expect(batcher.stats().requests).toMatchObject({ accepted: 4, completed: 3, cancelled: 1, pending: 0 });
  });

  test('a batch that everyone left does not run, and holds up nothing', async () => {
    const { clock, executor, submit } = setUp({ maxQueueDelayMicros: 100 });
    const controller = new AbortController();
    const gone = submit('a', { signal: controller.signal });
    await clock.turn();
    controller.abort();
    expect(await gone).toBeInstanceOf(Failure);
    await clock.advance(500);
    expect(executor.log).toEqual([]);
    void submit('b');
    await clock.advance(100);
    expect(executor.log).toEqual([['b']]);
    expect(executor.released).toBe(1);
  });

  test('one whose signal was aborted before is not accepted', async () => {
    const { executor, batcher, submit } = setUp();
    expect(await submit('a', { signal: AbortSignal.abort('no') })).toEqual(new Failure('cancelled', 'no'));
    expect(executor.held.size).toBe(0);
    expect(batcher.stats().requests.accepted).toBe(0);
  });

  test('a cancellation after the start changes nothing', async () => {
    const { clock, executor, batcher, submit } = setUp();
    const controller = new AbortController();
    const result = submit('a', { signal: controller.signal });
    await clock.turn();
    controller.abort();
    await executor.running[0]!.finish();
    expect(await result).toBe('A');
    expectBalance(batcher);
  });

  test('one that waited longer than its timeout never runs', async () => {
    const { clock, executor, batcher, submit } = setUp();
    void submit('busy');
    await clock.turn();
    const late = submit('late', { timeoutMicros: 50 });
    void submit('patient', { timeoutMicros: 5000 });
    await clock.advance(60);
    expect(await late).toEqual(new Failure('expired', 50));
    while (executor.running.length > 0) await executor.running[0]!.finish();
    expect(executor.log).toEqual([['busy'], ['patient']]);
    expect(clock.timers, 'a timer was left behind').toBe(0);
    expect(batcher.stats().requests).toMatchObject({ completed: 2, expired: 1 });
  });

  test('of a failing batch only the culprit fails', async () => {
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
    expectBalance(batcher);
  });

  test('one that the executor does not take fails alone', async () => {
    const { clock, executor, submit } = setUp();
    const results = [submit('refused'), submit('b')];
    await clock.turn();
    await executor.running[0]!.finish();
    expect(await results[0]).toMatchObject({ reason: 'failed', cause: { message: 'refused' } });
    expect(await results[1]).toBe('B');
  });
});

test('closing lets what was accepted finish', async () => {
  const { clock, executor, batcher, submit } = setUp();
  const results = [...'abcdef'].map((item) => submit(item));
  const closed = batcher.close();
  let done = false;
  void closed.then(() => {
    done = true;
  });
  await clock.turn();
  await executor.running[0]!.finish();
  expect(done, 'closed before the queue was empty').toBe(false);
  await executor.running[0]!.finish();
  expect(await Promise.all(results)).toEqual([...'ABCDEF']);
  await closed;
  expect(batcher.pending).toBe(0);
});

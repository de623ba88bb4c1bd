// Which requests share a batch, and when it starts.

import { describe, expect, test } from 'vitest';
import { setUp } from './fake.js';

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

  test('is over at one moment for all that is decided in it, though time goes on meanwhile', async () => {
    // Wherever in a decision the delay ends: some of these end between two looks at the clock.
    for (let maxQueueDelayMicros = 5; maxQueueDelayMicros < 25; maxQueueDelayMicros++) {
      const { clock, executor, submit } = setUp({ maxQueueDelayMicros, maxBatchSize: 100 });
      let reads = 0;
      clock.now = () => {
        if (reads > 10_000) throw new Error('the batcher goes round in circles');
        return reads++ / 2;
      };
      const results = [];
      for (let i = 0; i < 50 && executor.running.length === 0; i++) {
        results.push(submit(`item${i}`));
        await clock.turn();
      }
      expect(executor.running.length, `a delay of ${maxQueueDelayMicros} never ended`).toBe(1);
      await executor.running[0]!.finish();
      expect(await results[0]).toBe('ITEM0');
    }
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

describe('a signal that comes within the turn', () => {
  test('does not part those of the turn', async () => {
    const { clock, executor, submit } = setUp();
    const controller = new AbortController();
    void submit('a');
    void submit('gone', { signal: controller.signal });
    controller.abort();
    void submit('b');
    await clock.turn();
    expect(executor.log).toEqual([['a', 'b']]);
  });
});

describe('why a batch stopped growing', () => {
  test('is counted: full, laneFree, shape, alone', async () => {
    const { executor, batcher, submit, finishAll } = setUp();
    for (const item of 'abcd') void submit(item); // full
    void submit('e', { key: 'other' }); // shape: f waits beside it
    void submit('f', { alone: true });
    void submit('g');
    await finishAll();
    expect(executor.log.map((items) => items.join(''))).toEqual(['abcd', 'e', 'f', 'g']);
    expect(batcher.stats().batches.closed).toEqual({
      full: 1,
      preferred: 0,
      delay: 0,
      laneFree: 1,
      shape: 1,
      adaptive: 0,
      alone: 1,
    });
  });

  test('is the target latency where more rows would take too long', async () => {
    const { clock, executor, batcher, submit } = setUp({ maxBatchSize: 8, targetLatencyMicros: 1000 });
    // Each row takes 250, so that eight would take twice the target.
    for (let i = 0; i < 20; i++) {
      void submit(`one${i}`, { rows: 1 });
      await clock.turn();
      await clock.advance(250);
      await executor.running[0]!.finish();
    }
    void submit('busy');
    await clock.turn();
    for (const item of 'abc') void submit(item);
    await executor.running[0]!.finish();
    expect(executor.log.at(-1)!.length).toBeLessThan(4);
    expect(batcher.stats().batches.closed.adaptive).toBeGreaterThan(0);
    expect(batcher.stats().adaptive).toMatchObject({ targetMicros: 1000, atOnce: 1 });
  });
});

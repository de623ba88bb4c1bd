// How many rows batches have: preferred and allowed sizes, padding, and requests that are too large.

import { describe, expect, test } from 'vitest';
import { Failure } from '../../lib/batching/running/executor.js';
import { now, setUp } from './fake.js';

describe('preferred sizes', () => {
  const preferring = { maxBatchSize: 8, preferredBatchSizes: [2, 4], maxQueueDelayMicros: 1000 };

  test('aligned: a batch runs as soon as it has one, without waiting for the delay', async () => {
    const { clock, executor, batcher, submit } = setUp({ ...preferring, preferredBatchSizes: [4] });
    for (const item of 'abcd') void submit(item);
    await clock.turn();
    expect(executor.log).toEqual([['a', 'b', 'c', 'd']]);
    expect(batcher.stats().batches.closed).toMatchObject({ preferred: 1, delay: 0 });
    expect(clock.timers, 'a timer was left behind').toBe(0);
  });

  test('the largest that there is, where several are', async () => {
    const { executor, submit, finishAll } = setUp(preferring);
    for (const item of 'abcdef') void submit(item);
    await finishAll();
    expect(executor.log.map((items) => items.join(''))).toEqual(['abcd', 'ef']);
  });

  test('before one with as many rows as there may be', async () => {
    const { clock, executor, batcher, submit, finishAll } = setUp({ maxBatchSize: 8, preferredBatchSizes: [4, 6] });
    void submit('busy');
    await clock.turn();
    for (const item of 'abcdefgh') void submit(item);
    await finishAll();
    expect(executor.log.map(({ length }) => length)).toEqual([1, 6, 2]);
    expect(batcher.stats().batches.closed).toMatchObject({ preferred: 1, laneFree: 2, full: 0 });
  });

  test('not aligned: what is over waits for its own delay, and no longer', async () => {
    const { clock, executor, batcher, submit } = setUp({ ...preferring, preferredBatchSizes: [4] });
    for (const item of 'abcde') void submit(item);
    await clock.turn();
    await executor.running[0]!.finish();
    await clock.advance(999);
    expect(executor.log).toEqual([['a', 'b', 'c', 'd']]);
    await clock.advance(1);
    expect(executor.log[1]).toEqual(['e']);
    expect(batcher.stats().batches.closed).toMatchObject({ preferred: 1, delay: 1 });
  });

  test('rows that skip a preferred size do not form it', async () => {
    const { clock, executor, submit } = setUp({ ...preferring, preferredBatchSizes: [4] });
    void submit('three', { rows: 3 });
    void submit('two', { rows: 2 });
    await clock.advance(999);
    expect(executor.log).toEqual([]);
    await clock.advance(1);
    expect(executor.log).toEqual([['three', 'two']]);
  });

  test('one that a cancellation uncovers runs at once', async () => {
    const { clock, executor, submit } = setUp({ ...preferring, preferredBatchSizes: [4] });
    const controller = new AbortController();
    void submit('large', { rows: 3, signal: controller.signal });
    void submit('a', { rows: 2 });
    void submit('b', { rows: 2 });
    await clock.advance(10);
    expect(executor.log).toEqual([]);
    controller.abort();
    await clock.turn();
    expect(executor.log).toEqual([['a', 'b']]);
  });
});

describe('allowed sizes', () => {
  test('a batch runs with the next one, and no caller sees the padding', async () => {
    const { executor, batcher, submit, finishAll } = setUp({ allowedBatchSizes: [1, 4, 8] });
    const results = ['a', 'b', 'c'].map((item) => submit(item));
    await finishAll();
    expect(executor.padded).toEqual([4]);
    expect(await Promise.all(results)).toEqual(['A', 'B', 'C']);
    expect(batcher.stats().batches).toMatchObject({ rows: 3, paddedRows: 1, sizes: { 3: 1 } });
  });

  test('a batch of an allowed size is not padded; the largest is the most rows of one', async () => {
    const { executor, batcher, submit, finishAll } = setUp({ allowedBatchSizes: [1, 4, 8] });
    for (let i = 0; i < 9; i++) void submit(`i${i}`);
    await finishAll();
    expect(executor.padded).toEqual([8, 1]);
    expect(batcher.stats().batches.paddedRows).toBe(0);
  });

  test('a request that is run again by itself is padded by itself', async () => {
    const { clock, executor, submit, finishAll } = setUp({ allowedBatchSizes: [2, 4] });
    for (const item of 'abc') void submit(item);
    await clock.turn();
    await executor.running[0]!.fail(new Error('one of them'));
    await finishAll();
    expect(executor.padded).toEqual([4, 2, 2, 2]);
  });

  test('the last part of a split request is padded', async () => {
    const { executor, submit, finishAll } = setUp({ allowedBatchSizes: [2, 4] });
    const result = submit('huge', { rows: 9 });
    await finishAll();
    expect(executor.padded).toEqual([4, 4, 2]);
    expect(await result).toBe('HUGE[0..4]+HUGE[4..8]+HUGE[8..9]');
  });
});

describe('requests with more rows than a batch may have', () => {
  test('are split at the boundary, run beside others, and are put together again', async () => {
    const { clock, executor, batcher, submit, finishAll } = setUp();
    const small = submit('small');
    const huge = submit('huge', { rows: 9 });
    const last = submit('last', { rows: 3 });
    await clock.turn();
    await finishAll();
    // Nothing goes past the part that does not fit beside `small`.
    expect(executor.log).toEqual([['small'], ['huge[0..4]'], ['huge[4..8]'], ['huge[8..9]', 'last[0..3]']]);
    expect(await Promise.all([small, huge, last])).toEqual(['SMALL', 'HUGE[0..4]+HUGE[4..8]+HUGE[8..9]', 'LAST[0..3]']);
    expect(batcher.stats().requests).toMatchObject({ accepted: 3, completed: 3 });
  });

  test('are put together in order, whichever part ends first', async () => {
    const { clock, executor, submit } = setUp({ concurrency: 3 });
    const huge = submit('huge', { rows: 10 });
    await clock.turn();
    await executor.running[2]!.finish();
    await executor.running[0]!.finish();
    expect(await now(huge)).toBeUndefined();
    await executor.running[0]!.finish();
    expect(await huge).toBe('HUGE[0..4]+HUGE[4..8]+HUGE[8..10]');
    expect(executor.released, 'released once, not for each part').toBe(1);
  });

  test('are refused instead where splitOversize is false, and nothing is held of them', async () => {
    const { executor, batcher, submit, finishAll } = setUp({ splitOversize: false });
    expect(await submit('huge', { rows: 5 })).toEqual(new Failure('oversize', { maxBatchSize: 4, parts: 1 }));
    const fits = submit('fits', { rows: 4 });
    await finishAll();
    expect(await fits).toBe('FITS');
    expect(executor.released).toBe(1);
    expect(batcher.stats().requests).toMatchObject({ accepted: 1, completed: 1, refused: { oversize: 1 } });
  });

  test('fail when one part does: the parts that are queued do not run, and the payload is held until those that run end', async () => {
    const { clock, executor, batcher, submit } = setUp({ concurrency: 2 });
    const huge = submit('huge', { rows: 16 });
    await clock.turn();
    const broken = new Error('broken');
    const [first, second] = executor.running;
    await first!.fail(broken);
    expect(await huge).toEqual(new Failure('failed', broken));
    // The lane was given to the third part before the caller was told.
    expect(executor.log).toEqual([['huge[0..4]'], ['huge[4..8]'], ['huge[8..12]']]);
    await second!.finish();
    expect(executor.released).toBe(0);
    await executor.running[0]!.finish();
    expect(executor.released).toBe(1);
    expect(executor.log.length, 'a part of a failed request ran').toBe(3);
    expect(batcher.stats().requests).toMatchObject({ accepted: 1, failed: 1, pending: 0, queued: 0 });
  });

  test('fail when their results cannot be joined', async () => {
    const { executor, submit, finishAll } = setUp();
    const cause = new Error('results that do not fit together');
    executor.join = () => {
      throw cause;
    };
    const huge = submit('huge', { rows: 5 });
    await finishAll();
    expect(await huge).toEqual(new Failure('failed', cause));
    expect(executor.released).toBe(1);
  });

  test('run no further once they are cancelled, even when a part runs', async () => {
    const { clock, executor, batcher, submit, finishAll } = setUp();
    const controller = new AbortController();
    const huge = submit('huge', { rows: 12, signal: controller.signal });
    const other = submit('other', { rows: 4 });
    await clock.turn();
    controller.abort('gone');
    expect(await huge).toEqual(new Failure('cancelled', 'gone'));
    expect(executor.released, 'a payload was released while it ran').toBe(0);
    await finishAll();
    expect(executor.log).toEqual([['huge[0..4]'], ['other[0..4]'.slice(0, 5)]]);
    expect(await other).toBe('OTHER');
    expect(executor.held.size).toBe(0);
    expect(batcher.stats().requests).toMatchObject({ cancelled: 1, completed: 1, pending: 0, queued: 0 });
  });

  test('are not run again after a failure of their batch, once they are cancelled', async () => {
    const { clock, executor, submit, finishAll } = setUp();
    const controller = new AbortController();
    void submit('busy');
    await clock.turn();
    const small = submit('small', { rows: 1 });
    const huge = submit('huge', { rows: 5, signal: controller.signal });
    await executor.running[0]!.finish();
    await executor.running[0]!.finish(); // [small]
    await executor.running[0]!.finish(); // [huge[0..4]]
    expect(await small).toBe('SMALL');
    const beside = submit('beside');
    controller.abort();
    await finishAll();
    expect(await huge, 'its last part ran already').toBe('HUGE[0..4]+HUGE[4..5]');
    expect(await beside).toBe('BESIDE');
  });

  test('count once in the bound of the queue, however many parts they have', async () => {
    const { clock, batcher, submit, finishAll } = setUp({ maxQueueSize: 2 });
    void submit('busy');
    await clock.turn();
    const huge = submit('huge', { rows: 40 });
    const small = submit('small');
    expect(batcher.stats().requests.queued).toBe(2);
    expect(await submit('refused')).toMatchObject({ reason: 'queueFull', cause: { maxQueueSize: 2 } });
    await finishAll();
    expect(await huge).toMatch(/^HUGE\[0..4\].*\[36..40\]$/);
    expect(await small).toMatch(/^SMALL/);
  });

  test('are put off as a whole where their timeout says so', async () => {
    const { clock, executor, submit, finishAll } = setUp({ defaultTimeoutMicros: 50, timeoutAction: 'delay' });
    void submit('busy');
    await clock.turn();
    const huge = submit('huge', { rows: 6 });
    await clock.advance(60);
    void submit('later', { rows: 4 });
    await finishAll();
    expect(executor.log).toEqual([['busy'], ['later'], ['huge[0..4]'], ['huge[4..6]']]);
    expect(await huge).toBe('HUGE[0..4]+HUGE[4..6]');
  });
});

test('one that wants to be alone may be of any size, and is not split', async () => {
  const { executor, batcher, submit, finishAll } = setUp({ splitOversize: false });
  const result = submit('large', { rows: 9, alone: true });
  await finishAll();
  expect(executor.log).toEqual([['large']]);
  expect(await result).toBe('LARGE');
  expect(batcher.stats().batches.closed.alone).toBe(1);
});

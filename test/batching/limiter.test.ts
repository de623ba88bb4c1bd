// How models share a device: by weight, in the time that they have it, and nobody without end.

import { describe, expect, test } from 'vitest';
import { Batcher } from '../../lib/batching/batcher.js';
import { type BatcherOptions, completeBatcherOptions } from '../../lib/batching/options.js';
import { Limiter } from '../../lib/batching/running/limiter.js';
import { FakeClock, FakeExecutor, setUp } from './fake.js';

interface Wanted {
  weight?: number;
  resources?: number;
  options?: BatcherOptions;
}

/** Models on a device of so many resources. */
function device<const Names extends string>(resources: number, wanted: Record<Names, Wanted>) {
  const clock = new FakeClock();
  const of = new Limiter(resources);
  const models = Object.entries<Wanted>(wanted).map(([name, { weight = 1, resources = 1, options }]) => {
    return [name, setUp({ maxBatchSize: 1, ...options }, { clock, name, limiter: { of, weight, resources } })] as const;
  });
  return { clock, ...(Object.fromEntries(models) as Record<Names, ReturnType<typeof setUp>>) };
}

type Model = ReturnType<typeof setUp>;

/** Lets batches of the models take so long each, one after the other, and gives the time that each model had. */
async function serve(
  clock: FakeClock,
  models: readonly (readonly [Model, number])[],
  until: number,
): Promise<number[]> {
  const had = models.map(() => 0);
  while (clock.now() < until) {
    const i = models.findIndex(([{ executor }]) => executor.running.length > 0);
    const [model, micros] = models[i]!;
    await clock.advance(micros);
    had[i]! += micros;
    await model.executor.running[0]!.finish();
  }
  return had;
}

const flood = ({ submit }: Model, count: number) => {
  for (let i = 0; i < count; i++) void submit(`i${i}`);
};

describe('a device that two models want', () => {
  test('each gets half, in time and not in batches', async () => {
    const { clock, short, long } = device(1, { short: {}, long: {} });
    flood(short, 1000);
    flood(long, 1000);
    await clock.turn();
    const [shortHad, longHad] = await serve(
      clock,
      [
        [short, 10],
        [long, 90],
      ],
      20_000,
    );
    expect(shortHad! / longHad!).toBeCloseTo(1, 1);
    expect(short.executor.log.length / long.executor.log.length).toBeGreaterThan(8);
  });

  test('each gets its weight', async () => {
    const { clock, heavy, light } = device(1, { heavy: { weight: 3 }, light: { weight: 1 } });
    flood(heavy, 1000);
    flood(light, 1000);
    await clock.turn();
    const [heavyHad, lightHad] = await serve(
      clock,
      [
        [heavy, 50],
        [light, 50],
      ],
      20_000,
    );
    expect(heavyHad! / lightHad!).toBeCloseTo(3, 1);
  });

  test('one that never stops asking does not starve another', async () => {
    const { clock, busy, rare } = device(1, { busy: {}, rare: {} });
    flood(busy, 1000);
    await clock.turn();
    await serve(clock, [[busy, 100]], 10_000);
    const result = rare.submit('a');
    await clock.turn();
    expect(rare.executor.running.length, 'two batches on a device that takes one').toBe(0);
    await clock.advance(100);
    await busy.executor.running[0]!.finish();
    expect(rare.executor.running.length, 'another batch of the busy one went first').toBe(1);
    await rare.executor.running[0]!.finish();
    expect(await result).toBe('A');
  });

  test('one that was idle does not make up for it', async () => {
    const { clock, first, second } = device(1, { first: {}, second: {} });
    flood(first, 1000);
    await clock.turn();
    await serve(clock, [[first, 100]], 20_000);
    flood(second, 1000);
    await clock.turn();
    const [firstHad, secondHad] = await serve(
      clock,
      [
        [first, 100],
        [second, 100],
      ],
      40_000,
    );
    expect(firstHad! / secondHad!).toBeCloseTo(1, 1);
  });

  test('has it all to itself while the other wants nothing', async () => {
    const { clock, one } = device(2, { one: { options: { concurrency: 2 } }, other: {} });
    flood(one, 10);
    await clock.turn();
    expect(one.executor.running.length).toBe(2);
  });

  test('starts as many batches at the end of a turn as fit', async () => {
    const { clock, one } = device(3, { one: { options: { maxBatchSize: 4, concurrency: 3 } }, other: {} });
    for (const key of ['k', 'l', 'm']) void one.submit(key, { key });
    await clock.turn();
    expect(one.executor.log).toEqual([['k'], ['l'], ['m']]);
  });

  test('the queue of one, full, does not hold up that of the other', async () => {
    const { clock, full, other } = device(2, { full: { options: { maxQueueSize: 2 } }, other: {} });
    flood(full, 10);
    await clock.turn();
    expect(full.batcher.stats().requests.refused.queueFull).toBeGreaterThan(0);
    const result = other.submit('a');
    await clock.turn();
    await other.executor.running[0]!.finish();
    expect(await result).toBe('A');
  });

  test('a batch goes on growing until its turn comes', async () => {
    const { clock, busy, other } = device(1, { busy: {}, other: { options: { maxBatchSize: 8 } } });
    flood(busy, 1);
    await clock.turn();
    for (const item of 'abc') {
      void other.submit(item);
      await clock.advance(10);
    }
    await busy.executor.running[0]!.finish();
    expect(other.executor.log).toEqual([['a', 'b', 'c']]);
  });
});

describe('batches that take more than others', () => {
  test('never take more than there is', async () => {
    const { clock, large, small } = device(3, {
      large: { resources: 2, options: { concurrency: 4 } },
      small: { resources: 1, options: { concurrency: 4 } },
    });
    flood(large, 50);
    flood(small, 50);
    await clock.turn();
    for (let i = 0; i < 80; i++) {
      const used = large.executor.running.length * 2 + small.executor.running.length;
      expect(used).toBeLessThanOrEqual(3);
      const model = i % 3 === 0 && large.executor.running.length > 0 ? large : small;
      await clock.advance(10);
      await (model.executor.running[0] ?? large.executor.running[0])?.finish();
    }
  });

  test('are not passed for ever by small ones that always fit', async () => {
    const { clock, large, small } = device(2, { large: { resources: 2 }, small: { options: { concurrency: 2 } } });
    flood(small, 100);
    await clock.turn();
    expect(small.executor.running.length).toBe(2);
    await clock.advance(100);
    await small.executor.running[0]!.finish();
    void large.submit('a');
    await clock.turn();
    for (let i = 0; i < 4 && large.executor.running.length === 0; i++) {
      await clock.advance(100);
      await small.executor.running[0]!.finish();
    }
    expect(large.executor.running.length).toBe(1);
    expect(small.executor.running.length).toBe(0);
  });
});

describe('requests that are cancelled while their model waits for its turn', () => {
  test('do not run, and the turn goes to the next one at once', async () => {
    const { clock, large, first, second } = device(2, { large: { resources: 2 }, first: {}, second: {} });
    void first.submit('a');
    await clock.turn();
    const controller = new AbortController();
    void large.submit('b', { signal: controller.signal });
    await clock.turn();
    void second.submit('c');
    await clock.turn();
    expect(second.executor.running.length, 'it does not pass the large one').toBe(0);
    controller.abort();
    await clock.turn();
    expect(second.executor.running.length, 'it waits for one that wants nothing any more').toBe(1);
    await first.executor.running[0]!.finish();
    await second.executor.running[0]!.finish();
    expect(large.executor.log).toEqual([]);
  });

  test('nor when they expire; what comes later has its turn', async () => {
    const { clock, first, second } = device(1, { first: {}, second: {} });
    void first.submit('a');
    await clock.turn();
    void second.submit('b', { timeoutMicros: 50 });
    await clock.advance(60);
    await first.executor.running[0]!.finish();
    expect(second.executor.log).toEqual([]);
    const result = second.submit('c');
    await clock.turn();
    await second.executor.running[0]!.finish();
    expect(await result).toBe('C');
  });
});

test('closing one lets what it has queued run, and leaves the device to the other', async () => {
  const { clock, first, second } = device(1, { first: {}, second: {} });
  flood(first, 3);
  flood(second, 3);
  await clock.turn();
  const closed = first.batcher.close();
  for (let i = 0; i < 6; i++) {
    await clock.advance(10);
    await (first.executor.running[0] ?? second.executor.running[0])!.finish();
  }
  await closed;
  expect([first.executor.log.length, second.executor.log.length]).toEqual([3, 3]);
  const result = second.submit('more');
  await clock.turn();
  await second.executor.running[0]!.finish();
  expect(await result).toBe('MORE');
});

test('a batch that fails gives back what it took', async () => {
  const { clock, first, second } = device(1, { first: { options: { maxBatchSize: 2 } }, second: {} });
  flood(first, 2);
  flood(second, 1);
  await clock.turn();
  await first.executor.running[0]!.fail(new Error('both'));
  await first.executor.running[0]!.fail(new Error('again'));
  expect(second.executor.running.length, 'it is run again first').toBe(0);
  await first.executor.running[0]!.fail(new Error('again'));
  expect(second.executor.running.length).toBe(1);
});

describe('a model that learns its rows, of whose callers one waits while another is answered', () => {
  const bounds = { leastRows: 2, mostRows: 2, leastAtOnce: 1, mostAtOnce: 1, leastThreads: 1, mostThreads: 1 };
  const learning = (of: Limiter, clock: FakeClock) => {
    const executor = new FakeExecutor(clock);
    const settings = completeBatcherOptions({ maxBatchSize: 2, concurrency: 1 }, 'batching');
    const limiter = { of, weight: 1, resources: 1 };
    const parts = { clock, limiter };
    const batcher = new Batcher(executor, { ...settings, learns: { bounds, tuned: undefined } }, parts);
    return { executor, submit: (item: string) => batcher.submit(item, { key: '', rows: 1 }) };
  };
  const begin = async (of: Limiter, clock: FakeClock) => {
    const { executor, submit } = learning(of, clock);
    void submit('a').then(() => submit('a again'));
    await clock.turn();
    void submit('b');
    await clock.advance(100);
    return executor;
  };

  test('runs both as one: whoever is told now may ask again in the same turn', async () => {
    const clock = new FakeClock();
    const executor = await begin(new Limiter(1), clock);
    await executor.running[0]!.finish();
    await clock.turn();
    expect(executor.log).toEqual([['a'], ['b', 'a again']]);
  });

  test('does not wait for that where another model wants the device', async () => {
    const clock = new FakeClock();
    const of = new Limiter(1);
    const executor = await begin(of, clock);
    const rival = setUp({}, { clock, limiter: { of, weight: 1, resources: 1 } });
    void rival.submit('rival');
    await clock.turn();
    const ends = executor.running[0]!.finish();
    for (let i = 0; i < 10; i++) await Promise.resolve();
    expect(executor.running.length + rival.executor.running.length, 'batches that run before the turn ends').toBe(1);
    await ends;
  });
});

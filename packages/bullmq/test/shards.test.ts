// One queue over several Redis.

import { tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ShardedQueue, TensorWorker } from '../lib/index.js';
import { shardOfKey } from '../lib/producer/shards.js';
import { usePlace } from './support/place.js';
import { hasRedis, RedisServer } from './support/redis.js';

test('a key is always of one shard; with one more, only that takes any over', () => {
  const keys = Array.from({ length: 3000 }, (_, i) => `key ${i}`);
  const before = keys.map((key) => shardOfKey(key, 3));
  const after = keys.map((key) => shardOfKey(key, 4));
  for (const shard of [0, 1, 2]) expect(before.filter((one) => one === shard).length).toBeGreaterThan(900);
  const moved = after.filter((one, i) => one !== before[i]);
  expect(new Set(moved)).toEqual(new Set([3]));
  expect(moved.length).toBeGreaterThan(600);
  expect(moved.length).toBeLessThan(900);
});

test('what is wrong is refused', () => {
  for (const connections of [undefined, [], 'redis://127.0.0.1']) {
    expect(() => new ShardedQueue('q', { connections } as never)).toThrow(/connections must be an array/);
  }
});

describe.skipIf(!hasRedis)('a queue over two Redis', () => {
  const place = usePlace();
  let second: RedisServer;
  beforeAll(async () => {
    second = await RedisServer.start();
  });
  afterAll(() => second.stop());

  const x = (value: number) => ({ x: tensor(Float32Array.of(value), [1]) });
  async function make(name: string, options: object = {}) {
    const connections = [place.url, second.url];
    const jobs = new ShardedQueue(name, { connections, ...options });
    await jobs.ready();
    onTestFinished(() => jobs.close());
    const work = async () => {
      for (const connection of connections) {
        const worker = new TensorWorker(name, {
          connection,
          device: place.device,
          handlers: { echo: (feeds) => feeds },
        });
        await worker.ready();
        onTestFinished(() => worker.close());
      }
    };
    return { jobs, work };
  }

  test('jobs go to both in turn, and come back in their order', async () => {
    const { jobs, work } = await make('both');
    const handles = await jobs.addMany(Array.from({ length: 101 }, (_, i) => ({ name: 'echo', feeds: x(i) })));
    const waiting = (await jobs.status()).map((status) => status.waiting);
    expect(waiting.sort()).toEqual([50, 51]);
    const svd = await jobs.svdvals(
      tensor([
        [3, 0],
        [0, 4],
      ]),
    );
    await work();
    const results = await Promise.all(handles.map((handle) => handle.result()));
    expect(results.map((result) => result.x!.data[0])).toEqual(handles.map((_, i) => i));
    expect([...(await svd.result()).data]).toEqual([4, 3]);
    const again = await jobs.job(handles[0]!.id);
    expect((await again.result()).x!.data[0]).toBe(0);
    await expect(jobs.job('nobody')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  });

  test('jobs of one key are one job', async () => {
    const { jobs, work } = await make('keys');
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
    const handles = await Promise.all([...keys, ...keys].map((key, i) => jobs.add('echo', x(i), { key })));
    const waiting = (await jobs.status()).map((status) => status.waiting);
    expect(waiting[0]! + waiting[1]!).toBe(keys.length);
    await work();
    const results = await Promise.all(handles.map((handle) => handle.result()));
    expect(results.map((result) => result.x!.data[0])).toEqual([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
  });

  test('where one takes no more, another does', async () => {
    const { jobs } = await make('full', { maxWaiting: 3 });
    for (let i = 0; i < 6; i++) await jobs.add('echo', x(i));
    expect((await jobs.status()).map((status) => status.waiting)).toEqual([3, 3]);
    await expect(jobs.add('echo', x(7))).rejects.toMatchObject({
      code: 'ERR_OVERLOADED',
      retryAfterMicros: expect.any(Number),
    });
  });
});

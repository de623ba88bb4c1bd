// What every payload store does, whatever it is made of.

import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FileStore, type PayloadStore, TensorQueue, TensorWorker } from '../lib/index.js';
import { RedisStore } from '../lib/payload/redis-store.js';
import { hasRedis, RedisServer } from './support/redis.js';
import { until } from './support/until.js';

describe.skipIf(!hasRedis)('payload stores', () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'tensorlane-store-')), 'made', 'when needed');
  const files = new FileStore(folder);
  let server: RedisServer;
  let redis: Redis;
  beforeAll(async () => {
    server = await RedisServer.start();
    redis = new Redis(server.url);
  });
  afterAll(async () => {
    files.dispose();
    rmSync(join(folder, '..', '..'), { recursive: true });
    redis.disconnect();
    await server.stop();
  });

  const stores: readonly [string, () => PayloadStore][] = [
    ['redis', () => new RedisStore(redis)],
    ['file', () => files],
  ];
  describe.each(stores)('%s', (name, storeOf) => {
    test.each([0, 1, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 3 * 2 ** 20])('gives back %i bytes', async (size) => {
      const store = storeOf();
      const bytes = Buffer.alloc(size, 7);
      const key = `a:b/../c ${size}`;
      expect(await store.get(key, size)).toBeUndefined();
      await store.put(key, bytes, 60_000);
      expect(Buffer.compare(Buffer.from((await store.get(key, size))!), bytes)).toBe(0);
      await store.put(key, Buffer.alloc(size, 8), 60_000);
      expect(Buffer.from((await store.get(key, size))!).every((byte) => byte === 8)).toBe(true);
      await store.delete(key, size);
      expect(await store.get(key, size)).toBeUndefined();
      await store.delete(key, size);
      await store.keep(key, size, 1000);
    });

    test('bytes expire, and can be kept for longer', async () => {
      const store = storeOf();
      const bytes = Buffer.alloc(2 ** 20 + 5);
      for (const key of ['short', 'kept']) await store.put(key, bytes, 150);
      await store.keep('kept', bytes.length, 60_000);
      await until(async () => (await store.get('short', bytes.length)) === undefined);
      expect((await store.get('kept', bytes.length))?.length).toBe(bytes.length);
      await store.delete('kept', bytes.length);
    });

    test('a queue and its workers leave nothing behind in it but results', async () => {
      const store = storeOf();
      await using jobs = new TensorQueue(`stores-${name}`, { connection: server.url, store });
      await using worker = new TensorWorker(`stores-${name}`, {
        connection: server.url,
        store,
        handlers: { echo: (feeds) => feeds },
      });
      const x = tensor(new Float64Array(2000).fill(3), [2000]);
      const { x: y } = await (await jobs.add('echo', { x })).result();
      expect(y).toEqual({ type: 'float64', data: x.data, dims: [2000] });
      const left = () => (name === 'file' ? readdirSync(folder) : redis.keys('*:tensorlane:*'));
      const isDone = (keys: string[]) =>
        !keys.some((key) => /feeds/.test(key)) && keys.some((key) => /outputs/.test(key));
      await until(async () => isDone(await left()));
      expect(worker.stats().completed).toBe(1);
    });
  });

  test('the sweep of a folder removes what has expired, and nothing else', async () => {
    await until(async () => (await files.sweep()) === 0);
    await files.put('old', Buffer.alloc(1), 0);
    await files.put('new', Buffer.alloc(1), 60_000);
    await until(() => Date.now() % 10 === 0);
    expect(await files.sweep()).toBe(1);
    expect([await files.get('old'), (await files.get('new'))?.length]).toEqual([undefined, 1]);
    await files.delete('new');
    expect(existsSync(folder)).toBe(true);
  });

  test('a worker that has another store says so', async () => {
    await using jobs = new TensorQueue('stores-two', { connection: server.url, store: files });
    await using worker = new TensorWorker('stores-two', { connection: server.url });
    await worker.ready();
    const handle = await jobs.svd(tensor(new Float64Array(1000), [10, 100]), { attempts: 1 });
    await expect(handle.result()).rejects.toMatchObject({
      code: 'ERR_NOT_FOUND',
      message: expect.stringMatching(/'file'.*'redis'/),
    });
  });
});

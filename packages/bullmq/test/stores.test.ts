// What every payload store does, whatever it is made of.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FileStore, type PayloadStore, S3Store, TensorQueue, TensorWorker } from '../lib/index.js';
import { RedisStore } from '../lib/payload/redis-store.js';
import { usePlace } from './support/place.js';
import { hasRedis } from './support/redis.js';
import { S3Server, s3Credentials } from './support/s3.js';
import { until } from './support/until.js';

describe.skipIf(!hasRedis)('payload stores', () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'tensorlane-store-')), 'made', 'when needed');
  const files = new FileStore(folder);
  const place = usePlace();
  let s3: S3Server;
  let objects: S3Store;
  beforeAll(async () => {
    s3 = await S3Server.start();
    objects = new S3Store({ bucket: s3.bucket, endpoint: s3.endpoint, credentials: s3Credentials });
  });
  afterAll(async () => {
    files.dispose();
    rmSync(join(folder, '..', '..'), { recursive: true });
    await s3.stop();
  });

  const stores: readonly [string, () => PayloadStore][] = [
    ['redis', () => new RedisStore(place.redis)],
    ['file', () => files],
    ['s3', () => objects],
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
      await using jobs = new TensorQueue(`stores-${name}`, { connection: place.url, store });
      await using worker = new TensorWorker(`stores-${name}`, {
        connection: place.url,
        store,
        handlers: { echo: (feeds) => feeds },
      });
      const x = tensor(new Float64Array(2000).fill(3), [2000]);
      const { x: y } = await (await jobs.add('echo', { x })).result();
      expect(y).toEqual({ type: 'float64', data: x.data, dims: [2000] });
      const left = () =>
        name === 'file'
          ? readdirSync(folder)
          : name === 's3'
            ? [...s3.objects.keys()]
            : place.redis.keys('*:tensorlane:*');
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
    expect([await files.get('old', 1), (await files.get('new', 1))?.length]).toEqual([undefined, 1]);
    await files.delete('new');
    expect(existsSync(folder)).toBe(true);
  });

  test('the sweep leaves files of others where they are, however old', async () => {
    const theirs = join(folder, 'theirs.txt');
    writeFileSync(theirs, 'dear');
    utimesSync(theirs, 1, 1);
    await files.put('old', Buffer.alloc(1), 0);
    await until(async () => (await files.get('old', 1)) === undefined && (await files.sweep()) === 0);
    expect(readFileSync(theirs, 'utf8')).toBe('dear');
    rmSync(theirs);
  });

  test('keys that are no names of files', async () => {
    const bytes = Buffer.from('tensors');
    const before = readdirSync(folder);
    for (const key of ['.', '..', '../..', '/etc/passwd', '\0', 'ä/'.repeat(300), `${'ä/'.repeat(300)}.`]) {
      await files.put(key, bytes, 60_000);
      expect(readdirSync(folder)).toHaveLength(before.length + 1);
      expect(`${await files.get(key, bytes.length)}`).toBe('tensors');
      await files.delete(key);
    }
    expect(readdirSync(folder)).toEqual(before);
  });

  test('a folder that comes later', async () => {
    const place = join(folder, 'later');
    writeFileSync(place, 'a file is there');
    using later = new FileStore(place);
    await expect(later.put('key', Buffer.alloc(1), 60_000)).rejects.toThrow();
    rmSync(place);
    await later.put('key', Buffer.alloc(1), 60_000);
    expect((await later.get('key', 1))?.length).toBe(1);
    rmSync(place, { recursive: true });
  });

  describe('of S3', () => {
    const bytes = Buffer.from('tensors');
    const made = (options: object) =>
      new S3Store({ bucket: s3.bucket, endpoint: s3.endpoint, credentials: s3Credentials, ...options });

    test('a service that is busy for a moment is asked again', async () => {
      s3.failures.push({ status: 503, code: 'SlowDown' }, { status: 500, code: 'InternalError' });
      await objects.put('busy', bytes, 60_000);
      expect(s3.failures).toEqual([]);
      expect(Buffer.from((await objects.get('busy'))!)).toEqual(bytes);
    });

    test.each([
      [
        'a secret that is wrong',
        { credentials: { ...s3Credentials, secretAccessKey: 'other' } },
        'SignatureDoesNotMatch',
      ],
      ['a key that is not known', { credentials: { ...s3Credentials, accessKeyId: 'other' } }, 'InvalidAccessKeyId'],
      ['a bucket that is not there', { bucket: 'none' }, 'NoSuchBucket'],
      ['a service that is not there', { endpoint: 'http://127.0.0.1:2' }, 'ECONNREFUSED'],
    ])('%s is said in its own words, by each method', async (_, options, said) => {
      const store = made(options);
      const error = { code: 'ERR_INTERNAL', message: expect.stringContaining(said) };
      await expect(store.put('key', bytes, 1000)).rejects.toMatchObject(error);
      await expect(store.get('key')).rejects.toMatchObject(error);
      await expect(store.keep('key', 7, 1000)).rejects.toMatchObject(error);
      await expect(store.delete('key')).rejects.toMatchObject(error);
    });

    test('no space left, and a copy that fails after it was answered', async () => {
      s3.failures.push({ status: 400, code: 'QuotaExceeded' });
      const full = { code: 'ERR_QUEUE_FULL', retryAfterMicros: expect.any(Number) };
      await expect(objects.put('full', bytes, 1000)).rejects.toMatchObject(full);
      s3.failures.push({ status: 200, code: 'InternalError' });
      await expect(objects.keep('busy', 7, 1000)).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    });

    test('credentials that end are asked for again, once for all who wait', async () => {
      let asked = 0;
      const credentials = async () => {
        asked++;
        const leftMs = asked === 1 ? 30_000 : 3.6e6;
        return { ...s3Credentials, sessionToken: `${asked}`, expiration: new Date(Date.now() + leftMs) };
      };
      const store = made({ credentials });
      await Promise.all(['a', 'b', 'c'].map((key) => store.put(key, bytes, 60_000)));
      expect(asked).toBe(1);
      await store.put('d', bytes, 60_000);
      await store.put('e', bytes, 60_000);
      expect(asked).toBe(2);
    });

    test('what is wrong is refused', () => {
      for (const options of [{ bucket: '' }, { endpoint: 'minio' }, { prefix: 'a b' }, { typo: 1 }]) {
        expect(() => made(options), JSON.stringify(options)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
      }
    });
  });

  test('a worker that has another store says so', async () => {
    await using jobs = new TensorQueue('stores-two', { connection: place.url, store: files });
    await using worker = new TensorWorker('stores-two', { connection: place.url });
    await worker.ready();
    const handle = await jobs.svd(tensor(new Float64Array(1000), [10, 100]), { attempts: 1 });
    await expect(handle.result()).rejects.toMatchObject({
      code: 'ERR_NOT_FOUND',
      message: expect.stringMatching(/'file'.*'redis'/),
    });
  });
});

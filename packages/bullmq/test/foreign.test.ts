// Jobs that others have written, in other languages or in error: each is answered, or fails by itself with what is wrong of it.

import { tensor } from 'tensorlane';
import { describe, expect, test } from 'vitest';
import { encodeTensors, TensorQueue, TensorWorker } from '../lib/index.js';
import { make } from './support/made.js';
import { usePlace } from './support/place.js';
import { hasRedis } from './support/redis.js';

const a = tensor([[2]], { type: 'float64' });
const feeds = { inline: encodeTensors({ a }, 'a').toString('base64') };
const day = 24 * 3_600_000;

describe.skipIf(!hasRedis)('jobs of others', () => {
  const place = usePlace();

  test('a deadline that is farther than any timer lasts', async () => {
    await using made = await make(place);
    for (const deadline of [Date.now() + 30 * day, 1e300]) {
      const { id } = await made.jobs.queue.add('det', { tensorlane: 1, feeds, deadline });
      expect((await made.jobs.job(id!, 'det').result()) as unknown).toMatchObject({ data: Float64Array.of(2) });
    }
  });

  test.each([
    ['bytes are more than a job may have', { bytes: 2 ** 52, crc32: 1 }, 'ERR_SHAPE'],
    ['bytes that come of others are', { bytes: 8, crc32: 1, inflated: 2 ** 52 }, 'ERR_SHAPE'],
    ['bytes are less than none', { bytes: -(2 ** 52), crc32: 1 }, 'ERR_ARGUMENT'],
    ['bytes that come of others are', { bytes: 8, crc32: 1, inflated: -1 }, 'ERR_ARGUMENT'],
  ])('tensors whose %s: %o', async (_, sizes, code) => {
    await using made = await make(place, { maxBytesInFlight: 1000 });
    const { jobs } = made;
    const { id } = await jobs.queue.add('det', { tensorlane: 1, feeds: { store: 'redis', key: 'none', ...sizes } });
    await expect(jobs.job(id!).result()).rejects.toMatchObject({ code });
    const after = await jobs.det(a);
    expect((await after.result()).data[0]).toBe(2);
  });

  test('what others wrote among what workers say of themselves, and to those who cancel', async () => {
    await using made = await make(place);
    const { jobs, name } = made;
    await place.redis.hset(`bull:${name}:tensorlane:workers`, 'a', 'null', 'b', '{bad', 'c', '"text"', 'd', '{"id":1}');
    for (const text of ['null', '1', '{}', '{"id":1}', 'x']) {
      await place.redis.publish(`bull:${name}:tensorlane:cancel`, text);
    }
    expect((await jobs.status()).workers).toMatchObject([{ pid: process.pid }]);
    expect((await (await jobs.det(a)).result()).data[0]).toBe(2);
  });

  test('reasons that go round in a circle, or lead nowhere', async () => {
    await using made = await make(place, 'none');
    const { jobs } = made;
    for (const [id, child] of [
      ['a', 'b'],
      ['b', 'a'],
      ['c', 'none'],
    ] as const) {
      await jobs.queue.add('x', {}, { jobId: id });
      const failedReason = `child ${jobs.queue.toKey(child)} failed`;
      await place.redis.hset(jobs.queue.toKey(id), { failedReason, finishedOn: 1 });
      await place.redis.lrem(jobs.queue.toKey('wait'), 0, id);
      await place.redis.zadd(jobs.queue.toKey('failed'), 1, id);
      await expect(jobs.job(id).result()).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    }
    await jobs.queue.add('x', {}, { jobId: 'd' });
    await place.redis.hset(jobs.queue.toKey('d'), {
      failedReason: `child ${jobs.queue.toKey('failed')} failed`,
      finishedOn: 1,
    });
    await expect(jobs.job('d').result()).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    expect(await jobs.deadLetters()).toHaveLength(3);
  });

  test('tensors in the job itself that are more than it may have', async () => {
    await using made = await make(place, { maxPayloadBytes: 500 });
    const inline = encodeTensors({ a: tensor(new Float64Array(100), [10, 10]) }, 'a').toString('base64');
    const { id } = await made.jobs.queue.add('det', { tensorlane: 1, feeds: { inline } });
    await expect(made.jobs.job(id!).result()).rejects.toMatchObject({ code: 'ERR_SHAPE' });
  });
});

test('times that no timer lasts for, and places that no queue has, are refused', async () => {
  const connection = { port: 1, lazyConnect: true };
  const most = 2 ** 31;
  for (const options of [{ lockMs: most }, { stalledCheckMs: most }, { jsGraceMs: most }]) {
    expect(() => new TensorWorker('q', { connection, ...options }), JSON.stringify(options)).toThrow('2147483647');
  }
  const rateLimit = { max: 1, durationMs: most };
  expect(() => new TensorWorker('q', { connection, rateLimit })).toThrow('2147483647');
  const jobs = new TensorQueue('q', { connection });
  await expect(jobs.det(a, { delayMs: 2 ** 52 })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  await jobs.close();
});

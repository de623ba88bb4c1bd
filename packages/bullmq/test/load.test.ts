// How a queue that has too much to do says so, and how workers find out how much to take.

import { tensor } from 'tensorlane';
import { describe, expect, test } from 'vitest';
import { TensorQueue, TensorWorker } from '../lib/index.js';
import { Rate } from '../lib/job/workers.js';
import { ByteBudget } from '../lib/worker/budget.js';
import { Slots } from '../lib/worker/slots.js';
import { Suspects } from '../lib/worker/suspects.js';
import { usePlace } from './support/place.js';
import { hasRedis } from './support/redis.js';
import { until } from './support/until.js';

const x = tensor(Float32Array.of(1));

describe.skipIf(!hasRedis)('a queue with bounds', () => {
  const place = usePlace();

  test('refuses what is more than may wait, says when to come again, and takes it then', async () => {
    await using jobs = new TensorQueue('bounded', { connection: place.url, maxWaiting: 5 });
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => jobs.add('echo', { x })));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    for (const { reason } of results.slice(5) as PromiseRejectedResult[]) {
      expect(reason).toMatchObject({ code: 'ERR_OVERLOADED', retryAfterMicros: expect.any(Number) });
      expect(reason.message).toContain('5');
    }
    expect(await jobs.status()).toMatchObject({ waiting: 5, active: 0, workers: [], perSecond: 0 });
    const worker = new TensorWorker('bounded', {
      connection: place.url,
      device: place.device,
      handlers: { echo: (feeds) => feeds },
    });
    const handle = await until(() => jobs.add('echo', { x }).catch(() => undefined));
    await handle.result();
    expect((await jobs.status()).workers).toMatchObject([{ pid: process.pid, device: expect.stringMatching(/^cpu /) }]);
    await worker.close();
  });

  test('refuses where the next job has waited for too long', async () => {
    await using jobs = new TensorQueue('late', { connection: place.url, maxWaitMs: 150 });
    await jobs.add('echo', { x });
    const refusal = await until(() =>
      jobs.add('echo', { x }).then(
        () => undefined,
        (error) => error,
      ),
    );
    expect(refusal).toMatchObject({ code: 'ERR_OVERLOADED', message: expect.stringContaining('maxWaitMs is 150') });
  });
});

describe.skipIf(!hasRedis)('a queue that knows how long jobs wait', () => {
  const place = usePlace();
  const day = 24 * 3_600_000;

  test('not for the time that they were delayed, tried before, or waited for others', async () => {
    await using jobs = new TensorQueue('not-waiting', { connection: place.url, maxWaitMs: 60_000 });
    await jobs.ready();
    const data = { tensorlane: 1, feeds: { inline: '' } };
    const add = (opts: object, own: object = data) =>
      jobs.queue.add('echo', own, { timestamp: Date.now() - day, ...opts });
    const waits = async () => {
      const { oldestMs } = await jobs.status();
      await jobs.queue.drain(true);
      return oldestMs > 30_000;
    };
    await add({});
    expect(await waits()).toBe(true);
    await (await add({ delay: day })).promote();
    expect(await waits()).toBe(false);
    const tried = await add({ attempts: 2, backoff: { type: 'fixed', delay: 1000 } });
    await place.redis.hset(jobs.queue.toKey(tried.id!), 'processedOn', Date.now(), 'atm', 1);
    expect(await waits()).toBe(false);
    await add({}, { ...data, from: { x: { job: 'bull:not-waiting:0', output: 'x' } } });
    expect(await waits()).toBe(false);
  });

  test('those with priorities wait, too', async () => {
    await using jobs = new TensorQueue('prioritized', { connection: place.url, maxWaitMs: 60_000 });
    const timestamp = Date.now() - day;
    await jobs.queue.add('echo', { tensorlane: 1, feeds: { inline: '' } }, { priority: 5, timestamp });
    await expect(jobs.add('echo', { x })).rejects.toMatchObject({ code: 'ERR_OVERLOADED' });
  });

  test('a job that no worker takes within its timeoutMs is late for who waits, and is not run any more', async () => {
    await using jobs = new TensorQueue('nobody', { connection: place.url });
    const handle = await jobs.add('echo', { x }, { timeoutMs: 200, attempts: 1 });
    await expect(handle.result()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    await expect(jobs.job(handle.id).result()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    const heard = await jobs.add('echo', { x }, { timeoutMs: 200, attempts: 1 });
    await expect(heard.result()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    let begun = 0;
    const echo = () => {
      begun++;
      return {};
    };
    await using worker = new TensorWorker('nobody', {
      connection: place.url,
      device: place.device,
      handlers: { echo },
    });
    await worker.ready();
    await until(async () => (await handle.state()) === 'failed');
    await expect(handle.result()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(begun).toBe(0);
  });
});

describe('slots', () => {
  const made = () => {
    const slots = new Slots({ least: 4, most: 32, lockMs: 1000 });
    let now = 0;
    /** A window of jobs at a rate that `perMs` says for the present limit. */
    const window = (perMs: (limit: number) => number, tookMs = 10, atOnce = slots.limit) => {
      const { limit } = slots;
      for (let i = 0; i < 500 && slots.limit === limit; i++) {
        now += 1 / perMs(limit);
        slots.ended(tookMs, atOnce, now);
      }
    };
    return { slots, window };
  };

  test('grow as long as more of them are faster, up to the most', () => {
    const { slots, window } = made();
    const seen = Array.from({ length: 5 }, () => {
      window((limit) => limit / 10);
      return slots.limit;
    });
    expect(seen).toEqual([8, 16, 32, 32, 32]);
  });

  test('go back where more are not faster, and try again only later', () => {
    const { slots, window } = made();
    const perMs = (limit: number) => Math.min(limit, 8) / 10;
    const seen = Array.from({ length: 5 }, () => {
      window(perMs);
      return slots.limit;
    });
    expect(seen).toEqual([8, 16, 8, 8, 8]);
    const tried = Array.from({ length: 200 }, () => {
      window(perMs);
      return slots.limit;
    });
    // A try is one window in fifty.
    const tries = tried.filter((limit) => limit === 16).length;
    expect(tried.filter((limit) => limit === 8).length).toBe(200 - tries);
    expect(tries).toBeGreaterThan(0);
    expect(tries).toBeLessThan(50);
  });

  test('stay where not all are taken, or answers take their time', () => {
    const { slots, window } = made();
    window((limit) => limit / 10, 10, 3);
    window((limit) => limit / 10, 300);
    expect(slots.limit).toBe(4);
  });

  test('are halved at once where answers come late, and never fewer than the least', () => {
    const { slots, window } = made();
    window((limit) => limit / 10);
    window((limit) => limit / 10);
    expect(slots.limit).toBe(16);
    slots.ended(600, 16, 1e6);
    expect(slots.limit).toBe(8);
    slots.ended(600, 8, 1e6);
    slots.ended(600, 4, 1e6);
    expect(slots.limit).toBe(4);
  });
});

test('a budget of bytes serves in order, and what is larger than all of it alone', async () => {
  const budget = new ByteBudget(10);
  const order: string[] = [];
  const take = async (name: string, bytes: number) => {
    const release = await budget.take(bytes);
    order.push(name);
    return release;
  };
  const first = await take('first', 6);
  const huge = take('huge', 100);
  const small = take('small', 1);
  await new Promise(setImmediate);
  expect(order).toEqual(['first']);
  first();
  first();
  const releaseHuge = await huge;
  await new Promise(setImmediate);
  expect(order).toEqual(['first', 'huge']);
  releaseHuge();
  (await small)();
  (await take('all', 10))();
  expect(order).toEqual(['first', 'huge', 'small', 'all']);
});

test('of suspects one runs at a time, others as they come', () => {
  const suspects = new Suspects();
  expect([suspects.mayRun('a', 1), suspects.mayRun('b', 2), suspects.mayRun('c', 0)]).toEqual([true, false, true]);
  suspects.ended('c');
  suspects.ended('b');
  expect(suspects.mayRun('b', 2)).toBe(false);
  suspects.ended('a');
  expect(suspects.mayRun('b', 2)).toBe(true);
});

test('a rate is of what was counted since the last look', () => {
  const rate = new Rate();
  expect(rate.look(100, 1000)).toBe(0);
  expect(rate.look(300, 3000)).toBe(100);
  expect(rate.look(300, 4000)).toBe(50);
  expect(rate.look(300, 4000)).toBe(50);
});

// Jobs that are added, completed and taken together lie in Redis as BullMQ's own do, and what is out of the ordinary is left to BullMQ.

import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import { tensor } from 'tensorlane';
import { describe, expect, onTestFinished, test } from 'vitest';
import { TensorQueue, TensorWorker } from '../lib/index.js';
import { usePlace } from './support/place.js';
import { hasRedis } from './support/redis.js';
import { until } from './support/until.js';

let last = 0;

describe.skipIf(!hasRedis)('together', () => {
  const place = usePlace();

  async function make(prefix?: string) {
    const name = `together-${++last}`;
    const shared = { connection: place.url, ...(prefix === undefined ? {} : { prefix }) };
    const jobs = new TensorQueue(name, shared);
    await jobs.ready();
    const workers: TensorWorker[] = [];
    onTestFinished(async () => {
      await Promise.all(workers.map((one) => one.close()));
      await jobs.close();
    });
    const work = async (options: object = {}) => {
      const worker = new TensorWorker(name, { ...shared, device: place.device, concurrency: 64, ...options });
      workers.push(worker);
      await worker.ready();
      return worker;
    };
    return { name, jobs, work };
  }
  const x = (value: number) => ({ x: tensor(Float32Array.of(value), [1]) });
  /** Answered in one turn of the event loop, when there are so many. */
  const meet = (count: number) => {
    let go = () => {};
    const all = new Promise<void>((resolve) => {
      go = resolve;
    });
    let here = 0;
    return async (feeds: object) => {
      if (++here === count) go();
      await all;
      return feeds as never;
    };
  };

  test('many jobs: each is answered once, and is what BullMQ makes of one', async () => {
    const { jobs, name, work } = await make('other');
    await work({ handlers: { echo: (feeds: never) => feeds } });
    const handles = await jobs.addMany(Array.from({ length: 700 }, (_, i) => ({ name: 'echo', feeds: x(i) })));
    const results = await Promise.all(handles.map((handle) => handle.result()));
    expect(results.map(({ x: { data } = x(-1).x }) => data[0])).toEqual(handles.map((_, i) => i));
    const { waiting, active, completed, failed } = await jobs.status();
    expect({ waiting, active, completed, failed }).toEqual({ waiting: 0, active: 0, completed: 700, failed: 0 });
    // The same through BullMQ alone.
    const theirs = await jobs.queue.add('echo', (await jobs.queue.getJob(handles[0]!.id))!.data, {
      attempts: 3,
      jobId: 'theirs',
      removeOnComplete: { age: 3600 },
    });
    await until(async () => (await theirs.getState()) === 'completed');
    const fieldsOf = async (id: string) => {
      const fields = await place.redis.hgetall(`other:${name}:${id}`);
      for (const time of ['timestamp', 'processedOn', 'finishedOn']) fields[time] = String(Number(fields[time]) > 0);
      const { opts, returnvalue, data, ...others } = fields;
      return { ...others, hasResult: JSON.parse(returnvalue!).tensorlane, hasData: JSON.parse(data!).tensorlane };
    };
    for (const handle of [handles[0]!, handles[699]!]) {
      expect(await fieldsOf(handle.id)).toEqual(await fieldsOf('theirs'));
      expect(await place.redis.exists(`other:${name}:${handle.id}:lock`)).toBe(0);
    }
    expect(await place.redis.scard(`other:${name}:stalled`)).toBe(0);
  });

  // Of so many arguments Lua has none: jobs were neither active nor completed then.
  test('thousands that end at once', { timeout: 120_000 }, async () => {
    const count = 4200;
    const { jobs, work } = await make();
    const worker = await work({ concurrency: count, handlers: { meet: meet(count) } });
    const handles = await jobs.addMany(Array.from({ length: count }, (_, i) => ({ name: 'meet', feeds: x(i) })));
    const results = await Promise.all(handles.map((handle) => handle.result()));
    expect(results.map(({ x: { data } = x(-1).x }) => data[0])).toEqual(handles.map((_, i) => i));
    const { active, completed } = await jobs.status();
    expect({ active, completed }).toEqual({ active: 0, completed: count });
    await until(() => worker.stats().completed === count);
  });

  test('who listens to BullMQ hears of each end', async () => {
    const { jobs, name, work } = await make();
    const redis = new Redis(place.url, { maxRetriesPerRequest: null });
    const events = new QueueEvents(name, { connection: redis });
    const heard = new Set<string>();
    events.on('completed', ({ jobId }) => heard.add(jobId));
    onTestFinished(async () => {
      await events.close();
      redis.disconnect();
    });
    await events.waitUntilReady();
    await work({ handlers: { echo: (feeds: never) => feeds } });
    const handles = await jobs.addMany(Array.from({ length: 40 }, (_, i) => ({ name: 'echo', feeds: x(i) })));
    await Promise.all(handles.map((handle) => handle.result()));
    await until(() => heard.size === 40);
  });

  test('priorities, delays, pauses, limits of the queue and results that are not kept', async () => {
    const { jobs, work } = await make();
    const count = 8;
    await work({ handlers: { meet: meet(count), echo: (feeds: never) => feeds } });
    const plain = Array.from({ length: count }, (_, i) => ({ name: 'meet', feeds: x(i) }));
    await jobs.queue.pause();
    const handles = await jobs.addMany(plain);
    const later = await jobs.add('echo', x(9), { delayMs: 30 });
    const lowly = await jobs.add('echo', x(10), { priority: 5 });
    await sleep(60);
    expect((await jobs.status()).completed).toBe(0);
    await jobs.queue.resume();
    await Promise.all([...handles, later, lowly].map((handle) => handle.result()));
    await jobs.queue.setGlobalConcurrency(1);
    const more = await jobs.addMany(Array.from({ length: 5 }, (_, i) => ({ name: 'echo', feeds: x(i) })));
    await Promise.all(more.map((handle) => handle.result()));
    await jobs.queue.removeGlobalConcurrency();
    const data = (await jobs.queue.getJob(handles[0]!.id))!.data;
    const gone = await jobs.queue.addBulk(
      [1, 2, 3].map((i) => ({ name: 'echo', data, opts: { jobId: `gone-${i}`, removeOnComplete: true } })),
    );
    for (const job of gone) await until(async () => (await job.getState()) === 'unknown');
  });

  test('a job whose lock another has is answered by the other alone, and those beside it are answered', async () => {
    const { jobs, name, work } = await make();
    const count = 6;
    let lost = '';
    const all = meet(count);
    await work({
      handlers: {
        meet: async (feeds: never, { id }: { id: string }) => {
          if (lost === '') {
            lost = id;
            await place.redis.set(`bull:${name}:${id}:lock`, 'another', 'PX', 60_000);
          }
          return all(feeds);
        },
      },
    });
    const handles = await jobs.addMany(Array.from({ length: count }, (_, i) => ({ name: 'meet', feeds: x(i) })));
    await Promise.all(
      handles
        .filter(({ id }) => id !== lost || lost === '')
        .slice(1)
        .map((handle) => handle.id),
    );
    await until(async () => (await jobs.status()).completed === count - 1);
    expect(await place.redis.get(`bull:${name}:${lost}:lock`)).toBe('another');
    expect(await (await jobs.queue.getJob(lost))!.getState()).toBe('active');
    await place.redis.del(`bull:${name}:${lost}:lock`);
  });

  test('results that are kept no longer are removed while others come', async () => {
    const { jobs, name, work } = await make();
    await work({ handlers: { echo: (feeds: never) => feeds }, resultExpireMs: 1000 });
    const brief = new TensorQueue(name, { connection: place.url, resultExpireMs: 1000 });
    onTestFinished(() => brief.close());
    const add = async () => {
      const handles = await brief.addMany(Array.from({ length: 50 }, (_, i) => ({ name: 'echo', feeds: x(i) })));
      await Promise.all(handles.map((handle) => handle.result()));
      return handles;
    };
    const first = await add();
    await until(async () => {
      await add();
      return (await first[0]!.state()) === 'gone' && (await first[49]!.state()) === 'gone';
    });
    expect((await jobs.status()).waiting).toBe(0);
  });

  test('jobs that are there already are not added again, also beside new ones', async () => {
    const { jobs, work } = await make();
    const [one, same, other] = await Promise.all([
      jobs.add('echo', x(1), { key: 'a' }),
      jobs.add('echo', x(2), { key: 'a' }),
      jobs.add('echo', x(3)),
    ]);
    expect(one.id).toBe(same.id);
    expect((await jobs.status()).waiting).toBe(2);
    await work({ handlers: { echo: (feeds: never) => feeds } });
    const results = await Promise.all([one.result(), same.result(), other.result()]);
    expect(results.map((result) => (result as ReturnType<typeof x>).x.data[0])).toEqual([1, 1, 3]);
  });

  test('a plain worker of BullMQ takes them, too', async () => {
    const { jobs, name } = await make();
    const { Worker } = await import('bullmq');
    const redis = new Redis(place.url, { maxRetriesPerRequest: null });
    const names: string[] = [];
    const worker = new Worker(name, async (job) => void names.push(`${job.name} ${job.opts.attempts}`), {
      connection: redis,
    });
    onTestFinished(async () => {
      await worker.close();
      redis.disconnect();
    });
    await jobs.addMany([1, 2, 3].map((i) => ({ name: `n${i}`, feeds: x(i), options: { attempts: i } })));
    await until(() => names.length === 3);
    expect(names).toEqual(['n1 1', 'n2 2', 'n3 3']);
    const queue = new Queue(name, { connection: redis });
    expect(await queue.getJobCounts('completed', 'wait', 'active')).toEqual({ completed: 3, wait: 0, active: 0 });
    await queue.close();
  });
});

// Who hears of a job's end: its own producer on a channel of its own, however it ends; all that happens in the queue is read only where
// something is not told there.

import { type Job, Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { tensor } from 'tensorlane';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { encodeTensors, type HandlerContext, TensorQueue, type Tensors } from '../lib/index.js';
import { report } from '../lib/job/workers.js';
import { Link } from './support/link.js';
import { make } from './support/made.js';
import { usePlace } from './support/place.js';
import { hasRedis } from './support/redis.js';
import { until } from './support/until.js';

const x = tensor(Float32Array.of(1), [1]);
const result = { tensorlane: 1, outputs: { inline: encodeTensors({ x }, 'test').toString('base64') }, micros: {} };
const echo = (feeds: Tensors) => feeds;

describe.skipIf(!hasRedis)('replies', () => {
  const place = usePlace();
  const blocked = async (command: string) =>
    String(await place.redis.client('LIST'))
      .split('\n')
      .filter((line) => line.includes(`cmd=${command} `)).length;

  /** From here on nobody asks after jobs by itself. */
  function askNever(): (millis: number) => void {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    return (millis) => vi.advanceTimersByTime(millis);
  }

  test('of many producers each hears of its own jobs, and reads nothing else', async () => {
    askNever();
    await using made = await make(place, { handlers: { echo } });
    const others = [1, 2, 3].map(() => new TensorQueue(made.name, { connection: place.url }));
    onTestFinished(async () => void (await Promise.all(others.map((one) => one.close()))));
    const heard: string[] = [];
    const listener = new Redis(place.url);
    onTestFinished(() => listener.disconnect());
    listener.on('pmessage', (_, __, message) => heard.push(...(JSON.parse(message).completed ?? [])));
    await listener.psubscribe(`bull:${made.name}:tensorlane:reply:*`);
    const jobs = await Promise.all(
      [made.jobs, ...others].flatMap((one, i) =>
        Array.from({ length: 20 }, async (_, k) => {
          const feeds = { x: tensor(Float32Array.of(20 * i + k), [1]) };
          const job = await one.add('echo', feeds);
          return [job.id, (await job.result()).x!.data[0]] as const;
        }),
      ),
    );
    expect(jobs.map(([, value]) => value)).toEqual(jobs.map((_, i) => i));
    await until(() => heard.length === 2 * jobs.length);
    const ids = heard.filter((one) => typeof one === 'string');
    expect(ids.sort()).toEqual(jobs.map(([id]) => id).sort());
    expect(await blocked('xread')).toBe(0);
  });

  test('however it ends: by itself, with others, failing, cancelled, and in a flow', async () => {
    askNever();
    const handlers = {
      echo,
      fails: () => {
        throw new Error('not today');
      },
    };
    for (const limit of [{}, { rateLimit: { max: 1000, durationMs: 1000 } }]) {
      await using made = await make(place, { handlers, ...limit });
      const { jobs } = made;
      const once = { attempts: 1 };
      const many = await jobs.addMany(Array.from({ length: 30 }, () => ({ name: 'echo', feeds: { x } })));
      for (const one of many) expect((await one.result()).x!.data[0]).toBe(1);
      const dead = await jobs.add('fails', { x }, once);
      await expect(dead.result()).rejects.toThrow('not today');
      // What is put back has an end again.
      await jobs.retry(dead.id);
      await expect(dead.result()).rejects.toThrow('not today');
      const later = await jobs.add('echo', { x }, { delayMs: 100_000 });
      const waiting = later.result();
      waiting.catch(() => {});
      expect(await later.cancel()).toBe(true);
      await expect(waiting).rejects.toMatchObject({ code: 'ERR_ABORTED' });
      const from = (name: string) => ({ x: { step: { name, feeds: { x }, options: once }, output: 'x' } });
      expect((await (await jobs.flow({ name: 'echo', from: from('echo') })).result()).x!.data[0]).toBe(1);
      await expect((await jobs.flow({ name: 'echo', from: from('fails') })).result()).rejects.toThrow('not today');
    }
  });

  test("the queue's events are read for jobs of others and for progress, and no longer", async () => {
    const pass = askNever();
    const handlers = {
      echo,
      async tells(feeds: Tensors, { progress }: HandlerContext) {
        await progress(50);
        return feeds;
      },
    };
    await using made = await make(place, 'none');
    const { jobs } = made;
    const other = new TensorQueue(made.name, { connection: place.url });
    onTestFinished(() => other.close());
    const own = await jobs.add('echo', { x });
    const theirs = other.job(own.id).result();
    const keyed = (await jobs.add('echo', { x }, { key: 'k' })).result();
    await until(async () => (await blocked('xread')) === 2);
    const telling = await jobs.add('tells', { x });
    const told: unknown[] = [];
    const stop = telling.onProgress((value) => told.push(value));
    await made.work({ handlers });
    await Promise.all([own.result(), theirs, keyed, telling.result()]);
    expect(told).toEqual([50]);
    stop();
    await (await jobs.add('echo', { x })).result();
    // One is still waited for, so that it is looked who has to be heard.
    const later = [jobs, other].map(async (one) => (await one.add('echo', { x }, { delayMs: 500 })).result());
    await until(async () => {
      pass(5000);
      return (await blocked('xread')) === 0;
    });
    await Promise.all(later);
  });

  test('progress is told before the end, however late the events are read', async () => {
    askNever();
    const handlers = {
      async tells(feeds: Tensors, { progress }: HandlerContext) {
        await progress(50);
        return feeds;
      },
    };
    await using made = await make(place, 'none');
    const told: unknown[] = [];
    const telling = await made.jobs.add('tells', { x });
    telling.onProgress((value) => told.push(value));
    await until(async () => (await blocked('xread')) === 1);
    // Commands of readers wait for a moment; what is published does not.
    const { xread } = Redis.prototype;
    Redis.prototype.xread = async function (this: Redis, ...args: unknown[]) {
      const answer = await (xread as (...all: unknown[]) => Promise<unknown>).apply(this, args);
      await new Promise((resolve) => setTimeout(resolve, 50));
      return answer;
    } as never;
    onTestFinished(() => {
      Redis.prototype.xread = xread;
    });
    // The one that waits at present is not of those yet.
    await (await made.jobs.queue.add('other', {})).remove();
    await made.work({ handlers });
    await telling.result();
    expect(told).toEqual([50]);
  });

  test('workers of before are heard, whether they are there already or come later', async () => {
    const pass = askNever();
    await using made = await make(place, 'none');
    const { name } = made;
    /** As it says nothing of what it does not know. */
    const old = { id: 'old', host: 'h', pid: 1, device: 'cpu', version: '0.0.1', slots: 1, running: 0 };
    const say = async () => {
      const [seconds] = await place.redis.time();
      const counts = { completed: 0, failed: 0, perSecond: 0, at: Number(seconds) * 1000 };
      await report(place.redis, `bull:${name}:tensorlane:workers`, { ...old, ...counts });
    };
    await say();
    const connection = new Redis(place.url, { maxRetriesPerRequest: null });
    const worker = new Worker(
      name,
      async ({ name: job }: Job) => {
        if (job === 'fails') throw new Error('ERR_MODEL: not today');
        return result;
      },
      { connection },
    );
    onTestFinished(async () => {
      await worker.close();
      connection.disconnect();
    });
    // One that begins now knows at once, one that had begun before when it looks again.
    const begins = new TensorQueue(name, { connection: place.url });
    onTestFinished(() => begins.close());
    for (const [jobs, millis] of [
      [begins, 0],
      [made.jobs, 5000],
    ] as const) {
      const handles = await Promise.all(['echo', 'fails'].map((one) => jobs.add(one, { x }, { attempts: 1 })));
      const ends = Promise.allSettled(handles.map((handle) => handle.result()));
      const passing = setTimeout(() => pass(millis), 50);
      expect(await ends).toMatchObject([{ value: { x } }, { reason: { code: 'ERR_MODEL' } }]);
      clearTimeout(passing);
      // And of the next at once.
      expect((await (await jobs.add('echo', { x })).result()).x).toEqual(x);
    }
  });

  test('what is told while it does not listen is asked for when it does', async () => {
    askNever();
    const releases: (() => void)[] = [];
    const held = async (feeds: Tensors) => {
      await new Promise<void>((resolve) => releases.push(resolve));
      return feeds;
    };
    await using made = await make(place, { handlers: { held }, concurrency: 2 });
    const { jobs, name } = made;
    const waiting = (await jobs.add('held', { x })).result();
    // Nobody waits for this one yet.
    const later = await jobs.add('held', { x });
    await until(() => releases.length === 2);
    const listeners = async () => (await place.redis.pubsub('CHANNELS', `bull:${name}:tensorlane:reply:*`)).length;
    await place.redis.client('KILL', 'TYPE', 'pubsub');
    for (const release of releases) release();
    await until(async () => (await jobs.status()).completed === 2 && (await listeners()) === 1);
    expect((await waiting).x).toEqual(x);
    expect((await later.result()).x).toEqual(x);
  });

  test('a queue that is closed while it begins to listen leaves no connection', async () => {
    const clients = async () =>
      String(await place.redis.client('LIST'))
        .trim()
        .split('\n').length;
    const before = await clients();
    for (const begin of [
      (jobs: TensorQueue) => jobs.ready(),
      (jobs: TensorQueue) => jobs.job('none').result(),
      async (jobs: TensorQueue) => (await jobs.add('echo', { x })).onProgress(() => {}),
    ]) {
      const jobs = new TensorQueue('closed-early', { connection: place.url });
      // What is under way is answered first where Redis is there.
      await jobs.status();
      const begun = begin(jobs);
      begun.catch(() => {});
      await jobs.close();
      await begun.catch(() => {});
      await until(async () => (await clients()) === before);
    }
  });

  test('a connection that leads nowhere any more is noticed, although it only listens', async () => {
    const pass = askNever();
    const link = await Link.start(Number(new URL(place.url).port));
    onTestFinished(() => link.close());
    await using made = await make(place, 'none', { connection: link.url });
    const listening = async () =>
      /id=(\d+) .* sub=1 /.exec(String(await place.redis.call('CLIENT', 'LIST', 'TYPE', 'pubsub')))?.[1];
    const before = await listening();
    expect(before).toBeDefined();
    link.silence('subscribe');
    // Somebody waits.
    const later = (await made.jobs.add('echo', { x })).result();
    await until(async () => {
      pass(5000);
      const now = await listening();
      return now !== undefined && now !== before;
    });
    await made.work({ connection: place.url, handlers: { echo } });
    expect((await later).x).toEqual(x);
  });

  test('who may not listen or tell on channels hears all the same', async () => {
    const pass = askNever();
    await place.redis.call('ACL', 'SETUSER', 'silent', 'on', '>word', '~*', '+@all', 'resetchannels', '&*:cancel');
    const connection = place.url.replace('//', '//silent:word@');
    await using made = await make(place, 'none', { connection });
    await made.work({ connection: place.url, handlers: { echo } });
    expect((await (await made.jobs.add('echo', { x })).result()).x).toEqual(x);
    await using other = await make(place, { connection, handlers: { echo } });
    const told = (await other.jobs.add('echo', { x })).result();
    const queue = new Queue(other.name, { connection: place.redis });
    await until(async () => (await queue.getCompletedCount()) === 1);
    pass(5000);
    expect((await told).x).toEqual(x);
  });
});

// What happens to jobs when what they rely on ends, stops or fills up: each is answered once, or is in the dead letters with its reason.

import { Redis } from 'ioredis';
import { type Device, open, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type JobHandle, TensorQueue, TensorWorker, type TensorWorkerOptions } from '../lib/index.js';
import { Link } from './support/link.js';
import { WorkerProcess } from './support/processes.js';
import { hasRedis, RedisServer } from './support/redis.js';
import { until } from './support/until.js';

const row = (n: number) => tensor(Float32Array.of(n));
const soon = { lockMs: 600, stalledCheckMs: 200 };
const echo: TensorWorkerOptions = {
  handlers: { echo: (feeds) => feeds, slow: (feeds) => feeds, hang: (feeds) => feeds },
};

describe.skipIf(!hasRedis)('faults', () => {
  let device: Device;
  let number = 0;
  beforeAll(async () => {
    device = await open('cpu');
  });
  afterAll(() => device.dispose());

  async function redis(...options: string[]): Promise<RedisServer> {
    const server = await RedisServer.start(...options);
    onTestFinished(() => server.stop());
    return server;
  }

  async function queueAt(url: string, options = {}): Promise<TensorQueue> {
    const jobs = new TensorQueue(`faults-${++number}`, { connection: url, ...options });
    onTestFinished(() => jobs.close());
    await jobs.ready();
    return jobs;
  }

  async function workAt(url: string, jobs: TensorQueue, options: TensorWorkerOptions = echo): Promise<TensorWorker> {
    const worker = new TensorWorker(jobs.name, { connection: url, device, ...soon, ...options });
    onTestFinished(() => worker.close());
    await worker.ready();
    return worker;
  }

  async function processAt(url: string, jobs: TensorQueue, options = {}): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start(jobs.name, url, options);
    onTestFinished(async () => {
      await worker.end('SIGKILL');
    });
    return worker;
  }

  const add = (jobs: TensorQueue, name: string, count: number) =>
    jobs.addMany(Array.from({ length: count }, (_, i) => ({ name, feeds: { x: row(i) } })));

  async function expectAnswered(handles: readonly JobHandle<{ x?: unknown }>[]): Promise<void> {
    const results = await Promise.all(handles.map((handle) => handle.result()));
    for (const [i, { x }] of results.entries())
      expect(x).toEqual({ type: 'float32', data: Float32Array.of(i), dims: [1] });
  }

  test('a worker that is killed with jobs running: another answers them', async () => {
    const { url } = await redis();
    const jobs = await queueAt(url);
    const victim = await processAt(url, jobs, { concurrency: 6 });
    const handles = await add(jobs, 'hang', 6);
    await until(() => victim.begun === 6);
    await victim.end('SIGKILL');
    await workAt(url, jobs);
    await expectAnswered(handles as never);
    expect(await jobs.deadLetters()).toEqual([]);
  });

  test('a worker that stands still loses its jobs to another, and what it still says of them is not heard', async () => {
    const { url } = await redis();
    const jobs = await queueAt(url);
    const still = await processAt(url, jobs, { concurrency: 4 });
    const completed: string[] = [];
    const events = new Redis(url);
    onTestFinished(() => events.disconnect());
    const handles = await add(jobs, 'slow', 4);
    await until(() => still.begun === 4);
    still.signal('SIGSTOP');
    const worker = await workAt(url, jobs);
    await expectAnswered(handles as never);
    still.signal('SIGCONT');
    // When it has answered one more, it has said all that it had to say of the others.
    const last = await jobs.add('slow', { x: row(9) });
    await worker.close();
    const after = await jobs.add('slow', { x: row(10) });
    await Promise.all([last.result(), after.result()]);
    for (const [, fields] of await events.xrange(`bull:${jobs.name}:events`, '-', '+')) {
      const event = Object.fromEntries(
        Array.from({ length: fields.length / 2 }, (_, i) => fields.slice(2 * i, 2 * i + 2)),
      );
      if (event.event === 'completed') completed.push(event.jobId);
    }
    expect(completed.sort()).toEqual([...handles, last, after].map(({ id }) => id).sort());
    await expectAnswered(handles as never);
  });

  test('a job that ends its workers ends up in the dead letters, and takes none of those beside it along', async () => {
    const { url } = await redis();
    const jobs = await queueAt(url);
    const poison = await jobs.add('poison', { x: row(0) });
    const handles = await add(jobs, 'slow', 12);
    let deaths = 0;
    let stop = false;
    onTestFinished(() => {
      stop = true;
    });
    const supervised = (async () => {
      while (!stop) {
        const worker = await processAt(url, jobs, { concurrency: 8 });
        await until(() => worker.ended || stop);
        if (!stop) deaths++;
        await worker.end('SIGKILL');
      }
    })();
    await expect(poison.result()).rejects.toMatchObject({ message: expect.stringContaining('stalled') });
    await expectAnswered(handles as never);
    stop = true;
    await supervised;
    expect(deaths).toBe(4);
    expect((await jobs.deadLetters()).map(({ id }) => id)).toEqual([poison.id]);
  });

  test('SIGTERM: what was taken is answered before the worker ends', async () => {
    const { url } = await redis();
    const jobs = await queueAt(url);
    const worker = await processAt(url, jobs, { concurrency: 3 });
    const handles = await add(jobs, 'slow', 5);
    await until(() => worker.begun === 3);
    expect(await worker.end('SIGTERM')).toBe(0);
    expect(worker.begun).toBe(3);
    const states = await Promise.all(handles.map((handle) => handle.state()));
    expect(states.sort()).toEqual(['completed', 'completed', 'completed', 'waiting', 'waiting']);
  });

  test('two workers: each job is answered by one of them', async () => {
    const { url } = await redis();
    const jobs = await queueAt(url);
    const workers = [await workAt(url, jobs), await workAt(url, jobs)];
    await expectAnswered((await add(jobs, 'echo', 500)) as never);
    // What it has told the queue, it counts when the queue has answered.
    await Promise.all(workers.map((worker) => worker.close()));
    const [first, second] = workers.map((worker) => worker.stats().completed);
    expect(first! + second!).toBe(500);
  });

  test('Redis killed and started again with its append-only file: every job is answered', async () => {
    const server = await redis('--appendonly', 'yes', '--appendfsync', 'always');
    const jobs = await queueAt(server.url);
    const handles = await add(jobs, 'slow', 40);
    const results = expectAnswered(handles as never);
    const worker = await workAt(server.url, jobs, {
      concurrency: 4,
      handlers: { slow: (feeds) => new Promise((resolve) => setTimeout(() => resolve(feeds), 50)) },
    });
    await until(() => worker.stats().completed >= 8);
    await server.kill();
    await server.run();
    const late = await jobs.add('slow', { x: row(0) });
    await results;
    await late.result();
    expect(await jobs.deadLetters()).toEqual([]);
  });

  test('Redis killed and started again without: who waits is told that their jobs are lost, and new ones are answered', async () => {
    const server = await redis();
    const jobs = await queueAt(server.url);
    const handles = await add(jobs, 'slow', 3);
    const lost = Promise.allSettled(handles.map((handle) => handle.result()));
    await server.kill();
    await server.run();
    await workAt(server.url, jobs);
    const next = await jobs.add('slow', { x: row(7) });
    await next.result();
    for (const result of await lost)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_NOT_FOUND' } });
  });

  test('a connection that is cut and restored, of the queue and of the worker', async () => {
    const { url, port } = await redis();
    const link = await Link.start(port);
    onTestFinished(() => link.close());
    const jobs = await queueAt(link.url);
    let begun = 0;
    const slow: TensorWorkerOptions = {
      concurrency: 2,
      handlers: {
        slow: async (feeds) => {
          begun++;
          await new Promise((resolve) => setTimeout(resolve, 50));
          return feeds;
        },
      },
    };
    const worker = await workAt(link.url, jobs, slow);
    const handles = await add(jobs, 'slow', 20);
    const results = expectAnswered(handles as never);
    await until(() => begun >= 4);
    link.cut();
    await new Promise((resolve) => setTimeout(resolve, 300));
    link.restore();
    await results;
    expect(worker.stats().running).toBe(0);
    const direct = new TensorQueue(jobs.name, { connection: url });
    expect(await direct.deadLetters()).toEqual([]);
    await direct.close();
  });

  test('a full Redis refuses jobs and says so; what it has is answered, and then it takes jobs again', async () => {
    const server = await redis('--maxmemory', '24mb');
    const jobs = await queueAt(server.url, { resultExpireMs: 1000 });
    const big = tensor(new Float64Array(125_000).fill(1), [125, 1000]);
    const handles: JobHandle[] = [];
    let refused: unknown;
    while (refused === undefined) {
      await jobs.add('sum', { big }).then(
        (handle) => handles.push(handle),
        (error) => {
          refused = error;
        },
      );
    }
    expect(refused).toMatchObject({ code: 'ERR_QUEUE_FULL', retryAfterMicros: expect.any(Number) });
    expect(handles.length).toBeGreaterThan(5);
    const keys = new Redis(server.url);
    onTestFinished(() => keys.disconnect());
    expect((await keys.keys('*:feeds:*')).length, 'nothing of the refused one is left').toBe(handles.length);
    // Some memory, for the answers: a worker cannot complete a job in a Redis that takes nothing at all.
    await keys.config('SET', 'maxmemory', '28mb');
    await workAt(server.url, jobs, { handlers: { sum: () => ({ y: row(1) }) } });
    await Promise.all(handles.map((handle) => handle.result()));
    await until(async () => (await keys.keys('*:feeds:*')).length === 0);
    await (await jobs.add('sum', { big })).result();
  });

  test.each(['allkeys-lru', 'volatile-ttl'])(
    'a Redis that drops what it has (%s) is refused, unless it is wanted',
    async (policy) => {
      const { url } = await redis('--maxmemory-policy', policy, '--maxmemory', '50mb');
      const refusal = { code: 'ERR_NOT_SUPPORTED', message: expect.stringContaining(policy) };
      const jobs = new TensorQueue('evicted', { connection: url });
      await expect(jobs.ready()).rejects.toMatchObject(refusal);
      await expect(jobs.svd(tensor([[1]]))).rejects.toMatchObject(refusal);
      await jobs.close();
      const worker = new TensorWorker('evicted', { connection: url, device });
      await expect(worker.ready()).rejects.toMatchObject(refusal);
      await worker.close();
      const wanted = await queueAt(url, { allowEviction: true });
      await workAt(url, wanted, { ...echo, allowEviction: true });
      await expectAnswered((await add(wanted, 'echo', 2)) as never);
    },
  );

  test('deadlines hold where the clock of the producer is wrong', async () => {
    const { url } = await redis();
    const jobs = await queueAt(url);
    await workAt(url, jobs);
    const now = performance.now.bind(performance);
    for (const wrong of [-3.6e6, 3.6e6]) {
      const skewed = new TensorQueue(jobs.name, { connection: url });
      performance.now = () => now() + wrong;
      const handle = await skewed.add('echo', { x: row(0) }, { timeoutMs: 60_000 }).finally(() => {
        performance.now = now;
      });
      await expectAnswered([handle] as never);
      await skewed.close();
    }
  });
});

// Queues and workers that are closed while they are busy, while they connect, or when Redis is gone: what was under way is answered or
// told so, and nobody waits for ever.

import { Redis } from 'ioredis';
import { tensor } from 'tensorlane';
import { describe, expect, onTestFinished, test } from 'vitest';
import { TensorQueue, type TensorQueueOptions, TensorWorker, type TensorWorkerOptions } from '../lib/index.js';
import { usePlace } from './support/place.js';
import { WorkerProcess } from './support/processes.js';
import { hasRedis, RedisServer } from './support/redis.js';
import { until } from './support/until.js';

const x = tensor([[3]], { type: 'float64' });
const nowhere = { port: 1, host: '127.0.0.1' };
const codeOf = (reason: { code?: string }) => reason.code;

test('what BullMQ cannot have is refused', () => {
  const keyPrefix = 'mine:';
  const client = new Redis({ ...nowhere, keyPrefix, lazyConnect: true });
  for (const connection of [{ ...nowhere, keyPrefix }, client]) {
    const refused = expect.objectContaining({ code: 'ERR_ARGUMENT', message: expect.stringContaining('keyPrefix') });
    expect(() => new TensorQueue('q', { connection })).toThrow(refused);
    expect(() => new TensorWorker('q', { connection })).toThrow(refused);
  }
  const refused = expect.objectContaining({ code: 'ERR_ARGUMENT' });
  expect(() => new TensorQueue('a:b', { connection: nowhere })).toThrow(refused);
  expect(() => new TensorWorker(['a', 'a:b'], { connection: nowhere })).toThrow(refused);
});

test('closed while there is no Redis', async () => {
  const jobs = new TensorQueue('q', { connection: nowhere });
  const handle = jobs.job('some');
  const calls = [
    jobs.ready(),
    jobs.det(x),
    jobs.status(),
    jobs.flow({ name: 'det', feeds: { a: x } }),
    handle.result(),
  ];
  const codes = Promise.all(calls.map((call) => (call as Promise<unknown>).then(() => undefined, codeOf)));
  await new Promise((resolve) => setTimeout(resolve, 50));
  await jobs.close();
  expect(await codes).toEqual(calls.map(() => 'ERR_DISPOSED'));
  await expect(handle.state()).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
  const worker = new TensorWorker('q', { connection: nowhere });
  const ready = worker.ready().catch(codeOf);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await worker.close();
  expect(await ready).toBe('ERR_DISPOSED');
});

describe.skipIf(!hasRedis)('closing', () => {
  const place = usePlace();
  let number = 0;

  test.each([
    ['in the job', {}],
    ['in the store', { inlineBytes: 0 }],
  ] as const)('jobs that are being added, with tensors %s: they are in the queue, or are not', async (_, options) => {
    for (const isReady of [true, false]) {
      const name = `closing-${++number}`;
      const jobs = new TensorQueue(name, { connection: place.url, ...options });
      if (isReady) await jobs.ready();
      const adding = Array.from({ length: 20 }, (_, i) =>
        jobs.det(x, i % 2 === 0 ? { timeoutMs: 60_000, priority: 3 } : {}).then(() => 'added', codeOf),
      );
      await jobs.close();
      const ends = await Promise.all(adding);
      expect(ends.every((end) => end === 'added' || end === 'ERR_DISPOSED')).toBe(true);
      if (isReady) expect(ends).toEqual(ends.map(() => 'added'));
      const keys = ['wait', 'prioritized'].map((list) => `bull:${name}:${list}`);
      const [waiting, prioritized] = await Promise.all([place.redis.llen(keys[0]!), place.redis.zcard(keys[1]!)]);
      expect(waiting + prioritized).toBe(ends.filter((end) => end === 'added').length);
    }
  });

  test("a client of the caller's own, made as ioredis makes them, stays open", async () => {
    const client = new Redis(place.url);
    onTestFinished(() => client.disconnect());
    const jobs = new TensorQueue('own-client', { connection: client });
    const worker = new TensorWorker('own-client', { connection: client, device: place.device });
    await worker.ready();
    expect((await (await jobs.det(x)).result()).data[0]).toBe(3);
    await Promise.all([jobs.close(), worker.close()]);
    expect(await client.ping()).toBe('PONG');
  });

  async function start(worker: TensorWorkerOptions = {}, queue: TensorQueueOptions = {}) {
    const server = await RedisServer.start();
    onTestFinished(() => server.stop());
    const name = `closing-${++number}`;
    const jobs = new TensorQueue(name, { connection: server.url, ...queue });
    const one = new TensorWorker(name, { connection: server.url, device: place.device, lockMs: 600, ...worker });
    await Promise.all([jobs.ready(), one.ready()]);
    return { server, jobs, worker: one, name };
  }

  test('Redis is gone, and there is nothing to answer', async () => {
    const { server, jobs, worker } = await start();
    await (await jobs.det(x)).result();
    await server.kill();
    await Promise.all([jobs.close(), worker.close()]);
  });

  test('Redis is gone, and there is something to answer', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    let begun = 0;
    const hold = async () => {
      begun++;
      await gate;
      return {};
    };
    const { server, jobs, worker } = await start({ handlers: { hold } });
    const result = (await jobs.add('hold', {})).result().catch(codeOf);
    await until(() => begun === 1);
    await server.kill();
    const closing = worker.close();
    go();
    await closing;
    await jobs.close();
    expect(await result).toBe('ERR_DISPOSED');
  });

  test('a process that is told to end does, also where Redis is gone', async () => {
    const { server, name, jobs, worker } = await start();
    const other = await WorkerProcess.start(name, server.url);
    await server.kill();
    expect(await other.end('SIGTERM')).toBe(0);
    await Promise.all([jobs.close(), worker.close()]);
  });

  test('a queue whose client gave up asks again', async () => {
    const server = await RedisServer.start();
    onTestFinished(() => server.stop());
    await server.kill();
    const client = new Redis(server.url, { maxRetriesPerRequest: 0 });
    client.on('error', () => {});
    onTestFinished(() => client.disconnect());
    await using jobs = new TensorQueue('asks-again', { connection: client });
    await expect(jobs.det(x)).rejects.toThrow();
    await server.run();
    await until(() => client.status === 'ready');
    expect(await (await jobs.det(x)).state()).toBe('waiting');
  });
});

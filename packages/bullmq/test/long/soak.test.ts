// Many jobs, while workers are killed, stopped and started at random and connections are cut: each job is answered once, or is in the
// dead letters with its reason. TENSORLANE_SOAK_JOBS says how many; TENSORLANE_FUZZ_SEED, which faults come when.

import { QueueEvents } from 'bullmq';
import { tensor } from 'tensorlane';
import { expect, test } from 'vitest';
import { type JobHandle, TensorQueue } from '../../lib/index.js';
import { Link } from '../support/link.js';
import { WorkerProcess } from '../support/processes.js';
import { hasRedis, RedisServer } from '../support/redis.js';

const count = Number(process.env.TENSORLANE_SOAK_JOBS ?? 4000);
const seed = Number(process.env.TENSORLANE_FUZZ_SEED ?? 1);
const atOnce = 500;

/** Of numbers from 0 to 1. */
function random(state: number): () => number {
  let a = state >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const kinds = [
  { name: 'echo', feeds: (i: number) => ({ x: tensor(Float32Array.of(i)) }), fails: undefined },
  {
    name: 'svdvals',
    feeds: (i: number) => ({
      a: tensor(
        [
          [i + 1, 0],
          [0, i],
        ],
        { type: 'float64' },
      ),
    }),
    fails: undefined,
  },
  {
    name: 'inv',
    feeds: (i: number) => ({
      a: tensor(
        new Float64Array(400).map((_, j) => (j % 21 === 0 ? i + 1 : 0)),
        [20, 20],
      ),
    }),
    fails: undefined,
  },
  {
    name: 'inv',
    feeds: () => ({
      a: tensor([
        [0, 0],
        [0, 0],
      ]),
    }),
    fails: 'ERR_SINGULAR',
  },
  { name: 'nothing', feeds: (i: number) => ({ x: tensor([i]) }), fails: 'ERR_NOT_FOUND' },
] as const;
/** Failures are one in fifty each. */
const kindOf = (i: number) => (i % 50 === 7 ? kinds[3] : i % 50 === 33 ? kinds[4] : kinds[i % 3]!);

test.skipIf(!hasRedis)(`${count} jobs under faults`, { timeout: 3_600_000 }, async () => {
  const next = random(seed);
  const server = await RedisServer.start();
  const link = await Link.start(server.port);
  const jobs = new TensorQueue('soak', { connection: link.url });
  await jobs.ready();
  const ends = new Map<string, number>();
  const events = new QueueEvents('soak', {
    connection: { url: server.url, maxRetriesPerRequest: null } as never,
    lastEventId: '0-0',
  });
  for (const event of ['completed', 'failed'] as const) {
    events.on(event, ({ jobId }: { jobId: string }) => ends.set(jobId, (ends.get(jobId) ?? 0) + 1));
  }
  const options = { maxStalls: 50, lockMs: 400, stalledCheckMs: 150 };
  const workers = await Promise.all([0, 1, 2].map(() => WorkerProcess.start('soak', link.url, options)));
  let faults = 0;
  let isOver = false;
  const troubled = (async () => {
    while (!isOver) {
      await new Promise((resolve) => setTimeout(resolve, 200 + next() * 600));
      const which = Math.floor(next() * workers.length);
      const kind = next();
      if (isOver) return;
      faults++;
      if (kind < 0.3) {
        link.cut();
        await new Promise((resolve) => setTimeout(resolve, next() * 100));
        link.restore();
      } else if (kind < 0.5) {
        workers[which]!.signal('SIGSTOP');
        await new Promise((resolve) => setTimeout(resolve, 700));
        workers[which]!.signal('SIGCONT');
      } else {
        await workers[which]!.end(kind < 0.9 ? 'SIGKILL' : 'SIGTERM');
        workers[which] = await WorkerProcess.start('soak', link.url, options);
      }
    }
  })();
  const ids: string[] = [];
  const dead = new Set<string>();
  for (let done = 0; done < count; done += atOnce) {
    const numbers = Array.from({ length: Math.min(atOnce, count - done) }, (_, i) => done + i);
    await Promise.all(
      numbers.map(async (i) => {
        const { name, feeds, fails } = kindOf(i);
        const key = `${i}`;
        // A producer that was cut off does not know whether its job was added, and says it again under the same key.
        let handle: JobHandle | undefined;
        while (handle === undefined) {
          handle = await jobs
            .add(name, feeds(i), { key, backoff: { type: 'fixed', delayMs: 20 } })
            .catch(() => undefined);
        }
        ids.push(handle.id);
        const result = await handle.result().then(
          () => undefined,
          (error: { code: string }) => error.code,
        );
        expect(result, `job ${i} '${name}'`).toBe(fails);
        if (fails !== undefined) dead.add(handle.id);
      }),
    );
  }
  isOver = true;
  await troubled;
  expect(new Set(ids).size).toBe(count);
  const letters = await jobs.deadLetters(0, count);
  expect(new Set(letters.map(({ id }) => id))).toEqual(dead);
  expect(letters.every(({ error }) => error.code === 'ERR_SINGULAR' || error.code === 'ERR_NOT_FOUND')).toBe(true);
  // The events of the last jobs may be under way.
  while (ends.size < count) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(ids.filter((id) => ends.get(id) !== 1)).toEqual([]);
  const states = await jobs.queue.getJobCounts('wait', 'active', 'delayed', 'prioritized', 'completed', 'failed');
  expect(states).toEqual({
    wait: 0,
    active: 0,
    delayed: 0,
    prioritized: 0,
    completed: count - dead.size,
    failed: dead.size,
  });
  console.log(`${count} jobs, ${dead.size} of them dead letters, ${faults} faults`);
  await events.close();
  await jobs.close();
  await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
  link.close();
  await server.stop();
});

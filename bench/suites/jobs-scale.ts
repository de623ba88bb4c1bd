// How the throughput of a queue grows with its workers: as processes of this machine, and on hosts of their own (network namespaces); and what
// one Redis bears, by jobs that cost nothing else.

import { availableParallelism } from 'node:os';
import { makeHosts } from '../load/hosts.js';
import { type Cast, endAll } from '../load/jobs-cast.js';
import type { RedisProcess } from '../load/redis.js';
import type { Context } from '../suite.js';

const N = 256;
const COUNTS = [1, 2, 4] as const;

export async function jobsScale(context: Context, cast: Cast, redis: RedisProcess): Promise<void> {
  // Each worker is a process: a short run starts one.
  const counts = context.short ? [1] : COUNTS;
  await rates(context, cast, counts, 'processes of this machine', (queue, count) =>
    Array.from({ length: count }, () => ({ place: { url: redis.url, queue }, node: undefined })),
  );
  const hosts = makeHosts(counts.at(-1)!);
  const where = 'hosts of their own';
  if (typeof hosts === 'string') {
    for (const count of counts) context.skip(nameOf(count, where), '/s', hosts);
  } else {
    try {
      await rates(context, cast, counts, where, (queue, count) =>
        hosts.all
          .slice(0, count)
          .map(({ gateway, node }) => ({ place: { url: `redis://${gateway}:${redis.port}`, queue }, node })),
      );
    } finally {
      hosts.remove();
    }
  }
  await bearing(context, cast, redis);
}

const nameOf = (count: number, where: string) => `SVDs with ${count} ${count === 1 ? 'worker' : 'workers'}, ${where}`;

interface Seat {
  readonly place: { readonly url: string; readonly queue: string };
  readonly node: string | undefined;
}

async function rates(
  context: Context,
  cast: Cast,
  counts: readonly number[],
  where: string,
  seats: (queue: string, count: number) => readonly Seat[],
): Promise<void> {
  const ms = context.rounds(2000, 200);
  for (const count of counts) {
    const queue = `scale-${where.length}-${count}`;
    const workers = seats(queue, count).map((seat) => ({ ...seat, child: cast.take('worker', seat.node) }));
    const producers = Array.from({ length: context.rounds(2, 1) }, () => cast.take('producer'));
    try {
      await Promise.all(workers.map((one) => one.child.call('work', { place: one.place, streams: 1 })));
      const { url } = seats(queue, 1)[0]!.place;
      await Promise.all(producers.map((one) => one.call('produce', { url, queue })));
      const rate = async () => {
        const each = await Promise.all(
          producers.map((one) => one.call('svdThroughQueue', { n: N, atOnce: 2 * count, ms })),
        );
        return each.reduce((a, b) => a + b, 0);
      };
      if (!context.short) await rate(); // The first warms everything up.
      const samples: number[] = [];
      for (let round = 0; round < context.rounds(3, 1); round++) samples.push(await rate());
      const cores = availableParallelism();
      context.add(nameOf(count, where), '/s', samples, {
        remark: `${N}x${N} float64, a lane a worker, tensors in Redis; all of it on ${cores} cores`,
      });
    } finally {
      // Who works in a host of its own goes with it.
      const [away, here] = [workers.filter(({ node }) => node), workers.filter(({ node }) => !node)];
      await endAll(away.map((one) => one.child));
      await cast.release([...here.map((one) => one.child), ...producers]);
    }
  }
}

/** Redis has one thread: of what a job costs it follows how many it can bear, whatever machines are around it. */
async function bearing(context: Context, cast: Cast, redis: RedisProcess): Promise<void> {
  const place = { url: redis.url, queue: 'bearing' };
  const [producer, worker] = [cast.take('producer'), cast.take('worker')];
  const count = context.rounds(5000, 200);
  try {
    await worker.call('work', { place });
    await producer.call('produce', place);
    await producer.call('traces', { count });
    const each: number[] = [];
    for (let round = 0; round < context.rounds(5, 1); round++) {
      const before = await producer.call('redisMicros', { url: redis.url });
      await producer.call('traces', { count });
      each.push(((await producer.call('redisMicros', { url: redis.url })) - before) / count);
    }
    context.add("Redis' own time a small job", 'us', each, {
      remark: 'its thread, by INFO cpu; 1e6 divided by it are the jobs a second that one Redis bears',
    });
  } finally {
    await cast.release([producer, worker]);
  }
}

// How BullMQ's workers end. The rule: what they have taken is answered first, for as long as that can be heard: where Redis has been silent for
// the time that a lock holds, others have their jobs, or will; and who has none has nothing to wait for.

import type { Worker } from 'bullmq';
import type { Redis } from 'ioredis';

/** A Redis that is there answers sooner. */
const silentMs = 2000;

interface Timers {
  readonly lockManager?: { close(): Promise<void> };
  readonly stalledCheckStopper?: () => void;
}

export interface Leaving {
  readonly redis: Redis;
  readonly lockMs: number;
  /** How many jobs there are to answer. */
  running(): number;
}

export async function leave(workers: readonly Worker[], { redis, lockMs, running }: Leaving): Promise<void> {
  // It would wait for its connection to end, which that one does not where it is not there.
  const isThere = redis.status === 'ready';
  const ending = Promise.all(workers.map((worker) => worker.close(!isThere && running() === 0)));
  let heardAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const silent = new Promise<'silent'>((resolve) => {
    const look = () => {
      const forMs = performance.now() - heardAt;
      if (forMs > (running() > 0 ? lockMs : Math.min(lockMs, silentMs))) return resolve('silent');
      if (redis.status !== 'ready') return;
      const heard = () => {
        heardAt = performance.now();
      };
      redis.ping().then(heard, () => {});
    };
    timer = setInterval(look, Math.min(lockMs, silentMs) / 4);
  });
  const how = await Promise.race([ending, silent]);
  clearInterval(timer);
  if (how !== 'silent') return;
  ending.catch(() => {});
  await Promise.all(workers.map(abandon));
}

/** What BullMQ would do of it when Redis has answered. */
async function abandon(worker: Worker): Promise<void> {
  const { lockManager, stalledCheckStopper } = worker as unknown as Timers;
  await lockManager?.close();
  stalledCheckStopper?.();
  await (worker.getBackend() as unknown as { close(force: boolean): Promise<void> }).close(true);
}

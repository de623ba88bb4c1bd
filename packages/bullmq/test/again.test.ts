// Jobs that are wanted again: of a key whose job has ended, and dead letters.

import { tensor } from 'tensorlane';
import { describe, expect, onTestFinished, test } from 'vitest';
import { make } from './support/made.js';
import { usePlace } from './support/place.js';
import { WorkerProcess } from './support/processes.js';
import { hasRedis } from './support/redis.js';
import { until } from './support/until.js';

const x = tensor(new Float64Array(1000), [1000]);

describe.skipIf(!hasRedis)('again', () => {
  const place = usePlace();

  test.each([
    ['result', 'says', 1000],
    ['dead letter', 'fails', 7 * 24 * 3_600_000],
  ])('a key whose %s is kept no longer is free', async (_, name, keptMs) => {
    let runs = 0;
    await using made = await make(
      place,
      {
        handlers: {
          says: () => ({ n: tensor([++runs]) }),
          fails: () => {
            runs++;
            throw new Error('never');
          },
        },
      },
      { resultExpireMs: 1000 },
    );
    const { jobs } = made;
    const run = async () => {
      const handle = await jobs.add(name, { x }, { key: 'same', attempts: 1 });
      return {
        id: handle.id,
        end: await handle.result().then(
          ({ n }) => n!.data[0],
          (error: Error) => error.message,
        ),
      };
    };
    const { id, end } = await run();
    expect((await run()).end).toEqual(end);
    expect(runs).toBe(1);
    // No other job has ended since: BullMQ has it still.
    await place.redis.hincrby(jobs.queue.toKey(id), 'finishedOn', -keptMs - 1000);
    await run();
    expect(runs).toBe(2);
  });

  test('a dead letter that was late is tried again all the same', async () => {
    await using made = await make(place, 'none');
    const handle = await made.jobs.add('echo', { x }, { timeoutMs: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await made.work({ handlers: { echo: (feeds) => ({ ...feeds }) } });
    await expect(handle.result()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    await made.jobs.retry(handle.id);
    expect((await handle.result()).x!.dims).toEqual([1000]);
  });

  test('a dead letter that ended its workers is tried again as often as at first', async () => {
    await using made = await make(place, 'none');
    const shared = { lockMs: 300, stalledCheckMs: 100, maxStalls: 1 };
    const handle = await made.jobs.add('hang', { x });
    const begins = async () => {
      const worker = await WorkerProcess.start(made.name, place.url, shared);
      onTestFinished(() => void worker.end('SIGKILL'));
      await until(() => worker.begun > 0);
      await worker.end('SIGKILL');
    };
    for (let i = 0; i < 2; i++) await begins();
    const buries = await made.work(shared);
    await expect(handle.result()).rejects.toMatchObject({ message: expect.stringContaining('stalled') });
    await buries.close();
    await made.jobs.retry(handle.id);
    await begins();
    await made.work({ ...shared, handlers: { hang: (feeds) => ({ ...feeds }) } });
    expect((await handle.result()).x!.dims).toEqual([1000]);
  });
});

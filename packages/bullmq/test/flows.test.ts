// Jobs that feed on others, over several queues.

import { type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Step, TensorQueue, TensorWorker } from '../lib/index.js';
import { usePlace } from './support/place.js';
import { hasRedis } from './support/redis.js';
import { until } from './support/until.js';

describe.skipIf(!hasRedis)('flows', () => {
  const place = usePlace();
  let jobs: TensorQueue;
  const workers: TensorWorker[] = [];
  beforeAll(async () => {
    jobs = new TensorQueue('last', { connection: place.url });
    for (const queue of ['last', 'first']) {
      workers.push(
        new TensorWorker(queue, {
          connection: place.url,
          device: place.device,
          handlers: {
            double: ({ x }) => ({
              y: tensor(
                (x!.data as Float64Array).map((value) => 2 * value),
                x!.dims,
              ),
            }),
            fail: () => Promise.reject(new Error('never')),
          },
        }),
      );
    }
    await Promise.all([jobs.ready(), ...workers.map((worker) => worker.ready())]);
  });
  afterAll(async () => {
    await Promise.all([jobs.close(), ...workers.map((worker) => worker.close())]);
  });

  const big = tensor(
    new Float64Array(900).map((_, i) => (i % 31 === 0 ? 2 : 0)),
    [30, 30],
  );

  test('what one gives, the next takes: small and large, of one queue and another', async () => {
    const inverse: Step = { name: 'inv', queue: 'first', feeds: { a: big } };
    const doubled: Step = { name: 'double', queue: 'first', feeds: { x: big } };
    const handle = await jobs.flow<{ dims: number[]; data: Float64Array }>({
      name: 'matmul',
      from: { a: { step: inverse }, b: { step: doubled, output: 'y' } },
    });
    const { dims, data } = await handle.result();
    expect(dims).toEqual([30, 30]);
    expect([...data].every((value, i) => value === (i % 31 === 0 ? 2 : 0))).toBe(true);
    const trace = await jobs.flow<{ data: Float64Array }>({
      name: 'trace',
      from: {
        a: { step: { name: 'matmul', from: { a: { step: { name: 'inv', feeds: { a: big } } } }, feeds: { b: big } } },
      },
    });
    expect([...(await trace.result()).data]).toEqual([30]);
  });

  test('two feeds of one step', async () => {
    const step: Step = {
      name: 'double',
      feeds: {
        x: tensor(
          [
            [1, 0],
            [0, 3],
          ],
          { type: 'float64' },
        ),
      },
    };
    const handle = await jobs.flow<{ data: Float64Array }>({
      name: 'matmul',
      from: { a: { step, output: 'y' }, b: { step, output: 'y' } },
    });
    expect([...(await handle.result()).data]).toEqual([4, 0, 0, 36]);
  });

  test('where one fails for good, what waits for it does, and says so', async () => {
    const step: Step = { name: 'fail', queue: 'first', feeds: {}, options: { attempts: 1 } };
    const handle = await jobs.flow({ name: 'trace', from: { a: { step } } });
    await expect(handle.result()).rejects.toMatchObject({
      message: expect.stringMatching(/failed before it: .*never/),
    });
    const none = await jobs.flow({
      name: 'trace',
      from: { a: { step: { name: 'double', feeds: { x: big } }, output: 'z' } },
    });
    await expect(none.result()).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringContaining('it gave y'),
    });
  });

  test('what a step gave is there for as long as the next waits, and as long as that is a dead letter', async () => {
    const shared = { connection: place.url, resultExpireMs: 1000 };
    const handlers = { pick: ({ x }: Readonly<Record<string, Tensor>>) => ({ y: x! }) };
    await using steps = new TensorQueue('kept', shared);
    await using first = new TensorWorker('kept-first', { ...shared, device: place.device, handlers });
    await first.ready();
    const step: Step = { name: 'pick', queue: 'kept-first', feeds: { x: big } };
    const handle = await steps.flow({ name: 'late', from: { a: { step, output: 'y' } }, options: { attempts: 1 } });
    const ttl = async () => {
      const [key] = await place.redis.keys('*kept-first:tensorlane:*outputs*');
      return key === undefined ? 0 : place.redis.pttl(key);
    };
    const day = 24 * 3_600_000;
    await until(async () => (await ttl()) > 0);
    expect(await ttl()).toBeGreaterThan(day / 2);
    let fails = true;
    const late = ({ a }: Readonly<Record<string, Tensor>>) => {
      if (fails) throw new Error('not yet');
      return { a: a! };
    };
    await using last = new TensorWorker('kept', { ...shared, device: place.device, handlers: { late } });
    await expect(handle.result()).rejects.toMatchObject({ message: expect.stringContaining('not yet') });
    await until(async () => (await ttl()) > 6 * day);
    fails = false;
    await steps.retry(handle.id);
    expect(await handle.result()).toMatchObject({ a: { dims: [30, 30] } });
    expect(last.stats().failed).toBe(1);
  });

  test('what is wrong is refused, and leaves nothing in the store', async () => {
    const before = (await place.redis.keys('*:feeds:*')).length;
    const step: Step = { name: 'inv', feeds: { a: big } };
    const twice: Step = { name: 'matmul', from: { a: { step }, b: { step: { name: 'inv', from: { a: { step } } } } } };
    const bad: Step[] = [
      twice,
      { name: '' },
      { name: 'inv', from: { a: { step: { name: 'inv', typo: 1 } as never } } },
      { name: 'inv', feeds: { a: big }, from: { a: { step } } },
      { name: 'inv', queue: 'elsewhere', from: { a: { step } } },
      { name: 'inv', from: { a: { step, options: 1 } as never } },
      { name: 'inv', options: { key: 'k' } as never, from: { a: { step } } },
      { name: 'inv', from: { a: { step }, b: { step: { name: 'double', feeds: { x: 1 as never } } } } },
    ];
    for (const one of bad)
      await expect(jobs.flow(one)).rejects.toMatchObject({ code: expect.stringMatching(/ERR_(ARGUMENT|DTYPE)/) });
    expect((await place.redis.keys('*:feeds:*')).length).toBe(before);
  });
});

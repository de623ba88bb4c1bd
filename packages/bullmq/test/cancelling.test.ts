// What becomes of jobs that are cancelled, and of what comes after them under the same id.

import { TensorlaneError, tensor } from 'tensorlane';
import { describe, expect, test } from 'vitest';
import type { HandlerContext, Tensors } from '../lib/index.js';
import { make } from './support/made.js';
import { usePlace } from './support/place.js';
import { hasRedis } from './support/redis.js';
import { until } from './support/until.js';

const x = tensor(Float32Array.of(1));
const backoff = { type: 'fixed', delayMs: 1, jitter: 0 } as const;

/** A handler that hangs until it is given up, while it is told to; else it is an echo. */
class Held {
  hangs = true;
  begun = 0;
  givenUp = 0;
  readonly handlers = {
    held: async (feeds: Tensors, { signal }: HandlerContext) => {
      this.begun++;
      signal.addEventListener('abort', () => this.givenUp++);
      if (this.hangs) await new Promise(() => {});
      return feeds;
    },
  };
}

describe.skipIf(!hasRedis)('cancelling', () => {
  const place = usePlace();
  const left = (queue: string) => place.redis.keys(`*${queue}:tensorlane:*cancelled`);

  test('a job that was cancelled while it ran may be put back, at whatever worker', async () => {
    const held = new Held();
    const { handlers } = held;
    await using made = await make(place, { handlers, concurrency: 1 });
    await made.work({ handlers, concurrency: 1 });
    const handle = await made.jobs.add('held', { x });
    await until(() => held.begun === 1);
    expect(await handle.cancel('not now')).toBe(true);
    await expect(handle.result()).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    held.hangs = false;
    await made.jobs.retry(handle.id);
    expect((await handle.result()).x!.data[0]).toBe(1);
    // As bull-board does it, too.
    held.hangs = true;
    const other = await made.jobs.add('held', { x });
    await until(() => held.begun === 3);
    await other.cancel();
    await expect(other.result()).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await until(async () => (await left(made.name)).length === 0);
    held.hangs = false;
    await (await made.jobs.queue.getJob(other.id))!.retry();
    expect((await other.result()).x!.data[0]).toBe(1);
  });

  test('another job of the key of one that was cancelled is not cancelled, also where it is tried again', async () => {
    await using made = await make(place, 'none');
    const add = () => made.jobs.add('flaky', { x }, { key: 'same', backoff });
    expect(await (await add()).cancel()).toBe(true);
    expect(await left(made.name)).toEqual([]);
    const again = await add();
    await made.work({
      handlers: {
        flaky(feeds, { attempt }) {
          if (attempt === 1) throw new Error('not yet');
          return { ...feeds };
        },
      },
    });
    expect((await again.result()).x!.data[0]).toBe(1);
  });

  test('a flow: the step that runs is given up, and those that wait for it do not begin', async () => {
    const held = new Held();
    let ended = 0;
    const last = (feeds: Tensors) => {
      ended++;
      return feeds;
    };
    await using made = await make(place, { handlers: { ...held.handlers, last } });
    const step = { name: 'held', from: { x: { step: { name: 'held', feeds: { x } }, output: 'x' } } };
    const handle = await made.jobs.flow({ name: 'last', from: { x: { step, output: 'x' } } });
    await until(() => held.begun === 1);
    expect(await handle.cancel('no longer wanted')).toBe(true);
    await expect(handle.result()).rejects.toMatchObject({
      code: 'ERR_ABORTED',
      message: expect.stringContaining('no longer wanted'),
    });
    expect([held.begun, held.givenUp, ended]).toEqual([1, 1, 0]);
    await until(async () => (await made.jobs.status()).active === 0);
  });

  test('a flow that nobody has begun goes with all that its steps have in the store', async () => {
    await using made = await make(place, 'none');
    const big = tensor(new Float64Array(1000), [1000]);
    const step = {
      name: 'a',
      queue: `${made.name}-steps`,
      feeds: { y: big },
      from: { x: { step: { name: 'b', feeds: { x: big } } } },
    };
    const handle = await made.jobs.flow({ name: 'c', from: { x: { step } }, feeds: { y: big } });
    const stored = () => place.redis.keys(`*${made.name}*:tensorlane:*`);
    expect(await stored()).toHaveLength(3);
    expect(await handle.cancel()).toBe(true);
    expect(await stored()).toEqual([]);
    expect(await handle.state()).toBe('gone');
  });

  test('a flow whose step fails says why, however far before the last it is', async () => {
    await using made = await make(place, {
      handlers: { picky: () => Promise.reject(new TensorlaneError('ERR_SHAPE', 'pictures have three channels')) },
    });
    const step = { name: 'trace', from: { a: { step: { name: 'picky' } } } };
    const handle = await made.jobs.flow({ name: 'trace', from: { a: { step } } });
    const why = { code: 'ERR_SHAPE', message: expect.stringContaining('three channels') };
    await expect(handle.result()).rejects.toMatchObject(why);
    await expect(made.jobs.job(handle.id).result()).rejects.toMatchObject(why);
    const letters = await made.jobs.deadLetters();
    expect(letters).toHaveLength(3);
    for (const { error } of letters) expect(error).toMatchObject(why);
  });
});

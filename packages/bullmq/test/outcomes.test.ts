// What a producer remembers of its jobs.

import { getEventListeners } from 'node:events';
import { Queue } from 'bullmq';
import { describe, expect, test, vi } from 'vitest';
import { onAbort } from '../lib/core/aborts.js';
import { keysOf } from '../lib/job/format.js';
import { Outcomes } from '../lib/producer/outcomes.js';
import { RedisClock } from '../lib/redis/clock.js';
import { usePlace } from './support/place.js';
import { hasRedis } from './support/redis.js';

test('a signal that many wait with has one listener, and none when nobody waits', () => {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = () => getEventListeners(signal, 'abort').length;
  const heard: number[] = [];
  const stops = Array.from({ length: 50 }, (_, i) => onAbort(signal, () => heard.push(i)));
  expect(listeners()).toBe(1);
  for (const stop of stops) stop();
  expect(listeners()).toBe(0);
  onAbort(signal, () => heard.push(50));
  const stop = onAbort(signal, () => stop());
  onAbort(signal, () => heard.push(51));
  stops[0]!();
  controller.abort();
  expect(heard).toEqual([50, 51]);
  expect(onAbort(undefined, () => {})()).toBeUndefined();
});

describe.skipIf(!hasRedis)('outcomes', () => {
  const place = usePlace();

  test('jobs that nobody asks for are forgotten, and may be asked for after all', async () => {
    const queue = new Queue('outcomes', { connection: place.redis });
    const outcomes = new Outcomes(queue, place.redis, new RedisClock(place.redis), keysOf('bull', 'outcomes'));
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      await outcomes.listen();
      const { id } = await queue.add('none', {});
      for (const one of [id!, 'gone', 'progress']) outcomes.expect(one, undefined);
      outcomes.added(id!);
      const stop = outcomes.onProgress('progress', () => {});
      const waiting = outcomes.wait(id!, undefined, false);
      vi.advanceTimersByTime(30_000);
      expect(outcomes.size).toBe(2);
      stop();
      vi.advanceTimersByTime(30_000);
      expect(outcomes.size).toBe(1);
      expect((await outcomes.wait('gone', undefined, false)).error?.code).toBe('ERR_NOT_FOUND');
      await queue.remove(id!);
      // It hears of that, or one of the looks for which it was time finds it gone before.
      expect((await waiting).error?.code).toMatch(/^ERR_(ABORTED|NOT_FOUND)$/);
      expect(outcomes.size).toBe(0);
    } finally {
      vi.useRealTimers();
      outcomes.close();
      await queue.close();
    }
  });
});

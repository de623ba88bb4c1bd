// A worker whose device is lost leaves its jobs to others, and takes no more.

import { TensorlaneError, tensor } from 'tensorlane';
import { describe, expect, test } from 'vitest';
import { make } from './support/made.js';
import { usePlace } from './support/place.js';
import { hasRedis } from './support/redis.js';
import { until } from './support/until.js';

const x = tensor([1]);
const lost = () => Promise.reject(new TensorlaneError('ERR_DEVICE_LOST', 'it has fallen off the bus'));

describe.skipIf(!hasRedis)('a lost device', () => {
  const place = usePlace();

  test('its jobs are answered by others, also those that are tried once', async () => {
    await using made = await make(place, 'none');
    const handles = await made.jobs.addMany(
      Array.from({ length: 40 }, () => ({ name: 'echo', feeds: { x }, options: { attempts: 1 } })),
    );
    const heard: unknown[] = [];
    const broken = await made.work({
      concurrency: 2,
      handlers: { echo: lost },
      onError: (error) => heard.push((error as { code?: string }).code),
    });
    await until(async () => (await made.jobs.status()).workers.length === 0);
    expect(heard).toEqual(['ERR_DEVICE_LOST']);
    expect(broken.stats()).toMatchObject({ failed: 0, running: 0 });
    await made.work({ handlers: { echo: (feeds) => ({ ...feeds }) } });
    const results = await Promise.all(handles.map((handle) => handle.result()));
    expect(results.map((one) => one.x!.data[0])).toEqual(handles.map(() => 1));
  });

  test('a job that loses every device is a dead letter', async () => {
    await using made = await make(place, 'none');
    const handle = await made.jobs.add('echo', { x }, { attempts: 1 });
    const end = handle.result().catch(({ code }: { code: string }) => code);
    for (let i = 0; i < 2; i++) {
      await made.work({ maxStalls: 1, handlers: { echo: lost } });
      await until(async () => (await made.jobs.status()).workers.length === 0);
    }
    expect(await end).toBe('ERR_DEVICE_LOST');
  });
});

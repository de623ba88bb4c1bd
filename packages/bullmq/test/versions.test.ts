// Two versions of the package at one queue, as an upgrade has them for a while: this one, and the next, whose producers write another
// format. The next is this one with that changed.

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { TensorQueue } from '../lib/index.js';
import { usePlace } from './support/place.js';
import { WorkerProcess } from './support/processes.js';
import { hasRedis } from './support/redis.js';
import { until } from './support/until.js';

const own = fileURLToPath(new URL('..', import.meta.url));
// Within the repository, where its imports are found.
const next = fileURLToPath(new URL('../../../build/tests/bullmq-next', import.meta.url));

describe.skipIf(!hasRedis)('two versions at one queue', () => {
  const place = usePlace();

  beforeAll(() => {
    rmSync(next, { recursive: true, force: true });
    mkdirSync(next, { recursive: true });
    cpSync(join(own, 'dist'), join(next, 'dist'), { recursive: true, filter: (file) => !file.endsWith('.map') });
    // Whose maps are not there: vitest would say so of each file.
    for (const file of readdirSync(join(next, 'dist'), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.js')) continue;
      const path = join(next, 'dist', file);
      writeFileSync(path, readFileSync(path, 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, ''));
    }
    const description = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8')) as object;
    writeFileSync(join(next, 'package.json'), JSON.stringify({ ...description, version: '99.0.0' }));
    const format = join(next, 'dist/job/format.js');
    const text = readFileSync(format, 'utf8');
    const changed = text.replace('const formatVersion = 1;', 'const formatVersion = 2;');
    if (changed === text) throw new Error('the format has another number: this test has to say which is next');
    writeFileSync(format, changed);
  });
  afterAll(() => rmSync(next, { recursive: true, force: true }));

  const nextWorker = (queue: string) => WorkerProcess.start(queue, place.url, {}, join(next, 'dist/index.js'));
  const x = (value: number) => ({ x: tensor(Float32Array.of(value), [1]) });

  test('workers first, then producers: each job is answered once, in its own format', async () => {
    const queue = 'upgrade';
    const { TensorQueue: NextQueue } = (await import(pathToFileURL(join(next, 'dist/index.js')).href)) as {
      TensorQueue: typeof TensorQueue;
    };
    const jobs = new TensorQueue(queue, { connection: place.url });
    const nextJobs = new NextQueue(queue, { connection: place.url });
    const redis = new Redis(place.url);
    onTestFinished(async () => {
      await Promise.all([jobs.close(), nextJobs.close()]);
      redis.disconnect();
    });
    const before = await WorkerProcess.start(queue, place.url);
    const after = await nextWorker(queue);
    onTestFinished(async () => {
      await Promise.all([before.end('SIGKILL'), after.end('SIGKILL')]);
    });
    await until(async () => (await jobs.status()).workers.length === 2);
    expect((await jobs.status()).workers.map(({ version }) => version).sort()).toContain('99.0.0');

    const add = (to: TensorQueue, count: number, name = 'slow') =>
      to.addMany(Array.from({ length: count }, (_, i) => ({ name, feeds: x(i) })));
    // Of the present format either answers; of the next, the next alone: the other leaves them to it.
    const handles = [...(await add(jobs, 8)), ...(await add(nextJobs, 8))];
    await until(() => before.begun > 0);
    const drained = before.end('SIGTERM');
    const results = await Promise.all(handles.map((handle) => handle.result()));
    expect(results.map((result) => (result as ReturnType<typeof x>).x.data[0])).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7,
    ]);
    expect(await drained).toBe(0);
    const formats = await Promise.all(
      handles.map(async ({ id }) => {
        const [data, result] = await redis.hmget(`bull:${queue}:${id}`, 'data', 'returnvalue');
        return [data, result].map((text) => (JSON.parse(text!) as { tensorlane: number }).tensorlane).join();
      }),
    );
    expect(formats).toEqual([...Array(8).fill('1,1'), ...Array(8).fill('2,2')]);
    // Both began each but once.
    expect(before.begun + after.begun).toBe(16);
    // A producer that was not upgraded yet is served by the workers that were.
    expect((await (await jobs.add('echo', x(5))).result()).x!.data[0]).toBe(5);
  });
});

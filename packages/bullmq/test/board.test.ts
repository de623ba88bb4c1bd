// bull-board, which knows nothing of tensorlane, shows its queues and works on them. In a Chromium its page is looked at, too; with
// TENSORLANE_PICTURES=1 that is docs/jobs-board.png.

import { existsSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import express from 'express';
import { chromium } from 'playwright-core';
import { tensor } from 'tensorlane';
import { describe, expect, onTestFinished, test } from 'vitest';
import { TensorQueue, TensorWorker } from '../lib/index.js';
import { usePlace } from './support/place.js';
import { hasRedis } from './support/redis.js';
import { until } from './support/until.js';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const found = (process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
const executablePath = [process.env.CHROMIUM ?? '', ...found].find((file) => file !== '' && existsSync(file));

const good = tensor(
  [
    [3, 0],
    [4, 5],
  ],
  { type: 'float64' },
);
const singular = tensor(
  [
    [1, 1],
    [1, 1],
  ],
  { type: 'float64' },
);

interface Told {
  readonly queues: readonly {
    readonly name: string;
    readonly counts: Readonly<Record<string, number>>;
    readonly jobs: readonly { readonly id: string; readonly name: string; readonly failedReason?: string }[];
  }[];
}

describe.skipIf(!hasRedis)('bull-board', () => {
  const place = usePlace();

  /** Sixty answered, one in the dead letters, two that wait, one for later. */
  async function board(name: string) {
    const jobs = new TensorQueue(name, { connection: place.url });
    const worker = new TensorWorker(name, { connection: place.url, device: place.device });
    const done = await jobs.addMany(Array.from({ length: 60 }, () => ({ name: 'svd', feeds: { a: good } })));
    const failing = await jobs.inv(singular, { attempts: 1 });
    await Promise.all(done.map((handle) => handle.result()));
    await expect(failing.result()).rejects.toMatchObject({ code: 'ERR_SINGULAR' });
    await worker.close();
    await jobs.addMany([1, 2].map(() => ({ name: 'eigh', feeds: { a: good } })));
    await jobs.svd(good, { delayMs: 3_600_000 });

    const adapter = new ExpressAdapter();
    adapter.setBasePath('/board');
    createBullBoard({ queues: [new BullMQAdapter(jobs.queue)], serverAdapter: adapter });
    const server: Server = await new Promise((resolve) => {
      const one = express()
        .use('/board', adapter.getRouter())
        .listen(0, '127.0.0.1', () => resolve(one));
    });
    onTestFinished(async () => {
      server.closeAllConnections();
      server.close();
      await jobs.close();
    });
    return { jobs, failing, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/board` };
  }

  async function told(url: string, name: string, status: string) {
    const answer = await fetch(`${url}/api/queues?activeQueue=${name}&status=${status}&page=1&jobsPerPage=100`);
    expect(answer.status).toBe(200);
    return ((await answer.json()) as Told).queues.find((one) => one.name === name)!;
  }

  test('shows what there is, and puts back, promotes and removes', async () => {
    const name = 'board';
    const { jobs, failing, url } = await board(name);
    const completed = await told(url, name, 'completed');
    expect(completed.counts).toMatchObject({ completed: 60, failed: 1, waiting: 2, delayed: 1, active: 0 });
    expect(completed.jobs).toHaveLength(60);
    const failed = (await told(url, name, 'failed')).jobs;
    expect(failed).toEqual([
      expect.objectContaining({ id: failing.id, name: 'inv', failedReason: expect.stringMatching(/^ERR_SINGULAR: /) }),
    ]);
    const put = async (path: string) => {
      const { status } = await fetch(`${url}/api/queues/${name}/${path}`, { method: 'PUT' });
      expect([path, status]).toEqual([path, expect.toSatisfy((code: number) => code >= 200 && code < 300)]);
    };
    await put(`${failing.id}/retry`);
    await put(`${(await told(url, name, 'delayed')).jobs[0]!.id}/promote`);
    expect((await told(url, name, 'waiting')).counts).toMatchObject({ failed: 0, delayed: 0, waiting: 4 });
    await put('pause');
    expect(await jobs.queue.isPaused()).toBe(true);
    await put('resume');
    await put(`${completed.jobs[0]!.id}/clean`);
    expect(await jobs.job(completed.jobs[0]!.id).state()).toBe('gone');
    const worker = new TensorWorker(name, { connection: place.url, device: place.device });
    onTestFinished(() => worker.close());
    // The one that was put back fails again.
    await until(async () => {
      const { completed: answered, failed: dead, waiting } = await jobs.status();
      return answered === 62 && dead === 1 && waiting === 0;
    });
  });

  test.skipIf(executablePath === undefined)(
    `its page${executablePath === undefined ? ' (no Chromium is installed here)' : ''}`,
    async () => {
      const { url } = await board('svd');
      const browser = await chromium.launch({
        executablePath: executablePath!,
        args: ['--no-sandbox', '--disable-gpu'],
      });
      onTestFinished(() => browser.close());
      const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
      const problems: string[] = [];
      page.on('pageerror', (error) => problems.push(error.message));
      await page.goto(`${url}/queue/svd?status=failed`);
      await page.getByText('ERR_SINGULAR').first().waitFor();
      expect(await page.getByText('inv').count()).toBeGreaterThan(0);
      expect(problems).toEqual([]);
      await page.goto(`${url}/queue/svd?status=completed`);
      await page.getByText('60', { exact: true }).first().waitFor();
      if (process.env.TENSORLANE_PICTURES !== undefined) {
        await page.getByText('Added at').first().waitFor();
        await page.screenshot({ path: fileURLToPath(new URL('../../../docs/jobs-board.png', import.meta.url)) });
      }
    },
  );
});

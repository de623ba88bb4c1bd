// The page, in a real Chromium: what it shows is what is, it needs no network, and it can be used by keyboard and at a phone's width.
//
// CHROMIUM names one; else those that PATH has are looked for. Where there is none, this is skipped, and says so.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { model, node, square, value } from '../../../test/support/onnx-builder.js';
import { pageDocument } from '../lib/page/document.js';
import { ask, folderOf, startServer } from './support.js';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const found = (process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
const executablePath = [process.env.CHROMIUM ?? '', ...found].find((file) => file !== '' && existsSync(file));

/** The mean of each colour. */
const colours = () =>
  model({
    inputs: [value('picture', 'float32', ['N', 3, 'h', 'w'])],
    outputs: [value('colour', 'float32', ['N', 3, 1, 1])],
    nodes: [node('GlobalAveragePool', ['picture'], ['colour'])],
  });

const started = () =>
  startServer({
    repository: folderOf({
      'm.onnx': square({ features: 2 }),
      'colours.onnx': colours(),
      '<b>bold.onnx': square({ features: 1 }),
      'bad.onnx': 'no model',
    }),
  });
const row = { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [3, 4] }] };

test('is one document, which may ask this server alone', async () => {
  const server = await started();
  const { status, headers, body } = await ask(`${server.url}/`);
  expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*connect-src 'self'/);
  expect(body).toBe(pageDocument().html);
  expect(body).not.toMatch(/https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  expect((await ask(`${server.url}/status`)).body).toMatchObject({
    ready: false,
    device: { kind: 'cpu' },
    models: expect.arrayContaining([
      {
        name: 'm',
        versions: [
          expect.objectContaining({ version: 1, state: 'AVAILABLE', inputs: [expect.objectContaining({ name: 'x' })] }),
        ],
      },
      {
        name: 'bad',
        versions: [expect.objectContaining({ state: 'END', error: expect.stringContaining('bad.onnx') })],
      },
    ]),
  });
});

test('tells what to change of what is served badly', async () => {
  const folder = folderOf({ 'm.onnx': square({ features: 2 }) });
  const load = { batching: { allowedBatchSizes: [8] } };
  const server = await startServer({ repository: folder, models: { m: { load } } });
  expect((await ask(`${server.url}/status`)).body).toMatchObject({ advice: [] });
  for (let i = 0; i < 100; i++) await ask(`${server.url}/v2/models/m/infer`, row);
  const { advice } = (await ask(`${server.url}/status`)).body as { advice: { rule: string }[] };
  expect(advice.filter(({ rule }) => rule === 'padding')).toEqual([
    {
      rule: 'padding',
      model: 'm/1',
      problem: expect.stringContaining('88% of what is computed is padding'),
      change: expect.stringContaining('allowedBatchSizes'),
    },
  ]);
});

describe.skipIf(executablePath === undefined)(
  `in Chromium${executablePath === undefined ? ' (none is installed here)' : ''}`,
  () => {
    let browser: Browser;

    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox', '--disable-gpu'] });
    });
    afterAll(() => browser?.close());

    async function open(url: string, width = 1200): Promise<{ page: Page; problems: string[] }> {
      const page = await browser.newPage({ viewport: { width, height: 800 } });
      onTestFinished(() => page.close());
      const problems: string[] = [];
      page.on('pageerror', (error) => problems.push(error.message));
      page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
      page.on('request', (request) => {
        const { protocol } = new URL(request.url());
        if (!request.url().startsWith(url) && !['data:', 'blob:'].includes(protocol)) problems.push(request.url());
      });
      await page.goto(`${url}/`);
      return { page, problems };
    }

    test('models with their versions and states; charts of what comes', async () => {
      const server = await started();
      const { page, problems } = await open(server.url);
      const table = page.locator('#models tbody');
      await table.locator('tr', { hasText: 'm' }).first().waitFor();
      const rows = await table.locator('tr').allInnerTexts();
      expect(rows).toHaveLength(4);
      // What is a name is no HTML.
      expect(rows.join('\n')).toContain('<b>bold');
      expect(await table.locator('b').count()).toBe(0);
      expect(await table.locator('tr', { hasText: 'bad' }).innerText()).toMatch(/END[\s\S]*bad\.onnx/);
      await page.locator('figure').nth(4).waitFor();
      for (let i = 0; i < 10; i++) await ask(`${server.url}/v2/models/m/infer`, row);
      await page.locator('figure', { hasText: 'Batches by their rows' }).locator('meter').first().waitFor();
      await page.locator('figure', { hasText: 'Why batches closed' }).locator('meter').first().waitFor();
      const own = page.locator('#models tr', { has: page.getByRole('cell', { name: 'm', exact: true }) });
      await own.getByRole('cell', { name: '10', exact: true }).waitFor();
      await page.selectOption('#shown', 'colours');
      expect(await page.locator('figure', { hasText: 'Batches by their rows' }).locator('meter').count()).toBe(0);
      expect(problems).toEqual([]);
    });

    test('numbers are tried by keyboard alone', async () => {
      const server = await started();
      const { page, problems } = await open(server.url);
      await page.locator('#model option[value="m"]').waitFor({ state: 'attached' });
      const focusOn = async (selector: string) => {
        for (let i = 0; i < 40; i++) {
          await page.keyboard.press('Tab');
          if (await page.evaluate(`document.activeElement?.matches(${JSON.stringify(selector)}) === true`)) return;
        }
        throw new Error(`no Tab leads to ${selector}`);
      };
      await focusOn('#model');
      await page.keyboard.type('m');
      await page.locator('[data-input="x"]').waitFor();
      await focusOn('.values');
      await page.keyboard.press('ControlOrMeta+A');
      await page.keyboard.type('[3, 4]');
      await focusOn('#run');
      await page.keyboard.press('Enter');
      await page.locator('#answer', { hasText: '9, 16' }).waitFor();
      await page.fill('.values', '[3, 4, 5]');
      await page.click('#run');
      await page.locator('#answer', { hasText: /It failed: .*x/ }).waitFor();
      // The refusal is told by the browser, too.
      expect(problems.filter((problem) => !problem.includes('400'))).toEqual([]);
    });

    test('a picture is tried', async () => {
      const server = await started();
      const { page, problems } = await open(server.url);
      await page.locator('#model option[value="colours"]').waitFor({ state: 'attached' });
      await page.selectOption('#model', 'colours');
      const background = { r: 255, g: 51, b: 0 };
      const buffer = await sharp({ create: { width: 20, height: 10, channels: 3, background } })
        .png()
        .toBuffer();
      await page.setInputFiles('.picture', { name: 'red.png', mimeType: 'image/png', buffer });
      await page.click('#run');
      await page.locator('#answer', { hasText: 'colour: FP32 [1, 3, 1, 1]' }).waitFor();
      const [r, g, b] = (await page.locator('#answer').innerText()).split('\n')[1]!.split(', ').map(Number);
      expect([r!, g!, b!].map((one) => Math.round(one * 255))).toEqual([255, 51, 0]);
      expect(problems).toEqual([]);
    });

    test.each([360, 1200])('nothing is cut off at a width of %i', async (width) => {
      const server = await started();
      const { page } = await open(server.url, width);
      await page.locator('figure').nth(4).waitFor();
      const [wide, seen] = await page.evaluate<[number, number]>('[document.documentElement.scrollWidth, innerWidth]');
      expect(wide).toBeLessThanOrEqual(seen);
    });

    test('asks for a token where one is needed', async () => {
      const repository = folderOf({ 'm.onnx': square({ features: 2 }) });
      const server = await startServer({ repository, auth: { inference: { tokens: ['s3cret'] } } });
      const { page } = await open(server.url);
      await page.fill('#token', 's3cret');
      await page.keyboard.press('Enter');
      await page.locator('#models tbody tr', { hasText: 'AVAILABLE' }).waitFor();
      expect(await page.locator('#access').isVisible()).toBe(false);
    });
  },
);

// The demo's chain as a served model: pictures in over HTTP, their text out, by steps that share batches.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from '@tensorlane/server';
import sharp from 'sharp';
import type { Tensor } from 'tensorlane';
import { expect, onTestFinished, test } from 'vitest';
import { installedFonts } from '../../demo/ocr/fonts.js';
import { drawScenes } from '../../demo/ocr/images.js';
import { expectError } from '../support/errors.js';
import { runNode } from '../support/processes.js';

const program = fileURLToPath(new URL('../../demo/ocr/serve.ts', import.meta.url));
const pictures = 6;

/** Until the test has ended. */
function served(): Promise<string> {
  return new Promise((resolve, reject) => {
    let end = () => {};
    const ended = runNode(['--import', 'tsx', program, '127.0.0.1:0'], {
      takesMs: 250_000,
      onOutput(printed, child) {
        end = () => child.kill('SIGTERM');
        const url = /^(http:\S+)\/v2\/models\/ocr$/m.exec(printed)?.[1];
        if (url !== undefined) resolve(url);
      },
    });
    ended.then(({ stderr, code }) => reject(new Error(`ended with ${code}: ${stderr}`)), reject);
    onTestFinished(async () => {
      end();
      const { code, stderr } = await ended;
      expect([code, stderr]).toEqual([0, '']);
    });
  });
}

test('pictures in, text out, and refusals', async ({ skip }) => {
  const fonts = await installedFonts();
  skip(fonts.length === 0, 'there are no fonts to draw with');
  const folder = mkdtempSync(join(tmpdir(), 'tensorlane-pictures-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const truths = await drawScenes(folder, pictures, fonts, 7, () => {});
  using client = await connect(await served());
  const model = await client.model('ocr');
  const read = async (file: string) => {
    const { data, info } = await sharp(join(folder, file)).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const picture = { type: 'uint8', data: new Uint8Array(data), dims: [info.height, info.width, 3] } as const;
    const { text, confidence } = await model.run({ picture });
    expect((confidence as Tensor<'float32'>).data[0]).toBeGreaterThan(0.5);
    return (text as Tensor<'string'>).data[0]!;
  };
  const texts = await Promise.all(truths.map(({ file }) => read(file)));
  // Not every letter is read as it was drawn; most of them are.
  const letters = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const right = truths.filter(({ text }, at) => letters(text) === letters(texts[at]!));
  expect(right.length, JSON.stringify([truths.map(({ text }) => text), texts])).toBeGreaterThanOrEqual(pictures / 2);
  const stats = (await client.ask('/v2/models/stats')) as { model_stats: { name: string; inference_count: number }[] };
  const count = (name: string) => stats.model_stats.find((one) => one.name === name)!.inference_count;
  expect([count('ocr'), count('detection')]).toEqual([pictures, pictures]);
  expect(count('recognition')).toBeGreaterThanOrEqual(pictures);
  expect(count('direction')).toBe(count('recognition'));
  const odd = { type: 'uint8', data: new Uint8Array(33 * 32 * 3), dims: [33, 32, 3] } as const;
  await expectError(model.run({ picture: odd }), 'ERR_SHAPE', /multiples of 32.*33 x 32/);
});

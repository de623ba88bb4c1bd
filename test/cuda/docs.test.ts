// The examples of docs/cuda.md run on a CUDA device.

import { expect, test } from 'vitest';
import { preparePage, runExample } from '../docs/examples.js';

const page = preparePage('docs/cuda.md');

test.each(page.examples)('$title', async ({ file }) => {
  const { code, stdout, stderr } = await runExample(page, file);
  expect(code, stdout + stderr).toBe(0);
});

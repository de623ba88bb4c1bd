// Results of more bytes than one array of V8's can hold, which are refused when they are there: they take that memory.

import { constants } from 'node:buffer';
import { writeFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { modelFiles, spawnChild } from '../reliability/support.js';
import { model, node, value } from '../support/onnx-builder.js';

const files = modelFiles();
const needed = constants.MAX_LENGTH + 3 * 2 ** 30;

test.for<readonly [string, readonly string[]]>([
  ['model', ['ERR_OUT_OF_MEMORY freed', '7,7', 'done']],
  ['get', ['ERR_OUT_OF_MEMORY true', '1', 'freed', 'done']],
])('of %s', async ([how, expected], { skip }) => {
  if (needed > freemem()) skip(`it needs ${Math.round(needed / 2 ** 30)} GiB of free memory`);
  const expand = model({
    inputs: [value('x', 'uint8', [1]), value('shape', 'int64', [1])],
    outputs: [value('y', 'uint8', ['N'])],
    nodes: [node('Expand', ['x', 'shape'], ['y'])],
  });
  writeFileSync(join(files.folder, 'expand.onnx'), expand);
  const outcome = await spawnChild('large-results.mjs', {
    args: [how, files.folder],
    nodeArgs: ['--expose-gc'],
    takesMs: 60_000,
  });
  expect(outcome.stdout.trim().split('\n'), outcome.stderr).toEqual(expected);
  expect([outcome.code, outcome.signal]).toEqual([0, null]);
});

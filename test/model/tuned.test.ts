// What a model learns of how it is served: shown, kept, and passed back in.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Model, open, type Tuned } from 'tensorlane';
import { afterAll, expect, test } from 'vitest';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';

const device = await open('cpu');
afterAll(() => device.dispose());

async function load(model: Model, callers: number, requests: number): Promise<void> {
  const x = { type: 'float32' as const, data: new Float32Array(16).fill(2), dims: [1, 16] };
  const one = async () => {
    for (let i = 0; i < requests; i++) {
      const { y } = await model.run({ x });
      expect(y!.data[0], 'the square of 2, whatever is tried').toBe(4);
    }
  };
  await Promise.all(Array.from({ length: callers }, one));
}

test('a model without options learns while it answers, and says what and why', async () => {
  await using model = await device.loadModel(models.square());
  expect(model.stats().adaptive).toMatchObject({ rows: 32, atOnce: 2, load: 1, why: /too few/ });
  await load(model, 16, 200);
  const tuned = JSON.parse(JSON.stringify(model.tuned)) as Tuned;
  const { others } = tuned.loads.find(({ load }) => load === 16)!;
  expect(others.length, 'settings that were measured beside the best').toBeGreaterThan(0);
  for (const { ratio } of others) expect(ratio).toBeGreaterThan(0);

  await using again = await device.loadModel(models.square(), { tuned });
  expect(again.tuned!.loads, 'nothing has been seen yet').toEqual([]);
  // Before the first of them is answered: from then on it may learn that something else is better.
  const answered = load(again, 16, 1);
  const { rows, atOnce, threads } = tuned.loads.find(({ load }) => load === 16)!;
  expect(again.stats().adaptive, 'what the other model learned for 16 callers').toMatchObject({
    rows,
    atOnce,
    threads,
  });
  await answered;
});

test.each([
  ['both', { batching: { maxBatchSize: 8 }, concurrency: 1 }, undefined],
  ['the lanes', { concurrency: 1 }, { rows: 32, atOnce: 1 }],
  ['the threads', { threads: 2 }, { rows: 32, atOnce: 2, threads: 2 }],
  ['the rows', { batching: { maxBatchSize: 8 } }, { rows: 8, atOnce: 2 }],
  ['that nothing shares a batch', { batching: false as const }, { rows: 1, atOnce: 2 }],
])('options that say %s', async (_what, options, adaptive) => {
  await using model = await device.loadModel(models.square(), options);
  if (adaptive === undefined) expect(model.stats()).not.toHaveProperty('adaptive');
  else expect(model.stats().adaptive).toMatchObject(adaptive);
  expect(model.tuned === undefined).toBe(adaptive === undefined);
});

test('a file is taken by its path, and one that cannot be taken is named', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorlane-tuned-'));
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  try {
    // All threads: a model that does not share them, as after one on another device in this process, has no choice of fewer.
    const { threads } = device.info;
    const loads = [{ load: 1, rows: 1, atOnce: 1, threads, others: [] }];
    const good = file('good.json', JSON.stringify({ version: 1, loads, measured: { by: 'tensorlane tune' } }));
    await using model = await device.loadModel(models.square(), { tuned: good });
    expect(model.stats().adaptive).toMatchObject({ rows: 1, atOnce: 1, threads });
    for (const [name, content, message] of [
      ['cut.json', '{"version": 1', /cut\.json.*JSON/],
      ['old.json', '{"version": 2}', /old\.json.*tuned\.version must be 1, got 2/],
    ] as const) {
      const wrong = file(name, content);
      await expectError(device.loadModel(models.square(), { tuned: wrong }), 'ERR_ARGUMENT', message);
    }
    const none = join(folder, 'none.json');
    await expectError(device.loadModel(models.square(), { tuned: none }), 'ERR_ARGUMENT', /none\.json.*ENOENT/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.each([
  [{ version: 2, loads: [] }, /tuned\.version must be 1, got 2/],
  [{ version: 1, loads: {} }, /tuned\.loads must be an array/],
  [
    { version: 1, loads: [{ load: 3, rows: 1, atOnce: 1, threads: 1, others: [] }] },
    /tuned\.loads\[0\]\.load must be a power of two, got 3/,
  ],
  [
    { version: 1, loads: [{ load: 2, rows: 0, atOnce: 1, threads: 1, others: [] }] },
    /tuned\.loads\[0\]\.rows must be an integer of at least 1, got 0/,
  ],
  [
    { version: 1, loads: [{ load: 2, rows: 1, atOnce: 1, threads: 0.5, others: [] }] },
    /tuned\.loads\[0\]\.threads must be an integer of at least 1, got 0\.5/,
  ],
  [
    {
      version: 1,
      loads: [{ load: 2, rows: 1, atOnce: 1, threads: 1, others: [{ rows: 1, atOnce: 2, threads: 1, ratio: -1 }] }],
    },
    /tuned\.loads\[0\]\.others\[0\]\.ratio must be a number above 0, got -1/,
  ],
  [{ version: 1, loads: [], more: 1 }, /more/],
  [{ version: 1, loads: new Array(1) }, /tuned\.loads\[0\] must be an object, got undefined/],
  [
    { version: 1, loads: [{ load: 2, rows: 1, atOnce: 1, threads: 1, others: new Array(1) }] },
    /tuned\.loads\[0\]\.others\[0\] must be an object, got undefined/,
  ],
])('tuned that is none: %j', async (tuned, message) => {
  await expectError(device.loadModel(models.square(), { tuned: tuned as never }), 'ERR_ARGUMENT', message);
});

test('tuned of a machine with more lanes: what is not there is passed over', async () => {
  const tuned: Tuned = { version: 1, loads: [{ load: 1, rows: 4, atOnce: 512, threads: 1, others: [] }] };
  await using model = await device.loadModel(models.square(), { tuned });
  expect(model.stats().adaptive).toMatchObject({ rows: 32, atOnce: 2 });
});

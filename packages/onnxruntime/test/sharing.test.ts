// What is better than in onnxruntime-node: runs at once share batches where that changes no answer, off the JS thread; and how it is tuned.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runNode } from '../../../test/support/processes.js';
import { folderOfModels } from './models.js';
import { floats, ort } from './support.js';

const folder = folderOfModels();
const { InferenceSession } = ort;
const path = (name: string) => join(folder, `${name}.onnx`);
const row = (i: number) => floats([i, i + 1, i + 2], [1, 3]);

describe('batches', () => {
  test('runs at once share them, and each gets what it gets alone', async () => {
    // How many rows a batch has is said, not learned: batches are counted here.
    const session = await InferenceSession.create(path('two'), { extra: { tensorlane: { maxBatchSize: 32 } } });
    const feeds = Array.from({ length: 64 }, (_, i) => ({ a: row(i), b: row(-i) }));
    const alone = [];
    for (const feed of feeds) alone.push(await session.run(feed));
    const before = session.tensorlane.stats().batches.count;
    expect(before).toBe(64);
    expect(await Promise.all(feeds.map((feed) => session.run(feed)))).toEqual(alone);
    expect(session.tensorlane.stats().batches.count - before).toBeLessThan(32);
    expect(session.tensorlane.batching.enabled).toBe(true);
    await session.release();
  });

  test('rows that change one another are kept apart', async () => {
    const session = await InferenceSession.create(path('softmax'));
    const results = await Promise.all([1, 2, 3].map((i) => session.run({ x: floats([0, 0, 0, i], [2, 2]) })));
    for (const { y } of results) expect((y!.data[0] as number) + (y!.data[2] as number)).toBeCloseTo(1, 6);
    expect(session.tensorlane.batching).toMatchObject({ enabled: false, reason: expect.stringMatching(/Softmax/) });
  });

  test.each([false, 'false', 'off', '0'])('extra.tensorlane.batching: %j switches them off', async (batching) => {
    const session = await InferenceSession.create(path('two'), { extra: { tensorlane: { batching } } });
    await Promise.all(Array.from({ length: 8 }, (_, i) => session.run({ a: row(i), b: row(i) })));
    expect(session.tensorlane.stats().batches.count).toBe(8);
    expect(session.tensorlane.batching.enabled).toBe(false);
  });

  test('the nearest setting holds: the session, env.tensorlane, the environment', async () => {
    const script = `
      const ort = require('@tensorlane/onnxruntime');
      const size = async (extra) => (await ort.InferenceSession.create(${JSON.stringify(path('two'))}, { extra })).tensorlane.batching.maxBatchSize;
      (async () => {
        const sizes = [await size({})];
        ort.env.tensorlane.maxBatchSize = 6;
        sizes.push(await size({}), await size({ 'tensorlane.maxBatchSize': '7' }));
        ort.env.tensorlane = { batching: false };
        sizes.push(await size({}), await size({ tensorlane: { batching: true } }));
        console.log(JSON.stringify(sizes));
      })();`;
    const { stdout, stderr } = await runNode(['--eval', script], { env: { TENSORLANE_MAX_BATCH_SIZE: '5' } });
    expect(stdout.trim(), stderr).toBe('[5,6,7,1,5]');
  });

  test('a setting that is misspelt, or of another kind, is refused by name', async () => {
    const create = (tensorlane: object) => InferenceSession.create(path('two'), { extra: { tensorlane } });
    await expect(create({ batchin: true })).rejects.toThrow(
      /extra\.tensorlane\.batchin is no option.*batching, maxBatchSize/,
    );
    await expect(create({ batching: 'maybe' })).rejects.toThrow(
      /tensorlane\.batching must be true or false, got maybe/,
    );
    await expect(create({ maxBatchSize: 0 })).rejects.toThrow(
      /maxBatchSize must be a whole number of at least 1, got 0/,
    );
    await expect(create({ concurrency: '1.5' })).rejects.toThrow(TypeError);
  });

  test('a model without a batch takes the settings too', async () => {
    const extra = { tensorlane: { maxBatchSize: 4, concurrency: 1 } };
    const session = await InferenceSession.create(path('overridable'), { extra });
    expect(session.tensorlane.batching).toMatchObject({ enabled: false });
    expect(session.tensorlane.concurrency).toBe(1);
    expect((await session.run({ a: floats([1, 2]) })).y!.data).toEqual(Float32Array.of(11, 22));
  });

  test('inputs of other sizes run beside them, by themselves', async () => {
    const session = await InferenceSession.create(path('two'));
    const wide = floats([1, 2, 3, 4, 5, 6], [2, 3]);
    const results = await Promise.all([
      session.run({ a: row(1), b: row(1) }),
      session.run({ a: wide, b: row(1) }),
      session.run({ a: wide, b: wide }),
    ]);
    expect(results.map(({ sum }) => sum!.dims)).toEqual([
      [1, 3],
      [2, 3],
      [2, 3],
    ]);
    expect(results[1]!.sum!.data).toEqual(Float32Array.of(2, 4, 6, 5, 7, 9));
  });
});

describe('the JS thread', () => {
  test('is free while a model runs: timers fire', async () => {
    const session = await InferenceSession.create(path('slow'));
    let turns = 0;
    let running = true;
    const turn = () => {
      turns++;
      if (running) setImmediate(turn);
    };
    setImmediate(turn);
    await session.run({ x: floats(new Array(64 * 256).fill(0.01), [64, 256]) });
    running = false;
    expect(turns).toBeGreaterThan(20);
  });

  test.each([1, 16 * 1024, 64 * 1024])(
    'inputs of %i rows may be written to, transferred and disposed after the call',
    async (rows) => {
      const session = await InferenceSession.create(path('two'));
      const filled = () => floats(new Array(rows * 3).fill(1), [rows, 3]);
      const feeds = Array.from({ length: 4 }, () => ({ a: filled(), b: filled() }));
      const runs = feeds.map((feed) => session.run(feed));
      (feeds[0]!.a.data as Float32Array).fill(7);
      const { buffer } = feeds[1]!.a.data as Float32Array;
      structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
      feeds[2]!.b.dispose();
      for (const { sum } of await Promise.all(runs))
        expect((sum!.data as Float32Array).every((value) => value === 2)).toBe(true);
    },
  );

  test('copyInputs: false reads large inputs where they are', async () => {
    const session = await InferenceSession.create(path('two'), { extra: { tensorlane: { copyInputs: false } } });
    const rows = 64 * 1024;
    const a = floats(new Array(rows * 3).fill(1), [rows, 3]);
    const running = session.run({ a, b: a });
    const { buffer } = a.data as Float32Array;
    structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
    // Where it was not read before, it is not there any more, and that is said.
    const outcome = await running.catch((error: Error) => error.message);
    if (typeof outcome === 'string') expect(outcome).toMatch(/must stay as they are until the promise settles/);
    else expect(outcome.sum!.size).toBe(rows * 3);
  });
});

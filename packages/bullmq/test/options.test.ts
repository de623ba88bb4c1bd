// What jobs are added with: options of operations, handlers and models as device.linalg has them, and what cannot go through a queue.

import { type Tensor, tensor } from 'tensorlane';
import { describe, expect, test } from 'vitest';
import { square } from '../../../test/support/onnx-builder.js';
import type { AddOptions } from '../lib/index.js';
import { make } from './support/made.js';
import { usePlace } from './support/place.js';
import { hasRedis } from './support/redis.js';

const a = tensor(
  Float64Array.from({ length: 16 }, (_, i) =>
    i % 5 === 0 ? 9 : 1 / (1 + i) + 1 / (1 + 4 * (i % 4) + Math.floor(i / 4)),
  ),
  [4, 4],
);

describe.skipIf(!hasRedis)('options', () => {
  const place = usePlace();

  test('every option of an operation gives what the device gives', async () => {
    await using made = await make(place, { concurrency: 32 });
    const { jobs } = made;
    const { linalg } = place.device;
    const cases: readonly [string, Promise<{ result(): Promise<unknown> }>, Promise<unknown>][] = [
      ['hermitian', jobs.svd(a, { hermitian: true }), linalg.svd(a, { hermitian: true })],
      ['signs', jobs.svd(a, { signs: 'deterministic' }), linalg.svd(a, { signs: 'deterministic' })],
      ['uplo', jobs.eigh(a, { uplo: 'U' }), linalg.eigh(a, { uplo: 'U' })],
      ['uplo', jobs.eigvalsh(a, { uplo: 'U' }), linalg.eigvalsh(a, { uplo: 'U' })],
      ['upper', jobs.cholesky(a, { upper: true }), linalg.cholesky(a, { upper: true })],
    ];
    for (const [what, job, alone] of cases) expect(await (await job).result(), what).toEqual(await alone);
  });

  test('a random sample is the same whoever else asks', async () => {
    await using made = await make(place, { concurrency: 32 });
    const options = { driver: 'randomized', rank: 2, oversample: 1, iterations: 1, seed: 7 } as const;
    const alone = await place.device.linalg.svd(a, options);
    const handles = await Promise.all(Array.from({ length: 32 }, () => made.jobs.svd(a, options)));
    for (const handle of handles) expect(await handle.result()).toEqual(alone);
  });

  test('handlers have them, by add, addMany and flow; a model has none', async () => {
    const given: unknown[] = [];
    await using made = await make(place, {
      models: { square: square() as never },
      handlers: {
        told(feeds, { options }) {
          given.push(options);
          return { ...feeds };
        },
      },
    });
    const { jobs } = made;
    const options = { text: 'a', list: [1, { deep: null }], off: false };
    await (await jobs.add('told', { a }, { options, priority: 1 })).result();
    for (const handle of await jobs.addMany([{ name: 'told', feeds: { a }, options: { options } }]))
      await handle.result();
    const step = { name: 'told', feeds: { a }, options: { options } };
    const last = await jobs.flow<{ s: Tensor }>({
      name: 'svd',
      from: { a: { step, output: 'a' } },
      options: { options: { mode: 'values' } },
    });
    expect(Object.keys(await last.result())).toEqual(['s']);
    expect(given).toEqual([options, options, options]);
    const x = tensor(new Float32Array(16), [1, 16]);
    const model = await jobs.add('square', { x }, { options: { mode: 'x' } });
    await expect(model.result()).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });

  test('what JSON would change is refused, and those beside it are added', async () => {
    await using made = await make(place, 'none');
    const { jobs } = made;
    const deep: Record<string, unknown> = {};
    deep.self = deep;
    const bad = [{ x: 1n }, { x: Number.NaN }, { x: Symbol('x') }, { x: () => 1 }, { x: [new Date()] }, deep, [], 'x'];
    const good = jobs.det(a);
    for (const options of bad) {
      await expect(jobs.add('told', { a }, { options } as never)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    }
    await expect(jobs.trace(a, { offset: 1n as never })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    expect(await (await good).state()).toBe('waiting');
    expect((await jobs.status()).waiting).toBe(1);
  });

  test('what is no job, no signal and no option is refused', async () => {
    await using made = await make(place, 'none');
    const { jobs } = made;
    for (const many of [null, {}, [null], [{ name: 'det', feeds: { a }, typo: 1 }]]) {
      await expect(jobs.addMany(many as never)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    }
    const handle = await jobs.det(a);
    for (const options of [null, { signal: 'x' }, { timeoutMs: 5 }]) {
      await expect(handle.result(options as never)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    }
    for (const [from, to] of [
      [-1, 3],
      [0, Number.NaN],
    ] as const)
      await expect(jobs.deadLetters(from, to)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });

  test('keys of any text', async () => {
    await using made = await make(place, 'none');
    const keys = ['\ud800', '\udc00', '../:/', 'ä'.repeat(5000), `${'ä'.repeat(5000)}.`, '😀', 'a b', '%20', ' '];
    const add = (options: AddOptions) => made.jobs.det(a, options);
    const ids = await Promise.all(keys.map(async (key) => (await add({ key })).id));
    expect(new Set(ids).size).toBe(keys.length);
    expect(await Promise.all(keys.map(async (key) => (await add({ key })).id))).toEqual(ids);
    expect((await made.jobs.status()).waiting).toBe(keys.length);
  });
});

// Disposal at every moment: what was accepted is completed, what comes later is refused, nothing is left pending.

import { type Device, open } from 'tensorlane';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testDevice } from '../support/device.js';
import { slow, square } from '../support/onnx-builder.js';
import { collectGarbage, matrix, rejection, row, settles, squares, svdError } from './support.js';

const squareModel = square({ features: 16 });
// Some 5 ms a run.
const slowModel = slow({ iterations: 1000, width: 64 });

let device: Device;
beforeEach(async () => {
  device = await open({ device: testDevice, streams: 2 });
});
afterEach(() => device.dispose());

describe('a device', () => {
  it('completes what it accepted, rightly, and refuses what comes later', async () => {
    const matrices = Array.from({ length: 8 }, (_, i) => matrix(40, 30, i));
    const svds = matrices.map((a) => device.linalg.svd(a));
    const disposal = device.dispose();
    const refused = await rejection(() => device.linalg.svd(matrices[0]!));
    expect(refused.code).toBe('ERR_DISPOSED');
    expect(refused.message).toMatch(/device has been disposed/);
    const results = await settles('svds accepted before disposal', Promise.all(svds));
    results.forEach((result, i) => {
      expect(svdError(matrices[i]!.data, result)).toBeLessThan(1e-12);
    });
    await settles('disposal', disposal);
  });

  it('completes model runs that are queued, running and waiting for a delay', async () => {
    const quick = await device.loadModel(squareModel, { batching: { maxQueueDelayMicros: 10_000_000 } });
    const long = await device.loadModel(slowModel, { concurrency: 1, batching: { maxBatchSize: 1 } });
    const rows = Array.from({ length: 20 }, (_, i) => row(16, i));
    const quickRuns = rows.map((x) => quick.run({ x }));
    const longRuns = Array.from({ length: 5 }, (_, i) => long.run({ x: row(64, i) }));
    const disposal = device.dispose();
    const results = await settles('runs accepted before disposal', Promise.all(quickRuns));
    results.forEach(({ y }, i) => {
      expect(Array.from(y!.data as Float32Array)).toEqual(squares(rows[i]!.data));
    });
    expect(await settles('long runs', Promise.all(longRuns))).toHaveLength(5);
    await settles('disposal', disposal);
    expect(quick.stats().requests).toMatchObject({ accepted: 20, completed: 20, pending: 0 });
    expect((await rejection(() => quick.run({ x: rows[0]! }))).code).toBe('ERR_DISPOSED');
  });

  it('may be disposed twice, at once and later', async () => {
    const svd = device.linalg.svd(matrix(50, 50, 1));
    const first = device.dispose();
    expect(device.dispose()).toBe(first);
    await first;
    await settles('the third disposal', device.dispose());
    await settles('the svd', svd);
  });

  it('is disposed by await using', async () => {
    let kept: Device;
    {
      await using scoped = await open(testDevice);
      kept = scoped;
      await scoped.linalg.svd(matrix(5, 5, 1));
    }
    expect((await rejection(() => kept.linalg.svd(matrix(5, 5, 1)))).code).toBe('ERR_DISPOSED');
  });

  it('refuses everything once it is disposed, and still tells its counters', async () => {
    const model = await device.loadModel(squareModel);
    const stream = await device.streams.acquire();
    const event = stream.record();
    await device.linalg.svd(matrix(5, 5, 1));
    await device.dispose();
    const a = matrix(4, 4, 1);
    const calls: Record<string, () => Promise<unknown>> = {
      svd: () => device.linalg.svd(a),
      matmul: () => device.linalg.matmul(a, a),
      solve: () => device.linalg.solve(a, a),
      loadModel: () => device.loadModel(squareModel),
      run: () => model.run({ x: row(16, 1) }),
      acquire: () => device.streams.acquire(),
      use: () => device.streams.use(() => undefined),
      synchronize: () => stream.synchronize(),
    };
    for (const [name, call] of Object.entries(calls)) {
      expect.soft((await rejection(call)).code, `${name} after disposal`).toBe('ERR_DISPOSED');
    }
    expect(() => stream.record()).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
    expect(() => stream.wait(event)).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
    expect(event.done).toBe(true);
    stream.release();
    await model.dispose();
    expect(device.stats().streams).toMatchObject({ busy: 0, queued: 0 });
    expect(device.stats().models).toBe(0);
  });

  it('rejects a load that it overtakes', async () => {
    for (let i = 0; i < 10; i++) {
      const own = await open(testDevice);
      const loading = own.loadModel(slowModel);
      // Sometimes before the load has begun, sometimes in the midst of it.
      for (let turn = 0; turn < i; turn++) await new Promise((resolve) => setImmediate(resolve));
      const disposal = own.dispose();
      const outcome = await settles(
        'the load',
        loading.then(
          () => 'loaded' as const,
          (error) => error.code,
        ),
      );
      // A load that was through before the disposal has been given to its caller.
      if (i === 0) expect(outcome).toBe('ERR_DISPOSED');
      expect(['ERR_DISPOSED', 'loaded']).toContain(outcome);
      await settles('the disposal', disposal);
      expect(own.stats().models).toBe(0);
    }
  });

  it('rejects those who wait for a stream', async () => {
    const held = await Promise.all([device.streams.acquire(), device.streams.acquire()]);
    const waiting = device.streams.acquire();
    const refused = rejection(() => waiting);
    await device.dispose();
    expect((await settles('acquire', refused)).code).toBe('ERR_DISPOSED');
    for (const stream of held) stream.release();
  });

  it('does not disturb another one', async () => {
    const other = await open(testDevice);
    const a = matrix(60, 60, 3);
    const svd = other.linalg.svd(a);
    await device.dispose();
    expect(svdError(a.data, await svd)).toBeLessThan(1e-12);
    await other.dispose();
  });
});

describe('a model', () => {
  it('completes what it accepted and refuses what comes later', async () => {
    const model = await device.loadModel(slowModel, { concurrency: 1, batching: { maxBatchSize: 2 } });
    const expected = (await model.run({ x: row(64, 1) })).y!.data;
    const runs = Array.from({ length: 7 }, () => model.run({ x: row(64, 1) }));
    const disposal = model.dispose();
    const refused = await rejection(() => model.run({ x: row(64, 1) }));
    expect(refused.code).toBe('ERR_DISPOSED');
    expect(refused.message).toMatch(/model has been disposed/);
    for (const { y } of await settles('accepted runs', Promise.all(runs))) {
      (y!.data as Float32Array).forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i] as number, 5);
      });
    }
    await settles('disposal', disposal);
    expect(device.stats().models).toBe(0);
  });

  it('may be disposed twice, then with its device, and its device goes on meanwhile', async () => {
    const model = await device.loadModel(squareModel);
    const first = model.dispose();
    expect(model.dispose()).toBe(first);
    await first;
    await device.linalg.svd(matrix(5, 5, 1));
    await device.dispose();
    await settles('the third disposal', model.dispose());
  });

  it('may be disposed beside its device in the same turn', async () => {
    const model = await device.loadModel(slowModel);
    const run = model.run({ x: row(64, 1) });
    await settles('both disposals', Promise.all([model.dispose(), device.dispose()]));
    await settles('the run', run);
  });

  it('is disposed by await using, while others stay', async () => {
    const stays = await device.loadModel(squareModel);
    {
      await using gone = await device.loadModel(squareModel);
      await gone.run({ x: row(16, 1) });
    }
    expect(device.stats().models).toBe(1);
    const x = row(16, 2);
    expect(Array.from((await stays.run({ x })).y!.data as Float32Array)).toEqual(squares(x.data));
  });
});

describe('a stream', () => {
  it('may be released twice without being given out twice', async () => {
    const stream = await device.streams.acquire();
    stream.release();
    stream.release();
    stream[Symbol.dispose]();
    expect(device.streams.available).toBe(2);
    const held = [await device.streams.acquire(), await device.streams.acquire()];
    expect(device.streams.available).toBe(0);
    for (const one of held) one.release();
  });

  it('refuses to be used once it is released, and what it was given goes on', async () => {
    const stream = await device.streams.acquire();
    const event = stream.record();
    const a = matrix(60, 60, 1);
    const svd = device.linalg.svd(a, { stream });
    stream.release();
    expect((await rejection(() => device.linalg.svd(a, { stream }))).code).toBe('ERR_DISPOSED');
    expect((await rejection(() => stream.synchronize())).code).toBe('ERR_DISPOSED');
    expect(() => stream.record()).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
    expect(() => stream.wait(event)).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
    expect(svdError(a.data, await svd)).toBeLessThan(1e-12);
  });

  it('is released by `use` when its work throws', async () => {
    const failure = new Error('on purpose');
    await expect(
      device.streams.use(() => {
        throw failure;
      }),
    ).rejects.toBe(failure);
    expect(device.streams.available).toBe(2);
  });

  it('of another device is refused', async () => {
    const other = await open(testDevice);
    const stream = await other.streams.acquire();
    const refused = await rejection(() => device.linalg.svd(matrix(4, 4, 1), { stream }));
    expect(refused.code).toBe('ERR_ARGUMENT');
    expect(refused.message).toMatch(/another device/);
    await other.dispose();
  });
});

describe('without disposal', () => {
  it('a device and a model that are collected while they work settle their promises', async () => {
    for (let round = 0; round < 5; round++) {
      const work: Promise<unknown>[] = [];
      const abandoned: WeakRef<object>[] = [];
      await (async () => {
        const dropped = await open({ device: testDevice, streams: 2 });
        const model = await dropped.loadModel(slowModel, { concurrency: 1, batching: { maxBatchSize: 2 } });
        const delayed = await dropped.loadModel(squareModel, { batching: { maxQueueDelayMicros: 20_000 } });
        const a = matrix(120, 120, round);
        work.push(
          dropped.linalg.svd(a).then((result) => expect(svdError(a.data, result)).toBeLessThan(1e-11)),
          ...Array.from({ length: 5 }, () => dropped.linalg.svd(matrix(30, 30, round))),
          ...Array.from({ length: 6 }, (_, i) => model.run({ x: row(64, i) })),
          delayed.run({ x: row(16, round) }),
        );
        abandoned.push(new WeakRef(dropped), new WeakRef(model), new WeakRef(delayed));
      })();
      await collectGarbage();
      await settles('work of a device that was collected', Promise.all(work));
      work.length = 0;
      await collectGarbage();
      await collectGarbage();
      expect(abandoned.filter((one) => one.deref() !== undefined)).toHaveLength(0);
    }
  });

  it('a load whose device was dropped still settles', async () => {
    const loading = (await open(testDevice)).loadModel(slowModel);
    await collectGarbage();
    const model = await settles('the load', loading);
    await collectGarbage();
    await settles('a run', model.run({ x: row(64, 1) }));
    await model.dispose();
  });
});

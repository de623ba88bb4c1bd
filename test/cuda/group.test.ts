// Several devices as one: on the two that the emulation has.

import { Device, type DeviceTensor, open, tensor } from 'tensorlane';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { floats, together } from '../model/support.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';
import { cudaError, emulation, plugin as found } from './emulation.js';

const plugin = found!;

test('what is no list of devices is refused', async () => {
  for (const devices of [[], [0, 0], [-1], [0.5], 'both', 2, null, ['0']]) {
    await expectError(open({ device: 'cuda', devices } as never), 'ERR_ARGUMENT', /devices must be 'all' or an array/);
  }
  await expectError(open({ device: 'cpu', devices: 'all' }), 'ERR_ARGUMENT', /devices needs device: 'cuda'/);
  await expectError(open({ devices: 'all' }), 'ERR_ARGUMENT', /devices needs device: 'cuda'/);
  await expectError(open({ device: 'cuda', devices: [0, 99] }), 'ERR_NO_DEVICE', /'cuda:99' cannot be opened/);
});

describe.skipIf(emulation === undefined)('a group of two devices', () => {
  let group: Device;
  beforeEach(async () => {
    group = await open({ device: 'cuda', devices: 'all', streams: 2 });
  });
  afterEach(async () => {
    await group.dispose();
    emulation!.clear();
  });

  const width = 8;
  const load = () => group.loadModel(models.dense({ layers: 2, width }), { providers: [plugin] });
  const batchesOf = () => group.stats().devices!.map(({ batches }) => batches);
  async function expected(x: ReturnType<typeof floats>): Promise<number[]> {
    await using device = await open('cpu');
    await using model = await device.loadModel(models.dense({ layers: 2, width }));
    return [...((await model.run({ x })).y!.data as Float32Array)];
  }
  const expectClose = (given: Iterable<number>, wanted: readonly number[]) => {
    expect([...given].filter((v, i) => !(Math.abs(v - wanted[i]!) <= 1e-4))).toEqual([]);
  };
  /** The next task that takes memory loses its device. */
  const loseNext = () => emulation!.planFault('cudaMallocFromPoolAsync', 1, cudaError.illegalAddress);
  async function warningOf<T>(work: () => Promise<T>): Promise<{ result: T; warning: Error }> {
    const told = new Promise<Error>((resolve) => process.once('warning', resolve));
    return { result: await work(), warning: await told };
  }

  test('has the surface of a device, and says what it is made of', async () => {
    expect(group).toBeInstanceOf(Device);
    expect(group.info.devices!.map(({ index }) => index)).toEqual([0, 1]);
    expect(group.info.memoryBytes).toBe(group.info.devices!.reduce((sum, one) => sum + one.memoryBytes, 0));
    expect([group.streams.size, group.stats().streams.size, group.streams.available]).toEqual([4, 4, 4]);
    await using one = await open({ device: 'cuda', devices: [1], streams: 1 });
    expect([one.info.index, one.streams.size]).toEqual([1, 1]);
    await using device = await open({ device: 'cuda', streams: 1 });
    for (const name of ['put', 'kernel', 'scope', 'trim', 'loadModel', 'stats', 'dispose'] as const) {
      expect([typeof group[name], typeof device[name]]).toEqual(['function', 'function']);
    }
    expect(Object.keys(group.stats())).toEqual([...Object.keys(device.stats()), 'devices']);
  });

  test('computes with host operands on whichever has less to do, and with tensors where they are', async () => {
    const matrices = Array.from({ length: 8 }, (_, i) => floats([4, 4], i + 1));
    const products = await Promise.all(matrices.map((m) => group.linalg.matmul(m, m)));
    await using cpu = await open('cpu');
    for (const [i, m] of matrices.entries()) expectClose(products[i]!.data, [...(await cpu.linalg.matmul(m, m)).data]);
    expect(group.stats().devices!.map(({ streams }) => streams.completed > 0)).toEqual([true, true]);

    const put: DeviceTensor<'float32'>[] = [];
    for (const m of matrices) put.push(await group.put(m));
    expect(group.stats().devices!.map(({ tensors }) => tensors)).toEqual([4, 4]);
    for (const [i, m] of put.entries()) {
      await using squared = await group.linalg.matmul(m, m);
      await using sum = await group.ops.add(squared, m);
      expectClose(
        (await sum.get()).data,
        [...products[i]!.data].map((v, k) => v + matrices[i]!.data[k]!),
      );
    }
    const other = put.find(
      (one) => (one as unknown as { owner: unknown }).owner !== (put[0] as never as { owner: unknown }).owner,
    )!;
    await expectError(group.linalg.matmul(put[0]!, other), 'ERR_ARGUMENT', /of several devices, cuda:\d and cuda:\d/);
    for (const one of put) await one.dispose();
    expect(group.stats().tensors).toBe(0);

    // At once: what is on its way counts, and for a moment twice.
    const atOnce = await Promise.all(matrices.map((m) => group.put(m)));
    expect(Math.min(...group.stats().devices!.map(({ tensors }) => tensors))).toBeGreaterThanOrEqual(2);
    for (const one of atOnce) await one.dispose();
    await expectError(group.put(undefined as never), 'ERR_ARGUMENT');
  });

  test('streams, scopes and kernels are of one of its devices each', async () => {
    await group.streams.use(async (stream) => {
      await using a = await group.put(floats([2, 2], 1), { stream });
      await using b = await group.linalg.matmul(a, a, { stream });
      expect(b.dims).toEqual([2, 2]);
    });
    const held = await Promise.all([1, 2, 3, 4].map(() => group.streams.acquire()));
    expect(group.streams.available).toBe(0);
    for (const stream of held) stream.release();
    let kept: DeviceTensor<'float32'>;
    {
      await using scope = group.scope();
      const a = await scope.put(floats([2, 2], 1));
      kept = scope.keep(await scope.linalg.matmul(a, a));
      await using inner = scope.scope();
      await inner.ops.add(kept, kept);
      expect(group.stats().tensors).toBe(3);
    }
    expect(group.stats().tensors).toBe(1);
    await kept.dispose();
    await group.trim();
  });

  test('replicates a model, and gives batches to both devices', async () => {
    await using model = await load();
    expect(model.info).toMatchObject({ memory: 'device', sessions: 2 });
    const rows = Array.from({ length: 40 }, (_, i) => floats([1 + (i % 3), width], i + 1));
    const results = await together(
      model,
      rows.map((x) => ({ x })),
    );
    for (const [i, x] of rows.entries()) expectClose(results[i]!.y!.data as Float32Array, await expected(x));
    expect(batchesOf().every((count) => count > 0)).toBe(true);
    expect(group.stats().models).toBe(1);
    const x = rows[0]!;
    await using put = await group.put(x);
    const { y } = (await model.run({ x: put }, { resident: true })) as unknown as Record<string, DeviceTensor>;
    expectClose((await y!.get()).data as Float32Array, await expected(x));
    await y!.dispose();
    await expectError(
      group.loadModel(models.square(), { providers: [{ ...plugin, device: 1 }] }),
      'ERR_ARGUMENT',
      /providers\[0\].device: in a group/,
    );
    await expectError(group.loadModel('/nowhere.onnx'), 'ERR_MODEL', /nowhere/);
  });

  test("a lost device's work is done by the other, the loss is told, and new work goes there", async () => {
    await using model = await load();
    const rows = Array.from({ length: 30 }, (_, i) => floats([1, width], i + 1));
    await together(
      model,
      rows.map((x) => ({ x })),
    );
    loseNext();
    const { result, warning } = await warningOf(() =>
      together(
        model,
        rows.map((x) => ({ x })),
      ),
    );
    for (const [i, x] of rows.entries()) expectClose(result[i]!.y!.data as Float32Array, await expected(x));
    expect(warning.message).toMatch(/cuda:\d is lost .*; 1 of 2 devices go on/);
    expect((warning as NodeJS.ErrnoException).code).toBe('TENSORLANE_DEVICE_LOST');
    const lost = group.stats().devices!.map((one) => one.lost !== undefined);
    expect(lost.filter(Boolean)).toEqual([true]);
    const before = batchesOf();
    await model.run({ x: rows[0]! });
    expect(batchesOf().map((count, i) => count - before[i]!)).toEqual(lost.map((is) => (is ? 0 : 1)));
    await using put = await group.put(rows[0]!);
    expectClose((await put.get()).data, [...rows[0]!.data]);
    const another = await load();
    expect(another.info.sessions).toBe(1);
    await another.dispose();
  });

  test('algebra with host operands is done by the other; tensors of the lost device are lost', async () => {
    const a = tensor([
      [2, 0],
      [0, 4],
    ]);
    const put = [await group.put(a), await group.put(a)];
    loseNext();
    const { result } = await warningOf(() => group.linalg.svdvals(a));
    expectClose(result.data, [4, 2]);
    const outcomes = await Promise.allSettled(put.map((one) => group.linalg.matmul(one, one)));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const failed = outcomes.find((one) => one.status === 'rejected') as PromiseRejectedResult;
    expect(failed.reason.code).toBe('ERR_DEVICE_LOST');
  });

  test('where all are lost, that is said', async () => {
    const a = floats([3, 3], 1);
    for (let i = 0; i < 2; i++) {
      loseNext();
      await group.linalg.matmul(a, a).catch(() => undefined);
    }
    await expectError(
      group.linalg.matmul(a, a),
      'ERR_DEVICE_LOST',
      /all devices of the group are lost: cuda:0: .*cuda:1: /,
    );
    await expectError(group.loadModel(models.square()), 'ERR_DEVICE_LOST');
  });

  test('disposed, refuses work', async () => {
    const model = await load();
    await group.dispose();
    await group.dispose();
    expect([group.disposed, model.disposed]).toEqual([true, true]);
    await expectError(group.loadModel(models.square()), 'ERR_DISPOSED');
    await expectError(group.linalg.matmul(floats([2, 2], 1), floats([2, 2], 1)), 'ERR_DISPOSED');
    await expectError(group.put(floats([2, 2], 1)), 'ERR_DISPOSED');
  });
});

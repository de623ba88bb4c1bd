import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { Matrix, solve } from 'ml-matrix';
import { open, tensor } from 'tensorlane';
import { randomFloats } from '../../test/support/onnx-builder.js';
import { sample } from '../micro.js';
import { models } from '../models.js';
import { median, ratios } from '../stats.js';
import type { Context, Suite } from '../suite.js';

type Device = Awaited<ReturnType<typeof open>>;

/** Costs of single calls, for information: nothing is promised about them but what a way to a lane and back costs. */
export const ops: Suite = {
  name: 'ops',
  about: 'single calls: tensors, stats(), matmul and solve beside ml-matrix',
  figures: [
    'tensor from nested arrays, 32x32',
    'tensor from a typed array',
    'device.stats()',
    'model.stats()',
    'matmul 4 against crypto.randomBytes',
  ],
  async run(context) {
    const device = await open('cpu');
    try {
      await small(context, device);
      await wayAndBack(context, device);
      for (const n of context.short ? [16, 128] : [16, 128, 512]) await algebra(context, device, n);
      await batched(context, device);
    } finally {
      await device[Symbol.asyncDispose]();
    }
  },
};

/** Time enough for a stable median. */
const budget = (context: Context, warmup = 10) => ({ iterations: 10, warmup, timeMs: context.rounds(500, 20) });

async function small(context: Context, device: Device): Promise<void> {
  const nested = Array.from({ length: 32 }, (_, row) => [...randomFloats(32, row + 1)]);
  const data = randomFloats(32 * 32, 1);
  const model = await device.loadModel(models.square());
  const row = tensor(randomFloats(16, 1), [1, 16]);
  await model.run({ x: row });

  const micros = async (name: string, fn: () => unknown) => {
    // A call takes less than the clock's resolution, so a sample is the time of many.
    const calls = 200;
    const times = await sample(
      () => {
        for (let i = 0; i < calls; i++) fn();
      },
      { ...budget(context), async: false },
    );
    context.add(name, 'us', [(median(times) / calls) * 1000], { remark: `median over calls in lots of ${calls}` });
  };
  await micros('tensor from nested arrays, 32x32', () => tensor(nested));
  await micros('tensor from a typed array', () => tensor(data, [32, 32]));
  await micros('device.stats()', () => device.stats());
  await micros('model.stats()', () => model.stats());

  const lone = await sample(() => model.run({ x: row }), budget(context));
  context.add('one small model.run, alone', 'us', [median(lone) * 1000]);
  await model[Symbol.asyncDispose]();
}

/** A product of 4x4 takes no time to compute: what is left is beside what libuv takes for as little. */
async function wayAndBack(context: Context, device: Device): Promise<void> {
  const a = tensor(randomFloats(16, 1), [4, 4]);
  const random = promisify(randomBytes);
  const own: number[] = [];
  const libuv: number[] = [];
  for (let round = 0; round < context.rounds(5, 1); round++) {
    own.push(median(await sample(() => device.linalg.matmul(a, a), budget(context))));
    libuv.push(median(await sample(() => random(16), budget(context))));
  }
  const remark = 'each awaited before the next; medians of rounds that take turns';
  const target = { is: '<=', value: 0.8 } as const;
  context.add('matmul 4 against crypto.randomBytes', 'x', ratios(own, libuv), { target, remark });
}

async function algebra(context: Context, device: Device, n: number): Promise<void> {
  const values = Float64Array.from(randomFloats(n * n, n));
  for (let i = 0; i < n; i++) values[i * n + i] = n; // Diagonally dominant: never singular.
  const a = tensor(values, [n, n]);
  const b = tensor(Float64Array.from(randomFloats(n, 1)), [n, 1]);
  const matrix = Matrix.from1DArray(n, n, values);
  const column = Matrix.from1DArray(n, 1, b.data);

  const duel = async (name: string, ours: () => Promise<unknown>, theirs: () => unknown) => {
    const own = median(await sample(ours, budget(context)));
    const other = median(await sample(theirs, { ...budget(context, 1), iterations: 3, async: false }));
    context.add(`${name} ${n}`, 'ms', [own], { remark: 'float64, median of single calls' });
    context.add(`${name} ${n}, ml-matrix`, 'ms', [other]);
  };
  await duel(
    'matmul',
    () => device.linalg.matmul(a, a),
    () => matrix.mmul(matrix),
  );
  await duel(
    'solve',
    () => device.linalg.solve(a, b),
    () => solve(matrix, column),
  );
}

async function batched(context: Context, device: Device): Promise<void> {
  for (const [count, n] of [
    [10_000, 16],
    [2_000, 32],
  ] as const) {
    const a = tensor(randomFloats(count * n * n, n), [count, n, n]);
    const times = await sample(() => device.linalg.svd(a), { iterations: context.rounds(5, 1), warmup: 1 });
    context.add(`svd of ${count} ${n}x${n} float32`, 'ms', times);
  }
}

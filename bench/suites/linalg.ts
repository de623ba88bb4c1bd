import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Matrix } from 'ml-matrix';
import { Child } from '../../lib/cli/load/child.js';
import { randomFloats } from '../../test/support/onnx-builder.js';
import { sample } from '../micro.js';
import { type Job, type LinalgOperation, type Methods, RANK } from '../peers/linalg-process.js';
import { NumpyLinalg, OWN_KERNELS } from '../peers/numpy-linalg.js';
import { median, ratios, sleep } from '../stats.js';
import type { Context, Suite } from '../suite.js';

interface Batch {
  readonly operation: LinalgOperation;
  readonly type: 'float32' | 'float64';
  readonly count: number;
  readonly n: number;
  /** How many times numpy's speed it must have. */
  readonly must?: number;
}

const FOURS: readonly LinalgOperation[] = ['svd', 'eigh', 'solve', 'inv', 'det', 'cholesky', 'qr'];
const PROMISED: readonly LinalgOperation[] = ['svd', 'eigh', 'solve', 'inv'];

const BATCHES: readonly Batch[] = [
  { operation: 'svd', type: 'float32', count: 10_000, n: 16, must: 10 },
  { operation: 'svd', type: 'float64', count: 10_000, n: 16, must: 5 },
  { operation: 'svd', type: 'float32', count: 2_000, n: 32, must: 5 },
  { operation: 'svd', type: 'float64', count: 2_000, n: 32, must: 3 },
  ...FOURS.map((operation) => ({
    operation,
    type: 'float32' as const,
    count: 100_000,
    n: 4,
    ...(PROMISED.includes(operation) ? { must: 20 } : {}),
  })),
  ...(['eigh', 'solve', 'inv', 'cholesky', 'qr'] as const).map((operation) => ({
    operation,
    type: 'float64' as const,
    count: 10_000,
    n: 16,
  })),
];

/** Of one large matrix numpy's speed is BLAS's, and so is ours. */
const LARGE: readonly Batch[] = [
  ...[64, 256, 512, 1024].map((n) => ({ operation: 'svd', n }) as const),
  ...(['eigh', 'solve', 'lstsq', 'pinv'] as const).map((operation) => ({ operation, n: 512 })),
].map((one) => ({ ...one, type: 'float64', count: 1, must: 1 }));

const TALL = { rows: 20_000, columns: 2_000 };
const RANDOMIZED = `rank ${RANK} of ${TALL.rows}x${TALL.columns} float32, scikit-learn's randomized_svd`;

const PRODUCTS = 1_000_000;

/** A short run takes a hundredth of each batch, and a quarter of a large matrix' rows, under the same name. */
const some = (context: Context, count: number) => (context.short ? Math.ceil(count / 100) : count);
const sideOf = (context: Context, { count, n }: Batch) => (count === 1 ? context.rounds(n, n / 4) : n);

export const linalg: Suite = {
  name: 'linalg',
  about: 'batches of small matrices and large ones against numpy, a million products against ml-matrix, randomized_svd',
  figures: [...BATCHES, ...LARGE]
    .map(nameOf)
    .concat(['1000000 of 4x4 float64 matmul, ml-matrix in a loop', RANDOMIZED]),
  async run(context) {
    const script = new URL('../peers/linalg-process.ts', import.meta.url);
    const ours = new Child<Methods>(script, 'tensorlane', OWN_KERNELS);
    const numpy = await NumpyLinalg.open(availableParallelism());
    try {
      const library = await ours.call('library', undefined);
      if (numpy !== undefined) {
        const { info } = numpy;
        context.log(`numpy ${info.numpy} on ${info.blas}, kernels for ${info.core}; tensorlane: ${library}`);
        context.versions.numpy = `${info.numpy} (kernels for ${info.core})`;
        context.versions['tensorlane on'] = library;
      }
      for (const batch of [...BATCHES, ...LARGE]) await againstNumpy(context, batch, ours, numpy);
      await randomized(context, ours, numpy);
      await products(context, ours, numpy);
    } finally {
      await numpy?.close();
      await ours.close();
    }
  },
};

function nameOf({ operation, type, count, n }: Batch): string {
  return `${count === 1 ? '' : `${count} of `}${n}x${n} ${type} ${operation}, numpy`;
}

/** Symmetric and diagonally dominant where the operation asks for that; no less random for it. */
function jobOf(context: Context, batch: Batch): Job {
  const { operation, type } = batch;
  const [count, n] = [some(context, batch.count), sideOf(context, batch)];
  const values = randomFloats(count * n * n, n);
  const wants = {
    symmetric: operation === 'eigh' || operation === 'cholesky',
    dominant: !/svd|eigh|qr/.test(operation),
  };
  for (let at = 0; at < values.length; at += n * n) {
    for (let i = 0; i < n; i++) {
      if (wants.dominant) values[at + i * n + i] = n + i;
      for (let j = 0; wants.symmetric && j < i; j++) values[at + j * n + i] = values[at + i * n + j] as number;
    }
  }
  const folder = new URL('../cache/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const file = fileURLToPath(new URL(`linalg-${operation}-${count}-${n}.${type}`, folder));
  writeFileSync(file, type === 'float32' ? values : Float64Array.from(values));
  return { operation, file, type, dims: [count, n, n], iterations: context.rounds(3, 1) };
}

async function againstNumpy(
  context: Context,
  batch: Batch,
  ours: Child<Methods>,
  numpy: NumpyLinalg | undefined,
): Promise<void> {
  const name = nameOf(batch);
  if (numpy === undefined) return context.skip(name, 'x', 'no python3 with numpy');
  const allowed = batch.type === 'float32' ? 1e-4 : 1e-10;
  await inTurns(context, name, jobOf(context, batch), { ours, numpy, allowed, must: batch.must });
}

/** The 32 largest singular values of a matrix whose values fall slowly: equal sums of them are equal errors of what they leave. */
async function randomized(context: Context, ours: Child<Methods>, numpy: NumpyLinalg | undefined): Promise<void> {
  if (numpy === undefined || numpy.info.sklearn === null) {
    return context.skip(RANDOMIZED, 'x', 'no python3 with scikit-learn');
  }
  context.versions['scikit-learn'] = numpy.info.sklearn;
  const rows = context.rounds(TALL.rows, TALL.rows / 20);
  const columns = context.rounds(TALL.columns, TALL.columns / 4);
  const file = fileURLToPath(new URL(`../cache/decaying-${rows}-${columns}.float32`, import.meta.url));
  await ours.call('decaying', { file, rows, columns });
  const job: Job = { operation: 'randomized', file, type: 'float32', dims: [1, rows, columns], iterations: 1 };
  await inTurns(context, RANDOMIZED, job, { ours, numpy, allowed: 1e-3, must: 1.5 });
}

interface Sides {
  readonly ours: Child<Methods>;
  readonly numpy: NumpyLinalg;
  /** How far the sums of the results may be from each other, relatively. */
  readonly allowed: number;
  readonly must: number | undefined;
}

async function inTurns(context: Context, name: string, job: Job, { ours, numpy, allowed, must }: Sides): Promise<void> {
  const own: number[] = [];
  const others: number[] = [];
  for (let round = 0; round < context.rounds(5, 1); round++) {
    // OpenBLAS's threads spin for some tens of milliseconds after their work.
    const pause = () => sleep(context.rounds(100, 0));
    await pause();
    const theirs = await numpy.run(job);
    await pause();
    const mine = await ours.call('run', job);
    if (!(Math.abs(mine.sum / theirs.sum - 1) < allowed)) {
      throw new Error(`${name}: numpy's results sum up to ${theirs.sum}, tensorlane's to ${mine.sum}`);
    }
    own.push(median(mine.ms));
    others.push(median(theirs.ms));
  }
  context.add(name, 'x', ratios(others, own), must === undefined ? {} : { target: { is: '>=', value: must } });
  context.add(name.replace(/, .*$/, ''), 'ms', own);
}

/** What is left of a small product is memory: so beside it how long it takes to copy as many bytes. */
async function products(context: Context, ours: Child<Methods>, numpy: NumpyLinalg | undefined): Promise<void> {
  const batch: Batch = { operation: 'matmul', type: 'float64', count: PRODUCTS, n: 4 };
  await againstNumpy(context, batch, ours, numpy);
  // As a program that goes on has it: the memory of results comes back to it.
  const iterations = context.short ? 3 : 10;
  // As many products of fewer matrices: a million of its own would be a gigabyte of objects.
  const matrices = Array.from({ length: 1000 }, (_, i) => Matrix.from1DArray(4, 4, [...randomFloats(16, i + 1)]));
  const count = some(context, PRODUCTS);
  const loop = () => {
    for (let i = 0; i < count; i++) {
      const a = matrices[i % 1000] as Matrix;
      a.mmul(a);
    }
  };
  const job = { ...jobOf(context, batch), iterations };
  const own: number[] = [];
  const loops: number[] = [];
  const copies: number[] = [];
  for (let round = 0; round < context.rounds(3, 1); round++) {
    own.push(median((await ours.call('run', job)).ms));
    loops.push(median(await sample(loop, { iterations: 1, warmup: round === 0 ? 1 : 0, async: false })));
    // Two operands are read, the same one here, and a result is written.
    copies.push(median(await ours.call('copy', { bytes: count * 16 * 8, iterations: 3 })));
  }
  context.add('1000000 of 4x4 float64 matmul, ml-matrix in a loop', 'x', ratios(loops, own), {
    target: { is: '>=', value: 30 },
  });
  context.add('1000000 of 4x4 float64 matmul, against a copy of as many bytes', 'x', ratios(copies, own));
}

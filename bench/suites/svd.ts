import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { open, tensor } from 'tensorlane';
import { randomFloats } from '../../test/support/onnx-builder.js';
import { loadedOpenBlas, openBlasVersion } from '../machine.js';
import { sample } from '../micro.js';
import { OtherAddon } from '../peers/addon.js';
import { Numpy } from '../peers/numpy.js';
import { maxAbsError, median, ratios, sleep } from '../stats.js';
import type { Context, Suite } from '../suite.js';

/** Decomposes one matrix some times over and gives the latencies in milliseconds. */
type Contestant = (iterations: number) => Promise<number[]>;

interface Size {
  readonly n: number;
  /** Calls a round: for each about a quarter of a second's worth, but at least one. In a short run a tenth of them. */
  readonly calls: number;
}

const SIZES: readonly Size[] = [
  { n: 64, calls: 200 },
  { n: 256, calls: 20 },
  { n: 512, calls: 5 },
  { n: 1024, calls: 1 },
];

/** Only for this size is anything promised; the others are for information. */
const PROMISED = 512;

/** Of which a short run takes matrices with a quarter of the rows, under the same names: they pass through the same code. */
const SHORT_SIZES: readonly number[] = [64, PROMISED];

export const svd: Suite = {
  name: 'svd',
  about: 'SVD of one float64 matrix against ml-matrix, numpy and numpy-ts',
  figures: ['512 speed, ml-matrix', '512 speed, numpy'],
  async run(context) {
    const device = await open('cpu');
    const { threads } = device.info;
    const numpys = await Numpy.openAll(threads, context.log);
    const other = context.otherAddon === undefined ? undefined : new OtherAddon(context.otherAddon);
    try {
      await device.linalg.svd(tensor([[1]], { type: 'float64' })); // From here on OpenBLAS is loaded.
      const library = loadedOpenBlas();
      if (library !== undefined) context.versions.OpenBLAS = openBlasVersion(library);
      context.log(`tensorlane: ${device.info.library} from ${library ?? 'inside the addon'}, ${threads} threads`);
      for (const size of SIZES.filter(({ n }) => !context.short || SHORT_SIZES.includes(n))) {
        await measure(context, size, device, { numpys, other }, library);
      }
    } finally {
      await other?.close();
      for (const numpy of numpys) await numpy.close();
      await device[Symbol.asyncDispose]();
    }
  },
};

async function measure(
  context: Context,
  { n, calls: whole }: Size,
  device: Awaited<ReturnType<typeof open>>,
  { numpys, other }: { readonly numpys: readonly Numpy[]; readonly other: OtherAddon | undefined },
  library: string | undefined,
): Promise<void> {
  const side = context.rounds(n, n / 4);
  const data = Float64Array.from(randomFloats(side * side, side));
  const file = fileURLToPath(new URL(`../cache/svd-${side}.f64`, import.meta.url));
  mkdirSync(new URL('../cache/', import.meta.url), { recursive: true });
  writeFileSync(file, data);
  const a = tensor(data, [side, side]);
  const result = await device.linalg.svd(a, { mode: 'thin' });
  checkFactors(side, data, result);
  const expected = result.s.data;

  const ours: Contestant = (iterations) =>
    sample(() => device.linalg.svd(a, { mode: 'thin' }), { iterations, warmup: 1 });
  const rounds = context.rounds(7, 1);
  const calls = context.rounds(whole, Math.ceil(whole / 10));

  if (other !== undefined) {
    const theirs: Contestant = async (iterations) => {
      const { ms, singularValues } = await other.svd(file, side, iterations);
      if (maxAbsError(expected, singularValues) > 1e-9 * n) throw new Error(`svd ${n}: the other addon disagrees`);
      return ms;
    };
    const times = await alternate(context, context.rounds(15, 2), calls, ours, theirs);
    context.add(`${n} speed, other addon`, 'x', ratios(times.theirs, times.ours), {
      remark: `${await other.library()} in ${other.file}, against ${device.info.library}`,
    });
    context.add(`${n} other addon`, 'ms', times.theirs);
    context.add(`${n} tensorlane beside the other addon`, 'ms', times.ours);
  }

  for (const numpy of numpys) {
    const theirs: Contestant = async (iterations) => {
      const { ms, singularValues } = await numpy.svd(file, side, iterations, 1);
      if (maxAbsError(expected, singularValues) > 1e-9 * n) throw new Error(`svd ${n}: numpy disagrees`);
      return ms;
    };
    const times = await alternate(context, rounds, calls, ours, theirs);
    const { info } = numpy;
    const same = info.blas !== null && library !== undefined && realpathSync(info.blas) === realpathSync(library);
    const sameThreads = info.threads === device.info.threads;
    const what = `numpy ${info.numpy}: ${info.config ?? 'unknown BLAS'}, ${info.threads ?? '?'} threads`;
    const label = same ? 'numpy' : `numpy ${info.numpy}, other BLAS`;
    context.add(`${n} speed, ${label}`, 'x', ratios(times.theirs, times.ours), {
      ...(n === PROMISED ? { target: { is: '>=', value: 0.9 } } : {}),
      ...(same && sameThreads
        ? { remark: `${what}; the same library file as tensorlane` }
        : { notComparable: `${what}; tensorlane: ${library ?? 'unknown library'}, ${device.info.threads} threads` }),
    });
    context.add(`${n} ${label}`, 'ms', times.theirs);
    context.add(`${n} tensorlane beside it`, 'ms', times.ours);
  }
  if (!numpys.some(() => context.figures.some(({ name }) => name === `${n} speed, numpy`))) {
    context.skip(`${n} speed, numpy`, 'x', 'no python3 whose numpy uses the OpenBLAS that tensorlane uses');
  }

  await againstJs(context, { n, side }, ours, data, expected);
}

async function againstJs(
  context: Context,
  { n, side }: { readonly n: number; readonly side: number },
  ours: Contestant,
  data: Float64Array,
  expected: ArrayLike<number>,
): Promise<void> {
  const matrix = Matrix.from1DArray(side, side, data);
  let decomposition: SingularValueDecomposition | undefined;
  const decompose = () => {
    decomposition = new SingularValueDecomposition(matrix, { autoTranspose: true });
  };
  const mlMatrix: Contestant = (iterations) => sample(decompose, { iterations, warmup: 0, async: false });
  // Seconds a call from 512 on: one call a round says enough about a ratio of twenty.
  const calls = n <= 64 ? context.rounds(20, 1) : 1;
  const times = await alternate(context, n > PROMISED ? 1 : context.rounds(3, 1), calls, ours, mlMatrix);
  if (maxAbsError(expected, decomposition?.diagonal ?? []) > 1e-9 * n) throw new Error(`svd ${n}: ml-matrix disagrees`);
  context.add(`${n} speed, ml-matrix`, 'x', ratios(times.theirs, times.ours), {
    ...(n === PROMISED ? { target: { is: '>=', value: 20 } } : {}),
  });
  context.add(`${n} ml-matrix`, 'ms', times.theirs);

  // numpy-ts takes a quarter of a minute for 512 and minutes for 1024.
  if (n > (context.short ? 64 : PROMISED)) return;
  const name = `${n} speed, numpy-ts`;
  let numpyTs: typeof import('numpy-ts');
  try {
    numpyTs = await import('numpy-ts');
  } catch (error) {
    context.skip(name, 'x', `numpy-ts does not load here: ${(error as Error).message}`);
    return;
  }
  const array = numpyTs.array(matrix.to2DArray());
  const slow: Contestant = (iterations) =>
    sample(() => numpyTs.linalg.svd(array), { iterations, warmup: 0, async: false });
  const slowTimes = await alternate(context, 1, 1, ours, slow);
  context.add(name, 'x', ratios(slowTimes.theirs, slowTimes.ours));
}

/** Medians of rounds that take turns. */
async function alternate(context: Context, rounds: number, calls: number, ours: Contestant, theirs: Contestant) {
  const times: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  const turn = async (side: 'ours' | 'theirs') => {
    // OpenBLAS's threads spin for some tens of milliseconds after their work, which would be on the other's time.
    await sleep(context.rounds(100, 0));
    times[side].push(median(await (side === 'ours' ? ours : theirs)(calls)));
  };
  for (let round = 0; round < rounds; round++) {
    await turn(round % 2 === 0 ? 'ours' : 'theirs');
    await turn(round % 2 === 0 ? 'theirs' : 'ours');
  }
  return times;
}

interface Factors {
  readonly u: { readonly data: ArrayLike<number> };
  readonly s: { readonly data: ArrayLike<number> };
  readonly vt: { readonly data: ArrayLike<number> };
}

/** u diag(s) vt must give the matrix back. */
function checkFactors(n: number, data: Float64Array, { u, s, vt }: Factors): void {
  const us = Matrix.from1DArray(n, n, u.data as number[]).mulRowVector(s.data as number[]);
  const product = us.mmul(Matrix.from1DArray(n, n, vt.data as number[]));
  const error = maxAbsError(product.to1DArray(), data);
  if (error > 1e-10 * n) throw new Error(`svd ${n}: u diag(s) vt is off by ${error}`);
}

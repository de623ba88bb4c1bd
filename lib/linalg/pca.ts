// Principal components, by scikit-learn's definitions: the right singular vectors of the rows without their mean.

import { flag, namesOf, requiredWholeNumber, wrong } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { DeviceTensor } from '../runtime/device-tensor.js';
import type { MatrixOperand, Operand } from '../runtime/operands.js';
import { checkOptions, type OperationOptions } from '../runtime/options.js';
import { placed, type ResultOptions, resultNames, type StoppableOptions } from '../runtime/out.js';
import type { Runner } from '../runtime/runner.js';
import { compose, type Steps } from '../runtime/steps.js';
import { isComplex } from '../tensor/dtypes.js';
import type { FloatType, Tensor } from '../tensor/types.js';
import { checkField, checkFieldMatrices, type SolutionOf } from './matrices.js';
import { type BlocksOptions, checkBlocks, isRowBlocks, type RowBlocks, RowReducer } from './row-blocks.js';
import { cut, withSigns } from './truncated.js';

export interface PcaOptions extends OperationOptions, BlocksOptions {
  /**
   * How many components: all min(m, n) by default; or, between 0 and 1, as few as together have more than this share of the
   * variance.
   */
  components?: number | undefined;
  /** Whether `transform` divides by the standard deviations, so that its columns have a variance of 1; false by default. */
  whiten?: boolean | undefined;
}

const pcaNames = namesOf<PcaOptions>({
  components: true,
  whiten: true,
  signal: true,
  onProgress: true,
  stream: true,
});

interface Fit {
  readonly mean: Operand;
  readonly components: Operand;
  readonly singularValues: Operand;
  readonly explainedVariance: Operand;
  readonly explainedVarianceRatio: Operand;
  readonly noiseVariance: Operand;
}

/** Principal components of the rows of a matrix [m, n], k of them. On the device where the matrix is. */
export class Pca<R extends MatrixOperand = MatrixOperand> implements AsyncDisposable {
  /** [n], of the rows. */
  readonly mean: R;
  /** [k, n], orthonormal rows, those of the largest variance first; the largest element of each is positive. */
  readonly components: R;
  /** [k], of the rows without their mean. */
  readonly singularValues: R;
  /** [k], the variance along each component: s² / (m - 1). */
  readonly explainedVariance: R;
  /** [k], its share of the whole variance. */
  readonly explainedVarianceRatio: R;
  /** [], the mean variance along the other directions: of none 0. */
  readonly noiseVariance: R;
  /** How many rows there were: m. */
  readonly samples: number;
  readonly #runner: Runner;
  readonly #whiten: boolean;

  /** @internal */
  constructor(runner: Runner, fit: Fit, samples: number, whiten: boolean) {
    this.mean = fit.mean as R;
    this.components = fit.components as R;
    this.singularValues = fit.singularValues as R;
    this.explainedVariance = fit.explainedVariance as R;
    this.explainedVarianceRatio = fit.explainedVarianceRatio as R;
    this.noiseVariance = fit.noiseVariance as R;
    this.samples = samples;
    this.#runner = runner;
    this.#whiten = whiten;
  }

  /** Rows [..., n] along the components: [..., k]. */
  async transform<A extends MatrixOperand>(x: A, options: ResultOptions = {}): Promise<SolutionOf<A, R>> {
    return this.#map('transform', x, 1, options, async (steps, rows, components, mean, scale) => {
      const along = await steps.matmul(
        await steps.binary('sub', rows, mean),
        await steps.transposeMatrices(components),
      );
      return this.#whiten ? steps.binary('div', along, scale) : along;
    });
  }

  /** What has these coordinates [..., k] along the components: [..., n], the rows themselves where k is n. */
  async inverseTransform<A extends MatrixOperand>(z: A, options: ResultOptions = {}): Promise<SolutionOf<A, R>> {
    return this.#map('inverseTransform', z, 0, options, async (steps, rows, components, mean, scale) => {
      const along = this.#whiten ? await steps.binary('mul', rows, scale) : rows;
      return steps.binary('add', await steps.matmul(along, components), mean);
    });
  }

  /** Frees what is on the device. */
  async dispose(): Promise<void> {
    const all = [this.mean, this.components, this.singularValues, this.explainedVariance, this.explainedVarianceRatio];
    await Promise.all(
      [...all, this.noiseVariance].map((one) => (one instanceof DeviceTensor ? one.dispose() : undefined)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** `axis`: of `components`, along which the rows lie. */
  async #map<A extends MatrixOperand>(
    what: string,
    x: A,
    axis: 0 | 1,
    options: ResultOptions,
    body: (steps: Steps, ...of: [Operand, Operand, Operand, Operand]) => Promise<Operand>,
  ): Promise<SolutionOf<A, R>> {
    checkOptions(options, what, resultNames);
    const rows = checkField(x, what, 1);
    const wanted = this.components.dims[axis];
    if (rows.dims.at(-1) !== wanted || isComplex(rows.type)) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `${what}: expected real rows of ${wanted}, got ${rows.type} of dims [${rows.dims.join(', ')}]`,
      );
    }
    const type = rows.type === 'float32' && this.mean.type === 'float32' ? 'float32' : 'float64';
    const given = [rows, this.components, this.mean, this.explainedVariance];
    const [found] = await compose(this.#runner, what, placed(options, what), given, type, async (steps, ...taken) => {
      const [given, components, mean, variance] = taken as [Operand, Operand, Operand, Operand];
      // A single row is a matrix of one.
      const matrix = given.dims.length === 1 ? steps.reshape(given, [1, wanted!]) : given;
      const deviation = await steps.unary('sqrt', variance);
      const some = await steps.where(await steps.binary('greater', deviation, 0), deviation, 1);
      const result = await body(steps, matrix, components, mean, some);
      return [steps.reshape(result, [...given.dims.slice(0, -1), result.dims.at(-1)!])];
    });
    return found as SolutionOf<A, R>;
  }
}

/** Of a matrix, or of one that comes in blocks of rows. Errors: those of `LinearAlgebra.pca`. */
export async function pcaOf(runner: Runner, x: MatrixOperand | RowBlocks, options: PcaOptions): Promise<Pca> {
  const { stream, components } = checkOptions(options, 'pca', pcaNames);
  const whiten = flag('pca: whiten', options.whiten, false);
  const own = checkBlocks(options, 'pca');
  const where = { stream, signal: own.signal };
  const isShare = typeof components === 'number' && components > 0 && components < 1;
  const wanted =
    components === undefined || isShare ? undefined : requiredWholeNumber('pca: components', components, 1);
  const share = isShare ? components : undefined;
  if (isRowBlocks(x)) {
    const setting = { what: 'pca', centered: true, rank: wanted, oversample: 10, options: where };
    const reducer = await RowReducer.of(runner, x, setting, own);
    try {
      const { rows } = reducer;
      requireSamples(rows);
      const fit = await fitOf(runner, where, [reducer.mean!], async (steps, given) => {
        const { s, vt, error } = await reducer.singularValues(steps);
        const all = reducer.countOfAll;
        return variances(steps, { mean: await steps.copy(given!), s, vt, error, all, samples: rows, share });
      });
      return new Pca(runner, fit, rows, whiten);
    } finally {
      await reducer.dispose();
      if (reducer.mean instanceof DeviceTensor) await reducer.mean.dispose();
    }
  }
  const { operand, type, lead, m, n } = checkFieldMatrices(x, 'pca');
  if (lead.length > 0 || isComplex(type)) {
    throw new TensorlaneError(
      'ERR_SHAPE',
      `pca: expected one real matrix, got ${type} of dims [${operand.dims.join(', ')}]`,
    );
  }
  if (own.onProgress !== undefined) {
    throw new TensorlaneError('ERR_ARGUMENT', 'pca: onProgress goes together with rows that come in blocks');
  }
  requireSamples(m);
  const all = Math.min(m, n);
  if (wanted !== undefined && wanted > all)
    throw wrong(`pca: components must be at most ${all} of dims [${m}, ${n}]`, wanted);
  const fit = await fitOf(runner, where, [operand], async (steps, given) => {
    const rows = await steps.cast(given!, type);
    const mean = await steps.reduce('mean', rows, [0]);
    const centered = await steps.binary('sub', rows, mean);
    const { s, vt, error } = await principal(steps, centered, wanted ?? all);
    return variances(steps, { mean, s, vt, error, all, samples: m, share });
  });
  return new Pca(runner, fit, m, whiten);
}

/** The singular values that are wanted, and what they leave: of tall matrices by r of q · r, which has them all. */
async function principal(steps: Steps, a: Operand, rank: number) {
  const [m, n] = a.dims as [number, number];
  return cut(steps, await steps.svd(m > n ? await steps.triangle(a) : a), rank);
}

interface Found {
  readonly mean: Operand;
  readonly s: Operand;
  readonly vt: Operand;
  readonly error: Operand;
  /** How many components there are in all. */
  readonly all: number;
  readonly samples: number;
  readonly share: number | undefined;
}

async function variances(steps: Steps, { mean, s, vt, error, all, samples, share }: Found): Promise<Fit> {
  const perFreedom = 1 / (samples - 1);
  const varianceOf = async (of: Operand) => steps.binary('mul', await steps.binary('mul', of, of), perFreedom);
  const [each, left] = await Promise.all([varianceOf(s), varianceOf(error)]);
  const whole = await steps.binary('add', await steps.reduce('sum', each, [0]), left);
  const divisor = await steps.where(await steps.binary('greater', whole, 0), whole, 1);
  const ratio = await steps.binary('div', each, divisor);
  const found = s.dims[0]!;
  const count = share === undefined ? found : await countFor(steps, ratio, share);
  const first = Array.from({ length: count }, (_, i) => i);
  const [values, variance, part, rows] = await Promise.all([s, each, ratio, vt].map((one) => steps.gather(one, first)));
  const noise = await steps.binary('sub', whole, await steps.reduce('sum', variance!, [0]));
  const positive = await steps.where(await steps.binary('greater', noise, 0), noise, 0);
  const factors = { u: steps.reshape(values!, [1, count]), s: values!, vt: rows!, driver: undefined };
  const { vt: components } = await withSigns(steps, factors);
  return {
    mean,
    components,
    singularValues: values!,
    explainedVariance: variance!,
    explainedVarianceRatio: part!,
    noiseVariance: await steps.binary('mul', positive, count < all ? 1 / (all - count) : 0),
  };
}

/** How many of the first come to more than a share. */
async function countFor(steps: Steps, ratio: Operand, share: number): Promise<number> {
  const { data } = (await steps.read(ratio)) as Tensor<FloatType>;
  let sum = 0;
  let count = 0;
  while (count < data.length && sum <= share) sum += data[count++]!;
  return count;
}

async function fitOf(
  runner: Runner,
  options: StoppableOptions,
  given: readonly Operand[],
  body: (steps: Steps, x: Operand | undefined) => Promise<Fit>,
): Promise<Fit> {
  let names: (keyof Fit)[] = [];
  const found = await compose(runner, 'pca', options, given, undefined, async (steps, x) => {
    const fit = await body(steps, x);
    names = Object.keys(fit) as (keyof Fit)[];
    return names.map((name) => fit[name]);
  });
  return Object.fromEntries(names.map((name, i) => [name, found[i]!])) as unknown as Fit;
}

function requireSamples(rows: number): void {
  if (rows >= 2) return;
  throw new TensorlaneError('ERR_SHAPE', `pca: variances need at least two rows, got ${rows}`);
}

// Singular values: all of them by the device's own ways, those of Hermitian matrices by eigenvalues, the largest alone, and those of
// matrices that come in blocks of rows.

import { flag, namesOf, oneOf, requiredWholeNumber, wholeNumber } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import type { MatrixOperand, Operand, RealResultOf, ResultOf } from '../runtime/operands.js';
import { checkOptions, type OperationOptions } from '../runtime/options.js';
import {
  type Placed,
  placed,
  placedByName,
  type ResultOptions,
  type ResultsOptions,
  resultNames,
} from '../runtime/out.js';
import { realOf } from '../runtime/promotion.js';
import type { Runner } from '../runtime/runner.js';
import { compose, type Factors, type Steps } from '../runtime/steps.js';
import { isComplex } from '../tensor/dtypes.js';
import { type Driven, drivenBy } from './driven.js';
import { EigenvalueOperations } from './eigenvalues.js';
import { hermitianSvd, hermitianSvdvals } from './hermitian.js';
import { checkFieldMatrices, type FieldMatrices, requireSquare } from './matrices.js';
import { randomizedSvd, type Sampling } from './randomized.js';
import { type BlocksOptions, checkBlocks, isRowBlocks, type RowBlocks, RowReducer } from './row-blocks.js';
import { cut, withSigns } from './truncated.js';

const svdModes = ['thin', 'full', 'values'] as const;
const svdDrivers = [
  'auto',
  'randomized',
  'jacobi',
  'gesdd',
  'gesddTransposed',
  'gesvd',
  'gesvdj',
  'gesvdp',
  'gesvdr',
  'gesvda',
] as const;
const signChoices = ['any', 'deterministic'] as const;

export type SvdMode = (typeof svdModes)[number];
/** 'auto' and 'randomized' are every device's, 'jacobi', 'gesdd' and 'gesddTransposed' the CPU's, 'gesvd' either's, and the others cuSOLVER's. */
export type SvdDriver = (typeof svdDrivers)[number];

export interface SvdOptions extends ResultsOptions<'u' | 's' | 'vt' | 'error'> {
  /** 'thin' (default): k = min(m, n) singular vectors of each kind; 'full': all m and n; 'values': none. */
  mode?: SvdMode | undefined;
  /**
   * Who computes it. 'randomized': of the first `rank` values, by a random sample; the results are near the nearest matrix of this rank, and
   * `error` says how near to `a`. 'auto' (default) chooses by shape, batch, type and device, from a table that was measured; `driver` of the result says
   * which it was. On the CPU: 'jacobi', of small matrices; 'gesdd', divide and conquer; 'gesddTransposed', the same of the transpose. 'gesvd': QR iteration.
   * The others are CUDA's. 'gesvdj': Jacobi. 'gesvdp': polar
   * decomposition. 'gesvdr': randomized, of the first `rank` values. 'gesvda': from the eigenvalues of aᵀa, for batches of tall
   * matrices; it loses half of the digits.
   */
  driver?: SvdDriver | undefined;
  /**
   * Whether the matrices are symmetric or Hermitian, of which only the lower triangle is read, as numpy.linalg.svd has it; by
   * eigenvalues, then, and by no driver.
   */
  hermitian?: boolean | undefined;
  /**
   * How many of the largest singular values and their vectors, from 1 to min(m, n); k is then this, and there is `error`. With the
   * driver 'gesvdr', from 1 to min(m, n) - 1, by a random sample and without `error`.
   */
  rank?: number | undefined;
  /** Of 'randomized': how many columns more than the rank the sample has in each of its blocks; 10 by default. */
  oversample?: number | undefined;
  /** Of 'randomized': how often the sample is led through `a` and back, 2 by default. More are nearer to the nearest matrix. */
  iterations?: number | undefined;
  /** Of 'randomized': which sample it is, an integer of at least 0, which is the default. The same one gives the same sample on every device. */
  seed?: number | undefined;
  /** 'deterministic': the largest element of each row of vt is positive, whoever computed it; 'any' by default. Of real matrices. */
  signs?: (typeof signChoices)[number] | undefined;
}

export interface Svd<R, S = R> {
  /** [..., m, k], or [..., m, m] in full mode: the left singular vectors, as columns. */
  readonly u: R;
  /** [..., k], the singular values, largest first, none negative; real. */
  readonly s: S;
  /** [..., k, n], or [..., n, n] in full mode: the right singular vectors, as rows; of complex matrices their conjugates, numpy's vh. */
  readonly vt: R;
}

export interface TruncatedSvd<R, S = R> extends Svd<R, S> {
  /**
   * [...], real: the Frobenius norm of a - u · diag(s) · vt. No result of this rank leaves less, unless it is of the driver 'randomized'.
   */
  readonly error: S;
}

/** Of a matrix that comes in blocks of rows. */
export interface BlocksSvdOptions extends OperationOptions, BlocksOptions {
  /** How many of the largest singular values and their vectors; all of them by default, for up to 4096 columns. */
  rank?: number | undefined;
  /** Of more than 4096 columns: how many singular values beyond the rank are kept on the way; 10 by default. */
  oversample?: number | undefined;
}

export interface BlocksSvd<R, S = R> {
  /** [k], the singular values, largest first; real. */
  readonly s: S;
  /** [k, n], the right singular vectors, as rows; of complex matrices their conjugates. */
  readonly vt: R;
  /** [], real: the root of what the sum of the squares of all elements is above that of s. */
  readonly error: S;
  /** How many rows there were. */
  readonly rows: number;
}

const svdNames = namesOf<SvdOptions>({
  mode: true,
  driver: true,
  rank: true,
  oversample: true,
  iterations: true,
  seed: true,
  hermitian: true,
  signs: true,
  out: true,
  signal: true,
  stream: true,
});

const blocksNames = namesOf<BlocksSvdOptions>({
  rank: true,
  oversample: true,
  signal: true,
  onProgress: true,
  stream: true,
});

/** Of linear algebra, singular values. */
export class SingularValueOperations extends EigenvalueOperations {
  readonly #runner: Runner;

  /** @internal */
  constructor(runner: Runner) {
    super(runner);
    this.#runner = runner;
  }

  /** The singular values of `a` [..., m, n] alone: s [..., min(m, n)], largest first. Errors: ERR_NOT_CONVERGED. */
  async svd<A extends MatrixOperand>(
    a: A,
    options: SvdOptions & { mode: 'values' },
  ): Promise<Pick<Svd<ResultOf<A>, RealResultOf<A>>, 's'> & Driven>;
  /**
   * The largest `rank` singular values of `a` [..., m, n] and their vectors, which make the nearest matrix of that rank, and how far it is
   * off. 'randomized' is block Krylov iteration (Musco and Musco, NeurIPS 2015). Errors: ERR_NOT_CONVERGED.
   */
  async svd<A extends MatrixOperand>(
    a: A,
    options: SvdOptions & { rank: number; driver?: 'auto' | 'randomized' | undefined },
  ): Promise<TruncatedSvd<ResultOf<A>, RealResultOf<A>> & Driven>;
  /**
   * Singular value decomposition: a = u · diag(s) · vt, for `a` of dims [..., m, n].
   *
   * On the CPU by divide and conquer, LAPACK's gesdd (Gu and Eisenstat, SIAM J. Matrix Anal. Appl. 16(1), 1995); on CUDA by the
   * driver that is named.
   *
   * Errors: ERR_NOT_CONVERGED.
   */
  async svd<A extends MatrixOperand>(a: A, options?: SvdOptions): Promise<Svd<ResultOf<A>, RealResultOf<A>> & Driven>;
  /**
   * The singular values and right singular vectors of a matrix whose rows come in blocks [rows, n], of any sizes, from an iterable
   * or an async one: a generator that reads a file, say. No more of it is in memory than a block, and some of its rows. Of up to 4096 columns
   * the result is exact; of more the largest singular values are followed, which needs a rank, and `error` says what they leave.
   *
   * Errors: ERR_NOT_FINITE, ERR_NOT_CONVERGED, ERR_ABORTED (by `signal`, between two blocks).
   */
  async svd<A extends MatrixOperand>(
    blocks: RowBlocks<A>,
    options?: BlocksSvdOptions,
  ): Promise<BlocksSvd<ResultOf<A>, RealResultOf<A>>>;
  async svd(a: MatrixOperand | RowBlocks, options: SvdOptions | BlocksSvdOptions = {}): Promise<unknown> {
    if (isRowBlocks(a)) return this.#ofBlocks(a, options as BlocksSvdOptions);
    const checked = checkOptions(options as SvdOptions, 'svd', svdNames);
    // Here, so that an error's stack, of which ten calls are kept, leads far into the caller's code.
    return this.#ofMatrices(checkFieldMatrices(a, 'svd'), checked);
  }

  async #ofBlocks(blocks: RowBlocks, options: BlocksSvdOptions): Promise<unknown> {
    const { rank, oversample, stream } = checkOptions(options, 'svd', blocksNames);
    const own = checkBlocks(options, 'svd');
    const setting = {
      what: 'svd',
      centered: false,
      rank: rank === undefined ? undefined : requiredWholeNumber('svd: rank', rank, 1),
      oversample: wholeNumber('svd: oversample', oversample, 10, 0),
      options: { stream, signal: own.signal },
    };
    const reducer = await RowReducer.of(this.#runner, blocks, setting, own);
    try {
      const [s, vt, error] = await compose(this.#runner, 'svd', setting.options, [], undefined, async (steps) => {
        const found = await reducer.singularValues(steps);
        return [found.s, found.vt, found.error];
      });
      return { s, vt, error, rows: reducer.rows };
    } finally {
      await reducer.dispose();
    }
  }

  async #ofMatrices(matrices: FieldMatrices, options: SvdOptions): Promise<unknown> {
    const { operand, type, lead, batch, m, n } = matrices;
    const mode = oneOf('svd: mode', options.mode, 'thin', svdModes);
    const driver = oneOf('svd: driver', options.driver, 'auto', svdDrivers);
    const deterministic = oneOf('svd: signs', options.signs, 'any', signChoices) === 'deterministic';
    const isHermitian = flag('svd: hermitian', options.hermitian, false);
    const rankOfAll = checkRank(options, driver, mode, Math.min(m, n));
    const sampling = checkSampling(options, driver, rankOfAll);
    const names = mode === 'values' ? ['s'] : ['s', 'u', 'vt'];
    if (rankOfAll !== undefined) names.push('error');
    const to = placedByName(options, 'svd', names);
    if (deterministic && isComplex(type)) {
      throw new TensorlaneError('ERR_DTYPE', `svd: signs: 'deterministic' is for real matrices, not for ${type}`);
    }
    if (isHermitian) {
      requireSquare(matrices, 'svd');
      if (driver !== 'auto' || options.rank !== undefined) {
        throw new TensorlaneError('ERR_ARGUMENT', 'svd: hermitian goes together with no driver and no rank');
      }
    }
    const finish = async (steps: Steps, found: Factors) => (deterministic ? withSigns(steps, found) : found);
    if (rankOfAll !== undefined) {
      return this.#composed(operand, type, names, to, async (steps, x) => {
        const { error, ...found } =
          sampling === undefined
            ? await cut(steps, await steps.svd(x), rankOfAll)
            : await randomizedSvd(steps, x, sampling);
        return { ...(await finish(steps, found)), error };
      });
    }
    if (isHermitian && mode === 'values') {
      return this.#composed(operand, type, names, to, async (steps, x) => ({ s: await hermitianSvdvals(steps, x) }));
    }
    if (isHermitian) {
      return this.#composed(operand, type, names, to, async (steps, x) => finish(steps, await hermitianSvd(steps, x)));
    }
    // Which ranks a driver takes is the device's to say.
    const rank = wholeNumber('svd: rank', options.rank, 0, 1);
    const k = rank === 0 ? Math.min(m, n) : rank;
    const dims = [[...lead, k]];
    if (mode !== 'values') dims.push([...lead, m, mode === 'full' ? m : k], [...lead, mode === 'full' ? n : k, n]);
    const settings = { type, mode, driver: driver as Exclude<SvdDriver, 'randomized'>, rank, batch, m, n };
    const results = dims.map((one, i) => ({ type: i === 0 ? realOf(type) : type, dims: one }));
    if (deterministic && mode === 'thin') {
      return this.#composed(operand, type, names, to, async (steps, x) => {
        const found = await steps.run({ name: 'svd', operands: { a: x }, settings, results });
        const [s, u, vt] = found;
        return withSigns(steps, { u: u!, s: s!, vt: vt!, driver: found.ran });
      });
    }
    if (deterministic && mode === 'full') {
      throw new TensorlaneError('ERR_ARGUMENT', "svd: signs: 'deterministic' goes together with the mode 'thin'");
    }
    const found = await this.#runner.run('svd', { a: operand }, settings, results, to, { a: type });
    const [s, u, vt] = found;
    return drivenBy(mode === 'values' ? { s } : { u, s, vt }, found.ran);
  }

  /** The singular values of `a` [..., m, n], largest first: [..., min(m, n)]. Errors: ERR_NOT_CONVERGED. */
  async svdvals<A extends MatrixOperand>(a: A, options: ResultOptions = {}): Promise<RealResultOf<A>> {
    const to = placed(checkOptions(options, 'svdvals', resultNames), 'svdvals');
    const { operand, type, lead, batch, m, n } = checkFieldMatrices(a, 'svdvals');
    const settings = { type, mode: 'values', driver: 'auto', rank: 0, batch, m, n } as const;
    const results = [{ type: realOf(type), dims: [...lead, Math.min(m, n)] }];
    const [s] = await this.#runner.run('svd', { a: operand }, settings, results, to, { a: type });
    return s as RealResultOf<A>;
  }

  /** The results of these names and, of vectors, the driver, made of steps. */
  async #composed(
    operand: Operand,
    type: Operand['type'],
    names: readonly string[],
    to: Placed,
    body: (steps: Steps, a: Operand) => Promise<object>,
  ): Promise<unknown> {
    let driver: string | undefined;
    const found = await compose(this.#runner, 'svd', to, [operand], type, async (steps, x) => {
      const results = (await body(steps, x!)) as Readonly<Record<string, Operand>> & Driven;
      driver = results.driver;
      return names.map((name) => results[name]!);
    });
    return drivenBy(Object.fromEntries(names.map((name, i) => [name, found[i]])), driver);
  }
}

/** Where only the largest are asked for, and of no driver of a library's. Errors: ERR_ARGUMENT. */
function checkRank({ rank }: SvdOptions, driver: SvdDriver, mode: SvdMode, most: number): number | undefined {
  if (driver === 'randomized' && rank === undefined) {
    throw new TensorlaneError('ERR_ARGUMENT', "svd: the driver 'randomized' needs a rank");
  }
  if (rank === undefined || (driver !== 'auto' && driver !== 'randomized')) return undefined;
  if (mode === 'full') throw new TensorlaneError('ERR_ARGUMENT', "svd: a rank goes together with no mode 'full'");
  return requiredWholeNumber('svd: rank', rank, 1, most);
}

/** Of the driver 'randomized'; none of others. Errors: ERR_ARGUMENT. */
function checkSampling(
  { oversample, iterations, seed }: SvdOptions,
  driver: SvdDriver,
  rank: number | undefined,
): Sampling | undefined {
  if (driver !== 'randomized') {
    for (const [name, value] of Object.entries({ oversample, iterations, seed })) {
      if (value === undefined) continue;
      throw new TensorlaneError('ERR_ARGUMENT', `svd: ${name} goes together with the driver 'randomized' alone`);
    }
    return undefined;
  }
  return {
    rank: rank!,
    oversample: wholeNumber('svd: oversample', oversample, 10, 0),
    iterations: wholeNumber('svd: iterations', iterations, 2, 0, 100),
    seed: wholeNumber('svd: seed', seed, 0, 0),
  };
}

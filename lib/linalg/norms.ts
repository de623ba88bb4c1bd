// How large vectors and matrices are, how near to singular, and of which rank: numpy.linalg's definitions.

import { flag, namesOf, wrong } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { placeOfAxis, placesOfAxes } from '../runtime/axes.js';
import type { MatrixOperand, Operand, RealResultOf, ResultAs } from '../runtime/operands.js';
import { checkOptions } from '../runtime/options.js';
import { placed, type ResultOptions } from '../runtime/out.js';
import { floatOf } from '../runtime/promotion.js';
import type { Runner } from '../runtime/runner.js';
import { compose, type Steps } from '../runtime/steps.js';
import { isComplex } from '../tensor/dtypes.js';
import { hostTensor, product } from '../tensor/tensor.js';
import type { Tensor } from '../tensor/types.js';
import { checkField, checkFieldMatrices, epsilonOf, requireSquare, tolerance } from './matrices.js';

const matrixOrders = ['fro', 'nuc', 1, -1, 2, -2, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] as const;

/** 'fro': the root of the sum of squares; 'nuc': the sum of the singular values; 2, -2: the largest and smallest singular value; 1, -1: the largest and smallest sum of a column's absolute values; Infinity, -Infinity: of a row's. */
export type MatrixOrder = 'fro' | 'nuc' | number;

export interface VectorNormOptions extends ResultOptions {
  /** The norm's p, 2 by default: any number but NaN; 0 counts what is not 0. */
  ord?: number | undefined;
  /** The axis or axes that are one vector; by default all of them. */
  axis?: number | readonly number[] | undefined;
  /** Whether those axes stay, with a size of 1. */
  keepDims?: boolean | undefined;
}

export interface MatrixNormOptions extends ResultOptions {
  /** 'fro' by default. */
  ord?: MatrixOrder | undefined;
  /** Whether the last two dimensions stay, with sizes of 1. */
  keepDims?: boolean | undefined;
}

export interface NormOptions extends ResultOptions {
  /** By default the 2-norm of all elements. 'fro' and 'nuc' are of matrices alone. */
  ord?: MatrixOrder | undefined;
  /** One axis: norms of vectors; two: of matrices. By default all of them, of which there may be one or two where there is an `ord`. */
  axis?: number | readonly number[] | undefined;
  keepDims?: boolean | undefined;
}

export interface CondOptions extends ResultOptions {
  /** Of which norm, as `matrixNorm` has them; 2 by default, by singular values. */
  p?: MatrixOrder | undefined;
}

export interface RankOptions extends ResultOptions {
  /** Singular values up to `rtol` times the largest one count as 0; max(m, n) times the type's epsilon by default. */
  rtol?: number | undefined;
  /** Singular values up to this count as 0, in place of `rtol`. */
  tol?: number | undefined;
  /** Whether the matrices are symmetric, of which only the lower triangle is read; by eigenvalues, then. */
  hermitian?: boolean | undefined;
}

const vectorNames = namesOf<VectorNormOptions>({
  ord: true,
  axis: true,
  keepDims: true,
  out: true,
  signal: true,
  stream: true,
});
const matrixNames = namesOf<MatrixNormOptions>({ ord: true, keepDims: true, out: true, signal: true, stream: true });
const normNames = namesOf<NormOptions>({
  ord: true,
  axis: true,
  keepDims: true,
  out: true,
  signal: true,
  stream: true,
});
const condNames = namesOf<CondOptions>({ p: true, out: true, signal: true, stream: true });
const rankNames = namesOf<RankOptions>({
  rtol: true,
  tol: true,
  hermitian: true,
  out: true,
  signal: true,
  stream: true,
});

/** Of linear algebra, what measures. */
export class NormOperations {
  readonly #runner: Runner;

  /** @internal */
  constructor(runner: Runner) {
    this.#runner = runner;
  }

  /**
   * The norm of vectors or matrices, as numpy.linalg.norm: `axis` of one axis gives vectors, of two matrices, and of none takes `a`
   * as the one vector or matrix that it is, of any number of dimensions without an `ord`. A NaN gives NaN, but what takes singular
   * values refuses it.
   *
   * Errors: ERR_NOT_FINITE and ERR_NOT_CONVERGED (of `ord` 2, -2 and 'nuc' of matrices), ERR_SHAPE.
   */
  async norm<A extends MatrixOperand>(a: A, options: NormOptions = {}): Promise<RealResultOf<A>> {
    const { ord, axis, keepDims } = checkOptions(options, 'norm', normNames);
    const operand = checkField(a, 'norm', 0);
    const keep = flag('norm: keepDims', keepDims, false);
    const rank = operand.dims.length;
    const places = axis === undefined ? undefined : axesOf(axis, rank, 'norm');
    if (places !== undefined && places.length !== 1 && places.length !== 2) {
      throw wrong('norm: axis must be one axis or two', axis);
    }
    if (places === undefined && ord !== undefined && rank !== 1 && rank !== 2) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `norm: ord ${String(ord)} needs a vector, a matrix, or an axis; got dims [${operand.dims.join(', ')}]`,
      );
    }
    const along = places ?? [...operand.dims.keys()];
    const isMatrix = along.length === 2 && (places !== undefined || ord !== undefined);
    if (isMatrix) {
      const order = ord === undefined ? 'fro' : checkMatrixOrder(ord, 'norm: ord');
      return this.#matrixNorm('norm', operand, along, order, keep, options);
    }
    return this.#vectorNorm('norm', operand, along, checkOrder(ord, 'norm: ord'), keep, options);
  }

  /**
   * The p-norm along an axis, or several, as numpy.linalg.vector_norm: `ord` is p, 2 by default; Infinity and -Infinity are the largest
   * and the smallest absolute value. No power on the way overflows or vanishes. Of nothing it is 0, of a negative p Infinity, and of
   * -Infinity refused (ERR_SHAPE), as numpy has it.
   */
  async vectorNorm<A extends MatrixOperand>(a: A, options: VectorNormOptions = {}): Promise<RealResultOf<A>> {
    const { ord, axis, keepDims } = checkOptions(options, 'vectorNorm', vectorNames);
    const operand = checkField(a, 'vectorNorm', 0);
    const keep = flag('vectorNorm: keepDims', keepDims, false);
    const rank = operand.dims.length;
    const along = axis === undefined ? [...operand.dims.keys()] : axesOf(axis, rank, 'vectorNorm');
    return this.#vectorNorm('vectorNorm', operand, along, checkOrder(ord, 'vectorNorm: ord'), keep, options);
  }

  /**
   * The norms of matrices [..., m, n]: [...], as numpy.linalg.matrix_norm. Of empty matrices it is 0, but refused (ERR_SHAPE) where it is the
   * smallest of no columns (-1), rows (-Infinity) or singular values (-2).
   *
   * Errors: ERR_NOT_FINITE and ERR_NOT_CONVERGED (2, -2 and 'nuc', which take singular values).
   */
  async matrixNorm<A extends MatrixOperand>(a: A, options: MatrixNormOptions = {}): Promise<RealResultOf<A>> {
    const { ord = 'fro', keepDims } = checkOptions(options, 'matrixNorm', matrixNames);
    const operand = checkField(a, 'matrixNorm', 2);
    const keep = flag('matrixNorm: keepDims', keepDims, false);
    const rank = operand.dims.length;
    const order = checkMatrixOrder(ord, 'matrixNorm: ord');
    return this.#matrixNorm('matrixNorm', operand, [rank - 2, rank - 1], order, keep, options);
  }

  /**
   * The condition numbers of matrices [..., m, n]: [...], as numpy.linalg.cond. By default the quotient of the largest and the smallest
   * singular value; by another norm that of the matrix times that of its inverse, for square ones. Infinity of a singular matrix.
   *
   * Errors: ERR_NOT_FINITE, ERR_NOT_CONVERGED, ERR_SHAPE (an empty matrix).
   */
  async cond<A extends MatrixOperand>(a: A, options: CondOptions = {}): Promise<RealResultOf<A>> {
    const { p = 2 } = checkOptions(options, 'cond', condNames);
    const matrices = checkFieldMatrices(a, 'cond');
    const { operand, type, m, n } = matrices;
    const order = checkMatrixOrder(p, 'cond: p');
    if (m === 0 || n === 0) {
      throw new TensorlaneError('ERR_SHAPE', `cond: an empty matrix has none; got dims [${operand.dims.join(', ')}]`);
    }
    const bySingularValues = order === 2 || order === -2;
    if (!bySingularValues) requireSquare(matrices, 'cond');
    const [condition] = await compose(
      this.#runner,
      'cond',
      placed(options, 'cond'),
      [operand],
      type,
      async (steps, x) => {
        if (bySingularValues) {
          const s = await steps.svdvals(x!);
          const last = [s.dims.length - 1];
          const [largest, smallest] = await Promise.all([steps.reduce('max', s, last), steps.reduce('min', s, last)]);
          const [above, below] = order === 2 ? [largest, smallest] : [smallest, largest];
          return [await undefinedAs(Number.POSITIVE_INFINITY, steps, await steps.binary('div', above, below))];
        }
        const { inverse, regular } = await invertRegular(steps, x!);
        const [own, other] = await Promise.all([
          matrixNormOf(steps, x!, order, false),
          matrixNormOf(steps, inverse, order, false),
        ]);
        const product = await steps.binary('mul', own, other);
        return [regular === undefined ? product : await steps.where(regular, product, Number.POSITIVE_INFINITY)];
      },
    );
    return condition as RealResultOf<A>;
  }

  /**
   * The ranks of matrices [..., m, n]: [...] of int64, as numpy.linalg.matrix_rank: how many singular values are above the
   * tolerance. Of a vector, 1 unless it is 0.
   *
   * Errors: ERR_NOT_FINITE, ERR_NOT_CONVERGED.
   */
  async matrixRank<A extends MatrixOperand>(a: A, options: RankOptions = {}): Promise<ResultAs<A, 'int64'>> {
    const { rtol, tol, hermitian } = checkOptions(options, 'matrixRank', rankNames);
    const operand = checkField(a, 'matrixRank', 0);
    const isHermitian = flag('matrixRank: hermitian', hermitian, false);
    if (rtol !== undefined && tol !== undefined) {
      throw new TensorlaneError('ERR_ARGUMENT', 'matrixRank: got both tol and rtol; give one of them');
    }
    const absolute = tol === undefined ? undefined : tolerance('matrixRank: tol', tol, 0);
    const type = floatOf(operand.type);
    if (operand.dims.length < 2) {
      const [one] = await compose(
        this.#runner,
        'matrixRank',
        placed(options, 'matrixRank'),
        [operand],
        type,
        async (steps, x) => {
          const largest = await largestOf(steps, await steps.sizes(x!), [...x!.dims.keys()], false);
          return [await steps.cast(await steps.binary('notEqual', largest, 0), 'int64')];
        },
      );
      return one as ResultAs<A, 'int64'>;
    }
    const matrices = checkFieldMatrices(operand, 'matrixRank');
    if (isHermitian) requireSquare(matrices, 'matrixRank');
    const { m, n } = matrices;
    const relative = tolerance('matrixRank: rtol', rtol, Math.max(m, n) * epsilonOf(type));
    const [rank] = await compose(
      this.#runner,
      'matrixRank',
      placed(options, 'matrixRank'),
      [operand],
      type,
      async (steps, x) => {
        const s = isHermitian ? await steps.sizes(await steps.eigvalsh(x!)) : await steps.svdvals(x!);
        return [await countAbove(steps, s, absolute, relative)];
      },
    );
    return rank as ResultAs<A, 'int64'>;
  }

  async #vectorNorm<A extends MatrixOperand>(
    what: string,
    operand: MatrixOperand,
    along: readonly number[],
    order: number,
    keepDims: boolean,
    options: ResultOptions,
  ): Promise<RealResultOf<A>> {
    if (order === Number.NEGATIVE_INFINITY) refuseSmallestOfNothing(what, operand, along, along);
    const axes = [...along].sort((x, y) => x - y);
    const type = floatOf(operand.type);
    const [norm] = await compose(this.#runner, what, placed(options, what), [operand], type, async (steps, x) => [
      await vectorNormOf(steps, x!, order, axes, keepDims),
    ]);
    return norm as RealResultOf<A>;
  }

  async #matrixNorm<A extends MatrixOperand>(
    what: string,
    operand: MatrixOperand,
    along: readonly number[],
    order: MatrixOrder,
    keepDims: boolean,
    options: ResultOptions,
  ): Promise<RealResultOf<A>> {
    const type = floatOf(operand.type);
    const [rows, columns] = along as [number, number];
    // The smallest sum of a column's elements, of a row's, and the smallest singular value.
    if (order === -1) refuseSmallestOfNothing(what, operand, along, [columns]);
    if (order === Number.NEGATIVE_INFINITY) refuseSmallestOfNothing(what, operand, along, [rows]);
    if (order === -2) refuseSmallestOfNothing(what, operand, along, along);
    const others = [...operand.dims.keys()].filter((place) => place !== rows && place !== columns);
    const [norm] = await compose(this.#runner, what, placed(options, what), [operand], type, async (steps, x) => {
      const matrices = await steps.transpose(x!, [...others, rows, columns]);
      const found = await matrixNormOf(steps, matrices, order, false);
      if (!keepDims) return [found];
      const kept = x!.dims.map((dim, place) => (place === rows || place === columns ? 1 : dim));
      return [steps.reshape(found, kept)];
    });
    return norm as RealResultOf<A>;
  }
}

/** The order of a vector's norm. Errors: ERR_ARGUMENT. */
function checkOrder(ord: unknown, what: string): number {
  if (ord === undefined) return 2;
  if (typeof ord === 'number' && !Number.isNaN(ord)) return ord;
  throw wrong(`${what} must be a number for vectors`, ord);
}

/** Errors: ERR_ARGUMENT. */
function checkMatrixOrder(ord: unknown, what: string): MatrixOrder {
  const found = matrixOrders.find((order) => order === ord);
  if (found !== undefined) return found;
  throw wrong(`${what} must be 'fro', 'nuc', 1, -1, 2, -2, Infinity or -Infinity for matrices`, ord);
}

function axesOf(axis: unknown, rank: number, what: string): number[] {
  return Array.isArray(axis) ? placesOfAxes(axis, rank, what) : [placeOfAxis(axis, rank, what)];
}

/** The smallest along axes of which there is nothing is no number, where there is a result at all. Errors: ERR_SHAPE. */
function refuseSmallestOfNothing(
  what: string,
  { dims }: Operand,
  along: readonly number[],
  axes: readonly number[],
): void {
  if (!axes.some((axis) => dims[axis] === 0) || dims.some((dim, axis) => dim === 0 && !along.includes(axis))) return;
  throw new TensorlaneError('ERR_SHAPE', `${what}: of nothing there is no smallest; got dims [${dims.join(', ')}]`);
}

/** The largest along axes, of numbers that are at least 0; of nothing 0. */
function largestOf(steps: Steps, a: Operand, axes: readonly number[], keepDims: boolean): Promise<Operand> {
  const isEmpty = axes.some((axis) => a.dims[axis] === 0);
  return steps.reduce(isEmpty ? 'sum' : 'max', a, axes, keepDims);
}

/** Along axes in ascending order. */
async function vectorNormOf(
  steps: Steps,
  given: Operand,
  order: number,
  axes: readonly number[],
  keepDims: boolean,
): Promise<Operand> {
  const a = isComplex(given.type) ? await steps.sizes(given) : given;
  if (axes.length === 0) return order === 0 ? countNonzero(steps, a, axes, keepDims) : steps.unary('abs', a);
  if (order === 2) return steps.reduce('norm', a, axes, keepDims);
  if (order === 0) return countNonzero(steps, a, axes, keepDims);
  const sizes = await steps.unary('abs', a);
  if (order === 1) return steps.reduce('sum', sizes, axes, keepDims);
  if (order === Number.POSITIVE_INFINITY) return largestOf(steps, sizes, axes, keepDims);
  if (order === Number.NEGATIVE_INFINITY) return steps.reduce('min', sizes, axes, keepDims);
  // (sum of |x|^p)^(1/p), of the sizes by the one that matters most, so that no power overflows or vanishes with all others.
  const most = await (order > 0 ? largestOf(steps, sizes, axes, true) : steps.reduce('min', sizes, axes, true));
  const finite = await steps.where(await steps.binary('less', most, Number.POSITIVE_INFINITY), most, 1);
  const unit = await steps.where(await steps.binary('equal', finite, 0), 1, finite);
  const powers = await power(steps, await steps.binary('div', sizes, unit), order);
  const root = await power(steps, await steps.reduce('sum', powers, axes, true), 1 / order);
  const norm = await steps.binary('mul', root, unit);
  if (keepDims) return norm;
  const along = new Set(axes);
  return steps.reshape(
    norm,
    a.dims.filter((_, place) => !along.has(place)),
  );
}

async function countNonzero(steps: Steps, a: Operand, axes: readonly number[], keepDims: boolean): Promise<Operand> {
  const nonzero = await steps.cast(await steps.binary('notEqual', a, 0), 'float64');
  return steps.cast(await steps.reduce('sum', nonzero, axes, keepDims), a.type);
}

/** Of numbers that are at least 0. */
export async function power(steps: Steps, a: Operand, exponent: number): Promise<Operand> {
  return steps.unary('exp', await steps.binary('mul', await steps.unary('log', a), exponent));
}

/** Of the last two dimensions. */
export async function matrixNormOf(steps: Steps, a: Operand, order: MatrixOrder, keepDims: boolean): Promise<Operand> {
  const last = a.dims.length - 1;
  if (order === 'fro') return vectorNormOf(steps, a, 2, [last - 1, last], keepDims);
  if (order === 'nuc' || order === 2 || order === -2) {
    const s = await steps.svdvals(a);
    const places = [s.dims.length - 1];
    const found = await (order === 'nuc'
      ? steps.reduce('sum', s, places)
      : order === 2
        ? largestOf(steps, s, places, false)
        : steps.reduce('min', s, places));
    return keepDims ? steps.reshape(found, [...a.dims.slice(0, -2), 1, 1]) : found;
  }
  const sizes = await steps.sizes(a);
  const along = Math.abs(order as number) === 1 ? last - 1 : last;
  const sums = await steps.reduce('sum', sizes, [along], true);
  return (order as number) > 0
    ? largestOf(steps, sums, [last - 1, last], keepDims)
    : steps.reduce('min', sums, [last - 1, last], keepDims);
}

/** How many of the values along the last dimension are above the tolerance, which is relative to the largest where none is given. */
export async function countAbove(
  steps: Steps,
  s: Operand,
  absolute: number | undefined,
  relative: number,
): Promise<Operand> {
  const last = [s.dims.length - 1];
  const bound = absolute ?? (await steps.binary('mul', await largestOf(steps, s, last, true), relative));
  const above = await steps.cast(await steps.binary('greater', s, bound), 'float64');
  return steps.cast(await steps.reduce('sum', above, last), 'int64');
}

/** NaNs as a number: of values that cannot be NaN but by 0 / 0. */
async function undefinedAs(value: number, steps: Steps, a: Operand): Promise<Operand> {
  return steps.where(await steps.binary('equal', a, a), a, value);
}

/** The inverses; where some matrices are singular, of ones in their place, and which are not. */
async function invertRegular(steps: Steps, a: Operand): Promise<{ inverse: Operand; regular?: Operand }> {
  let singular: readonly number[];
  try {
    return { inverse: await steps.inv(a) };
  } catch (error) {
    if (!(error instanceof TensorlaneError) || error.code !== 'ERR_SINGULAR' || !error.indices) throw error;
    singular = error.indices;
  }
  // As the inversion found them: a determinant, which is rounded in another order, may be 0 of others.
  const lead = a.dims.slice(0, -2);
  const found = new Uint8Array(product(lead)).fill(1);
  for (const i of singular) found[i] = 0;
  const regular = await steps.place(hostTensor('bool', found, lead) as Tensor<'bool'>, a);
  const condition = steps.reshape(regular, [...regular.dims, 1, 1]);
  const replaced = await steps.where(condition, a, await steps.identity(a.dims.at(-1)!, a));
  return { inverse: await steps.inv(replaced), regular };
}

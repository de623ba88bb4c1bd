// Systems of linear equations beside solve: over- and underdetermined ones, and those of tensors.

import { flag, namesOf, requiredWholeNumber } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { placesOfAxes } from '../runtime/axes.js';
import type { MatrixOperand, Operand, RealOf, ResultAs, ResultOf } from '../runtime/operands.js';
import { checkOptions } from '../runtime/options.js';
import { placed, placedByName, type ResultOptions, type ResultsOptions } from '../runtime/out.js';
import { floatOf } from '../runtime/promotion.js';
import type { Runner } from '../runtime/runner.js';
import { compose, type Steps } from '../runtime/steps.js';
import { product } from '../tensor/tensor.js';
import { type Driven, drivenBy } from './driven.js';
import {
  broadcast,
  checkField,
  checkFieldMatrices,
  commonField,
  epsilonOf,
  requireSquare,
  type SolutionOf,
  tolerance,
} from './matrices.js';
import { countAbove } from './norms.js';
import { ProductOperations } from './products.js';

export interface PinvOptions extends ResultOptions {
  /** Singular values up to `rtol` times the largest one count as 0; max(m, n) times the type's epsilon by default. */
  rtol?: number | undefined;
  /** Whether the matrices are symmetric or Hermitian, of which only the lower triangle is read; by eigenvalues, then. */
  hermitian?: boolean | undefined;
}

export interface LstsqOptions extends ResultsOptions<'x' | 'residuals' | 'rank' | 's'> {
  /** Singular values up to `rtol` times the largest one count as 0; max(m, n) times the type's epsilon by default. */
  rtol?: number | undefined;
}

export interface Lstsq<X, R, S = X> extends Driven {
  /** [n], [..., n] or [..., n, k]: the solutions, of all the smallest one. */
  readonly x: X;
  /** [], [...] or [..., k]: the sums of the squares of what a · x differs from b by, whatever the rank; Infinity where the type does not hold one. */
  readonly residuals: S;
  /** [...] of int64: the ranks of the matrices. */
  readonly rank: R;
  /** Their singular values, largest first: [..., min(m, n)]. */
  readonly s: S;
}

export interface TensorsolveOptions extends ResultOptions {
  /** Axes of `a` that are put behind all others before it is taken as a matrix. */
  axes?: readonly number[] | undefined;
}

export interface TensorinvOptions extends ResultOptions {
  /** How many of the first dimensions the inverse maps from; 2 by default. */
  ind?: number | undefined;
}

const pinvNames = namesOf<PinvOptions>({ rtol: true, hermitian: true, out: true, signal: true, stream: true });
const lstsqNames = namesOf<LstsqOptions>({ rtol: true, out: true, signal: true, stream: true });
const tensorsolveNames = namesOf<TensorsolveOptions>({ axes: true, out: true, signal: true, stream: true });
const tensorinvNames = namesOf<TensorinvOptions>({ ind: true, out: true, signal: true, stream: true });

/** Of linear algebra, what solves. */
export class SolvingOperations extends ProductOperations {
  readonly #runner: Runner;

  /** @internal */
  constructor(runner: Runner) {
    super(runner);
    this.#runner = runner;
  }

  /**
   * The Moore-Penrose pseudo-inverses of matrices [..., m, n]: [..., n, m], by singular values, as numpy.linalg.pinv. Its `rtol`
   * is that of the array API standard, where numpy's own default, 1e-15, means nothing for float32.
   *
   * Errors: ERR_NOT_FINITE, ERR_NOT_CONVERGED.
   */
  async pinv<A extends MatrixOperand>(a: A, options: PinvOptions = {}): Promise<ResultOf<A>> {
    const { rtol, hermitian } = checkOptions(options, 'pinv', pinvNames);
    const matrices = checkFieldMatrices(a, 'pinv');
    const { operand, type, m, n } = matrices;
    const isHermitian = flag('pinv: hermitian', hermitian, false);
    if (isHermitian) requireSquare(matrices, 'pinv');
    const relative = tolerance('pinv: rtol', rtol, Math.max(m, n) * epsilonOf(type));
    const [inverse] = await compose(
      this.#runner,
      'pinv',
      placed(options, 'pinv'),
      [operand],
      type,
      async (steps, x) => {
        if (isHermitian) {
          const { w, v } = await steps.eigh(x!);
          const [inverses, transposed] = await Promise.all([inverseValues(steps, w, relative), steps.adjoint(v)]);
          return [
            await finite(steps, await steps.matmul(await scaleColumns(steps, v, inverses), transposed), 'pinv: it'),
          ];
        }
        const { u, s, vt } = await steps.svd(x!);
        const [inverses, v, transposed] = await Promise.all([
          inverseValues(steps, s, relative),
          steps.adjoint(vt),
          steps.adjoint(u),
        ]);
        return [
          await finite(steps, await steps.matmul(await scaleColumns(steps, v, inverses), transposed), 'pinv: it'),
        ];
      },
    );
    return inverse as ResultOf<A>;
  }

  /**
   * Least squares: the x with the smallest |a · x - b| and, of those, the smallest |x|, for `a` [..., m, n] and `b` either one vector [m]
   * or [..., m, k], as numpy.linalg.lstsq but over any leading dimensions, which broadcast. By singular values, with one step of
   * iterative refinement.
   *
   * Errors: ERR_NOT_FINITE, ERR_NOT_CONVERGED.
   */
  async lstsq<A extends MatrixOperand, B extends MatrixOperand>(
    a: A,
    b: B,
    options: LstsqOptions = {},
  ): Promise<Lstsq<SolutionOf<A, B>, ResultAs<A | B, 'int64'>, ResultAs<A | B, RealOf<SolutionOf<A, B>['type']>>>> {
    const { rtol } = checkOptions(options, 'lstsq', lstsqNames);
    const left = checkField(a, 'lstsq: a', 2);
    const right = checkField(b, 'lstsq: b', 1);
    const type = commonField(left, right);
    const [m, n] = left.dims.slice(-2) as [number, number];
    const isVector = right.dims.length === 1;
    const bDims = isVector ? [...right.dims, 1] : right.dims;
    if (bDims.at(-2) !== m) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `lstsq: a of dims [${left.dims.join(', ')}] has ${m} rows, b of dims [${right.dims.join(', ')}] ${bDims.at(-2)}`,
      );
    }
    broadcast(left.dims.slice(0, -2), bDims.slice(0, -2), 'lstsq');
    const relative = tolerance('lstsq: rtol', rtol, Math.max(m, n) * epsilonOf(type));
    let driver: string | undefined;
    const results = await compose(
      this.#runner,
      'lstsq',
      placedByName(options, 'lstsq', ['x', 'residuals', 'rank', 's']),
      [left, right],
      type,
      async (steps, p, q) => {
        const sides = steps.reshape(q!, bDims);
        const { u, s, vt, driver: ran } = await steps.svd(p!);
        driver = ran;
        const [inverses, v, transposed, rank] = await Promise.all([
          inverseValues(steps, s, relative),
          steps.adjoint(vt),
          steps.adjoint(u),
          countAbove(steps, s, undefined, relative),
        ]);
        // The coordinates are scaled, and not the vectors: what is rounded there stays within one of their directions.
        const solve = async (of: Operand) => {
          const coordinates = await steps.matmul(transposed, of);
          return steps.matmul(v, await steps.scale(coordinates, steps.reshape(inverses, [...inverses.dims, 1])));
        };
        const differenceOf = async (of: Operand) => steps.subtract(await steps.matmul(p!, of), sides);
        // What is left of b is solved for once more, as the factors are no more exact than one product with each.
        const first = await solve(sides);
        const refined = await steps.subtract(first, await solve(await differenceOf(first)));
        const x = await finite(steps, refined, 'lstsq: the solution');
        const rest = await steps.sizes(await differenceOf(x));
        const squares = await steps.binary('mul', rest, rest);
        const residuals = await steps.reduce('sum', squares, [squares.dims.length - 2]);
        if (!isVector) return [x, residuals, rank, s];
        return [steps.reshape(x, x.dims.slice(0, -1)), steps.reshape(residuals, residuals.dims.slice(0, -1)), rank, s];
      },
    );
    const [x, residuals, rank, s] = results;
    return drivenBy({ x, residuals, rank, s }, driver) as never;
  }

  /**
   * The x with tensordot(a, x, { axes: x.dims.length }) = b, as numpy.linalg.tensorsolve: `a` has the dimensions of `b` and then those of x,
   * as many elements in either.
   *
   * Errors: ERR_SINGULAR, ERR_NOT_FINITE, ERR_SHAPE.
   */
  async tensorsolve<A extends MatrixOperand, B extends MatrixOperand>(
    a: A,
    b: B,
    options: TensorsolveOptions = {},
  ): Promise<SolutionOf<A, B>> {
    const { axes } = checkOptions(options, 'tensorsolve', tensorsolveNames);
    const left = checkField(a, 'tensorsolve: a', 0);
    const right = checkField(b, 'tensorsolve: b', 0);
    const type = commonField(left, right);
    const behind = axes === undefined ? [] : placesOfAxes(axes, left.dims.length, 'tensorsolve');
    const order = [...[...left.dims.keys()].filter((axis) => !behind.includes(axis)), ...behind];
    const dims = order.slice(right.dims.length).map((axis) => left.dims[axis]!);
    const size = product(dims);
    if (left.dims.length < right.dims.length || product(left.dims) !== size * size || product(right.dims) !== size) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `tensorsolve: a of dims [${left.dims.join(', ')}] is no square matrix from x to b of dims [${right.dims.join(', ')}]`,
      );
    }
    const [x] = await compose(
      this.#runner,
      'tensorsolve',
      placed(options, 'tensorsolve'),
      [left, right],
      type,
      async (steps, p, q) => {
        const matrix = steps.reshape(await steps.transpose(p!, order), [size, size]);
        return [steps.reshape(await steps.solve(matrix, steps.reshape(q!, [size, 1])), dims)];
      },
    );
    return x as SolutionOf<A, B>;
  }

  /**
   * The inverse of `a` as a map from its dimensions behind the first `ind` to those, as numpy.linalg.tensorinv: its dims are the latter
   * behind the former, as many elements in either; `ind` is 2 by default.
   *
   * Errors: ERR_SINGULAR, ERR_NOT_FINITE, ERR_SHAPE.
   */
  async tensorinv<A extends MatrixOperand>(a: A, options: TensorinvOptions = {}): Promise<ResultOf<A>> {
    const { ind = 2 } = checkOptions(options, 'tensorinv', tensorinvNames);
    const operand = checkField(a, 'tensorinv', 0);
    requiredWholeNumber('tensorinv: ind', ind, 1);
    const [first, behind] = [operand.dims.slice(0, ind), operand.dims.slice(ind)];
    const size = product(behind);
    if (product(first) !== size) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `tensorinv: the first ${ind} dimensions of [${operand.dims.join(', ')}] have ${product(first)} elements, the others ${size}`,
      );
    }
    const type = floatOf(operand.type);
    const [inverse] = await compose(
      this.#runner,
      'tensorinv',
      placed(options, 'tensorinv'),
      [operand],
      type,
      async (steps, x) => [steps.reshape(await steps.inv(steps.reshape(x!, [size, size])), [...behind, ...first])],
    );
    return inverse as ResultOf<A>;
  }
}

/** 1 / s, but 0 where it is not above `relative` of the largest absolute value. */
async function inverseValues(steps: Steps, s: Operand, relative: number): Promise<Operand> {
  const last = s.dims.length - 1;
  const sizes = await steps.unary('abs', s);
  const bound = await steps.binary('mul', await steps.reduce('max', sizes, [last], true), relative);
  const [counts, inverses] = await Promise.all([steps.binary('greater', sizes, bound), steps.reciprocal(s)]);
  return steps.where(counts, inverses, 0);
}

/** Matrices [..., m, k] times diagonal ones [..., k], which are real. */
export function scaleColumns(steps: Steps, a: Operand, values: Operand): Promise<Operand> {
  const { dims } = values;
  return steps.scale(a, steps.reshape(values, [...dims.slice(0, -1), 1, dims.at(-1)!]));
}

/** Matrices that came of finite ones, in which the inverse of a very small value, say, may be infinite. Errors: ERR_NOT_FINITE. */
async function finite(steps: Steps, x: Operand, what: string): Promise<Operand> {
  const indices = await steps.nonFinite(x, 2);
  if (indices.length === 0) return x;
  const problem = `${what} has elements beyond what ${floatOf(x.type)} holds; scale the input`;
  throw new TensorlaneError('ERR_NOT_FINITE', problem, { indices });
}

// Functions of whole matrices, and what a matrix maps to and from nothing: scipy.linalg's definitions.

import { namesOf, oneOf } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import type { MatrixOperand, ResultOf } from '../runtime/operands.js';
import { checkOptions } from '../runtime/options.js';
import { placed, placedByName, type ResultOptions, type ResultsOptions, resultNames } from '../runtime/out.js';
import type { Runner } from '../runtime/runner.js';
import { compose, type Steps } from '../runtime/steps.js';
import type { Tensor } from '../tensor/types.js';
import { exponentialOf } from './exponential.js';
import { checkFieldMatrices, checkFieldSquare, epsilonOf, tolerance } from './matrices.js';
import { countAbove } from './norms.js';
import { SolvingOperations, scaleColumns } from './solving.js';

const polarSides = ['right', 'left'] as const;

export interface PolarOptions extends ResultsOptions<'u' | 'p'> {
  /** 'right' (default): a = u · p; 'left': a = p · u. */
  side?: (typeof polarSides)[number] | undefined;
}

export interface Polar<R> {
  /** [..., m, n], with orthonormal columns, or rows where m < n. */
  readonly u: R;
  /** [..., n, n], or [..., m, m] on the left: symmetric or Hermitian, without negative eigenvalues. */
  readonly p: R;
}

export interface SpaceOptions extends ResultOptions {
  /** Singular values up to `rtol` times the largest one count as 0; max(m, n) times the type's epsilon by default. */
  rtol?: number | undefined;
}

const polarNames = namesOf<PolarOptions>({ side: true, out: true, signal: true, stream: true });
const spaceNames = namesOf<SpaceOptions>({ rtol: true, out: true, signal: true, stream: true });

/** Of linear algebra, the functions of matrices. */
export class MatrixFunctions extends SolvingOperations {
  readonly #runner: Runner;

  /** @internal */
  constructor(runner: Runner) {
    super(runner);
    this.#runner = runner;
  }

  /**
   * The exponentials of square matrices [..., n, n], as scipy.linalg.expm, by scaling and squaring of a Padé approximant: of degree 13
   * for float64 and 7 for float32 (Higham, SIAM J. Matrix Anal. Appl. 26(4), 2005), scaled no further than the norms of the
   * matrix' powers ask for (Al-Mohy and Higham, SIAM J. Matrix Anal. Appl. 31(3), 2009). A matrix' result does not depend on the
   * others of its batch.
   *
   * Errors: ERR_NOT_FINITE, also for a result beyond what the type holds.
   */
  async expm<A extends MatrixOperand>(a: A, options: ResultOptions = {}): Promise<ResultOf<A>> {
    checkOptions(options, 'expm', resultNames);
    const { operand, type, n, batch } = checkFieldSquare(a, 'expm');
    const [result] = await compose(this.#runner, 'expm', placed(options, 'expm'), [operand], type, async (steps, x) => {
      if (n === 0 || batch === 0) return [await steps.copy(x!)];
      return [await exponentialOf(steps, x!, type)];
    });
    return result as ResultOf<A>;
  }

  /**
   * The polar decomposition of matrices [..., m, n]: the nearest matrix with orthonormal columns or rows, and a symmetric one, as
   * scipy.linalg.polar. By singular values.
   *
   * Errors: ERR_NOT_FINITE, ERR_NOT_CONVERGED.
   */
  async polar<A extends MatrixOperand>(a: A, options: PolarOptions = {}): Promise<Polar<ResultOf<A>>> {
    const side = oneOf('polar: side', checkOptions(options, 'polar', polarNames).side, 'right', polarSides);
    const { operand, type } = checkFieldMatrices(a, 'polar');
    const [u, p] = await compose(
      this.#runner,
      'polar',
      placedByName(options, 'polar', ['u', 'p']),
      [operand],
      type,
      async (steps, x) => {
        const { u: w, s, vt } = await steps.svd(x!);
        const [v, wt] = await Promise.all([steps.adjoint(vt), steps.adjoint(w)]);
        return Promise.all([
          steps.matmul(w, vt),
          side === 'right'
            ? steps.matmul(await scaleColumns(steps, v, s), vt)
            : steps.matmul(await scaleColumns(steps, w, s), wt),
        ]);
      },
    );
    return { u, p } as Polar<ResultOf<A>>;
  }

  /**
   * An orthonormal basis of what the matrix [m, n] maps to 0, as the columns of [n, n - rank], as scipy.linalg.null_space. By singular
   * values.
   *
   * Errors: ERR_NOT_FINITE, ERR_NOT_CONVERGED, ERR_SHAPE (a batch: its results would differ in shape).
   */
  async nullSpace<A extends MatrixOperand>(a: A, options: SpaceOptions = {}): Promise<ResultOf<A>> {
    const { rtol } = checkOptions(options, 'nullSpace', spaceNames);
    const { operand, type, m, n } = checkOne(a, 'nullSpace');
    const relative = tolerance('nullSpace: rtol', rtol, Math.max(m, n) * epsilonOf(type));
    const [basis] = await compose(
      this.#runner,
      'nullSpace',
      placed(options, 'nullSpace'),
      [operand],
      type,
      async (steps, x) => {
        const { s, vt } = await steps.svd(x!, 'full');
        const rank = await rankOf(steps, s, relative);
        const rest = Array.from({ length: n - rank }, (_, i) => rank + i);
        return [await steps.adjoint(await steps.gather(vt, rest))];
      },
    );
    return basis as ResultOf<A>;
  }

  /**
   * An orthonormal basis of what the matrix [m, n] maps to, as the columns of [m, rank], as scipy.linalg.orth. By singular values.
   *
   * Errors: ERR_NOT_FINITE, ERR_NOT_CONVERGED, ERR_SHAPE (a batch: its results would differ in shape).
   */
  async orth<A extends MatrixOperand>(a: A, options: SpaceOptions = {}): Promise<ResultOf<A>> {
    const { rtol } = checkOptions(options, 'orth', spaceNames);
    const { operand, type, m, n } = checkOne(a, 'orth');
    const relative = tolerance('orth: rtol', rtol, Math.max(m, n) * epsilonOf(type));
    const [basis] = await compose(this.#runner, 'orth', placed(options, 'orth'), [operand], type, async (steps, x) => {
      const { u, s } = await steps.svd(x!);
      const rank = await rankOf(steps, s, relative);
      const first = Array.from({ length: rank }, (_, i) => i);
      return [await steps.transposeMatrices(await steps.gather(await steps.transposeMatrices(u), first))];
    });
    return basis as ResultOf<A>;
  }
}

/** How many singular values count, for JS to know what shape there is. */
async function rankOf(steps: Steps, s: Parameters<typeof countAbove>[1], relative: number): Promise<number> {
  const { data } = (await steps.read(await countAbove(steps, s, undefined, relative))) as Tensor<'int64'>;
  return Number(data[0]);
}

/** One matrix. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
function checkOne(value: unknown, what: string) {
  const matrices = checkFieldMatrices(value, what);
  if (matrices.lead.length === 0) return matrices;
  throw new TensorlaneError(
    'ERR_SHAPE',
    `${what}: expected one matrix, got dims [${matrices.operand.dims.join(', ')}]: results of a batch would differ in shape`,
  );
}

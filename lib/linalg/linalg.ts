// Linear algebra on a device: numpy.linalg's operations, row-major, batched over the leading dimensions.

import type { Operations } from '../../binding.js';
import { flag, namesOf, oneOf, wholeNumber } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { type SumOf, sumTypeOf } from '../runtime/integers.js';
import type { MatrixOperand, Operand, RealResultOf, ResultAs, ResultOf } from '../runtime/operands.js';
import { checkOptions } from '../runtime/options.js';
import {
  type Placed,
  placed,
  placedByName,
  type ResultOptions,
  type ResultsOptions,
  resultNames,
} from '../runtime/out.js';
import { realOf } from '../runtime/promotion.js';
import type { Results, Runner, Settings } from '../runtime/runner.js';
import { compose, runAs } from '../runtime/steps.js';
import type { Shape } from '../runtime/storage.js';
import { diagonalOf } from './axes.js';
import { type Driven, drivenBy } from './driven.js';
import { checkSystem } from './lu.js';
import {
  broadcast,
  checkFactors,
  checkField,
  checkFieldMatrices,
  checkFieldSquare,
  commonField,
  type ProductOf,
  type ProductType,
  type SolutionOf,
} from './matrices.js';
import { type Pca, type PcaOptions, pcaOf } from './pca.js';
import type { RowBlocks } from './row-blocks.js';
import { SingularValueOperations } from './singular-values.js';

const qrModes = ['reduced', 'complete', 'r'] as const;
const triangles = ['L', 'U'] as const;

export type QrMode = (typeof qrModes)[number];

export interface MatmulOptions extends ResultOptions {
  /** CUDA: whether float32 products may be computed as TF32 (10 bits of mantissa), which tensor cores do faster. */
  tf32?: boolean | undefined;
}

export interface QrOptions extends ResultsOptions<'q' | 'r'> {
  /** 'reduced' (default): q has k = min(m, n) columns and r k rows; 'complete': both m; 'r': the reduced r alone. */
  mode?: QrMode | undefined;
}

export interface Qr<R> {
  /** [..., m, k], orthonormal columns. */
  readonly q: R;
  /** [..., k, n], upper triangular. */
  readonly r: R;
}

export interface EighOptions extends ResultsOptions<'eigenvalues' | 'eigenvectors'> {
  /** Which triangle is read: 'L' (default), the lower one, or 'U', the upper one. */
  uplo?: (typeof triangles)[number] | undefined;
}

export interface EigvalshOptions extends ResultOptions {
  /** Which triangle is read: 'L' (default), the lower one, or 'U', the upper one. */
  uplo?: (typeof triangles)[number] | undefined;
}

export interface CholeskyOptions extends ResultOptions {
  /** Whether it is the upper triangle that is read and the upper factor that is given; the lower ones by default. */
  upper?: boolean | undefined;
}

export interface Eigh<R, W = R> {
  /** [..., n], the eigenvalues, smallest first; real. */
  readonly eigenvalues: W;
  /** [..., n, n], the eigenvectors, as columns. */
  readonly eigenvectors: R;
}

export interface Slogdet<R, L = R> {
  /** [...], of -1, 0 or 1; of complex matrices numbers of size 1, or 0. */
  readonly sign: R;
  /** [...], the logarithm of the determinant's absolute value; -Infinity where it is 0; real. */
  readonly logabsdet: L;
}

const matmulNames = namesOf<MatmulOptions>({ tf32: true, out: true, signal: true, stream: true });
const qrNames = namesOf<QrOptions>({ mode: true, out: true, signal: true, stream: true });
const eighNames = namesOf<EighOptions>({ uplo: true, out: true, signal: true, stream: true });
const eigvalshNames = namesOf<EigvalshOptions>({ uplo: true, out: true, signal: true, stream: true });
const choleskyNames = namesOf<CholeskyOptions>({ upper: true, out: true, signal: true, stream: true });
const slogdetNames = namesOf<ResultsOptions<'sign' | 'logabsdet'>>({ out: true, signal: true, stream: true });
const traceNames = namesOf<ResultOptions & { offset?: number }>({
  offset: true,
  out: true,
  signal: true,
  stream: true,
});

/**
 * Operands are host tensors or device tensors; where one is on the device, so are the results. Host operands of up to 64 KiB
 * may be reused as soon as a call returns; larger ones are read until its promise settles. Matrices are the last two
 * dimensions, and `indices` of an error count them through the leading ones.
 *
 * Element types are promoted as numpy.linalg promotes them: integers and bools are computed in float64, and so is float32 together
 * with float64 or integers (products: float32 with integers of up to 16 bits in float32). Products, traces and powers of integers alone
 * are integers, exact but for wrapping. Floats of 16 bits, which numpy refuses, are refused. Complex numbers are taken where it says
 * so by its types (`MatrixOperand`), and meet real ones in the complex type that holds both; on CUDA devices the host computes with them.
 *
 * Every operation rejects with ERR_ARGUMENT, ERR_DTYPE or ERR_SHAPE for operands it cannot take, ERR_NOT_FINITE for a NaN or an
 * infinity (but products, traces and norms without singular values, which let them through) and for a result beyond what its type
 * holds (but det and the residuals of lstsq, which may be infinite, and those), ERR_DISPOSED once its device is gone, ERR_OUT_OF_MEMORY,
 * ERR_DEVICE_LOST, and ERR_NO_RUNTIME where the device's algebra libraries are missing.
 */
export class LinearAlgebra extends SingularValueOperations {
  readonly #runner: Runner;

  /** @internal */
  constructor(runner: Runner) {
    super(runner);
    this.#runner = runner;
  }

  /**
   * Eigenvalues and eigenvectors of symmetric or Hermitian matrices [..., n, n], of which only one triangle is read, the lower one by default. By
   * divide and conquer (LAPACK's and cuSOLVER's syevd).
   *
   * Errors: ERR_NOT_CONVERGED.
   */
  async eigh<A extends MatrixOperand>(
    a: A,
    options: EighOptions = {},
  ): Promise<Eigh<ResultOf<A>, RealResultOf<A>> & Driven> {
    const triangle = oneOf('eigh: uplo', checkOptions(options, 'eigh', eighNames).uplo, 'L', triangles);
    const { operand, type, lead, batch, n } = checkFieldSquare(a, 'eigh');
    const to = placedByName(options, 'eigh', ['eigenvalues', 'eigenvectors']);
    if (triangle === 'U') {
      let driver: string | undefined;
      const [w, v] = await compose(this.#runner, 'eigh', to, [operand], type, async (steps, x) => {
        const found = await steps.eigh(await steps.transposeMatrices(x!));
        driver = found.driver;
        return [found.w, await steps.conjugate(found.v)];
      });
      return drivenBy({ eigenvalues: w, eigenvectors: v } as Eigh<ResultOf<A>, RealResultOf<A>>, driver);
    }
    const shapes = [
      { type: realOf(type), dims: [...lead, n] },
      { type, dims: [...lead, n, n] },
    ];
    const request = { type, vectors: true, batch, n };
    const found = await this.#run('eigh', { a: operand }, request, shapes, to);
    const [eigenvalues, eigenvectors] = found;
    return drivenBy({ eigenvalues, eigenvectors } as Eigh<ResultOf<A>, RealResultOf<A>>, found.ran);
  }

  /** The eigenvalues alone, smallest first: [..., n]. Errors: ERR_NOT_CONVERGED. */
  async eigvalsh<A extends MatrixOperand>(a: A, options: EigvalshOptions = {}): Promise<RealResultOf<A>> {
    const triangle = oneOf('eigvalsh: uplo', checkOptions(options, 'eigvalsh', eigvalshNames).uplo, 'L', triangles);
    const { operand, type, lead, batch, n } = checkFieldSquare(a, 'eigvalsh');
    if (triangle === 'U') {
      const [w] = await compose(
        this.#runner,
        'eigvalsh',
        placed(options, 'eigvalsh'),
        [operand],
        type,
        async (steps, x) => [await steps.eigvalsh(await steps.transposeMatrices(x!))],
      );
      return w as RealResultOf<A>;
    }
    const shapes = [{ type: realOf(type), dims: [...lead, n] }];
    const request = { type, vectors: false, batch, n };
    const [eigenvalues] = await this.#run('eigh', { a: operand }, request, shapes, placed(options, 'eigvalsh'));
    return eigenvalues as RealResultOf<A>;
  }

  /**
   * Matrix product of `a` [..., m, k] and `b` [..., k, n], of dims [..., m, n]. Leading dimensions broadcast, and a vector counts
   * as a row on the left or a column on the right whose dimension is dropped from the result, as in numpy.matmul. Integers wrap;
   * of bools it is whether there is a pair that are both true.
   */
  async matmul<A extends MatrixOperand, B extends MatrixOperand>(
    a: A,
    b: B,
    options: MatmulOptions = {},
  ): Promise<ProductOf<A, B>> {
    checkOptions(options, 'matmul', matmulNames);
    const tf32 = flag('matmul: tf32', options.tf32, false);
    const { left, right, type } = checkFactors(a, b, 'matmul', 1);
    const aDims = left.dims.length === 1 ? [1, ...left.dims] : left.dims;
    const bDims = right.dims.length === 1 ? [...right.dims, 1] : right.dims;
    const m = aDims.at(-2)!;
    const k = aDims.at(-1)!;
    const inner = bDims.at(-2)!;
    const n = bDims.at(-1)!;
    if (k !== inner) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `matmul: a of dims [${left.dims.join(', ')}] has ${k} columns, b of dims [${right.dims.join(', ')}] ${inner} rows`,
      );
    }
    const { batchDims, aStrides, bStrides } = broadcast(aDims.slice(0, -2), bDims.slice(0, -2), 'matmul');
    const dims = [...batchDims];
    if (left.dims.length > 1) dims.push(m);
    if (right.dims.length > 1) dims.push(n);
    // Named one by one: V8 makes an object slow to build and to read where one is spread before others.
    const request = { batchDims, aStrides, bStrides, type, m, k, n, tf32 };
    const [c] = await this.#run('matmul', { a: left, b: right }, request, [{ type, dims }], placed(options, 'matmul'));
    return c as ProductOf<A, B>;
  }

  /**
   * Solves a · x = b for `a` [..., n, n] and `b` either one vector [n] or [..., n, k], as numpy.linalg.solve does. Leading
   * dimensions broadcast. By LU factorisation with partial pivoting (getrf and getrs).
   *
   * Errors: ERR_SINGULAR (an exactly singular matrix).
   */
  async solve<A extends MatrixOperand, B extends MatrixOperand>(
    a: A,
    b: B,
    options: ResultOptions = {},
  ): Promise<SolutionOf<A, B>> {
    checkOptions(options, 'solve', resultNames);
    const left = checkField(a, 'solve: a', 2);
    const right = checkField(b, 'solve: b', 1);
    const { dims, settings } = checkSystem(left, right, 'solve');
    const type = commonField(left, right);
    const request = { type, ...settings };
    const [x] = await this.#run('solve', { a: left, b: right }, request, [{ type, dims }], placed(options, 'solve'));
    return x as SolutionOf<A, B>;
  }

  /** The inverses of square matrices [..., n, n], by LU factorisation. Errors: ERR_SINGULAR. */
  async inv<A extends MatrixOperand>(a: A, options: ResultOptions = {}): Promise<ResultOf<A>> {
    checkOptions(options, 'inv', resultNames);
    return this.#squareOf('inv', a, placed(options, 'inv'));
  }

  /**
   * The lower triangular l with a = l · lᵀ (l · lᴴ of complex matrices), for symmetric or Hermitian positive definite matrices [..., n, n], of which only the lower
   * triangle is read; or the upper triangular u with a = uᵀ · u (uᴴ · u), by the upper one. Errors: ERR_NOT_POSITIVE_DEFINITE.
   */
  async cholesky<A extends MatrixOperand>(a: A, options: CholeskyOptions = {}): Promise<ResultOf<A>> {
    const { upper } = checkOptions(options, 'cholesky', choleskyNames);
    if (!flag('cholesky: upper', upper, false)) return this.#squareOf('cholesky', a, placed(options, 'cholesky'));
    const { operand, type } = checkFieldSquare(a, 'cholesky');
    const [u] = await compose(
      this.#runner,
      'cholesky',
      placed(options, 'cholesky'),
      [operand],
      type,
      async (steps, x) => [await steps.transposeMatrices(await steps.cholesky(await steps.transposeMatrices(x!)))],
    );
    return u as ResultOf<A>;
  }

  /** r alone, of a = q · r: [..., min(m, n), n] for `a` [..., m, n]. */
  async qr<A extends MatrixOperand>(a: A, options: QrOptions & { mode: 'r' }): Promise<Pick<Qr<ResultOf<A>>, 'r'>>;
  /** a = q · r for `a` [..., m, n], by Householder reflections (geqrf); the signs are LAPACK's. */
  async qr<A extends MatrixOperand>(a: A, options?: QrOptions): Promise<Qr<ResultOf<A>>>;
  async qr(a: MatrixOperand, options: QrOptions = {}): Promise<unknown> {
    checkOptions(options, 'qr', qrNames);
    const { operand, type, lead, batch, m, n } = checkFieldMatrices(a, 'qr');
    const mode = oneOf('qr: mode', options.mode, 'reduced', qrModes);
    const k = mode === 'complete' ? m : Math.min(m, n);
    const shapes = [{ type, dims: [...lead, k, n] }];
    if (mode !== 'r') shapes.push({ type, dims: [...lead, m, k] });
    const to = placedByName(options, 'qr', mode === 'r' ? ['r'] : ['r', 'q']);
    const [r, q] = await this.#run('qr', { a: operand }, { type, mode, batch, m, n }, shapes, to);
    return mode === 'r' ? { r } : { q, r };
  }

  /** The determinants of square matrices [..., n, n]: [...]. By LU factorisation. */
  async det<A extends MatrixOperand>(a: A, options: ResultOptions = {}): Promise<ResultOf<A>> {
    checkOptions(options, 'det', resultNames);
    const { operand, type, lead, batch, n } = checkFieldSquare(a, 'det');
    const request = { type, log: false, batch, n };
    const to = placed(options, 'det');
    const [det] = await this.#run('det', { a: operand }, request, [{ type, dims: lead }], to);
    return det as ResultOf<A>;
  }

  /** The determinants' signs and the logarithms of their absolute values, where they themselves could overflow. */
  async slogdet<A extends MatrixOperand>(
    a: A,
    options: ResultsOptions<'sign' | 'logabsdet'> = {},
  ): Promise<Slogdet<ResultOf<A>, RealResultOf<A>>> {
    checkOptions(options, 'slogdet', slogdetNames);
    const { operand, type, lead, batch, n } = checkFieldSquare(a, 'slogdet');
    const request = { type, log: true, batch, n };
    const shapes = [
      { type, dims: lead },
      { type: realOf(type), dims: lead },
    ];
    const to = placedByName(options, 'slogdet', ['sign', 'logabsdet']);
    const [sign, logabsdet] = await this.#run('det', { a: operand }, request, shapes, to);
    return { sign, logabsdet } as Slogdet<ResultOf<A>, RealResultOf<A>>;
  }

  /** Operands that are not of the request's type are taken as it. */
  async #run<K extends keyof Operations & ('svd' | 'eigh' | 'matmul' | 'solve' | 'qr' | 'cholesky' | 'inv' | 'det')>(
    name: K,
    operands: Readonly<Record<string, Operand>>,
    settings: Settings<K> & { type: ProductType },
    results: readonly Shape[],
    options: Placed,
  ): Promise<Results> {
    const { type } = settings;
    return runAs(this.#runner, name, { name, operands, settings, results }, options, { a: type, b: type });
  }

  /** An operation from square matrices to one as large of each. */
  async #squareOf<A extends MatrixOperand>(name: 'inv' | 'cholesky', a: A, options: Placed): Promise<ResultOf<A>> {
    const { operand, type, batch, n } = checkFieldSquare(a, name);
    const shapes = [{ type, dims: [...operand.dims] }];
    const [result] = await this.#run(name, { a: operand }, { type, batch, n }, shapes, options);
    return result as ResultOf<A>;
  }

  /**
   * The principal components of the rows of `x` [m, n], m at least 2, as scikit-learn's PCA: their mean, the directions of the
   * largest variance, and how large it is, with `transform` and `inverseTransform`. Of tall matrices by QR first; of rows that come in blocks, from an iterable or an async one, in one pass, as `svd` takes them.
   *
   * Errors: ERR_NOT_FINITE, ERR_NOT_CONVERGED, ERR_SHAPE, ERR_ABORTED (of blocks, by `signal`).
   */
  async pca<A extends MatrixOperand>(x: A | RowBlocks<A>, options: PcaOptions = {}): Promise<Pca<ResultOf<A>>> {
    return (await pcaOf(this.#runner, x, options)) as unknown as Pca<ResultOf<A>>;
  }

  /**
   * The sums of a diagonal of matrices [..., m, n]: [...]. `offset` says which: so many columns to the right of the main one, or
   * to its left where negative; 0 by default. A diagonal beyond the matrix sums to 0; float32 is summed in float64, integers in int64 or
   * uint64, as numpy does, where they wrap; NaNs and infinities are let through.
   */
  async trace<A extends MatrixOperand>(
    a: A,
    options: ResultOptions & { offset?: number } = {},
  ): Promise<ResultAs<A, SumOf<A['type']>>> {
    checkOptions(options, 'trace', traceNames);
    const { operand, lead, batch, m, n } = checkFieldMatrices(a, 'trace');
    const offset = wholeNumber('trace: offset', options.offset, 0, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const to = placed(options, 'trace');
    const type = sumTypeOf(operand.type);
    if (type !== 'float32' && type !== 'float64') {
      const [sum] = await compose(this.#runner, 'trace', to, [operand], type, async (steps, x) => {
        const last = x!.dims.length - 1;
        return [await steps.sum(await diagonalOf(steps, x!, last - 1, last, offset), [last - 1])];
      });
      return sum as ResultAs<A, SumOf<A['type']>>;
    }
    const request = { type, batch, m, n, offset };
    const [trace] = await this.#runner.run('trace', { a: operand }, request, [{ type, dims: lead }], to);
    return trace as ResultAs<A, SumOf<A['type']>>;
  }
}

// Linear algebra on a device: numpy.linalg's operations, row-major, batched over the leading dimensions.

import type { Operations } from '../../binding.js';
import { flag, namesOf, oneOf, wholeNumber } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import {
  checkFloat,
  type FloatOperand,
  type MatrixOperand,
  type Operand,
  type RealResultOf,
  type ResultOf,
} from '../runtime/operands.js';
import { checkOptions, type OperationOptions } from '../runtime/options.js';
import { realOf } from '../runtime/promotion.js';
import type { Runner, Settings } from '../runtime/runner.js';
import { compose } from '../runtime/steps.js';
import type { Shape } from '../runtime/storage.js';
import { isComplex } from '../tensor/dtypes.js';
import type { FieldType } from '../tensor/types.js';
import { EigenvalueOperations } from './eigenvalues.js';
import { checkSystem } from './lu.js';
import {
  broadcast,
  checkField,
  checkFieldMatrices,
  checkFieldSquare,
  checkMatrices,
  commonField,
  type ProductOf,
  productTypeOf,
  type SolutionOf,
} from './matrices.js';

const svdModes = ['thin', 'full', 'values'] as const;
const svdDrivers = ['auto', 'gesvd', 'gesvdj', 'gesvdp', 'gesvdr', 'gesvda'] as const;
const qrModes = ['reduced', 'complete', 'r'] as const;
const triangles = ['L', 'U'] as const;

export type SvdMode = (typeof svdModes)[number];
/** cuSOLVER's drivers; the CPU device takes 'auto' alone. */
export type SvdDriver = (typeof svdDrivers)[number];
export type QrMode = (typeof qrModes)[number];

export interface SvdOptions extends OperationOptions {
  /** 'thin' (default): k = min(m, n) singular vectors of each kind; 'full': all m and n; 'values': none. */
  mode?: SvdMode | undefined;
  /**
   * CUDA: who computes it. 'auto' (default) chooses by shape and type. 'gesvd': QR iteration. 'gesvdj': Jacobi. 'gesvdp': polar
   * decomposition. 'gesvdr': randomized, of the first `rank` values. 'gesvda': from the eigenvalues of aᵀa, for batches of tall
   * matrices; it loses half of the digits.
   */
  driver?: SvdDriver | undefined;
  /** For the driver 'gesvdr': how many of the largest singular values and their vectors, from 1 to min(m, n) - 1; k is then this. */
  rank?: number | undefined;
}

export interface Svd<R, S = R> {
  /** [..., m, k], or [..., m, m] in full mode: the left singular vectors, as columns. */
  readonly u: R;
  /** [..., k], the singular values, largest first, none negative; real. */
  readonly s: S;
  /** [..., k, n], or [..., n, n] in full mode: the right singular vectors, as rows; of complex matrices their conjugates, numpy's vh. */
  readonly vt: R;
}

export interface MatmulOptions extends OperationOptions {
  /** CUDA: whether float32 products may be computed as TF32 (10 bits of mantissa), which tensor cores do faster. */
  tf32?: boolean | undefined;
}

export interface QrOptions extends OperationOptions {
  /** 'reduced' (default): q has k = min(m, n) columns and r k rows; 'complete': both m; 'r': the reduced r alone. */
  mode?: QrMode | undefined;
}

export interface Qr<R> {
  /** [..., m, k], orthonormal columns. */
  readonly q: R;
  /** [..., k, n], upper triangular. */
  readonly r: R;
}

export interface EighOptions extends OperationOptions {
  /** Which triangle is read: 'L' (default), the lower one, or 'U', the upper one. */
  uplo?: (typeof triangles)[number] | undefined;
}

export interface CholeskyOptions extends OperationOptions {
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

const svdNames = namesOf<SvdOptions>({ mode: true, driver: true, rank: true, stream: true });
const matmulNames = namesOf<MatmulOptions>({ tf32: true, stream: true });
const qrNames = namesOf<QrOptions>({ mode: true, stream: true });
const eighNames = namesOf<EighOptions>({ uplo: true, stream: true });
const choleskyNames = namesOf<CholeskyOptions>({ upper: true, stream: true });
const traceNames = namesOf<OperationOptions & { offset?: number }>({ offset: true, stream: true });

/**
 * Operands are host tensors or device tensors; where one is on the device, so are the results. Host operands of up to 64 KiB
 * may be reused as soon as a call returns; larger ones are read until its promise settles. Matrices are the last two
 * dimensions, and `indices` of an error count them through the leading ones.
 *
 * Element types are promoted as numpy.linalg promotes them: integers and bools are computed in float64, and so is float32 together
 * with float64 or integers (products: float32 with integers of up to 16 bits in float32). Products and the trace of integers, which
 * numpy leaves integers, are refused, and so are floats of 16 bits, which numpy refuses. Complex numbers are taken where it says
 * so by its types (`MatrixOperand`), and meet real ones in the complex type that holds both; on CUDA devices the host computes with them.
 *
 * Every operation rejects with ERR_ARGUMENT, ERR_DTYPE or ERR_SHAPE for operands it cannot take, ERR_NOT_FINITE for a NaN or an
 * infinity (but products, traces and norms without singular values, which let them through) and for a result beyond what its type
 * holds (but det, which gives an infinity, and those), ERR_DISPOSED once its device is gone, ERR_OUT_OF_MEMORY,
 * ERR_DEVICE_LOST, and ERR_NO_RUNTIME where the device's algebra libraries are missing.
 */
export class LinearAlgebra extends EigenvalueOperations {
  readonly #runner: Runner;

  /** @internal */
  constructor(runner: Runner) {
    super(runner);
    this.#runner = runner;
  }

  /**
   * Singular value decomposition: a = u · diag(s) · vt, for `a` of dims [..., m, n].
   *
   * On the CPU by divide and conquer, LAPACK's gesdd (Gu and Eisenstat, SIAM J. Matrix Anal. Appl. 16(1), 1995); on CUDA by the
   * driver that is named.
   *
   * Errors: ERR_NOT_CONVERGED.
   */
  async svd<A extends MatrixOperand>(
    a: A,
    options: SvdOptions & { mode: 'values' },
  ): Promise<Pick<Svd<ResultOf<A>, RealResultOf<A>>, 's'>>;
  async svd<A extends MatrixOperand>(a: A, options?: SvdOptions): Promise<Svd<ResultOf<A>, RealResultOf<A>>>;
  async svd(a: MatrixOperand, options: SvdOptions = {}): Promise<unknown> {
    checkOptions(options, 'svd', svdNames);
    const { operand, type, lead, batch, m, n } = checkFieldMatrices(a, 'svd');
    const mode = oneOf('svd: mode', options.mode, 'thin', svdModes);
    const driver = oneOf('svd: driver', options.driver, 'auto', svdDrivers);
    // Which ranks there are is the device's to say, and whether there is one.
    const rank = wholeNumber('svd: rank', options.rank, 0, 1);
    const k = rank === 0 ? Math.min(m, n) : rank;
    const dims = [[...lead, k]];
    if (mode !== 'values') dims.push([...lead, m, mode === 'full' ? m : k], [...lead, mode === 'full' ? n : k, n]);
    const request = { type, mode, driver, rank, batch, m, n };
    const results = dims.map((one, i) => ({ type: i === 0 ? realOf(type) : type, dims: one }));
    const [s, u, vt] = await this.#run('svd', { a: operand }, request, results, options);
    return mode === 'values' ? { s } : { u, s, vt };
  }

  /** The singular values of `a` [..., m, n], largest first: [..., min(m, n)]. Errors: ERR_NOT_CONVERGED. */
  async svdvals<A extends MatrixOperand>(a: A, options: OperationOptions = {}): Promise<RealResultOf<A>> {
    checkOptions(options, 'svdvals');
    return (await this.svd(a, { ...options, mode: 'values' })).s;
  }

  /**
   * Eigenvalues and eigenvectors of symmetric or Hermitian matrices [..., n, n], of which only one triangle is read, the lower one by default. By
   * divide and conquer (LAPACK's and cuSOLVER's syevd).
   *
   * Errors: ERR_NOT_CONVERGED.
   */
  async eigh<A extends MatrixOperand>(a: A, options: EighOptions = {}): Promise<Eigh<ResultOf<A>, RealResultOf<A>>> {
    const triangle = oneOf('eigh: uplo', checkOptions(options, 'eigh', eighNames).uplo, 'L', triangles);
    const { operand, type, lead, batch, n } = checkFieldSquare(a, 'eigh');
    if (triangle === 'U') {
      const [w, v] = await compose(this.#runner, 'eigh', options, [operand], type, async (steps, x) => {
        const found = await steps.eigh(await steps.transposeMatrices(x!));
        return [found.w, await steps.conjugate(found.v)];
      });
      return { eigenvalues: w, eigenvectors: v } as Eigh<ResultOf<A>, RealResultOf<A>>;
    }
    const shapes = [
      { type: realOf(type), dims: [...lead, n] },
      { type, dims: [...lead, n, n] },
    ];
    const request = { type, vectors: true, batch, n };
    const [eigenvalues, eigenvectors] = await this.#run('eigh', { a: operand }, request, shapes, options);
    return { eigenvalues, eigenvectors } as Eigh<ResultOf<A>, RealResultOf<A>>;
  }

  /** The eigenvalues alone, smallest first: [..., n]. Errors: ERR_NOT_CONVERGED. */
  async eigvalsh<A extends MatrixOperand>(a: A, options: EighOptions = {}): Promise<RealResultOf<A>> {
    const triangle = oneOf('eigvalsh: uplo', checkOptions(options, 'eigvalsh', eighNames).uplo, 'L', triangles);
    const { operand, type, lead, batch, n } = checkFieldSquare(a, 'eigvalsh');
    if (triangle === 'U') {
      const [w] = await compose(this.#runner, 'eigvalsh', options, [operand], type, async (steps, x) => [
        await steps.eigvalsh(await steps.transposeMatrices(x!)),
      ]);
      return w as RealResultOf<A>;
    }
    const shapes = [{ type: realOf(type), dims: [...lead, n] }];
    const request = { type, vectors: false, batch, n };
    const [eigenvalues] = await this.#run('eigh', { a: operand }, request, shapes, options);
    return eigenvalues as RealResultOf<A>;
  }

  /**
   * Matrix product of `a` [..., m, k] and `b` [..., k, n], of dims [..., m, n]. Leading dimensions broadcast, and a vector counts
   * as a row on the left or a column on the right whose dimension is dropped from the result, as in numpy.matmul.
   */
  async matmul<A extends MatrixOperand, B extends MatrixOperand>(
    a: A,
    b: B,
    options: MatmulOptions = {},
  ): Promise<ProductOf<A, B>> {
    checkOptions(options, 'matmul', matmulNames);
    const tf32 = flag('matmul: tf32', options.tf32, false);
    const left = checkField(a, 'matmul: a', 1);
    const right = checkField(b, 'matmul: b', 1);
    const type = productTypeOf([left, right], 'matmul');
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
    const [c] = await this.#run('matmul', { a: left, b: right }, request, [{ type, dims }], options);
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
    options: OperationOptions = {},
  ): Promise<SolutionOf<A, B>> {
    checkOptions(options, 'solve');
    const left = checkField(a, 'solve: a', 2);
    const right = checkField(b, 'solve: b', 1);
    const { dims, settings } = checkSystem(left, right, 'solve');
    const type = commonField(left, right);
    const request = { type, ...settings };
    const [x] = await this.#run('solve', { a: left, b: right }, request, [{ type, dims }], options);
    return x as SolutionOf<A, B>;
  }

  /** The inverses of square matrices [..., n, n], by LU factorisation. Errors: ERR_SINGULAR. */
  async inv<A extends MatrixOperand>(a: A, options: OperationOptions = {}): Promise<ResultOf<A>> {
    checkOptions(options, 'inv');
    return this.#squareOf('inv', a, options);
  }

  /**
   * The lower triangular l with a = l · lᵀ (l · lᴴ of complex matrices), for symmetric or Hermitian positive definite matrices [..., n, n], of which only the lower
   * triangle is read; or the upper triangular u with a = uᵀ · u (uᴴ · u), by the upper one. Errors: ERR_NOT_POSITIVE_DEFINITE.
   */
  async cholesky<A extends MatrixOperand>(a: A, options: CholeskyOptions = {}): Promise<ResultOf<A>> {
    const { upper } = checkOptions(options, 'cholesky', choleskyNames);
    if (!flag('cholesky: upper', upper, false)) return this.#squareOf('cholesky', a, options);
    const { operand, type } = checkFieldSquare(a, 'cholesky');
    const [u] = await compose(this.#runner, 'cholesky', options, [operand], type, async (steps, x) => [
      await steps.transposeMatrices(await steps.cholesky(await steps.transposeMatrices(x!))),
    ]);
    return u as ResultOf<A>;
  }

  /** a = q · r for `a` [..., m, n], by Householder reflections (geqrf); the signs are LAPACK's. */
  async qr<A extends MatrixOperand>(a: A, options: QrOptions & { mode: 'r' }): Promise<Pick<Qr<ResultOf<A>>, 'r'>>;
  async qr<A extends MatrixOperand>(a: A, options?: QrOptions): Promise<Qr<ResultOf<A>>>;
  async qr(a: MatrixOperand, options: QrOptions = {}): Promise<unknown> {
    checkOptions(options, 'qr', qrNames);
    const { operand, type, lead, batch, m, n } = checkFieldMatrices(a, 'qr');
    const mode = oneOf('qr: mode', options.mode, 'reduced', qrModes);
    const k = mode === 'complete' ? m : Math.min(m, n);
    const shapes = [{ type, dims: [...lead, k, n] }];
    if (mode !== 'r') shapes.push({ type, dims: [...lead, m, k] });
    const [r, q] = await this.#run('qr', { a: operand }, { type, mode, batch, m, n }, shapes, options);
    return mode === 'r' ? { r } : { q, r };
  }

  /** The determinants of square matrices [..., n, n]: [...]. By LU factorisation. */
  async det<A extends MatrixOperand>(a: A, options: OperationOptions = {}): Promise<ResultOf<A>> {
    checkOptions(options, 'det');
    const { operand, type, lead, batch, n } = checkFieldSquare(a, 'det');
    const request = { type, log: false, batch, n };
    const [det] = await this.#run('det', { a: operand }, request, [{ type, dims: lead }], options);
    return det as ResultOf<A>;
  }

  /** The determinants' signs and the logarithms of their absolute values, where they themselves could overflow. */
  async slogdet<A extends MatrixOperand>(
    a: A,
    options: OperationOptions = {},
  ): Promise<Slogdet<ResultOf<A>, RealResultOf<A>>> {
    checkOptions(options, 'slogdet');
    const { operand, type, lead, batch, n } = checkFieldSquare(a, 'slogdet');
    const request = { type, log: true, batch, n };
    const shapes = [
      { type, dims: lead },
      { type: realOf(type), dims: lead },
    ];
    const [sign, logabsdet] = await this.#run('det', { a: operand }, request, shapes, options);
    return { sign, logabsdet } as Slogdet<ResultOf<A>, RealResultOf<A>>;
  }

  /** Operands that are not of the request's type are taken as it. */
  async #run<K extends keyof Operations & ('svd' | 'eigh' | 'matmul' | 'solve' | 'qr' | 'cholesky' | 'inv' | 'det')>(
    name: K,
    operands: Readonly<Record<string, Operand>>,
    settings: Settings<K> & { type: FieldType },
    results: readonly Shape[],
    options: OperationOptions,
  ): Promise<Operand[]> {
    const { type } = settings;
    const names = Object.keys(operands);
    // What becomes complex does so in steps of its own.
    if (isComplex(type) && names.some((one) => operands[one]!.type !== type)) {
      return compose(this.#runner, name, options, Object.values(operands), type, (steps, ...taken) => {
        const named = Object.fromEntries(names.map((one, i) => [one, taken[i]!]));
        return steps.run({ name, operands: named, settings, results });
      });
    }
    return this.#runner.run(name, operands, settings, results, options, { a: type, b: type });
  }

  /** An operation from square matrices to one as large of each. */
  async #squareOf<A extends MatrixOperand>(
    name: 'inv' | 'cholesky',
    a: A,
    options: OperationOptions,
  ): Promise<ResultOf<A>> {
    const { operand, type, batch, n } = checkFieldSquare(a, name);
    const shapes = [{ type, dims: [...operand.dims] }];
    const [result] = await this.#run(name, { a: operand }, { type, batch, n }, shapes, options);
    return result as ResultOf<A>;
  }

  /**
   * The sums of a diagonal of matrices [..., m, n]: [...]. `offset` says which: so many columns to the right of the main one, or
   * to its left where negative; 0 by default. A diagonal beyond the matrix sums to 0; float32 is summed in float64; NaNs and
   * infinities are let through.
   */
  async trace<A extends FloatOperand>(
    a: A,
    options: OperationOptions & { offset?: number } = {},
  ): Promise<ResultOf<A>> {
    checkOptions(options, 'trace', traceNames);
    checkFloat(a, 'trace', 2);
    const { operand, type, lead, batch, m, n } = checkMatrices(a, 'trace');
    const offset = wholeNumber('trace: offset', options.offset, 0, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const request = { type, batch, m, n, offset };
    const [trace] = await this.#runner.run('trace', { a: operand }, request, [{ type, dims: lead }], options);
    return trace as ResultOf<A>;
  }
}

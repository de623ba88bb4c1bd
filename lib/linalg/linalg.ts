// Linear algebra on a device: numpy.linalg's operations, row-major, batched over the leading dimensions.

import type { Device as NativeDevice } from '../../binding.js';
import { TensorlaneError, toTensorlaneError } from '../errors.js';
import { Stream } from '../streams.js';
import type { FloatTensor, FloatType, Tensor } from '../types.js';
import { broadcast, checkFloat, checkSameType, floatTensor, product } from './shapes.js';

export interface OperationOptions {
  /** The stream to run on; by default whichever is free. */
  stream?: Stream;
}

export type SvdMode = 'thin' | 'full' | 'values';

export interface SvdOptions extends OperationOptions {
  /** 'thin' (default): k = min(m, n) singular vectors of each kind; 'full': all m and n; 'values': none. */
  mode?: SvdMode;
}

export interface Svd<T extends FloatType = FloatType> {
  /** [..., m, k], or [..., m, m] in full mode: the left singular vectors, as columns. */
  readonly u: Tensor<T>;
  /** [..., k]: the singular values, largest first, none negative. */
  readonly s: Tensor<T>;
  /** [..., k, n], or [..., n, n] in full mode: the right singular vectors, as rows. */
  readonly vt: Tensor<T>;
}

/**
 * Operands of up to 64 KiB may be reused as soon as a call returns; larger ones are read until its promise settles.
 * Every operation rejects with ERR_ARGUMENT, ERR_DTYPE or ERR_SHAPE for operands it cannot take, ERR_DISPOSED once its
 * device is gone, and ERR_OUT_OF_MEMORY.
 */
export class LinearAlgebra {
  readonly #device: () => NativeDevice;

  /** @internal `device` gives the open device, or throws ERR_DISPOSED. */
  constructor(device: () => NativeDevice) {
    this.#device = device;
  }

  /**
   * Singular value decomposition: a = u · diag(s) · vt, for `a` of dims [..., m, n], float32 or float64.
   *
   * On the CPU by divide and conquer, LAPACK's gesdd (Gu and Eisenstat, SIAM J. Matrix Anal. Appl. 16(1), 1995).
   *
   * Errors: ERR_NOT_FINITE and ERR_NOT_CONVERGED, with the indices of the matrices in the flattened batch.
   */
  async svd<T extends FloatType>(a: Tensor<T>, options: SvdOptions & { mode: 'values' }): Promise<Pick<Svd<T>, 's'>>;
  async svd<T extends FloatType>(a: Tensor<T>, options?: SvdOptions): Promise<Svd<T>>;
  async svd(a: FloatTensor, options: SvdOptions = {}): Promise<Svd | Pick<Svd, 's'>> {
    const { type, data, dims } = checkFloat(a, 'svd', 2);
    checkOptions(options, 'svd');
    const { mode = 'thin' } = options;
    if (mode !== 'thin' && mode !== 'full' && mode !== 'values') {
      throw new TensorlaneError('ERR_ARGUMENT', `svd: mode must be 'thin', 'full' or 'values', got ${String(mode)}`);
    }
    const lead = dims.slice(0, -2);
    const batch = product(lead);
    const [m, n] = dims.slice(-2) as [number, number];
    const k = Math.min(m, n);
    const request = { type, mode, batch, m, n, a: data };
    const { u, s, vt } = await this.#run('svd', options, (device, lane) => device.svd(request, lane));
    const values = floatTensor(type, s, [...lead, k]);
    if (u === undefined || vt === undefined) return { s: values };
    return {
      u: floatTensor(type, u, [...lead, m, mode === 'full' ? m : k]),
      s: values,
      vt: floatTensor(type, vt, [...lead, mode === 'full' ? n : k, n]),
    };
  }

  /**
   * Matrix product of `a` [..., m, k] and `b` [..., k, n]: [..., m, n]. Leading dimensions broadcast, and a vector counts
   * as a row on the left or a column on the right whose dimension is dropped from the result, as in numpy.matmul.
   */
  async matmul<T extends FloatType>(a: Tensor<T>, b: Tensor<T>, options?: OperationOptions): Promise<Tensor<T>>;
  async matmul(a: FloatTensor, b: FloatTensor, options: OperationOptions = {}): Promise<FloatTensor> {
    const left = checkFloat(a, 'matmul: a', 1);
    const right = checkFloat(b, 'matmul: b', 1);
    checkSameType(left, right, 'matmul');
    const aDims = left.dims.length === 1 ? [1, ...left.dims] : left.dims;
    const bDims = right.dims.length === 1 ? [...right.dims, 1] : right.dims;
    const [m, k] = aDims.slice(-2) as [number, number];
    const [inner, n] = bDims.slice(-2) as [number, number];
    if (k !== inner) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `matmul: a of dims [${left.dims.join(', ')}] has ${k} columns, b of dims [${right.dims.join(', ')}] ${inner} rows`,
      );
    }
    const walk = broadcast(aDims.slice(0, -2), bDims.slice(0, -2), 'matmul');
    const { type } = left;
    const request = { ...walk, type, m, k, n, a: left.data, b: right.data };
    const c = await this.#run('matmul', options, (device, lane) => device.matmul(request, lane));
    const dims = [...walk.batchDims];
    if (left.dims.length > 1) dims.push(m);
    if (right.dims.length > 1) dims.push(n);
    return floatTensor(type, c, dims);
  }

  /**
   * Solves a · x = b for `a` [..., n, n] and `b` either one vector [n] or [..., n, k], as numpy.linalg.solve does. Leading
   * dimensions broadcast. By LU factorisation with partial pivoting (LAPACK's getrf and getrs on the CPU).
   *
   * Errors: ERR_NOT_FINITE and ERR_SINGULAR (an exactly singular matrix), with the indices in the flattened batch.
   */
  async solve<T extends FloatType>(a: Tensor<T>, b: Tensor<T>, options?: OperationOptions): Promise<Tensor<T>>;
  async solve(a: FloatTensor, b: FloatTensor, options: OperationOptions = {}): Promise<FloatTensor> {
    const left = checkFloat(a, 'solve: a', 2);
    const right = checkFloat(b, 'solve: b', 1);
    checkSameType(left, right, 'solve');
    const [rows, n] = left.dims.slice(-2) as [number, number];
    const bDims = right.dims.length === 1 ? [...right.dims, 1] : right.dims;
    const [size, nrhs] = bDims.slice(-2) as [number, number];
    if (rows !== n || size !== n) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `solve: a must be square and b as long: got a of dims [${left.dims.join(', ')}], b of dims [${right.dims.join(', ')}]`,
      );
    }
    const walk = broadcast(left.dims.slice(0, -2), bDims.slice(0, -2), 'solve');
    const { type } = left;
    const request = { ...walk, type, n, nrhs, a: left.data, b: right.data };
    const x = await this.#run('solve', options, (device, lane) => device.solve(request, lane));
    const dims = right.dims.length === 1 ? [...walk.batchDims, n] : [...walk.batchDims, n, nrhs];
    return floatTensor(type, x, dims);
  }

  async #run<T>(
    what: string,
    options: OperationOptions,
    call: (device: NativeDevice, lane: number | undefined) => Promise<T>,
  ): Promise<T> {
    checkOptions(options, what);
    const device = this.#device();
    const lane = options.stream?.laneOn(device, what);
    try {
      return await call(device, lane);
    } catch (reason) {
      throw toTensorlaneError(reason);
    }
  }
}

/** Errors: ERR_ARGUMENT. */
function checkOptions(options: OperationOptions, what: string): void {
  if (options === null || typeof options !== 'object') {
    throw new TensorlaneError('ERR_ARGUMENT', `${what}: options must be an object, got ${String(options)}`);
  }
  if (options.stream !== undefined && !(options.stream instanceof Stream)) {
    throw new TensorlaneError('ERR_ARGUMENT', `${what}: stream must be a stream acquired from device.streams`);
  }
}

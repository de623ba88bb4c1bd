// Linear algebra at a server, by the names and results of device.linalg.

import { type FloatTensor, type Outputs, type TensorGiven, TensorlaneError } from 'tensorlane';
import type { RemoteFeeds, RemoteRunOptions } from './run-options.js';

export type RemoteOperationOptions = Omit<RemoteRunOptions, 'outputs'>;
type Options = RemoteOperationOptions;
type Infer = (path: string, feeds: RemoteFeeds, options: RemoteRunOptions) => Promise<Outputs>;

/** Operands are host tensors; matrices are their last two dimensions. Errors: those of `device.linalg`, and of a remote model's `run`. */
export class RemoteLinearAlgebra {
  readonly #infer: Infer;

  /** @internal */
  constructor(infer: Infer) {
    this.#infer = infer;
  }

  /** Thin: a = u · diag(s) · vt, of a [..., m, n]. */
  async svd(a: TensorGiven, options?: Options): Promise<{ u: FloatTensor; s: FloatTensor; vt: FloatTensor }> {
    return (await this.#run('svd', { a }, options)) as never;
  }

  async svdvals(a: TensorGiven, options?: Options): Promise<FloatTensor> {
    return (await this.#run('svdvals', { a }, options)).s!;
  }

  async eigh(a: TensorGiven, options?: Options): Promise<{ eigenvalues: FloatTensor; eigenvectors: FloatTensor }> {
    return (await this.#run('eigh', { a }, options)) as never;
  }

  async eigvalsh(a: TensorGiven, options?: Options): Promise<FloatTensor> {
    return (await this.#run('eigvalsh', { a }, options)).eigenvalues!;
  }

  /** Reduced: a = q · r, of a [..., m, n]. */
  async qr(a: TensorGiven, options?: Options): Promise<{ q: FloatTensor; r: FloatTensor }> {
    return (await this.#run('qr', { a }, options)) as never;
  }

  async cholesky(a: TensorGiven, options?: Options): Promise<FloatTensor> {
    return (await this.#run('cholesky', { a }, options)).l!;
  }

  async inv(a: TensorGiven, options?: Options): Promise<FloatTensor> {
    return (await this.#run('inv', { a }, options)).inverse!;
  }

  async det(a: TensorGiven, options?: Options): Promise<FloatTensor> {
    return (await this.#run('det', { a }, options)).det!;
  }

  async slogdet(a: TensorGiven, options?: Options): Promise<{ sign: FloatTensor; logabsdet: FloatTensor }> {
    return (await this.#run('slogdet', { a }, options)) as never;
  }

  async matmul(a: TensorGiven, b: TensorGiven, options?: Options): Promise<FloatTensor> {
    return (await this.#run('matmul', { a, b }, options)).product!;
  }

  async solve(a: TensorGiven, b: TensorGiven, options?: Options): Promise<FloatTensor> {
    return (await this.#run('solve', { a, b }, options)).x!;
  }

  async #run(name: string, feeds: Readonly<Record<string, TensorGiven>>, options: Options = {}) {
    try {
      return (await this.#infer(`/v2/models/linalg.${name}`, feeds, options)) as Record<string, FloatTensor>;
    } catch (error) {
      if (!(error instanceof TensorlaneError) || error.code !== 'ERR_NOT_FOUND') throw error;
      const help = 'the server serves no linear algebra: start it with `linalg: true` (--linalg)';
      throw new TensorlaneError('ERR_NOT_SUPPORTED', help, { cause: error });
    }
  }
}

// Eigenvalues of matrices that need not be symmetric, which are complex whatever the matrices are.

import { namesOf } from '../core/arguments.js';
import type { ComplexOf, MatrixOperand, ResultAs } from '../runtime/operands.js';
import { checkOptions } from '../runtime/options.js';
import {
  type Placed,
  placed,
  placedByName,
  type ResultOptions,
  type ResultsOptions,
  resultNames,
} from '../runtime/out.js';
import { complexOf } from '../runtime/promotion.js';
import type { Runner } from '../runtime/runner.js';
import { LuOperations } from './lu.js';
import { checkFieldSquare } from './matrices.js';

export interface Eig<R> {
  /** [..., n], complex, in no order. */
  readonly eigenvalues: R;
  /** [..., n, n], complex: the eigenvectors, as columns, each of length 1. */
  readonly eigenvectors: R;
}

const eigNames = namesOf<ResultsOptions<'eigenvalues' | 'eigenvectors'>>({ out: true, signal: true, stream: true });

/** Of linear algebra, eigenvalues. */
export class EigenvalueOperations extends LuOperations {
  readonly #runner: Runner;

  /** @internal */
  constructor(runner: Runner) {
    super(runner);
    this.#runner = runner;
  }

  /**
   * Eigenvalues and right eigenvectors of square matrices [..., n, n], real or complex: a · v = v · diag(w), as torch.linalg.eig, whose
   * results are complex also where numpy's would be real. By QR iteration (geev), on a CUDA device too, where the host does it. Those
   * of a real matrix come in conjugate pairs.
   *
   * Errors: ERR_NOT_CONVERGED.
   */
  async eig<A extends MatrixOperand>(
    a: A,
    options: ResultsOptions<'eigenvalues' | 'eigenvectors'> = {},
  ): Promise<Eig<ResultAs<A, ComplexOf<A['type']>>>> {
    checkOptions(options, 'eig', eigNames);
    const [eigenvalues, eigenvectors] = await this.#eig(
      'eig',
      a,
      true,
      placedByName(options, 'eig', ['eigenvalues', 'eigenvectors']),
    );
    return { eigenvalues, eigenvectors } as Eig<ResultAs<A, ComplexOf<A['type']>>>;
  }

  /** The eigenvalues alone: [..., n], complex. Errors: ERR_NOT_CONVERGED. */
  async eigvals<A extends MatrixOperand>(
    a: A,
    options: ResultOptions = {},
  ): Promise<ResultAs<A, ComplexOf<A['type']>>> {
    checkOptions(options, 'eigvals', resultNames);
    const [eigenvalues] = await this.#eig('eigvals', a, false, placed(options, 'eigvals'));
    return eigenvalues as ResultAs<A, ComplexOf<A['type']>>;
  }

  #eig(what: string, a: unknown, vectors: boolean, options: Placed) {
    const { operand, type, lead, batch, n } = checkFieldSquare(a, what);
    const results = [{ type: complexOf(type), dims: [...lead, n] }];
    if (vectors) results.push({ type: complexOf(type), dims: [...lead, n, n] });
    return this.#runner.run('eig', { a: operand }, { type, vectors, batch, n }, results, options, { a: type });
  }
}

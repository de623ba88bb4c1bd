// The operations of linear algebra as methods of a queue: named, typed and shaped as device.linalg has them.

import type {
  CholeskyOptions,
  Eigh,
  EighOptions,
  EigvalshOptions,
  FloatTensor,
  MatmulOptions,
  OperationOptions,
  Qr,
  QrOptions,
  Slogdet,
  Svd,
  SvdOptions,
  Tensor,
} from 'tensorlane';
import { operations, resultName } from '../job/operations.js';
import type { Tensors } from '../payload/tensors.js';
import type { AddOptions } from './add-options.js';
import type { JobHandle } from './handle.js';

/** An operation's options go to its worker; a stream and memory for results cannot. */
type OptionsOf<O extends OperationOptions> = Omit<O, 'stream' | 'out'> & Omit<AddOptions, 'options'>;

/** What is left for the queue to do. */
export interface OperationJob {
  readonly name: string;
  readonly feeds: Tensors;
  readonly add: AddOptions;
  readonly given: (outputs: never) => unknown;
}

export abstract class LinearAlgebraJobs {
  /** @internal */
  abstract addOperation(job: OperationJob): Promise<JobHandle<never>>;

  /** As device.linalg.svd: { u, s, vt }, or { s } alone with the mode 'values'. */
  svd(a: Tensor, options: OptionsOf<SvdOptions> & { mode: 'values' }): Promise<JobHandle<Pick<Svd<FloatTensor>, 's'>>>;
  svd(a: Tensor, options?: OptionsOf<SvdOptions>): Promise<JobHandle<Svd<FloatTensor>>>;
  svd(a: Tensor, options: OptionsOf<SvdOptions> = {}): Promise<JobHandle<never>> {
    return this.#add('svd', { a }, options);
  }

  svdvals(a: Tensor, options: OptionsOf<OperationOptions> = {}): Promise<JobHandle<FloatTensor>> {
    return this.#add('svdvals', { a }, options);
  }

  eigh(a: Tensor, options: OptionsOf<EighOptions> = {}): Promise<JobHandle<Eigh<FloatTensor>>> {
    return this.#add('eigh', { a }, options);
  }

  eigvalsh(a: Tensor, options: OptionsOf<EigvalshOptions> = {}): Promise<JobHandle<FloatTensor>> {
    return this.#add('eigvalsh', { a }, options);
  }

  qr(a: Tensor, options: OptionsOf<QrOptions> & { mode: 'r' }): Promise<JobHandle<Pick<Qr<FloatTensor>, 'r'>>>;
  qr(a: Tensor, options?: OptionsOf<QrOptions>): Promise<JobHandle<Qr<FloatTensor>>>;
  qr(a: Tensor, options: OptionsOf<QrOptions> = {}): Promise<JobHandle<never>> {
    return this.#add('qr', { a }, options);
  }

  inv(a: Tensor, options: OptionsOf<OperationOptions> = {}): Promise<JobHandle<FloatTensor>> {
    return this.#add('inv', { a }, options);
  }

  cholesky(a: Tensor, options: OptionsOf<CholeskyOptions> = {}): Promise<JobHandle<FloatTensor>> {
    return this.#add('cholesky', { a }, options);
  }

  det(a: Tensor, options: OptionsOf<OperationOptions> = {}): Promise<JobHandle<FloatTensor>> {
    return this.#add('det', { a }, options);
  }

  slogdet(a: Tensor, options: OptionsOf<OperationOptions> = {}): Promise<JobHandle<Slogdet<FloatTensor>>> {
    return this.#add('slogdet', { a }, options);
  }

  trace(a: Tensor, options: OptionsOf<OperationOptions> & { offset?: number } = {}): Promise<JobHandle<FloatTensor>> {
    return this.#add('trace', { a }, options);
  }

  matmul(a: Tensor, b: Tensor, options: OptionsOf<MatmulOptions> = {}): Promise<JobHandle<FloatTensor>> {
    return this.#add('matmul', { a, b }, options);
  }

  solve(a: Tensor, b: Tensor, options: OptionsOf<OperationOptions> = {}): Promise<JobHandle<FloatTensor>> {
    return this.#add('solve', { a, b }, options);
  }

  #add(name: string, feeds: Tensors, options: object): Promise<JobHandle<never>> {
    const operation = operations.get(name)!;
    const own = Object.entries(options ?? {}).filter(([key]) => operation.options.includes(key));
    const others = Object.entries(options ?? {}).filter(([key]) => !operation.options.includes(key));
    const add: AddOptions = Object.fromEntries(others);
    return this.addOperation({
      name,
      feeds,
      add: own.length === 0 ? add : { ...add, options: Object.fromEntries(own) },
      given: givenOf(name),
    });
  }
}

/** Of an operation with one result, that tensor. */
export function givenOf(name: string): (outputs: Readonly<Record<string, Tensor>>) => unknown {
  return operations.get(name)?.single ? (outputs) => outputs[resultName] : (outputs) => outputs;
}

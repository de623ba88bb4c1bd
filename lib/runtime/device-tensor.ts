// Tensors in a device's memory: put there once, used by any number of operations, got back when they are wanted.

import type { BufferPart } from '../../binding.js';
import { namesOf } from '../core/arguments.js';
import { type ErrorCode, TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import { bitsOf, byteSize, type NumericDType } from '../tensor/dtypes.js';
import { elementCount } from '../tensor/tensor.js';
import type { Tensor } from '../tensor/types.js';
import { isInOrder, storedDims } from '../tensor/view.js';
import { checkOrder } from './axes.js';
import { checkOptions, type OperationOptions } from './options.js';
import type { Storage, StorageOwner } from './storage.js';
import type { Tracked } from './tracked.js';

export interface GetOptions<T extends NumericDType = NumericDType> extends OperationOptions {
  /** A host tensor of the same type and dims that the elements are written to, and that is given back. */
  out?: Tensor<T> | undefined;
}

const getNames = namesOf<GetOptions>({ out: true, stream: true });

/**
 * A tensor in a device's memory, row-major. Made by `device.put` and by operations on device tensors; operations of its device
 * take it in place of a host tensor. Nothing has to be done to use it on different streams: what was given it
 * first comes first.
 */
export class DeviceTensor<T extends NumericDType = NumericDType> implements AsyncDisposable {
  readonly type: T;
  readonly dims: readonly number[];
  readonly byteLength: number;
  /** @internal Dimension i is dimension order[i] of what is stored; undefined where they are the same. */
  readonly order: readonly number[] | undefined;
  readonly #storage: Storage;
  readonly #offset: number;
  #scope: Tracked | undefined;
  #disposal: Promise<void> | undefined;

  /** @internal */
  constructor(
    storage: Storage,
    offset: number,
    type: T,
    dims: readonly number[],
    scope?: Tracked,
    order?: readonly number[],
  ) {
    this.order = order;
    this.#storage = storage;
    this.#offset = offset;
    this.#scope = scope;
    this.type = type;
    this.dims = dims;
    this.byteLength = byteSize(type, elementCount(dims, 'tensor'));
    storage.hold();
    scope?.add(this);
  }

  /** Whether it has been disposed, by itself or with its device. */
  get disposed(): boolean {
    return this.#disposal !== undefined || this.#storage.freed;
  }

  /** The elements, in host memory. Errors: ERR_DISPOSED, ERR_OUT_OF_MEMORY, ERR_DEVICE_LOST. */
  async get(options: GetOptions<T> = {}): Promise<Tensor<T>> {
    const { out } = checkOptions(options, 'get', getNames);
    const { owner } = this.#storage;
    const part = this.#use(owner, 'get');
    try {
      return (await owner.read(this, part, options, out, this.order)) as Tensor<T>;
    } finally {
      this.unuse();
    }
  }

  /**
   * The part from `start` up to but not including `end` of the leading dimension, as Array.prototype.slice counts: a tensor
   * over the same memory, to be disposed like any other, or with its scope. Of a transposed tensor the leading dimension must be the one that is
   * so in memory, too. Errors: ERR_SHAPE, ERR_DISPOSED.
   */
  slice(start: number, end?: number): DeviceTensor<T> {
    this.#refuseDisposed('slice');
    if (this.order !== undefined && this.order[0] !== 0) throw outOfOrder('ERR_SHAPE', 'slice');
    const [rows, ...rest] = this.dims;
    if (rows === undefined) throw new TensorlaneError('ERR_SHAPE', 'slice: a scalar has no leading dimension');
    const from = sliceBound(start, rows, 'start');
    const to = Math.max(from, sliceBound(end === undefined ? rows : end, rows, 'end'));
    const perRow = elementCount(rest, 'slice');
    const offset = byteSize(this.type, from * perRow);
    if (offset * 8 !== from * perRow * bitsOf[this.type]) {
      throw new TensorlaneError('ERR_SHAPE', `slice: row ${from} of ${perRow} ${this.type} does not begin at a byte`);
    }
    return new DeviceTensor(
      this.#storage,
      this.#offset + offset,
      this.type,
      [to - from, ...rest],
      this.#scope,
      this.order,
    );
  }

  /**
   * The dimensions in another order, over the same memory: dimension i is dimension axes[i] of this one, by default the last one comes
   * first, as numpy has it. To be disposed like any other tensor, or with its scope. Operations of its device take it like any
   * other, and `matmul` reads it where it lies. All types but those of less than a byte an element. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_DISPOSED.
   */
  transpose(axes?: readonly number[]): DeviceTensor<T> {
    this.#refuseDisposed('transpose');
    if (bitsOf[this.type] < 8) {
      throw new TensorlaneError('ERR_DTYPE', `transpose: elements of ${this.type} do not fill whole bytes`);
    }
    const order = checkOrder(axes, this.dims.length, 'transpose');
    const dims = order.map((axis) => this.dims[axis]!);
    const own = this.order;
    const both = own === undefined ? order : order.map((axis) => own[axis]!);
    return new DeviceTensor(
      this.#storage,
      this.#offset,
      this.type,
      dims,
      this.#scope,
      isInOrder(both) ? undefined : both,
    );
  }

  /** The same elements under other dims: a tensor over the same memory. Errors: ERR_SHAPE, ERR_DISPOSED. */
  reshape(dims: readonly number[]): DeviceTensor<T> {
    this.#refuseDisposed('reshape');
    if (this.order !== undefined) throw outOfOrder('ERR_SHAPE', 'reshape');
    const have = elementCount(this.dims, 'reshape');
    if (!Array.isArray(dims) || elementCount(dims, 'reshape') !== have) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `reshape: [${this.dims.join(', ')}] has ${have} elements, which dims ${shown(dims)} do not hold`,
      );
    }
    return new DeviceTensor(this.#storage, this.#offset, this.type, [...dims], this.#scope);
  }

  /**
   * Refuses new uses, lets the operations that were given it end, and frees the memory if no other tensor is over it. May be
   * called again.
   */
  dispose(): Promise<void> {
    if (this.#disposal === undefined) {
      this.#scope?.remove(this);
      this.#disposal = this.#storage.letGo();
    }
    return this.#disposal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** @internal Whose memory it is. */
  get owner(): StorageOwner {
    return this.#storage.owner;
  }

  /** @internal The same bytes under dims, and a type, of as many, of no scope. Errors: ERR_DISPOSED. */
  view(dims: readonly number[], what: string): DeviceTensor<T>;
  view<V extends NumericDType>(dims: readonly number[], what: string, type: V): DeviceTensor<V>;
  view(dims: readonly number[], what: string, type: NumericDType = this.type): DeviceTensor {
    this.#refuseDisposed(what);
    if (this.order !== undefined) throw outOfOrder('ERR_INTERNAL', what);
    return new DeviceTensor(this.#storage, this.#offset, type, dims);
  }

  /** @internal What is stored, in its order; of no scope. Errors: ERR_DISPOSED. */
  stored(what: string): DeviceTensor<T> {
    this.#refuseDisposed(what);
    const dims = this.order === undefined ? this.dims : storedDims(this.dims, this.order);
    return new DeviceTensor(this.#storage, this.#offset, this.type, dims);
  }

  /** @internal From its scope, if it has one, to another or to none. */
  moveTo(scope: Tracked | undefined): void {
    this.#scope?.remove(this);
    this.#scope = scope;
    scope?.add(this);
  }

  /** @internal Its memory, for an operation that ends with `unuse`. Errors: ERR_DISPOSED, ERR_ARGUMENT. */
  use(owner: StorageOwner, what: string): BufferPart {
    if (this.order !== undefined) throw outOfOrder('ERR_ARGUMENT', what);
    return this.#use(owner, what);
  }

  #use(owner: StorageOwner, what: string): BufferPart {
    this.#refuseDisposed(what);
    if (owner !== this.#storage.owner) {
      throw new TensorlaneError(
        'ERR_ARGUMENT',
        `${what}: the tensor is in the memory of another device; get() it first`,
      );
    }
    return { buffer: this.#storage.use(), offset: this.#offset, bytes: this.byteLength };
  }

  /** @internal */
  unuse(): void {
    this.#storage.unuse();
  }

  #refuseDisposed(what: string): void {
    if (this.disposed) throw new TensorlaneError('ERR_DISPOSED', `${what}: the tensor has been disposed`);
  }
}

function outOfOrder(code: ErrorCode, what: string): TensorlaneError {
  return new TensorlaneError(
    code,
    `${what}: the elements of a transposed tensor are not in order; device.ops.transpose(tensor, axes) copies them so`,
  );
}

function sliceBound(index: number, rows: number, what: string): number {
  if (!Number.isInteger(index)) {
    throw new TensorlaneError('ERR_SHAPE', `slice: ${what} must be an integer, got ${shown(index)}`);
  }
  return index < 0 ? Math.max(0, rows + index) : Math.min(index, rows);
}

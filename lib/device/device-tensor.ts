// Tensors in a device's memory: put there once, used by any number of operations, got back when they are wanted.

import type { BufferPart, Buffer as NativeBuffer } from '../../binding.js';
import { TensorlaneError } from '../core/errors.js';
import { bitsOf, byteSize, type NumericDType } from '../tensor/dtypes.js';
import { elementCount } from '../tensor/tensor.js';
import type { Tensor } from '../tensor/types.js';
import type { OperationOptions, Runner } from './runner.js';

/**
 * The memory behind one or more tensors. It is let go when the last of them has been disposed and the last operation that was
 * given it has ended; or when the garbage collector finds it, if they were forgotten.
 */
export class Storage {
  #buffer: NativeBuffer | undefined;
  #holders = 0;
  #uses = 0;
  #release: Promise<void> | undefined;
  #unused: (() => void) | undefined;

  constructor(
    buffer: NativeBuffer,
    readonly runner: Runner,
    readonly onReleased: () => void,
  ) {
    this.#buffer = buffer;
  }

  hold(): void {
    this.#holders++;
  }

  /** Resolves when the holder's part in it is over: for the last one, when the memory is free. */
  async letGo(): Promise<void> {
    if (--this.#holders === 0) await this.free();
  }

  /** For a device that is being disposed, too: whoever holds it. */
  free(): Promise<void> {
    this.#release ??= this.#free();
    return this.#release;
  }

  get freed(): boolean {
    return this.#release !== undefined;
  }

  /** For an operation: it ends with `unuse`. */
  use(): NativeBuffer {
    this.#uses++;
    return this.#buffer!;
  }

  unuse(): void {
    if (--this.#uses === 0) this.#unused?.();
  }

  async #free(): Promise<void> {
    if (this.#uses > 0) {
      await new Promise<void>((resolve) => {
        this.#unused = resolve;
      });
    }
    const buffer = this.#buffer!;
    this.#buffer = undefined;
    this.onReleased();
    await buffer.release();
  }
}

/**
 * A tensor in a device's memory, row-major. Made by `device.put` and by operations on device tensors; operations of its device
 * take it in place of a host tensor. Operations on different streams that use it are ordered by themselves.
 */
export class DeviceTensor<T extends NumericDType = NumericDType> implements AsyncDisposable {
  readonly type: T;
  readonly dims: readonly number[];
  readonly byteLength: number;
  readonly #storage: Storage;
  readonly #offset: number;
  #disposal: Promise<void> | undefined;

  /** @internal */
  constructor(storage: Storage, offset: number, type: T, dims: readonly number[]) {
    this.#storage = storage;
    this.#offset = offset;
    this.type = type;
    this.dims = dims;
    this.byteLength = byteSize(type, elementCount(dims, 'tensor'));
    storage.hold();
  }

  /** Whether it has been disposed, by itself or with its device. */
  get disposed(): boolean {
    return this.#disposal !== undefined || this.#storage.freed;
  }

  /** The elements, in host memory. Errors: ERR_DISPOSED, ERR_OUT_OF_MEMORY, ERR_DEVICE_LOST. */
  async get(options: OperationOptions = {}): Promise<Tensor<T>> {
    return (await this.#storage.runner.get(this as unknown as DeviceTensor, options)) as Tensor<T>;
  }

  /**
   * The part from `start` up to but not including `end` of the leading dimension, as Array.prototype.slice counts: a tensor
   * over the same memory, to be disposed like any other. Errors: ERR_SHAPE, ERR_DISPOSED.
   */
  slice(start: number, end?: number): DeviceTensor<T> {
    this.#check('slice');
    const [rows, ...rest] = this.dims;
    if (rows === undefined) throw new TensorlaneError('ERR_SHAPE', 'slice: a scalar has no leading dimension');
    const from = place(start, rows, 'start');
    const to = Math.max(from, place(end ?? rows, rows, 'end'));
    const perRow = elementCount(rest, 'slice');
    const offset = byteSize(this.type, from * perRow);
    if (offset * 8 !== from * perRow * bitsOf[this.type]) {
      throw new TensorlaneError('ERR_SHAPE', `slice: row ${from} of ${perRow} ${this.type} does not begin at a byte`);
    }
    return new DeviceTensor(this.#storage, this.#offset + offset, this.type, [to - from, ...rest]);
  }

  /** The same elements under other dims: a tensor over the same memory. Errors: ERR_SHAPE, ERR_DISPOSED. */
  reshape(dims: readonly number[]): DeviceTensor<T> {
    this.#check('reshape');
    const have = elementCount(this.dims, 'reshape');
    if (!Array.isArray(dims) || elementCount(dims, 'reshape') !== have) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `reshape: [${this.dims.join(', ')}] has ${have} elements, which [${String(dims)}] do not hold`,
      );
    }
    return new DeviceTensor(this.#storage, this.#offset, this.type, [...dims]);
  }

  /**
   * Refuses new uses, lets the operations that were given it end, and frees the memory if no other tensor is over it. May be
   * called again.
   */
  dispose(): Promise<void> {
    this.#disposal ??= this.#storage.letGo();
    return this.#disposal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** @internal Its memory, for an operation that ends with `unuse`. Errors: ERR_DISPOSED, ERR_ARGUMENT. */
  use(runner: Runner, what: string): BufferPart {
    this.#check(what);
    if (runner !== this.#storage.runner) {
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

  #check(what: string): void {
    if (this.disposed) throw new TensorlaneError('ERR_DISPOSED', `${what}: the tensor has been disposed`);
  }
}

function place(index: number, rows: number, what: string): number {
  if (!Number.isInteger(index)) {
    throw new TensorlaneError('ERR_SHAPE', `slice: ${what} must be an integer, got ${String(index)}`);
  }
  return index < 0 ? Math.max(0, rows + index) : Math.min(index, rows);
}

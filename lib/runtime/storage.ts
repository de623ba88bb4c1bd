// The memory behind device tensors. Slices and reshaped tensors share it, operations use it, and it is let go once.

import type { BufferPart, Buffer as NativeBuffer } from '../../binding.js';
import type { NumericDType } from '../tensor/dtypes.js';
import type { Tensor } from '../tensor/types.js';
import type { OperationOptions } from './options.js';

/** A tensor's type and dims, wherever its elements are. */
export interface Shape {
  readonly type: NumericDType;
  readonly dims: readonly number[];
}

/** The device that memory is of, as far as its tensors need one. */
export interface StorageOwner {
  /** Copies elements to host memory: to `out`, where one is given. With an order, dimension i of the shape is stored as order[i]. */
  read(
    shape: Shape,
    part: BufferPart,
    options: OperationOptions,
    out?: Tensor<NumericDType> | undefined,
    order?: readonly number[],
  ): Promise<Tensor<NumericDType>>;
}

/**
 * The memory behind one or more tensors. It is let go when the last of them has been disposed and the last operation that was
 * given it has ended; or when the garbage collector finds it, if they were forgotten.
 */
export class Storage {
  #buffer: NativeBuffer | undefined;
  #holders = 0;
  #uses = 0;
  #release: Promise<void> | undefined;
  #onUnused: (() => void) | undefined;

  constructor(
    buffer: NativeBuffer,
    readonly owner: StorageOwner,
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
    if (--this.#uses === 0) this.#onUnused?.();
  }

  async #free(): Promise<void> {
    if (this.#uses > 0) {
      await new Promise<void>((resolve) => {
        this.#onUnused = resolve;
      });
    }
    const buffer = this.#buffer!;
    this.#buffer = undefined;
    this.onReleased();
    await buffer.release();
  }
}

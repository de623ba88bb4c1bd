// Where tensors are put and computed with: what a device and a scope have in common.

import { LinearAlgebra } from '../linalg/linalg.js';
import { TensorOperations } from '../ops/ops.js';
import type { DeviceTensor } from '../runtime/device-tensor.js';
import type { OperationOptions } from '../runtime/options.js';
import type { Runner } from '../runtime/runner.js';
import type { NumericDType } from '../tensor/dtypes.js';
import type { Tensor } from '../tensor/types.js';

export abstract class TensorRoom {
  readonly linalg: LinearAlgebra;
  readonly ops: TensorOperations;
  readonly #runner: Runner;

  /** To the runner belongs what is made here. */
  constructor(runner: Runner) {
    this.#runner = runner;
    this.linalg = new LinearAlgebra(runner);
    this.ops = new TensorOperations(runner);
  }

  /**
   * Copies a tensor to the device's memory, of any element type but string. Up to 64 KiB it may be reused as soon as the call
   * returns; a larger one is read until the promise settles.
   *
   * Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE, ERR_OUT_OF_MEMORY (the message says what holds the memory), ERR_DISPOSED,
   * ERR_DEVICE_LOST.
   */
  async put<T extends NumericDType>(tensor: Tensor<T>, options: OperationOptions = {}): Promise<DeviceTensor<T>> {
    return (await this.#runner.put(tensor as Tensor, options)) as DeviceTensor<NumericDType> as DeviceTensor<T>;
  }
}

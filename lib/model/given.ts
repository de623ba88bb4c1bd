// What stands for a request's input where its elements are not for JS to touch.

import type { BufferPart, RunInput } from '../../binding.js';
import { DeviceTensor } from '../runtime/device-tensor.js';
import type { StorageOwner } from '../runtime/storage.js';
import { bitsOf, type NumericDType } from '../tensor/dtypes.js';
import type { Tensor } from '../tensor/types.js';

/** A tensor in the device's memory, which stays there until the run has ended. */
export class OnDevice {
  readonly data = undefined;

  constructor(
    readonly type: NumericDType,
    readonly dims: readonly number[],
    readonly part: BufferPart,
  ) {}

  /** Elements that fill whole bytes. */
  slice(from: number, count: number): BufferPart {
    const { buffer, offset } = this.part;
    const bytes = bitsOf[this.type] / 8;
    return { buffer, offset: offset + from * bytes, bytes: count * bytes };
  }
}

/** A value that is no tensor, or an empty optional, as the addon takes it. */
export class Whole {
  readonly data = undefined;
  readonly dims: readonly number[] = [];

  constructor(readonly input: RunInput) {}
}

export type Given = Tensor | DeviceTensor | OnDevice | Whole;

/** Keeps the device tensors among a request's inputs where they are, until `unuse`. Errors: ERR_DISPOSED, ERR_ARGUMENT. */
export function useDeviceTensors(tensors: Given[], owner: StorageOwner): DeviceTensor[] {
  const used: DeviceTensor[] = [];
  try {
    for (const [i, tensor] of tensors.entries()) {
      if (!(tensor instanceof DeviceTensor)) continue;
      tensors[i] = new OnDevice(tensor.type, tensor.dims, tensor.use(owner, 'run'));
      used.push(tensor);
    }
    return used;
  } catch (reason) {
    for (const tensor of used) tensor.unuse();
    throw reason;
  }
}

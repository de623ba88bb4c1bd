// What a run is fed with: all inputs of the model, and nothing else that the caller's object has.

import type { DeviceTensor, OptionalType, ValueInfo } from 'tensorlane';
import { isDeviceTensor } from './device';
import { isTensorInfo, requireFit, type TensorInfo } from './info';
import { type DeviceValue, type HostValue, readTensor } from './read';

export interface TakenFeeds {
  readonly feeds: Record<string, unknown>;
  /** Whether it can share no batch: its inputs have leading dimensions that differ, or other shapes that only ONNX Runtime can judge. */
  readonly alone: boolean;
}

export class Feeds {
  readonly #inputs: readonly ValueInfo[];
  readonly #tensors: readonly TensorInfo[];
  readonly #copies: boolean;

  constructor(inputs: readonly ValueInfo[], copies: boolean) {
    this.#inputs = inputs;
    this.#tensors = inputs.filter(isTensorInfo);
    this.#copies = copies;
  }

  /** Errors: TypeError, RangeError, Error. */
  take(given: Readonly<Record<string, unknown>>): TakenFeeds {
    // Without a prototype: an input may be called __proto__.
    const feeds: Record<string, unknown> = Object.create(null);
    for (const info of this.#inputs) {
      const { name } = info;
      const value = given[name];
      feeds[name] = isTensorInfo(info) ? readTensor(value, this.#copies) : this.#readOther(info, value);
    }
    let rows: number | undefined;
    let alone = false;
    for (const info of this.#tensors) {
      const tensor = feeds[info.name] as HostValue | DeviceValue;
      requireFit(info, tensor, 'input');
      rows ??= tensor.dims[0];
      if (tensor.dims[0] !== rows || isNoScalar(info, tensor)) alone = true;
      if ('gpuBuffer' in tensor) feeds[info.name] = deviceTensor(tensor);
    }
    return { feeds, alone };
  }

  /** Of sequences, maps and optionals, which onnxruntime-node does not take. Errors: those of `readTensor`, Error. */
  #readOther(info: ValueInfo, value: unknown): unknown {
    const type = info.type === 'optional' ? (info as OptionalType).of : info;
    if (value === null || value instanceof Map || Array.isArray(value)) return this.#readParts(value);
    const tensor = readTensor(value, this.#copies);
    if ('dimNames' in type) return tensor;
    throw new Error(`input with name: '${info.name}' expected to be of type: ${kindOf(info)} but received a tensor`);
  }

  #readParts(value: unknown): unknown {
    if (value === null || value instanceof Map) return value;
    return Array.isArray(value) ? value.map((part) => this.#readParts(part)) : readTensor(value, this.#copies);
  }
}

/** ONNX Runtime takes a tensor of any shape where a scalar is declared. */
function isNoScalar({ dims: declared }: TensorInfo, { dims }: { readonly dims: readonly number[] }): boolean {
  return declared?.length === 0 && dims.length > 0;
}

/** ONNX Runtime's number of it, as its messages have it. */
function kindOf({ type }: ValueInfo): number {
  return type === 'sequence' ? 3 : type === 'optional' ? 5 : 1;
}

/** Errors: TypeError. */
function deviceTensor({ gpuBuffer, type, dims }: DeviceValue): DeviceTensor {
  if (!isDeviceTensor(gpuBuffer)) throw new TypeError('Tensor.gpuBuffer must be an external object.');
  if (gpuBuffer.type === type && gpuBuffer.dims.join() === dims.join()) return gpuBuffer;
  throw new TypeError(
    `Tensor.gpuBuffer is a device tensor of ${gpuBuffer.type} [${gpuBuffer.dims.join(', ')}], not of ${type} [${dims.join(', ')}].`,
  );
}

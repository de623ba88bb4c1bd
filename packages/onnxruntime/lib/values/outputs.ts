// What a run gives back: tensors of the class that this package exports, which own their elements.

import { Tensor } from 'onnxruntime-common';
import type { Tensor as HostTensor, ModelValue } from 'tensorlane';

/** What onnxruntime-common's Tensor can be made of; other types are given to it afterwards. */
const ofCommon = new Set([
  'float32',
  'float64',
  'float16',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'bool',
  'string',
]);

/** What is no tensor, by the tensor that stands for it on its way through onnxruntime-common. */
const others = new WeakMap<Tensor, unknown>();

/** A sequence is an array, a map a Map, an empty optional null: `unwrapped` gives them. */
export function givenBack(value: ModelValue): Tensor {
  if (isHostTensor(value)) return tensorOf(value);
  const standIn = new Tensor('uint8', new Uint8Array(0), [0]);
  others.set(standIn, inJs(value));
  return standIn;
}

/** The same results, with what is behind the tensors that stand for something. */
export function unwrapped(results: Record<string, unknown>): Record<string, unknown> {
  for (const [name, result] of Object.entries(results)) {
    if (others.has(result as Tensor)) results[name] = others.get(result as Tensor);
  }
  return results;
}

function isHostTensor(value: ModelValue): value is HostTensor {
  return value !== null && 'dims' in value;
}

function inJs(value: ModelValue): unknown {
  if (Array.isArray(value)) return value.map(inJs);
  return isHostTensor(value) ? tensorOf(value) : value;
}

function tensorOf({ type, data, dims }: HostTensor): Tensor {
  if (ofCommon.has(type)) return new Tensor(type as 'float32', data as Float32Array, dims);
  const tensor = new Tensor(arrayType(data as ArrayBufferView), data as Uint8Array, [data.length]);
  const size = dims.reduce((product, dim) => product * dim, 1);
  return Object.assign(tensor, { type, dims, size });
}

function arrayType(data: ArrayBufferView): 'uint16' | 'int8' | 'uint8' {
  return data instanceof Uint16Array ? 'uint16' : data instanceof Int8Array ? 'int8' : 'uint8';
}

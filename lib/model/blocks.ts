// Cuts tensors along an axis and puts them together again. A tensor with an axis of n is `outer` blocks of n times `inner`
// elements, one after the other.

import { TensorlaneError } from '../core/errors.js';
import type { arrayClasses, NumericArray } from '../tensor/dtypes.js';
import { hostTensor } from '../tensor/tensor.js';
import type { Tensor } from '../tensor/types.js';

export type Elements = NumericArray | string[];

export function blocksOf(dims: readonly number[], axis: number): { outer: number; inner: number } {
  let outer = 1;
  let inner = 1;
  for (let i = 0; i < axis; i++) outer *= dims[i]!;
  for (let i = axis + 1; i < dims.length; i++) inner *= dims[i]!;
  return { outer, inner };
}

/** A copy of `count` of the positions along an axis, from `start` on. */
export function cut(elements: Elements, dims: readonly number[], axis: number, start: number, count: number): Elements {
  const { outer, inner } = blocksOf(dims, axis);
  const step = dims[axis]! * inner;
  if (outer === 1) return elements.slice(start * inner, (start + count) * inner);
  const parts: Elements[] = [];
  for (let o = 0; o < outer; o++) parts.push(view(elements, o * step + start * inner, count * inner));
  return gather(elements, parts);
}

/** One tensor of several that differ in one axis at most. */
export function join(tensors: readonly Tensor[], axis: number): Tensor {
  const first = tensors[0]!;
  const dims = first.dims.slice();
  dims[axis] = tensors.reduce((sum, tensor) => sum + tensor.dims[axis]!, 0);
  const { outer } = blocksOf(dims, axis);
  const parts: Elements[] = [];
  for (let o = 0; o < outer; o++) {
    for (const { data } of tensors) parts.push(view(data, (o * data.length) / outer, data.length / outer));
  }
  return hostTensor(first.type, gather(first.data, parts), dims);
}

/** A tensor so many times along an axis. Errors: ERR_OUT_OF_MEMORY. */
export function repeat(tensor: Tensor, times: number, axis: number): Tensor {
  if (tensor.type === 'string') return join(new Array<Tensor>(times).fill(tensor), axis);
  const data = tensor.data as NumericArray;
  const { outer } = blocksOf(tensor.dims, axis);
  const piece = data.length / Math.max(1, outer);
  const all = newLike(data, data.length * times);
  for (let o = 0; o < outer; o++) {
    const start = o * piece * times;
    (all as Float32Array).set(data.subarray(o * piece, (o + 1) * piece) as Float32Array, start);
    // Twice as many each time.
    for (let made = 1; made < times; made *= 2) {
      all.copyWithin(start + made * piece, start, start + Math.min(made, times - made) * piece);
    }
  }
  return hostTensor(tensor.type, all, tensor.dims.with(axis, tensor.dims[axis]! * times));
}

function newLike(data: NumericArray, length: number): NumericArray {
  const Class = (data.constructor === Buffer ? Uint8Array : data.constructor) as (typeof arrayClasses)['float32'];
  try {
    return new Class(length);
  } catch (cause) {
    throw new TensorlaneError('ERR_OUT_OF_MEMORY', `no memory for ${length} elements`, { cause });
  }
}

function view(elements: Elements, start: number, count: number): Elements {
  return Array.isArray(elements) ? elements.slice(start, start + count) : elements.subarray(start, start + count);
}

/** A new array of the same class with these parts, one after the other. */
function gather(like: Elements, parts: readonly Elements[]): Elements {
  if (Array.isArray(like)) return (parts as string[][]).flat();
  const Class = like.constructor as (typeof arrayClasses)['float32'];
  const gathered = new Class(parts.reduce((sum, part) => sum + part.length, 0));
  let end = 0;
  for (const part of parts as NumericArray[]) {
    (gathered as Float32Array).set(part as Float32Array, end);
    end += part.length;
  }
  return gathered;
}

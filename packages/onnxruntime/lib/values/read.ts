// Tensors as callers hand them in, whatever class or library made them: checked in onnxruntime-node's order and with its words.
//
// Beyond what onnxruntime-node takes: shared memory, and the element types that onnxruntime-common has no name for, in the arrays in which
// tensorlane has them.

import type { DType } from 'tensorlane';

/** A tensor in host memory, as tensorlane takes it. */
export interface HostValue {
  readonly type: DType;
  readonly data: ArrayBufferView | readonly string[];
  readonly dims: readonly number[];
}

/** One that is on a device: its elements are no affair of whoever reads it. */
export interface DeviceValue {
  readonly type: DType;
  readonly dims: readonly number[];
  readonly gpuBuffer: unknown;
}

type TypedArray = Omit<Uint8Array, typeof Symbol.toStringTag> & { readonly [Symbol.toStringTag]: string };

/** Node-API's number of each array class, as messages name them. */
const numberOf: Readonly<Record<string, number>> = {
  Int8Array: 0,
  Uint8Array: 1,
  Uint8ClampedArray: 2,
  Int16Array: 3,
  Uint16Array: 4,
  Int32Array: 5,
  Uint32Array: 6,
  Float32Array: 7,
  Float64Array: 8,
  BigInt64Array: 9,
  BigUint64Array: 10,
  Float16Array: 11,
};

/** What a model's tensor may be of, beside strings. */
type NumberType = Exclude<DType, 'string' | `complex${string}`>;

/** The arrays that hold each type; the first is the one that a message names. */
const arraysOf: Readonly<Record<NumberType, readonly string[]>> = {
  float32: ['Float32Array'],
  float64: ['Float64Array'],
  float16: ['Uint16Array', 'Float16Array'],
  bfloat16: ['Uint16Array'],
  float8e4m3fn: ['Uint8Array'],
  float8e4m3fnuz: ['Uint8Array'],
  float8e5m2: ['Uint8Array'],
  float8e5m2fnuz: ['Uint8Array'],
  float8e8m0: ['Uint8Array'],
  float4e2m1: ['Uint8Array'],
  int8: ['Int8Array'],
  int16: ['Int16Array'],
  int32: ['Int32Array'],
  int64: ['BigInt64Array'],
  uint8: ['Uint8Array'],
  uint16: ['Uint16Array'],
  uint32: ['Uint32Array'],
  uint64: ['BigUint64Array'],
  int4: ['Uint8Array', 'Int8Array'],
  uint4: ['Uint8Array'],
  int2: ['Uint8Array', 'Int8Array'],
  uint2: ['Uint8Array'],
  bool: ['Uint8Array'],
};
/** Of those that take less than a byte: how many a byte. */
const perByte: Readonly<Record<string, number>> = { int4: 2, uint4: 2, float4e2m1: 2, int2: 4, uint2: 4 };
/** onnxruntime-node knows no other; 'none' is that of a tensor that was disposed. */
const locations = ['cpu', 'cpu-pinned', 'texture', 'gpu-buffer', 'ml-tensor'];
/** tensorlane copies what is no larger when a run is called. */
const copiedUpTo = 64 * 1024;

/**
 * With `copies`, the elements are the reader's own, or copied by tensorlane as it is called; else large ones are the caller's.
 * Errors: TypeError, RangeError, Error.
 */
export function readTensor(given: unknown, copies: boolean): HostValue | DeviceValue {
  // A function is one, too: what `feeds.constructor` gives where nothing was fed.
  if (given === null || (typeof given !== 'object' && typeof given !== 'function')) {
    throw new TypeError('Tensor must be an object.');
  }
  const tensor = given as Readonly<Record<string, unknown>>;
  const dims = readDims(tensor.dims);
  const { location } = tensor;
  if (typeof location !== 'string') throw new TypeError('Tensor.location must be a string.');
  if (!locations.includes(location)) throw new RangeError('Tensor.location is not supported.');
  const { type } = tensor;
  if (typeof type !== 'string') throw new TypeError('Tensor.type must be a string.');
  if (type === 'string') {
    if (location !== 'cpu') throw new TypeError("Tensor.location must be 'cpu' for string tensors.");
    return { type, data: readStrings(tensor.data, dims), dims };
  }
  if (!Object.hasOwn(arraysOf, type)) throw new TypeError(`Tensor.type is not supported: ${type}`);
  const numeric = type as NumberType;
  if (location === 'gpu-buffer') return { type: numeric, dims, gpuBuffer: tensor.gpuBuffer };
  if (location !== 'cpu') throw new TypeError("Tensor.location must be 'gpu-buffer' for IO binding.");
  return { type: numeric, data: readElements(numeric, tensor.data, dims, copies), dims };
}

function readDims(given: unknown): number[] {
  if (!Array.isArray(given)) throw new TypeError('Tensor.dims must be an array.');
  const dims: number[] = [];
  for (let axis = 0; axis < given.length; axis++) {
    const dim: unknown = given[axis];
    if (typeof dim !== 'number') throw new TypeError(`Tensor.dims[${axis}] is not a number.`);
    if (!Number.isInteger(dim) || dim < 0) throw new RangeError(`Tensor.dims[${axis}] is invalid: ${dim}`);
    dims.push(dim);
  }
  return dims;
}

function readStrings(data: unknown, dims: readonly number[]): readonly string[] {
  if (!Array.isArray(data)) throw new TypeError('Tensor.data must be an array for string tensors.');
  for (let i = 0; i < data.length; i++) {
    if (typeof data[i] !== 'string') throw new TypeError(`Tensor.data[${i}] must be a string.`);
  }
  const count = product(dims);
  if (data.length !== count) throw new Error("input array doesn't equal tensor size");
  return data;
}

function readElements(type: NumberType, data: unknown, dims: readonly number[], copies: boolean): ArrayBufferView {
  if (!ArrayBuffer.isView(data) || data instanceof DataView) {
    throw new TypeError('Tensor.data must be a typed array for numeric tensor.');
  }
  const array = data as unknown as TypedArray;
  const kind = array[Symbol.toStringTag];
  const holders = arraysOf[type];
  if (!holders.includes(kind)) {
    throw new TypeError(
      `Tensor.data must be a typed array (${numberOf[holders[0]!]}) for ${type} tensors, but got typed array (${numberOf[kind]}).`,
    );
  }
  const count = Math.ceil(product(dims) / (perByte[type] ?? 1));
  if (array.length < count) {
    const size = array.BYTES_PER_ELEMENT;
    throw new Error(`not enough space: expected ${count * size}, got ${array.length * size}`);
  }
  const whole = array.length === count ? array : array.subarray(0, count);
  const isShared = typeof SharedArrayBuffer !== 'undefined' && whole.buffer instanceof SharedArrayBuffer;
  if (!isShared && !(copies && whole.byteLength > copiedUpTo)) return whole;
  // A Buffer's slice would be no copy.
  return Object.getPrototypeOf(array) === Buffer.prototype ? Uint8Array.from(whole as Uint8Array) : whole.slice();
}

export function product(dims: readonly number[]): number {
  let count = 1;
  for (let axis = 0; axis < dims.length; axis++) count *= dims[axis]!;
  return count;
}

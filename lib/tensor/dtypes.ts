// What each element type is made of in JS, and how to tell whether given data is of it.

import { toTensorlaneError } from '../core/errors.js';
import type { ComplexType, DType, TypedData } from './types.js';

export type NumericDType = Exclude<DType, 'string'>;
export type NumericArray = TypedData[NumericDType];

export interface NumericArrayClass {
  readonly name: string;
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): NumericArray;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): NumericArray;
}

/** The array class of each type; strings are plain arrays. */
export const arrayClasses: Readonly<Record<NumericDType, NumericArrayClass>> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float8e4m3fn: Uint8Array,
  float8e4m3fnuz: Uint8Array,
  float8e5m2: Uint8Array,
  float8e5m2fnuz: Uint8Array,
  float8e8m0: Uint8Array,
  float4e2m1: Uint8Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  int4: Int8Array,
  uint4: Uint8Array,
  int2: Int8Array,
  uint2: Uint8Array,
  complex64: Float32Array,
  complex128: Float64Array,
  bool: Uint8Array,
};

const kinds = Object.fromEntries(Object.entries(arrayClasses).map(([type, { name }]) => [type, name])) as Readonly<
  Record<NumericDType, string>
>;

/** The elements in a buffer. Errors: ERR_OUT_OF_MEMORY, for more of them than an array may have. */
export function arrayOver(type: NumericDType, buffer: ArrayBufferLike): NumericArray {
  try {
    return new arrayClasses[type](buffer);
  } catch (cause) {
    throw toTensorlaneError(cause);
  }
}

/** All of them. */
export const dtypes: readonly DType[] = [...(Object.keys(arrayClasses) as NumericDType[]), 'string'];

/** Bits an element. */
export const bitsOf: Readonly<Record<NumericDType, number>> = {
  float32: 32,
  float64: 64,
  float16: 16,
  bfloat16: 16,
  float8e4m3fn: 8,
  float8e4m3fnuz: 8,
  float8e5m2: 8,
  float8e5m2fnuz: 8,
  float8e8m0: 8,
  float4e2m1: 4,
  int8: 8,
  int16: 16,
  int32: 32,
  int64: 64,
  uint8: 8,
  uint16: 16,
  uint32: 32,
  uint64: 64,
  int4: 4,
  uint4: 4,
  int2: 2,
  uint2: 2,
  complex64: 64,
  complex128: 128,
  bool: 8,
};

/** The bytes that so many elements take, packed. */
export function byteSize(type: NumericDType, elements: number): number {
  return Math.ceil((elements * bitsOf[type]) / 8);
}

export function isDType(value: unknown): value is DType {
  return typeof value === 'string' && (value === 'string' || Object.hasOwn(arrayClasses, value));
}

export type PackedType = 'float4e2m1' | 'int4' | 'uint4' | 'int2' | 'uint2';

/** Whether an element is less than a byte. */
export function isPacked(type: DType): type is PackedType {
  return type === 'int4' || type === 'uint4' || type === 'float4e2m1' || type === 'int2' || type === 'uint2';
}

export function isComplex(type: DType): type is ComplexType {
  return type === 'complex64' || type === 'complex128';
}

/** How many array elements hold `count` tensor elements: half or a quarter as many for the packed types, twice as many for complex. */
export function storedLength(type: DType, count: number): number {
  if (isComplex(type)) return 2 * count;
  return isPacked(type) ? Math.ceil(count / elementsPerByte(type)) : count;
}

export function elementsPerByte(type: PackedType): number {
  return 8 / bitsOf[type];
}

const typedArrays = Object.getPrototypeOf(Uint8Array.prototype) as object;
const tagOf = Object.getOwnPropertyDescriptor(typedArrays, Symbol.toStringTag)!.get as (
  this: unknown,
) => string | undefined;

/** The name of an array's class, which also holds across realms (vm contexts, test runners), where instanceof does not. */
export function arrayKind(data: unknown): string {
  if (Array.isArray(data)) return 'Array';
  // What an object says of itself need not be so: a Proxy has the class of what it stands for, and no elements of its own.
  const kind = tagOf.call(data);
  if (kind !== undefined) return kind;
  if (ArrayBuffer.isView(data)) return 'DataView';
  return data === null ? 'null' : typeof data;
}

/**
 * Whether `data` can hold elements of `type`. Float16Array, where the engine has it, is also taken for float16, Uint8ClampedArray for
 * uint8, and Uint8Array for int4 and int2: onnxruntime-common declares Int8Array for it, and makes Uint8Array.
 */
export function holds(type: DType, data: unknown): boolean {
  if (type === 'string') return Array.isArray(data);
  const kind = tagOf.call(data);
  if (kind === kinds[type]) return true;
  if ((type === 'int4' || type === 'int2') && kind === 'Uint8Array') return true;
  if (type === 'uint8' && kind === 'Uint8ClampedArray') return true;
  return type === 'float16' && kind === 'Float16Array';
}

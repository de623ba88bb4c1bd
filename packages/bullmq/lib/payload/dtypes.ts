// The element types of a payload by safetensors' names; what safetensors has no name for goes as bytes ('U8') beside a note of what it is.

import type { DType } from 'tensorlane';

export type Elements =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

interface ElementsClass {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): Elements;
}

interface Entry {
  readonly name: string | undefined;
  readonly array: ElementsClass;
  /** How many elements an array element is: several of the types that are less than a byte, half of a complex one. */
  readonly perElement: number;
}

const entry = (name: string | undefined, array: ElementsClass, perElement = 1): Entry => ({ name, array, perElement });

export const entries: Readonly<Record<Exclude<DType, 'string'>, Entry>> = {
  float64: entry('F64', Float64Array),
  float32: entry('F32', Float32Array),
  float16: entry('F16', Uint16Array),
  bfloat16: entry('BF16', Uint16Array),
  float8e4m3fn: entry('F8_E4M3', Uint8Array),
  float8e5m2: entry('F8_E5M2', Uint8Array),
  float8e8m0: entry('F8_E8M0', Uint8Array),
  float8e4m3fnuz: entry(undefined, Uint8Array),
  float8e5m2fnuz: entry(undefined, Uint8Array),
  float4e2m1: entry(undefined, Uint8Array, 2),
  int64: entry('I64', BigInt64Array),
  int32: entry('I32', Int32Array),
  int16: entry('I16', Int16Array),
  int8: entry('I8', Int8Array),
  int4: entry(undefined, Int8Array, 2),
  int2: entry(undefined, Int8Array, 4),
  uint64: entry('U64', BigUint64Array),
  uint32: entry('U32', Uint32Array),
  uint16: entry('U16', Uint16Array),
  uint8: entry('U8', Uint8Array),
  uint4: entry(undefined, Uint8Array, 2),
  uint2: entry(undefined, Uint8Array, 4),
  complex128: entry(undefined, Float64Array, 0.5),
  complex64: entry('C64', Float32Array, 0.5),
  bool: entry('BOOL', Uint8Array),
};

export const typeOfName: ReadonlyMap<string, DType> = new Map(
  Object.entries(entries).flatMap(([type, { name }]) => (name === undefined ? [] : [[name, type as DType]])),
);

export function isNumeric(type: string): type is Exclude<DType, 'string'> {
  return Object.hasOwn(entries, type);
}

/** The bytes that a tensor of these dims takes. */
export function byteLength(type: Exclude<DType, 'string'>, dims: readonly number[]): number {
  const { array, perElement } = entries[type];
  return Math.ceil(dims.reduce((total, dim) => total * dim, 1) / perElement) * array.BYTES_PER_ELEMENT;
}

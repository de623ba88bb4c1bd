// Element types: ours, and their names and numbers in the protocols.

import type { DType, TypedData } from 'tensorlane';

type ArrayClass = new (buffer: ArrayBufferLike, offset: number, length: number) => Exclude<TypedData[DType], string[]>;

export interface ElementType {
  readonly type: DType;
  /** In the Open Inference Protocol. */
  readonly v2: string;
  /** In TensorFlow. */
  readonly tf: string;
  readonly tfNumber: number;
  /** Of one element; 0: they have lengths of their own. */
  readonly bytes: number;
  readonly array: ArrayClass | undefined;
}

/** Those that the protocols have. */
export const elementTypes: readonly ElementType[] = [
  row('bool', 'BOOL', 'DT_BOOL', 10, Uint8Array),
  row('uint8', 'UINT8', 'DT_UINT8', 4, Uint8Array),
  row('uint16', 'UINT16', 'DT_UINT16', 17, Uint16Array),
  row('uint32', 'UINT32', 'DT_UINT32', 22, Uint32Array),
  row('uint64', 'UINT64', 'DT_UINT64', 23, BigUint64Array),
  row('int8', 'INT8', 'DT_INT8', 6, Int8Array),
  row('int16', 'INT16', 'DT_INT16', 5, Int16Array),
  row('int32', 'INT32', 'DT_INT32', 3, Int32Array),
  row('int64', 'INT64', 'DT_INT64', 9, BigInt64Array),
  row('float16', 'FP16', 'DT_HALF', 19, Uint16Array),
  row('bfloat16', 'BF16', 'DT_BFLOAT16', 14, Uint16Array),
  row('float32', 'FP32', 'DT_FLOAT', 1, Float32Array),
  row('float64', 'FP64', 'DT_DOUBLE', 2, Float64Array),
  row('string', 'BYTES', 'DT_STRING', 7, undefined),
];

export const byType: ReadonlyMap<string, ElementType> = new Map(elementTypes.map((one) => [one.type, one]));
export const byV2Name: ReadonlyMap<string, ElementType> = new Map(elementTypes.map((one) => [one.v2, one]));

function row(
  type: DType,
  v2: string,
  tf: string,
  tfNumber: number,
  array: (ArrayClass & { readonly BYTES_PER_ELEMENT: number }) | undefined,
): ElementType {
  return { type, v2, tf, tfNumber, bytes: array?.BYTES_PER_ELEMENT ?? 0, array };
}

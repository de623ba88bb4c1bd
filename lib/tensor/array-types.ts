// The element type that the class of an array tells the compiler: of a union of arrays, the union of theirs.

import type { NumericArray, NumericDType } from './dtypes.js';
import type { TypedData } from './types.js';

/** What `tensor` takes as elements without being told their type. */
export type TensorArray = NumericArray | Uint8ClampedArray;

export type TypeOfArray<A extends TensorArray> = A extends Float32Array
  ? 'float32'
  : A extends Float64Array
    ? 'float64'
    : A extends Int8Array
      ? 'int8'
      : A extends Int16Array
        ? 'int16'
        : A extends Int32Array
          ? 'int32'
          : A extends BigInt64Array
            ? 'int64'
            : A extends Uint8Array | Uint8ClampedArray
              ? 'uint8'
              : A extends Uint16Array
                ? 'uint16'
                : A extends Uint32Array
                  ? 'uint32'
                  : A extends BigUint64Array
                    ? 'uint64'
                    : never;

/** The types whose elements lie in such arrays. */
export type TypesIn<A extends TensorArray> = {
  [T in NumericDType]: A extends TypedData[T] | (T extends 'uint8' ? Uint8ClampedArray : never) ? T : never;
}[NumericDType];

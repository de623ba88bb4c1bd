// The vocabulary of the public surface. Everything here is a type: it costs nothing at run time.
//
// Host tensors are plain objects, structurally those of onnxruntime-common, so either library's tensors can be
// passed to the other. Matrices are row-major, as in numpy.

/** Element types, by ONNX's names as onnxruntime-common spells them. */
export interface TypedData {
  float32: Float32Array;
  float64: Float64Array;
  /** IEEE binary16 bit patterns, two bytes an element. */
  float16: Uint16Array;
  /** The upper half of a float32's bits, two bytes an element. */
  bfloat16: Uint16Array;
  float8e4m3fn: Uint8Array;
  float8e4m3fnuz: Uint8Array;
  float8e5m2: Uint8Array;
  float8e5m2fnuz: Uint8Array;
  int8: Int8Array;
  int16: Int16Array;
  int32: Int32Array;
  int64: BigInt64Array;
  uint8: Uint8Array;
  uint16: Uint16Array;
  uint32: Uint32Array;
  uint64: BigUint64Array;
  /** Two elements a byte, the first in the low half. */
  int4: Int8Array;
  /** Two elements a byte, the first in the low half. */
  uint4: Uint8Array;
  /** One byte an element: 0 is false, anything else is true. */
  bool: Uint8Array;
  string: string[];
}

export type DType = keyof TypedData;
export type FloatType = 'float32' | 'float64';

/** A tensor in host memory: `data` holds the elements in row-major order; its length is the product of `dims`. */
export type Tensor<T extends DType = DType> = T extends DType
  ? { readonly type: T; readonly data: TypedData[T]; readonly dims: readonly number[] }
  : never;

export type FloatTensor = Tensor<FloatType>;

/** An input or output of a model. A free dimension is -1 in `dims`; its name, where the model gives one, is in `dimNames`. */
export interface ValueInfo {
  readonly name: string;
  readonly type: DType;
  readonly dims: readonly number[];
  readonly dimNames: readonly (string | undefined)[];
}

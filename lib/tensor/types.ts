// The vocabulary of the public surface. Everything here is a type: it costs nothing at run time.
//
// Host tensors are any objects of this structure, which is onnxruntime-common's, so either library's tensors can be
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
  /** A power of two: its exponent. */
  float8e8m0: Uint8Array;
  /** Two elements a byte, the first in the low half: 0, 0.5, 1, 1.5, 2, 3, 4 and 6, with a sign. */
  float4e2m1: Uint8Array;
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
  /** Four elements a byte, the first in the lowest bits. */
  int2: Int8Array;
  /** Four elements a byte, the first in the lowest bits. */
  uint2: Uint8Array;
  /** Two array elements an element: the real part, then the imaginary part. */
  complex64: Float32Array;
  /** Two array elements an element: the real part, then the imaginary part. */
  complex128: Float64Array;
  /** One byte an element: 0 is false, anything else is true. */
  bool: Uint8Array;
  string: string[];
}

export type DType = keyof TypedData;
export type FloatType = 'float32' | 'float64';
export type ComplexType = 'complex64' | 'complex128';
/** Real numbers and complex ones. */
export type FieldType = FloatType | ComplexType;

/**
 * A tensor in host memory: `data` holds the elements in row-major order; its length is the product of `dims`, but of complex and of packed
 * types, which say otherwise.
 */
export type Tensor<T extends DType = DType> = T extends DType
  ? { readonly type: T; readonly data: TypedData[T]; readonly dims: readonly number[] }
  : never;

export type FloatTensor = Tensor<FloatType>;

/** A free dimension is -1 in `dims`; its name, where the model gives one, is in `dimNames`. */
export interface TensorType {
  readonly type: DType;
  /** undefined where the model says nothing of the rank: a tensor of any. */
  readonly dims: readonly number[] | undefined;
  readonly dimNames: readonly (string | undefined)[];
}

/** An array of values of one type. */
export interface SequenceType {
  readonly type: 'sequence';
  readonly of: ValueType;
  readonly dims?: undefined;
}

/** A Map: of strings or integers (bigint for int64 and uint64) to numbers, bigints or strings. */
export interface MapType {
  readonly type: 'map';
  readonly keys: DType;
  /** One element of it. */
  readonly of: ValueType;
  readonly dims?: undefined;
}

/** A value, or null. */
export interface OptionalType {
  readonly type: 'optional';
  readonly of: ValueType;
  readonly dims?: undefined;
}

/** What cannot be passed in or out (a sparse tensor, for one): the model's other values can. */
export interface UnsupportedType {
  readonly type: 'unsupported';
  readonly what: string;
  readonly dims?: undefined;
}

/** What an input or output of a model is. */
export type ValueType = TensorType | SequenceType | MapType | OptionalType | UnsupportedType;

/** An input or output of a model. */
export type ValueInfo = { readonly name: string } & ValueType;

/** What a map of a model has as keys and as values. */
export type MapElement = string | number | bigint;

/** An input or output: a tensor, an array (of a sequence), a Map, or null (of an optional). */
export type ModelValue = Tensor | readonly ModelValue[] | ReadonlyMap<MapElement, MapElement> | null;

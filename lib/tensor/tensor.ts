// Host tensors: making them, and checking those that users hand in.

import { namesOf, plainObject, refuseUnknown } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import type { TensorArray, TypeOfArray, TypesIn } from './array-types.js';
import {
  arrayClasses,
  arrayKind,
  dtypes,
  elementsPerByte,
  holds,
  isComplex,
  isDType,
  isPacked,
  type NumericArray,
  type NumericDType,
  storedLength,
} from './dtypes.js';
import { elementOf } from './elements.js';
import { packedElementOf, putPacked } from './packed.js';
import type { DType, Tensor, TypedData } from './types.js';

/** Nested arrays of numbers, bigints or booleans, all of one shape. */
export type Nested = readonly (number | bigint | boolean)[] | readonly Nested[];
/** Nested arrays of bigints, all of one shape. */
export type NestedBigInts = readonly bigint[] | readonly NestedBigInts[];

const typeOfArray: Readonly<Record<string, DType>> = {
  Float32Array: 'float32',
  Float64Array: 'float64',
  Float16Array: 'float16',
  Int8Array: 'int8',
  Int16Array: 'int16',
  Int32Array: 'int32',
  BigInt64Array: 'int64',
  Uint8Array: 'uint8',
  Uint8ClampedArray: 'uint8',
  Uint16Array: 'uint16',
  Uint32Array: 'uint32',
  BigUint64Array: 'uint64',
};

export interface TensorOptions<T extends DType = DType> {
  /** The element type, where the data leaves it open: float32 for nested arrays; uint16 data may be float16 or bfloat16. */
  type?: T | undefined;
}

/** Sizes of dimensions: a plain array of integers. */
export type Dims = readonly number[];

/** A tensor over the typed array, which is not copied. `dims` defaults to one dimension of the array's length. */
export function tensor<A extends TensorArray>(data: A, dims?: Dims): Tensor<TypeOfArray<A>>;
/** The same of a type that is named, whose elements the array holds: float16 in a Uint16Array, bool in a Uint8Array, complex64 in a Float32Array. */
export function tensor<T extends DType>(data: TypedData[T], dims: Dims | undefined, options: { type: T }): Tensor<T>;
/** The same, of a type that the array may hold. */
export function tensor<A extends TensorArray>(
  data: A,
  dims: Dims | undefined,
  options: TensorOptions<TypesIn<A>>,
): Tensor<TypesIn<A>>;
/** A tensor of strings. */
export function tensor(data: readonly string[], dims?: Dims): Tensor<'string'>;
/** A tensor of int64 from nested arrays of bigints, whose shape it takes. */
export function tensor(data: NestedBigInts, options?: { readonly type?: undefined }): Tensor<'int64'>;
/**
 * A tensor from nested arrays, whose shape it takes: float32 (int64 of bigints) unless `type` says otherwise; of a complex type the numbers are real parts. Floats are rounded to the nearest of
 * the type, ties to even (of float4e2m1 what is larger is its largest); what an integer type or bool cannot hold is refused.
 */
export function tensor<T extends NumericDType = 'float32'>(data: Nested, options?: TensorOptions<T>): Tensor<T>;
/** Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function tensor(data: unknown, second?: unknown, third?: unknown): Tensor {
  if (ArrayBuffer.isView(second)) throw wrongDims('tensor', second);
  const hasDims = Array.isArray(second);
  const given = hasDims ? (second as Dims) : undefined;
  const options = hasDims || second === undefined ? third : second;
  const wanted = options === undefined ? undefined : checkTensorOptions(options as TensorOptions).type;
  if (ArrayBuffer.isView(data)) {
    const kind = arrayKind(data);
    const type = wanted ?? typeOfArray[kind];
    if (type === undefined) throw new TensorlaneError('ERR_DTYPE', `tensor: a ${kind} holds no tensor elements`);
    const length = (data as NumericArray).length;
    const dims = given ?? [elementsIn(type, length)];
    return checkTensor(hostTensor(type, unclamped(data, kind), [...dims]), 'tensor');
  }
  if (!Array.isArray(data)) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `tensor: expected a typed array or nested arrays, got ${arrayKind(data)}`,
    );
  }
  const isText = wanted === 'string' || (wanted === undefined && typeof data[0] === 'string');
  if (isText) return checkTensor(hostTensor('string', data, [...(given ?? [data.length])]), 'tensor');
  return fromNested(data, wanted, given);
}

/** How many elements an array of this length has; of half a complex number the check that follows tells. */
function elementsIn(type: DType, length: number): number {
  if (isComplex(type)) return Math.floor(length / 2);
  return isPacked(type) ? length * elementsPerByte(type) : length;
}

/** Far more than any operation or model has. */
const mostDims = 64;
const names = namesOf<TensorOptions>({ type: true });

/** Errors: ERR_ARGUMENT, ERR_DTYPE. */
function checkTensorOptions(options: TensorOptions): TensorOptions {
  refuseUnknown(plainObject('tensor: dims, or options', options), names, 'tensor');
  if (options.type === undefined || isDType(options.type)) return options;
  throw new TensorlaneError(
    'ERR_DTYPE',
    `tensor: there is no element type ${shown(options.type)}; there is ${dtypes.join(', ')}`,
  );
}

/** Of a type that is not wanted, the first element decides. */
function fromNested(data: readonly unknown[], wanted: DType | undefined, given: readonly number[] | undefined): Tensor {
  const dims: number[] = [];
  let first: unknown = data;
  for (; Array.isArray(first); first = first[0]) {
    dims.push(first.length);
    if (dims.length > mostDims) {
      throw new TensorlaneError('ERR_SHAPE', `tensor: the arrays are nested deeper than ${mostDims} dimensions`);
    }
  }
  const count = product(dims);
  const type = wanted ?? (typeof first === 'bigint' ? 'int64' : 'float32');
  // What was not asked for does not hold every bigint.
  const onlyNumbers = wanted === undefined && type === 'float32';
  if (type === 'string') {
    throw new TensorlaneError('ERR_DTYPE', `tensor: nested arrays cannot become ${type}; give its data as an array`);
  }
  const array = newArray(type, storedLength(type, count));
  let next = 0;
  const copy = (level: unknown, depth: number): void => {
    if (depth === dims.length) {
      if (typeof level !== 'number' && typeof level !== 'bigint' && typeof level !== 'boolean') {
        throw new TensorlaneError('ERR_SHAPE', `tensor: expected a number at element ${next}, got ${arrayKind(level)}`);
      }
      if (onlyNumbers && typeof level === 'bigint') {
        throw new TensorlaneError(
          'ERR_ARGUMENT',
          `tensor: expected numbers, as the elements before are, got ${level}n at element ${next}; give a type for both`,
        );
      }
      const value = typeof level === 'boolean' ? Number(level) : level;
      const element = isPacked(type) ? packedElementOf(type, value) : elementOf(type, value);
      if (element === undefined) {
        throw new TensorlaneError(
          'ERR_ARGUMENT',
          `tensor: expected ${expectedOf(type)}, got ${level} at element ${next}`,
        );
      }
      if (isPacked(type)) putPacked(type, array, next++, element as number);
      else if (isComplex(type)) array[2 * next++] = element;
      else array[next++] = element;
      return;
    }
    if (!Array.isArray(level) || level.length !== dims[depth]) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `tensor: the nested arrays are ragged: at depth ${depth} expected ${dims[depth]} elements, ` +
          `got ${Array.isArray(level) ? level.length : arrayKind(level)}`,
      );
    }
    for (const inner of level) copy(inner, depth + 1);
  };
  copy(data, 0);
  return checkTensor(hostTensor(type, array, [...(given ?? dims)]), 'tensor');
}

function expectedOf(type: NumericDType): string {
  if (type === 'bool') return 'true, false, 1 or 0 for bool';
  return type === 'float4e2m1' ? 'numbers for float4e2m1, which has no NaN' : `integers for ${type}, within its range`;
}

/** Errors: ERR_OUT_OF_MEMORY. */
function newArray(type: NumericDType, count: number): NumericArray {
  try {
    return new arrayClasses[type](count);
  } catch (cause) {
    throw new TensorlaneError('ERR_OUT_OF_MEMORY', `tensor: no memory for ${count} elements of ${type}`, { cause });
  }
}

/** A tensor is whatever has these, made by this class or not. */
class HostTensor {
  constructor(
    readonly type: DType,
    readonly data: unknown,
    readonly dims: readonly number[],
  ) {}
}
// onnxruntime-node asks where the elements are; whoever looks at a tensor sees what a tensor has. A hidden property of each would cost as
// much as all else that an output takes.
Object.defineProperty(HostTensor.prototype, 'location', { value: 'cpu' });
// It prints and compares as an object of no class.
Reflect.deleteProperty(HostTensor.prototype, 'constructor');

/** A tensor over these data, as onnxruntime-node takes it, too. */
export function hostTensor(type: DType, data: unknown, dims: readonly number[]): Tensor {
  return new HostTensor(type, data, dims) as Tensor;
}

/** Zeros, or empty strings. */
export function zeros(type: DType, dims: readonly number[]): Tensor {
  const length = product(dims);
  const data =
    type === 'string' ? new Array<string>(length).fill('') : new arrayClasses[type](storedLength(type, length));
  return hostTensor(type, data, dims);
}

/** The number of elements of dims that are known to be right. */
export function product(dims: readonly number[]): number {
  return dims.reduce((total, dim) => total * dim, 1);
}

/** The number of elements that `dims` describes. Errors: ERR_SHAPE. */
export function elementCount(dims: readonly number[], what: string): number {
  let count = 1;
  for (const dim of dims) {
    if (!Number.isInteger(dim) || dim < 0) {
      throw new TensorlaneError('ERR_SHAPE', `${what}: dims must be integers of at least 0, got ${shownDims(dims)}`);
    }
    count *= dim;
  }
  if (!Number.isSafeInteger(count)) {
    throw new TensorlaneError('ERR_SHAPE', `${what}: dims [${dims.join(', ')}] describe too many elements`);
  }
  return count;
}

/** Checks that a value is a tensor, and that its data are what its type and dims say. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkTensor(value: unknown, what: string): Tensor {
  if (value === null || typeof value !== 'object') {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${what}: expected a tensor { type, data, dims }, got ${arrayKind(value)}`,
    );
  }
  const { type, data, dims } = value as { type?: unknown; data?: unknown; dims?: unknown };
  if (!isDType(type)) {
    throw new TensorlaneError(
      'ERR_DTYPE',
      `${what}: ${shown(type)} is not an element type; a tensor is { type, data, dims }`,
    );
  }
  if (!Array.isArray(dims)) throw wrongDims(what, dims);
  if (!holds(type, data)) {
    const expected = type === 'string' ? 'Array' : arrayClasses[type].name;
    throw new TensorlaneError('ERR_DTYPE', `${what}: a ${type} tensor holds a ${expected}, not ${arrayKind(data)}`);
  }
  const { length } = data as { length: number };
  const expected = storedLength(type, elementCount(dims, what));
  if (length !== expected) {
    const detached = ArrayBuffer.isView(data) && data.buffer.byteLength === 0 && expected > 0;
    throw new TensorlaneError(
      'ERR_SHAPE',
      `${what}: dims [${dims.join(', ')}] need ${expected} elements, but data has ${length}` +
        (detached ? ' (its buffer is empty or was transferred elsewhere)' : ''),
    );
  }
  if (type === 'string') requireStrings(data as readonly unknown[], what);
  return value as Tensor;
}

/** Dims that were given; what is no number in them can be told from one. */
export function shownDims(dims: readonly unknown[]): string {
  return `[${Array.from(dims, (dim) => (typeof dim === 'bigint' ? `${dim}n` : shown(dim))).join(', ')}]`;
}

/** Of dims that are no plain array. */
export function wrongDims(what: string, dims: unknown): TensorlaneError {
  const remedy = ArrayBuffer.isView(dims) ? '; Array.from(dims, Number) makes one' : '';
  return new TensorlaneError(
    'ERR_SHAPE',
    `${what}: dims must be a plain array of integers, got ${arrayKind(dims)}${remedy}`,
  );
}

/** Errors: ERR_DTYPE. */
export function requireStrings(data: readonly unknown[], what: string): void {
  const at = data.findIndex((element) => typeof element !== 'string');
  if (at === -1) return;
  throw new TensorlaneError(
    'ERR_DTYPE',
    `${what}: element ${at} of a string tensor is ${shown(data[at])}, not a string`,
  );
}

/** Uint8ClampedArray, which canvas has, as the array class of uint8 over the same memory. */
function unclamped(data: ArrayBufferView, kind: string): ArrayBufferView {
  if (kind !== 'Uint8ClampedArray') return data;
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

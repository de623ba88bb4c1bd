// Host tensors: making them, and checking those that users hand in.

import { namesOf, plainObject, refuseUnknown } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import {
  arrayClasses,
  arrayKind,
  dtypes,
  holds,
  isDType,
  type NumericArray,
  type NumericDType,
  storedLength,
} from './dtypes.js';
import type { DType, Tensor, TypedData } from './types.js';

/** Nested arrays of numbers, all of one shape. */
export type Nested = readonly number[] | readonly Nested[];

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
  type?: T;
}

/** A tensor over the typed array, which is not copied. `dims` defaults to one dimension of the array's length. */
export function tensor(data: Float32Array, dims?: readonly number[]): Tensor<'float32'>;
export function tensor(data: Float64Array, dims?: readonly number[]): Tensor<'float64'>;
export function tensor(data: Int32Array, dims?: readonly number[]): Tensor<'int32'>;
export function tensor(data: BigInt64Array, dims?: readonly number[]): Tensor<'int64'>;
export function tensor(data: Uint8Array, dims?: readonly number[]): Tensor<'uint8'>;
export function tensor<T extends DType>(
  data: TypedData[T],
  dims: readonly number[] | undefined,
  options: { type: T },
): Tensor<T>;
export function tensor(data: NumericArray, dims?: readonly number[], options?: TensorOptions): Tensor;
/** A tensor of strings. */
export function tensor(data: readonly string[], dims?: readonly number[]): Tensor<'string'>;
/** A tensor from nested arrays, whose shape it takes: float32 unless `type` says otherwise. */
export function tensor<T extends NumericDType = 'float32'>(data: Nested, options?: TensorOptions<T>): Tensor<T>;
/** Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function tensor(data: unknown, second?: unknown, third?: unknown): Tensor {
  const hasDims = Array.isArray(second);
  const given = hasDims ? (second as readonly number[]) : undefined;
  const options = hasDims || second === undefined ? third : second;
  const wanted = options === undefined ? undefined : checkTensorOptions(options as TensorOptions).type;
  if (ArrayBuffer.isView(data)) {
    const kind = arrayKind(data);
    const type = wanted ?? typeOfArray[kind];
    if (type === undefined) throw new TensorlaneError('ERR_DTYPE', `tensor: a ${kind} holds no tensor elements`);
    const length = (data as NumericArray).length;
    const dims = given ?? [type === 'int4' || type === 'uint4' ? length * 2 : length];
    return checkTensor({ type, data, dims: [...dims] }, 'tensor');
  }
  if (!Array.isArray(data)) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `tensor: expected a typed array or nested arrays, got ${arrayKind(data)}`,
    );
  }
  const isText = wanted === 'string' || (wanted === undefined && typeof data[0] === 'string');
  if (isText)
    return checkTensor({ type: 'string', data: data as string[], dims: [...(given ?? [data.length])] }, 'tensor');
  return fromNested(data, wanted ?? 'float32', given);
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

function fromNested(data: readonly unknown[], type: DType, given: readonly number[] | undefined): Tensor {
  const dims: number[] = [];
  for (let level: unknown = data; Array.isArray(level); level = level[0]) {
    dims.push(level.length);
    if (dims.length > mostDims) {
      throw new TensorlaneError('ERR_SHAPE', `tensor: the arrays are nested deeper than ${mostDims} dimensions`);
    }
  }
  const count = product(dims);
  if (type === 'string' || type === 'int4' || type === 'uint4') {
    throw new TensorlaneError('ERR_DTYPE', `tensor: nested arrays cannot become ${type}; give its data as an array`);
  }
  const array = newArray(type, count);
  const isBig = type === 'int64' || type === 'uint64';
  let next = 0;
  const copy = (level: unknown, depth: number): void => {
    if (depth === dims.length) {
      if (typeof level !== 'number' && typeof level !== 'bigint' && typeof level !== 'boolean') {
        throw new TensorlaneError('ERR_SHAPE', `tensor: expected a number at element ${next}, got ${arrayKind(level)}`);
      }
      if (isBig && typeof level === 'number' && !Number.isInteger(level)) {
        throw new TensorlaneError(
          'ERR_ARGUMENT',
          `tensor: expected integers for ${type}, got ${level} at element ${next}`,
        );
      }
      array[next++] = isBig ? BigInt(level) : Number(level);
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
  return checkTensor({ type, data: array, dims: [...(given ?? dims)] }, 'tensor');
}

/** Errors: ERR_OUT_OF_MEMORY. */
function newArray(type: NumericDType, count: number): NumericArray {
  try {
    return new arrayClasses[type](count);
  } catch (cause) {
    throw new TensorlaneError('ERR_OUT_OF_MEMORY', `tensor: no memory for ${count} elements of ${type}`, { cause });
  }
}

/** Zeros, or empty strings. */
export function zeros(type: DType, dims: readonly number[]): Tensor {
  const length = product(dims);
  const data =
    type === 'string' ? new Array<string>(length).fill('') : new arrayClasses[type](storedLength(type, length));
  return { type, data, dims } as Tensor;
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
      throw new TensorlaneError('ERR_SHAPE', `${what}: dims must be integers of at least 0, got [${dims.join(', ')}]`);
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
  if (!Array.isArray(dims)) {
    throw new TensorlaneError('ERR_SHAPE', `${what}: dims must be an array of numbers, got ${arrayKind(dims)}`);
  }
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
  return value as Tensor;
}

// What a model's values are in JS: tensors as they are, sequences as arrays, maps as Maps, an optional as its value or null.

import type {
  RunInput,
  RunOutput,
  TensorInput,
  TensorOutput,
  TypeDescription,
  ValueDescription,
} from '../../binding.js';
import { addon } from '../addon/load.js';
import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import { DeviceTensor } from '../runtime/device-tensor.js';
import { arrayClasses, arrayKind, type NumericArray } from '../tensor/dtypes.js';
import { elementOf } from '../tensor/elements.js';
import { checkTensor, hostTensor } from '../tensor/tensor.js';
import type {
  DType,
  MapElement,
  MapType,
  ModelValue,
  Tensor,
  TensorType,
  ValueInfo,
  ValueType,
} from '../tensor/types.js';

export function infoOf(described: ValueDescription): ValueInfo {
  return { name: described.name, ...typeOf(described) };
}

function typeOf(described: TypeDescription): ValueType {
  switch (described.kind) {
    case 'tensor': {
      const { type, dims, dimNames = [] } = described;
      return { type, dims, dimNames };
    }
    case 'map':
      return { type: 'map', keys: described.keys, of: typeOf(described.of) };
    case 'unsupported':
      return { type: 'unsupported', what: described.what };
    default:
      return { type: described.kind, of: typeOf(described.of) };
  }
}

export function isTensorType(type: ValueType): type is TensorType {
  return 'dimNames' in type;
}

/** In words: 'a sequence of Maps of int64 to float32'. */
export function inWords(type: ValueType): string {
  switch (type.type) {
    case 'sequence':
      return `a sequence of ${inWords(type.of).replace(/^an? (\w+)/, '$1s')}`;
    case 'map':
      return `a Map of ${type.keys} to ${type.of.type}`;
    case 'optional':
      return `${inWords(type.of)} or null`;
    case 'unsupported':
      return type.what;
    default:
      return `a tensor of ${type.type}`;
  }
}

/** A shape as an error shows it: names for free dimensions. */
export function shapeOf({ dims, dimNames }: { dims: readonly number[]; dimNames: TensorType['dimNames'] }): string {
  return `[${dims.map((dim, axis) => (dim === -1 ? (dimNames[axis] ?? 'any') : dim)).join(', ')}]`;
}

/**
 * A value as the addon takes it. What is small is copied, so that the caller may reuse it. Errors: ERR_ARGUMENT, ERR_DTYPE,
 * ERR_SHAPE, ERR_NOT_SUPPORTED.
 */
export function nativeInput(type: ValueType, value: unknown, what: string): RunInput {
  switch (type.type) {
    case 'optional':
      return value === null || value === undefined ? null : nativeInput(type.of, value, what);
    case 'sequence':
      if (!Array.isArray(value)) throw wrongKind(type, value, what);
      return { sequence: value.map((item, i) => nativeInput(type.of, item, `${what}: element ${i}`)) };
    case 'map':
      if (Object.prototype.toString.call(value) !== '[object Map]') throw wrongKind(type, value, what);
      return nativeMap(type, value as ReadonlyMap<unknown, unknown>, what);
    case 'unsupported':
      throw new TensorlaneError('ERR_NOT_SUPPORTED', `${what} is ${type.what}, which cannot be passed in`);
    default:
      return nativeTensor(type, value, what);
  }
}

function nativeTensor(type: TensorType, value: unknown, what: string): TensorInput {
  if (value instanceof DeviceTensor) {
    throw new TensorlaneError(
      'ERR_NOT_SUPPORTED',
      `${what}: expected a host tensor, got a device tensor; get() it first`,
    );
  }
  const tensor = checkTensor(value, what);
  if (tensor.type !== type.type) {
    throw new TensorlaneError('ERR_DTYPE', `${what} takes ${type.type}, but was given ${tensor.type}`);
  }
  const { dims } = type;
  const fits =
    dims?.length === tensor.dims.length && dims.every((dim, axis) => dim === -1 || dim === tensor.dims[axis]);
  if (dims !== undefined && !fits) {
    throw new TensorlaneError(
      'ERR_SHAPE',
      `${what} takes dims ${shapeOf({ ...type, dims })}, but was given [${tensor.dims.join(', ')}]`,
    );
  }
  const { data } = copyTensor(tensor, addon().copyUpTo);
  return {
    dims: [...tensor.dims],
    parts: tensor.type === 'string' ? (data as string[]) : [bitsOf(data as NumericArray)],
  };
}

/** A Float16Array, which the addon does not know, and arrays of another realm. */
function bitsOf(data: NumericArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function nativeMap(type: MapType, map: ReadonlyMap<unknown, unknown>, what: string): RunInput {
  return {
    keys: nativeElements(type.keys, [...map.keys()], `${what}: a key`),
    values: nativeElements(type.of.type as DType, [...map.values()], `${what}: a value`),
  };
}

function nativeElements(type: DType, elements: readonly unknown[], what: string): TensorInput {
  const dims = [elements.length];
  const wrong = (element: unknown) =>
    new TensorlaneError('ERR_DTYPE', `${what} must be ${type}, got ${shown(element)}`);
  if (type === 'string') {
    const stray = elements.find((element) => typeof element !== 'string');
    if (stray !== undefined) throw wrong(stray);
    return { dims, parts: elements as readonly string[] };
  }
  const array = new arrayClasses[type](elements.length);
  for (const [i, element] of elements.entries()) {
    const isNumber = typeof element === 'number' || typeof element === 'bigint';
    const converted = isNumber ? elementOf(type, element) : undefined;
    if (converted === undefined) throw wrong(element);
    array[i] = converted;
  }
  return { dims, parts: [array] };
}

/** A value that the addon gave, as JS has it. */
export function givenValue(type: ValueType, output: RunOutput): ModelValue {
  if (output === null) return null;
  if (type.type === 'optional') return givenValue(type.of, output);
  if ('sequence' in output) {
    const { of } = type as { of: ValueType };
    return output.sequence.map((item) => givenValue(of, item));
  }
  if ('keys' in output) {
    const { keys, of } = type as MapType;
    const values = elementsOf(of.type as DType, output.values);
    return new Map(elementsOf(keys, output.keys).map((key, i) => [key, values[i]!]));
  }
  return hostTensor(type.type as DType, arrayOver(type.type as DType, output), output.dims);
}

/** Errors: ERR_OUT_OF_MEMORY. */
function arrayOver(type: DType, { data }: TensorOutput): NumericArray | string[] {
  return type === 'string' ? (data as string[]) : new arrayClasses[type](data as ArrayBuffer);
}

function elementsOf(type: DType, output: TensorOutput): MapElement[] {
  return Array.from<MapElement>(arrayOver(type, output) as ArrayLike<number>);
}

/** A copy of a value, with its own elements up to so many bytes each; a device tensor, and what is no value, as it is. */
export function copyValue(value: unknown, upTo = Number.POSITIVE_INFINITY): unknown {
  if (value === null || typeof value !== 'object' || value instanceof DeviceTensor) return value;
  if (Array.isArray(value)) return value.map((item) => copyValue(item, upTo));
  if (Object.prototype.toString.call(value) === '[object Map]') return new Map(value as ReadonlyMap<unknown, unknown>);
  return copyTensor(value as Tensor, upTo);
}

/** The same of a tensor, or of what looks like one. */
export function copyTensor(tensor: Tensor, upTo = Number.POSITIVE_INFINITY): Tensor {
  const { type, data, dims } = tensor;
  const small = Array.isArray(data) || (ArrayBuffer.isView(data) && data.byteLength <= upTo);
  // A Buffer's slice would be no copy.
  const own = !small
    ? data
    : Array.isArray(data)
      ? [...data]
      : data.constructor === Buffer
        ? Uint8Array.from(data as Uint8Array)
        : data.slice();
  return hostTensor(type, own, Array.isArray(dims) ? [...dims] : dims);
}

function wrongKind(type: ValueType, value: unknown, what: string): TensorlaneError {
  const expected = type.type === 'sequence' ? `an array (${inWords(type)})` : inWords(type);
  return new TensorlaneError('ERR_ARGUMENT', `${what}: expected ${expected}, got ${arrayKind(value)}`);
}

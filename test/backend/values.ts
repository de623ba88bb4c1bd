// The inputs and expected outputs of ONNX's backend tests, and comparing them with what a runtime gave.

import type { DType, Tensor } from 'tensorlane';
import { arrayClasses, bitsOf, type NumericDType } from '../../lib/tensor/dtypes.js';
import { decode, isSmallFloat } from '../../lib/tensor/small-floats.js';
import { bytesOf, fieldsOf, integersOf } from '../support/wire.js';

/** What a model may be given or give: a tensor, a sequence, a map, or an optional that is empty. */
export type Value = Tensor | readonly Value[] | ReadonlyMap<unknown, unknown> | null | undefined;

/** By the numbers of TensorProto.DataType. */
const types: readonly (string | undefined)[] = [
  undefined,
  ...[
    'float32',
    'uint8',
    'int8',
    'uint16',
    'int16',
    'int32',
    'int64',
    'string',
    'bool',
    'float16',
    'float64',
    'uint32',
  ],
  ...['uint64', 'complex64', 'complex128', 'bfloat16', 'float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2'],
  ...['float8e5m2fnuz', 'uint4', 'int4', 'float4e2m1', 'float8e8m0', 'uint2', 'int2'],
];

function tensorOf(bytes: Uint8Array): Tensor {
  const fields = fieldsOf(bytes);
  const dims = integersOf(fields, 1).map(Number);
  const type = types[Number(integersOf(fields, 2)[0] ?? 0n)] as DType;
  if (type === 'string')
    return { type, data: bytesOf(fields, 6).map((string) => Buffer.from(string).toString()), dims };
  const Class = arrayClasses[type as NumericDType];
  if (Class === undefined) throw new Error(`the test has a tensor of ${type}`);
  const raw = bytesOf(fields, 9)[0];
  if (raw !== undefined && raw.length > 0)
    return { type, data: new Class(Uint8Array.from(raw).buffer), dims } as Tensor;
  // Floats are as they are; all others are integers, of which each is an element.
  const floats = type === 'float32' ? 4 : type === 'float64' ? 10 : undefined;
  if (floats !== undefined) {
    const packed = fields.filter(({ number }) => number === floats).map(({ value }) => value as Uint8Array);
    return { type, data: new Class(Uint8Array.from(Buffer.concat(packed)).buffer), dims } as Tensor;
  }
  const integers = [5, 7, 11].flatMap((number) => integersOf(fields, number));
  const isWide = type === 'int64' || type === 'uint64';
  const array = new Class(integers.length);
  for (const [index, integer] of integers.entries()) array[index] = isWide ? integer : Number(integer);
  return { type, data: array, dims } as Tensor;
}

/** A file of a test, of a value of the kind that the model declares. */
export function readValue(bytes: Uint8Array, kind: ValueKind): Value {
  if (kind === 'tensor') return tensorOf(bytes);
  const fields = fieldsOf(bytes);
  if (kind === 'sequence') {
    const elements = [
      ...bytesOf(fields, 3).map(tensorOf),
      ...bytesOf(fields, 5).map((element) => readValue(element, 'sequence')),
      ...bytesOf(fields, 6).map((element) => readValue(element, 'map')),
      ...bytesOf(fields, 7).map((element) => readValue(element, 'optional')),
    ];
    return elements;
  }
  if (kind === 'map') {
    const strings = bytesOf(fields, 4).map((key) => Buffer.from(key).toString());
    const keys = strings.length > 0 ? strings : integersOf(fields, 3);
    const values = readValue(bytesOf(fields, 5)[0] ?? new Uint8Array(), 'sequence') as readonly Value[];
    return new Map(keys.map((key, index) => [key, values[index]]));
  }
  const tensor = bytesOf(fields, 3)[0];
  if (tensor !== undefined) return tensorOf(tensor);
  const sequence = bytesOf(fields, 5)[0];
  return sequence === undefined ? null : readValue(sequence, 'sequence');
}

export type ValueKind = 'tensor' | 'sequence' | 'map' | 'optional' | 'sparse';

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** In what they differ; undefined where they do not. */
export function difference(given: unknown, expected: Value, tolerance: Tolerance): string | undefined {
  if (expected === null || expected === undefined) {
    return given === null || given === undefined ? undefined : `${shortly(given)} where nothing was expected`;
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(given) || given.length !== expected.length) {
      return `${shortly(given)} where a sequence of ${expected.length} was expected`;
    }
    return given.map((element, i) => difference(element, expected[i], tolerance)).find((found) => found !== undefined);
  }
  if (expected instanceof Map) {
    if (!(given instanceof Map) || given.size !== expected.size) return `${shortly(given)} where a map was expected`;
    return undefined;
  }
  return tensorDifference(given as Tensor | undefined, expected as Tensor, tolerance);
}

function tensorDifference(given: Tensor | undefined, expected: Tensor, { rtol, atol }: Tolerance): string | undefined {
  if (given === null || typeof given !== 'object') return `${shortly(given)} where a tensor was expected`;
  const { type } = expected;
  if (given.type !== type) return `${given.type} where ${type} was expected`;
  if (given.dims.join() !== expected.dims.join()) return `dims [${given.dims}] where [${expected.dims}] were expected`;
  if (given.data.length !== expected.data.length) {
    return `${given.data.length} elements where ${expected.data.length} were expected`;
  }
  const isSmall = isSmallFloat(type) && bitsOf[type] >= 8; // packed ones are compared by their bytes
  const relative = type === 'bfloat16' ? Math.max(rtol, 2 ** -6) : rtol;
  for (let i = 0; i < expected.data.length; i++) {
    const [a, b] = [given.data[i], expected.data[i]];
    if (a === b) continue;
    const [x, y] = isSmall ? [decode(type, a as number), decode(type, b as number)] : [a, b];
    const isFloat =
      typeof x === 'number' &&
      typeof y === 'number' &&
      (isSmall || (type.startsWith('float') && bitsOf[type as NumericDType] >= 8));
    // Infinities differ by infinity from all others, and within no tolerance.
    const near =
      isFloat && (x === y || (Number.isNaN(x) && Number.isNaN(y)) || Math.abs(x - y) <= atol + relative * Math.abs(y));
    if (!near || (isFloat && Number.isFinite(x) !== Number.isFinite(y)))
      return `${x} at element ${i} where ${y} was expected`;
  }
  return undefined;
}

function shortly(value: unknown): string {
  if (Array.isArray(value)) return `a sequence of ${value.length}`;
  const type = (value as { type?: unknown } | null | undefined)?.type;
  return typeof type === 'string' ? `a tensor of ${type}` : String(value);
}

/** The same elements in another order, so that what is an index or a length remains one. */
export function reversed<T extends Value>(value: T): T {
  const { type, data, dims } = value as Tensor;
  if (bitsOf[type as NumericDType] < 8) return value;
  return { type, data: data.slice().reverse(), dims } as unknown as T;
}

/** The positions of a leading axis of both, one after the other. */
export function stacked(first: Tensor, second: Tensor): Tensor {
  const [rows, ...rest] = first.dims;
  const dims = [rows! + second.dims[0]!, ...rest];
  if (first.type === 'string') return { type: 'string', data: [...first.data, ...(second.data as string[])], dims };
  const data = new arrayClasses[first.type](first.data.length + second.data.length);
  (data as Float32Array).set(first.data as Float32Array);
  (data as Float32Array).set(second.data as Float32Array, first.data.length);
  return { type: first.type, data, dims } as Tensor;
}

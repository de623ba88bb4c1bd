// Tensors out of the arrays of a JSON body, and back.
//
// The rule: what a type cannot hold is refused, never rounded: fractions and numbers out of range for integers. Floats are rounded to their
// type, as every client expects.

import type { DType, Tensor } from 'tensorlane';
import type { ElementType } from '../core/dtypes.js';
import { invalid } from '../core/errors.js';
import { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from './half.js';
import type { JsonValue } from './parse.js';

type Store = (value: JsonValue, at: number) => boolean;

const whole: Readonly<Record<string, readonly [least: number, most: number]>> = {
  uint8: [0, 0xff],
  uint16: [0, 0xffff],
  uint32: [0, 0xffffffff],
  int8: [-0x80, 0x7f],
  int16: [-0x8000, 0x7fff],
  int32: [-0x80000000, 0x7fffffff],
};

/**
 * The elements of an array, flat or nested in any way, in its order. `what` names it in messages.
 * Errors: INVALID_ARGUMENT, for another number of elements than `dims` have, or a value that the type has not.
 */
export function tensorOf(what: string, type: ElementType, dims: readonly number[], data: JsonValue): Tensor {
  const length = elementsOf(what, dims);
  // Whatever dims say, there are no more elements than the body has.
  const given = countOf(data);
  if (given !== length)
    throw invalid(`${what}: dims [${dims.join(', ')}] have ${length} elements, but ${given} were given`);
  if (type.type === 'string') {
    const strings: string[] = new Array<string>(length);
    fill(what, type, data, (value, at) => {
      if (typeof value !== 'string') return false;
      strings[at] = value;
      return true;
    });
    return { type: 'string', data: strings, dims };
  }
  const array = new type.array!(new ArrayBuffer(length * type.bytes), 0, length);
  fill(what, type, data, storeOf(type.type, array as never));
  return { type: type.type, data: array, dims } as Tensor;
}

/** How many elements dims have. Errors: INVALID_ARGUMENT, for what is no shape. */
export function elementsOf(what: string, dims: readonly number[]): number {
  let length = 1;
  for (const dim of dims) {
    if (!Number.isSafeInteger(dim) || dim < 0)
      throw invalid(`${what}: a dimension is an integer of at least 0, got ${dim}`);
    length *= dim;
    if (length > Number.MAX_SAFE_INTEGER)
      throw invalid(`${what}: dims [${dims.join(', ')}] are more than any tensor has`);
  }
  return length;
}

function countOf(data: JsonValue): number {
  if (!Array.isArray(data)) return 1;
  if (data.length === 0 || !Array.isArray(data[0])) return data.length;
  return data.reduce((sum: number, one) => sum + countOf(one), 0);
}

function fill(what: string, type: ElementType, data: JsonValue, store: Store): void {
  let at = 0;
  const walk = (values: readonly JsonValue[]) => {
    for (const value of values) {
      if (Array.isArray(value)) walk(value);
      else if (!store(value, at)) throw invalid(`${what}: element ${at} is no ${type.type}: ${shownElement(value)}`);
      else at++;
    }
  };
  walk([data]);
}

function shownElement(value: JsonValue): string {
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 50)) : String(value);
}

function storeOf(type: DType, array: number[] & bigint[]): Store {
  const range = whole[type];
  if (range !== undefined) {
    const [least, most] = range;
    return (value, at) => {
      if (typeof value !== 'number' || !(value >= least && value <= most) || !Number.isInteger(value)) return false;
      array[at] = value as never;
      return true;
    };
  }
  if (type === 'int64' || type === 'uint64') {
    const fits = type === 'int64' ? BigInt.asIntN : BigInt.asUintN;
    return (value, at) => {
      if (typeof value === 'number' ? !Number.isSafeInteger(value) : typeof value !== 'bigint') return false;
      const integer = BigInt(value as number | bigint);
      if (fits(64, integer) !== integer) return false;
      array[at] = integer as never;
      return true;
    };
  }
  if (type === 'bool') {
    return (value, at) => {
      if (typeof value !== 'boolean' && value !== 0 && value !== 1) return false;
      array[at] = Number(value) as never;
      return true;
    };
  }
  // Above it, the nearest of the type would be infinity.
  const most =
    { float16: 65520, bfloat16: 2 ** 128 * (1 - 2 ** -9), float32: 2 ** 128 * (1 - 2 ** -25) }[type as string] ??
    Infinity;
  const bits = type === 'float16' ? float16Bits : type === 'bfloat16' ? bfloat16Bits : (value: number) => value;
  return (value, at) => {
    if (typeof value !== 'number' && typeof value !== 'bigint') return false;
    const number = Number(value);
    if (!(Math.abs(number) < most) && Number.isFinite(number)) return false;
    array[at] = bits(number) as never;
    return true;
  };
}

/** Its elements as JSON has them, separated by commas. Floats that are no numbers are NaN, Infinity and -Infinity. */
export function elementsText({ type, data }: Tensor): string[] {
  if (type === 'string') return (data as readonly string[]).map((one) => JSON.stringify(one));
  if (type === 'bool') return Array.from(data as Uint8Array, (one) => (one === 0 ? 'false' : 'true'));
  if (type === 'float16') return Array.from(data as Uint16Array, (bits) => String(float16Value(bits)));
  if (type === 'bfloat16') return Array.from(data as Uint16Array, (bits) => String(bfloat16Value(bits)));
  if (type === 'float32') return Array.from(data as Float32Array, shortest);
  return Array.from(data as ArrayLike<number | bigint>, String);
}

/** The fewest digits that come back as the same float of 32 bits, or nearly so: 9 always do. */
function shortest(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  return Number.isFinite(value) ? String(Number(value.toPrecision(9))) : String(value);
}

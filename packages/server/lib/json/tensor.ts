// Tensors out of the arrays of a JSON body.
//
// The rules: what a type cannot hold is refused, never rounded: fractions and numbers out of range for integers. Floats are rounded to their
// type, as every client expects. Long arrays of numbers are read off the JS thread, by the same rules (native/json/element.h); whichever way
// elements come, the first that is wrong is told, in the same words.

import type { DType, Tensor } from 'tensorlane';
import { type JsonDType, readNumbers } from 'tensorlane/json';
import type { ElementType } from '../core/dtypes.js';
import { invalid, type Refusal } from '../core/errors.js';
import { shown } from '../core/options.js';
import { bfloat16Bits, float16Bits } from './half.js';
import { type JsonValue, Numbers, parseJson } from './parse.js';

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
export async function tensorOf(
  what: string,
  type: ElementType,
  dims: readonly number[],
  data: JsonValue,
): Promise<Tensor> {
  const length = elementsOf(what, dims);
  // Whatever dims say, there are no more elements than the body has.
  const { count, long } = countOf(data);
  if (count !== length)
    throw invalid(`${what}: dims [${dims.join(', ')}] have ${length} elements, but ${count} were given`);
  if (type.type === 'string') {
    const strings: string[] = new Array<string>(length);
    const { wrong } = new Elements(what, type, data, (value, at) => {
      if (typeof value !== 'string') return false;
      strings[at] = value;
      return true;
    });
    if (wrong !== undefined) throw wrong;
    return { type: 'string', data: strings, dims };
  }
  const isLong = long > 0 && long === length;
  const array = new type.array!(new ArrayBuffer(isLong ? 0 : length * type.bytes), 0, isLong ? 0 : length);
  const { parts, wrong } = new Elements(what, type, data, storeOf(type.type, array as never));
  const read = parts.length > 0 ? await readParts(what, type, parts) : undefined;
  if (wrong !== undefined) throw wrong;
  if (isLong) return { type: type.type, data: read, dims } as Tensor;
  for (const { at, from, numbers } of parts) {
    array.set(read!.subarray(from, from + numbers.array.count) as never, at);
  }
  return { type: type.type, data: array, dims } as Tensor;
}

/** How many elements dims have. Errors: INVALID_ARGUMENT, for what is no shape. */
export function elementsOf(what: string, dims: readonly number[]): number {
  let length = 1;
  for (const dim of dims) {
    if (!Number.isSafeInteger(dim) || dim < 0)
      throw invalid(`${what}: a dimension is an integer of at least 0, got ${shown(dim)}`);
    length *= dim;
    if (length > Number.MAX_SAFE_INTEGER)
      throw invalid(`${what}: dims [${dims.join(', ')}] are more than any tensor has`);
  }
  return length;
}

/** How many elements there are, and how many of them in `Numbers`. */
function countOf(data: JsonValue): { readonly count: number; readonly long: number } {
  if (data instanceof Numbers) return { count: data.array.count, long: data.array.count };
  if (!Array.isArray(data)) return { count: 1, long: 0 };
  let [count, long] = [0, 0];
  for (const one of data) {
    if (!Array.isArray(one) && !(one instanceof Numbers)) {
      count++;
      continue;
    }
    const inner = countOf(one);
    count += inner.count;
    long += inner.long;
  }
  return { count, long };
}

/** A long array: its first element is number `at` of the tensor's, and number `from` of all that are in such arrays. */
interface Part {
  readonly numbers: Numbers;
  readonly at: number;
  readonly from: number;
}

/** Stores the elements of an array, up to one that the type has not; but those of long arrays, which are gathered. */
class Elements {
  readonly parts: Part[] = [];
  wrong: Refusal | undefined;
  readonly #what: string;
  readonly #type: ElementType;
  readonly #store: Store;
  #at = 0;
  #gathered = 0;

  constructor(what: string, type: ElementType, data: JsonValue, store: Store) {
    this.#what = what;
    this.#type = type;
    this.#store = store;
    this.#walk([data]);
  }

  #walk(values: readonly JsonValue[]): void {
    for (const value of values) {
      if (this.wrong !== undefined) return;
      if (Array.isArray(value)) this.#walk(value);
      else if (value instanceof Numbers && this.#type.type !== 'string') this.#gather(value);
      else if (this.#store(value, this.#at)) this.#at++;
      else this.wrong = wrongElement(this.#what, this.#type, this.#at, value);
    }
  }

  #gather(numbers: Numbers): void {
    this.parts.push({ numbers, at: this.#at, from: this.#gathered });
    this.#at += numbers.array.count;
    this.#gathered += numbers.array.count;
  }
}

/** The elements of long arrays, one array after the other. Errors: INVALID_ARGUMENT. */
async function readParts(what: string, type: ElementType, parts: readonly Part[]) {
  const arrays = parts.map(({ numbers }) => numbers.array);
  const { data, refused } = await readNumbers(parts[0]!.numbers.body, arrays, type.type as JsonDType);
  if (data !== undefined) return data;
  const part = parts.findLast(({ from }) => from <= refused.index)!;
  throw wrongElement(what, type, part.at + refused.index - part.from, parseJson(Buffer.from(refused.text)));
}

function wrongElement(what: string, type: ElementType, at: number, value: JsonValue): Refusal {
  return invalid(`${what}: element ${at} is no ${type.type}: ${shownElement(value)}`);
}

function shownElement(value: JsonValue): string {
  if (value instanceof Numbers) return shownElement(firstOf(value));
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 50)) : String(value);
}

function firstOf({ body, array }: Numbers): JsonValue {
  const between = Buffer.from('[], \n\r\t');
  let start = array.start;
  while (between.includes(body[start]!)) start++;
  let end = start;
  while (!between.includes(body[end]!)) end++;
  return parseJson(body.subarray(start, end));
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

// Triton's classification: of an output, the highest values, as text: "value:index", and behind it what the class is called.

import type { Tensor } from 'tensorlane';
import { byType } from '../core/dtypes.js';
import { invalid } from '../core/errors.js';
import type { Servable } from '../engine/servable.js';
import { bfloat16Value, float16Value } from '../json/half.js';
import type { JsonObject } from '../json/parse.js';
import { wholeAt } from './parameters.js';

/** How many classes are asked for; undefined: the output as it is. Errors: INVALID_ARGUMENT. */
export function classesIn(parameters: JsonObject, called: string): number | undefined {
  const count = wholeAt(parameters, 'classification');
  if (count === 0) throw invalid(`${called}: classification must be at least 1`);
  return count;
}

/** What is to be run for outputs: also what says of what classes their values are. Errors: ERR_NOT_SUPPORTED. */
export function outputsToRun(
  servable: Servable,
  outputs: readonly { readonly name: string; readonly classes?: number | undefined }[],
): readonly string[] {
  const names = outputs.flatMap(({ name, classes }) => {
    const indices = classes === undefined ? undefined : servable.indicesOf(name);
    return indices === undefined ? [name] : [name, indices];
  });
  return [...new Set(names)];
}

export interface Classes {
  /** Whether its first dimension are rows. */
  readonly isBatched: boolean;
  /** What they are called. */
  readonly labels?: readonly string[] | undefined;
  /** Of what classes the elements are, where they are not all. */
  readonly indices?: Tensor | undefined;
}

/**
 * Of each row of a model that has batches, else of the whole tensor, its `count` highest elements, the first of equal ones first:
 * [rows, count] or [count]. Errors: INVALID_ARGUMENT, of strings.
 */
export function classified(
  name: string,
  tensor: Tensor,
  count: number,
  { isBatched, labels, indices }: Classes,
): Tensor {
  if (tensor.type === 'string') throw invalid(`output '${name}' is of BYTES, which are no values to be classified`);
  const rows = isBatched ? tensor.dims[0]! : 1;
  const each = rows === 0 ? 0 : tensor.data.length / rows;
  const most = Math.min(count, each);
  const values = numbersOf(tensor);
  const isFloat = byType.get(tensor.type)?.v2.includes('F') === true;
  const data: string[] = [];
  for (let row = 0; row < rows; row++) {
    for (const at of highest(values, row * each, each, most)) {
      const value = values[row * each + at]!;
      const index = indices === undefined ? at : Number(indices.data[row * each + at]);
      const label = labels?.[index];
      data.push(`${isFloat ? fixed(Number(value)) : value}:${index}${label ? `:${label}` : ''}`);
    }
  }
  return { type: 'string', data, dims: isBatched ? [rows, most] : [most] };
}

function numbersOf({ type, data }: Tensor): ArrayLike<number | bigint> {
  if (type === 'float16') return Array.from(data as Uint16Array, float16Value);
  if (type === 'bfloat16') return Array.from(data as Uint16Array, bfloat16Value);
  return data as ArrayLike<number | bigint>;
}

/** So few are found soonest in one pass over all. */
const mostInserted = 64;

/** The places of the highest, within what begins at `start`. NaN is below everything. */
export function highest(values: ArrayLike<number | bigint>, start: number, length: number, count: number): number[] {
  const best: number[] = [];
  const isAbove = (a: number, b: number) => {
    const [one, other] = [values[start + a]!, values[start + b]!];
    return one > other || (Number.isNaN(other) && !Number.isNaN(one));
  };
  // To put many of them in their places one by one would take as long as the square of their number.
  if (count > mostInserted) {
    const places = Uint32Array.from({ length }, (_, at) => at);
    return [...places.sort((a, b) => (isAbove(a, b) ? -1 : isAbove(b, a) ? 1 : a - b)).subarray(0, count)];
  }
  for (let at = 0; at < length; at++) {
    if (best.length === count && !isAbove(at, best.at(-1)!)) continue;
    let [low, high] = [0, best.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isAbove(at, best[middle]!)) high = middle;
      else low = middle + 1;
    }
    best.splice(low, 0, at);
    if (best.length > count) best.pop();
  }
  return best;
}

/** C++'s to_string: six digits behind the point. */
function fixed(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`;
}

// Operations along an axis: which one is meant, and what is before it and behind it.

import { flag, namesOf } from '../core/arguments.js';
import { placeOfAxis } from '../runtime/axes.js';
import { checkFloat } from '../runtime/operands.js';
import { checkStoppable, type StoppableOptions } from '../runtime/out.js';
import { product } from '../tensor/tensor.js';
import type { FloatType } from '../tensor/types.js';

export interface ReduceOptions extends StoppableOptions {
  /** The dimension along which; negative ones count from the end. -1, the last one, by default. */
  axis?: number | undefined;
  /** Whether that dimension stays, with a size of 1. */
  keepDims?: boolean | undefined;
}

const reduceNames = namesOf<ReduceOptions>({ axis: true, keepDims: true, signal: true, stream: true });

/** An operation along one axis: the operand around it, and the result's dims. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkReduction(a: unknown, options: ReduceOptions, what: string) {
  const where = checkStoppable(options, what, reduceNames);
  const { axis = -1, keepDims } = options;
  const operand = checkFloat(a, what, 1);
  const { dims } = operand;
  const place = placeOfAxis(axis, dims.length, what);
  const outer = dims.slice(0, place);
  const inner = dims.slice(place + 1);
  const type: FloatType = operand.type;
  const request = { type, outer: product(outer), length: dims[place]!, inner: product(inner) };
  const kept = flag(`${what}: keepDims`, keepDims, false) ? [1] : [];
  return { operand, request, dims: [...outer, ...kept, ...inner], where };
}

/** What is before the axis, along it and behind it. Errors: ERR_ARGUMENT. */
export function checkAxis(dims: readonly number[], axis: unknown, what: string) {
  const place = placeOfAxis(axis, dims.length, what);
  return { outer: product(dims.slice(0, place)), length: dims[place]!, inner: product(dims.slice(place + 1)) };
}

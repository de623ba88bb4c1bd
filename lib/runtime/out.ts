// Memory that a caller gives for results: host tensors, or tensors of the device where the results are there.

import { namesOf, plainObject, refuseUnknown } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { DeviceTensor } from './device-tensor.js';
import { checkOperand, type Operand } from './operands.js';
import { checkOptions, type OperationOptions } from './options.js';
import { checkSignal } from './stopping.js';
import type { Shape } from './storage.js';
import { orderOf } from './transposed.js';

export interface StoppableOptions extends OperationOptions {
  /**
   * Takes the operation back (ERR_ABORTED): at once where it has not begun, and its operands are then no longer read. One that has begun
   * ends between two matrices of a batch that LAPACK computes, or between two of its steps; else it gives what it computes.
   */
  signal?: AbortSignal | undefined;
}

export interface ResultOptions extends StoppableOptions {
  /**
   * A tensor of the result's type and dims, which the result is written to, and which is given back: in host memory, or where an
   * operand is on the device a device tensor. Nothing may be read from it until the promise settles; after an error what it holds
   * is not said. It may be an operand.
   */
  out?: Operand | undefined;
}

/** Of operations with several results: a tensor for each of them, or for some. */
export interface ResultsOptions<Name extends string> extends StoppableOptions {
  /** Tensors of the results' types and dims, by their names, as an operation with one result takes one. */
  out?: { readonly [name in Name]?: Operand | undefined } | undefined;
}

/** Where results go, in their order; what is missing is made. */
export interface Placed extends StoppableOptions {
  /** What the caller knows the operation by, where it is not what the device does. */
  readonly what?: string;
  /** None that has not been looked at. */
  readonly out?: undefined;
  readonly outs?: readonly (Operand | undefined)[] | undefined;
}

const stoppableNames = namesOf<StoppableOptions>({ signal: true, stream: true });

/** The options of an operation whose results are always made, none of which is unknown. Errors: ERR_ARGUMENT. */
export function checkStoppable<O extends StoppableOptions>(options: O, what: string, names = stoppableNames): Placed {
  const { signal, stream } = checkOptions(options, what, names);
  return whereOf(signal, stream, what);
}

/** The names of `ResultOptions`. */
export const resultNames = namesOf<ResultOptions>({ out: true, signal: true, stream: true });

/** The options of an operation with one result. Errors: ERR_ARGUMENT, ERR_DTYPE. */
export function placed({ out, signal, stream }: ResultOptions, what: string): Placed {
  const where = whereOf(signal, stream, what);
  return out === undefined ? where : { ...where, outs: [checkOut(out, `${what}: out`)] };
}

/** Of one whose results have these names. Errors: ERR_ARGUMENT, ERR_DTYPE. */
export function placedByName(
  { out, signal, stream }: ResultsOptions<string>,
  what: string,
  names: readonly string[],
): Placed {
  const where = whereOf(signal, stream, what);
  if (out === undefined) return where;
  const given = plainObject(`${what}: out`, out);
  if (given instanceof DeviceTensor || 'dims' in given) {
    throw new TensorlaneError('ERR_ARGUMENT', `${what}: out must be an object with ${names.join(', ')}, not a tensor`);
  }
  refuseUnknown(given, new Set(names), `${what}: out`);
  const outs = names.map((name) => {
    const one = given[name];
    return one === undefined ? undefined : checkOut(one, `${what}: out.${name}`);
  });
  return { ...where, outs };
}

/** Without a signal nothing is checked: every operation passes here. */
function whereOf(signal: unknown, stream: Placed['stream'], what: string): Placed {
  return signal === undefined ? { stream, what } : { stream, what, signal: checkSignal(signal, what) };
}

/** Errors: ERR_ARGUMENT, ERR_DTYPE. */
export function checkOut(value: unknown, what: string): Operand {
  const out = checkOperand(value, what);
  if (orderOf(out) === undefined) return out;
  throw new TensorlaneError('ERR_ARGUMENT', `${what}: results are not written to a transposed tensor`);
}

/** Whether a result of this shape may be written to it. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function requireFits(out: Operand, { type, dims }: Shape, onDevice: boolean, what: string): void {
  if (out instanceof DeviceTensor !== onDevice) {
    const [is, wanted] = onDevice ? ['host memory', 'on the device'] : ['on the device', 'in host memory'];
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${what}: out is ${onDevice ? 'in ' : ''}${is}, and the result is ${wanted}, as the operands are`,
    );
  }
  if (out.type !== type) {
    throw new TensorlaneError('ERR_DTYPE', `${what}: out is ${out.type}, and the result ${type}`);
  }
  if (out.dims.length === dims.length && out.dims.every((dim, i) => dim === dims[i])) return;
  throw new TensorlaneError(
    'ERR_SHAPE',
    `${what}: out has dims [${out.dims.join(', ')}], and the result [${dims.join(', ')}]`,
  );
}

// How the rows of requests lie in a model's inputs and outputs: which axis is the batch, what is padded, what is shared.

import type { ValueDescription } from '../../binding.js';
import { TensorlaneError } from '../core/errors.js';
import { own } from '../core/own.js';
import { arrayClasses, elementsPerByte, isPacked, type NumericArrayClass } from '../tensor/dtypes.js';
import { exactElementOf } from '../tensor/elements.js';
import type { DType, ValueInfo } from '../tensor/types.js';
import type { BatchAxisOptions, PaddingOptions } from './options.js';
import { infoOf, inWords, isTensorType } from './values.js';

/** What of a value the batching sees. */
interface ValueLayout {
  readonly name: string;
  readonly info: ValueInfo;
  /** Of a tensor; undefined for sequences, maps and optionals. */
  readonly type: DType | undefined;
  /** Whether it is a tensor of known rank: others have no batch. */
  readonly ranked: boolean;
  /** Empty where it is not ranked. */
  readonly dims: readonly number[];
  readonly dimNames: readonly (string | undefined)[];
}

export interface InputLayout extends ValueLayout {
  readonly index: number;
  /** undefined for strings. */
  readonly arrayClass: NumericArrayClass | undefined;
  /** undefined where the input is not of the batch: one for all its requests. */
  readonly axis: number | undefined;
  /** Other free axes, but the padded one: their sizes are a part of the key that requests of one batch share. */
  readonly freeAxes: readonly number[];
  /** The axis that is filled up to the length of the batch, and with what element. */
  readonly padding: { readonly axis: number; readonly value: number | bigint } | undefined;
  /** What the library feeds it with, where callers do not. */
  readonly made: 'mask' | 'lengths' | undefined;
}

/** The smallest dims that a value can have: 1 for each that is free. */
export const leastDims = (dims: readonly number[]): number[] => dims.map((dim) => (dim === -1 ? 1 : dim));

export interface OutputLayout extends ValueLayout {
  /** undefined where the output is not of the batch: all requests get the same. */
  readonly axis: number | undefined;
  /** The axes that are cut to the request's own length. */
  readonly paddedAxes: readonly number[];
}

/** What the addon says of a model. */
interface DescribedModel {
  inputs: ValueDescription[];
  outputs: ValueDescription[];
  overridable?: ValueDescription[];
}

export type Batchable = { readonly enabled: true } | { readonly enabled: false; readonly reason: string };

export class Layout {
  readonly inputs: readonly InputLayout[];
  readonly outputs: readonly OutputLayout[];
  /** The inputs that callers give. */
  readonly given: readonly InputLayout[];
  /** Initializers that callers may give another value for. */
  readonly overridable: readonly ValueInfo[];
  /** Ascending; undefined: powers of two. */
  readonly lengths: readonly number[] | undefined;
  readonly pads: boolean;
  /** Of the given inputs: the axes that the model gives one name, beside the batch's. */
  readonly #alike: readonly (readonly [input: number, axis: number])[][];

  /** Errors: ERR_ARGUMENT, for options that name what the model has not, or cannot be. */
  constructor(
    { inputs, outputs, overridable = [] }: DescribedModel,
    axes: BatchAxisOptions = {},
    asked?: PaddingOptions | true,
  ) {
    const described = { inputs: inputs.map(layoutOf), outputs: outputs.map(layoutOf) };
    const padding = asked === true ? foundPadding(described.inputs, axes) : asked;
    this.overridable = overridable.map(infoOf);
    checkNames('batching.batchAxis.inputs', Object.keys(axes.inputs ?? {}), described.inputs);
    checkNames('batching.batchAxis.outputs', Object.keys(axes.outputs ?? {}), described.outputs);
    if (padding !== undefined) checkPadding(padding, axes, described);
    this.inputs = described.inputs.map((input, index) => {
      const axis = axisOf(own(axes.inputs, input.name));
      const padded = own(padding?.inputs, input.name);
      checkAxis('batching.batchAxis.inputs', input, axis);
      return {
        ...input,
        index,
        arrayClass: input.type === undefined || input.type === 'string' ? undefined : arrayClasses[input.type],
        axis,
        freeAxes: input.dims.flatMap((dim, at) => (dim === -1 && at !== axis && at !== padded?.axis ? [at] : [])),
        padding: padded && { axis: padded.axis, value: exactElementOf(input.type as 'float32', padded.value ?? 0)! },
        made: input.name === padding?.maskInput ? 'mask' : input.name === padding?.lengthInput ? 'lengths' : undefined,
      };
    });
    this.given = this.inputs.filter(({ made }) => made === undefined);
    const places = new Map<string, [input: number, axis: number][]>();
    for (const [at, { freeAxes, dimNames }] of this.given.entries()) {
      for (const axis of freeAxes) {
        const name = dimNames[axis];
        if (name) places.set(name, [...(places.get(name) ?? []), [at, axis]]);
      }
    }
    this.#alike = [...places.values()].filter(({ length }) => length > 1);
    const paddedNames = new Set(
      this.inputs.flatMap(({ padding: how, dimNames }) => (how && dimNames[how.axis] ? [dimNames[how.axis]] : [])),
    );
    this.outputs = described.outputs.map((output) => {
      const axis = axisOf(own(axes.outputs, output.name));
      checkAxis('batching.batchAxis.outputs', output, axis);
      const named = output.dimNames.flatMap((name, at) => (at !== axis && paddedNames.has(name) ? [at] : []));
      const paddedAxes = padding?.outputs === undefined ? named : [own(padding.outputs, output.name) ?? []].flat();
      return { ...output, axis, paddedAxes };
    });
    this.lengths = padding?.lengths?.slice();
    this.pads = padding !== undefined;
  }

  /** Whether its inputs and outputs are tensors of numbers, all of them. */
  get ofNumbers(): boolean {
    return [...this.inputs, ...this.outputs].every(({ type }) => type !== undefined && type !== 'string');
  }

  /** Whether dimensions of one name are of one size, which ONNX Runtime does not check, and what is known of the graph goes by. */
  agrees(given: readonly { readonly dims?: readonly number[] }[]): boolean {
    return this.#alike.every(([first, ...others]) => {
      const size = given[first![0]]?.dims?.[first![1]];
      return others.every(([input, axis]) => given[input]?.dims?.[axis] === size);
    });
  }

  /** The length that a request of this one is padded to. */
  paddedLength(length: number): number {
    if (this.lengths === undefined) return length <= 1 ? length : 2 ** Math.ceil(Math.log2(length));
    return this.lengths.find((padded) => padded >= length) ?? length;
  }

  /**
   * Whether requests can share a batch: every input and output needs a free batch axis, or none, and where there are several
   * inputs the model must give theirs one name, or the user must have asked for batches. Whether rows change one another's
   * outputs is another question (independence.ts); that an output has as many rows as went in is checked on every batch.
   */
  batchable(asked: boolean): Batchable {
    const batched = this.inputs.filter(({ axis }) => axis !== undefined);
    if (batched.length === 0) return { enabled: false, reason: 'the model has no inputs with a batch axis' };
    for (const [kind, values] of [['input', this.inputs] as const, ['output', this.outputs] as const]) {
      for (const value of values) {
        const reason = whyNot(value);
        if (reason !== undefined) return { enabled: false, reason: `${kind} '${value.name}' ${reason}` };
      }
    }
    const nameOf = ({ dimNames, axis }: InputLayout) => dimNames[axis!];
    const [first, ...others] = batched;
    const stranger = others.find((other) => nameOf(other) === undefined || nameOf(other) !== nameOf(first!));
    if (stranger !== undefined && !asked) {
      return {
        enabled: false,
        reason:
          `inputs '${first!.name}' and '${stranger.name}' have free leading dimensions that the model does not name alike, ` +
          'so they may not be one batch; if they are, load the model with batching: {}',
      };
    }
    return { enabled: true };
  }

  /** An output whose batch axis the model names otherwise than that of its inputs, which may so be none; in words. */
  get strangeOutput(): string | undefined {
    const names = new Set(this.inputs.map(({ dimNames, axis }) => (axis === undefined ? undefined : dimNames[axis])));
    for (const { name, dimNames, axis } of this.outputs) {
      const own = axis === undefined ? undefined : dimNames[axis];
      if (own !== undefined && !names.has(own)) return `output '${name}' has '${own}' rows, which no input has`;
    }
    return undefined;
  }
}

function axisOf(axis: number | null | undefined): number | undefined {
  return axis === null ? undefined : (axis ?? 0);
}

function layoutOf(described: ValueDescription): ValueLayout {
  const info = infoOf(described);
  const { name } = info;
  if (!isTensorType(info)) return { name, info, type: undefined, ranked: false, dims: [], dimNames: [] };
  const { type, dims, dimNames } = info;
  return { name, info, type, ranked: dims !== undefined, dims: dims ?? [], dimNames };
}

function whyNot({ type, info, ranked, dims, axis }: InputLayout | OutputLayout): string | undefined {
  if (type === undefined) return `is ${inWords(info)}, which has no batch axis`;
  if (axis === undefined) return undefined;
  if (!ranked) return 'may have any rank, so no axis is surely the batch';
  if (dims.length === 0) return 'is a scalar and has no batch axis';
  if (dims[axis] !== -1) {
    const which = axis === 0 ? 'leading dimension' : `dimension ${axis}`;
    return `has a fixed ${which}: [${dims.join(', ')}]`;
  }
  if (isPacked(type)) {
    const several = elementsPerByte(type) === 2 ? 'two' : 'four';
    return `packs ${several} ${type} elements a byte, so rows cannot be joined`;
  }
  return undefined;
}

function checkNames(what: string, names: readonly string[], values: readonly { name: string }[]): void {
  for (const name of names) {
    if (values.some((value) => value.name === name)) continue;
    const known = values.map((value) => `'${value.name}'`).join(', ');
    throw new TensorlaneError('ERR_ARGUMENT', `${what}: the model has no '${name}'; it has ${known}`);
  }
}

function checkAxis(what: string, { name, dims }: ValueLayout, axis: number | undefined): void {
  if (axis === undefined || axis === 0 || axis < dims.length) return;
  const shape = `[${dims.join(', ')}]`;
  throw new TensorlaneError('ERR_ARGUMENT', `${what}.${name} must be an axis of ${shape} or null, got ${axis}`);
}

/** Of inputs that have one length: each at most one free axis beside the batch's, of numbers, and all of them one name. */
function foundPadding(inputs: readonly ValueLayout[], axes: BatchAxisOptions): PaddingOptions | undefined {
  const found = inputs.flatMap(({ name, type, dims, dimNames }) => {
    const batch = axisOf(own(axes.inputs, name));
    const canPad =
      type !== undefined && type !== 'string' && !isPacked(type) && batch !== undefined && dims[batch] === -1;
    return dims.flatMap((dim, axis) =>
      dim === -1 && axis !== batch ? [{ name, axis, canPad, called: dimNames[axis] }] : [],
    );
  });
  const [first] = found;
  const areOne =
    first?.called !== undefined &&
    found.every(({ canPad, called }) => canPad && called === first.called) &&
    new Set(found.map(({ name }) => name)).size === found.length;
  return areOne ? { inputs: Object.fromEntries(found.map(({ name, axis }) => [name, { axis }])) } : undefined;
}

function checkPadding(
  padding: PaddingOptions,
  axes: BatchAxisOptions,
  described: { inputs: readonly ValueLayout[]; outputs: readonly ValueLayout[] },
): void {
  const what = 'batching.padVariableLength';
  checkNames(`${what}.inputs`, Object.keys(padding.inputs), described.inputs);
  checkNames(`${what}.outputs`, Object.keys(padding.outputs ?? {}), described.outputs);
  checkMade(`${what}.maskInput`, padding.maskInput, 2, padding, axes, described.inputs);
  checkMade(`${what}.lengthInput`, padding.lengthInput, 1, padding, axes, described.inputs);
  for (const { name, type, dims } of described.inputs) {
    const how = own(padding.inputs, name);
    if (how === undefined) continue;
    const batch = axisOf(own(axes.inputs, name));
    const shape = `${type} [${dims.join(', ')}]`;
    if (dims[how.axis] !== -1 || type === undefined || type === 'string' || batch === undefined || how.axis === batch) {
      const rows = batch === undefined ? 'which is not of the batch' : `whose axis ${batch} is the batch`;
      throw argument(
        `${what}.inputs.${name}.axis must be a free axis of numbers beside the batch's, got ${how.axis} of ${shape}, ${rows}`,
      );
    }
    if (exactElementOf(type, how.value ?? 0) === undefined) {
      throw argument(`${what}.inputs.${name}.value must be a number that ${type} can hold, got ${how.value}`);
    }
  }
  for (const { name, dims } of described.outputs) {
    const batch = axisOf(own(axes.outputs, name));
    for (const axis of [own(padding.outputs, name) ?? []].flat()) {
      if (axis < dims.length && axis !== batch) continue;
      const rows = batch === undefined ? 'which is not of the batch' : `whose axis ${batch} is the batch`;
      throw argument(
        `${what}.outputs.${name} must be an axis beside the batch's, got ${axis} of [${dims.join(', ')}], ${rows}`,
      );
    }
  }
}

/** Checks an input that the library feeds by itself: a row of each is as long as the batch, or one number. */
function checkMade(
  what: string,
  name: string | undefined,
  rank: number,
  padding: PaddingOptions,
  axes: BatchAxisOptions,
  inputs: readonly ValueLayout[],
): void {
  if (name === undefined) return;
  checkNames(what, [name], inputs);
  const { type, dims } = inputs.find((input) => input.name === name)!;
  const holds =
    type !== undefined && type !== 'string' && exactElementOf(type, rank === 2 ? 1 : 2 ** 20 + 1) !== undefined;
  if (!holds || dims.length !== rank || Object.hasOwn(padding.inputs, name) || axisOf(own(axes.inputs, name)) !== 0) {
    throw argument(
      `${what} must be an input of numbers with ${rank === 2 ? 'dims [rows, length]' : 'dims [rows], of 32 bits or more'}, ` +
        `which is not padded itself and whose axis 0 is the batch; '${name}' is ${type} [${dims.join(', ')}]`,
    );
  }
  if (padding.maskInput === padding.lengthInput) throw argument(`${what} must not be the input of both, got '${name}'`);
}

function argument(problem: string): TensorlaneError {
  return new TensorlaneError('ERR_ARGUMENT', problem);
}

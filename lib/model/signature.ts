// What a model takes and gives: checks what callers hand in against it, and finds the batch axis.

import type { ValueDescription } from '../../binding.js';
import { arrayClasses, arrayKind, holds, type NumericArrayClass, storedLength } from '../dtypes.js';
import { TensorlaneError } from '../errors.js';
import type { Tensor, ValueInfo } from '../types.js';

export interface InputSpec extends ValueDescription {
  /** undefined for strings. */
  readonly arrayClass: NumericArrayClass | undefined;
  /** Axes other than the batch's whose size is free: these make up the key that requests of one batch share. */
  readonly freeAxes: readonly number[];
}

export type Batchable = { readonly enabled: true } | { readonly enabled: false; readonly reason: string };

/** A request that has been checked: tensors in the model's order. */
export interface Checked {
  readonly tensors: readonly Tensor[];
  readonly rows: number;
  readonly key: string;
}

export class Signature {
  readonly inputs: readonly InputSpec[];
  readonly outputs: readonly ValueInfo[];
  readonly allOutputs: readonly number[];
  readonly #outputIndex: ReadonlyMap<string, number>;

  constructor(described: { inputs: ValueDescription[]; outputs: ValueDescription[] }) {
    this.inputs = described.inputs.map((input) => ({
      ...input,
      arrayClass: input.type === 'string' ? undefined : arrayClasses[input.type],
      freeAxes: input.dims.flatMap((dim, axis) => (dim === -1 && axis > 0 ? [axis] : [])),
    }));
    this.outputs = described.outputs;
    this.allOutputs = this.outputs.map((_, index) => index);
    this.#outputIndex = new Map(this.outputs.map((output, index) => [output.name, index]));
  }

  /**
   * Whether requests can share a batch: every input and output needs a free leading dimension, and where there are several
   * inputs the model must give these one name, or the user must have asked for batches. That the rows do not influence one
   * another is the model's promise; that an output has as many rows as went in is checked on every batch.
   */
  batchable(asked: boolean): Batchable {
    if (this.inputs.length === 0) return { enabled: false, reason: 'the model has no inputs' };
    for (const [kind, values] of [['input', this.inputs] as const, ['output', this.outputs] as const]) {
      for (const { name, type, dims } of values) {
        const shape = `[${dims.join(', ')}]`;
        if (dims.length === 0) return { enabled: false, reason: `${kind} '${name}' is a scalar and has no batch axis` };
        if (dims[0] !== -1)
          return { enabled: false, reason: `${kind} '${name}' has a fixed leading dimension: ${shape}` };
        if (type === 'int4' || type === 'uint4') {
          return {
            enabled: false,
            reason: `${kind} '${name}' packs two ${type} elements a byte, so rows cannot be joined`,
          };
        }
      }
    }
    const [first, ...others] = this.inputs;
    const stranger = others.find(({ dimNames }) => dimNames[0] === undefined || dimNames[0] !== first!.dimNames[0]);
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

  /** Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
  check(feeds: unknown, batched: boolean): Checked {
    if (feeds === null || typeof feeds !== 'object') {
      throw new TensorlaneError(
        'ERR_ARGUMENT',
        `run: expected an object of tensors by input name, got ${arrayKind(feeds)}`,
      );
    }
    const given = feeds as Record<string, unknown>;
    const tensors: Tensor[] = [];
    let key = '';
    let rows = 1;
    for (let i = 0; i < this.inputs.length; i++) {
      const spec = this.inputs[i]!;
      const tensor = given[spec.name] as Tensor | undefined;
      checkInput(spec, tensor, given, this.inputs);
      const { dims } = tensor as Tensor;
      if (batched) {
        if (i === 0) rows = dims[0]!;
        else if (dims[0] !== rows) throw unequalRows(this.inputs, tensors, tensor as Tensor);
        for (let f = 0; f < spec.freeAxes.length; f++) key += `${dims[spec.freeAxes[f]!]},`;
      }
      tensors.push(tensor as Tensor);
    }
    let names = 0;
    for (const _ in given) names++;
    if (names !== this.inputs.length) throw unknownName(given, this.inputs);
    if (rows === 0) throw new TensorlaneError('ERR_SHAPE', 'run: the batch axis has size 0; give at least one row');
    return { tensors, rows, key };
  }

  /** Errors: ERR_ARGUMENT. */
  outputIndices(wanted: readonly string[] | undefined): readonly number[] {
    if (wanted === undefined) return this.allOutputs;
    if (!Array.isArray(wanted) || wanted.length === 0) {
      throw new TensorlaneError('ERR_ARGUMENT', 'run: outputs must be an array with at least one name');
    }
    return [...new Set(wanted)].map((name) => {
      const index = this.#outputIndex.get(name);
      if (index !== undefined) return index;
      const known = this.outputs.map((output) => `'${output.name}'`).join(', ');
      throw new TensorlaneError('ERR_ARGUMENT', `run: the model has no output '${name}'; it has ${known}`);
    });
  }
}

/** On the way of every request: the messages are made elsewhere. */
function checkInput(spec: InputSpec, tensor: Tensor | undefined, given: object, inputs: readonly InputSpec[]): void {
  if (tensor === undefined || tensor === null || typeof tensor !== 'object') throw missing(spec, given, inputs);
  const { type, data, dims } = tensor;
  if (type !== spec.type) {
    throw new TensorlaneError(
      'ERR_DTYPE',
      `run: input '${spec.name}' takes ${spec.type}, but was given ${String(type)}`,
    );
  }
  if (!holds(type, data)) {
    const expected = spec.arrayClass?.name ?? 'Array';
    throw new TensorlaneError(
      'ERR_DTYPE',
      `run: input '${spec.name}' is ${type}, whose data is a ${expected}, not ${arrayKind(data)}`,
    );
  }
  if (!Array.isArray(dims) || dims.length !== spec.dims.length) throw wrongShape(spec, tensor);
  let count = 1;
  for (let axis = 0; axis < dims.length; axis++) {
    const dim = dims[axis]!;
    const fixed = spec.dims[axis]!;
    if ((fixed !== -1 && dim !== fixed) || !Number.isInteger(dim) || dim < 0) throw wrongShape(spec, tensor);
    count *= dim;
  }
  if (data.length !== storedLength(type, count)) {
    const detached = ArrayBuffer.isView(data) && data.buffer.byteLength === 0 && count > 0;
    throw new TensorlaneError(
      'ERR_SHAPE',
      `run: input '${spec.name}' of dims [${dims.join(', ')}] needs ${storedLength(type, count)} elements, ` +
        `but data has ${data.length}${detached ? ' (its buffer is empty or was transferred elsewhere)' : ''}`,
    );
  }
}

function shapeOf(spec: InputSpec): string {
  return `[${spec.dims.map((dim, axis) => (dim === -1 ? (spec.dimNames[axis] ?? 'any') : dim)).join(', ')}]`;
}

function wrongShape(spec: InputSpec, tensor: Tensor): TensorlaneError {
  const given = Array.isArray(tensor.dims) ? `[${tensor.dims.join(', ')}]` : arrayKind(tensor.dims);
  return new TensorlaneError(
    'ERR_SHAPE',
    `run: input '${spec.name}' takes dims ${shapeOf(spec)}, but was given ${given}`,
  );
}

function missing(spec: InputSpec, given: object, inputs: readonly InputSpec[]): TensorlaneError {
  if (Object.hasOwn(given, spec.name)) {
    return new TensorlaneError('ERR_ARGUMENT', `run: input '${spec.name}' must be a tensor { type, data, dims }`);
  }
  const known = inputs.map(({ name }) => `'${name}'`).join(', ');
  const names =
    Object.keys(given)
      .map((name) => `'${name}'`)
      .join(', ') || 'nothing';
  return new TensorlaneError(
    'ERR_ARGUMENT',
    `run: input '${spec.name}' is missing; the model takes ${known}, given was ${names}`,
  );
}

function unknownName(given: object, inputs: readonly InputSpec[]): TensorlaneError {
  const known = new Set(inputs.map(({ name }) => name));
  const stray = Object.keys(given).filter((name) => !known.has(name));
  return new TensorlaneError(
    'ERR_ARGUMENT',
    `run: the model has no input '${stray.join("', '")}'; it takes ${[...known].map((name) => `'${name}'`).join(', ')}`,
  );
}

function unequalRows(inputs: readonly InputSpec[], before: readonly Tensor[], tensor: Tensor): TensorlaneError {
  const spec = inputs[before.length]!;
  return new TensorlaneError(
    'ERR_SHAPE',
    `run: input '${inputs[0]!.name}' has ${before[0]!.dims[0]} rows, but input '${spec.name}' has ${tensor.dims[0]}; ` +
      'the leading dimension is the batch and must be the same for all inputs',
  );
}

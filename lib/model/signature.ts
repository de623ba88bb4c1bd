// Checks what callers hand in against what the model takes, and finds the rows and the key of each request.

import type { RunInput } from '../../binding.js';
import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import { DeviceTensor } from '../runtime/device-tensor.js';
import { arrayKind, holds, storedLength } from '../tensor/dtypes.js';
import { requireStrings, shownDims, wrongDims } from '../tensor/tensor.js';
import type { Tensor } from '../tensor/types.js';
import { type Given, Whole } from './given.js';
import type { InputLayout, Layout, OutputLayout } from './layout.js';
import { requireFeeds } from './run.js';
import { nativeInput, shapeOf } from './values.js';

/** What a run was given, when it has been checked. */
export interface CheckedFeeds {
  /** Of the inputs that callers give, in the model's order. */
  readonly tensors: Given[];
  /** Of the overridable initializers; empty where none is given. */
  readonly overrides: readonly RunInput[];
  /** Whether some of the tensors are on the device. */
  readonly onDevice: boolean;
  /** Whether it runs by itself: what has no rows, or overrides an initializer, shares no batch. */
  readonly alone: boolean;
  readonly rows: number;
  readonly key: string;
  /** Along the padded axis, where there is one: the request's own, and the one that it is padded to. */
  readonly length: number;
  readonly padded: number;
}

/** Elements of an input that is not of the batch: their bits are a part of the key. */
const sharedUpTo = 1024;
const none: readonly RunInput[] = [];

export class Signature {
  readonly #layout: Layout;
  /** Whether device tensors are read where they are; else they come to host memory first. */
  readonly #readsDevice: boolean;
  readonly #allOutputs: readonly number[];
  /** The first of them that cannot be passed out. */
  readonly #refused: OutputLayout | undefined;
  readonly #outputIndex: ReadonlyMap<string, number>;
  /** What was asked for last, and its indices: the same array for the same names, so that a batch sees at once that all agree. */
  #lastNames: readonly string[] = [];
  #lastIndices: readonly number[] = [];

  constructor(layout: Layout, readsDevice: boolean) {
    this.#layout = layout;
    this.#readsDevice = readsDevice;
    this.#allOutputs = layout.outputs.map((_, index) => index);
    this.#refused = refusedOf(layout.outputs);
    this.#outputIndex = new Map(layout.outputs.map((output, index) => [output.name, index]));
  }

  /**
   * undefined where device tensors among them have to be brought to host memory first. Whether shapes are those that the model
   * declares is looked at with `asDeclared`; else it is left to ONNX Runtime. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE,
   * ERR_NOT_SUPPORTED.
   */
  checkFeeds(feeds: unknown, batched: boolean, asDeclared = true): CheckedFeeds | undefined {
    requireFeeds(feeds);
    const given = feeds;
    const inputs = this.#layout.given;
    const tensors: Given[] = [];
    let expected = inputs.length;
    let onDevice = false;
    let key = '';
    let rows = -1;
    let length = -1;
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i]!;
      if (input.type === undefined) {
        const value = given[input.name];
        if (!(input.name in given)) {
          if (input.info.type !== 'optional') throw missing(input, given, inputs);
          expected--;
        }
        tensors.push(new Whole(nativeInput(input.info, value, `run: input '${input.name}'`)));
        continue;
      }
      const tensor = given[input.name] as Tensor;
      if (checkInput(input, tensor, given, inputs, asDeclared)) {
        onDevice = true;
        // A bool on the device may be any byte but 0, which ONNX Runtime's operators would not take for true.
        const isBool = input.type === 'bool';
        const isRead = this.#readsDevice && !isBool && !(batched && (input.axis === undefined || this.#layout.pads));
        if (!isRead) return undefined;
      }
      const { dims } = tensor;
      if (input.padding !== undefined) {
        if (length !== -1 && dims[input.padding.axis] !== length) throw unequal('length', inputs, given, input);
        length = dims[input.padding.axis]!;
      }
      if (batched) {
        if (input.axis === undefined) key += sharedKey(input.name, tensor);
        else {
          if (rows !== -1 && dims[input.axis] !== rows) throw unequal('rows', inputs, given, input);
          rows = dims[input.axis]!;
        }
        for (let f = 0; f < input.freeAxes.length; f++) key += `${dims[input.freeAxes[f]!]},`;
      }
      tensors.push(tensor);
    }
    let names = 0;
    for (const _ in given) names++;
    const overrides = names === expected ? none : this.#overrides(given, names - expected);
    const alone = !batched || rows === 0 || overrides.length > 0;
    let padded = length;
    if (this.#layout.pads && !alone) {
      padded = this.#layout.paddedLength(length);
      key += padded;
    }
    return { tensors, overrides, onDevice, alone, rows: alone ? 1 : rows, key, length, padded };
  }

  /** Errors: ERR_ARGUMENT, ERR_NOT_SUPPORTED (an output that cannot be passed out). */
  outputIndices(wanted: readonly string[] | undefined): readonly number[] {
    if (wanted !== undefined) return this.#indicesOf(wanted);
    if (this.#refused !== undefined) throw refused(this.#refused);
    return this.#allOutputs;
  }

  /** The values that are given beside the inputs; there are `count`. Errors: those of `checkFeeds`. */
  #overrides(given: Readonly<Record<string, unknown>>, count: number): readonly RunInput[] {
    let found = 0;
    const overrides = this.#layout.overridable.map((info) => {
      if (!Object.hasOwn(given, info.name)) return undefined;
      found++;
      return nativeInput(info, given[info.name], `run: input '${info.name}'`);
    });
    if (found !== count) throw unknownName(given, [...this.#layout.given, ...this.#layout.overridable]);
    return overrides;
  }

  #indicesOf(wanted: readonly string[]): readonly number[] {
    if (!Array.isArray(wanted) || wanted.length === 0) {
      throw new TensorlaneError('ERR_ARGUMENT', 'run: outputs must be an array with at least one name');
    }
    const last = this.#lastNames;
    let same = wanted.length === last.length;
    for (let i = 0; i < last.length && same; i++) same = wanted[i] === last[i];
    if (same) return this.#lastIndices;
    const indices = [...new Set(wanted)].map((name) => {
      const index = this.#outputIndex.get(name);
      if (index !== undefined) return index;
      const known = this.#layout.outputs.map((output) => `'${output.name}'`).join(', ');
      throw new TensorlaneError('ERR_ARGUMENT', `run: the model has no output '${name}'; it has ${known}`);
    });
    const impossible = refusedOf(indices.map((index) => this.#layout.outputs[index]!));
    if (impossible !== undefined) throw refused(impossible);
    this.#lastNames = [...wanted];
    this.#lastIndices = indices;
    return indices;
  }
}

function refusedOf(outputs: readonly OutputLayout[]): OutputLayout | undefined {
  return outputs.find(({ info }) => info.type === 'unsupported');
}

function refused({ name, info }: OutputLayout): TensorlaneError {
  const what = info.type === 'unsupported' ? info.what : info.type;
  return new TensorlaneError(
    'ERR_NOT_SUPPORTED',
    `run: output '${name}' is ${what}, which cannot be passed out; name the outputs that are wanted`,
  );
}

/** On the way of every request: the messages are made elsewhere. Whether the tensor is on the device. */
function checkInput(
  spec: InputLayout,
  tensor: Tensor | undefined,
  given: object,
  inputs: readonly InputLayout[],
  asDeclared: boolean,
): boolean {
  if (tensor === undefined || tensor === null || typeof tensor !== 'object') throw missing(spec, given, inputs);
  const { type, dims } = tensor;
  if (type !== spec.type) throw wrongType(spec, tensor, given, inputs);
  const data = dataOf(spec, tensor);
  if (data === undefined) {
    if (!((tensor as unknown) instanceof DeviceTensor)) throw noData(spec);
  } else if (!holds(type, data)) {
    const expected = spec.arrayClass?.name ?? 'Array';
    throw new TensorlaneError(
      'ERR_DTYPE',
      `run: input '${spec.name}' is ${type}, whose data is a ${expected}, not ${arrayKind(data)}`,
    );
  }
  if (type === 'string') requireStrings(data as string[], `run: input '${spec.name}'`);
  const ranked = spec.ranked && asDeclared;
  if (!Array.isArray(dims) || (ranked && dims.length !== spec.dims.length)) throw wrongShape(spec, tensor);
  let count = 1;
  for (let axis = 0; axis < dims.length; axis++) {
    const dim = dims[axis]!;
    const fixed = ranked ? spec.dims[axis]! : -1;
    if ((fixed !== -1 && dim !== fixed) || !Number.isInteger(dim) || dim < 0) throw wrongShape(spec, tensor);
    count *= dim;
  }
  if (data === undefined) return true;
  if (data.length !== storedLength(type, count)) {
    const detached = ArrayBuffer.isView(data) && data.buffer.byteLength === 0 && count > 0;
    throw new TensorlaneError(
      'ERR_SHAPE',
      `run: input '${spec.name}' of dims [${dims.join(', ')}] needs ${storedLength(type, count)} elements, ` +
        `but data has ${data.length}${detached ? ' (its buffer is empty or was transferred elsewhere)' : ''}`,
    );
  }
  return false;
}

/** onnxruntime-common's tensors throw where their elements are on a device of its own. Errors: ERR_NOT_SUPPORTED. */
function dataOf(spec: InputLayout, tensor: Tensor): Tensor['data'] | undefined {
  try {
    return tensor.data;
  } catch (cause) {
    const problem = (cause as Error).message;
    throw new TensorlaneError('ERR_NOT_SUPPORTED', `run: input '${spec.name}' cannot be read: ${problem}`, { cause });
  }
}

function noData(spec: InputLayout): TensorlaneError {
  const expected = spec.arrayClass?.name ?? 'Array';
  return new TensorlaneError(
    'ERR_DTYPE',
    `run: input '${spec.name}' is ${spec.type}, whose data is a ${expected}, not undefined`,
  );
}

function wrongType(spec: InputLayout, value: Tensor, given: object, inputs: readonly InputLayout[]): TensorlaneError {
  if ((value as unknown) === Object.prototype) return missing(spec, given, inputs); // of an input called '__proto__'
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const how = ArrayBuffer.isView(value) ? 'tensor(array, dims)' : 'tensor(array)';
    return new TensorlaneError(
      'ERR_DTYPE',
      `run: input '${spec.name}' takes a tensor { type, data, dims }, but was given a bare ${arrayKind(value)}; ` +
        `make it one: ${how}`,
    );
  }
  const { type } = value as { type: unknown };
  const found = typeof type === 'string' ? type : `an object whose type is ${shown(type)}`;
  return new TensorlaneError('ERR_DTYPE', `run: input '${spec.name}' takes ${spec.type}, but was given ${found}`);
}

function wrongShape(spec: InputLayout, tensor: Tensor): TensorlaneError {
  if (ArrayBuffer.isView(tensor.dims)) return wrongDims(`run: input '${spec.name}'`, tensor.dims);
  const given = Array.isArray(tensor.dims) ? shownDims(tensor.dims) : arrayKind(tensor.dims);
  return new TensorlaneError(
    'ERR_SHAPE',
    `run: input '${spec.name}' takes dims ${shapeOf(spec)}, but was given ${given}`,
  );
}

function missing(spec: InputLayout, given: object, inputs: readonly InputLayout[]): TensorlaneError {
  if (Object.hasOwn(given, spec.name)) {
    return new TensorlaneError('ERR_ARGUMENT', `run: input '${spec.name}' must be a tensor { type, data, dims }`);
  }
  const known = inputs.map(({ name }) => `'${name}'`).join(', ');
  if (Object.prototype.toString.call(given) === '[object Map]') {
    return new TensorlaneError(
      'ERR_ARGUMENT',
      `run: expected an object with ${known}, got a Map; Object.fromEntries(map) makes one`,
    );
  }
  const names = listed(Object.keys(given)) || 'nothing';
  return new TensorlaneError(
    'ERR_ARGUMENT',
    `run: input '${spec.name}' is missing; the model takes ${known}, given was ${names}`,
  );
}

/** Whoever calls may have been given them by somebody else, who may give any number of them, of any length. */
function listed(names: readonly string[]): string {
  const some = names.slice(0, mostListed).map((name) => `'${name.length > 100 ? `${name.slice(0, 100)}...` : name}'`);
  return names.length > mostListed ? `${some.join(', ')} and ${names.length - mostListed} more` : some.join(', ');
}

const mostListed = 10;

function unknownName(given: object, inputs: readonly { readonly name: string }[]): TensorlaneError {
  const known = new Set(inputs.map(({ name }) => name));
  const stray = Object.keys(given).filter((name) => !known.has(name));
  if (stray.length === 0) {
    const inherited: string[] = [];
    for (const name in given) if (!Object.hasOwn(given, name)) inherited.push(name);
    return new TensorlaneError(
      'ERR_ARGUMENT',
      `run: inputs are an object's own properties, got inherited ones: ${listed(inherited)}` +
        (known.has('__proto__') ? "; { ['__proto__']: tensor } has one of that name" : ''),
    );
  }
  return new TensorlaneError(
    'ERR_ARGUMENT',
    `run: the model has no input ${listed(stray)}; it takes ${[...known].map((name) => `'${name}'`).join(', ')}`,
  );
}

function unequal(
  what: 'rows' | 'length',
  inputs: readonly InputLayout[],
  given: Readonly<Record<string, unknown>>,
  second: InputLayout,
): TensorlaneError {
  const axisOf = (input: InputLayout) => (what === 'rows' ? input.axis : input.padding?.axis);
  const sizeOf = (input: InputLayout) => (given[input.name] as Tensor).dims[axisOf(input)!];
  const first = inputs.find((input) => axisOf(input) !== undefined)!;
  if (what === 'length') {
    return new TensorlaneError(
      'ERR_SHAPE',
      `run: input '${first.name}' has length ${sizeOf(first)}, but input '${second.name}' has ${sizeOf(second)}; ` +
        'inputs that are padded together must have one length',
    );
  }
  return new TensorlaneError(
    'ERR_SHAPE',
    `run: input '${first.name}' has ${sizeOf(first)} rows, but input '${second.name}' has ${sizeOf(second)}; ` +
      'the batch axis must have the same size in all inputs',
  );
}

/** What an input that is not of the batch must have in common with another request's for both to share a batch: every bit. */
function sharedKey(name: string, { type, data, dims }: Tensor): string {
  if (data.length > sharedUpTo) {
    throw new TensorlaneError(
      'ERR_SHAPE',
      `run: input '${name}' is not of the batch, and may have ${sharedUpTo} elements, got ${data.length}; ` +
        'give it a batch axis, or load the model with batching: false',
    );
  }
  if (type === 'string') return `${dims.join()}:${JSON.stringify(data)};`;
  const { buffer, byteOffset, byteLength } = data as Uint8Array;
  return `${dims.join()}:${Buffer.from(buffer, byteOffset, byteLength).toString('latin1')};`;
}

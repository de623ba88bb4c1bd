// The inputs and outputs that a config.pbtxt describes: held to what the model has, and requests held to them.
//
// The rule: clients see what the configuration says, the model gets what it takes. A configuration that promises more than the model takes, or
// other types, is refused when the model is loaded.

import { type Feeds, type Outputs, type Tensor, TensorlaneError, type ValueInfo } from 'tensorlane';
import { byType, elementTypes } from '../core/dtypes.js';
import { wrongOption } from '../core/options.js';
import type { TritonConfig, TritonInput, TritonOutput } from './config.js';

type Value = TritonInput | TritonOutput;

/** Triton's name of an element type; undefined, where it has none. */
export function dataTypeOf(type: string): string | undefined {
  const v2 = byType.get(type)?.v2;
  return v2 === undefined ? undefined : `TYPE_${v2 === 'BYTES' ? 'STRING' : v2}`;
}

/** Errors: ERR_ARGUMENT. */
export function elementTypeOf(dataType: string, what: string) {
  const element = elementTypes.find(({ type }) => dataTypeOf(type) === dataType);
  if (element !== undefined) return element;
  throw wrongOption(`${what} has no data_type`);
}

export interface Described {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** As the model takes them. Errors: ERR_SHAPE, ERR_ARGUMENT. */
  toModel(feeds: Feeds): Feeds;
  /** As clients see them. */
  toClient(outputs: Outputs): Outputs;
}

/** `own`: names of inputs and outputs that are no client's to give or to get. Errors: ERR_ARGUMENT. */
export function describe(
  { input, output, max_batch_size: most }: TritonConfig,
  inputs: readonly ValueInfo[],
  outputs: readonly ValueInfo[],
  own: ReadonlySet<string> = new Set(),
): Described {
  const isBatched = most > 0;
  const given = inputs.filter(({ name }) => !own.has(name));
  const taken = input.length === 0 ? given : input.map((one) => seenValue('input', one, given, isBatched));
  if (input.length > 0) {
    const missing = given.find(({ name, type }) => type !== 'optional' && !input.some((one) => one.name === name));
    if (missing !== undefined) throw wrongOption(`input '${missing.name}' of the model is not among its inputs`);
  }
  const rest = outputs.filter(({ name }) => !own.has(name));
  const got = output.length === 0 ? rest : output.map((one) => seenValue('output', one, rest, isBatched));
  const checked = input.filter((one) => one.reshape !== null || isNarrower(one, given, isBatched));
  const reshaped = output.filter(({ reshape }) => reshape !== null);
  return {
    inputs: taken,
    outputs: got,
    toModel(feeds) {
      if (checked.length === 0) return feeds;
      const all: Record<string, Feeds[string]> = { ...feeds };
      for (const one of checked) {
        const tensor = feeds[one.name] as Tensor | undefined;
        if (tensor === undefined) continue;
        requireDims(one, tensor.dims, isBatched);
        if (one.reshape !== null) all[one.name] = reshapedTensor(tensor, one.dims, one.reshape.shape, isBatched);
      }
      return all;
    },
    toClient(results) {
      if (reshaped.length === 0) return results;
      const all: Outputs = { ...results };
      for (const { name, dims, reshape } of reshaped) {
        if (all[name] !== undefined) all[name] = reshapedTensor(all[name], reshape!.shape, dims, isBatched);
      }
      return all;
    },
  };
}

const withRows = (dims: readonly number[], isBatched: boolean) => (isBatched ? [-1, ...dims] : dims);

/** As clients see it. */
function seenValue(what: string, value: Value, values: readonly ValueInfo[], isBatched: boolean): ValueInfo {
  const { name, data_type: dataType, dims, reshape } = value;
  const called = `${what} '${name}'`;
  const info = values.find((one) => one.name === name);
  if (info === undefined) {
    const known = values.map((one) => `'${one.name}'`).join(', ');
    throw wrongOption(`the model has no ${called}; it has ${known}`);
  }
  const { type } = elementTypeOf(dataType, called);
  if (info.type !== type) {
    throw wrongOption(`${called} is ${dataType}, but ${dataTypeOf(info.type) ?? info.type} in the model`);
  }
  if (dims.length === 0 && reshape === null) throw wrongOption(`${called} has no dims`);
  if (dims.some((dim) => dim !== -1 && dim < 1)) throw wrongOption(`${called}: dims must be -1, or at least 1`);
  if ('format' in value && value.format !== 'FORMAT_NONE' && dims.length !== 3) {
    throw wrongOption(`${called} is ${value.format}, and must have 3 dims`);
  }
  if ('optional' in value && value.optional) throw wrongOption(`${called} is optional, but not in the model`);
  if (reshape !== null) requireReshape(called, dims, reshape.shape);
  const wanted = withRows(reshape?.shape ?? dims, isBatched);
  const has = info.dims as readonly number[] | undefined;
  const fits =
    has === undefined ||
    (has.length === wanted.length &&
      has.every((dim, at) => dim === -1 || dim === wanted[at] || (isBatched && at === 0)));
  if (!fits) {
    const rows = isBatched ? ' with the rows of max_batch_size before them' : '';
    throw wrongOption(
      `${called}: dims [${(reshape?.shape ?? dims).join(', ')}]${rows} are not the model's, [${has.join(', ')}]`,
    );
  }
  const seen = withRows(dims, isBatched);
  return { ...info, dims: seen, dimNames: seen.map(() => undefined) } as ValueInfo;
}

/** Whether the model takes shapes that the configuration has not. */
function isNarrower({ name, dims }: TritonInput, values: readonly ValueInfo[], isBatched: boolean): boolean {
  const has = values.find((one) => one.name === name)?.dims as readonly number[] | undefined;
  if (has === undefined) return true;
  return withRows(dims, isBatched).some((dim, at) => dim !== has[at] && !(isBatched && at === 0));
}

function requireDims({ name, dims }: TritonInput, got: readonly number[], isBatched: boolean): void {
  const wanted = withRows(dims, isBatched);
  if (got.length === wanted.length && wanted.every((dim, at) => dim === -1 || dim === got[at])) return;
  throw new TensorlaneError(
    'ERR_SHAPE',
    `input '${name}' must have dims [${wanted.join(', ')}], as its configuration says, got [${got.join(', ')}]`,
  );
}

const product = (dims: readonly number[]) => dims.reduce((all, dim) => (dim === -1 ? all : all * dim), 1);
const free = (dims: readonly number[]) => dims.filter((dim) => dim === -1).length;

function requireReshape(what: string, dims: readonly number[], shape: readonly number[]): void {
  if (free(dims) === free(shape) && product(dims) === product(shape)) return;
  throw wrongOption(
    `${what}: dims [${dims.join(', ')}] and reshape [${shape.join(', ')}] have not the same number of elements`,
  );
}

/** What is free keeps its order. */
function reshapedTensor(tensor: Tensor, from: readonly number[], to: readonly number[], isBatched: boolean): Tensor {
  const rows = isBatched ? tensor.dims.slice(0, 1) : [];
  const own = isBatched ? tensor.dims.slice(1) : tensor.dims;
  const lengths = own.filter((_, at) => from[at] === -1);
  let next = 0;
  return { ...tensor, dims: [...rows, ...to.map((dim) => (dim === -1 ? lengths[next++]! : dim))] } as Tensor;
}

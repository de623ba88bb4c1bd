// What a config.pbtxt says of sequences: which inputs are state, and which tell the model where in a sequence a request is.

import path from 'node:path';
import type { Tensor, ValueInfo } from 'tensorlane';
import { wrongOption } from '../core/options.js';
import type { SequenceControl, SequenceSettings, SequenceStep } from '../engine/sequences.js';
import { type FoundConfig, initialStateFolder } from '../repository/config.js';
import type { TritonControl } from './config.js';
import { dataOf } from './data.js';
import { dataTypeOf, elementTypeOf } from './values.js';

/** Triton's own, where the configuration says nothing. */
const idleMicros = 1_000_000;
/** The longest that a timer of Node's can wait. */
const longestMicros = (2 ** 31 - 1) * 1000;

/** Undefined, where nothing is said. `inputs`: the model's. Errors: ERR_ARGUMENT. */
export async function sequencesOf(
  { config, folder, root }: FoundConfig,
  inputs: readonly ValueInfo[],
): Promise<SequenceSettings | undefined> {
  const { sequence_batching: batching, max_batch_size: most } = config;
  if (batching === undefined) return undefined;
  if (batching.iterative_sequence) throw wrongOption('sequence_batching: iterative_sequence is not done here');
  const isBatched = most > 0;
  const states: Record<string, string> = {};
  const initial: Record<string, Tensor> = {};
  for (const {
    input_name: input,
    output_name: output,
    initial_state: starts,
    data_type: type,
    dims,
  } of batching.state) {
    const what = `sequence_batching: state '${input}'`;
    if (input === '' || output === '') throw wrongOption('sequence_batching: a state has no input_name or output_name');
    if (starts.length > 1) throw wrongOption(`${what} has several initial_state`);
    requireState(what, inputs, { name: input, type, dims, isBatched });
    const start = starts[0] ?? { data_type: type, dims: dims.map((dim) => (dim === -1 ? 1 : dim)), zero_data: true };
    if (start.data_type !== type) throw wrongOption(`${what}: its initial_state is ${start.data_type}, not ${type}`);
    const rows = isBatched ? [1] : [];
    const source = { ...start, file: 'data_file' in start ? start.data_file : undefined };
    states[input] = output;
    initial[input] = await dataOf(what, source, [...rows, ...start.dims], root, path.join(folder, initialStateFolder));
  }
  const controls = batching.control_input.flatMap(({ name, control }) => {
    if (control.length !== 1) throw wrongOption(`sequence_batching: control_input '${name}' must have one control`);
    return [controlOf(name, control[0]!, inputs)];
  });
  const idle = batching.max_sequence_idle_microseconds || idleMicros;
  return { states, initial, controls, idleMicros: Math.min(idle, longestMicros), isBatched };
}

interface StateValue {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  readonly isBatched: boolean;
}

/** Errors: ERR_ARGUMENT, where the model's input is another. */
function requireState(what: string, inputs: readonly ValueInfo[], { name, type, dims, isBatched }: StateValue): void {
  const info = inputs.find((one) => one.name === name);
  if (info === undefined) throw wrongOption(`${what}: the model has no input of this name`);
  if (dataTypeOf(info.type) !== type) {
    throw wrongOption(`${what} is ${type}, but ${dataTypeOf(info.type) ?? info.type} in the model`);
  }
  const own = isBatched ? [-1, ...dims] : dims;
  const has = (info.dims ?? own) as readonly number[];
  if (has.length === own.length && has.every((dim, at) => dim === -1 || dim === own[at])) return;
  const rows = isBatched ? ' with the rows of max_batch_size before them' : '';
  throw wrongOption(`${what}: dims [${dims.join(', ')}]${rows} are not the model's, [${has.join(', ')}]`);
}

function controlOf(name: string, control: TritonControl, inputs: readonly ValueInfo[]): SequenceControl {
  const what = `sequence_batching: control_input '${name}'`;
  const info = inputs.find((input) => input.name === name);
  if (info === undefined) throw wrongOption(`${what}: the model has no input of this name`);
  const dims = (info.dims ?? [1]).map((dim) => (dim === -1 ? 1 : dim));
  if (dims.some((dim) => dim !== 1)) throw wrongOption(`${what} must have one element, got [${dims.join(', ')}]`);
  const requireType = (type: string) => {
    if (info.type !== type) throw wrongOption(`${what} is ${type}, but ${info.type} in the model`);
  };
  if (control.kind === 'CONTROL_SEQUENCE_CORRID') {
    const { type } = elementTypeOf(control.data_type, what);
    requireType(type);
    return { name, tensor: ({ id }) => idTensor(what, type, id, dims) };
  }
  const kind = control.kind as keyof typeof isOf;
  const [type, values] =
    control.int32_false_true.length > 0
      ? (['int32', Int32Array.from(control.int32_false_true)] as const)
      : control.fp32_false_true.length > 0
        ? (['float32', Float32Array.from(control.fp32_false_true)] as const)
        : (['bool', Uint8Array.from(control.bool_false_true, Number)] as const);
  if (values.length !== 2) throw wrongOption(`${what} must say its values for false and for true`);
  requireType(type);
  return {
    name,
    tensor: (step) => ({ type, data: isOf[kind](step) ? values.slice(1) : values.slice(0, 1), dims }) as Tensor,
  };
}

const isOf = {
  CONTROL_SEQUENCE_START: ({ start }: SequenceStep) => start,
  CONTROL_SEQUENCE_END: ({ end }: SequenceStep) => end,
  // There is no place for a request that did not come.
  CONTROL_SEQUENCE_READY: () => true,
} as const;

const idArrays = { int32: Int32Array, uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array } as const;

function idTensor(what: string, type: string, id: string | number | bigint, dims: readonly number[]): Tensor {
  if (type === 'string') return { type: 'string', data: [String(id)], dims };
  const array = idArrays[type as keyof typeof idArrays];
  if (array === undefined) throw wrongOption(`${what}: ${type} holds no id of a sequence`);
  if (typeof id === 'string')
    throw wrongOption(`${what} is ${type}: this model takes ids of sequences that are numbers`);
  const data =
    array === Int32Array || array === Uint32Array
      ? array.of(Number(id))
      : (array as typeof BigInt64Array).of(BigInt(id));
  return { type, data, dims } as Tensor;
}

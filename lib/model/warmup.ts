// The runs that warm a model up: rows of zeros, or of what the user gives.

import { TensorlaneError, toTensorlaneError } from '../core/errors.js';
import { own, setOwn } from '../core/own.js';
import { DeviceTensor } from '../runtime/device-tensor.js';
import { zeros } from '../tensor/tensor.js';
import type { ModelValue, Tensor } from '../tensor/types.js';
import { repeat } from './blocks.js';
import { type InputLayout, leastDims } from './layout.js';
import type { WarmupOptions } from './options.js';
import type { Feeds } from './run.js';
import { inWords } from './values.js';

export interface WarmupRun {
  readonly rows: number;
  readonly feeds: Feeds;
}

/** Errors: ERR_ARGUMENT, for inputs that the model has not. */
export function warmupRow(inputs: readonly InputLayout[], { inputs: given = {} }: WarmupOptions): Feeds {
  for (const name of Object.keys(given)) {
    if (inputs.some((input) => input.name === name)) continue;
    const known = inputs.map((input) => `'${input.name}'`).join(', ');
    throw new TensorlaneError('ERR_ARGUMENT', `warmup.inputs: the model has no input '${name}'; it takes ${known}`);
  }
  const row = Object.fromEntries(inputs.map((input) => [input.name, own(given, input.name) ?? leastValue(input)]));
  if (Object.values(row).some((value) => value instanceof DeviceTensor)) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      'warmup.inputs must be host tensors, got a device tensor; get() it first',
    );
  }
  return row;
}

export function* warmupRuns(
  inputs: readonly InputLayout[],
  row: Feeds,
  sizes: readonly number[],
  { count = 1 }: WarmupOptions,
): Generator<WarmupRun> {
  for (const rows of new Set(sizes)) {
    const feeds: Record<string, ModelValue> = {};
    for (const { name, axis } of inputs) {
      const value = own(row, name)!;
      const several = axis !== undefined && rows > 1;
      setOwn(feeds, name, several ? repeat(value as Tensor, rows, axis) : value);
    }
    for (let i = 0; i < count; i++) yield { rows, feeds };
  }
}

/** What failed, and, where the inputs were made up here, that the user may give better ones. */
export function failedWarmup(
  reason: unknown,
  rows: number,
  inputs: readonly InputLayout[],
  { inputs: given = {} }: WarmupOptions,
): TensorlaneError {
  const error = toTensorlaneError(reason, `warmup of ${rows} rows: `);
  const made = inputs.filter(({ name }) => !Object.hasOwn(given, name));
  if (made.length === 0) return error;
  const shapes = made
    .map(({ name, type, dims }) => `${name}: ${type ?? null} [${leastDims(dims).join(', ')}]`)
    .join(', ');
  const remedy = `it ran on zeros of the smallest shapes (${shapes}); give a row that the model takes in warmup.inputs`;
  return new TensorlaneError(error.code, `${error.message}; ${remedy}`, { cause: error.cause ?? error });
}

/** The smallest value of an input. Errors: ERR_ARGUMENT, where only the user knows one. */
function leastValue({ name, info, type, ranked, dims }: InputLayout): ModelValue {
  if (type !== undefined && ranked) return zeros(type, leastDims(dims));
  if (info.type === 'optional') return null;
  const what = type === undefined ? inWords(info) : `${inWords(info)} of any rank`;
  throw new TensorlaneError('ERR_ARGUMENT', `warmup: input '${name}' is ${what}; give one in warmup.inputs`);
}

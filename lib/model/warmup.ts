// The runs that warm a model up: rows of zeros, or of what the user gives.

import { TensorlaneError, toTensorlaneError } from '../core/errors.js';
import { zeros } from '../tensor/tensor.js';
import type { Tensor } from '../tensor/types.js';
import { join } from './blocks.js';
import { type InputLayout, leastDims } from './layout.js';
import type { WarmupOptions } from './options.js';
import type { Feeds } from './run.js';

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
  return Object.fromEntries(
    inputs.map((input) => [input.name, given[input.name] ?? zeros(input.type, leastDims(input.dims))]),
  );
}

export function* warmupRuns(
  inputs: readonly InputLayout[],
  row: Feeds,
  sizes: readonly number[],
  { count = 1 }: WarmupOptions,
): Generator<WarmupRun> {
  for (const rows of new Set(sizes)) {
    const feeds: Record<string, Tensor> = {};
    for (const { name, axis } of inputs) {
      const several = axis !== undefined && rows > 1;
      feeds[name] = several ? join(new Array<Tensor>(rows).fill(row[name]!), axis) : row[name]!;
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
  const shapes = made.map(({ name, type, dims }) => `${name}: ${type} [${leastDims(dims).join(', ')}]`).join(', ');
  const remedy = `it ran on zeros of the smallest shapes (${shapes}); give a row that the model takes in warmup.inputs`;
  return new TensorlaneError(error.code, `${error.message}; ${remedy}`, { cause: error.cause ?? error });
}

// The runs that warm a model up: rows of zeros, or of what the user gives.

import { TensorlaneError } from '../core/errors.js';
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

/** Errors: ERR_ARGUMENT, for inputs that the model has not; `checkRow` refuses what of one row the model does not take. */
export function* warmUp(
  inputs: readonly InputLayout[],
  sizes: readonly number[],
  { inputs: given = {}, count = 1 }: WarmupOptions,
  checkRow: (row: Feeds) => void,
): Generator<WarmupRun> {
  for (const name of Object.keys(given)) {
    if (inputs.some((input) => input.name === name)) continue;
    const known = inputs.map((input) => `'${input.name}'`).join(', ');
    throw new TensorlaneError('ERR_ARGUMENT', `warmup.inputs: the model has no input '${name}'; it takes ${known}`);
  }
  const row = Object.fromEntries(
    inputs.map((input) => [input.name, given[input.name] ?? zeros(input.type, leastDims(input.dims))]),
  );
  checkRow(row);
  for (const rows of new Set(sizes)) {
    const feeds: Record<string, Tensor> = {};
    for (const { name, axis } of inputs) {
      const several = axis !== undefined && rows > 1;
      feeds[name] = several ? join(new Array<Tensor>(rows).fill(row[name]!), axis) : row[name]!;
    }
    for (let i = 0; i < count; i++) yield { rows, feeds };
  }
}

// Dimensions that broadcast against each other, as numpy's do: counted from the last one, a size of 1 serves for any.

import { TensorlaneError } from '../core/errors.js';

export interface Broadcasting {
  /** Of the result. */
  readonly dims: number[];
  /** Of each operand: how many of its items lie between one and the next along a dimension of the result; 0 where it has one for all. */
  readonly strides: number[][];
}

/** `what` begins the message. Errors: ERR_SHAPE. */
export function broadcastDims(operands: readonly (readonly number[])[], what: string): Broadcasting {
  let rank = 0;
  for (const { length } of operands) rank = Math.max(rank, length);
  if (rank === 0) return { dims: [], strides: operands.map(() => []) };
  const dims = new Array<number>(rank);
  const strides = operands.map(() => new Array<number>(rank));
  const items = operands.map(() => 1);
  for (let place = rank - 1; place >= 0; place--) {
    const sizes = operands.map((own) => own[own.length - rank + place] ?? 1);
    const size = sizes.find((one) => one !== 1) ?? 1;
    for (const [i, one] of sizes.entries()) {
      if (one !== size && one !== 1) throw mismatch(operands, what);
      strides[i]![place] = one === 1 ? 0 : items[i]!;
      items[i]! *= one;
    }
    dims[place] = size;
  }
  return { dims, strides };
}

/** The same dims with ones before them, where they are fewer. */
export function withRank(dims: readonly number[], rank: number): number[] {
  return [...Array<number>(rank - dims.length).fill(1), ...dims];
}

function mismatch(operands: readonly (readonly number[])[], what: string): TensorlaneError {
  const lists = operands.map((dims) => `[${dims.join(', ')}]`);
  const all = `${lists.slice(0, -1).join(', ')} and ${lists.at(-1)}`;
  return new TensorlaneError('ERR_SHAPE', `${what} ${all} do not broadcast`);
}

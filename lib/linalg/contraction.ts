// The sum of products of two tensors over axes of both, as one product of matrices in a batch.

import type { Operand } from '../runtime/operands.js';
import type { Steps } from '../runtime/steps.js';
import { product } from '../tensor/tensor.js';

/** Of each of two tensors, its axes: each is in one of the three. */
export interface PairAxes {
  /** Along which both advance together, and which the result has first. */
  readonly batch: readonly [readonly number[], readonly number[]];
  /** Along which products are summed. */
  readonly summed: readonly [readonly number[], readonly number[]];
  /** Of each alone, which the result has behind those: of the first one, then of the second. */
  readonly kept: readonly [readonly number[], readonly number[]];
}

/** Both are of one type. Along `batch` and `summed` their sizes are the same. */
export async function contractPair(
  steps: Steps,
  a: Operand,
  b: Operand,
  { batch, summed, kept }: PairAxes,
): Promise<Operand> {
  const sizes = (of: Operand, axes: readonly number[]) => axes.map((axis) => of.dims[axis]!);
  const lead = sizes(a, batch[0]);
  const dims = [...lead, ...sizes(a, kept[0]), ...sizes(b, kept[1])];
  const [count, k] = [product(lead), product(sizes(a, summed[0]))];
  const [m, n] = [product(sizes(a, kept[0])), product(sizes(b, kept[1]))];
  const arrange = async (of: Operand, axes: readonly number[], as: readonly number[]) =>
    steps.reshape(await steps.transpose(of, axes), as);
  // Where nothing is summed it is an outer product; as products of matrices, one element each, that would be as many calls.
  if (summed[0].length === 0) {
    const [x, y] = await Promise.all([
      arrange(a, [...batch[0], ...kept[0]], [count, m, 1]),
      arrange(b, [...batch[1], ...kept[1]], [count, 1, n]),
    ]);
    return steps.reshape(await steps.multiply(x, y), dims);
  }
  // So it would where a batch has one element each.
  if (count > 1 && m === 1 && n === 1) {
    const [x, y] = await Promise.all([
      arrange(a, [...batch[0], ...kept[0], ...summed[0]], [count, k]),
      arrange(b, [...batch[1], ...kept[1], ...summed[1]], [count, k]),
    ]);
    return steps.reshape(await steps.sum(await steps.multiply(x, y), [1]), dims);
  }
  const [x, y] = await Promise.all([
    arrange(a, [...batch[0], ...kept[0], ...summed[0]], [count, m, k]),
    arrange(b, [...batch[1], ...summed[1], ...kept[1]], [count, k, n]),
  ]);
  return steps.reshape(await steps.matmul(x, y), dims);
}

// The order of axes, and diagonals.

import type { Operand } from '../runtime/operands.js';
import type { Steps } from '../runtime/steps.js';

/** The diagonal of two axes, behind the other ones. */
export async function diagonalOf(
  steps: Steps,
  a: Operand,
  rows: number,
  columns: number,
  offset: number,
): Promise<Operand> {
  const others = [...a.dims.keys()].filter((axis) => axis !== rows && axis !== columns);
  const [m, n] = [a.dims[rows]!, a.dims[columns]!];
  const length = Math.max(0, offset < 0 ? Math.min(m + offset, n) : Math.min(m, n - offset));
  const first = length === 0 ? 0 : offset < 0 ? -offset * n : offset;
  const front = await steps.transpose(a, [rows, columns, ...others]);
  const items = Array.from({ length }, (_, i) => first + i * (n + 1));
  const rest = others.map((axis) => a.dims[axis]!);
  const picked = await steps.gather(steps.reshape(front, [m * n, ...rest]), items);
  return toBack(steps, picked, 0);
}

/** The axis before all others. */
export function toFront(steps: Steps, a: Operand, axis: number): Promise<Operand> {
  return steps.transpose(a, [axis, ...[...a.dims.keys()].filter((one) => one !== axis)]);
}

/** The axis behind all others. */
export function toBack(steps: Steps, a: Operand, axis: number): Promise<Operand> {
  return steps.transpose(a, [...[...a.dims.keys()].filter((one) => one !== axis), axis]);
}

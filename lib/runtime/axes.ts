// The axes of a tensor, as numpy counts them: negative ones from the end.

import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';

/** The axis' place among `rank` dimensions. Errors: ERR_ARGUMENT. */
export function placeOfAxis(axis: unknown, rank: number, what: string): number {
  if (Number.isInteger(axis) && (axis as number) >= -rank && (axis as number) < rank) {
    return (axis as number) < 0 ? (axis as number) + rank : (axis as number);
  }
  throw new TensorlaneError(
    'ERR_ARGUMENT',
    rank === 0
      ? `${what}: a scalar has no axis, got ${shown(axis)}`
      : `${what}: axis must be an integer from ${-rank} to ${rank - 1}, got ${shown(axis)}`,
  );
}

/** The places of several axes, none of them named twice, in the order in which they were given. Errors: ERR_ARGUMENT. */
export function placesOfAxes(axes: unknown, rank: number, what: string): number[] {
  if (!Array.isArray(axes)) {
    throw new TensorlaneError('ERR_ARGUMENT', `${what}: axes must be an array of integers, got ${shown(axes)}`);
  }
  const places = axes.map((axis) => placeOfAxis(axis, rank, what));
  if (new Set(places).size === places.length) return places;
  throw new TensorlaneError('ERR_ARGUMENT', `${what}: an axis may be named only once, got ${shown(axes)}`);
}

/** An order of all axes, by default the last one first. Errors: ERR_ARGUMENT. */
export function checkOrder(axes: unknown, rank: number, what: string): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, i) => rank - 1 - i);
  if (!Array.isArray(axes) || axes.length !== rank) {
    throw new TensorlaneError('ERR_ARGUMENT', `${what}: expected ${rank} axes, got ${shown(axes)}`);
  }
  const order = axes.map((axis) => placeOfAxis(axis, rank, what));
  if (new Set(order).size === rank) return order;
  throw new TensorlaneError('ERR_ARGUMENT', `${what}: every axis must be named once, got ${shown(axes)}`);
}

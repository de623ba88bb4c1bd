// The largest singular values and their vectors, and the signs of vectors.

import type { Operand } from '../runtime/operands.js';
import type { Factors, Steps } from '../runtime/steps.js';
import { hostTensor, product } from '../tensor/tensor.js';

/** The first `rank` of all. `error`: the Frobenius norm of what u · diag(s) · vt leaves of a. */
export async function cut(
  steps: Steps,
  { u, s, vt, driver }: Factors,
  rank: number,
): Promise<Factors & { error: Operand }> {
  const last = s.dims.length - 1;
  const [first, others] = [upTo(0, rank), upTo(rank, s.dims[last]!)];
  const [left, values, right, rest] = await Promise.all([
    steps.pick(u, last + 1, first),
    steps.pick(s, last, first),
    steps.pick(vt, last, first),
    steps.pick(s, last, others),
  ]);
  return { u: left, s: values, vt: right, driver, error: await steps.reduce('norm', rest, [last]) };
}

const upTo = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/**
 * The same of real matrices, with the signs that make the largest element of each row of vt positive, as scikit-learn's svd_flip
 * does: so they do not depend on who computed them.
 */
export async function withSigns(steps: Steps, { u, s, vt, driver }: Factors): Promise<Factors> {
  const [count, n] = vt.dims.slice(-2) as [number, number];
  const rows = product(vt.dims.slice(0, -1));
  if (rows === 0 || n === 0) return { u, s, vt, driver };
  const sizes = await steps.sizes(vt);
  const places = await steps.largestAt(steps.reshape(sizes, [rows, n]));
  const firsts = BigInt64Array.from({ length: rows }, (_, i) => BigInt(i * n));
  const at = await steps.binary('add', places, hostTensor('int64', firsts, [rows]) as Operand);
  const [largest, size] = await Promise.all([
    steps.gatherAt(steps.reshape(vt, [rows * n]), at),
    steps.gatherAt(steps.reshape(sizes, [rows * n]), at),
  ]);
  const isZero = await steps.binary('equal', size, 0);
  const divisor = await steps.where(isZero, 1, size);
  const unit = await steps.binary('div', largest, divisor);
  const sign = await steps.where(isZero, steps.scalar(vt.type, 1), unit);
  const lead = vt.dims.slice(0, -2);
  const [forRows, forColumns] = [
    [...lead, count, 1],
    [...lead, 1, count],
  ];
  return {
    u: await steps.binary('mul', u, steps.reshape(sign, forColumns)),
    s,
    vt: await steps.binary('mul', vt, steps.reshape(sign, forRows)),
    driver,
  };
}

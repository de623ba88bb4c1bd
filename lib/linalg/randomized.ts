// The largest singular values by a random sample of what a matrix maps to: block Krylov iteration (Musco and Musco, Randomized block
// Krylov methods for stronger and faster approximate singular value decomposition, NeurIPS 2015), after the scheme of Halko, Martinsson
// and Tropp (Finding structure with randomness, SIAM Review 53(2), 2011).
//
// The columns of a · Ω, of (a · aᴴ) · a · Ω and so on up to the number of iterations are kept, all of them: q is an orthonormal basis of
// what they span, and qᴴ · a has a's largest singular values nearly. Each block is made orthonormal before the next one is
// computed from it, so that small singular values are not lost beside large ones.

import type { Operand } from '../runtime/operands.js';
import type { Factors, Steps } from '../runtime/steps.js';
import { bitsOf } from '../tensor/dtypes.js';
import { product } from '../tensor/tensor.js';
import { cut } from './truncated.js';

export interface Sampling {
  readonly rank: number;
  /** How many columns more than the rank a block has. */
  readonly oversample: number;
  /** How many blocks there are beside the first. */
  readonly iterations: number;
  readonly seed: number;
}

/** What is looked at together for the error, in bytes. */
const bytesTogether = 32 * 2 ** 20;

/** Of [..., m, n]. Exact where the sample would be no smaller than the matrix. `error`: as `cut` has it. */
export async function randomizedSvd(
  steps: Steps,
  a: Operand,
  { rank, oversample, iterations, seed }: Sampling,
): Promise<Factors & { error: Operand }> {
  const [m, n] = a.dims.slice(-2) as [number, number];
  const width = rank + oversample;
  const blocks = iterations + 1;
  if (width * blocks >= Math.min(m, n) || product(a.dims) === 0) return cut(steps, await steps.svd(a), rank);
  const sample = await steps.randomNumbers([n, width], seed, a);
  const found = [await steps.orthonormal(await steps.matmul(a, sample))];
  for (let i = 0; i < iterations; i++) {
    const back = await steps.orthonormal(await steps.adjoint(await projected(steps, found.at(-1)!, a)));
    found.push(await steps.orthonormal(await steps.matmul(a, back)));
  }
  const q = found.length === 1 ? found[0]! : await steps.orthonormal(await sideBySide(steps, found));
  const small = await cut(steps, await steps.svd(await projected(steps, q, a)), rank);
  const factors = { u: await steps.matmul(q, small.u), s: small.s, vt: small.vt, driver: 'randomized' };
  return { ...factors, error: await leftBy(steps, a, factors) };
}

/** qᴴ · a, without a copy of a. */
async function projected(steps: Steps, q: Operand, a: Operand): Promise<Operand> {
  return steps.matmul(await steps.adjoint(q), a);
}

/** Matrices of one shape [..., m, width], as [..., m, count * width]. */
async function sideBySide(steps: Steps, parts: readonly Operand[]): Promise<Operand> {
  const count = parts.length;
  const [m, width] = parts[0]!.dims.slice(-2) as [number, number];
  const lead = parts[0]!.dims.slice(0, -2);
  const apart = parts.map((part) => steps.reshape(part, [...lead, m, 1, width]));
  let all = apart[0]!;
  for (const [i, part] of apart.entries()) {
    if (i === 0) continue;
    all = await steps.where(steps.flag(count, i, [count, 1]), part, all);
  }
  return steps.reshape(all, [...lead, m, count * width]);
}

/** The Frobenius norms of a - u diag(s) vt; of one matrix some rows at a time. */
async function leftBy(steps: Steps, a: Operand, { u, s, vt }: Factors): Promise<Operand> {
  const right = await steps.scale(vt, steps.reshape(s, [...s.dims, 1]));
  const lead = a.dims.slice(0, -2);
  const normOf = async (part: Operand, left: Operand) => {
    const rest = await steps.subtract(part, await steps.matmul(left, right));
    return steps.sizeOf(rest, [rest.dims.length - 2, rest.dims.length - 1]);
  };
  if (lead.length > 0) return normOf(a, u);
  const [m, n] = a.dims as [number, number];
  const atOnce = Math.max(1, Math.floor(bytesTogether / (n * (bitsOf[a.type] / 8))));
  let all: Operand | undefined;
  for (let from = 0; from < m; from += atOnce) {
    const to = Math.min(m, from + atOnce);
    const norm = await normOf(steps.rows(a, from, to), steps.rows(u, from, to));
    all =
      all === undefined ? norm : await steps.reduce('norm', await steps.where(steps.flag(2, 0, [2]), all, norm), [0]);
  }
  return all!;
}

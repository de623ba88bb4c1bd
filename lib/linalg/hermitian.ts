// Singular values of symmetric and Hermitian matrices, by their eigenvalues: a = v · diag(w) · vᴴ, so that the singular values are |w|,
// u is v, and vᴴ takes the signs.

import { addon } from '../addon/load.js';
import type { Operand } from '../runtime/operands.js';
import type { Factors, Steps } from '../runtime/steps.js';
import { hostTensor, product } from '../tensor/tensor.js';

/** Of [..., n, n], of which the lower triangle is read. */
export async function hermitianSvd(steps: Steps, a: Operand): Promise<Factors> {
  const n = a.dims.at(-1)!;
  if (n > addon().limits.topK) return steps.svd(await mirrored(steps, a));
  const lead = a.dims.slice(0, -2);
  const batch = product(lead);
  const { w, v, driver } = await steps.eigh(a);
  const { values: s, indices } = await steps.largestFirst(await steps.unary('abs', w));
  // Which row of all matrices' rows each is.
  const before = BigInt64Array.from({ length: batch }, (_, i) => BigInt(i * n));
  const firsts = hostTensor('int64', before, [batch, 1]) as Operand;
  const rows = await steps.binary('add', steps.reshape(indices, [batch, n]), firsts);
  const order = steps.reshape(rows, [batch * n]);
  const columns = steps.reshape(await steps.transposeMatrices(v), [batch * n, n]);
  const [sorted, values] = await Promise.all([
    steps.gatherAt(columns, order),
    steps.gatherAt(steps.reshape(w, [batch * n]), order),
  ]);
  const ut = steps.reshape(sorted, a.dims);
  const signs = await steps.where(
    await steps.binary('less', values, 0),
    steps.scalar(values.type, -1),
    steps.scalar(values.type, 1),
  );
  const [u, vt] = await Promise.all([
    steps.transposeMatrices(ut),
    steps.conjugate(ut).then((conjugate) => steps.scale(conjugate, steps.reshape(signs, [...lead, n, 1]))),
  ]);
  return { u, s, vt, driver };
}

/** Whole matrices, of which the lower triangle counts. */
async function mirrored(steps: Steps, a: Operand): Promise<Operand> {
  const n = a.dims.at(-1)!;
  const [isLower, other] = await Promise.all([steps.indices('greaterOrEqual', n, n, a), steps.adjoint(a)]);
  return steps.where(isLower, a, other);
}

/** The singular values alone. */
export async function hermitianSvdvals(steps: Steps, a: Operand): Promise<Operand> {
  const n = a.dims.at(-1)!;
  if (n > addon().limits.topK) return steps.svdvals(await mirrored(steps, a));
  return (await steps.largestFirst(await steps.unary('abs', await steps.eigvalsh(a)))).values;
}

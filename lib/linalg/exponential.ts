// The matrix exponential: scaling, a Padé approximant r(x) = q(x) / q(-x), and squaring.
//
// With 2^-s a in place of a, the approximant's backward error is below the unit roundoff where the norms of its powers are at most
// theta (Higham, The scaling and squaring method for the matrix exponential revisited, SIAM J. Matrix Anal. Appl. 26(4), 2005). A
// matrix that is far from normal would be scaled too far by its own norm; |a^4|^(1/4) and |a^6|^(1/6) take its place, and the
// second measure here keeps rounding errors in the evaluation small (Al-Mohy and Higham, A new scaling and squaring algorithm for the
// matrix exponential, SIAM J. Matrix Anal. Appl. 31(3), 2009).
//
// Each matrix of a batch is scaled as it needs itself: a matrix whose measure is above 2^k is halved and squared a k-th time, others
// are kept as they are meanwhile.

import { TensorlaneError } from '../core/errors.js';
import type { Operand } from '../runtime/operands.js';
import { realOf } from '../runtime/promotion.js';
import type { Steps } from '../runtime/steps.js';
import type { FieldType, FloatType, Tensor } from '../tensor/types.js';
import { epsilonOf } from './matrices.js';
import { matrixNormOf, power } from './norms.js';

interface Approximant {
  readonly degree: number;
  readonly theta: number;
  /** Of q, from the constant one on. */
  readonly coefficients: readonly number[];
  /** The reciprocal of the first coefficient of the backward error's series: binomial(2 m, m) (2 m + 1)!. */
  readonly reciprocal: number;
}

// The thetas are of the unit roundoffs 2^-24 (Higham 2005, table 2.3's way) and 2^-53 (Al-Mohy and Higham 2009, table 3.1).
const approximants: Readonly<Record<FloatType, Approximant>> = {
  float32: {
    degree: 7,
    theta: 3.92572478313866,
    coefficients: [17297280, 8648640, 1995840, 277200, 25200, 1512, 56, 1],
    reciprocal: 4487938430976000,
  },
  float64: {
    degree: 13,
    theta: 4.25,
    coefficients: [
      64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
      670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
    ],
    reciprocal: 1.13250775606021e35,
  },
};

/** Of [..., n, n], n at least 1. Errors: ERR_NOT_FINITE. */
export async function exponentialOf(steps: Steps, a: Operand, type: FieldType): Promise<Operand> {
  refuseNonFinite(await steps.nonFinite(a, 2), 'the input has a NaN or an infinity');
  const approximant = approximants[realOf(type)];
  const a2 = await steps.matmul(a, a);
  const a4 = await steps.matmul(a2, a2);
  const a6 = await steps.matmul(a4, a2);
  const measure = await measureOf(steps, [a, a2, a4, a6], approximant, type);
  refuseNonFinite(await steps.nonFinite(measure, 0), `a power of the matrix is beyond what ${type} holds`);
  const most = await largest(steps, measure);
  const lead = [...a.dims.slice(0, -2), 1, 1];
  const needs: Operand[] = [];
  for (let k = 0; 2 ** k < most; k++) {
    needs.push(steps.reshape(await steps.binary('greater', measure, 2 ** k), lead));
  }
  const scaled = await scale(steps, [a, a2, a4, a6], needs);
  let result = await approximate(steps, scaled, approximant);
  for (const need of needs) result = await steps.where(need, await steps.matmul(result, result), result);
  refuseNonFinite(await steps.nonFinite(result, 2), `the exponential has elements beyond what ${type} holds`);
  return result;
}

/** A matrix needs s halvings where this is above 2^(s - 1) and not above 2^s. */
async function measureOf(
  steps: Steps,
  [a, , a4, a6]: readonly Operand[],
  { degree, theta, reciprocal }: Approximant,
  type: FieldType,
): Promise<Operand> {
  const [fourth, sixth, norm] = await Promise.all([
    matrixNormOf(steps, a4!, 1, false).then((of) => power(steps, of, 1 / 4)),
    matrixNormOf(steps, a6!, 1, false).then((of) => power(steps, of, 1 / 6)),
    matrixNormOf(steps, a!, 1, false),
  ]);
  const byPowers = await steps.binary('div', await larger(steps, fourth, sixth), theta);
  // (|  |a|^(2 m + 1)  | / (|a| c u))^(1 / 2 m), which is at most 1 for all matrices whose norm is at most this.
  const unit = (reciprocal * epsilonOf(type)) / 2;
  if (!((await largest(steps, norm)) > unit ** (1 / (2 * degree)))) return byPowers;
  const scale = await steps.where(await steps.binary('greater', norm, 0), norm, 1);
  const sizes = await steps.sizes(a!);
  const matrix = await steps.binary('div', sizes, steps.reshape(scale, [...scale.dims, 1, 1]));
  // The sums of the power's columns: of elements that are not negative, a row of ones times it.
  let sums = await steps.reduce('sum', matrix, [matrix.dims.length - 2], true);
  for (let i = 1; i < 2 * degree + 1; i++) sums = await steps.matmul(sums, matrix);
  const last = sums.dims.length - 1;
  const most = await steps.reduce('max', sums, [last - 1, last]);
  const quotient = await power(steps, await steps.binary('div', most, unit), 1 / (2 * degree));
  return larger(steps, byPowers, await steps.binary('mul', quotient, norm));
}

/** 2^-s times a matrix, 4^-s times its square, and so on: exact. */
async function scale(
  steps: Steps,
  [a, a2, a4, a6]: readonly Operand[],
  needs: readonly Operand[],
): Promise<[Operand, Operand, Operand, Operand]> {
  if (needs.length === 0) return [a!, a2!, a4!, a6!];
  let factor = steps.scalar(realOf(a!.type), 1);
  for (const need of needs) factor = await steps.where(need, await steps.binary('mul', factor, 0.5), factor);
  const second = await steps.binary('mul', factor, factor);
  const fourth = await steps.binary('mul', second, second);
  const sixth = await steps.binary('mul', fourth, second);
  return Promise.all([
    steps.scale(a!, factor),
    steps.scale(a2!, second),
    steps.scale(a4!, fourth),
    steps.scale(a6!, sixth),
  ]);
}

/** q(a) / q(-a), by the odd part u of q and its even part v: (v - u) x = v + u. */
async function approximate(
  steps: Steps,
  [a, a2, a4, a6]: readonly [Operand, Operand, Operand, Operand],
  { degree, coefficients: c }: Approximant,
): Promise<Operand> {
  const one = await steps.identity(a.dims.at(-1)!, a);
  const times = (matrix: Operand, factor: number) => steps.scale(matrix, steps.scalar(realOf(matrix.type), factor));
  const sum = async (sixth: number, fourth: number, second: number, constant: number): Promise<Operand> => {
    const terms = await Promise.all([times(a6, sixth), times(a4, fourth), times(a2, second)]);
    const high = await steps.add(await steps.add(terms[0]!, terms[1]!), terms[2]!);
    return constant === 0 ? high : steps.add(high, await times(one, constant));
  };
  let [odd, even] = await Promise.all([sum(c[7]!, c[5]!, c[3]!, c[1]!), sum(c[6]!, c[4]!, c[2]!, c[0]!)]);
  if (degree === 13) {
    const [highOdd, highEven] = await Promise.all([
      sum(c[13]!, c[11]!, c[9]!, 0).then((of) => steps.matmul(a6, of)),
      sum(c[12]!, c[10]!, c[8]!, 0).then((of) => steps.matmul(a6, of)),
    ]);
    [odd, even] = await Promise.all([steps.add(highOdd, odd), steps.add(highEven, even)]);
  }
  const u = await steps.matmul(a, odd);
  const [below, above] = await Promise.all([steps.subtract(even, u), steps.add(even, u)]);
  return steps.solve(below, above);
}

async function larger(steps: Steps, a: Operand, b: Operand): Promise<Operand> {
  return steps.where(await steps.binary('greater', a, b), a, b);
}

/** Of all elements, for JS to know how often to halve. */
async function largest(steps: Steps, a: Operand): Promise<number> {
  const { data } = (await steps.read(await steps.reduce('max', a, [...a.dims.keys()]))) as Tensor<FloatType>;
  return data[0]!;
}

function refuseNonFinite(indices: readonly number[], why: string): void {
  if (indices.length > 0) throw new TensorlaneError('ERR_NOT_FINITE', `expm: ${why}`, { indices });
}

// Operations that are made of others, step by step on the device: what one takes, what it makes on the way, and what it gives.
//
// JS only says what comes next. It looks at an element where the next step depends on it (how many squarings, which rank), never
// at all of them. What was made on the way is freed at the end, however it ends; an operand that is needed after the first step is
// taken at once, so that what is said of operands holds: they may be reused, or disposed, as soon as the call returns.

import type { Operations } from '../../binding.js';
import { TensorlaneError } from '../core/errors.js';
import { isComplex, type NumericDType } from '../tensor/dtypes.js';
import { hostTensor, product } from '../tensor/tensor.js';
import type { FieldType, Tensor } from '../tensor/types.js';
import { broadcastDims } from './broadcast.js';
import { ElementSteps } from './element-steps.js';
import type { Operand } from './operands.js';
import type { Placed } from './out.js';
import { floatOf, realOf } from './promotion.js';
import { type OperandTypes, type Results, type Runner, ranBy, type Step } from './runner.js';

type Binary = Operations['binary']['op'];

/** `options` have been checked. The operands are taken as `type`, where one is given, or each as its own. */
export function compose(
  runner: Runner,
  what: string,
  options: Placed,
  operands: readonly Operand[],
  type: NumericDType | undefined | readonly (NumericDType | undefined)[],
  body: (steps: Steps, ...operands: Operand[]) => Promise<readonly Operand[]>,
): Promise<Operand[]> {
  return runner.compose(what, options, async (run) => {
    const steps = new Steps(run);
    try {
      const typeOf = (i: number) => (typeof type === 'object' ? type[i] : type);
      const taken = await Promise.all(operands.map((one, i) => steps.take(one, typeOf(i) ?? one.type, what)));
      return steps.give(await steps.placeAll(await body(steps, ...taken), options.outs, what));
    } catch (reason) {
      throw named(what, reason);
    } finally {
      await steps.end();
    }
  });
}

/**
 * One operation whose operands are taken as `types` says. The device converts them as a part of it; only what becomes complex does so in
 * a step of its own. `options` have been checked.
 */
export function runAs<K extends keyof Operations>(
  runner: Runner,
  what: string,
  step: Step<K>,
  options: Placed,
  types: OperandTypes,
): Promise<Results> {
  const { name, operands, settings, results } = step;
  const becomesComplex = (one: string) => {
    const wanted = types[one];
    return wanted !== undefined && isComplex(wanted) && operands[one]!.type !== wanted;
  };
  if (Object.keys(operands).some(becomesComplex)) return runConverted(runner, what, step, options, types);
  return runner.run(name, operands, settings, results, options, types);
}

/** The same, with the conversions as steps before it. */
async function runConverted<K extends keyof Operations>(
  runner: Runner,
  what: string,
  { name, operands, settings, results }: Step<K>,
  options: Placed,
  types: OperandTypes,
): Promise<Results> {
  const names = Object.keys(operands);
  const wanted = names.map((one) => types[one]);
  let ran: string | undefined;
  const made = await compose(runner, what, options, Object.values(operands), wanted, async (steps, ...taken) => {
    const named = Object.fromEntries(names.map((one, i) => [one, taken[i]!]));
    const found = await steps.run({ name, operands: named, settings, results });
    ran = found.ran;
    return found;
  });
  return ranBy(made, ran);
}

/** Of an SVD, and the routine that found them. */
export interface Factors {
  readonly u: Operand;
  readonly s: Operand;
  readonly vt: Operand;
  readonly driver: string | undefined;
}

/** The error of a step, as one of the operation that was called. */
function named(what: string, reason: unknown): unknown {
  if (!(reason instanceof TensorlaneError) || reason.message.startsWith(`${what}:`)) return reason;
  const { code, message, indices } = reason;
  return new TensorlaneError(code, `${what}: ${message}`, { indices, cause: reason });
}

/** The steps of one operation. Where an operand is on the device, so is what comes of it. */
export class Steps extends ElementSteps {
  /** a^-1 b for matrices, of one float type; leading dimensions broadcast. */
  solve(a: Operand, b: Operand): Promise<Operand> {
    const [n, nrhs] = b.dims.slice(-2) as [number, number];
    const { dims: batchDims, strides } = broadcastDims([a.dims.slice(0, -2), b.dims.slice(0, -2)], 'solve: the dims');
    const type = a.type as FieldType;
    const settings = { type, n, nrhs, batchDims, aStrides: strides[0]!, bStrides: strides[1]! };
    return this.one('solve', { a, b }, settings, { type, dims: [...batchDims, n, nrhs] });
  }

  inv(a: Operand): Promise<Operand> {
    return this.one('inv', { a }, square(a), { type: a.type, dims: [...a.dims] });
  }

  async svd(a: Operand, mode: 'thin' | 'full' = 'thin'): Promise<Factors> {
    const { lead, m, n, k, type } = matricesOf(a);
    const results = [
      { type: realOf(type), dims: [...lead, k] },
      { type, dims: [...lead, m, mode === 'full' ? m : k] },
      { type, dims: [...lead, mode === 'full' ? n : k, n] },
    ];
    const settings = { type, mode, driver: 'auto', rank: 0, batch: product(lead), m, n } as const;
    const found = await this.run({ name: 'svd', operands: { a }, settings, results });
    const [s, u, vt] = found;
    return { u: u!, s: s!, vt: vt!, driver: found.ran };
  }

  /** An orthonormal basis of what the columns span: [..., m, min(m, n)]. */
  async orthonormal(a: Operand): Promise<Operand> {
    const { lead, m, n, k, type } = matricesOf(a);
    const results = [
      { type, dims: [...lead, k, n] },
      { type, dims: [...lead, m, k] },
    ];
    const settings = { type, mode: 'reduced', batch: product(lead), m, n } as const;
    return (await this.run({ name: 'qr', operands: { a }, settings, results }))[1]!;
  }

  /** r of q r: [..., min(m, n), n]. */
  triangle(a: Operand): Promise<Operand> {
    const { lead, m, n, k, type } = matricesOf(a);
    const settings = { type, mode: 'r', batch: product(lead), m, n } as const;
    return this.one('qr', { a }, settings, { type, dims: [...lead, k, n] });
  }

  svdvals(a: Operand): Promise<Operand> {
    const { lead, m, n, k, type } = matricesOf(a);
    const settings = { type, mode: 'values', driver: 'auto', rank: 0, batch: product(lead), m, n } as const;
    return this.one('svd', { a }, settings, { type: realOf(type), dims: [...lead, k] });
  }

  /** The lower triangle is read. */
  async eigh(a: Operand): Promise<{ w: Operand; v: Operand; driver: string | undefined }> {
    const { type } = a;
    const results = [
      { type: realOf(type), dims: a.dims.slice(0, -1) },
      { type, dims: [...a.dims] },
    ];
    const settings = { ...square(a), vectors: true };
    const found = await this.run({ name: 'eigh', operands: { a }, settings, results });
    return { w: found[0]!, v: found[1]!, driver: found.ran };
  }

  eigvalsh(a: Operand): Promise<Operand> {
    const result = { type: realOf(a.type), dims: a.dims.slice(0, -1) };
    return this.one('eigh', { a }, { ...square(a), vectors: false }, result);
  }

  /** Of each item of the leading dimensions but the last `inner`, whether it has a NaN or an infinity; in host memory. */
  async nonFinite(a: Operand, inner: number): Promise<number[]> {
    const lead = a.dims.slice(0, a.dims.length - inner);
    const items = product(lead);
    const real = isComplex(a.type) ? this.asReal(a) : a;
    const settings = { type: realOf(a.type), items, elements: product(real.dims.slice(lead.length)) };
    const result = { type: 'bool' as const, dims: [items] };
    const found = await this.read(await this.one('hasNonFinite', { a: real }, settings, result));
    const { data } = found as Tensor<'bool'>;
    return data.includes(1) ? [...data.keys()].filter((i) => data[i] !== 0) : [];
  }

  cholesky(a: Operand): Promise<Operand> {
    return this.one('cholesky', { a }, square(a), { type: a.type, dims: [...a.dims] });
  }

  /** Where the indices of a matrix's rows compare so with those of its columns: bools of [m, n], where the operand `like` is. */
  async indices(op: Binary, m: number, n: number, like: Operand): Promise<Operand> {
    const count = (length: number, dims: number[]) =>
      hostTensor(
        'int32',
        Int32Array.from({ length }, (_, i) => i),
        dims,
      ) as Tensor<'int32'>;
    const rows = await this.place(count(m, [m, 1]), like);
    return this.binary(op, rows, count(n, [1, n]));
  }

  /** Ones on the diagonal of n x n, of the type of `like` and where that is. */
  async identity(n: number, like: Operand): Promise<Operand> {
    return this.cast(await this.indices('equal', n, n, like), like.type);
  }
}

function square(a: Operand): { type: FieldType; batch: number; n: number } {
  return { type: floatOf(a.type), batch: product(a.dims.slice(0, -2)), n: a.dims.at(-1)! };
}

function matricesOf(a: Operand) {
  const [m, n] = a.dims.slice(-2) as [number, number];
  return { lead: a.dims.slice(0, -2), m, n, k: Math.min(m, n), type: floatOf(a.type) };
}

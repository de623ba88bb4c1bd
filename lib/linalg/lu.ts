// LU factors with partial pivoting, and what is solved with them and with triangular matrices: scipy.linalg's definitions, over any
// leading dimensions as torch's.

import { flag, namesOf, oneOf, plainObject } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { checkOperand, type MatrixOperand, type Operand, type ResultAs, type ResultOf } from '../runtime/operands.js';
import { checkOptions } from '../runtime/options.js';
import { type Placed, placed, placedByName, type ResultOptions, type ResultsOptions } from '../runtime/out.js';
import type { Runner, Settings } from '../runtime/runner.js';
import { compose, runAs, type Steps } from '../runtime/steps.js';
import type { Shape } from '../runtime/storage.js';
import { isComplex } from '../tensor/dtypes.js';
import { hostTensor } from '../tensor/tensor.js';
import type { FieldType } from '../tensor/types.js';
import { MatrixFunctions } from './functions.js';
import { broadcast, checkField, checkFieldMatrices, commonField, type SolutionOf } from './matrices.js';

const forms = ['N', 'T', 'C'] as const;

export interface LuFactors<A extends MatrixOperand | Operand = MatrixOperand, P extends Operand = Operand> {
  /** u in its upper triangle, and l below, without the ones of its diagonal: [..., m, n]. */
  readonly lu: A;
  /** [..., min(m, n)] of int32: row i is exchanged with row pivots[i], one after the other; counted from 0, as scipy does. */
  readonly pivots: P;
}

export interface LuOptions extends ResultsOptions<'p' | 'l' | 'u'> {
  /** Whether p is given as the rows that it picks, rather than as a matrix. */
  pIndices?: boolean | undefined;
}

export interface Lu<P, R> {
  /** [..., m, m], a permutation matrix; or [..., m] of int32 with `pIndices`: row i of a is row p[i] of l · u. */
  readonly p: P;
  /** [..., m, k], lower triangular, with ones on its diagonal. */
  readonly l: R;
  /** [..., k, n], upper triangular. */
  readonly u: R;
}

export interface LuSolveOptions extends ResultOptions {
  /** 'N' (default): a · x = b; 'T': aᵀ · x = b; 'C': aᴴ · x = b. */
  trans?: (typeof forms)[number] | undefined;
}

export interface SolveTriangularOptions extends LuSolveOptions {
  /** Which triangle is read: the lower one, or by default the upper one. */
  lower?: boolean | undefined;
  /** Whether the diagonal is taken as ones, and not read. */
  unitDiagonal?: boolean | undefined;
}

const luNames = namesOf<LuOptions>({ pIndices: true, out: true, signal: true, stream: true });
const luFactorNames = namesOf<ResultsOptions<'lu' | 'pivots'>>({ out: true, signal: true, stream: true });
const luSolveNames = namesOf<LuSolveOptions>({ trans: true, out: true, signal: true, stream: true });
const triangularNames = namesOf<SolveTriangularOptions>({
  trans: true,
  lower: true,
  unitDiagonal: true,
  out: true,
  signal: true,
  stream: true,
});

/** Of linear algebra, what comes of elimination. */
export class LuOperations extends MatrixFunctions {
  readonly #runner: Runner;

  /** @internal */
  constructor(runner: Runner) {
    super(runner);
    this.#runner = runner;
  }

  /** a = p · l · u for `a` [..., m, n], with p [..., m] of int32: row i of `a` is row p[i] of l · u. */
  async lu<A extends MatrixOperand>(
    a: A,
    options: LuOptions & { pIndices: true },
  ): Promise<Lu<ResultAs<A, 'int32'>, ResultOf<A>>>;
  /**
   * a = p · l · u for `a` [..., m, n] and k = min(m, n), with partial pivoting (getrf), as scipy.linalg.lu and torch.linalg.lu. A
   * singular matrix has zeros on the diagonal of u.
   */
  async lu<A extends MatrixOperand>(a: A, options?: LuOptions): Promise<Lu<ResultOf<A>, ResultOf<A>>>;
  async lu(a: MatrixOperand, options: LuOptions = {}): Promise<unknown> {
    const pIndices = flag('lu: pIndices', checkOptions(options, 'lu', luNames).pIndices, false);
    const { operand, type, lead, batch, m, n } = checkFieldMatrices(a, 'lu');
    const k = Math.min(m, n);
    const [p, l, u] = await compose(
      this.#runner,
      'lu',
      placedByName(options, 'lu', ['p', 'l', 'u']),
      [operand],
      type,
      async (steps, x) => {
        const settings = { type, permutation: true, batch, m, n };
        const results = [
          { type, dims: [...lead, m, n] },
          { type: 'int32' as const, dims: [...lead, k] },
          { type: 'int32' as const, dims: [...lead, m] },
        ];
        const [lu, , order] = await steps.run({ name: 'luFactor', operands: { a: x! }, settings, results });
        const rows = pIndices ? order! : await permutationMatrix(steps, order!, m, lu!);
        const [lower, upper] = await Promise.all([lowerOf(steps, lu!, m, k), upperOf(steps, lu!, k, n)]);
        return [rows, lower, upper];
      },
    );
    return { p, l, u };
  }

  /**
   * The factors of `lu` as LAPACK has them, for `luSolve`: of scipy.linalg.lu_factor, whose pivots count from 0, and
   * torch.linalg.lu_factor, whose count from 1. A singular matrix is no error.
   */
  async luFactor<A extends MatrixOperand>(
    a: A,
    options: ResultsOptions<'lu' | 'pivots'> = {},
  ): Promise<LuFactors<ResultOf<A>, ResultAs<A, 'int32'>>> {
    checkOptions(options, 'luFactor', luFactorNames);
    const { operand, type, lead, batch, m, n } = checkFieldMatrices(a, 'luFactor');
    const results = [
      { type, dims: [...lead, m, n] },
      { type: 'int32' as const, dims: [...lead, Math.min(m, n)] },
    ];
    const settings = { type, permutation: false, batch, m, n };
    const to = placedByName(options, 'luFactor', ['lu', 'pivots']);
    const [lu, pivots] = await this.#runner.run('luFactor', { a: operand }, settings, results, to, { a: type });
    return { lu, pivots } as LuFactors<ResultOf<A>, ResultAs<A, 'int32'>>;
  }

  /**
   * Solves a · x = b, or aᵀ · x = b, with what `luFactor` gives for a [..., n, n], and `b` either one vector [n] or [..., n, k], as
   * scipy.linalg.lu_solve. Leading dimensions broadcast.
   *
   * Errors: ERR_SINGULAR (a zero on the diagonal of u), ERR_ARGUMENT (a pivot that is no row).
   */
  async luSolve<A extends MatrixOperand, P extends Operand<'int32' | 'int64'>, B extends MatrixOperand>(
    factors: LuFactors<A, P>,
    b: B,
    options: LuSolveOptions = {},
  ): Promise<SolutionOf<A, B>> {
    const { trans } = checkOptions(options, 'luSolve', luSolveNames);
    const form = oneOf('luSolve: trans', trans, 'N', forms);
    const given = plainObject('luSolve: factors', factors) as { lu?: unknown; pivots?: unknown };
    const left = checkField(given.lu, 'luSolve: lu', 2);
    const pivots = checkOperand(given.pivots, 'luSolve: pivots', 1);
    if (pivots.type !== 'int32' && pivots.type !== 'int64') {
      throw new TensorlaneError('ERR_DTYPE', `luSolve: pivots must be int32 or int64, not ${pivots.type}`);
    }
    const right = checkField(b, 'luSolve: b', 1);
    const { dims, settings } = checkSystem(left, right, 'luSolve');
    const wanted = left.dims.slice(0, -1);
    if (wanted.length !== pivots.dims.length || wanted.some((dim, i) => dim !== pivots.dims[i])) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `luSolve: lu of dims [${left.dims.join(', ')}] has pivots of dims [${wanted.join(', ')}], got [${pivots.dims.join(', ')}]`,
      );
    }
    const type = commonField(left, right);
    const operands = { a: left, b: right, pivots };
    const request = { type, transposed: form !== 'N', ...settings };
    const to = placed(options, 'luSolve');
    return (await this.#solve('luSolve', operands, request, { type, dims }, to, form)) as SolutionOf<A, B>;
  }

  /**
   * Solves a · x = b, or aᵀ · x = b, for the upper or the lower triangle of `a` [..., n, n], of which nothing else is read, and `b` either
   * one vector [n] or [..., n, k], as scipy.linalg.solve_triangular. Leading dimensions broadcast. By substitution (trsm).
   *
   * Errors: ERR_SINGULAR (a zero on the diagonal).
   */
  async solveTriangular<A extends MatrixOperand, B extends MatrixOperand>(
    a: A,
    b: B,
    options: SolveTriangularOptions = {},
  ): Promise<SolutionOf<A, B>> {
    const given = checkOptions(options, 'solveTriangular', triangularNames);
    const form = oneOf('solveTriangular: trans', given.trans, 'N', forms);
    const lower = flag('solveTriangular: lower', given.lower, false);
    const unit = flag('solveTriangular: unitDiagonal', given.unitDiagonal, false);
    const left = checkField(a, 'solveTriangular: a', 2);
    const right = checkField(b, 'solveTriangular: b', 1);
    const { dims, settings } = checkSystem(left, right, 'solveTriangular');
    const type = commonField(left, right);
    const operands = { a: left, b: right };
    const request = { type, lower, transposed: form !== 'N', unit, ...settings };
    const to = placed(options, 'solveTriangular');
    return (await this.#solve('solveTriangular', operands, request, { type, dims }, to, form)) as SolutionOf<A, B>;
  }

  /** aᴴ · x = b is what the conjugates of b and x have with aᵀ. */
  async #solve<K extends 'luSolve' | 'solveTriangular'>(
    name: K,
    operands: Readonly<Record<string, Operand>>,
    request: Settings<K> & { type: FieldType },
    result: Shape,
    to: Placed,
    form: (typeof forms)[number],
  ): Promise<Operand> {
    const { type } = request;
    const types = { a: type, b: type, pivots: 'int32' } as const;
    if (form !== 'C' || !isComplex(type)) {
      const step = { name, operands, settings: request, results: [result] };
      return (await runAs(this.#runner, name, step, to, types))[0]!;
    }
    const names = Object.keys(operands) as (keyof typeof types)[];
    const wanted = names.map((one) => types[one]);
    const [x] = await compose(this.#runner, name, to, Object.values(operands), wanted, async (steps, ...taken) => {
      const named: Record<string, Operand> = Object.fromEntries(names.map((one, i) => [one, taken[i]!]));
      named.b = await steps.conjugate(named.b!);
      const [found] = await steps.run({ name, operands: named, settings: request, results: [result] });
      return [await steps.conjugate(found!)];
    });
    return x!;
  }
}

/** A square matrix and right-hand sides, one vector or several, whose leading dimensions broadcast. Errors: ERR_SHAPE. */
export function checkSystem(left: MatrixOperand, right: MatrixOperand, what: string) {
  const isVector = right.dims.length === 1;
  const [rows, n] = left.dims.slice(-2) as [number, number];
  const bDims = isVector ? [...right.dims, 1] : right.dims;
  const [size, nrhs] = bDims.slice(-2) as [number, number];
  if (rows !== n || size !== n) {
    throw new TensorlaneError(
      'ERR_SHAPE',
      `${what}: a must be square and b as long: got a of dims [${left.dims.join(', ')}], b of dims [${right.dims.join(', ')}]`,
    );
  }
  const { batchDims, aStrides, bStrides } = broadcast(left.dims.slice(0, -2), bDims.slice(0, -2), what);
  const settings = { batchDims, aStrides, bStrides, n, nrhs };
  return { dims: isVector ? [...batchDims, n] : [...batchDims, n, nrhs], settings };
}

/** Ones where row i has its column order[i], of the type of `like`. */
async function permutationMatrix(steps: Steps, order: Operand, m: number, like: Operand): Promise<Operand> {
  const columns = Int32Array.from({ length: m }, (_, i) => i);
  const picked = steps.reshape(order, [...order.dims, 1]);
  return steps.cast(await steps.binary('equal', picked, hostTensor('int32', columns, [1, m]) as Operand), like.type);
}

/** The first k columns below the diagonal, and ones on it. */
async function lowerOf(steps: Steps, lu: Operand, m: number, k: number): Promise<Operand> {
  const columns = k === lu.dims.at(-1) ? lu : await steps.pick(lu, lu.dims.length - 1, firstOf(k));
  const [below, ones] = await Promise.all([
    steps.indices('greater', m, k, lu),
    steps.indices('equal', m, k, lu).then((diagonal) => steps.cast(diagonal, lu.type)),
  ]);
  return steps.where(below, columns, ones);
}

/** The first k rows from the diagonal on. */
async function upperOf(steps: Steps, lu: Operand, k: number, n: number): Promise<Operand> {
  const rows = k === lu.dims.at(-2) ? lu : await steps.pick(lu, lu.dims.length - 2, firstOf(k));
  return steps.where(await steps.indices('lessEqual', k, n, lu), rows, 0);
}

const firstOf = (count: number) => Array.from({ length: count }, (_, i) => i);

// Products of vectors, matrices and tensors beside matmul, and the ways to look at a matrix: numpy.linalg's definitions.

import { namesOf, requiredWholeNumber, wholeNumber, wrong } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { placeOfAxis, placesOfAxes } from '../runtime/axes.js';
import { broadcastDims, withRank } from '../runtime/broadcast.js';
import { checkOperand, type FloatOf, type MatrixOperand, type Operand, type ResultAs } from '../runtime/operands.js';
import { checkOptions } from '../runtime/options.js';
import { placed, type ResultOptions, resultNames } from '../runtime/out.js';
import { floatOf } from '../runtime/promotion.js';
import type { Runner } from '../runtime/runner.js';
import { compose, type Steps } from '../runtime/steps.js';
import { elementCount, hostTensor, product } from '../tensor/tensor.js';
import { diagonalOf, toBack, toFront } from './axes.js';
import { contractPair } from './contraction.js';
import { einsumOf } from './einsum.js';
import { checkFactors, checkField, checkFieldSquare, type ProductOf, productTypeOf } from './matrices.js';
import { cheapestOrder, type Order } from './multi-dot.js';
import { NormOperations } from './norms.js';

export interface DiagonalOptions extends ResultOptions {
  /** How many columns to the right of the main one, or to its left where negative; 0 by default. */
  offset?: number | undefined;
}

export interface AxisOptions extends ResultOptions {
  /** -1, the last one, by default. */
  axis?: number | undefined;
}

export interface TensordotOptions extends ResultOptions {
  /** How many of the last axes of `a` are summed with the first ones of `b`, 2 by default; or which of `a` with which of `b`. */
  axes?: number | readonly [readonly number[], readonly number[]] | undefined;
}

const diagonalNames = namesOf<DiagonalOptions>({ offset: true, out: true, signal: true, stream: true });
const axisNames = namesOf<AxisOptions>({ axis: true, out: true, signal: true, stream: true });
const tensordotNames = namesOf<TensordotOptions>({ axes: true, out: true, signal: true, stream: true });

/** Of linear algebra, what multiplies. */
export class ProductOperations extends NormOperations {
  readonly #runner: Runner;

  /** @internal */
  constructor(runner: Runner) {
    super(runner);
    this.#runner = runner;
  }

  /**
   * Matrices [..., m, n] transposed: [..., n, m], as numpy.linalg.matrix_transpose. All types but strings and the 4-bit
   * integers.
   */
  async matrixTranspose<A extends Operand>(a: A, options: ResultOptions = {}): Promise<ResultAs<A, A['type']>> {
    checkOptions(options, 'matrixTranspose', resultNames);
    const operand = checkOperand(a, 'matrixTranspose', 2);
    const { type, dims } = operand;
    const last = dims.length - 1;
    const axes = [...dims.keys()].slice(0, -2).concat(last, last - 1);
    const shapes = [{ type, dims: axes.map((axis) => dims[axis]!) }];
    const request = { type, dims: [...dims], axes };
    const to = placed(options, 'matrixTranspose');
    const [result] = await this.#runner.run('transpose', { a: operand }, request, shapes, to);
    return result as ResultAs<A, A['type']>;
  }

  /**
   * A diagonal of matrices [..., m, n]: [..., k], as numpy.linalg.diagonal; empty where it lies beyond the matrix. All types but strings
   * and the 4-bit integers.
   */
  async diagonal<A extends Operand>(a: A, options: DiagonalOptions = {}): Promise<ResultAs<A, A['type']>> {
    checkOptions(options, 'diagonal', diagonalNames);
    const operand = checkOperand(a, 'diagonal', 2);
    const most = Number.MAX_SAFE_INTEGER;
    const offset = wholeNumber('diagonal: offset', options.offset, 0, -most, most);
    const [diagonal] = await compose(
      this.#runner,
      'diagonal',
      placed(options, 'diagonal'),
      [operand],
      undefined,
      async (steps, x) => {
        const last = x!.dims.length - 1;
        return [await diagonalOf(steps, x!, last - 1, last, offset)];
      },
    );
    return diagonal as ResultAs<A, A['type']>;
  }

  /** The products of all elements of two vectors [m] and [n]: [m, n], as numpy.linalg.outer. Integers wrap. */
  async outer<A extends MatrixOperand, B extends MatrixOperand>(
    a: A,
    b: B,
    options: ResultOptions = {},
  ): Promise<ProductOf<A, B>> {
    checkOptions(options, 'outer', resultNames);
    const { left, right, type } = checkFactors(a, b, 'outer', 0);
    for (const { dims } of [left, right]) {
      if (dims.length === 1) continue;
      throw new TensorlaneError('ERR_SHAPE', `outer: expected vectors, got dims [${dims.join(', ')}]`);
    }
    const [result] = await compose(
      this.#runner,
      'outer',
      placed(options, 'outer'),
      [left, right],
      type,
      async (steps, x, y) => [await steps.multiply(steps.reshape(x!, [...x!.dims, 1]), y!)],
    );
    return result as ProductOf<A, B>;
  }

  /**
   * The Kronecker product: [a0, a1, ...] and [b0, b1, ...] to [a0 · b0, a1 · b1, ...], every element of `a` times all of `b`, as
   * numpy.kron; the one of fewer dimensions has ones put before its own. Integers wrap.
   */
  async kron<A extends MatrixOperand, B extends MatrixOperand>(
    a: A,
    b: B,
    options: ResultOptions = {},
  ): Promise<ProductOf<A, B>> {
    checkOptions(options, 'kron', resultNames);
    const { left, right, type } = checkFactors(a, b, 'kron', 0);
    const rank = Math.max(left.dims.length, right.dims.length);
    const aDims = withRank(left.dims, rank);
    const bDims = withRank(right.dims, rank);
    const dims = aDims.map((dim, i) => dim * bDims[i]!);
    elementCount(dims, 'kron');
    const [result] = await compose(
      this.#runner,
      'kron',
      placed(options, 'kron'),
      [left, right],
      type,
      async (steps, x, y) => {
        const apart = steps.reshape(
          x!,
          aDims.flatMap((dim) => [dim, 1]),
        );
        const within = steps.reshape(
          y!,
          bDims.flatMap((dim) => [1, dim]),
        );
        return [steps.reshape(await steps.multiply(apart, within), dims)];
      },
    );
    return result as ProductOf<A, B>;
  }

  /**
   * The cross products of vectors of three elements along an axis, the last one by default; the other dimensions broadcast. As
   * numpy.linalg.cross. Integers wrap.
   */
  async cross<A extends MatrixOperand, B extends MatrixOperand>(
    a: A,
    b: B,
    options: AxisOptions = {},
  ): Promise<ProductOf<A, B>> {
    const { axis = -1 } = checkOptions(options, 'cross', axisNames);
    const { left, right, type } = checkFactors(a, b, 'cross', 0);
    const places = [left, right].map(({ dims }) => placeOfAxis(axis, dims.length, 'cross')) as [number, number];
    for (const [i, { dims }] of [left, right].entries()) {
      if (dims[places[i]!] === 3) continue;
      throw new TensorlaneError(
        'ERR_SHAPE',
        `cross: expected three elements along the axis, got dims [${dims.join(', ')}]`,
      );
    }
    const [result] = await compose(
      this.#runner,
      'cross',
      placed(options, 'cross'),
      [left, right],
      type,
      async (steps, x, y) => {
        // The axis comes first, where its items are rows; the other dimensions keep their order, and so broadcast as before.
        const [p, q] = await Promise.all([toFront(steps, x!, places[0]), toFront(steps, y!, places[1])]);
        const [next, after] = [
          [1, 2, 0],
          [2, 0, 1],
        ] as const;
        const [p1, p2, q1, q2] = await Promise.all([
          steps.gather(p, next),
          steps.gather(p, after),
          steps.gather(q, next),
          steps.gather(q, after),
        ]);
        const level = levelled(steps, [p1, q2, p2, q1]);
        const [plus, minus] = await Promise.all([
          steps.multiply(level[0]!, level[1]!),
          steps.multiply(level[2]!, level[3]!),
        ]);
        const products = await steps.subtract(plus, minus);
        const rank = products.dims.length;
        const back = axis < 0 ? axis + rank : axis;
        const order = Array.from({ length: rank - 1 }, (_, i) => i + 1);
        order.splice(back, 0, 0);
        return [await steps.transpose(products, order)];
      },
    );
    return result as ProductOf<A, B>;
  }

  /**
   * The sums of products along an axis, the last one by default, which is gone in the result; the other dimensions broadcast. As
   * numpy.linalg.vecdot, with the conjugates of a's elements. Types are promoted as matmul's.
   */
  async vecdot<A extends MatrixOperand, B extends MatrixOperand>(
    a: A,
    b: B,
    options: AxisOptions = {},
  ): Promise<ProductOf<A, B>> {
    const { axis = -1 } = checkOptions(options, 'vecdot', axisNames);
    const { left, right, type } = checkFactors(a, b, 'vecdot', 1);
    const places = [left, right].map(({ dims }) => placeOfAxis(axis, dims.length, 'vecdot')) as [number, number];
    const [k, inner] = [left.dims[places[0]]!, right.dims[places[1]]!];
    if (k !== inner) {
      throw new TensorlaneError('ERR_SHAPE', `vecdot: a has ${k} elements along the axis, b has ${inner}`);
    }
    const without = ({ dims }: Operand, place: number) => dims.filter((_, i) => i !== place);
    broadcastDims([without(left, places[0]), without(right, places[1])], 'vecdot: the other dimensions');
    const [result] = await compose(
      this.#runner,
      'vecdot',
      placed(options, 'vecdot'),
      [left, right],
      type,
      async (steps, x, y) => {
        const [given, q] = await Promise.all([toBack(steps, x!, places[0]), toBack(steps, y!, places[1])]);
        const p = await steps.conjugate(given);
        // One product of each: of vectors of nothing, too, but not of no vectors.
        if ([p, q].every((one) => product(one.dims.slice(0, -1)) === 1)) {
          const { dims } = broadcastDims([p.dims.slice(0, -1), q.dims.slice(0, -1)], 'vecdot');
          return [steps.reshape(await steps.matmul(steps.reshape(p, [1, k]), steps.reshape(q, [k, 1])), dims)];
        }
        const products = await steps.multiply(p, q);
        return [await steps.sum(products, [products.dims.length - 1])];
      },
    );
    return result as ProductOf<A, B>;
  }

  /**
   * The sum of products over axes of both, as numpy.tensordot: what remains of `a`'s dimensions, then what remains of `b`'s. Types are
   * promoted as matmul's.
   */
  async tensordot<A extends MatrixOperand, B extends MatrixOperand>(
    a: A,
    b: B,
    options: TensordotOptions = {},
  ): Promise<ProductOf<A, B>> {
    const { axes = 2 } = checkOptions(options, 'tensordot', tensordotNames);
    const { left, right, type } = checkFactors(a, b, 'tensordot', 0);
    const [aAxes, bAxes] = axesOfPair(axes, left.dims.length, right.dims.length);
    for (const [i, axis] of aAxes.entries()) {
      if (left.dims[axis] === right.dims[bAxes[i]!]) continue;
      throw new TensorlaneError(
        'ERR_SHAPE',
        `tensordot: axis ${axis} of a has ${left.dims[axis]} elements, axis ${bAxes[i]} of b has ${right.dims[bAxes[i]!]}`,
      );
    }
    const rest = (dims: readonly number[], taken: readonly number[]) =>
      [...dims.keys()].filter((axis) => !taken.includes(axis));
    const [result] = await compose(
      this.#runner,
      'tensordot',
      placed(options, 'tensordot'),
      [left, right],
      type,
      async (steps, x, y) => [
        await contractPair(steps, x!, y!, {
          batch: [[], []],
          summed: [aAxes, bAxes],
          kept: [rest(left.dims, aAxes), rest(right.dims, bAxes)],
        }),
      ],
    );
    return result as ProductOf<A, B>;
  }

  /**
   * The product of two or more matrices in the order that takes the fewest multiplications, as numpy.linalg.multi_dot: the first may
   * be a vector, a row, and the last one a column, whose dimension is dropped from the result. The order by dynamic programming
   * (Cormen, Leiserson, Rivest and Stein, Introduction to Algorithms, chapter 15.2). Types are promoted as matmul's.
   */
  async multiDot<A extends MatrixOperand>(
    matrices: readonly A[],
    options: ResultOptions = {},
  ): Promise<ProductOf<A, A>> {
    checkOptions(options, 'multiDot', resultNames);
    if (!Array.isArray(matrices) || matrices.length < 2) {
      throw wrong('multiDot: expected an array of at least two matrices', matrices);
    }
    const operands = matrices.map((matrix, i) => checkField(matrix, `multiDot: matrix ${i}`, 1));
    const last = operands.length - 1;
    const shapes = operands.map(({ dims }, i) => {
      if (dims.length === 2) return dims as readonly [number, number];
      if (dims.length === 1 && i === 0) return [1, dims[0]!] as const;
      if (dims.length === 1 && i === last) return [dims[0]!, 1] as const;
      throw new TensorlaneError(
        'ERR_SHAPE',
        `multiDot: expected matrices, of which the first and the last may be vectors; number ${i} has dims [${dims.join(', ')}]`,
      );
    });
    for (let i = 1; i <= last; i++) {
      if (shapes[i - 1]![1] === shapes[i]![0]) continue;
      throw new TensorlaneError(
        'ERR_SHAPE',
        `multiDot: matrix ${i - 1} has ${shapes[i - 1]![1]} columns, matrix ${i} has ${shapes[i]![0]} rows`,
      );
    }
    const type = productTypeOf(operands);
    const order = cheapestOrder([...shapes.map(([rows]) => rows), shapes[last]![1]]);
    const [result] = await compose(
      this.#runner,
      'multiDot',
      placed(options, 'multiDot'),
      operands,
      type,
      async (steps, ...taken) => {
        const multiply = async (of: Order): Promise<Operand> => {
          if (typeof of === 'number') return steps.reshape(taken[of]!, shapes[of]!);
          const [x, y] = await Promise.all([multiply(of[0]), multiply(of[1])]);
          return steps.matmul(x, y);
        };
        const dims: number[] = [];
        if (operands[0]!.dims.length === 2) dims.push(shapes[0]![0]);
        if (operands[last]!.dims.length === 2) dims.push(shapes[last]![1]);
        return [steps.reshape(await multiply(order), dims)];
      },
    );
    return result as ProductOf<A, A>;
  }

  /**
   * Square matrices [..., n, n] to the power of an integer, as numpy.linalg.matrix_power: by squaring, of the inverse for a negative
   * one, and the identity for 0. Integers stay so, and wrap, but for a negative power.
   *
   * Errors: ERR_SINGULAR and ERR_NOT_FINITE (a negative power).
   */
  async matrixPower<A extends MatrixOperand>(
    a: A,
    power: number | bigint,
    options: ResultOptions = {},
  ): Promise<ResultAs<A, A['type'] | FloatOf<A['type']>>> {
    checkOptions(options, 'matrixPower', resultNames);
    const { operand, lead, batch, n } = checkFieldSquare(a, 'matrixPower');
    if (typeof power !== 'bigint' && !Number.isSafeInteger(power)) {
      throw wrong('matrixPower: the power must be an integer, as a bigint where it is beyond the safe ones', power);
    }
    const exponent = BigInt(power);
    const type = exponent < 0n ? floatOf(operand.type) : operand.type;
    const [result] = await compose(
      this.#runner,
      'matrixPower',
      placed(options, 'matrixPower'),
      [operand],
      type,
      async (steps, x) => {
        if (exponent === 0n) {
          // Broadcast over the batch, whatever the elements are.
          const one = await steps.identity(n, x!);
          const each = hostTensor('bool', new Uint8Array(batch), [...lead, 1, 1]) as Operand;
          return [await steps.where(each, one, one)];
        }
        let square = exponent < 0n ? await steps.inv(x!) : x!;
        let found: Operand | undefined;
        for (let rest = exponent < 0n ? -exponent : exponent; ; ) {
          if (rest % 2n === 1n) found = found === undefined ? square : await steps.matmul(found, square);
          rest /= 2n;
          if (rest === 0n) break;
          square = await steps.matmul(square, square);
        }
        // What is given must not be the operand itself.
        return [found === x ? await steps.copy(x!) : found!];
      },
    );
    return result as ResultAs<A, A['type'] | FloatOf<A['type']>>;
  }

  /**
   * Einstein's summation, as numpy.einsum: letters name the axes of each operand, and behind '->' those of the result; what is not
   * named there is summed. Without '->' the result has the letters that occur once, in alphabetical order. '...' stands for further
   * dimensions, which broadcast; a letter twice in one operand is its diagonal, and a size of 1 serves for any.
   *
   * Operands are multiplied two at a time: which two first is found by dynamic programming over all orders for up to eight, and
   * greedily beyond. Each product is one of matrices in a batch, or element by element where nothing is summed. Types are promoted as
   * matmul's.
   *
   * Errors: ERR_ARGUMENT (a subscript that means nothing), ERR_SHAPE.
   */
  async einsum<A extends MatrixOperand>(
    subscripts: string,
    operands: readonly A[],
    options: ResultOptions = {},
  ): Promise<ProductOf<A, A>> {
    checkOptions(options, 'einsum', resultNames);
    const result = await einsumOf(this.#runner, subscripts, operands, placed(options, 'einsum'));
    return result as ProductOf<A, A>;
  }
}

/** With as many dimensions each: ones behind the leading one, where some are missing. */
function levelled(steps: Steps, operands: readonly Operand[]): Operand[] {
  const rank = Math.max(...operands.map(({ dims }) => dims.length));
  return operands.map((one) => {
    const [first, ...rest] = one.dims as [number, ...number[]];
    return steps.reshape(one, [first, ...Array<number>(rank - one.dims.length).fill(1), ...rest]);
  });
}

/** Errors: ERR_ARGUMENT, ERR_SHAPE. */
function axesOfPair(axes: unknown, aRank: number, bRank: number): [number[], number[]] {
  if (Array.isArray(axes)) {
    if (axes.length !== 2) throw wrong('tensordot: axes must be a number, or two arrays of axes', axes);
    const of = (one: unknown, rank: number, name: string) =>
      Array.isArray(one)
        ? placesOfAxes(one, rank, `tensordot: ${name}`)
        : [placeOfAxis(one, rank, `tensordot: ${name}`)];
    const [a, b] = [of(axes[0], aRank, 'a'), of(axes[1], bRank, 'b')];
    if (a.length === b.length) return [a, b];
    throw wrong('tensordot: axes must name as many of a as of b', axes);
  }
  const count = requiredWholeNumber('tensordot: axes', axes, 0);
  if (count > aRank || count > bRank) {
    throw new TensorlaneError(
      'ERR_SHAPE',
      `tensordot: ${count} axes of tensors that have ${aRank} and ${bRank} dimensions`,
    );
  }
  const some = Array.from({ length: count }, (_, i) => i);
  return [some.map((i) => aRank - count + i), some];
}

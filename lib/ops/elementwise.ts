// Operations element by element, on operands that broadcast and promote as numpy's do.

import type { Operations } from '../../binding.js';
import { namesOf } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { broadcastDims } from '../runtime/broadcast.js';
import { checkOperand, type FloatOf, type Operand, type RealOf, type ResultAs } from '../runtime/operands.js';
import { checkStoppable, type StoppableOptions } from '../runtime/out.js';
import {
  type ArithmeticType,
  floatOf,
  isInteger,
  type NumberType,
  type Promoted,
  promote,
  realOf,
  requireArithmetic,
  requireNumbers,
} from '../runtime/promotion.js';
import type { Runner } from '../runtime/runner.js';
import { runAs } from '../runtime/steps.js';
import { isComplex, type NumericDType } from '../tensor/dtypes.js';
import { elementCount, product } from '../tensor/tensor.js';
import type { ComplexType } from '../tensor/types.js';
import { checkAxis, type ReduceOptions } from './axes.js';
import { scalarOperand } from './elements.js';

/** What has arithmetic: a tensor of float32, float64, int32 or int64, in host memory or on the device. */
export type NumberOperand = Operand<NumberType>;

/** The same, or of complex64 or complex128. */
export type ArithmeticOperand = Operand<ArithmeticType>;

/** A tensor, or a number that stands for a tensor of no dimensions of the other operand's type. */
export type NumberOrOperand = NumberOperand | number | bigint;

/** The same of complex numbers, too. */
export type ArithmeticOrOperand = ArithmeticOperand | number | bigint;

type TypeOf<V, Other> = V extends ArithmeticOperand
  ? V['type']
  : Other extends ArithmeticOperand
    ? Other['type']
    : never;
type TensorsOf<V> = Extract<V, Operand>;
/** What comes of two operands, of which one may be a number: a device tensor if one of them is on the device. */
export type ResultOfPair<A, B, T extends NumericDType> = ResultAs<TensorsOf<A | B>, T>;
type PromotedPair<A, B> = Promoted<TypeOf<A, B>, TypeOf<B, A>>;

export interface ClipOptions extends StoppableOptions {
  /** What smaller elements become; none by default. */
  min?: number | bigint | undefined;
  /** What larger elements become; none by default. Where it is below `min` it is what all elements become. */
  max?: number | bigint | undefined;
}

type BinaryOp = Operations['binary']['op'];
type UnaryOp = Operations['unary']['op'];

const clipNames = namesOf<ClipOptions>({ min: true, max: true, signal: true, stream: true });
const softmaxNames = namesOf<Omit<ReduceOptions, 'keepDims'>>({ axis: true, signal: true, stream: true });

/**
 * Element by element. Operands are tensors of float32, float64, int32 and int64, of arithmetic, equality and functions also complex64 and
 * complex128, and broadcast against each other: counted from the
 * last dimension, a size of 1 serves for any. Those of different types are promoted: float32 with float64 or with an integer type to
 * float64, int32 with int64 to int64, complex numbers with real ones to the complex type that holds both. One of two operands may be a number, which takes the type of the other one, and
 * must be one that it holds.
 */
export class ElementwiseOperations {
  readonly #runner: Runner;

  /** @internal */
  constructor(runner: Runner) {
    this.#runner = runner;
  }

  /** a + b, as numpy.add. Integers wrap. */
  add<A extends ArithmeticOrOperand, B extends ArithmeticOrOperand>(
    a: A,
    b: B,
    options: StoppableOptions = {},
  ): Promise<ResultOfPair<A, B, PromotedPair<A, B>>> {
    return this.#binary('add', a, b, options) as never;
  }

  /** a - b, as numpy.subtract. Integers wrap. */
  sub<A extends ArithmeticOrOperand, B extends ArithmeticOrOperand>(
    a: A,
    b: B,
    options: StoppableOptions = {},
  ): Promise<ResultOfPair<A, B, PromotedPair<A, B>>> {
    return this.#binary('sub', a, b, options) as never;
  }

  /** a · b, element by element, as numpy.multiply. Integers wrap. */
  mul<A extends ArithmeticOrOperand, B extends ArithmeticOrOperand>(
    a: A,
    b: B,
    options: StoppableOptions = {},
  ): Promise<ResultOfPair<A, B, PromotedPair<A, B>>> {
    return this.#binary('mul', a, b, options) as never;
  }

  /** a / b, as numpy.divide: of integers in float64. By 0 it is an infinity or NaN. */
  div<A extends ArithmeticOrOperand, B extends ArithmeticOrOperand>(
    a: A,
    b: B,
    options: StoppableOptions = {},
  ): Promise<ResultOfPair<A, B, FloatOf<PromotedPair<A, B>>>> {
    return this.#binary('div', a, b, options) as never;
  }

  /** Whether a = b, as bools. A NaN equals nothing. */
  equal<A extends ArithmeticOrOperand, B extends ArithmeticOrOperand>(
    a: A,
    b: B,
    options: StoppableOptions = {},
  ): Promise<ResultOfPair<A, B, 'bool'>> {
    return this.#binary('equal', a, b, options) as never;
  }

  /** Whether a ≠ b, as bools. A NaN differs from everything, itself too. */
  notEqual<A extends ArithmeticOrOperand, B extends ArithmeticOrOperand>(
    a: A,
    b: B,
    options: StoppableOptions = {},
  ): Promise<ResultOfPair<A, B, 'bool'>> {
    return this.#binary('notEqual', a, b, options) as never;
  }

  /** Whether a < b, as bools. */
  less<A extends NumberOrOperand, B extends NumberOrOperand>(
    a: A,
    b: B,
    options: StoppableOptions = {},
  ): Promise<ResultOfPair<A, B, 'bool'>> {
    return this.#binary('less', a, b, options) as never;
  }

  /** Whether a ≤ b, as bools. */
  lessEqual<A extends NumberOrOperand, B extends NumberOrOperand>(
    a: A,
    b: B,
    options: StoppableOptions = {},
  ): Promise<ResultOfPair<A, B, 'bool'>> {
    return this.#binary('lessEqual', a, b, options) as never;
  }

  /** Whether a > b, as bools. */
  greater<A extends NumberOrOperand, B extends NumberOrOperand>(
    a: A,
    b: B,
    options: StoppableOptions = {},
  ): Promise<ResultOfPair<A, B, 'bool'>> {
    return this.#binary('greater', a, b, options) as never;
  }

  /** Whether a ≥ b, as bools. */
  greaterOrEqual<A extends NumberOrOperand, B extends NumberOrOperand>(
    a: A,
    b: B,
    options: StoppableOptions = {},
  ): Promise<ResultOfPair<A, B, 'bool'>> {
    return this.#binary('greaterOrEqual', a, b, options) as never;
  }

  /** e to the power of each element: [...] to [...], of integers in float64. */
  exp<A extends ArithmeticOperand>(a: A, options: StoppableOptions = {}): Promise<ResultAs<A, FloatOf<A['type']>>> {
    return this.#unary('exp', a, options) as never;
  }

  /** The natural logarithm: [...] to [...], of integers in float64. Of 0 it is -Infinity, of less NaN. */
  log<A extends ArithmeticOperand>(a: A, options: StoppableOptions = {}): Promise<ResultAs<A, FloatOf<A['type']>>> {
    return this.#unary('log', a, options) as never;
  }

  /** The square root: [...] to [...], of integers in float64. Of less than 0 it is NaN. */
  sqrt<A extends ArithmeticOperand>(a: A, options: StoppableOptions = {}): Promise<ResultAs<A, FloatOf<A['type']>>> {
    return this.#unary('sqrt', a, options) as never;
  }

  /** The absolute value: [...] to [...] of the same type, real of complex numbers. The lowest integer of a type stays as it is. */
  abs<A extends ArithmeticOperand>(a: A, options: StoppableOptions = {}): Promise<ResultAs<A, AbsoluteOf<A['type']>>> {
    return this.#unary('abs', a, options) as never;
  }

  /**
   * Each element, but at least `min` and then at most `max`, as numpy.clip: [...] to [...]. The bounds must be numbers that the
   * type of `a` holds. A NaN stays.
   */
  async clip<A extends NumberOperand>(a: A, options: ClipOptions = {}): Promise<ResultAs<A, A['type']>> {
    const where = checkStoppable(options, 'clip', clipNames);
    const { min, max } = options;
    const operand = checkOperand(a, 'clip');
    const type = requireNumbers(operand, 'clip');
    const [lowest, highest] = limits[type];
    const operands = {
      a: operand,
      low: bound(type, min === undefined ? lowest : min, 'clip: min'),
      high: bound(type, max === undefined ? highest : max, 'clip: max'),
    };
    const shapes = [{ type, dims: [...operand.dims] }];
    const [result] = await this.#runner.run('clip', operands, { type, count: product(operand.dims) }, shapes, where);
    return result as ResultAs<A, A['type']>;
  }

  /**
   * The elements of `a` where the condition, a tensor of bool, holds, and those of `b` elsewhere, as numpy.where; the three broadcast.
   * `a` and `b` are promoted as in arithmetic, or tensors of one other type whose elements fill whole bytes.
   */
  async where<C extends Operand<'bool'>, A extends Operand | number | bigint, B extends Operand | number | bigint>(
    condition: C,
    a: A,
    b: B,
    options: StoppableOptions = {},
  ): Promise<ResultAs<C | TensorsOf<A | B>, WhereType<A, B>>> {
    const place = checkStoppable(options, 'where');
    const chosen = checkOperand(condition, 'where: condition');
    if (chosen.type !== 'bool') {
      throw new TensorlaneError('ERR_DTYPE', `where: the condition must be bool, not ${chosen.type}`);
    }
    const [left, right] = checkPair(a, b, 'where');
    const type =
      left.type === right.type
        ? left.type
        : promote(requireNumbers(left, 'where: a'), requireNumbers(right, 'where: b'));
    const walk = broadcastDims([chosen.dims, left.dims, right.dims], 'where: the dims');
    elementCount(walk.dims, 'where');
    const [conditionStrides, aStrides, bStrides] = walk.strides as [number[], number[], number[]];
    const [result] = await this.#runner.run(
      'where',
      { condition: chosen, a: left, b: right },
      { type, dims: walk.dims, conditionStrides, aStrides, bStrides },
      [{ type, dims: walk.dims }],
      place,
      { a: type, b: type },
    );
    return result as never;
  }

  /**
   * exp(x) / sum(exp(x)) along an axis, the last one by default, as scipy.special.softmax: [..., n, ...] to [..., n, ...], of integers
   * in float64. No exponential overflows; float32 is summed in float64. A NaN or +Infinity makes all along its axis NaN.
   */
  async softmax<A extends NumberOperand>(
    a: A,
    options: Omit<ReduceOptions, 'keepDims'> = {},
  ): Promise<ResultAs<A, FloatOf<A['type']>>> {
    const where = checkStoppable(options, 'softmax', softmaxNames);
    const { axis = -1 } = options;
    const operand = checkOperand(a, 'softmax', 1);
    const type = floatOf(requireNumbers(operand, 'softmax'));
    const shapes = [{ type, dims: [...operand.dims] }];
    const request = { type, ...checkAxis(operand.dims, axis, 'softmax') };
    const [result] = await this.#runner.run('softmax', { a: operand }, request, shapes, where, { a: type });
    return result as ResultAs<A, FloatOf<A['type']>>;
  }

  async #binary(op: BinaryOp, a: unknown, b: unknown, options: StoppableOptions): Promise<Operand> {
    const where = checkStoppable(options, op);
    const [left, right] = checkPair(a, b, op);
    const check = orders.has(op) ? requireNumbers : requireArithmetic;
    const common = promote(check(left, `${op}: a`), check(right, `${op}: b`));
    const type = op === 'div' ? floatOf(common) : common;
    const { dims, strides } = broadcastDims([left.dims, right.dims], `${op}: the dims`);
    elementCount(dims, op);
    const [aStrides, bStrides] = strides as [number[], number[]];
    const arithmetic = op === 'add' || op === 'sub' || op === 'mul' || op === 'div';
    const operands = { a: left, b: right };
    const settings = { op, type, dims, aStrides, bStrides };
    const results = [{ type: arithmetic ? type : ('bool' as const), dims }];
    const step = { name: 'binary' as const, operands, settings, results };
    const [result] = await runAs(this.#runner, op, step, where, { a: type, b: type });
    return result!;
  }

  async #unary(op: UnaryOp, a: unknown, options: StoppableOptions): Promise<Operand> {
    const where = checkStoppable(options, op);
    const operand = checkOperand(a, op);
    const given = requireArithmetic(operand, op);
    const type = op === 'abs' ? given : floatOf(given);
    const shapes = [{ type: op === 'abs' && isComplex(type) ? realOf(type) : type, dims: [...operand.dims] }];
    const request = { op, type, count: product(operand.dims) };
    const [result] = await this.#runner.run('unary', { a: operand }, request, shapes, where, { a: type });
    return result!;
  }
}

/** Those that ask which of two is larger; complex numbers have no order. */
const orders: ReadonlySet<BinaryOp> = new Set(['less', 'lessEqual', 'greater', 'greaterOrEqual']);

type AbsoluteOf<T extends NumericDType> = T extends ComplexType ? RealOf<T> : T;

/** The type of `where`'s result: that of both, or what they are promoted to. */
type WhereType<A, B> = [TensorsOf<A>] extends [never]
  ? TensorsOf<B>['type']
  : [TensorsOf<B>] extends [never]
    ? TensorsOf<A>['type']
    : PromotedOrSame<TensorsOf<A>['type'], TensorsOf<B>['type']>;
type PromotedOrSame<A extends NumericDType, B extends NumericDType> = A extends B
  ? A
  : Promoted<Extract<A, NumberType>, Extract<B, NumberType>>;

const limits: Readonly<Record<NumberType, readonly [number | bigint, number | bigint]>> = {
  float32: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  float64: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** Errors: ERR_ARGUMENT. */
function bound(type: NumberType, value: unknown, what: string): Operand {
  if (Number.isNaN(value)) throw new TensorlaneError('ERR_ARGUMENT', `${what} must be a number, got NaN`);
  return scalarOperand(type, value, what);
}

/** Two operands, of which one may be a number. Errors: ERR_ARGUMENT, ERR_DTYPE. */
function checkPair(a: unknown, b: unknown, what: string): [Operand, Operand] {
  const isNumber = (value: unknown) => typeof value === 'number' || typeof value === 'bigint';
  if (isNumber(a) && isNumber(b)) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${what}: expected a tensor for at least one of a and b, got two numbers`,
    );
  }
  const left = isNumber(a) ? undefined : checkOperand(a, `${what}: a`);
  const right = isNumber(b) ? undefined : checkOperand(b, `${what}: b`);
  const type = (left ?? right)!.type;
  // An integer type divided by a number is divided in float64, whatever the number.
  const taken = what === 'div' && isInteger(type) ? 'float64' : type;
  return [left ?? scalarOperand(taken, a, `${what}: a`), right ?? scalarOperand(taken, b, `${what}: b`)];
}

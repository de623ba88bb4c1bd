// The matrices of an operation: the last two dimensions, batched over the leading ones, which broadcast as numpy's do.

import type { BatchWalk } from '../../binding.js';
import { wrong } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { broadcastDims } from '../runtime/broadcast.js';
import { type PromotedIntegers, promoteIntegers } from '../runtime/integers.js';
import { adviceFor, checkOperand, type IntegerType, type MatrixOperand, type ResultAs } from '../runtime/operands.js';
import { complexOf, floatOf, isInteger, realOf } from '../runtime/promotion.js';
import { isComplex } from '../tensor/dtypes.js';
import { product } from '../tensor/tensor.js';
import type { ComplexType, FieldType } from '../tensor/types.js';

/** A batch of matrices. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkFieldMatrices(value: unknown, what: string) {
  const operand = checkField(value, what, 2);
  const lead = operand.dims.slice(0, -2);
  const [m, n] = operand.dims.slice(-2) as [number, number];
  return { operand, type: floatOf(operand.type), lead, batch: product(lead), m, n };
}

export type FieldMatrices = ReturnType<typeof checkFieldMatrices>;

/** A batch of square matrices. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkFieldSquare(value: unknown, what: string) {
  const matrices = checkFieldMatrices(value, what);
  requireSquare(matrices, what);
  return matrices;
}

/** Errors: ERR_SHAPE. */
export function requireSquare({ operand, m, n }: ReturnType<typeof checkFieldMatrices>, what: string): void {
  if (m === n) return;
  throw new TensorlaneError('ERR_SHAPE', `${what}: expected square matrices, got dims [${operand.dims.join(', ')}]`);
}

/** From 1 to the next larger number of the type. */
export const epsilonOf = (type: FieldType): number => (realOf(type) === 'float32' ? 2 ** -23 : 2 ** -52);

/** Below which numbers count as 0, where one is given. Errors: ERR_ARGUMENT. */
export function tolerance(name: string, value: unknown, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (typeof value === 'number' && value >= 0) return value;
  throw wrong(`${name} must be a number of at least 0`, value);
}

/** What linear algebra takes. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkField(value: unknown, what: string, rank: number): MatrixOperand {
  const operand = checkOperand(value, what, rank);
  const { type } = operand;
  if (type === 'float32' || type === 'float64' || isComplex(type) || isInteger(type)) return operand as MatrixOperand;
  throw new TensorlaneError(
    'ERR_DTYPE',
    `${what}: expected float32, float64, complex64, complex128 or integers, not ${type}${adviceFor(type)}`,
  );
}

/** The type in which a system is solved, as numpy.linalg has it: float64 unless both are float32; complex where one is. */
export function commonField(a: MatrixOperand, b: MatrixOperand): FieldType {
  const isSmall = ({ type }: MatrixOperand) => type === 'float32' || type === 'complex64';
  const real = isSmall(a) && isSmall(b) ? 'float32' : 'float64';
  return isComplex(a.type) || isComplex(b.type) ? complexOf(real) : real;
}

type Small = 'float32' | 'bool' | 'int8' | 'int16' | 'uint8' | 'uint16';
type PairType<A, B> = A extends FieldType | IntegerType
  ? B extends FieldType | IntegerType
    ? [A, B] extends [IntegerType, IntegerType]
      ? PromotedIntegers<Extract<A | B, IntegerType>>
      : [A, B] extends [Small, Small]
        ? 'float32'
        : [A, B] extends [Small | 'complex64', Small | 'complex64']
          ? 'complex64'
          : (A | B) & ComplexType extends never
            ? 'float64'
            : 'complex128'
    : never
  : never;
type SystemType<A, B> = A extends FieldType | IntegerType
  ? B extends FieldType | IntegerType
    ? [A, B] extends ['float32', 'float32']
      ? 'float32'
      : [A, B] extends ['float32' | 'complex64', 'float32' | 'complex64']
        ? 'complex64'
        : (A | B) & ComplexType extends never
          ? 'float64'
          : 'complex128'
    : never
  : never;

/** What a product of two is: of the type that `productTypeOf` says, on the device if one of them is. */
export type ProductOf<A extends MatrixOperand, B extends MatrixOperand> = ResultAs<
  A | B,
  PairType<A['type'], B['type']>
>;

/** What the solution of a system is: of the type that `commonField` says, on the device if one of them is. */
export type SolutionOf<A extends MatrixOperand, B extends MatrixOperand> = ResultAs<
  A | B,
  SystemType<A['type'], B['type']>
>;

/** What products may be of: integers are exact, but wrap. */
export type ProductType = FieldType | IntegerType;

/** Two of at least so many dimensions, and the type of their product. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
export function checkFactors(a: unknown, b: unknown, what: string, rank: number) {
  const left = checkField(a, `${what}: a`, rank);
  const right = checkField(b, `${what}: b`, rank);
  return { left, right, type: productTypeOf([left, right]) };
}

/**
 * The type of a product, as numpy.matmul has it: of integers alone an integer, or bool; where one is float32, float32 with others that it
 * holds exactly (integers of up to 16 bits), else float64; complex where one is.
 */
export function productTypeOf(operands: readonly MatrixOperand[]): ProductType {
  const types = operands.map(({ type }) => type);
  if (types.every(isInteger)) return promoteIntegers(types as IntegerType[]);
  const small = /^(float32|complex64|bool|u?int(8|16))$/;
  const real = types.every((type) => small.test(type)) ? 'float32' : 'float64';
  return types.some(isComplex) ? complexOf(real) : real;
}

/** Broadcasts leading dimensions as numpy does. Errors: ERR_SHAPE. */
export function broadcast(a: readonly number[], b: readonly number[], what: string): BatchWalk {
  const { dims, strides } = broadcastDims([a, b], `${what}: the leading dimensions`);
  return { batchDims: dims, aStrides: strides[0]!, bStrides: strides[1]! };
}

// Integers as numpy promotes them among themselves.

import type { NumericDType } from '../tensor/dtypes.js';
import type { IntegerType } from './operands.js';
import { isInteger } from './promotion.js';

/** Which types each of them has all numbers of. */
const held = {
  bool: ['bool'],
  uint8: ['bool', 'uint8'],
  int8: ['bool', 'int8'],
  uint16: ['bool', 'uint8', 'uint16'],
  int16: ['bool', 'uint8', 'int8', 'int16'],
  uint32: ['bool', 'uint8', 'uint16', 'uint32'],
  int32: ['bool', 'uint8', 'int8', 'uint16', 'int16', 'int32'],
  uint64: ['bool', 'uint8', 'uint16', 'uint32', 'uint64'],
  int64: ['bool', 'uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'int64'],
} as const satisfies Record<IntegerType, readonly IntegerType[]>;

type Held = { [T in IntegerType]: (typeof held)[T][number] };

/** `promoteIntegers`, of types. */
export type PromotedIntegers<A extends IntegerType> = [A] extends [Held['bool']]
  ? 'bool'
  : [A] extends [Held['uint8']]
    ? 'uint8'
    : [A] extends [Held['int8']]
      ? 'int8'
      : [A] extends [Held['uint16']]
        ? 'uint16'
        : [A] extends [Held['int16']]
          ? 'int16'
          : [A] extends [Held['uint32']]
            ? 'uint32'
            : [A] extends [Held['int32']]
              ? 'int32'
              : [A] extends [Held['uint64']]
                ? 'uint64'
                : [A] extends [Held['int64']]
                  ? 'int64'
                  : 'float64';

/** The smallest type that has the numbers of all of these; float64 of uint64 with signed ones. */
export function promoteIntegers(types: readonly IntegerType[]): IntegerType | 'float64' {
  for (const [type, others] of Object.entries(held)) {
    const all: readonly IntegerType[] = others;
    if (types.every((one) => all.includes(one))) return type as IntegerType;
  }
  return 'float64';
}

/** What sums of integers are of, as numpy.sum has it. */
export type SumOf<T> = T extends 'bool' | `int${string}` ? 'int64' : T extends `uint${string}` ? 'uint64' : T;
export function sumTypeOf<T extends NumericDType>(type: T): SumOf<T> {
  const sum = !isInteger(type) ? type : type.startsWith('u') ? 'uint64' : 'int64';
  return sum as SumOf<T>;
}

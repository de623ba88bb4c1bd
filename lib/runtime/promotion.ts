// Element types as numpy promotes them: which type operands of several meet in, and getting them there.

import type { Operations } from '../../binding.js';
import { TensorlaneError } from '../core/errors.js';
import type { NumericDType } from '../tensor/dtypes.js';
import { product } from '../tensor/tensor.js';
import type { FloatType } from '../tensor/types.js';
import { DeviceTensor } from './device-tensor.js';
import { type FloatOf, type IntegerType, integerTypes, type Operand } from './operands.js';
import type { OperationOptions } from './options.js';
import type { Runner, Settings } from './runner.js';
import type { Shape } from './storage.js';

/** The types that have arithmetic. */
export type NumberType = FloatType | 'int32' | 'int64';

/** Whether it is a type that linear algebra takes as float64. */
export function isInteger(type: NumericDType): type is IntegerType {
  return integerTypes.some((integer) => integer === type);
}

/** `promote`, of types. */
export type Promoted<A extends NumberType, B extends NumberType> = A extends unknown
  ? B extends unknown
    ? [A] extends [B]
      ? A
      : FloatType & (A | B) extends never
        ? 'int64'
        : 'float64'
    : never
  : never;

/** The type in which both can be held, as numpy.promote_types has it for these four. */
export function promote(a: NumberType, b: NumberType): NumberType {
  if (a === b) return a;
  return a.startsWith('float') || b.startsWith('float') ? 'float64' : 'int64';
}

/** What a type's elements become where a function of them is no integer: float64 for integers. */
export function floatOf<T extends NumericDType>(type: T): FloatOf<T> {
  return (type === 'float32' ? 'float32' : 'float64') as FloatOf<T>;
}

/** Errors: ERR_DTYPE. */
export function requireNumbers(operand: Operand, what: string): NumberType {
  const { type } = operand;
  if (type === 'float32' || type === 'float64' || type === 'int32' || type === 'int64') return type;
  throw new TensorlaneError(
    'ERR_DTYPE',
    `${what}: expected float32, float64, int32 or int64, not ${type}; cast it first (device.ops.cast)`,
  );
}

/**
 * Runs an operation whose operands of the names in `types` are to be of these types. Where one is not, all are taken by a cast at
 * once, so that what is said of operands holds: they may be reused, or disposed, as soon as the call returns.
 */
export function runPromoted<K extends keyof Operations>(
  runner: Runner,
  name: K,
  operands: Readonly<Record<string, Operand>>,
  types: Readonly<Record<string, NumericDType>>,
  settings: Settings<K>,
  results: readonly Shape[],
  options: OperationOptions,
): Promise<Operand[]> {
  // Not asynchronous itself, nor does it make anything: most operands have one type, and small operations are many.
  let fits = true;
  for (const key in operands) fits &&= types[key] === undefined || types[key] === operands[key]!.type;
  if (fits) return runner.run(name, operands, settings, results, options);
  return runner.runSteps(name, options, async (before, last) => {
    const casts = await Promise.allSettled(
      Object.entries(operands).map(async ([key, operand]) => {
        const { type: from, dims } = operand;
        const to = types[key] ?? from;
        const shapes = [{ type: to, dims: [...dims] }];
        const request = { type: from, to, count: product(dims) } as Settings<'cast'>;
        const [result] = await before({ name: 'cast', operands: { a: operand }, settings: request, results: shapes });
        return [key, result!] as const;
      }),
    );
    const made = casts.flatMap((cast) => (cast.status === 'fulfilled' ? [cast.value] : []));
    try {
      const failed = casts.find((cast) => cast.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      return await last({ name, operands: Object.fromEntries(made), settings, results });
    } finally {
      for (const [, operand] of made) if (operand instanceof DeviceTensor) void operand.dispose();
    }
  });
}

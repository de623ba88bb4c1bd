// Integers of 64 bits as protobufjs has them, halves of 32 bits, and back.

/** A number where it is no larger than 32 bits in some versions of protobufjs; else an object. */
export type Long = number | bigint | { readonly low: number; readonly high: number };

export function toNumber(value: Long): number {
  return typeof value === 'object' ? value.high * 2 ** 32 + (value.low >>> 0) : Number(value);
}

/** The 64 bits, without a sign. */
export function toBits(value: Long): bigint {
  if (typeof value !== 'object') return BigInt.asUintN(64, BigInt(value));
  return (BigInt(value.high >>> 0) << 32n) | BigInt(value.low >>> 0);
}

/** A number, where one holds it exactly. */
export function toExact(value: Long): number | bigint {
  const number = toNumber(value);
  if (Number.isSafeInteger(number)) return number;
  return number < 0 ? BigInt.asIntN(64, toBits(value)) : toBits(value);
}

/** Of 64-bit integers, signed or not. */
export function longsOf(data: BigInt64Array | BigUint64Array): Long[] {
  const halves = new Int32Array(data.buffer, data.byteOffset, data.length * 2);
  return Array.from(data, (_, at) => ({ low: halves[2 * at]!, high: halves[2 * at + 1]! }));
}

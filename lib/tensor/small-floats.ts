// Floats of 16, 8 and 4 bits, which JS has no arrays for: numbers to their bits and back.
//
// Numbers are rounded once, to the nearest, ties to even. What is too large becomes infinity where the format has one, else NaN:
// as IEEE 754 has it, and ml_dtypes (OCP's 8-bit formats, and those of GraphCore and AMD, "uz", whose zero has no sign). The format of
// 4 bits has neither: what is too large becomes its largest number, and of NaN nothing comes.

interface Format {
  readonly fractionBits: number;
  readonly bias: number;
  readonly signBit: number;
  /** The bits of the largest finite number. */
  readonly largest: number;
  /** The bits of what is larger. */
  readonly overflow: number;
  /** NaN where there are none. */
  readonly nan: number;
  /** Whether there is a negative zero. */
  readonly signedZero: boolean;
}

export const smallFloats = {
  float16: format(10, 15, 0x8000, 0x7bff, 0x7c00, 0x7e00),
  bfloat16: format(7, 127, 0x8000, 0x7f7f, 0x7f80, 0x7fc0),
  float8e4m3fn: format(3, 7, 0x80, 0x7e, 0x7f, 0x7f),
  float8e4m3fnuz: format(3, 8, 0x80, 0x7f, 0x80, 0x80, false),
  float8e5m2: format(2, 15, 0x80, 0x7b, 0x7c, 0x7e),
  float8e5m2fnuz: format(2, 16, 0x80, 0x7f, 0x80, 0x80, false),
  float4e2m1: format(1, 1, 0x8, 0x7, 0x7, Number.NaN),
} as const;

export type SmallFloat = keyof typeof smallFloats;

export function isSmallFloat(type: string): type is SmallFloat {
  return Object.hasOwn(smallFloats, type);
}

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

/** The bits of the nearest number of the type; NaN for NaN, where the type has none. */
export function encode(type: SmallFloat, value: number): number {
  const { fractionBits, bias, signBit, largest, overflow, nan, signedZero } = smallFloats[type] as Format;
  if (Number.isNaN(value)) return nan;
  const isNegative = value < 0 || Object.is(value, -0);
  double[0] = Math.abs(value);
  // The exponent of the value, or of the smallest normal number where that is larger.
  const exponent = Math.max((words[1]! >>> 20) - 1023, 1 - bias);
  // How many of the last fraction bit's worth: exact, for that is a power of two. Rounding up to the next power carries into the exponent.
  const steps = roundToEven(double[0] / 2 ** (exponent - fractionBits));
  const bits = steps + (exponent + bias - 1) * 2 ** fractionBits;
  if (bits > largest) return overflow === nan ? nan : isNegative ? overflow | signBit : overflow;
  return isNegative && (bits > 0 || signedZero) ? bits | signBit : bits;
}

/** The number that the bits stand for. */
export function decode(type: SmallFloat, bits: number): number {
  const { fractionBits, bias, signBit, largest, overflow, nan } = smallFloats[type] as Format;
  const magnitude = bits & (signBit - 1);
  const isNegative = (bits & signBit) !== 0;
  if (bits === nan) return Number.NaN;
  if (magnitude > largest)
    return magnitude === overflow && overflow !== nan ? (isNegative ? -Infinity : Infinity) : NaN;
  const exponent = magnitude >>> fractionBits;
  const fraction = magnitude & (2 ** fractionBits - 1);
  const steps = exponent === 0 ? fraction : fraction + 2 ** fractionBits;
  const value = steps * 2 ** (Math.max(exponent, 1) - bias - fractionBits);
  return isNegative ? -value : value;
}

/** Of a number that is not negative. */
function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

function format(
  fractionBits: number,
  bias: number,
  signBit: number,
  largest: number,
  overflow: number,
  nan: number,
  signedZero = true,
): Format {
  return { fractionBits, bias, signBit, largest, overflow, nan, signedZero };
}

// Floats of 16 bits, which JS has no arrays for: numbers to their bits, rounded to the nearest, ties to even, and back.

const single = new Float32Array(1);
const words = new Uint32Array(single.buffer);

/** IEEE 754's binary16. What is too large becomes infinity. */
export function float16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  // The exponent of the value, or of the smallest normal number where that is larger.
  const exponent = magnitude < 2 ** -14 ? -14 : exponentOf(magnitude);
  // Rounding up to the next power of two carries into the exponent.
  const steps = roundToEven(magnitude / 2 ** (exponent - 10));
  return sign | (steps + (exponent + 14) * 1024);
}

export function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (fraction + 1024) * 2 ** (exponent - 25));
}

/** The upper half of a float32. */
export function bfloat16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude === 0) return sign;
  // Rounded once, from the double: through a float32 a tie could come of what was none.
  const exponent = magnitude < 2 ** -126 ? -126 : Math.min(exponentOf(magnitude), 128);
  const steps = roundToEven(magnitude / 2 ** (exponent - 7));
  const bits = steps + (exponent + 126) * 128;
  return sign | Math.min(bits, 0x7f80);
}

export function bfloat16Value(bits: number): number {
  words[0] = bits << 16;
  return single[0]!;
}

const double = new Float64Array(1);
const doubleWords = new Uint32Array(double.buffer);

function exponentOf(magnitude: number): number {
  double[0] = magnitude;
  return (doubleWords[1]! >>> 20) - 1023;
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

// float8e8m0, which scales of quantised blocks have: a power of two from 2^-127 to 2^127, or NaN. There is no zero and no sign.

const bias = 127;
const nan = 0xff;

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

/** The bits of the nearest one, of two as near the one that is even, as ml_dtypes has it; NaN for what is negative or too large. */
export function encodePowerOfTwo(value: number): number {
  if (!(value >= 0)) return nan;
  double[0] = Math.abs(value);
  const exponent = (words[1]! >>> 20) - 1023;
  const bits = exponent + bias;
  if (bits < 0) return 0;
  const fraction = value / 2 ** exponent - 1;
  const rounded = fraction > 0.5 || (fraction === 0.5 && bits % 2 === 1) ? bits + 1 : bits;
  return Math.min(rounded, nan);
}

export function decodePowerOfTwo(bits: number): number {
  return bits === nan ? Number.NaN : 2 ** (bits - bias);
}

// Numbers as TensorFlow Serving prints them: floats always look like floats, with six digits where those are enough, else as many as it takes
// to come back the same.

import type { Tensor } from 'tensorlane';
import { bfloat16Value, float16Value } from '../json/half.js';

/** An element as JSON; `isBytes`: strings as base64. */
export function elementPrinter({ type, data }: Tensor): (at: number) => string {
  if (type === 'string') return (at) => JSON.stringify((data as readonly string[])[at]);
  if (type === 'bool') return (at) => ((data as Uint8Array)[at] === 0 ? 'false' : 'true');
  if (type === 'float32') return (at) => decimal((data as Float32Array)[at]!, 9, Math.fround);
  if (type === 'float64') return (at) => decimal((data as Float64Array)[at]!, 17, Number);
  if (type === 'float16') return (at) => decimal(float16Value((data as Uint16Array)[at]!), 9, Math.fround);
  if (type === 'bfloat16') return (at) => decimal(bfloat16Value((data as Uint16Array)[at]!), 9, Math.fround);
  return (at) => String((data as ArrayLike<number | bigint>)[at]);
}

/** C's %g, of six digits, or of as many as its type needs. */
function decimal(value: number, mostDigits: number, rounded: (value: number) => number): string {
  if (!Number.isFinite(value)) return String(value);
  const short = general(value, 6);
  const text = rounded(Number(short)) === value ? short : general(value, mostDigits);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** C's printf("%.*g"). */
function general(value: number, digits: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [mantissa, exponent] = value.toExponential(digits - 1).split('e') as [string, string];
  const power = Number(exponent);
  if (power < -4 || power >= digits) {
    const size = Math.abs(power);
    return `${withoutZeros(mantissa)}e${power < 0 ? '-' : '+'}${size < 10 ? '0' : ''}${size}`;
  }
  return withoutZeros(value.toFixed(digits - 1 - power));
}

function withoutZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

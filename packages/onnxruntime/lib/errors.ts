// Errors as onnxruntime-node has them: plain ones, with ONNX Runtime's words and no others. What tensorlane said is the cause.

interface Told {
  readonly code?: unknown;
  readonly runtimeMessage?: unknown;
}

/** For whoever awaits a session or a run. */
export function inRuntimesWords(reason: unknown): Error {
  const { code, runtimeMessage } = reason as Told;
  if (typeof code !== 'string' || !code.startsWith('ERR_')) return reason as Error;
  if (code === 'ERR_DISPOSED') return disposed(reason);
  const { message } = reason as Error;
  return new Error(typeof runtimeMessage === 'string' ? runtimeMessage : message, { cause: reason });
}

export function disposed(cause?: unknown): Error {
  return new Error('Session already disposed.', cause === undefined ? undefined : { cause });
}

/** A number as C++ streams write it: six digits, an exponent of two digits or more. */
export function streamed(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const [digits, power] = value.toExponential(5).split('e') as [string, string];
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 6) return String(Number(value.toPrecision(6)));
  const sign = exponent < 0 ? '-' : '+';
  return `${Number(digits)}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

// Every failure that reaches a user is a TensorlaneError with a stable code.
//
// The stack is the caller's own at no cost to calls that succeed: errors are made inside the async function that the
// caller awaits, where V8 still knows who that is, never inside a completion callback.

import { shown } from './shown.js';

export const errorCodes = [
  'ERR_ARGUMENT',
  'ERR_NOT_FOUND',
  'ERR_SHAPE',
  'ERR_DTYPE',
  'ERR_NOT_FINITE',
  'ERR_NOT_CONVERGED',
  'ERR_SINGULAR',
  'ERR_NOT_POSITIVE_DEFINITE',
  'ERR_QUEUE_FULL',
  'ERR_OVERLOADED',
  'ERR_TIMEOUT',
  'ERR_ABORTED',
  'ERR_DISPOSED',
  'ERR_OUT_OF_MEMORY',
  'ERR_DEVICE_LOST',
  'ERR_MODEL',
  'ERR_KERNEL',
  'ERR_NOT_SUPPORTED',
  'ERR_NO_DEVICE',
  'ERR_NO_RUNTIME',
  'ERR_INTERNAL',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface ErrorDetails {
  /** For a batched operation: which matrices of the batch failed. */
  indices?: readonly number[] | undefined;
  /** ERR_OVERLOADED, ERR_QUEUE_FULL: after how many microseconds a new attempt may succeed. */
  retryAfterMicros?: number | undefined;
  /** Of a failure of ONNX Runtime's: its own words. */
  runtimeMessage?: string | undefined;
  cause?: unknown;
}

export class TensorlaneError extends Error {
  override readonly name = 'TensorlaneError';
  readonly code: ErrorCode;
  // Declared, not defined: an error that has nothing to say here does not show them.
  /** For a batched operation: which matrices of the batch failed. */
  declare readonly indices?: readonly number[];
  /** ERR_OVERLOADED, ERR_QUEUE_FULL: after how many microseconds a new attempt may succeed. */
  declare readonly retryAfterMicros?: number;
  /** ERR_MODEL, ERR_OUT_OF_MEMORY: what ONNX Runtime said, in its own words, where it was the one that failed. */
  declare readonly runtimeMessage?: string;

  constructor(
    code: ErrorCode,
    message: string,
    { indices, retryAfterMicros, runtimeMessage, cause }: ErrorDetails = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    if (indices !== undefined) this.indices = indices;
    if (retryAfterMicros !== undefined) this.retryAfterMicros = retryAfterMicros;
    if (runtimeMessage !== undefined) this.runtimeMessage = runtimeMessage;
  }
}

/** V8's words for an array that it has no memory for, or that is longer than any may be. */
function isOutOfMemory(reason: Error): boolean {
  return (
    reason instanceof RangeError &&
    /^(Array buffer allocation failed|Invalid (typed )?array (buffer )?length)/.test(reason.message)
  );
}

/** What the addon, or a failed request, left behind, as an error with the stack of whoever calls this. */
export function toTensorlaneError(reason: unknown, prefix = ''): TensorlaneError {
  if (!(reason instanceof Error)) return new TensorlaneError('ERR_INTERNAL', prefix + shown(reason));
  if (isOutOfMemory(reason))
    return new TensorlaneError('ERR_OUT_OF_MEMORY', prefix + reason.message, { cause: reason });
  const { code, indices, retryAfterMicros, runtimeMessage } = reason as Error & ErrorDetails & { code?: unknown };
  const known = errorCodes.find((one) => one === code) ?? 'ERR_INTERNAL';
  return new TensorlaneError(known, prefix + reason.message, {
    cause: reason,
    indices,
    retryAfterMicros,
    runtimeMessage,
  });
}

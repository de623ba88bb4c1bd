// Every failure that reaches a user is a TensorlaneError with a stable code.
//
// The stack is the caller's own at no cost to calls that succeed: errors are made inside the async function that the
// caller awaits, where V8 still knows who that is, never inside a completion callback.

export type ErrorCode =
  | 'ERR_ARGUMENT'
  | 'ERR_SHAPE'
  | 'ERR_DTYPE'
  | 'ERR_NOT_FINITE'
  | 'ERR_NOT_CONVERGED'
  | 'ERR_SINGULAR'
  | 'ERR_NOT_POSITIVE_DEFINITE'
  | 'ERR_QUEUE_FULL'
  | 'ERR_OVERLOADED'
  | 'ERR_TIMEOUT'
  | 'ERR_ABORTED'
  | 'ERR_DISPOSED'
  | 'ERR_OUT_OF_MEMORY'
  | 'ERR_DEVICE_LOST'
  | 'ERR_MODEL'
  | 'ERR_KERNEL'
  | 'ERR_NOT_SUPPORTED'
  | 'ERR_NO_DEVICE'
  | 'ERR_NO_RUNTIME'
  | 'ERR_INTERNAL';

export interface ErrorDetails {
  /** For a batched operation: which matrices of the batch failed. */
  indices?: readonly number[];
  /** ERR_OVERLOADED: after how many microseconds a new attempt may succeed. */
  retryAfterMicros?: number;
  cause?: unknown;
}

export class TensorlaneError extends Error {
  override readonly name = 'TensorlaneError';
  readonly code: ErrorCode;
  /** For a batched operation: which matrices of the batch failed. */
  readonly indices?: readonly number[];
  /** ERR_OVERLOADED: after how many microseconds a new attempt may succeed. */
  readonly retryAfterMicros?: number;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    if (details.indices !== undefined) this.indices = details.indices;
    if (details.retryAfterMicros !== undefined) this.retryAfterMicros = details.retryAfterMicros;
  }
}

/** What the addon, or a failed request, left behind, as an error with the stack of whoever calls this. */
export function toTensorlaneError(reason: unknown, prefix = ''): TensorlaneError {
  if (reason instanceof TensorlaneError && prefix === '') {
    const { code, message, indices } = reason;
    return new TensorlaneError(code, message, indices === undefined ? { cause: reason } : { cause: reason, indices });
  }
  if (!(reason instanceof Error)) return new TensorlaneError('ERR_INTERNAL', prefix + String(reason));
  const { code, indices } = reason as Error & { code?: unknown; indices?: readonly number[] };
  const known = typeof code === 'string' && code.startsWith('ERR_') ? (code as ErrorCode) : 'ERR_INTERNAL';
  const details: ErrorDetails = { cause: reason };
  if (indices !== undefined) details.indices = indices;
  return new TensorlaneError(known, prefix + reason.message, details);
}

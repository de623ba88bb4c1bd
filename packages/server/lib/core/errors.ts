// How failures are told, in every protocol: one table from our codes to the words that all of them share, and one row a word for what each
// protocol makes of it.

import { channel } from 'node:diagnostics_channel';
import { type ErrorCode, TensorlaneError } from 'tensorlane';

/** gRPC's words for what became of a call. */
export type Status = keyof typeof statuses;

interface Row {
  /** gRPC's number. */
  readonly grpc: number;
  /** HTTP's status in the Open Inference Protocol, and in TensorFlow Serving's. */
  readonly v2: number;
  readonly tfs: number;
}

export const statuses = {
  CANCELLED: { grpc: 1, v2: 499, tfs: 499 },
  INVALID_ARGUMENT: { grpc: 3, v2: 400, tfs: 400 },
  DEADLINE_EXCEEDED: { grpc: 4, v2: 503, tfs: 504 },
  NOT_FOUND: { grpc: 5, v2: 404, tfs: 404 },
  PERMISSION_DENIED: { grpc: 7, v2: 403, tfs: 403 },
  RESOURCE_EXHAUSTED: { grpc: 8, v2: 413, tfs: 429 },
  FAILED_PRECONDITION: { grpc: 9, v2: 400, tfs: 400 },
  UNIMPLEMENTED: { grpc: 12, v2: 501, tfs: 501 },
  INTERNAL: { grpc: 13, v2: 500, tfs: 500 },
  UNAVAILABLE: { grpc: 14, v2: 503, tfs: 503 },
  UNAUTHENTICATED: { grpc: 16, v2: 401, tfs: 401 },
} as const satisfies Record<string, Row>;

/** What is not here is INTERNAL. */
const ofCodes: Partial<Record<ErrorCode, Status>> = {
  ERR_ARGUMENT: 'INVALID_ARGUMENT',
  ERR_SHAPE: 'INVALID_ARGUMENT',
  ERR_DTYPE: 'INVALID_ARGUMENT',
  ERR_NOT_FINITE: 'INVALID_ARGUMENT',
  ERR_NOT_CONVERGED: 'INVALID_ARGUMENT',
  ERR_SINGULAR: 'INVALID_ARGUMENT',
  ERR_NOT_POSITIVE_DEFINITE: 'INVALID_ARGUMENT',
  ERR_NOT_FOUND: 'NOT_FOUND',
  ERR_QUEUE_FULL: 'UNAVAILABLE',
  ERR_OVERLOADED: 'UNAVAILABLE',
  ERR_DISPOSED: 'UNAVAILABLE',
  ERR_TIMEOUT: 'DEADLINE_EXCEEDED',
  ERR_ABORTED: 'CANCELLED',
  ERR_NOT_SUPPORTED: 'UNIMPLEMENTED',
};

/** Headers that tell our own client what a status cannot. */
export const codeHeader = 'tensorlane-code';
export const microsHeader = 'tensorlane-retry-after-micros';

interface RefusalDetails {
  /** HTTP's status, where it has one of its own for this. */
  readonly http?: number;
  readonly retryAfterMicros?: number | undefined;
}

/** What a protocol refuses before the engine has it. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: Status;
  readonly http: number | undefined;
  readonly retryAfterMicros: number | undefined;

  constructor(status: Status, message: string, { http, retryAfterMicros }: RefusalDetails = {}) {
    super(message);
    this.status = status;
    this.http = http;
    this.retryAfterMicros = retryAfterMicros;
  }
}

export interface Told {
  readonly status: Status;
  readonly message: string;
  readonly http: number | undefined;
  /** After how many microseconds a new attempt may succeed. */
  readonly retryAfterMicros: number | undefined;
  /** The library's own code, where it is a failure of the library's. */
  readonly code?: ErrorCode | undefined;
}

/** Failures that are nobody's but the server's own, of which clients are told nothing. */
export const internalErrors = channel('tensorlane:server:error');

/** A failure of whatever kind, as it is told to a client. What is no fault of the client's keeps its details to itself. */
export function told(error: unknown): Told {
  if (error instanceof Refusal) return error;
  if (!(error instanceof TensorlaneError)) {
    internalErrors.publish(error);
    return { status: 'INTERNAL', message: 'internal error', http: undefined, retryAfterMicros: undefined };
  }
  const { code, message, retryAfterMicros } = error;
  return { status: ofCodes[code] ?? 'INTERNAL', message, http: undefined, retryAfterMicros, code };
}

/** What is wrong with what a client sent. */
export function invalid(message: string): Refusal {
  return new Refusal('INVALID_ARGUMENT', message);
}

// What the caller of a request that did not succeed gets. Called where the caller awaits, so that the stack is its own.

import { TensorlaneError, toTensorlaneError } from '../core/errors.js';
import type { Failure } from './running/executor.js';

/** The cause of a failure for which there was no place in the queue. */
export interface NoPlace {
  /** How many wait, and may: of all requests of a priority, or of a sequence's own. */
  readonly maxQueueSize: number;
  readonly of: 'queue' | 'sequence';
  readonly retryAfterMicros: number;
}

/** The cause of a failure by too many rows, where a request may have so many batches. */
export interface Oversize {
  readonly maxBatchSize: number;
  readonly parts: number;
}

/** The cause of a failure by a deadline, which is over, or could not be met any more. */
export interface MissedDeadline {
  readonly deadlineMicros: number;
  /** Where it is not over: what was left of it, and how long a run would have taken. */
  readonly foreseen?: { readonly leftMicros: number; readonly runMicros: number };
}

/** `what` is the name of the operation, for the message. */
export function errorOf({ reason, cause }: Failure, what: string): TensorlaneError {
  switch (reason) {
    case 'cancelled':
      return new TensorlaneError('ERR_ABORTED', `${what}: aborted by its signal`, { cause });
    case 'expired':
      return new TensorlaneError('ERR_TIMEOUT', `${what}: ${lateness(cause as number | MissedDeadline)}`);
    case 'overloaded': {
      const retryAfterMicros = cause as number;
      return new TensorlaneError(
        'ERR_OVERLOADED',
        `${what}: could not be answered within targetLatencyMicros; try again in ${retryAfterMicros} microseconds, or elsewhere`,
        { retryAfterMicros },
      );
    }
    case 'queueFull': {
      const { maxQueueSize, of, retryAfterMicros } = cause as NoPlace;
      const full =
        of === 'queue'
          ? `the queue is full, with ${maxQueueSize} requests (maxQueueSize); try again in ${retryAfterMicros} microseconds, or elsewhere`
          : `${maxQueueSize} runs of the sequence wait already (its maxQueueSize); try again in ${retryAfterMicros} microseconds`;
      return new TensorlaneError('ERR_QUEUE_FULL', `${what}: ${full}`, { retryAfterMicros });
    }
    case 'oversize':
      return new TensorlaneError('ERR_SHAPE', `${what}: ${oversize(cause as Oversize)}`);
    case 'failed':
      return toTensorlaneError(cause, `${what}: `);
  }
}

export function oversize({ maxBatchSize, parts }: Oversize): string {
  return parts === 1
    ? `more rows than maxBatchSize, ${maxBatchSize}; split the request, or set splitOversize`
    : `more rows than ${parts} batches of maxBatchSize, ${maxBatchSize}, have; split the request, or set another maxBatchSize`;
}

function lateness(cause: number | MissedDeadline): string {
  if (typeof cause === 'number') return `not started within ${cause} microseconds`;
  const { deadlineMicros, foreseen } = cause;
  if (foreseen === undefined) return `not answered within ${deadlineMicros} microseconds (its deadline)`;
  const { leftMicros, runMicros } = foreseen;
  return (
    `not started, as it could not be answered within ${deadlineMicros} microseconds (its deadline): ` +
    `${leftMicros} are left, and a run takes ${runMicros}`
  );
}

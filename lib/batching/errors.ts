// What the caller of a request that did not succeed gets. Called where the caller awaits, so that the stack is its own.

import { TensorlaneError, toTensorlaneError } from '../core/errors.js';
import type { Failure } from './executor.js';

/** `what` is the name of the operation, for the message. */
export function errorOf({ reason, cause }: Failure, what: string): TensorlaneError {
  switch (reason) {
    case 'cancelled':
      return new TensorlaneError('ERR_ABORTED', `${what}: aborted by its signal`, { cause });
    case 'expired':
      return new TensorlaneError('ERR_TIMEOUT', `${what}: not started within ${cause} microseconds`);
    case 'overloaded': {
      const retryAfterMicros = cause as number;
      return new TensorlaneError(
        'ERR_OVERLOADED',
        `${what}: could not be answered within targetLatencyMicros; try again in ${retryAfterMicros} microseconds, or elsewhere`,
        { retryAfterMicros },
      );
    }
    case 'queueFull':
      return new TensorlaneError('ERR_QUEUE_FULL', `${what}: the queue is full, with ${cause} requests (maxQueueSize)`);
    case 'oversize':
      return new TensorlaneError(
        'ERR_SHAPE',
        `${what}: more rows than maxBatchSize, ${cause}; split the request, or set splitOversize`,
      );
    case 'failed':
      return toTensorlaneError(cause, `${what}: `);
  }
}

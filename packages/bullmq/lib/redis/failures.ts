// What Redis itself refuses, as errors that a caller can act on.

import { TensorlaneError } from 'tensorlane';

const retryAfterMicros = 1_000_000;

/** Redis at its `maxmemory` refuses what would need more: to whoever adds, the queue is full. Anything else is given back as it is. */
export function queueErrorOf(reason: unknown): unknown {
  if (!(reason instanceof Error) || !/\bOOM\b/.test(reason.message)) return reason;
  const message =
    'Redis has reached its maxmemory and takes no more; it does again when workers have emptied the queue';
  return new TensorlaneError('ERR_QUEUE_FULL', message, { retryAfterMicros, cause: reason });
}

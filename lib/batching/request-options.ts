// What a request brings besides its payload, checked before it is queued.

import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import type { BatcherSettings } from './options.js';

export interface RequestOptions {
  /** Cancels the request while it, or a part of it, is queued (ERR_ABORTED). A batch that has started runs to its end. */
  signal?: AbortSignal | undefined;
  /** From 1, the highest, to `priorityLevels`. */
  priority?: number | undefined;
  /** How long the request may be queued before `timeoutAction` is taken; it shortens the default, and never lengthens it. */
  timeoutMicros?: number | undefined;
}

/** Errors: ERR_ARGUMENT. */
export function checkRequestOptions(
  { signal, priority, timeoutMicros }: RequestOptions,
  { policies, defaultPriority }: BatcherSettings,
  what: string,
): void {
  if (signal !== undefined && typeof (signal as AbortSignal | null)?.addEventListener !== 'function') {
    throw new TensorlaneError('ERR_ARGUMENT', `${what}: signal must be an AbortSignal, got ${shown(signal)}`);
  }
  if (priority !== undefined && !(Number.isInteger(priority) && policies[priority - 1])) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${what}: priority must be an integer from 1 to priorityLevels, ${policies.length}, got ${shown(priority)}`,
    );
  }
  if (timeoutMicros === undefined) return;
  if (typeof timeoutMicros !== 'number' || !(timeoutMicros >= 0 && timeoutMicros <= Number.MAX_SAFE_INTEGER)) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${what}: timeoutMicros must be a number of at least 0, got ${shown(timeoutMicros)}`,
    );
  }
  if (!policies[(priority ?? defaultPriority) - 1]!.allowTimeoutOverride) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${what}: timeoutMicros is not for requests to set here (allowTimeoutOverride: false)`,
    );
  }
}

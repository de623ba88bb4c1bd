// What a request brings besides its payload, checked before it is queued.

import { flag } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import type { BatcherSettings } from './options.js';
import type { RequestObserver } from './statistics/observer.js';

export interface RequestOptions {
  /**
   * Cancels the request while it, or a part of it, is queued (ERR_ABORTED); with `abortWhileRunning` also later. A batch that has
   * started runs to its end.
   */
  signal?: AbortSignal | undefined;
  /** Whether the signal rejects the request also while its batch runs, of which the others get what they would; false by default. */
  abortWhileRunning?: boolean | undefined;
  /** From 1, the highest, to `priorityLevels`. */
  priority?: number | undefined;
  /** How long the request may be queued before `timeoutAction` is taken; it shortens the default, and never lengthens it. */
  timeoutMicros?: number | undefined;
  /**
   * How long the request may take as a whole: it is rejected at that moment (ERR_TIMEOUT), also while its batch runs on, and not
   * started where the batches before show that it could not be answered by then; it shortens the default, and never lengthens it.
   */
  deadlineMicros?: number | undefined;
  /** Is told when its batch starts and ends. */
  observer?: RequestObserver | undefined;
}

/** Errors: ERR_ARGUMENT. */
export function checkRequestOptions(
  { signal, abortWhileRunning, priority, timeoutMicros, deadlineMicros, observer }: RequestOptions,
  { policies, defaultPriority }: BatcherSettings,
  what: string,
): void {
  if (signal !== undefined && typeof (signal as AbortSignal | null)?.addEventListener !== 'function') {
    throw new TensorlaneError('ERR_ARGUMENT', `${what}: signal must be an AbortSignal, got ${shown(signal)}`);
  }
  flag(`${what}: abortWhileRunning`, abortWhileRunning, false);
  if (observer !== undefined && !isObserver(observer)) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${what}: observer must be an object whose started and ran are functions, got ${shown(observer)}`,
    );
  }
  if (priority !== undefined && !(Number.isInteger(priority) && policies[priority - 1])) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${what}: priority must be an integer from 1 to priorityLevels, ${policies.length}, got ${shown(priority)}`,
    );
  }
  if (timeoutMicros === undefined && deadlineMicros === undefined) return;
  const { allowTimeoutOverride } = policies[(priority ?? defaultPriority) - 1]!;
  checkMicros(`${what}: timeoutMicros`, timeoutMicros, allowTimeoutOverride);
  checkMicros(`${what}: deadlineMicros`, deadlineMicros, allowTimeoutOverride);
}

function isObserver(observer: unknown): boolean {
  if (typeof observer !== 'object' || observer === null) return false;
  const { started, ran } = observer as { started?: unknown; ran?: unknown };
  return [started, ran].every((one) => one === undefined || typeof one === 'function');
}

function checkMicros(name: string, micros: number | undefined, allowed: boolean): void {
  if (micros === undefined) return;
  if (typeof micros !== 'number' || !(micros >= 0 && micros <= Number.MAX_SAFE_INTEGER)) {
    throw new TensorlaneError('ERR_ARGUMENT', `${name} must be a number of at least 0, got ${shown(micros)}`);
  }
  if (!allowed) {
    throw new TensorlaneError('ERR_ARGUMENT', `${name} is not for requests to set here (allowTimeoutOverride: false)`);
  }
}

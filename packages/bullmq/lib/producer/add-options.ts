// What a job is added with.

import { createHash } from 'node:crypto';
import type { JobsOptions } from 'bullmq';
import { checkNames, flag, mostTimerMs, refuse, shown, text, wholeNumber } from '../core/checks.js';

export interface BackoffOptions {
  /** 'exponential' (default): twice as long each time; 'fixed': always the same. */
  readonly type?: 'exponential' | 'fixed' | undefined;
  /** Before the second attempt; 1000 by default. */
  readonly delayMs?: number | undefined;
  /** From 0 to 1: by what part of itself a delay may be shorter, by chance; 0.5 by default. */
  readonly jitter?: number | undefined;
}

export interface AddOptions {
  /** As BullMQ has it: none (the default) comes before 1, 1 before 2. */
  priority?: number | undefined;
  /** How long it waits before it may run; 0 by default. */
  delayMs?: number | undefined;
  /** How often it is tried at most before it is in the dead letters; 3 by default. What another try cannot change is tried once. */
  attempts?: number | undefined;
  backoff?: BackoffOptions | undefined;
  /** After so long since it was added it is given up (ERR_TIMEOUT), also while it runs. None by default. */
  timeoutMs?: number | undefined;
  /** Jobs of one key are one job: as long as the queue knows it, another is not added, and its handle gives the first one's result. */
  key?: string | undefined;
  /** Whether it comes before those that wait already. */
  lifo?: boolean | undefined;
}

const names = {
  priority: true,
  delayMs: true,
  attempts: true,
  backoff: true,
  timeoutMs: true,
  key: true,
  lifo: true,
} as const;
const backoffNames = { type: true, delayMs: true, jitter: true } as const;
const mostPriority = 2 ** 21 - 1;
/** Ten years: a time and a place of the queue in one number is all that Redis has to order jobs by. */
const mostDelayMs = 3_650 * 24 * 3_600_000;

export interface CheckedAddOptions {
  readonly job: JobsOptions;
  readonly delayMs: number;
  readonly timeoutMs: number | undefined;
  readonly key: string | undefined;
}

/** Errors: ERR_ARGUMENT. */
export function checkAddOptions(options: AddOptions, what: string): CheckedAddOptions {
  checkNames(what, options, names);
  const { timeoutMs, key } = options;
  const delayMs = wholeNumber(`${what}: delayMs`, options.delayMs, 0, 0, mostDelayMs);
  const priority = wholeNumber(`${what}: priority`, options.priority, 0, 0, mostPriority);
  const lifo = flag(`${what}: lifo`, options.lifo, false);
  return {
    job: {
      attempts: wholeNumber(`${what}: attempts`, options.attempts, 3, 1),
      backoff: checkBackoff(options.backoff, what),
      ...(delayMs > 0 ? { delay: delayMs } : {}),
      ...(priority > 0 ? { priority } : {}),
      ...(lifo ? { lifo } : {}),
    },
    delayMs,
    timeoutMs: timeoutMs === undefined ? undefined : wholeNumber(`${what}: timeoutMs`, timeoutMs, 0, 1, mostTimerMs),
    key: key === undefined ? undefined : text(`${what}: key`, key),
  };
}

function checkBackoff(backoff: BackoffOptions = {}, what: string): NonNullable<JobsOptions['backoff']> {
  checkNames(`${what}: backoff`, backoff, backoffNames);
  const { type = 'exponential', jitter = 0.5 } = backoff;
  if (type !== 'exponential' && type !== 'fixed') {
    refuse(`${what}: backoff.type must be 'exponential' or 'fixed', got ${shown(type)}`);
  }
  if (!(typeof jitter === 'number' && jitter >= 0 && jitter <= 1)) {
    refuse(`${what}: backoff.jitter must be a number from 0 to 1, got ${shown(jitter)}`);
  }
  return { type, jitter, delay: wholeNumber(`${what}: backoff.delayMs`, backoff.delayMs, 1000, 0, mostTimerMs) };
}

/** BullMQ takes neither ':' nor a number for an id, and nobody a very long one. */
export function idOfKey(key: string): string {
  const readable = encodeURIComponent(key);
  return `key-${readable.length <= 100 ? readable : createHash('sha256').update(key).digest('hex')}`;
}

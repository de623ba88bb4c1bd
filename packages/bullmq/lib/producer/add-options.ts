// What a job is added with.

import { createHash } from 'node:crypto';
import type { JobsOptions } from 'bullmq';
import { checkNames, flag, isPlainObject, mostTimerMs, refuse, shown, text, wholeNumber } from '../core/checks.js';

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
  /** What the operation, handler or model in JS has as its options, such as svd's `mode`: what JSON has, and has the same. */
  options?: Readonly<Record<string, unknown>> | undefined;
}

const names = {
  priority: true,
  delayMs: true,
  attempts: true,
  backoff: true,
  timeoutMs: true,
  key: true,
  lifo: true,
  options: true,
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
  readonly options: Readonly<Record<string, unknown>> | undefined;
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
    options: options.options === undefined ? undefined : checkOwn(`${what}: options`, options.options),
  };
}

const jobNames = { name: true, feeds: true, options: true } as const;

/** Those of addMany. Errors: ERR_ARGUMENT. */
export function checkJobs(jobs: unknown): void {
  if (!Array.isArray(jobs)) refuse(`addMany: expected an array of { name, feeds, options }, got ${shown(jobs)}`);
  for (const [i, job] of jobs.entries()) checkNames(`addMany: job ${i}`, job as object, jobNames as never);
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

/** What goes through JSON, as it comes out of it. Errors: ERR_ARGUMENT, for what would be another there. */
function checkOwn(what: string, options: unknown): Record<string, unknown> {
  if (!isPlainObject(options)) refuse(`${what} must be an object, got ${shown(options)}`);
  return plain(what, options, 0) as Record<string, unknown>;
}

const mostDepth = 32;

function plain(what: string, value: unknown, depth: number): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (depth > mostDepth) refuse(`${what} is more than ${mostDepth} objects deep`);
  if (Array.isArray(value)) return value.map((one, i) => plain(`${what}[${i}]`, one, depth + 1));
  if (!isPlainObject(value)) refuse(`${what} must be what JSON has, got ${shown(value)}`);
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(entries.map(([name, one]) => [name, plain(`${what}.${name}`, one, depth + 1)]));
}

/** BullMQ takes neither ':' nor a number for an id, and nobody a very long one. */
export function idOfKey(key: string): string {
  // Half of a character, which JS' strings may have, is none in an id.
  const readable = /\p{Surrogate}/u.test(key) ? undefined : encodeURIComponent(key);
  if (readable !== undefined && readable.length <= 100) return `key-${readable}`;
  return `key-${createHash('sha256')
    .update(key, readable === undefined ? 'utf16le' : 'utf8')
    .digest('hex')}`;
}

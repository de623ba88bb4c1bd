// What lies in a queue: a job's data and its result, both JSON. docs/jobs.md has them for callers in other languages, with vectors.
//
// The rule for versions, by which two versions of the package share a queue: what is added to a format may be ignored by whoever does not
// know it; what may not makes the next format. Whoever does not know a job's format leaves the job to others, and who knows it answers in
// the job's own, which its producer reads. So a new version comes to workers first, and to producers when there are such workers.

import { TensorlaneError } from 'tensorlane';
import { isPlainObject, shown } from '../core/checks.js';
import { checkReference, type Reference } from '../payload/payloads.js';

/** What producers here write. */
export const formatVersion = 1;
/** The oldest that workers here still read. */
const oldestFormat = 1;

const isKnown = (format: unknown) =>
  Number.isSafeInteger(format) && (format as number) >= oldestFormat && (format as number) <= formatVersion;

/** A job; its name says the operation, model or handler. */
export interface JobData {
  /** The format. */
  readonly tensorlane: number;
  readonly feeds: Reference;
  /** Of the operation, handler or model in JS, such as svd's `mode`. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** When the answer is worth nothing any more: milliseconds since 1970 by Redis' own clock, since those of hosts differ. */
  readonly deadline?: number;
  /** The name of the channel on which its producer is told of its end. */
  readonly reply?: string;
  /** Feeds that are outputs of jobs before it, its children in the queue, by the feeds' names. */
  readonly from?: Readonly<Record<string, Origin>>;
}

export interface Origin {
  /** Of the job in Redis. */
  readonly job: string;
  readonly output: string;
}

export interface JobResult {
  /** The job's own. */
  readonly tensorlane: number;
  readonly outputs: Reference;
  /** Where a job's time went at its worker, in microseconds. */
  readonly micros: { readonly load: number; readonly run: number; readonly store: number };
}

/** Of a newer package, perhaps. */
export function isOfAnotherFormat(data: unknown): boolean {
  return isPlainObject(data) && Number.isSafeInteger(data.tensorlane) && !isKnown(data.tensorlane);
}

/** Errors: ERR_ARGUMENT. */
export function checkJobData(data: unknown, what: string): JobData {
  if (!isPlainObject(data) || !isKnown(data.tensorlane)) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${what}: its data is no job of tensorlane: expected { tensorlane: ${formatVersion}, feeds, ... }`,
    );
  }
  const { options, deadline, from = {} } = data;
  checkReference(data.feeds, `${what}: feeds`);
  if (options !== undefined && !isPlainObject(options)) {
    throw new TensorlaneError('ERR_ARGUMENT', `${what}: options must be an object, got ${shown(options)}`);
  }
  if (deadline !== undefined && !Number.isFinite(deadline)) {
    throw new TensorlaneError('ERR_ARGUMENT', `${what}: deadline must be a number, got ${shown(deadline)}`);
  }
  const isFrom = (one: unknown) => isPlainObject(one) && typeof one.job === 'string' && typeof one.output === 'string';
  if (!isPlainObject(from) || !Object.values(from).every(isFrom)) {
    throw new TensorlaneError('ERR_ARGUMENT', `${what}: from must have { job, output } by the names of feeds`);
  }
  return data as unknown as JobData;
}

/** Errors: ERR_NOT_SUPPORTED. */
export function checkJobResult(result: unknown, what: string): JobResult {
  if (isPlainObject(result) && isKnown(result.tensorlane)) {
    checkReference(result.outputs, what);
    return result as unknown as JobResult;
  }
  throw new TensorlaneError(
    'ERR_NOT_SUPPORTED',
    `${what}: its result is of no format that is known here (${formatVersion}): another worker, or a newer one, answered it`,
  );
}

/** The keys of a queue in Redis that are not BullMQ's own. */
export function keysOf(prefix: string, queue: string) {
  const base = `${prefix}:${queue}:tensorlane`;
  return {
    feeds: (id: string, nonce: string) => `${base}:${id}:feeds:${nonce}`,
    outputs: (id: string, nonce: string) => `${base}:${id}:outputs:${nonce}`,
    /** Set where a job is to be given up. */
    cancelled: (id: string) => `${base}:${id}:cancelled`,
    /** A channel: ids of jobs to give up while they run. */
    cancel: `${base}:cancel`,
    /** A channel: ends of a producer's jobs, by the name that these have for it. */
    reply: (name: string) => `${base}:reply:${name}`,
    /** A hash: what each worker says of itself. */
    workers: `${base}:workers`,
  };
}

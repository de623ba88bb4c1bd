// The options of the scheduler, checked and completed. They mean what Triton's of the same names mean: docs/batching.md
// has the table, TensorFlow Serving's names beside it.

import { ascendingIntegers, flag, oneOf, plainObject, refuseUnknown, wholeNumber } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import type { Bounds } from './learning/surface.js';
import type { Tuned } from './learning/tuned.js';

/** How requests may queue. With priorities, each level may have its own. */
export interface QueuePolicy {
  /** Requests that may be queued, not counting those that run; more are refused at once (ERR_QUEUE_FULL). 0, the default: any number. */
  maxQueueSize?: number | undefined;
  /** How long a request may be queued, in microseconds. 0, the default: as long as it takes. */
  defaultTimeoutMicros?: number | undefined;
  /**
   * What becomes of a request whose timeout is over: 'reject', the default, gives it up (ERR_TIMEOUT); 'delay' lets it run
   * when all others of its shape have.
   */
  timeoutAction?: 'reject' | 'delay' | undefined;
  /**
   * How long after it came a request is to be answered, in microseconds: after that it is rejected (ERR_TIMEOUT), also while
   * its batch runs on; and what could not be answered by then is not started. 0, the default: however long it takes.
   */
  defaultDeadlineMicros?: number | undefined;
  /** Whether a request may bring a timeout and a deadline of its own, which shorten the default and never lengthen it; true by default. */
  allowTimeoutOverride?: boolean | undefined;
}

export interface BatcherOptions extends QueuePolicy {
  /** The most rows of a batch, not requests; 32 by default, or the largest of `allowedBatchSizes`; 1048576 at most. */
  maxBatchSize?: number | undefined;
  /**
   * How long a batch may wait for more rows while a lane is free, in microseconds; fractions of a millisecond work. 0, the
   * default, never waits on purpose: batches grow only while the ones before them run.
   */
  maxQueueDelayMicros?: number | undefined;
  /** Sizes, in rows, with which a batch runs as soon as it has one of them, the largest that there is. */
  preferredBatchSizes?: readonly number[] | undefined;
  /** The sizes, in rows and ascending, that batches may run with. Others are filled up to the next with padding that no caller sees. */
  allowedBatchSizes?: readonly number[] | undefined;
  /** Whether a request with more rows than `maxBatchSize` runs in several batches (the default), or is refused (ERR_SHAPE). */
  splitOversize?: boolean | undefined;
  /** Batches in flight at once; 2 by default, 1024 at most. */
  concurrency?: number | undefined;
  /** Priorities that a request may have, from 1, the highest; 1 by default. */
  priorityLevels?: number | undefined;
  /** The priority of a request that names none; the middle one by default. */
  defaultPriority?: number | undefined;
  /** By how much later than it came a request counts as having come, for each level below the highest; a second by default. */
  priorityAgingMicros?: number | undefined;
  /** Policies of levels that differ from the one above. */
  queuePolicies?: Readonly<Record<number, QueuePolicy>> | undefined;
  /** Whether requests are answered in the order in which they came; false by default. */
  preserveOrdering?: boolean | undefined;
  /**
   * The latency, in microseconds, that 99 of 100 requests are to stay within. With it the scheduler learns how long batches
   * take, has as many rows in each and as many batches in flight as give the highest throughput within the target, and
   * refuses at once (ERR_OVERLOADED, with `retryAfterMicros`) what could not be answered in time.
   */
  targetLatencyMicros?: number | undefined;
}

/** Batches in flight at once. */
export const defaultConcurrency = 2;
/** More of them than any machine has use for are a mistake. */
export const mostConcurrency = 1024;
/** The same of rows: batches are filled up to the sizes that are named, and warmed up with them. */
const mostRows = 2 ** 20;

export type Policy = { [Name in keyof QueuePolicy]-?: Exclude<QueuePolicy[Name], undefined> };

export interface BatcherSettings {
  readonly maxBatchSize: number;
  readonly maxQueueDelayMicros: number;
  readonly preferredBatchSizes: ReadonlySet<number> | undefined;
  readonly allowedBatchSizes: readonly number[] | undefined;
  readonly splitOversize: boolean;
  /** Into so many parts a request is split at most, which have more rows than `maxBatchSize` then; undefined: into as many as that takes. */
  readonly mostParts: number | undefined;
  readonly concurrency: number;
  /** From the highest priority to the lowest. */
  readonly policies: readonly Policy[];
  readonly defaultPriority: number;
  readonly priorityAgingMicros: number;
  readonly preserveOrdering: boolean;
  readonly targetLatencyMicros: number | undefined;
  /** Between what the rows of a batch and the batches at once are learned; undefined: they are as they are here. */
  readonly learns: { readonly bounds: Bounds; readonly tuned: Tuned | undefined } | undefined;
}

const policyNames = [
  'maxQueueSize',
  'defaultTimeoutMicros',
  'timeoutAction',
  'defaultDeadlineMicros',
  'allowTimeoutOverride',
] as const;

export const batcherOptionNames: readonly string[] = [
  'maxBatchSize',
  'maxQueueDelayMicros',
  'preferredBatchSizes',
  'allowedBatchSizes',
  'splitOversize',
  'concurrency',
  'priorityLevels',
  'defaultPriority',
  'priorityAgingMicros',
  'queuePolicies',
  'preserveOrdering',
  'targetLatencyMicros',
  ...policyNames,
];

/** `what` names the options in messages. Errors: ERR_ARGUMENT, naming the option, its value and what is allowed. */
export function completeBatcherOptions(options: BatcherOptions, what: string): BatcherSettings {
  const named = (name: string) => `${what}.${name}`;
  const allowed = ascendingIntegers(named('allowedBatchSizes'), options.allowedBatchSizes);
  const largest = options.maxBatchSize === undefined ? allowed?.at(-1) : options.maxBatchSize;
  const maxBatchSize = wholeNumber(named('maxBatchSize'), largest, 32, 1, mostRows);
  if (allowed !== undefined && allowed.at(-1) !== maxBatchSize) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${named('allowedBatchSizes')} must end with maxBatchSize, ${maxBatchSize}, got ${shown(allowed)}`,
    );
  }
  const preferred = ascendingIntegers(named('preferredBatchSizes'), options.preferredBatchSizes);
  if (preferred !== undefined && preferred.at(-1)! > maxBatchSize) {
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${named('preferredBatchSizes')} must not be above maxBatchSize, ${maxBatchSize}, got ${shown(preferred)}`,
    );
  }
  const maxQueueDelayMicros = wholeNumber(named('maxQueueDelayMicros'), options.maxQueueDelayMicros, 0, 0);
  const levels = wholeNumber(named('priorityLevels'), options.priorityLevels, 1, 1, 100);
  const general = policy(options, noPolicy, what, maxQueueDelayMicros);
  const target = options.targetLatencyMicros;
  return {
    maxBatchSize,
    maxQueueDelayMicros,
    preferredBatchSizes: preferred && new Set(preferred),
    allowedBatchSizes: allowed,
    splitOversize: flag(named('splitOversize'), options.splitOversize, true),
    mostParts: undefined,
    concurrency: wholeNumber(named('concurrency'), options.concurrency, defaultConcurrency, 1, mostConcurrency),
    policies: policies(named('queuePolicies'), options.queuePolicies, levels, general, maxQueueDelayMicros),
    defaultPriority: wholeNumber(named('defaultPriority'), options.defaultPriority, Math.ceil(levels / 2), 1, levels),
    priorityAgingMicros: wholeNumber(named('priorityAgingMicros'), options.priorityAgingMicros, 1e6, 0),
    preserveOrdering: flag(named('preserveOrdering'), options.preserveOrdering, false),
    targetLatencyMicros: target === undefined ? undefined : wholeNumber(named('targetLatencyMicros'), target, 0, 1),
    learns: undefined,
  };
}

const noPolicy: Policy = {
  maxQueueSize: 0,
  defaultTimeoutMicros: 0,
  timeoutAction: 'reject',
  defaultDeadlineMicros: 0,
  allowTimeoutOverride: true,
};

function policy(given: QueuePolicy, otherwise: Policy, what: string, delay: number): Policy {
  const ofTime = (name: 'defaultTimeoutMicros' | 'defaultDeadlineMicros') => {
    const micros = wholeNumber(`${what}.${name}`, given[name], otherwise[name], 0);
    if (micros === 0 || micros > delay) return micros;
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${what}.${name} must be above maxQueueDelayMicros, ${delay}, or every lone request would expire; got ${micros}`,
    );
  };
  return {
    maxQueueSize: wholeNumber(`${what}.maxQueueSize`, given.maxQueueSize, otherwise.maxQueueSize, 0),
    defaultTimeoutMicros: ofTime('defaultTimeoutMicros'),
    defaultDeadlineMicros: ofTime('defaultDeadlineMicros'),
    timeoutAction: oneOf(`${what}.timeoutAction`, given.timeoutAction, otherwise.timeoutAction, ['reject', 'delay']),
    allowTimeoutOverride: flag(
      `${what}.allowTimeoutOverride`,
      given.allowTimeoutOverride,
      otherwise.allowTimeoutOverride,
    ),
  };
}

function policies(
  name: string,
  given: Readonly<Record<number, QueuePolicy>> = {},
  levels: number,
  general: Policy,
  delay: number,
): Policy[] {
  plainObject(name, given);
  for (const key of Object.keys(given)) {
    const level = Number(key);
    if (Number.isInteger(level) && level >= 1 && level <= levels) continue;
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `${name} is for priorities from 1 to ${levels}, got one for ${shown(key)}`,
    );
  }
  return Array.from({ length: levels }, (_, index) => {
    const own = given[index + 1];
    if (own === undefined) return general;
    const what = `${name}[${index + 1}]`;
    refuseUnknown(plainObject(what, own), new Set(policyNames), what);
    return policy(own, general, what, delay);
  });
}

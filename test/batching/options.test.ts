// A bad option is refused, by name, with its value and with what is allowed; good ones come out complete.

import { describe, expect, test } from 'vitest';
import { batched } from '../../lib/batching/batched.js';
import { type BatcherOptions, completeBatcherOptions } from '../../lib/batching/options.js';
import { checkRequestOptions, type RequestOptions } from '../../lib/batching/request-options.js';
import { TensorlaneError } from '../../lib/core/errors.js';

function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(TensorlaneError);
    expect((error as TensorlaneError).code).toBe('ERR_ARGUMENT');
    return (error as Error).message;
  }
  throw new Error('it was not refused');
}

/** Options that no type checker would let through, too. */
type Bad = Record<string, unknown>;

const bad: readonly [options: Bad, message: string][] = [
  [{ maxBatchSize: 0 }, 'batching.maxBatchSize must be an integer from 1 to 1048576, got 0'],
  [{ maxBatchSize: 2.5 }, 'batching.maxBatchSize must be an integer from 1 to 1048576, got 2.5'],
  [{ maxBatchSize: '8' }, "batching.maxBatchSize must be an integer from 1 to 1048576, got '8'"],
  [{ maxBatchSize: null }, 'batching.maxBatchSize must be an integer from 1 to 1048576, got null'],
  [{ maxBatchSize: 1e12 }, 'batching.maxBatchSize must be an integer from 1 to 1048576, got 1000000000000'],
  [{ allowedBatchSizes: [1, 1e12] }, 'batching.maxBatchSize must be an integer from 1 to 1048576, got 1000000000000'],
  [{ maxQueueDelayMicros: -1 }, 'batching.maxQueueDelayMicros must be an integer of at least 0, got -1'],
  [{ maxQueueDelayMicros: Number.NaN }, 'batching.maxQueueDelayMicros must be an integer of at least 0, got NaN'],
  [{ preferredBatchSizes: 4 }, 'batching.preferredBatchSizes must be ascending positive integers, got 4'],
  [{ preferredBatchSizes: [] }, 'batching.preferredBatchSizes must be ascending positive integers, got []'],
  [{ preferredBatchSizes: [4, 2] }, 'batching.preferredBatchSizes must be ascending positive integers, got [4, 2]'],
  [{ preferredBatchSizes: [0, 2] }, 'batching.preferredBatchSizes must be ascending positive integers, got [0, 2]'],
  [
    { preferredBatchSizes: [4, 64], maxBatchSize: 32 },
    'batching.preferredBatchSizes must not be above maxBatchSize, 32, got [4, 64]',
  ],
  [{ allowedBatchSizes: [2, 2] }, 'batching.allowedBatchSizes must be ascending positive integers, got [2, 2]'],
  [{ allowedBatchSizes: [1.5] }, 'batching.allowedBatchSizes must be ascending positive integers, got [1.5]'],
  [
    { allowedBatchSizes: [1, 8], maxBatchSize: 16 },
    'batching.allowedBatchSizes must end with maxBatchSize, 16, got [1, 8]',
  ],
  [{ splitOversize: 'no' }, "batching.splitOversize must be true or false, got 'no'"],
  [{ concurrency: 0 }, 'batching.concurrency must be an integer from 1 to 1024, got 0'],
  // With a target latency each would be a setting.
  [
    { concurrency: 1e9, targetLatencyMicros: 1000 },
    'batching.concurrency must be an integer from 1 to 1024, got 1000000000',
  ],
  [{ maxQueueSize: -1 }, 'batching.maxQueueSize must be an integer of at least 0, got -1'],
  [{ defaultTimeoutMicros: 1.5 }, 'batching.defaultTimeoutMicros must be an integer of at least 0, got 1.5'],
  [
    { defaultTimeoutMicros: 100, maxQueueDelayMicros: 100 },
    'batching.defaultTimeoutMicros must be above maxQueueDelayMicros, 100, or every lone request would expire; got 100',
  ],
  [{ defaultDeadlineMicros: -1 }, 'batching.defaultDeadlineMicros must be an integer of at least 0, got -1'],
  [
    { defaultDeadlineMicros: 90, maxQueueDelayMicros: 100 },
    'batching.defaultDeadlineMicros must be above maxQueueDelayMicros, 100, or every lone request would expire; got 90',
  ],
  [{ timeoutAction: 'drop' }, "batching.timeoutAction must be 'reject' or 'delay', got 'drop'"],
  [{ allowTimeoutOverride: 1 }, 'batching.allowTimeoutOverride must be true or false, got 1'],
  [{ priorityLevels: 0 }, 'batching.priorityLevels must be an integer from 1 to 100, got 0'],
  [{ priorityLevels: 101 }, 'batching.priorityLevels must be an integer from 1 to 100, got 101'],
  [{ priorityLevels: 3, defaultPriority: 4 }, 'batching.defaultPriority must be an integer from 1 to 3, got 4'],
  [{ priorityAgingMicros: -5 }, 'batching.priorityAgingMicros must be an integer of at least 0, got -5'],
  [{ preserveOrdering: 'yes' }, "batching.preserveOrdering must be true or false, got 'yes'"],
  [{ targetLatencyMicros: 0 }, 'batching.targetLatencyMicros must be an integer of at least 1, got 0'],
  [{ queuePolicies: [] }, 'batching.queuePolicies must be an object, got []'],
  [{ queuePolicies: null }, 'batching.queuePolicies must be an object, got null'],
  [{ queuePolicies: { 2: {} } }, "batching.queuePolicies is for priorities from 1 to 1, got one for '2'"],
  [{ queuePolicies: { high: {} } }, "batching.queuePolicies is for priorities from 1 to 1, got one for 'high'"],
  [{ queuePolicies: { 1: 5 } }, 'batching.queuePolicies[1] must be an object, got 5'],
  [
    { queuePolicies: { 1: { maxQueue: 5 } } },
    "batching.queuePolicies[1]: there is no option 'maxQueue'; there is maxQueueSize, defaultTimeoutMicros, timeoutAction, defaultDeadlineMicros, allowTimeoutOverride",
  ],
  [
    { queuePolicies: { 1: { maxQueueSize: -1 } } },
    'batching.queuePolicies[1].maxQueueSize must be an integer of at least 0, got -1',
  ],
  [
    { queuePolicies: { 1: { timeoutAction: 'x' } } },
    "batching.queuePolicies[1].timeoutAction must be 'reject' or 'delay', got 'x'",
  ],
  [
    { queuePolicies: { 1: { defaultTimeoutMicros: 50 } }, maxQueueDelayMicros: 60 },
    'batching.queuePolicies[1].defaultTimeoutMicros must be above maxQueueDelayMicros, 60, or every lone request would expire; got 50',
  ],
];

describe('options of the scheduler', () => {
  for (const [options, message] of bad) {
    const [name] = Object.keys(options);
    test(`${name}: ${JSON.stringify(options)} is refused`, () => {
      expect(refusal(() => completeBatcherOptions(options as BatcherOptions, 'batching'))).toBe(message);
    });
  }

  test('an empty object is enough', () => {
    expect(completeBatcherOptions({}, 'batching')).toEqual({
      maxBatchSize: 32,
      maxQueueDelayMicros: 0,
      preferredBatchSizes: undefined,
      allowedBatchSizes: undefined,
      splitOversize: true,
      concurrency: 2,
      policies: [
        {
          maxQueueSize: 0,
          defaultTimeoutMicros: 0,
          timeoutAction: 'reject',
          defaultDeadlineMicros: 0,
          allowTimeoutOverride: true,
        },
      ],
      defaultPriority: 1,
      priorityAgingMicros: 1e6,
      preserveOrdering: false,
      targetLatencyMicros: undefined,
    });
  });

  test('the largest allowed size is the most rows; the default priority is the middle one', () => {
    const settings = completeBatcherOptions({ allowedBatchSizes: [1, 4, 16], priorityLevels: 5 }, 'batching');
    expect(settings).toMatchObject({ maxBatchSize: 16, defaultPriority: 3 });
  });

  test('a level takes from the general policy what its own does not say', () => {
    const { policies } = completeBatcherOptions(
      { maxQueueSize: 10, defaultTimeoutMicros: 500, priorityLevels: 2, queuePolicies: { 2: { maxQueueSize: 3 } } },
      'batching',
    );
    expect(policies[0]).toMatchObject({ maxQueueSize: 10, defaultTimeoutMicros: 500 });
    expect(policies[1]).toMatchObject({ maxQueueSize: 3, defaultTimeoutMicros: 500 });
  });

  test('what the caller does with the arrays afterwards changes nothing', () => {
    const sizes = [2, 4];
    const settings = completeBatcherOptions({ allowedBatchSizes: sizes, preferredBatchSizes: sizes }, 'batching');
    sizes.push(8);
    expect(settings.allowedBatchSizes).toEqual([2, 4]);
    expect([...settings.preferredBatchSizes!]).toEqual([2, 4]);
  });
});

describe('options of a request', () => {
  const settings = completeBatcherOptions(
    { priorityLevels: 2, queuePolicies: { 2: { allowTimeoutOverride: false } }, defaultPriority: 1 },
    'batching',
  );
  const refused = (options: Bad) => refusal(() => checkRequestOptions(options as RequestOptions, settings, 'run'));

  test('priority', () => {
    for (const value of [0, 3, 1.5, '1', null]) {
      expect(refused({ priority: value })).toBe(
        `run: priority must be an integer from 1 to priorityLevels, 2, got ${typeof value === 'string' ? `'${value}'` : value}`,
      );
    }
  });

  test.each(['timeoutMicros', 'deadlineMicros'])('%s', (name) => {
    for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY, null]) {
      expect(refused({ [name]: value })).toBe(`run: ${name} must be a number of at least 0, got ${value}`);
    }
    expect(refused({ [name]: 5, priority: 2 })).toBe(
      `run: ${name} is not for requests to set here (allowTimeoutOverride: false)`,
    );
  });

  test('abortWhileRunning', () => {
    expect(refused({ abortWhileRunning: 1 })).toBe('run: abortWhileRunning must be true or false, got 1');
    expect(refused({ abortWhileRunning: null })).toBe('run: abortWhileRunning must be true or false, got null');
  });

  test('signal', () => {
    expect(refused({ signal: 'stop' })).toBe("run: signal must be an AbortSignal, got 'stop'");
    expect(refused({ signal: null })).toBe('run: signal must be an AbortSignal, got null');
  });

  test('good ones pass', () => {
    const { signal } = new AbortController();
    const all = { signal, abortWhileRunning: true, priority: 1, timeoutMicros: 0.5, deadlineMicros: 0.5 };
    expect(() => checkRequestOptions(all, settings, 'run')).not.toThrow();
    expect(() => checkRequestOptions({}, settings, 'run')).not.toThrow();
  });
});

describe('options of batched()', () => {
  const run = async (items: number[]) => items;
  const refused = (options: Bad) => refusal(() => batched(run, options));

  test('unknown ones are refused with those that there are', () => {
    expect(refused({ maxBatch: 3 })).toMatch(
      /^batched: there is no option 'maxBatch'; there is maxBatchSize, .*, clock$/,
    );
  });

  test('those of the scheduler are checked under its name', () => {
    expect(refused({ maxBatchSize: 0 })).toBe('batched.maxBatchSize must be an integer from 1 to 1048576, got 0');
  });

  test('its own', () => {
    expect(refused({ rows: 3 })).toBe('batched.rows must be a function, got 3');
    expect(refused({ key: 'k' })).toBe("batched.key must be a function, got 'k'");
    expect(refused({ name: 5 })).toBe('batched.name must be a string, got 5');
    expect(refused({ clock: { now: () => 0 } })).toBe('batched.clock.after must be a function, got undefined');
    expect(refused({ splitOversize: true })).toBe('batched.splitOversize needs an executor that can join results');
    expect(refusal(() => batched(5 as unknown as typeof run))).toBe('batched: run must be a function, got 5');
    expect(refusal(() => batched(run, null as never))).toBe('batched: options must be an object, got null');
  });
});

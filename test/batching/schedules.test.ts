// Ten thousand random schedules over everything that the scheduler does. Whatever is asked of it, and in whatever order, each
// request is settled once, with its own rows, and the bounds that were asked for hold after every step.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BatcherOptions } from '../../lib/batching/options.js';
import { Limiter } from '../../lib/batching/running/limiter.js';
import { Checked } from './checked.js';
import { FakeClock } from './fake.js';

const sometimes = <T>(arbitrary: fc.Arbitrary<T>) => fc.oneof(fc.constant(undefined), arbitrary);

const policy = fc.record({
  maxQueueSize: fc.constantFrom(0, 0, 2, 5),
  defaultTimeoutMicros: fc.constantFrom(0, 0, 300, 900),
  timeoutAction: fc.constantFrom('reject' as const, 'delay' as const),
  defaultDeadlineMicros: fc.constantFrom(0, 0, 0, 300, 1200),
  allowTimeoutOverride: fc.constantFrom(true, true, false),
});

const batching = fc
  .record({
    maxBatchSize: fc.integer({ min: 1, max: 6 }),
    maxQueueDelayMicros: fc.constantFrom(0, 0, 100, 250),
    preferred: sometimes(fc.constantFrom([1], [2], [3], [2, 4])),
    allowed: sometimes(fc.constantFrom([], [1], [2, 3], [4])),
    splitOversize: fc.boolean(),
    concurrency: fc.integer({ min: 1, max: 3 }),
    policy,
    ownPolicy: sometimes(policy),
    priorityLevels: fc.constantFrom(1, 1, 2, 3),
    priorityAgingMicros: fc.constantFrom(0, 200, 1e6),
    preserveOrdering: fc.boolean(),
    target: fc.constantFrom(undefined, undefined, undefined, 300, 2000),
  })
  .map(({ preferred, allowed, policy, ownPolicy, target, ...others }): BatcherOptions => {
    const { maxBatchSize } = others;
    const options: BatcherOptions = { ...policy, ...others };
    const fitting = preferred?.filter((size) => size <= maxBatchSize) ?? [];
    if (fitting.length > 0) options.preferredBatchSizes = fitting;
    if (allowed !== undefined) {
      options.allowedBatchSizes = [...allowed.filter((size) => size < maxBatchSize), maxBatchSize];
    }
    if (ownPolicy !== undefined) options.queuePolicies = { 1: ownPolicy };
    if (target !== undefined) options.targetLatencyMicros = target;
    return options;
  });

const sharing = fc.record({
  other: batching,
  resources: fc.integer({ min: 1, max: 4 }),
  takes: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
  weights: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
});

// Numbers, of which a step is read digit by digit: making records of them would take most of the time.
const steps = fc.array(fc.nat(2 ** 31 - 1), { maxLength: 32, size: 'max' });
const kinds =
  'submit submit submit submit submit submit advance advance finish finish finish fail cancel spoil stall'.split(' ');
const durations = [0, 10, 60, 100, 200, 500];
const timeouts = [undefined, undefined, undefined, 0, 40, 150, 800];
const deadlines = [undefined, undefined, undefined, 0, 70, 300];

class Digits {
  constructor(private rest: number) {}

  below(count: number): number {
    const digit = this.rest % count;
    this.rest = Math.floor(this.rest / count);
    return digit;
  }

  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }
}

async function step(digits: Digits, clock: FakeClock, batchers: readonly Checked[]): Promise<boolean> {
  const kind = digits.of(kinds);
  const batcher = digits.of(batchers);
  switch (kind) {
    case 'advance':
      await clock.advance(digits.of(durations));
      break;
    case 'stall':
      clock.stall(digits.of(durations));
      return true;
    case 'finish':
      await batcher.finish(digits.below(4));
      break;
    case 'fail':
      batcher.spoil(digits.below(4));
      await batcher.finish(digits.below(4), true);
      break;
    case 'spoil':
      batcher.spoil(digits.below(4));
      break;
    case 'cancel':
      batcher.cancel(digits.below(50));
      break;
    default: {
      const ask = { rows: 1 + digits.below(8), key: digits.of(['k', 'l', 'm']), timeout: digits.of(timeouts) };
      const level = digits.below(batcher.fake.batcher.settings.policies.length);
      const [alone, cancellable] = [digits.below(12) === 0, digits.below(2) === 0];
      const [abortWhileRunning, deadline] = [digits.below(2) === 0, digits.of(deadlines)];
      const sequence = digits.of([undefined, undefined, 0, 1] as const);
      batcher.submit({ ...ask, level, alone, cancellable, abortWhileRunning, deadline, sequence });
      // Others may come in the same turn.
      if (digits.below(2) === 0) await clock.turn();
      return false;
    }
  }
  await clock.turn();
  return false;
}

async function drain(clock: FakeClock, batchers: readonly Checked[]): Promise<void> {
  const closed = batchers.map(({ fake }) => fake.batcher.close());
  await clock.turn();
  for (let i = 0; batchers.some(({ fake }) => fake.batcher.pending > 0 || fake.executor.running.length > 0); i++) {
    if (i > 1000) throw new Error('what is queued does not run any more');
    await clock.turn();
    for (const batcher of batchers) {
      await batcher.finish(0);
      batcher.check(true);
    }
  }
  await clock.turn();
  await Promise.all(closed);
}

test('ten thousand random schedules: every request settles once, with its own rows, and nothing is left behind', async () => {
  await fc.assert(
    fc.asyncProperty(batching, sometimes(sharing), steps, async (options, shared, steps) => {
      const clock = new FakeClock();
      const limiter = shared && new Limiter(shared.resources);
      const batchers = [options, shared?.other].flatMap((options, i) => {
        if (options === undefined) return [];
        if (shared === undefined || limiter === undefined) return [new Checked(options, clock)];
        const resources = Math.min(shared.takes[i]!, shared.resources);
        return [new Checked(options, clock, { of: limiter, resources, weight: shared.weights[i]! })];
      });
      let late = false;
      for (const number of steps) {
        const digits = new Digits(number);
        late = (await step(digits, clock, batchers)) || (late && clock.isLate);
        // Turns of a sequence may come one after the other.
        if (batchers.some(({ inLine }) => inLine)) await new Promise(setImmediate);
        if (clock.isMidTurn) continue;
        for (const batcher of batchers) batcher.check(late);
        if (shared === undefined || late) continue;
        const takes = batchers.map((_, i) => Math.min(shared.takes[i]!, shared.resources));
        const free = batchers.reduce((rest, { running }, i) => rest - running * takes[i]!, shared.resources);
        if (free < 0) throw new Error('more runs than the device has resources for');
        if (free >= Math.max(...takes)) for (const batcher of batchers) batcher.expectNothingWaits();
      }
      await drain(clock, batchers);
      for (const batcher of batchers) batcher.checkEnd();
      expect(clock.timers, 'timers were left behind').toBe(0);
      let isFree = false;
      limiter?.share({ resources: limiter.resources, weight: 1, start: () => (isFree = true) }).want();
      expect(isFree, 'resources of the device were left in use').toBe(limiter !== undefined);
    }),
    { numRuns: 10_000 },
  );
}, 120_000);

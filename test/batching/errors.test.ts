// What the caller of a request that did not succeed gets, and that no hand it passes through loses what it says.

import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { batched } from '../../lib/batching/batched.js';
import { errorOf } from '../../lib/batching/errors.js';
import { Failure, type FailureReason } from '../../lib/batching/running/executor.js';
import { TensorlaneError, toTensorlaneError } from '../../lib/core/errors.js';
import { FakeClock, setUp } from './fake.js';

const overloaded = errorOf(new Failure('overloaded', 1500), 'run');

describe('when to try again', () => {
  test('is what the scheduler predicted', () => {
    expect(overloaded).toMatchObject({ code: 'ERR_OVERLOADED', retryAfterMicros: 1500 });
    expect(overloaded.message).toContain('1500 microseconds');
  });

  test('is what is left until there is a place in the queue', () => {
    for (const [of, message] of [
      ['queue', /the queue is full, with 4 requests \(maxQueueSize\); try again in 2500 microseconds/],
      ['sequence', /4 runs of the sequence wait already \(its maxQueueSize\); try again in 2500 microseconds/],
    ] as const) {
      const full = errorOf(new Failure('queueFull', { maxQueueSize: 4, of, retryAfterMicros: 2500 }), 'run');
      expect(full).toMatchObject({ code: 'ERR_QUEUE_FULL', retryAfterMicros: 2500 });
      expect(full.message).toMatch(message);
    }
  });

  test('is said by no other error', () => {
    const reasons: FailureReason[] = ['cancelled', 'expired', 'oversize', 'failed'];
    for (const reason of reasons) expect(errorOf(new Failure(reason, 7), 'run')).not.toHaveProperty('retryAfterMicros');
    expect(inspect(new TensorlaneError('ERR_SHAPE', 'of no use'))).not.toContain('undefined');
  });

  test('is kept by whoever gives the error a stack of their own, or a prefix', () => {
    for (const prefix of ['', 'answer: ', 'twice: answer: ']) {
      const wrapped = toTensorlaneError(toTensorlaneError(overloaded), prefix);
      expect(wrapped).toMatchObject({ code: 'ERR_OVERLOADED', retryAfterMicros: 1500 });
      expect(wrapped.message).toBe(prefix + overloaded.message);
      expect((wrapped.cause as Error).cause, 'the first error is not behind it').toBe(overloaded);
    }
    // As an addon makes its errors, or a copy of this library.
    const foreign = Object.assign(new Error('busy'), { code: 'ERR_OVERLOADED', retryAfterMicros: 3, indices: [4] });
    expect(toTensorlaneError(foreign)).toMatchObject({ code: 'ERR_OVERLOADED', retryAfterMicros: 3, indices: [4] });
  });

  test('is kept where one scheduler stands behind another', async () => {
    const outer = batched(async () => [overloaded, overloaded]);
    await expect(Promise.all([outer.run(1), outer.run(2)])).rejects.toBe(overloaded);
    const { clock, executor, submit } = setUp();
    const result = submit('a');
    await clock.turn();
    await executor.running[0]!.fail(overloaded);
    expect(errorOf((await result) as Failure, 'run')).toMatchObject({ code: 'ERR_OVERLOADED', retryAfterMicros: 1500 });
  });

  test('reaches whoever calls', async () => {
    const clock = new FakeClock();
    const slowly = async (items: string[]) => {
      clock.stall(900);
      return items;
    };
    const all = batched(slowly, { clock, targetLatencyMicros: 1000, maxBatchSize: 1, concurrency: 1 });
    for (let i = 0; i < 5; i++) {
      const result = all.run('warm');
      await clock.turn();
      await result;
    }
    const outcomes = Array.from({ length: 9 }, () => all.run('one of many').catch((error: TensorlaneError) => error));
    await clock.turn();
    const errors = (await Promise.all(outcomes)).filter((outcome) => outcome instanceof TensorlaneError);
    expect(errors.length).toBeGreaterThan(0);
    for (const { code, retryAfterMicros } of errors) {
      expect(code).toBe('ERR_OVERLOADED');
      expect(retryAfterMicros).toBeGreaterThan(0);
    }
  });

  test('is in JSON, in what loggers print, and in a copy of its properties that a clone keeps', () => {
    const { code, message } = overloaded;
    expect(JSON.parse(JSON.stringify(overloaded))).toMatchObject({ code, retryAfterMicros: 1500 });
    expect(inspect(overloaded)).toMatch(/code: 'ERR_OVERLOADED',\s+retryAfterMicros: 1500/);
    // A structured clone of an error keeps its message, its stack and its cause alone, whatever its class; its properties pass.
    const sent = structuredClone({ ...overloaded, message });
    expect(sent).toMatchObject({ name: 'TensorlaneError', code, message, retryAfterMicros: 1500 });
    expect(new TensorlaneError(sent.code, sent.message, sent)).toMatchObject({ code, message, retryAfterMicros: 1500 });
  });
});

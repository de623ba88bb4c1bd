// What waits behind earlier runs of its sequence is the scheduler's from the call on: its limits, timeouts, deadlines, signals and
// counters hold. The model is a scheduler on a clock that the test moves; a run adds what it is fed to the state.

import { type TensorlaneError, tensor } from 'tensorlane';
import { describe, expect, test } from 'vitest';
import { Batcher } from '../../lib/batching/batcher.js';
import { errorOf } from '../../lib/batching/errors.js';
import { type BatcherOptions, completeBatcherOptions } from '../../lib/batching/options.js';
import { type Batch, Failure } from '../../lib/batching/running/executor.js';
import type { Feeds, Outputs, RunOptions } from '../../lib/model/run.js';
import { type RunInTurn, Sequence, type SequenceOptions } from '../../lib/model/sequence.js';
import type { ValueInfo } from '../../lib/tensor/types.js';
import { FakeClock } from '../batching/fake.js';

const micros = 1000;
const scalar = (name: string): ValueInfo => ({ name, type: 'float32', dims: [1], dimNames: [''] });
const one = (value: number) => tensor(Float32Array.of(value), [1]);

/** Each batch takes a millisecond. */
function setUp(options: BatcherOptions = {}, ofSequence: Partial<SequenceOptions> = {}) {
  const clock = new FakeClock();
  let held = 0;
  const executor = {
    hold: () => held++,
    release: () => held--,
    run: ({ payloads }: Batch<Feeds>) =>
      new Promise<Outputs[]>((resolve) => {
        const sum = (feeds: Feeds) => {
          const { x, state } = feeds as Outputs; // tensors, all of them
          return one(Number(x!.data[0]) + Number(state!.data[0]));
        };
        clock.after(micros, () => resolve(payloads.map((feeds) => ({ y: sum(feeds), next: sum(feeds) }))));
      }),
  };
  const batcher = new Batcher<Feeds, Outputs>(executor, completeBatcherOptions(options, 'batching'), { clock });
  const told = async (outcome: Promise<Outputs | Failure>) => {
    const given = await outcome;
    if (given instanceof Failure) throw errorOf(given, 'run');
    return given;
  };
  const model = {
    inputs: [scalar('x'), scalar('state')],
    outputs: [scalar('y'), scalar('next')],
    run: (feeds: Feeds, { outputs, ...own }: RunOptions) => told(batcher.submit(feeds, { key: 'k', rows: 1 }, own)),
    runInTurn: ({ feeds, ...turn }: RunInTurn, { outputs, ...own }: RunOptions) => {
      const make = () => ({ payload: feeds(), key: 'k', rows: 1, alone: false });
      return told(batcher.submitInTurn({ ...turn, make }, own));
    },
  };
  const sequence = new Sequence(model, { states: { state: 'next' }, ...ofSequence });
  /** What of each run came of it, and when. */
  const answers: (readonly [result: number | string, at: number])[] = [];
  const push = (value: number, options: RunOptions = {}) => {
    const i = answers.length;
    answers.push(['', -1]);
    void sequence.run({ x: one(value) }, options).then(
      ({ y }) => {
        answers[i] = [Number(y!.data[0]), clock.now()];
      },
      (error: TensorlaneError) => {
        answers[i] = [error.code, clock.now()];
      },
    );
  };
  /** Time passes, and whoever waits for something gets to run whenever it comes. */
  const pass = async (time: number) => {
    const end = clock.now() + time;
    await clock.turn();
    do {
      await clock.advance(Math.min(100, end - clock.now()));
      // A run that ends brings the next one's turn, and that one's batch starts at the end of the turn.
      for (let i = 0; i < 2; i++) {
        await new Promise(setImmediate);
        await clock.turn();
      }
    } while (clock.now() < end);
  };
  return { clock, pass, batcher, sequence, push, answers, held: () => held };
}

describe('what waits for its turn', () => {
  test('counts in the queue: a thousand pushed at once, with room for four', async () => {
    const { pass, batcher, push, answers } = setUp({ maxQueueSize: 4 });
    for (let i = 0; i < 1000; i++) push(1);
    expect(batcher.stats().requests).toMatchObject({ accepted: 4, pending: 4, queued: 4, refused: { queueFull: 996 } });
    await pass(0);
    expect(answers.slice(4).every(([result]) => result === 'ERR_QUEUE_FULL')).toBe(true);
    await pass(10 * micros);
    expect(answers.slice(0, 4)).toEqual([1, 2, 3, 4].map((value) => [value, value * micros]));
    expect(batcher.stats().requests).toMatchObject({ accepted: 4, completed: 4, pending: 0, queued: 0 });
  });

  test('expires when its time is over, not when its turn comes', async () => {
    const { clock, pass, batcher, push, answers, held } = setUp({ defaultTimeoutMicros: 2500 });
    for (let i = 0; i < 100; i++) push(1);
    await pass(2500);
    const { requests } = batcher.stats();
    expect(requests).toMatchObject({ accepted: 100, completed: 2, expired: 97, pending: 1, queued: 0 });
    await pass(10 * micros);
    const expected = [1, 2, 3].map((value) => [value, value * micros]);
    expect(answers).toEqual([...expected, ...Array.from({ length: 97 }, () => ['ERR_TIMEOUT', 2500])]);
    expect(clock.timers + held()).toBe(0);
    const { queueMicros } = batcher.stats();
    expect(queueMicros.max, 'it queued from the call on').toBeGreaterThanOrEqual(1900);
  });

  test('is put off, where overdue ones are: it runs in its turn, behind the others of its key', async () => {
    const { pass, batcher, push, answers } = setUp({
      defaultTimeoutMicros: 500,
      timeoutAction: 'delay',
      concurrency: 1,
      maxBatchSize: 1,
    });
    push(1);
    push(1);
    await pass(600);
    const zero = { x: one(5), state: one(0) };
    const other = batcher.submit(zero, { key: 'k', rows: 1 });
    await pass(1500);
    expect(((await other) as Outputs).y!.data[0]).toBe(5);
    expect(answers[1], 'it did not stand back').toEqual(['', -1]);
    await pass(1000);
    expect(answers[1]).toEqual([2, 3 * micros]);
  });

  test('is cancelled by its signal at once, and those after it go on from the state before', async () => {
    const { pass, batcher, push, answers } = setUp();
    const controller = new AbortController();
    push(1);
    push(10, { signal: controller.signal });
    push(100);
    await pass(200);
    controller.abort();
    await pass(0);
    expect(answers[1]).toEqual(['ERR_ABORTED', 200]);
    expect(batcher.stats().requests).toMatchObject({ cancelled: 1, pending: 2, queued: 1 });
    await pass(5 * micros);
    expect(answers.map(([result]) => result)).toEqual([1, 'ERR_ABORTED', 101]);
  });

  test('keeps its deadline; so does what runs, whose state is dropped with it', async () => {
    const { clock, pass, push, answers, held } = setUp();
    push(1, { deadlineMicros: 400 });
    push(10, { deadlineMicros: 300 });
    push(100);
    await pass(400);
    expect(answers.slice(0, 2)).toEqual([
      ['ERR_TIMEOUT', 400],
      ['ERR_TIMEOUT', 300],
    ]);
    await pass(5 * micros);
    expect(answers[2], 'it waited for a run that was given up').toEqual([100, 1400]);
    expect(clock.timers + held()).toBe(0);
  });

  test('is not let in where the target latency is below what those before it take', async () => {
    const { pass, batcher, push, answers } = setUp({ targetLatencyMicros: 5 * micros });
    push(1);
    await pass(2 * micros);
    for (let i = 0; i < 20; i++) push(1);
    await pass(0);
    expect(batcher.stats().requests.refused.overloaded).toBeGreaterThan(10);
    await pass(30 * micros);
    const late = answers.filter(([result, at]) => typeof result === 'number' && at > 2 * micros + 5 * micros);
    expect(late).toEqual([]);
    expect(answers.filter(([result]) => typeof result === 'number').length).toBeGreaterThan(2);
  });

  test('may have another signal, timeout and priority than those before; a bad one is refused in no turn', async () => {
    const { pass, push, answers } = setUp({ priorityLevels: 2 });
    push(1, { priority: 2 });
    push(1, { priority: 1, timeoutMicros: 100 });
    push(1, { priority: 1 });
    await pass(10 * micros);
    expect(answers.map(([result]) => result)).toEqual([1, 'ERR_TIMEOUT', 2]);
  });
});

describe('a sequence’s own bound', () => {
  test('is on those that wait behind the one whose turn it is, and tells when to try again', async () => {
    const { pass, batcher, sequence, push, answers } = setUp({}, { maxQueueSize: 2 });
    for (let i = 0; i < 5; i++) push(1);
    expect(batcher.stats().requests).toMatchObject({ accepted: 3, pending: 3, refused: { queueFull: 2 } });
    await pass(0);
    expect(answers.map(([result]) => result)).toEqual(['', '', '', 'ERR_QUEUE_FULL', 'ERR_QUEUE_FULL']);
    await pass(1500);
    push(1);
    const full = await sequence.run({ x: one(1) }).catch((error: TensorlaneError) => error);
    expect(full).toMatchObject({ code: 'ERR_QUEUE_FULL', retryAfterMicros: 1000 });
    expect((full as TensorlaneError).message).toMatch(/^run: 2 runs of the sequence wait already \(its maxQueueSize\)/);
    await pass(10 * micros);
    expect(answers.map(([result]) => result)).toEqual([1, 2, 3, 'ERR_QUEUE_FULL', 'ERR_QUEUE_FULL', 4]);
    expect(sequence.pending).toBe(0);
  });

  test('leaves the model’s queue to others', async () => {
    const { pass, batcher, push } = setUp({ maxQueueSize: 6 }, { maxQueueSize: 3 });
    for (let i = 0; i < 100; i++) push(1);
    const others = Array.from({ length: 3 }, () => batcher.submit({ x: one(1), state: one(0) }, { key: 'k', rows: 1 }));
    await pass(10 * micros);
    const outcomes = await Promise.all(others);
    expect(outcomes.filter((outcome) => outcome instanceof Failure).length).toBe(1); // of six places, four were taken
  });
});

test('a caller may reuse what it gave, whether its run waits or is refused; what is refused is not copied', async () => {
  const { pass, sequence, answers } = setUp({ maxQueueSize: 2 });
  const data = new Float32Array(1);
  const outcomes = [1, 2, 3, 4].map((value) => {
    data[0] = value;
    return sequence.run({ x: { type: 'float32', data, dims: [1] } }).catch(({ code }: TensorlaneError) => code);
  });
  data[0] = 99;
  await pass(5 * micros);
  const given = await Promise.all(outcomes);
  expect(answers).toEqual([]);
  expect(given.map((outcome) => (typeof outcome === 'string' ? outcome : outcome.y!.data[0]))).toEqual([
    99, // the first is not held by this model, as it would be by a real one
    101,
    'ERR_QUEUE_FULL',
    'ERR_QUEUE_FULL',
  ]);
});

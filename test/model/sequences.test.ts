// Runs that carry state: in order, each sequence by itself, and many in one batch.

import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { type Device, type Model, open, type SequenceOptions, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collectGarbage } from '../reliability/support.js';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';
import { outcome, wholes } from './support.js';

let device: Device;
beforeAll(async () => {
  device = await open({ device: testDevice, threads: 1 });
});
afterAll(() => device.dispose());

const batchAxis = { inputs: { state: 1, k: null }, outputs: { next: 1 } } as const;
const states = { state: 'next' };
const k = tensor(Float32Array.of(1), []);
const x = (value: number) => tensor(Float32Array.of(value, 0, 0, 0), [1, 4]);
const load = (batching: object = {}) =>
  device.loadModel(models.recurrent(), { batching: { batchAxis, maxBatchSize: 64, ...batching } });

/** What a sequence's state is: the sum of what it was fed with. */
const stateOf = async (run: Promise<Record<string, Tensor>>) => (await run).next!.data[0];

describe('state', () => {
  test('is carried from run to run, in order, though runs are not awaited', async () => {
    await using model = await load();
    const sequence = model.sequence({ states });
    const runs = [1, 2, 3, 4].map((value) => sequence.run({ x: x(value), k }, { outputs: ['next'] }));
    expect(sequence.pending).toBe(4);
    expect(await Promise.all(runs.map(stateOf))).toEqual([1, 3, 6, 10]);
    expect(sequence.pending).toBe(0);
    expect(await stateOf(sequence.run({ x: x(5), k }, { outputs: ['next'] }))).toBe(15);
  });

  test('does not come back unless it is wanted', async () => {
    await using model = await load();
    const sequence = model.sequence({ states });
    expect(Object.keys(await sequence.run({ x: x(1), k }))).toEqual(['y']);
    expect(Object.keys(await sequence.run({ x: x(1), k }, { outputs: ['next', 'y'] }))).toEqual(['next', 'y']);
    expect(await sequence.run({ x: x(1), k }, { outputs: [] })).toEqual({});
    expect(await stateOf(sequence.run({ x: x(1), k }, { outputs: ['next'] }))).toBe(4);
  });

  test('is the sequence’s own: neither inputs nor outputs that change reach it', async () => {
    await using model = await load();
    const first = { type: 'float32' as const, data: new Float32Array(6).fill(10), dims: [2, 1, 3] };
    const sequence = model.sequence({ states, initial: { state: first } });
    first.data.fill(0);
    const data = Float32Array.of(1, 0, 0, 0);
    const dims = [1, 4];
    const runs: Promise<Record<string, Tensor>>[] = [];
    for (const value of [1, 2, 3]) {
      // Each call may reuse what the one before was given.
      data[0] = value;
      runs.push(sequence.run({ x: { type: 'float32', data, dims }, k }, { outputs: ['next'] }));
    }
    data.fill(1000);
    dims[0] = 7;
    const results = await Promise.all(runs);
    expect(results.map(({ next }) => next!.data[0])).toEqual([11, 13, 16]);
    (results[2]!.next!.data as Float32Array).fill(-1);
    expect(await stateOf(sequence.run({ x: x(0), k }, { outputs: ['next'] }))).toBe(16);
    await sequence.reset();
    expect(await stateOf(sequence.run({ x: x(0), k }, { outputs: ['next'] }))).toBe(10);
  });

  test('is kept where a run fails, and those after it go on', async () => {
    await using model = await load();
    const sequence = model.sequence({ states });
    const aborted = AbortSignal.abort();
    const runs = [
      sequence.run({ x: x(1), k }),
      sequence.run({ x: tensor(new Float32Array(3), [1, 3]), k }),
      sequence.run({ x: x(2), k }, { signal: aborted }),
      sequence.run({ k }),
      sequence.run({ x: x(4), k, state: k }),
      sequence.run({ x: x(4), k }, { outputs: ['z'] }),
      sequence.run({ x: x(4), k }, { outputs: 'y' as never }),
      sequence.run({ x: x(4), k }, { priority: 9 }),
      sequence.run(null as never),
    ].map(outcome);
    const last = sequence.run({ x: x(8), k }, { outputs: ['next'] });
    const results = await Promise.all(runs);
    expect(results.slice(1).map((result) => (result as { code?: unknown }).code)).toEqual([
      'ERR_SHAPE',
      'ERR_ABORTED',
      'ERR_ARGUMENT',
      'ERR_ARGUMENT',
      'ERR_ARGUMENT',
      'ERR_ARGUMENT',
      'ERR_ARGUMENT',
      'ERR_ARGUMENT',
    ]);
    expect((results[4] as unknown as Error).message).toMatch(/input 'state' is state, which the sequence feeds/);
    expect(await stateOf(last)).toBe(9);
  });

  test('is kept where the model itself fails', async () => {
    // next = table[state + step]: a step outside of the table fails.
    const bytes = models.model({
      inputs: [models.value('step', 'int64', ['N', 1]), models.value('state', 'int64', ['N', 1])],
      outputs: [models.value('next', 'int64', ['N', 1])],
      nodes: [
        models.node('Add', ['step', 'state'], ['index']),
        models.node('Gather', ['table', 'index'], ['next'], { axis: { int: 0 } }),
      ],
      initializers: [models.initializer('table', 'int64', [5], BigInt64Array.of(0n, 1n, 2n, 3n, 4n))],
    });
    await using model = await device.loadModel(bytes);
    const [good, bad] = [model.sequence({ states }), model.sequence({ states })];
    const step = (of: bigint) => ({ step: tensor(BigInt64Array.of(of), [1, 1]) });
    const wanted = { outputs: ['next'] };
    await Promise.all([good.run(step(1n)), bad.run(step(2n))]);
    const [next, failed] = await Promise.all([good.run(step(2n), wanted), outcome(bad.run(step(90n)))]);
    expect([next!.next!.data[0], (failed as { code?: unknown }).code]).toEqual([3n, 'ERR_MODEL']);
    expect((await bad.run(step(1n), wanted)).next!.data[0]).toBe(3n);
  });

  test('starts anew after the runs before', async () => {
    await using model = await load();
    const sequence = model.sequence({ states });
    const before = sequence.run({ x: x(5), k }, { outputs: ['next'] });
    const reset = sequence.reset();
    const after = sequence.run({ x: x(1), k }, { outputs: ['next'] });
    expect([await stateOf(before), await reset, await stateOf(after)]).toEqual([5, undefined, 1]);
    await sequence.reset();
    expect(await stateOf(sequence.run({ x: x(2), k }, { outputs: ['next'] }))).toBe(2);
  });
});

test('many sequences share batches, and none sees another’s state', async () => {
  await using model = await load();
  const steps = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 2, maxLength: 20 }), async (fed) => {
      const sums = await Promise.all(
        fed.map((values) => {
          const sequence = model.sequence({ states });
          const runs = values.map((value) => sequence.run({ x: x(value), k }, { outputs: ['next', 'y'] }));
          return Promise.all(runs);
        }),
      );
      for (const [i, values] of fed.entries()) {
        let sum = 0;
        for (const [step, value] of values.entries()) {
          sum += value;
          const { next, y } = sums[i]![step]!;
          expect(next).toEqual({ type: 'float32', data: new Float32Array(6).fill(sum), dims: [2, 1, 3] });
          expect(y!.data[0]).toBe(value);
        }
      }
    }),
    { numRuns: 40 },
  );
  const { rows, count } = model.stats().batches;
  expect(rows / count).toBeGreaterThan(1.5);
});

test('a sequence of several rows is fed with an initial state of as many', async () => {
  await using model = await load({ maxBatchSize: 4 });
  const initial = { state: wholes([2, 7, 3], 1) };
  const sequence = model.sequence({ states, initial });
  const feeds = { x: wholes([7, 4], 2), k };
  const [, second] = await Promise.all([sequence.run(feeds), sequence.run(feeds, { outputs: ['next'] })]);
  const sumOf = (row: number) => feeds.x.data.slice(row * 4, row * 4 + 4).reduce((sum, value) => sum + value, 0);
  const expected = initial.state.data.map((value, i) => value + 2 * sumOf(Math.floor(i / 3) % 7));
  expect(second!.next).toEqual({ type: 'float32', data: expected, dims: [2, 7, 3] });
});

describe('the end of a sequence', () => {
  test('by disposal: accepted runs finish, later ones are refused, twice is no harm', async () => {
    await using model = await load();
    const sequence = model.sequence({ states });
    const runs = [1, 2, 3].map((value) => sequence.run({ x: x(value), k }, { outputs: ['next'] }));
    const disposals = Promise.all([sequence.dispose(), sequence.dispose()]);
    await expectError(sequence.run({ x: x(1), k }), 'ERR_DISPOSED', /sequence: it has been disposed/);
    await expectError(sequence.reset(), 'ERR_DISPOSED');
    expect(await Promise.all(runs.map(stateOf))).toEqual([1, 3, 6]);
    await disposals;
    await sequence.dispose();
    {
      await using scoped = model.sequence({ states });
      await scoped.run({ x: x(1), k });
    }
    expect(model.stats().requests.pending).toBe(0);
  });

  test('by disposal of its model: what was accepted finishes, also what waits for its turn', async () => {
    const model = await load({ maxQueueDelayMicros: 60e6 });
    const sequence = model.sequence({ states });
    const runs = [1, 2, 3].map((value) => sequence.run({ x: x(value), k }, { outputs: ['next'] }));
    await model.dispose();
    expect(await Promise.all(runs.map(stateOf))).toEqual([1, 3, 6]);
    const code = async (run: Promise<unknown>) => ((await outcome(run)) as { code?: unknown }).code;
    expect(await code(sequence.run({ x: x(1), k }))).toBe('ERR_DISPOSED');
    expect(() => model.sequence({ states })).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
    await sequence.dispose();
  });

  test('by being idle, but never while a run is queued or running', async () => {
    await using model = await load({ maxQueueDelayMicros: 150_000 });
    const sequence = model.sequence({ states, idleTimeoutMicros: 60_000 });
    // Each run waits for longer than the sequence may be idle.
    const runs = [1, 2].map((value) => sequence.run({ x: x(value), k }, { outputs: ['next'] }));
    expect(await Promise.all(runs.map(stateOf))).toEqual([1, 3]);
    await sleep(20);
    expect(await stateOf(sequence.run({ x: x(3), k }, { outputs: ['next'] }))).toBe(6);
    await sleep(150);
    await expectError(sequence.run({ x: x(1), k }), 'ERR_DISPOSED', /it was idle for 60000 microseconds/);
    await sequence.dispose();
    const unused = model.sequence({ states, idleTimeoutMicros: 1000 });
    await sleep(40);
    await expectError(unused.run({ x: x(1), k }), 'ERR_DISPOSED', /idle/);
  });

  test('by being lost: a long idle time keeps neither it nor its model', async () => {
    const lost: WeakRef<object>[] = [];
    await (async () => {
      const model = await load();
      const sequence = model.sequence({ states, idleTimeoutMicros: 3600e6 });
      await sequence.run({ x: x(1), k });
      lost.push(new WeakRef(model), new WeakRef(sequence));
    })();
    await collectGarbage();
    expect(lost.map((one) => one.deref())).toEqual([undefined, undefined]);
  });

  test('an idle time of the longest that a timer can wait does not end it at once', async () => {
    await using model = await load();
    const sequence = model.sequence({ states, idleTimeoutMicros: (2 ** 31 - 1) * 1000 });
    await sleep(20);
    await sequence.run({ x: x(1), k });
  });
});

describe('options are refused by name, value and what is allowed', () => {
  let model: Model;
  beforeAll(async () => {
    model = await load();
  });
  afterAll(() => model.dispose());
  const state = (dims: number[]) => tensor(new Float32Array(dims.reduce((n, dim) => n * dim, 1)), dims);

  test.each<[unknown, RegExp]>([
    [null, /sequence: options must be an object, got null/],
    [{}, /sequence: states must be an object, got undefined/],
    [{ states: {} }, /states must name at least one input and its output/],
    [{ states: { z: 'next' } }, /states: the model has no input 'z'; it has 'x', 'state', 'k'/],
    [{ states: { state: 'z' } }, /states: the model has no output 'z'; it has 'y', 'next'/],
    [{ states: { state: 3 } }, /no output 3/],
    [{ states: { z: 'next' }, initial: { z: state([1]) } }, /states: the model has no input 'z'/],
    [{ states, initial: { x: state([1, 4]) } }, /initial names 'x', which is not among the states/],
    [
      { states, initial: { state: state([1, 3]) } },
      /initial\.state must be float32 \[2, -1, 3\], got 'float32' \[1, 3\]/,
    ],
    [{ states, initial: { state: 5 } }, /initial\.state must be an object, got 5/],
    [{ states, initial: null }, /initial must be an object, got null/],
    [{ states, idleTimeoutMicros: -1 }, /idleTimeoutMicros must be an integer from 0 to 2147483647000, got -1/],
    [{ states, idleTimeoutMicros: 2 ** 50 }, /idleTimeoutMicros must be an integer from 0/],
    [
      { states, idle: 1 },
      /sequence: there is no option 'idle'; there is states, initial, maxQueueSize, idleTimeoutMicros/,
    ],
    [{ states, maxQueueSize: -1 }, /maxQueueSize must be an integer of at least 0, got -1/],
  ])('%j', (options, message) => {
    expect(() => model.sequence(options as SequenceOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT', message: expect.stringMatching(message) }),
    );
  });
});

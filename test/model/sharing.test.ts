// Models on one device: how many of their batches run at once, and how much of its time each gets.

import { channel } from 'node:diagnostics_channel';
import { setImmediate as turn } from 'node:timers/promises';
import { type LoadModelOptions, type Model, open, tensor } from 'tensorlane';
import { expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import * as models from '../support/onnx-builder.js';
import { outcome } from './support.js';

const width = 64;
const slow = models.slow({ iterations: 200, width });
const row = tensor(new Float32Array(width), [1, width]);
const opened = (resources?: number) =>
  open({ device: testDevice, threads: 1, streams: 4, ...(resources && { resources }) });

/** Keeps so many requests of a model going until it is told to stop. */
function flood(model: Model, clients: number, isOver: () => boolean): Promise<unknown> {
  const client = async () => {
    while (!isOver()) await model.run({ x: row });
  };
  return Promise.all(Array.from({ length: clients }, client));
}

/** The most batches of each set of models that ran at once, as seen between turns, while all are asked for more than they can. */
async function mostAtOnce(all: readonly Model[], sets: readonly (readonly Model[])[], batches: number) {
  const most = sets.map(() => 0);
  const done = () => all.every((model) => model.stats().batches.count >= batches);
  const floods = all.map((model) => flood(model, 12, done));
  while (!done()) {
    for (const [i, set] of sets.entries()) {
      const running = set.reduce((sum, model) => sum + model.stats().batches.running, 0);
      most[i] = Math.max(most[i]!, running);
    }
    await turn();
  }
  await Promise.all(floods);
  return most;
}

const options = (more: LoadModelOptions = {}): LoadModelOptions => ({
  concurrency: 2,
  batching: { maxBatchSize: 4 },
  ...more,
});

test('no more batches run at once than the device has resources for', async () => {
  await using device = await opened(3);
  const a = await device.loadModel(slow, options({ rateLimiter: { resources: 2 } }));
  const b = await device.loadModel(slow, options());
  const [ofA, ofB, ofBoth] = await mostAtOnce([a, b], [[a], [b], [a, b]], 60);
  expect(ofA, 'two of three resources each').toBe(1);
  expect(ofB).toBeLessThanOrEqual(2);
  expect(ofBoth).toBeLessThanOrEqual(2);
});

test('without a number of resources, as many batches as there are streams', async () => {
  await using device = await open({ device: testDevice, threads: 1, streams: 2 });
  const all = [];
  for (let i = 0; i < 3; i++) all.push(await device.loadModel(slow, options()));
  const [most] = await mostAtOnce(all, [all], 30);
  expect(most).toBe(2);
});

test('time is shared by weight, not by who asks more', async () => {
  await using device = await opened(1);
  const heavy = await device.loadModel(slow, options({ rateLimiter: { weight: 3 }, name: 'heavy' }));
  const light = await device.loadModel(slow, options({ name: 'light' }));
  const micros: Record<string, number> = { heavy: 0, light: 0 };
  let longest = 0;
  let batches = 0;
  let over = false;
  const count = (event: unknown) => {
    const { batcher, deviceMicros } = event as { batcher: string; deviceMicros: number };
    if (over) return;
    micros[batcher]! += deviceMicros;
    longest = Math.max(longest, deviceMicros);
    batches++;
    // A busy machine may hold one batch up for as long as hundreds take.
    over = batches >= 300 && (micros.light! > 8 * longest || batches >= 3000);
  };
  const events = channel('tensorlane:batch');
  events.subscribe(count);
  await Promise.all([flood(heavy, 12, () => over), flood(light, 60, () => over)]);
  events.unsubscribe(count);
  // What one is ahead of the other never exceeds a batch of each, so after some of the longest the shares are near.
  const ahead = Math.abs(micros.heavy! / 3 - micros.light!);
  expect(ahead / longest, `batches that one is ahead, of ${JSON.stringify(micros)}`).toBeLessThan(2);
});

test('a model that is seldom asked does not wait for a busy one’s queue', async () => {
  await using device = await opened(1);
  const busy = await device.loadModel(slow, options());
  const seldom = await device.loadModel(models.square());
  let over = false;
  const traffic = flood(busy, 200, () => over);
  while (busy.stats().batches.count < 5) await turn();
  const waited: number[] = [];
  for (let i = 0; i < 21; i++) {
    const before = busy.stats().batches.count;
    await seldom.run({ x: tensor(new Float32Array(16), [1, 16]) });
    waited.push(busy.stats().batches.count - before);
  }
  over = true;
  await traffic;
  // The one that runs, and the one that starts while the answer is on its way. Where the machine held a batch up, its model
  // pays for that once; of all, most have nothing to pay.
  const median = waited.toSorted((a, b) => a - b)[10];
  expect(median, `batches of the busy one before each of the other: ${waited}`).toBeLessThanOrEqual(2);
});

test('a model that is disposed leaves its part to the others', async () => {
  await using device = await opened(1);
  const stays = await device.loadModel(slow, options());
  for (let i = 0; i < 5; i++) {
    const goes = await device.loadModel(slow, options());
    const runs = [stays, goes].flatMap((model) => Array.from({ length: 9 }, () => outcome(model.run({ x: row }))));
    const disposal = goes.dispose();
    const results = await Promise.all(runs);
    await disposal;
    expect(results.filter((result) => result instanceof Error)).toEqual([]);
  }
  expect(stays.stats().requests).toMatchObject({ completed: 45, pending: 0 });
});

test.each<[unknown, RegExp]>([
  [{ resources: 4 }, /rateLimiter\.resources must be an integer from 1 to 3, got 4/],
  [{ resources: 0 }, /rateLimiter\.resources must be an integer from 1 to 3, got 0/],
  [{ weight: 0 }, /rateLimiter\.weight must be a number above 0, got 0/],
  [{ weight: '1' }, /rateLimiter\.weight must be a number above 0, got '1'/],
  [{ weight: Number.POSITIVE_INFINITY }, /rateLimiter\.weight must be a number above 0, got Infinity/],
  [{ priority: 1 }, /rateLimiter: there is no option 'priority'; there is resources, weight/],
  [null, /rateLimiter must be an object, got null/],
])('rateLimiter %j is refused', async (rateLimiter, message) => {
  await using device = await opened(3);
  await expectError(device.loadModel(slow, { rateLimiter } as LoadModelOptions), 'ERR_ARGUMENT', message);
});

test('resources of a device are refused likewise', async () => {
  await expectError(opened(-1), 'ERR_ARGUMENT', /open: resources must be an integer of at least 1, got -1/);
});

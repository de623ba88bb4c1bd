// AbortSignal and timeouts at every moment of a request's life.

import { getEventListeners } from 'node:events';
import { type Device, type Model, open } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDevice } from '../support/device.js';
import { slow, square } from '../support/onnx-builder.js';
import { rejection, row, settles } from './support.js';

let device: Device;
/** One request at a time, some 20 ms each: what comes second is surely queued. */
let single: Model;
/** Waits for a batch that never fills. */
let patient: Model;

beforeAll(async () => {
  device = await open({ device: testDevice, streams: 2 });
  single = await device.loadModel(slow({ iterations: 4000, width: 64 }), {
    concurrency: 1,
    batching: { maxBatchSize: 1 },
  });
  patient = await device.loadModel(square({ features: 16 }), { batching: { maxQueueDelayMicros: 30_000_000 } });
});
afterAll(() => device.dispose());

const x = row(64, 1);
const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

describe('a signal', () => {
  it('that was aborted before the call rejects it with the reason as cause', async () => {
    const before = single.stats();
    const reason = new Error('the user left');
    const error = await rejection(() => single.run({ x }, { signal: AbortSignal.abort(reason) }));
    expect(error.code).toBe('ERR_ABORTED');
    expect(error.cause).toBe(reason);
    expect(error.stack).toContain('abort.test.ts');
    expect(single.stats().batches.count).toBe(before.batches.count);
  });

  it('takes a queued request out of the queue at once, and only that one', async () => {
    const before = single.stats();
    const control = new AbortController();
    const running = single.run({ x });
    // It starts at the end of this turn, and cannot end before the event loop has turned, however busy the machine is.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    const queued = rejection(() => single.run({ x }, { signal: control.signal }));
    const behind = single.run({ x });
    expect(listeners(control.signal)).toBe(1);
    control.abort();
    expect((await settles('the aborted request', queued)).code).toBe('ERR_ABORTED');
    expect(listeners(control.signal)).toBe(0);
    await settles('the requests around it', Promise.all([running, behind]));
    const after = single.stats();
    expect(after.requests.cancelled - before.requests.cancelled).toBe(1);
    expect(after.batches.rows - before.batches.rows).toBe(2);
  });

  it('takes a request out of a batch that waits for its delay, and leaves the others in it', async () => {
    const model = await device.loadModel(square({ features: 16 }), { batching: { maxQueueDelayMicros: 50_000 } });
    const control = new AbortController();
    const rows = [1, 2, 3].map((seed) => row(16, seed));
    const mate = (i: number, signal?: AbortSignal) =>
      model.run({ x: rows[i]! }, signal === undefined ? {} : { signal });
    const first = mate(0);
    const aborted = rejection(() => mate(1, control.signal));
    const last = mate(2);
    control.abort();
    expect((await aborted).code).toBe('ERR_ABORTED');
    const [a, c] = await settles('the batch mates', Promise.all([first, last]));
    expect(a.y!.data[0]).toBeCloseTo(rows[0]!.data[0]! ** 2, 6);
    expect(c.y!.data[0]).toBeCloseTo(rows[2]!.data[0]! ** 2, 6);
    expect(model.stats().batches.sizes).toEqual({ 2: 1 });
    await model.dispose();
  });

  it('does nothing to a request that has started, nor to one that is through', async () => {
    const control = new AbortController();
    const running = single.run({ x }, { signal: control.signal });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(listeners(control.signal)).toBe(0);
    control.abort();
    await settles('the running request', running);
    control.abort();
  });

  it('shared by many requests keeps no listener of any of them, and warns of nothing', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    const { signal } = new AbortController();
    for (let i = 0; i < 30; i++) await single.run({ x: row(64, i) }, { signal, timeoutMicros: 10_000_000 });
    expect(listeners(signal)).toBe(0);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  it('that aborts many queued requests settles them all', async () => {
    const control = new AbortController();
    const running = single.run({ x });
    const attempts = Array.from({ length: 9 }, () => rejection(() => single.run({ x }, { signal: control.signal })));
    // The first one starts at the end of this turn, and cannot end before the event loop has turned.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    control.abort();
    const errors = await settles('the aborted requests', Promise.all(attempts));
    expect(errors.map(({ code }) => code)).toEqual(Array(9).fill('ERR_ABORTED'));
    await running;
    expect(listeners(control.signal)).toBe(0);
    expect(single.stats().requests.pending).toBe(0);
  });
});

describe('a timeout', () => {
  it('gives a queued request up after its time, not before', async () => {
    const begun = performance.now();
    const error = await settles(
      'the request',
      rejection(() => patient.run({ x: row(16, 1) }, { timeoutMicros: 30_000 })),
    );
    expect(error.code).toBe('ERR_TIMEOUT');
    expect(error.message).toContain('30000 microseconds');
    expect(performance.now() - begun).toBeGreaterThanOrEqual(29);
    expect(patient.stats().requests.pending).toBe(0);
  });

  it('may be shorter than a millisecond', async () => {
    const error = await settles(
      'the request',
      rejection(() => patient.run({ x: row(16, 1) }, { timeoutMicros: 200 })),
    );
    expect(error.code).toBe('ERR_TIMEOUT');
  });

  it('does nothing to a request that has started', async () => {
    await settles('the request', single.run({ x }, { timeoutMicros: 10_000 }));
  });

  it('and a signal together reject once, with whichever came first', async () => {
    const control = new AbortController();
    const attempt = rejection(() => patient.run({ x: row(16, 1) }, { signal: control.signal, timeoutMicros: 20_000 }));
    expect((await attempt).code).toBe('ERR_TIMEOUT');
    expect(listeners(control.signal)).toBe(0);
    control.abort();
    const other = new AbortController();
    const second = rejection(() => patient.run({ x: row(16, 1) }, { signal: other.signal, timeoutMicros: 20_000_000 }));
    other.abort();
    expect((await second).code).toBe('ERR_ABORTED');
  });
});

describe('options of run that make no sense', () => {
  // Each must reject and leave nothing behind: a request that is counted and never settled would block disposal.
  const wrong: Record<string, object> = {
    'a signal that is none': { signal: {} },
    'a signal that is a string': { signal: 'stop' },
    'a timeout that is NaN': { timeoutMicros: Number.NaN },
    'a negative timeout': { timeoutMicros: -1 },
    'an infinite timeout': { timeoutMicros: Number.POSITIVE_INFINITY },
    'a timeout that is a string': { timeoutMicros: '10' },
  };
  for (const [what, options] of Object.entries(wrong)) {
    it(`reject: ${what}`, async () => {
      const model = await device.loadModel(square({ features: 16 }));
      const error = await settles(
        'run',
        rejection(() => model.run({ x: row(16, 1) }, options)),
      );
      expect(error.code).toBe('ERR_ARGUMENT');
      expect(model.stats().requests.pending).toBe(0);
      await settles('a good run', model.run({ x: row(16, 1) }));
      await settles('disposal', model.dispose());
    });
  }
});

// A signal takes an operation of linear algebra back: at once before it has begun, and between its steps and matrices after.

import { type Device, open, type Stream, type Tensor, tensor } from 'tensorlane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';
import { random } from '../support/matrices.js';

let device: Device;
let stream: Stream;
beforeAll(async () => {
  device = await open(testDevice);
  stream = await device.streams.acquire();
});
afterAll(async () => {
  stream.release();
  await device.dispose();
});

const small = random('float64', [3, 3]);
/** Large enough to be referenced, not copied. */
const large = random('float64', [96, 96]);

test('an aborted signal refuses every kind of operation, and nothing is written', async () => {
  const { linalg } = device;
  const signal = AbortSignal.abort('enough');
  const out = tensor(new Float64Array(9).fill(7), [3, 3]);
  const calls: [string, () => Promise<unknown>][] = [
    ['matmul', () => linalg.matmul(small, small, { signal, out })],
    ['inv', () => linalg.inv(small, { signal, out })],
    ['pinv', () => linalg.pinv(small, { signal, out })],
    ['slogdet', () => linalg.slogdet(small, { signal })],
    ['svd', () => linalg.svd(small, { signal })],
    ['svdvals', () => linalg.svdvals(small, { signal })],
    ['svd', () => linalg.svd(small, { signal, rank: 1 })],
    ['eigh', () => linalg.eigh(small, { signal, uplo: 'U' })],
    ['eigvalsh', () => linalg.eigvalsh(small, { signal })],
    ['norm', () => linalg.norm(small, { signal })],
    ['lstsq', () => linalg.lstsq(small, small, { signal })],
    ['einsum', () => linalg.einsum('ij,jk->ik', [small, small], { signal })],
    ['lu', () => linalg.lu(small, { signal })],
    ['pca', () => linalg.pca(small, { signal })],
  ];
  for (const [name, call] of calls) {
    // By the name that was called, which need not be what the device does.
    const error = await expectError(call(), 'ERR_ABORTED', new RegExp(`^${name}: aborted by its signal$`));
    expect(error.cause).toBe('enough');
    expect(error.stack).toContain('stopping.test');
  }
  expect([...out.data]).toEqual(Array(9).fill(7));
});

test('what is no signal is refused by name', async () => {
  for (const signal of [{}, null, 'stop', 1]) {
    await expectError(
      device.linalg.matmul(small, small, { signal: signal as unknown as AbortSignal }),
      'ERR_ARGUMENT',
      /^matmul: signal must be an AbortSignal/,
    );
  }
});

test('what tells of progress is refused where there is none to tell', async () => {
  await expectError(device.linalg.pca(small, { onProgress: () => {} }), 'ERR_ARGUMENT', /onProgress/);
});

/** Work that the stream is at for longer than JS needs to abort what waits behind it; ends when it is done. */
function busy(on: Stream): Promise<unknown> {
  const a = random('float64', [240, 240]);
  return Promise.all(Array.from({ length: 4 }, () => device.linalg.svd(a, { stream: on })));
}

test('what waits behind others is rejected before they end, and its operands are no longer read', async () => {
  let ended = false;
  const before = busy(stream).then(() => {
    ended = true;
  });
  const controllers = Array.from({ length: 3 }, () => new AbortController());
  const out = tensor(new Float64Array(96 * 96).fill(7), [96, 96]);
  const calls = [
    device.linalg.matmul(large, large, { stream, signal: controllers[0]!.signal, out }),
    device.linalg.svd(large, { stream, signal: controllers[1]!.signal }),
    device.linalg.pinv(large, { stream, signal: controllers[2]!.signal }),
  ];
  const kept = device.linalg.matmul(large, large, { stream });
  const settled = Promise.allSettled(calls);
  for (const one of controllers) one.abort();
  for (const one of await settled) expect(one).toMatchObject({ status: 'rejected', reason: { code: 'ERR_ABORTED' } });
  expect(ended, 'they did not wait for what was before them').toBe(false);
  await before;
  const product = await kept;
  expect(product.data.every(Number.isFinite)).toBe(true);
  expect([...out.data.slice(0, 3)]).toEqual([7, 7, 7]);
});

test('device tensors that were given to what was taken back may be disposed, and hold no memory', async () => {
  const before = busy(stream);
  const a = await device.put(large);
  const controller = new AbortController();
  const call = device.linalg.matmul(a, a, { stream, signal: controller.signal });
  controller.abort();
  await expectError(call, 'ERR_ABORTED', /matmul/);
  await a.dispose();
  await before;
});

test('a batch that LAPACK computes ends between two matrices, and several steps between two of them', async () => {
  const many = random('float64', [400, 72, 72]);
  const controller = new AbortController();
  const call = device.linalg.eig(many, { signal: controller.signal });
  let settled = false;
  const watched = call.then(
    () => 'given',
    (error: { code: string }) => error.code,
  );
  void watched.then(() => {
    settled = true;
  });
  // It has begun when the lane has taken it.
  while (device.stats().streams.busy === 0 && !settled) await new Promise((resolve) => setImmediate(resolve));
  controller.abort();
  expect(await watched).toBe('ERR_ABORTED');

  const later = new AbortController();
  const steps = device.linalg.expm(random('float64', [200, 60, 60]), { signal: later.signal });
  later.abort(new Error('never mind'));
  const error = await expectError(steps, 'ERR_ABORTED', /^expm: aborted by its signal$/);
  expect(error.cause).toMatchObject({ message: 'never mind' });
});

test('a signal that aborts afterwards changes nothing, and no listener is left on it', async () => {
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...all: unknown[]) => {
    listeners++;
    (add as (...all: unknown[]) => void)(...all);
  };
  signal.removeEventListener = (...all: unknown[]) => {
    listeners--;
    (remove as (...all: unknown[]) => void)(...all);
  };
  const calls: Promise<Tensor>[] = Array.from({ length: 20 }, () => device.linalg.inv(small, { signal }));
  expect(listeners, 'one listener, however many share the signal').toBe(1);
  await Promise.all(calls);
  expect(listeners).toBe(0);
  controller.abort();
  await expectError(device.linalg.inv(tensor(new Float64Array(4), [2, 2])), 'ERR_SINGULAR', /inv/);
});

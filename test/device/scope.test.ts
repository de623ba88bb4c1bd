// What is made in a scope is freed at its end, whatever that is, and nothing else is.

import { type Device, type DeviceTensor, open, tensor } from 'tensorlane';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { expectError } from '../support/errors.js';

let device: Device;
beforeAll(async () => {
  device = await open({ device: testDevice, streams: 2 });
});
afterAll(() => device.dispose());

const square = tensor([
  [2, 1],
  [1, 2],
]);
const bytes = 16;

/** What has come to live since. */
function since(): () => { tensors: number; bytes: number } {
  const before = device.stats();
  return () => {
    const now = device.stats();
    return { tensors: now.tensors - before.tensors, bytes: now.memory.tensorBytes - before.memory.tensorBytes };
  };
}

/** What throws at once as what rejects. */
const late = async (call: () => unknown) => call();

const none = { tensors: 0, bytes: 0 };

describe('a scope', () => {
  test('frees what was put and computed in it, slices and reshaped tensors too', async () => {
    const more = since();
    {
      await using scope = device.scope();
      const a = await scope.put(square);
      const { u, s } = await scope.linalg.svd(a);
      const rows = (await scope.ops.mul(u, 2)).slice(0, 1).reshape([2]);
      expect((await rows.get()).dims).toEqual([2]);
      expect((await s.get()).data).toHaveLength(2);
      expect(more().tensors).toBe(5); // a, u, s, vt and the product; its parts share its memory
    }
    expect(more()).toEqual(none);
  });

  test('leaves alone what is made beside it, and host results', async () => {
    const more = since();
    const scope = device.scope();
    await using beside = await device.put(square);
    const made = await scope.ops.exp(beside);
    const host = await scope.ops.exp(square);
    await scope.dispose();
    expect(made.disposed).toBe(true);
    expect(beside.disposed).toBe(false);
    expect(host.data).toHaveLength(4);
    expect(more()).toEqual({ tensors: 1, bytes });
  });

  test('frees what was made before an error', async () => {
    const more = since();
    const work = async () => {
      await using scope = device.scope();
      const a = await scope.put(square);
      await scope.linalg.inv(await scope.ops.sub(a, a)); // singular
    };
    await expectError(work(), 'ERR_SINGULAR', /singular/);
    expect(more()).toEqual(none);
  });

  test('gives what is kept to the caller', async () => {
    const more = since();
    const make = async (): Promise<DeviceTensor<'float32'>> => {
      await using scope = device.scope();
      const a = await scope.put(square);
      return scope.keep(await scope.ops.add(a, a));
    };
    {
      await using kept = await make();
      expect([...(await kept.get()).data]).toEqual([4, 2, 2, 4]);
      await using part = kept.slice(0, 1);
      expect(part.disposed).toBe(false);
      expect(more()).toEqual({ tensors: 1, bytes });
    }
    expect(more()).toEqual(none);
  });

  test('gives what is kept to the scope around it, and ends with it', async () => {
    const more = since();
    const outer = device.scope();
    const inner = outer.scope();
    const temporary = await inner.put(square);
    const kept = inner.keep(await inner.ops.mul(temporary, 3));
    await inner.dispose();
    expect([temporary.disposed, kept.disposed]).toEqual([true, false]);
    expect(more()).toEqual({ tensors: 1, bytes });
    const forgotten = outer.scope();
    await forgotten.put(square);
    const deeper = await forgotten.scope().put(square);
    await outer.dispose();
    expect([kept.disposed, deeper.disposed, forgotten.disposed]).toEqual([true, true, true]);
    expect(more()).toEqual(none);
  });

  test('takes over a tensor that was made elsewhere', async () => {
    const more = since();
    const elsewhere = await device.put(square);
    const other = device.scope();
    const moved = await other.put(square);
    {
      await using scope = device.scope();
      expect(scope.add(elsewhere)).toBe(elsewhere);
      scope.add(moved);
    }
    expect([elsewhere.disposed, moved.disposed]).toEqual([true, true]);
    await other.dispose();
    expect(more()).toEqual(none);
  });

  test('waits for what was asked of it, and frees that', async () => {
    const more = since();
    const scope = device.scope();
    const large = tensor(new Float32Array(500 * 500).fill(1), [500, 500]);
    const a = await scope.put(large);
    const products = Array.from({ length: 6 }, () => scope.linalg.matmul(a, a));
    const putting = scope.put(large);
    await scope.dispose();
    expect(more()).toEqual(none);
    for (const product of [...products, putting]) expect((await product).disposed).toBe(true);
    await expectError((await putting).get(), 'ERR_DISPOSED', /disposed/);
  });

  test('does not hold what has been disposed in it', async () => {
    const more = since();
    await using scope = device.scope();
    const a = await scope.put(square);
    await a.dispose();
    expect(more()).toEqual(none);
    await expectError(
      late(() => scope.keep(a)),
      'ERR_DISPOSED',
      /keep/,
    );
  });

  test('refuses work once it has ended, and tensors that are not its own', async () => {
    const scope = device.scope();
    const a = await scope.put(square);
    await using beside = await device.put(square);
    await expectError(
      late(() => scope.keep(beside)),
      'ERR_ARGUMENT',
      /not made in this scope/,
    );
    await expectError(
      late(() => scope.keep(scope.keep(a))),
      'ERR_ARGUMENT',
      /kept already/,
    );
    await expectError(
      late(() => scope.keep(square as never)),
      'ERR_ARGUMENT',
      /device tensor/,
    );
    await scope.dispose();
    await scope.dispose();
    expect(scope.disposed).toBe(true);
    await expectError(scope.put(square), 'ERR_DISPOSED', /put: the scope has ended/);
    await expectError(scope.linalg.inv(square), 'ERR_DISPOSED', /the scope has ended/);
    await expectError(
      late(() => scope.scope()),
      'ERR_DISPOSED',
      /scope/,
    );
    await expectError(
      late(() => scope.add(beside)),
      'ERR_DISPOSED',
      /add/,
    );
    await a.dispose();
  });

  test('of one request does not free what another one makes meanwhile', async () => {
    const more = since();
    const request = async (i: number) => {
      await using scope = device.scope();
      const a = await scope.put(
        tensor([
          [i, 0],
          [0, i],
        ]),
      );
      const sum = await scope.ops.add(await scope.linalg.matmul(a, a), 1);
      return [...(await sum.get()).data];
    };
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => request(i)));
    for (const [i, answer] of answers.entries()) expect(answer).toEqual([i * i + 1, 1, 1, i * i + 1]);
    expect(more()).toEqual(none);
  });
});

test('a device that is disposed takes its scopes along', async () => {
  const own = await open(testDevice);
  const scope = own.scope();
  const a = await scope.put(square);
  await own.dispose();
  expect(a.disposed).toBe(true);
  await scope.dispose();
  await expectError(
    late(() => own.scope()),
    'ERR_DISPOSED',
    /device/,
  );
});

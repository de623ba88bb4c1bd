// Every call of CUDA's that an operation makes fails in turn: each time a typed error, nothing leaks, nothing hangs, and the
// device works again, or is lost for good and says so.

import { type Device, DeviceTensor, type FloatOperand, open, type Tensor, TensorlaneError } from 'tensorlane';
import { afterEach, describe, expect, test } from 'vitest';
import { testDevice } from '../support/device.js';
import { random } from '../support/matrices.js';
import { cudaError, emulation } from './emulation.js';

const options = { device: testDevice, streams: 2 } as const;
const a = random('float64', [3, 6, 6]) as Tensor<'float64'>;
const source = 'extern "C" __global__ void zero(double* x) { x[threadIdx.x] = 0; }';

type Name = 'svd' | 'eigh' | 'qr' | 'inv' | 'cholesky' | 'det';
const call = (device: Device, name: Name, operand: FloatOperand): Promise<unknown> =>
  (device.linalg[name] as (operand: FloatOperand) => Promise<unknown>).call(device.linalg, operand);

async function dispose(result: unknown): Promise<void> {
  for (const one of result instanceof DeviceTensor ? [result] : Object.values((result ?? {}) as object)) {
    if (one instanceof DeviceTensor) await one.dispose();
  }
}

/** Each opens nothing and leaves nothing behind, whether it succeeds or fails. */
const operations: Record<string, (device: Device) => Promise<void>> = {
  async 'put and get'(device) {
    await using held = await device.put(a);
    await held.get();
  },
  async 'matmul of host tensors'(device) {
    await device.linalg.matmul(a, a);
  },
  async 'a chain on the device'(device) {
    await using held = await device.put(a);
    await using product = await device.linalg.matmul(held, held);
    await using square = await device.streams.use((stream) => device.linalg.matmul(product, held, { stream }));
    await square.get();
  },
  async 'a launch'(device) {
    const kernel = await device.kernel(source, 'zero', ['float64[]']);
    await using held = await device.put(a);
    await kernel.launch({ grid: 1, block: 8 }, held);
  },
};
for (const name of ['svd', 'eigh', 'qr', 'inv', 'cholesky', 'det'] as const) {
  operations[`${name} of a host tensor`] = async (device) => {
    const given = name === 'cholesky' ? eye() : a;
    await call(device, name, given);
  };
  operations[`${name} of a device tensor`] = async (device) => {
    await using held = await device.put(name === 'cholesky' ? eye() : a);
    await dispose(await call(device, name, held));
  };
}
operations['solve of host tensors'] = async (device) => {
  await device.linalg.solve(a, a);
};

/** Of the same numbers, or of their bytes as an image. */
const image: Tensor<'uint8'> = { type: 'uint8', data: new Uint8Array(a.data.buffer).slice(0, 192), dims: [2, 4, 6, 4] };
const onTensors: Record<string, (device: Device, held: typeof a | DeviceTensor<'float64'>) => Promise<unknown>> = {
  cast: (device, held) => device.ops.cast(held, 'float16'),
  transpose: (device, held) => device.ops.transpose(held), // in two steps
  'sum along the first axis': (device, held) => device.ops.sum(held, { axis: 0 }),
  argmax: (device, held) => device.ops.argmax(held),
  topK: (device, held) => device.ops.topK(held, 2),
  hasNonFinite: (device, held) => device.ops.hasNonFinite(held),
  gather: (device, held) => device.ops.gather(held, [2, -3]),
  scatter: (device, held) => device.ops.scatter(held, [0, 1, 0], held),
  padSequences: (device, held) => device.ops.padSequences(held, [2, 1]),
};
for (const [name, call] of Object.entries(onTensors)) {
  operations[`${name} of a device tensor`] = async (device) => {
    await using held = await device.put(a);
    await dispose(await call(device, held));
  };
}
operations['a reduction of a host tensor'] = async (device) => {
  await device.ops.norm(a, { axis: 1 });
};
operations['gather by indices on the device'] = async (device) => {
  await using held = await device.put(a);
  await using indices = await device.ops.argmax(held, { axis: 0 });
  await dispose(await device.ops.gather(a, indices));
};
operations['imageToTensor of a device tensor'] = async (device) => {
  await using held = await device.put(image);
  await dispose(await device.ops.imageToTensor(held, { height: 3 }));
};

function eye() {
  const matrices = random('float64', [3, 6, 6]) as Tensor<'float64'>;
  matrices.data.fill(0);
  for (let b = 0; b < 3; b++) for (let i = 0; i < 6; i++) matrices.data[b * 36 + i * 7] = 2;
  return matrices;
}

let device: Device | undefined;
afterEach(async () => {
  await device?.dispose();
  device = undefined;
  emulation?.clear();
});

/** What an operation did: nothing, or which typed error. Anything else fails the test. */
async function outcome(work: Promise<void>, what: string): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: HANGS`)), 10_000);
  });
  try {
    await Promise.race([work, hang]);
    return 'ok';
  } catch (reason) {
    if (reason instanceof TensorlaneError && reason.code !== 'ERR_INTERNAL') return reason.code;
    if (reason instanceof TensorlaneError && /cuda|cublas|cusolver|nvrtc/i.test(reason.message)) return reason.code;
    // `await using` joins the failure of an operation and that of a disposal.
    if (reason instanceof Error && reason.name === 'SuppressedError') return 'ERR_DEVICE_LOST';
    throw new Error(`${what}: no typed error: ${String(reason)}`, { cause: reason });
  } finally {
    clearTimeout(timer);
  }
}

describe.skipIf(emulation === undefined)('every call fails in turn', () => {
  const control = emulation!;

  /** Frees are done when their streams come to them. */
  async function nothingLives(what: string): Promise<void> {
    const nothing = { deviceAllocations: 0, pinnedAllocations: 0, streams: 0, events: 0, pools: 0, graphs: 0 };
    await expect.poll(() => control.live(), { message: what, timeout: 200_000, interval: 2 }).toEqual(nothing);
  }

  /** Once with a device that has done it before, so that lazily made handles are there. */
  async function countCalls(operation: (device: Device) => Promise<void>): Promise<number> {
    await using device = await open(options);
    await operation(device);
    const before = control.calls();
    await operation(device);
    return control.calls() - before;
  }

  const kinds = [
    { kind: 'out of memory', error: cudaError.outOfMemory, late: false },
    { kind: 'unknown', error: cudaError.unknown, late: false },
    { kind: 'illegal address', error: cudaError.illegalAddress, late: false },
    { kind: 'illegal address at execution', error: cudaError.illegalAddress, late: true },
    { kind: 'device lost', error: cudaError.devicesUnavailable, late: false },
  ];

  test.each(Object.keys(operations).flatMap((name) => kinds.map((kind) => ({ name, ...kind }))))(
    '$name: $kind',
    async ({ name, kind, error, late }) => {
      const operation = operations[name]!;
      const count = await countCalls(operation);
      expect(count, 'an operation makes calls').toBeGreaterThan(3);
      device = await open(options);
      await operation(device);
      const seen = new Set<string>();
      for (let nth = 1; nth <= count; nth++) {
        const what = `${name}, call ${nth} of ${count}, ${kind}`;
        control.planFault('', nth, error, late);
        seen.add(await outcome(operation(device), what));
        // Once more, with the plan forgotten: it works, or the device is lost for good.
        const sticky = error === cudaError.illegalAddress || error === cudaError.devicesUnavailable;
        control.clearFaults();
        const again = await outcome(operation(device), `${what}, again`);
        if (again !== 'ok') {
          expect(again, what).toBe('ERR_DEVICE_LOST');
          expect(sticky, `${what}: only a sticky error loses the device`).toBe(true);
          expect(await outcome(operation(device), `${what}, for good`)).toBe('ERR_DEVICE_LOST');
          await outcome(device.dispose(), `${what}, disposal`);
          control.clear();
          await nothingLives(`${what}: leaks after the device was lost`);
          device = await open(options);
          await operation(device);
        } else {
          control.clear();
        }
      }
      await device.dispose();
      await nothingLives(`${name}, ${kind}: leaks`);
      expect(
        [...seen].some((code) => code !== 'ok'),
        `some call mattered, got ${[...seen]}`,
      ).toBe(true);
    },
  );

  test('what is queued on a device that is lost is rejected', async () => {
    device = await open(options);
    const lost = device;
    await device.linalg.matmul(a, a);
    control.planFault('cudaMallocFromPoolAsync', 1, cudaError.illegalAddress);
    const work = Array.from({ length: 20 }, () =>
      lost.linalg.svd(a).then(
        () => 'ok',
        (error) => error.code,
      ),
    );
    const codes = await Promise.all(work);
    expect(codes).toContain('ERR_DEVICE_LOST');
    expect(
      codes.every((code) => code === 'ok' || code === 'ERR_DEVICE_LOST'),
      String(codes),
    ).toBe(true);
    expect(codes.at(-1)).toBe('ERR_DEVICE_LOST');
    await device.dispose();
  });

  test('opening fails with a typed error, whichever call it is', async () => {
    const before = control.calls();
    await (await open(options)).dispose();
    const count = control.calls() - before;
    for (let nth = 1; nth <= count; nth++) {
      control.planFault('', nth, cudaError.outOfMemory);
      const what = `open, call ${nth} of ${count}`;
      const opening = open(options).then((device) => device.dispose());
      await outcome(opening, what);
      control.clear();
      await nothingLives(`${what}: leaks`);
    }
  });
});

// One operation in all the ways it can be called: its operand in host memory and on the device, on any stream and on one of the
// caller's. The results must be the same bits.

import { type Device, DeviceTensor, type NumericDType, type OperationOptions, type Tensor } from 'tensorlane';
import { expect } from 'vitest';

type Host = Tensor<NumericDType>;
type Operation = (a: never, options: OperationOptions) => Promise<unknown>;

/** The result, or results by their names, of `call(a, options)`. */
export async function inAllWays<R>(device: Device, a: Host, call: Operation): Promise<R> {
  const expected = await call(a as never, {});
  const held = await device.put(a as Tensor<'float32'>);
  try {
    const free = await call(held as never, {});
    const streamed = await device.streams.use((stream) => call(held as never, { stream }));
    for (const [name, result] of [...each(free), ...each(streamed)]) {
      expect(result, `${name}: a device tensor in gives a device tensor out`).toBeInstanceOf(DeviceTensor);
      const got = await (result as DeviceTensor).get();
      await (result as DeviceTensor).dispose();
      expectSame(got, new Map(each(expected)).get(name) as Host, name);
    }
  } finally {
    await held.dispose();
  }
  return expected as R;
}

function each(result: unknown): [string, unknown][] {
  return result instanceof DeviceTensor || 'dims' in (result as object)
    ? [['result', result]]
    : Object.entries(result as object);
}

/** The same type, dims and bits. */
export function expectSame(got: Tensor, expected: Tensor, what: string): void {
  expect({ type: got.type, dims: got.dims }, what).toEqual({ type: expected.type, dims: expected.dims });
  expect(bytes(got).equals(bytes(expected)), `${what}: the elements differ`).toBe(true);
}

function bytes({ data }: Tensor): Buffer {
  const { buffer, byteOffset, byteLength } = data as Uint8Array;
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Numbers from 0 to 1, the same for the same seed. */
export function generator(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

export const product = (dims: readonly number[]) => dims.reduce((all, dim) => all * dim, 1);

/** Random numbers, some of them equal, and where `special` zeros of both signs, infinities and NaNs among them. */
export function floats(type: 'float32' | 'float64', dims: number[], seed: number, special = false) {
  const next = generator(seed);
  const specials = [0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
  const data = type === 'float32' ? new Float32Array(product(dims)) : new Float64Array(product(dims));
  for (let i = 0; i < data.length; i++) {
    data[i] = next() < 0.3 ? Math.floor(next() * 7) - 3 : next() * 20 - 10;
    if (special && next() < 0.1) data[i] = specials[Math.floor(next() * specials.length)]!;
  }
  return { type, data, dims } as Tensor<'float32'> | Tensor<'float64'>;
}

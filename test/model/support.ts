// What the tests of models share: tensors, and comparing requests that shared batches with each of them run alone.

import {
  type Device,
  type LoadModelOptions,
  type Model,
  type RunOptions,
  type Tensor,
  TensorlaneError,
} from 'tensorlane';
import { expect } from 'vitest';
import { randomFloats } from '../support/onnx-builder.js';

export type Feeds = Record<string, Tensor>;
export type Outputs = Record<string, Tensor>;

export function floats(dims: readonly number[], seed: number): Tensor<'float32'> {
  return { type: 'float32', data: randomFloats(sizeOf(dims), seed), dims };
}

/** Whole numbers, which float32 adds exactly in whatever order. */
export function wholes(dims: readonly number[], seed: number): Tensor<'float32'> {
  const data = randomFloats(sizeOf(dims), seed, 1000).map(Math.round);
  return { type: 'float32', data, dims };
}

export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** Elements to the bit: neither NaN nor -0 is like anything else. */
export function expectSame(given: Outputs, expected: Outputs, what: string): void {
  expect(Object.keys(given).sort(), what).toEqual(Object.keys(expected).sort());
  for (const [name, { type, data, dims }] of Object.entries(expected)) {
    const other = given[name]!;
    expect([other.type, other.dims], `${what}: ${name}`).toEqual([type, dims]);
    const same =
      type === 'string'
        ? data.length === other.data.length && (data as string[]).every((text, i) => text === other.data[i])
        : bytesOf(data as Float32Array).equals(bytesOf(other.data as Float32Array));
    if (!same) expect(other.data, `${what}: ${name}`).toEqual(data);
    expect(same, `${what}: ${name} differs in bits`).toBe(true);
  }
}

function bytesOf(data: ArrayBufferView): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/** Loads a model twice, batched and not, for as long as `body` takes. */
export async function withBoth<T>(
  device: Device,
  bytes: Uint8Array,
  options: LoadModelOptions & { batching: object },
  body: (batched: Model, alone: Model) => Promise<T>,
): Promise<T> {
  await using batched = await device.loadModel(Uint8Array.from(bytes), options);
  await using alone = await device.loadModel(Uint8Array.from(bytes), { batching: false });
  expect(batched.batching).toMatchObject({ enabled: true });
  return await body(batched, alone);
}

/** Runs requests at once. */
export function together(
  model: Model,
  requests: readonly Feeds[],
  options?: readonly RunOptions[],
): Promise<Outputs[]> {
  return Promise.all(requests.map((feeds, i) => model.run(feeds, options?.[i])));
}

export async function outcome<T>(promise: Promise<T>): Promise<T | TensorlaneError> {
  return await promise.catch((reason: unknown) => {
    expect(reason).toBeInstanceOf(TensorlaneError);
    return reason as TensorlaneError;
  });
}

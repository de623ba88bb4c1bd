// What a run is to give: the outputs that are named, in the model's order, and the tensors that callers want them written into.

import type { Tensor as HostTensor, ValueInfo } from 'tensorlane';
import { isTensorInfo, requireFit } from './info';
import { type HostValue, readTensor } from './read';

export interface Fetch {
  readonly name: string;
  readonly info: ValueInfo;
  /** The caller's own elements. */
  readonly into: HostValue | undefined;
}

/** `given` has null where nothing is to be filled. Errors: TypeError, RangeError, Error. */
export function checkFetches(given: Readonly<Record<string, unknown>>, outputs: readonly ValueInfo[]): Fetch[] {
  const fetches: Fetch[] = [];
  for (const info of outputs) {
    const { name } = info;
    if (!(name in given)) continue;
    const value = given[name];
    fetches.push({ name, info, into: value === null ? undefined : preallocated(info, value) });
  }
  return fetches;
}

function preallocated(info: ValueInfo, value: unknown): HostValue {
  const tensor = readTensor(value, false);
  if ('gpuBuffer' in tensor) throw new TypeError("Tensor.location must be 'cpu' for an output that is to be filled.");
  if (isTensorInfo(info)) requireFit(info, tensor, 'output');
  return tensor;
}

/** Errors: Error, in ONNX Runtime's words, where the output has another shape. */
export function fill({ name, into }: Fetch, { data, dims }: HostTensor): void {
  const target = into!;
  if (dims.join() !== target.dims.join()) {
    throw new Error(
      `The output OrtValue provided for output '${name}' has shape {${target.dims.join()}} but the computed output shape for this ` +
        `run is {${dims.join()}}. When calling Run() with pre-allocated output OrtValues on a model with dynamic output shapes, ` +
        'either supply unallocated output OrtValues or ensure the pre-allocated shapes match the expected output shapes for each run.',
    );
  }
  if (Array.isArray(data)) {
    for (const [i, text] of data.entries()) (target.data as string[])[i] = text;
    return;
  }
  const { buffer, byteOffset, byteLength } = target.data as Uint8Array;
  new Uint8Array(buffer, byteOffset, byteLength).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

// A model's values to and from the device, where ONNX Runtime does not read and write them there itself: through host memory.

import { addon } from '../addon/load.js';
import { TensorlaneError } from '../core/errors.js';
import { setOwn } from '../core/own.js';
import { DeviceTensor } from '../runtime/device-tensor.js';
import type { Runner } from '../runtime/runner.js';
import type { NumericDType } from '../tensor/dtypes.js';
import type { Tensor } from '../tensor/types.js';
import type { Layout } from './layout.js';
import type { Feeds, Outputs } from './run.js';
import { copyValue, inWords } from './values.js';

/** The same feeds with the elements of device tensors in host memory; the others' as they are now. */
export async function inHostMemory(feeds: Feeds): Promise<Feeds> {
  const { copyUpTo } = addon();
  const given = Object.entries(feeds).map(([name, value]) =>
    value instanceof DeviceTensor
      ? value.get().then((tensor) => [name, tensor] as const)
      : ([name, copyValue(value, copyUpTo)] as const),
  );
  return Object.fromEntries(await Promise.all(given)) as Feeds;
}

/** Those outputs can be tensors of the device. Errors: ERR_ARGUMENT. */
export function requireNumbers(layout: Layout, outputs: readonly number[]): void {
  for (const index of outputs) {
    const { name, info, type } = layout.outputs[index]!;
    if (type !== undefined && type !== 'string') continue;
    throw new TensorlaneError(
      'ERR_ARGUMENT',
      `run: resident: output '${name}' is ${inWords(info)}, which has no place in device memory; name the outputs that are wanted`,
    );
  }
}

interface Memory {
  readonly runner: Runner;
  readonly put: (tensor: Tensor) => Promise<DeviceTensor>;
}

/** Outputs as tensors of the device: `data` is a Buffer of it, or in host memory. */
export async function onDevice(
  outputs: Outputs,
  { runner, put: putThere }: Memory,
): Promise<Record<string, DeviceTensor>> {
  const Buffer = addon().Buffer;
  const put = Object.entries(outputs).map(async ([name, tensor]) => {
    const data: unknown = tensor.data;
    const { type, dims } = tensor;
    if (data instanceof Buffer) return [name, runner.adopt(data, { type: type as NumericDType, dims })] as const;
    return [name, await putThere(tensor)] as const;
  });
  const ended = await Promise.allSettled(put);
  const resident: Record<string, DeviceTensor> = {};
  for (const one of ended) if (one.status === 'fulfilled') setOwn(resident, one.value[0], one.value[1]);
  const failure = ended.find((one) => one.status === 'rejected');
  if (failure === undefined) return resident;
  await Promise.all(Object.values(resident).map((tensor) => tensor.dispose()));
  throw failure.reason;
}

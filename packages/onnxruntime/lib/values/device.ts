// Device tensors as onnxruntime-common has them: their gpuBuffer is a DeviceTensor of tensorlane's.

import { Tensor } from 'onnxruntime-common';
import type { DeviceTensor } from 'tensorlane';
import { engine } from '../session/engine';

/** What Tensor.fromGpuBuffer takes. */
const ofGpuBuffers = new Set(['float32', 'float16', 'int32', 'int64', 'uint32', 'uint8', 'bool', 'uint4', 'int4']);

export function isDeviceTensor(value: unknown): value is DeviceTensor {
  // By name first: most values are not, and asking loads nothing then.
  return value?.constructor?.name === 'DeviceTensor' && value instanceof engine().DeviceTensor;
}

export function canStay({ type }: DeviceTensor): boolean {
  return ofGpuBuffers.has(type);
}

/** One that owns the device's memory: getData() brings its elements, dispose() frees it. */
export function onTheDevice(tensor: DeviceTensor): Tensor {
  return Tensor.fromGpuBuffer(tensor as never, {
    dataType: tensor.type as Tensor.GpuBufferDataTypes,
    dims: tensor.dims,
    download: async () => (await tensor.get()).data as never,
    dispose: () => {
      void tensor.dispose();
    },
  });
}

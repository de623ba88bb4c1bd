// Loads a version whose model is an ONNX file.

import type { Device, Model } from 'tensorlane';
import type { ModelSettings } from './options.js';
import { type Runnable, Servable } from './servable.js';
import type { VersionStatistics } from './statistics.js';

interface OnnxVersion {
  readonly device: Device;
  readonly name: string;
  readonly version: number;
  readonly file: string;
  readonly statistics: VersionStatistics;
  /** The model's name in events and metrics. */
  readonly batcher: string;
  readonly load: ModelSettings['load'];
}

/** Resolves when it is warm. Errors: those of `device.loadModel`. */
export async function loadOnnx(version: OnnxVersion): Promise<Servable> {
  const { device, file, batcher, load } = version;
  let model: Model;
  try {
    model = await device.loadModel(file, { warmup: true, ...load, name: batcher });
  } catch (error) {
    if (load.warmup !== undefined) throw error;
    // Zeros of length 1, which nobody asked for, may be what a model does not take.
    model = await device.loadModel(file, { ...load, name: batcher });
  }
  const { batching } = load;
  const priorityLevels = (batching === false ? undefined : batching?.priorityLevels) ?? 1;
  const runnable: Runnable = {
    inputs: model.inputs,
    outputs: model.outputs,
    platform: 'onnxruntime_onnx',
    priorityLevels,
    run: (feeds, options) => model.run(feeds, options),
    stats: () => model.stats(),
    dispose: () => model.dispose(),
  };
  return new Servable(version.name, version.version, runnable, version.statistics);
}

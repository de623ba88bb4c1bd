// Loads a version whose model is an ONNX file, as its config.pbtxt has it, where there is one.

import type { Device, Model, Tensor } from 'tensorlane';
import { TensorlaneError } from 'tensorlane';
import type { FoundConfig } from '../repository/config.js';
import { readLabels } from '../triton/labels.js';
import { onnxMeaning } from '../triton/options.js';
import { sequencesOf } from '../triton/sequences.js';
import { type Described, describe } from '../triton/values.js';
import { warmUp } from '../triton/warmup.js';
import { type LoadOptions, mergedLoad } from './options.js';
import { Sequences } from './sequences.js';
import { type Runnable, Servable, type ServedRunOptions } from './servable.js';
import type { VersionStatistics } from './statistics.js';

interface OnnxVersion {
  readonly device: Device;
  readonly name: string;
  readonly version: number;
  readonly file: string;
  readonly statistics: VersionStatistics;
  /** The model's name in events and metrics. */
  readonly batcher: string;
  /** What is said of every model, and of this one: what its configuration says is between them. */
  readonly load: { readonly all: LoadOptions; readonly own: LoadOptions };
  readonly config: FoundConfig | undefined;
  readonly warn: (message: string) => void;
}

/** Resolves when it is warm. Errors: those of `device.loadModel`; ERR_ARGUMENT, of the configuration. */
export async function loadOnnx(version: OnnxVersion): Promise<Servable> {
  const { config, device, warn, load } = version;
  if (config === undefined) return plain(version);
  const meaning = onnxMeaning(config.config, device.info);
  for (const warning of meaning.warnings) warn(warning);
  const options = mergedLoad(load.all, meaning.load, load.own);
  const model = await loadModel(version, options, config.config.model_warmup.length > 0);
  try {
    return await configured(version, config, model, options);
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

async function plain(version: OnnxVersion): Promise<Servable> {
  const options = mergedLoad(version.load.all, version.load.own);
  const model = await loadModel(version, options, false);
  const runnable: Runnable = {
    ...common(model, options),
    inputs: model.inputs,
    outputs: model.outputs,
    run: (feeds, { sequence: _, ...options }) => model.run(feeds, options),
    dispose: () => model.dispose(),
  };
  return new Servable(version.name, version.version, runnable, version.statistics);
}

async function configured(
  version: OnnxVersion,
  found: FoundConfig,
  model: Model,
  options: LoadOptions,
): Promise<Servable> {
  const { config } = found;
  const { name, statistics } = version;
  const settings = await sequencesOf(found, model.inputs);
  const sequences = settings && new Sequences(model, name, settings);
  const own = new Set([
    ...Object.entries(settings?.states ?? {}).flat(),
    ...(settings?.controls ?? []).map((control) => control.name),
  ]);
  const values = describe(config, model.inputs, model.outputs, own);
  const labels = await readLabels(found);
  if (config.model_warmup.length > 0) {
    const others: Record<string, Tensor> = { ...settings?.initial };
    for (const control of settings?.controls ?? []) {
      others[control.name] = control.tensor({ id: 1, start: true, end: false });
    }
    await warmUp(found, model, others);
    statistics.discount(model.stats());
  }
  const runnable: Runnable = {
    ...common(model, options),
    inputs: values.inputs,
    outputs: values.outputs,
    config,
    labels,
    keepsState: sequences !== undefined,
    ...(config.max_batch_size > 0 ? { maxBatchSize: config.max_batch_size } : {}),
    run: runOf(name, values, model, sequences),
    dispose: async () => {
      await sequences?.dispose();
      await model.dispose();
    },
  };
  return new Servable(name, version.version, runnable, statistics);
}

function runOf(name: string, values: Described, model: Model, sequences: Sequences | undefined): Runnable['run'] {
  const names = values.outputs.map((output) => output.name);
  // What the configuration leaves out is not there.
  const isWhole = sequences === undefined && names.length === model.outputs.length;
  return async (feeds, { sequence, ...options }: ServedRunOptions) => {
    const given = isWhole ? options : { ...options, outputs: outputsOf(name, names, options.outputs) };
    requireInputs(name, values, feeds);
    const taken = values.toModel(feeds);
    if (sequences === undefined) return values.toClient(await model.run(taken, given));
    if (sequence === undefined) {
      throw new TensorlaneError(
        'ERR_ARGUMENT',
        `inference request to model '${name}' must specify a non-zero or non-empty correlation ID`,
      );
    }
    return values.toClient(await sequences.run(taken, given, sequence));
  };
}

/** Of what the client may not give, as of what there is not. */
function requireInputs(model: string, { inputs }: Described, feeds: object): void {
  const unknown = Object.keys(feeds).find((name) => !inputs.some((input) => input.name === name));
  if (unknown === undefined) return;
  const known = inputs.map((input) => `'${input.name}'`).join(', ');
  throw new TensorlaneError(
    'ERR_ARGUMENT',
    `run: '${model}' has no input '${unknown.slice(0, 200)}'; it takes ${known}`,
  );
}

function outputsOf(model: string, names: readonly string[], wanted: readonly string[] | undefined): readonly string[] {
  const unknown = wanted?.find((name) => !names.includes(name));
  if (unknown === undefined) return wanted ?? names;
  const known = names.map((one) => `'${one}'`).join(', ');
  throw new TensorlaneError(
    'ERR_ARGUMENT',
    `run: '${model}' has no output '${unknown.slice(0, 200)}'; it has ${known}`,
  );
}

function common(model: Model, { batching, postprocess }: LoadOptions) {
  const { enabled, maxBatchSize } = model.batching;
  return {
    platform: 'onnxruntime_onnx',
    indices: indicesIn(postprocess),
    priorityLevels: (batching === false ? undefined : batching?.priorityLevels) ?? 1,
    ...(enabled ? { maxBatchSize } : {}),
    stats: () => model.stats(),
  };
}

/** Of outputs that end in the k highest. */
function indicesIn(postprocess: LoadOptions['postprocess'] = {}): ReadonlyMap<string, string> {
  const found = Object.entries(postprocess).flatMap(([name, steps]) => {
    const last = steps.at(-1);
    return last?.step === 'topK' ? [[name, last.indices ?? `${name}_indices`] as const] : [];
  });
  return new Map(found);
}

/** `warmsUpLater`: its configuration has it warmed up. */
async function loadModel(
  { device, file, batcher }: OnnxVersion,
  options: LoadOptions,
  warmsUpLater: boolean,
): Promise<Model> {
  if (options.warmup !== undefined || warmsUpLater) return device.loadModel(file, { ...options, name: batcher });
  try {
    return await device.loadModel(file, { ...options, warmup: true, name: batcher });
  } catch {
    // Zeros of length 1, which nobody asked for, may be what a model does not take.
    return device.loadModel(file, { ...options, name: batcher });
  }
}

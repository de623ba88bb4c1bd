// TensorFlow Serving's configuration files: model_config_list and batching parameters, as text protobuf or as JSON.
//
// The rule: what is not known is refused by its name, and so is what is known and means nothing here.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type BatchingOptions, type MemoryOptions, type OpenOptions, TensorlaneError } from 'tensorlane';
import { wrongOption } from '../core/options.js';
import { messageOfText, messageType } from '../core/protos.js';
import type { EngineOptions, LoadOptions, ModelConfig, VersionPolicy } from '../engine/options.js';

interface ModelServerConfig {
  readonly model_config_list?: { readonly config?: readonly ServedModel[] };
}

interface ServedModel {
  readonly name: string;
  readonly base_path: string;
  readonly model_platform: string;
  readonly model_version_policy?: {
    readonly latest?: { readonly num_versions?: number };
    readonly all?: object;
    readonly specific?: { readonly versions?: readonly string[] };
  };
  readonly version_labels?: Readonly<Record<string, string>>;
}

/** "tensorflow" is what such files say of everything. */
const platforms = ['', 'tensorflow', 'onnx', 'onnxruntime_onnx', 'onnx_onnxv1'];

/** Errors: ERR_ARGUMENT, with the file and what is wrong in it. */
export function readModelConfigFile(file: string): Record<string, ModelConfig> {
  return modelsOf(readMessage(file, 'tensorflow.serving.ModelServerConfig') as ModelServerConfig, file);
}

/** `file`: what paths are relative to. Errors: ERR_ARGUMENT. */
function modelsOf({ model_config_list: list }: ModelServerConfig, file: string): Record<string, ModelConfig> {
  if (list === undefined) throw wrongOption(`${file}: it has no model_config_list`);
  const models = new Map<string, ModelConfig>();
  for (const { name, base_path: base, model_platform: platform, ...rest } of list.config ?? []) {
    if (!name) throw wrongOption(`${file}: a config has no name`);
    if (models.has(name)) throw wrongOption(`${file}: there are two configs of '${name}'`);
    if (!base) throw wrongOption(`${file}: the config of '${name}' has no base_path`);
    if (platform !== undefined && !platforms.includes(platform)) {
      throw wrongOption(`${file}: model_platform '${platform}' of '${name}' is not served; it is ONNX here ('onnx')`);
    }
    const labels = Object.entries(rest.version_labels ?? {}).map(([label, version]) => [label, Number(version)]);
    models.set(name, {
      folder: path.resolve(path.dirname(file), base),
      versions: policyOf(rest.model_version_policy),
      labels: Object.fromEntries(labels),
    });
  }
  return Object.fromEntries(models);
}

/** Of a request, as a message's object: its paths are absolute. Errors: ERR_ARGUMENT. */
export function reloadedModels(config: object): Record<string, ModelConfig> {
  const { model_config_list: list } = config as ModelServerConfig;
  const relative = list?.config?.find(({ base_path: base }) => base && !path.isAbsolute(base));
  if (relative !== undefined)
    throw wrongOption(`base_path of '${relative.name}' must be absolute, got '${relative.base_path}'`);
  return modelsOf({ model_config_list: list ?? {} }, 'config');
}

function policyOf(policy: ServedModel['model_version_policy']): VersionPolicy {
  if (policy?.all) return { all: true };
  if (policy?.specific) return { specific: (policy.specific.versions ?? []).map(Number) };
  return { latest: policy?.latest?.num_versions || 1 };
}

interface Wrapped<T> {
  readonly value?: T;
}

interface BatchingParameters {
  readonly max_batch_size?: Wrapped<string>;
  readonly batch_timeout_micros?: Wrapped<string>;
  readonly max_enqueued_batches?: Wrapped<string>;
  readonly num_batch_threads?: Wrapped<string>;
  readonly allowed_batch_sizes?: readonly string[];
  readonly pad_variable_length_inputs?: boolean;
  readonly enable_large_batch_splitting?: Wrapped<boolean>;
  readonly max_execution_batch_size?: Wrapped<string>;
}

interface ServingConfig extends ModelServerConfig {
  readonly batching_config?: BatchingParameters;
  readonly gpu_config?: { readonly per_process_gpu_memory_fraction?: number; readonly allow_growth?: boolean };
}

/**
 * Options of a server: model_config_list, and beside it batching_config (batching parameters) and gpu_config (per_process_gpu_memory_fraction,
 * allow_growth). Errors: ERR_ARGUMENT, with the file and what is wrong in it.
 */
export function readServingFile(file: string): Pick<EngineOptions, 'models' | 'load'> & { device?: OpenOptions } {
  const config = readMessage(file, 'tensorlane.ModelServerConfig') as ServingConfig;
  const { batching_config: batching, gpu_config: gpu } = config;
  const memory: MemoryOptions = {
    ...(gpu?.per_process_gpu_memory_fraction === undefined ? {} : { fraction: gpu.per_process_gpu_memory_fraction }),
    ...(gpu?.allow_growth === undefined ? {} : { growth: gpu.allow_growth }),
  };
  return {
    models: modelsOf(config, file),
    ...(batching === undefined ? {} : { load: batchingOf(batching) }),
    ...(gpu === undefined ? {} : { device: { memory } }),
  };
}

/** Options of `device.loadModel`. Errors: ERR_ARGUMENT, with the file and what is wrong in it. */
export function readBatchingFile(file: string): LoadOptions {
  return batchingOf(readMessage(file, 'tensorflow.serving.BatchingParameters') as BatchingParameters);
}

function batchingOf(given: BatchingParameters): LoadOptions {
  const number = (value: Wrapped<string> | undefined) => (value === undefined ? undefined : Number(value.value ?? 0));
  const largest = number(given.max_batch_size);
  const executed = number(given.max_execution_batch_size);
  const allowed = given.allowed_batch_sizes?.map(Number);
  const maxBatchSize = executed ?? largest ?? allowed?.at(-1) ?? 1000;
  const batches = number(given.max_enqueued_batches);
  const splits = given.enable_large_batch_splitting;
  const batching: BatchingOptions = {
    // It is said of all models: one that has no batch runs its requests alone.
    required: false,
    maxBatchSize,
    // TensorFlow Serving's own defaults, where the file says nothing.
    maxQueueDelayMicros: number(given.batch_timeout_micros) ?? 0,
    ...(allowed?.length ? { allowedBatchSizes: allowed } : {}),
    ...(batches === undefined ? {} : { maxQueueSize: batches * maxBatchSize }),
    ...(given.pad_variable_length_inputs ? { padVariableLength: true } : {}),
    ...(splits === undefined ? {} : { splitOversize: splits.value ?? false }),
  };
  const concurrency = number(given.num_batch_threads);
  return { batching, ...(concurrency === undefined ? {} : { concurrency }) };
}

/** Longs come as strings. */
function readMessage(file: string, name: string): object {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new TensorlaneError('ERR_ARGUMENT', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  return messageType(name).toObject(messageOfText(name, text, file), { longs: String });
}

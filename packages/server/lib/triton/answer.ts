// The configuration of a version as Triton tells it: what its config.pbtxt says, completed by what the model itself says.

import type { ValueInfo } from 'tensorlane';
import { messageType } from '../core/protos.js';
import { jsPlatform } from '../engine/js.js';
import type { Servable } from '../engine/servable.js';
import { emptyConfig, type TritonConfig } from './config.js';
import { dataTypeOf } from './values.js';

/** As JSON has it. */
export function modelConfig(servable: Servable): object {
  return withoutNulls(completed(servable)) as object;
}

/** The answer of ModelConfig over gRPC. */
export function modelConfigMessage(servable: Servable): object {
  return messageType('inference.ModelConfigResponse').fromObject({ config: modelConfig(servable) });
}

function completed(servable: Servable): TritonConfig {
  const config = servable.config ?? emptyConfig();
  const { name, platform, inputs, outputs, maxBatchSize = 0 } = servable;
  const isBatched = maxBatchSize > 0 && [...inputs, ...outputs].every(({ dims }) => dims?.[0] === -1);
  const isOnnx = platform === 'onnxruntime_onnx';
  return {
    ...config,
    name,
    platform: config.platform || (platform === jsPlatform ? '' : platform),
    backend: config.backend || (isOnnx ? 'onnxruntime' : platform === jsPlatform ? 'tensorlane' : ''),
    version_policy: config.version_policy ?? { latest: { num_versions: 1 } },
    max_batch_size: config.max_batch_size || (isBatched ? maxBatchSize : 0),
    input: config.input.length > 0 ? config.input : inputs.flatMap((one) => described(one, isBatched, ofInput)),
    output: config.output.length > 0 ? config.output : outputs.flatMap((one) => described(one, isBatched, ofOutput)),
    model_transaction_policy: servable.decoupled ? { decoupled: true } : config.model_transaction_policy,
    default_model_filename: config.default_model_filename || (isOnnx ? 'model.onnx' : ''),
  };
}

const ofAll = { reshape: null, is_shape_tensor: false, is_non_linear_format_io: false };
const ofInput = { ...ofAll, format: 'FORMAT_NONE', allow_ragged_batch: false, optional: false };
const ofOutput = { ...ofAll, label_filename: '' };

/** Of what Triton has no type for, nothing. */
function described<T extends object>({ name, type, dims }: ValueInfo, isBatched: boolean, rest: T) {
  const dataType = dataTypeOf(type);
  const own = (dims ?? []) as readonly number[];
  return dataType === undefined ? [] : [{ name, data_type: dataType, dims: isBatched ? own.slice(1) : own, ...rest }];
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (one === null ? [] : [[key, withoutNulls(one)]])),
  );
}

// What the server is, and what a model takes and gives.

import type { ValueInfo } from 'tensorlane';
import { byType } from '../core/dtypes.js';
import { serverName, serverVersion } from '../core/version.js';
import type { Engine, ModelReference } from '../engine/engine.js';

/** Of Triton's extensions, those that are there. */
const extensions = [
  'classification',
  'sequence',
  'model_repository',
  'model_repository(unload_dependents)',
  'schedule_policy',
  'model_configuration',
  'system_shared_memory',
  'binary_tensor_data',
  'parameters',
  'statistics',
  'trace',
  'logging',
  'generate',
] as const;

export function serverMetadata() {
  return { name: serverName, version: serverVersion, extensions };
}

/** Errors: ERR_NOT_FOUND. */
export function modelMetadata(engine: Engine, model: ModelReference) {
  const { name, platform, inputs, outputs, version } = engine.resolve(model);
  const versions = model.version === undefined ? engine.available(name).map((one) => one.version) : [version];
  return {
    name,
    versions: versions.sort((a, b) => a - b).map(String),
    platform,
    inputs: inputs.flatMap(tensorMetadata),
    outputs: outputs.flatMap(tensorMetadata),
  };
}

/** Of what the protocol has no type for, nothing. */
function tensorMetadata({ name, type, dims }: ValueInfo) {
  const datatype = byType.get(type)?.v2;
  // Of unknown rank: any number of free dimensions, which only an empty list comes near.
  return datatype === undefined ? [] : [{ name, datatype, shape: dims ?? [] }];
}

// The state of a model's versions, and what one takes and gives, as TensorFlow Serving tells them: protobuf's JSON, one blank a level.

import type { ValueInfo } from 'tensorlane';
import { byType } from '../core/dtypes.js';
import { Refusal, told } from '../core/errors.js';
import type { Engine, ModelReference } from '../engine/engine.js';
import type { VersionStatus } from '../engine/versions.js';
import { defaultSignature, resolve } from './reference.js';

/** Errors: NOT_FOUND; INVALID_ARGUMENT, for a label that there is not. */
export function modelStatus(engine: Engine, model: ModelReference): string {
  return json({ model_version_status: versionsOf(engine, model).map(statusOf) });
}

/** The highest first; one, where it is named. Errors: NOT_FOUND; INVALID_ARGUMENT, for a label that there is not. */
export function versionsOf(engine: Engine, { name, version, label }: ModelReference): VersionStatus[] {
  const wanted = label === undefined ? version : resolve(engine, { name, label }).version;
  const model = engine.status().find((one) => one.name === name);
  const versions = (model?.versions ?? []).filter((one) => (wanted ?? one.version) === one.version);
  if (versions.length > 0) return versions.sort((a, b) => b.version - a.version);
  const what = wanted === undefined ? 'any versions' : `version ${wanted}`;
  throw new Refusal('NOT_FOUND', `Could not find ${what} of model ${name.slice(0, 200)}`);
}

function statusOf({ version, state, error }: VersionStatus) {
  // What is served has no error, whatever became of newer files.
  const failure = error === undefined || state === 'AVAILABLE' ? undefined : told(error);
  return {
    version: String(version),
    state,
    status: { error_code: failure?.status ?? 'OK', error_message: failure?.message ?? '' },
  };
}

/** Errors: NOT_FOUND; INVALID_ARGUMENT, for a label that there is not. */
export function modelMetadata(engine: Engine, model: ModelReference): string {
  const { name, version, inputs, outputs } = resolve(engine, model);
  const signature = { inputs: tensors(inputs), outputs: tensors(outputs), method_name: 'tensorflow/serving/predict' };
  return json({
    model_spec: { name, signature_name: '', version: String(version) },
    metadata: { signature_def: { signature_def: { [defaultSignature]: signature } } },
  });
}

function tensors(values: readonly ValueInfo[]) {
  return Object.fromEntries(
    values.flatMap(({ name, type, dims }) => {
      const dtype = byType.get(type)?.tf;
      if (dtype === undefined) return [];
      const dim = (dims ?? []).map((size) => ({ size: String(size), name: '' }));
      return [[name, { dtype, tensor_shape: { dim, unknown_rank: dims === undefined }, name: `${name}:0` }]];
    }),
  );
}

const json = (value: object) => `${JSON.stringify(value, null, 1)}\n`;

// TensorFlow Serving's ModelSpec: a version of a model.

import { invalid } from '../core/errors.js';
import type { ModelReference } from '../engine/engine.js';
import { toNumber } from './longs.js';
import type { Message } from './service.js';

/** Errors: INVALID_ARGUMENT. */
export function referenceOf(spec: Message | null | undefined): ModelReference {
  if (!spec?.name) throw invalid('Missing ModelSpec: model_spec has no name');
  const { name, version_choice: choice } = spec;
  if (choice === 'version_label') return { name, label: spec.version_label };
  return choice === 'version' ? { name, version: toNumber(spec.version.value ?? 0) } : { name };
}

export function specOf(name: string, version: number, signature: string) {
  return { name, version: { value: version }, signature_name: signature };
}

// What a request of TensorFlow Serving's means: a version of a model, and its one signature.

import { TensorlaneError } from 'tensorlane';
import { invalid, Refusal } from '../core/errors.js';
import type { Engine, ModelReference } from '../engine/engine.js';
import type { Servable } from '../engine/servable.js';

/** The one signature that a model has here. */
export const defaultSignature = 'serving_default';

/** Errors: INVALID_ARGUMENT. */
export function requireSignature(signature: string | undefined): void {
  if (signature === undefined || signature === '' || signature === defaultSignature) return;
  throw invalid(`Serving signature key "${signature.slice(0, 100)}" not found.`);
}

/** What is served now. Errors: NOT_FOUND; INVALID_ARGUMENT, for a label that there is not. */
export function resolve(engine: Engine, model: ModelReference): Servable {
  try {
    return engine.resolve(model);
  } catch (error) {
    if (!(error instanceof TensorlaneError) || error.code !== 'ERR_NOT_FOUND') throw error;
    const { name, version, label } = model;
    if (label !== undefined) throw invalid(`Unrecognized servable version label: ${label.slice(0, 100)}`);
    const what = version === undefined ? `Latest(${name})` : `Specific(${name}, ${version})`;
    throw new Refusal('NOT_FOUND', `Servable not found for request: ${what}`);
  }
}

// How a model is named, where a version of it may be.

import { objectOf } from '../core/options.js';

/** A model, and its highest version or the one that is named. */
export interface ModelReference {
  readonly name: string;
  readonly version?: number | undefined;
  readonly label?: string | undefined;
}

const names: Readonly<Record<keyof ModelReference, true>> = { name: true, version: true, label: true };

/** As a program names it: a misspelt `label` would be answered by another version. Errors: ERR_ARGUMENT. */
export function referenceTo(model: string | ModelReference): ModelReference {
  return typeof model === 'string' ? { name: model } : objectOf('a model', model, names);
}

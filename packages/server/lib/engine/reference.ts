// How a model is named, where a version of it may be.

import { objectOf, shown, wrongOption } from '../core/options.js';

/** A model, and its highest version or the one that is named. */
export interface ModelReference {
  readonly name: string;
  readonly version?: number | undefined;
  readonly label?: string | undefined;
}

const names: Readonly<Record<keyof ModelReference, true>> = { name: true, version: true, label: true };

/** As a program names it: a misspelt `label` would be answered by another version. Errors: ERR_ARGUMENT. */
export function referenceTo(model: string | ModelReference): ModelReference {
  const reference = typeof model === 'string' ? { name: model } : objectOf('a model', model, names);
  if (typeof reference.name === 'string') return reference;
  throw wrongOption(`a model is asked for by its name, got ${shown(reference.name)}`);
}

// What is looked at of a request's tensors before any of them is made.
//
// The rule: there are no more of them than any model has, none that its model lacks, and none twice.

import { TensorlaneError } from 'tensorlane';
import { invalid } from '../core/errors.js';
import type { Servable } from '../engine/servable.js';

/** More inputs or outputs than any model has. */
const mostTensors = 1000;

/** Errors: INVALID_ARGUMENT. */
export function requireFew(what: string, count: number): void {
  if (count > mostTensors) throw invalid(`'${what}' has ${count} tensors; ${mostTensors} are the most`);
}

/** Each output once, as it was first asked for: an answer is no longer than what the model gives. */
export function onceEach<T extends { readonly name: string }>(outputs: readonly T[]): T[] {
  const first = new Map<string, T>();
  for (const output of outputs) if (!first.has(output.name)) first.set(output.name, output);
  return [...first.values()];
}

/** Errors: ERR_ARGUMENT, as a run's are. */
export function requireInputs({ inputs }: Pick<Servable, 'inputs'>, names: Iterable<string>): void {
  const known = new Set(inputs.map(({ name }) => name));
  for (const name of names) {
    if (known.has(name)) continue;
    const all = [...known].map((one) => `'${one}'`).join(', ');
    throw new TensorlaneError('ERR_ARGUMENT', `run: the model has no input '${name.slice(0, 100)}'; it takes ${all}`);
  }
}

// What the classes of an ensemble's outputs are called, and which they are: what its own configuration says, else what the model of the step
// says that the output comes from.
//
// The rule: of outputs that are there, it is the version that has given them that says so, whatever is served by now.

import type { Outputs } from 'tensorlane';
import type { EnsembleModels, Ran, Step } from './ensemble-steps.js';
import { indicesLeftOut, type Runnable } from './servable.js';

/** `runs`: by their outputs. */
export function classesOf(
  ensemble: string,
  steps: readonly Step[],
  models: EnsembleModels,
  own: ReadonlyMap<string, readonly string[]>,
  runs: WeakMap<Outputs, Ran>,
): Pick<Runnable, 'labels' | 'indices'> {
  const sourceOf = (tensor: string, given: Outputs | undefined) => {
    const step = steps.find(({ outputs }) => outputs.some(([, name]) => name === tensor));
    if (step === undefined) return undefined;
    const ran = given && runs.get(given)?.get(step);
    const servable = ran?.servable ?? models.find(step.model);
    const [output] = step.outputs.find(([, name]) => name === tensor)!;
    return servable && { step, servable, output, given: ran?.outputs };
  };
  return {
    labels: {
      get(tensor, outputs) {
        if (own.has(tensor)) return own.get(tensor);
        const source = sourceOf(tensor, outputs);
        return source?.servable.labelsOf(source.output, source.given);
      },
    },
    indices: {
      get(tensor, outputs) {
        const source = sourceOf(tensor, outputs);
        const indices = source?.servable.indicesOf(source.output, source.given);
        if (source === undefined || indices === undefined) return undefined;
        const taken = source.step.outputs.find(([output]) => output === indices);
        if (taken === undefined) throw indicesLeftOut(ensemble, tensor, indices);
        return taken[1];
      },
    },
  };
}

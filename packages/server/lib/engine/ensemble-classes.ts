// What the classes of an ensemble's outputs are called, and which they are: what its own configuration says, else what the model of the step
// says that the output comes from, as it is served now.

import type { EnsembleModels, Step } from './ensemble.js';
import { indicesLeftOut, type Runnable } from './servable.js';

export function classesOf(
  ensemble: string,
  steps: readonly Step[],
  models: EnsembleModels,
  own: ReadonlyMap<string, readonly string[]>,
): Pick<Runnable, 'labels' | 'indices'> {
  const sourceOf = (tensor: string) => {
    const step = steps.find(({ outputs }) => outputs.some(([, name]) => name === tensor));
    const servable = step && models.find(step.model);
    return servable && { step, servable, output: step.outputs.find(([, name]) => name === tensor)![0] };
  };
  return {
    labels: {
      get(tensor) {
        if (own.has(tensor)) return own.get(tensor);
        const source = sourceOf(tensor);
        return source?.servable.labelsOf(source.output);
      },
    },
    indices: {
      get(tensor) {
        const source = sourceOf(tensor);
        const indices = source?.servable.indicesOf(source.output);
        if (source === undefined || indices === undefined) return undefined;
        const taken = source.step.outputs.find(([output]) => output === indices);
        if (taken === undefined) throw indicesLeftOut(ensemble, tensor, indices);
        return taken[1];
      },
    },
  };
}

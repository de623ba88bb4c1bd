// What an ensemble is made of: steps, and the models that they run.

import type { Feeds, Outputs } from 'tensorlane';
import type { ModelReference } from './reference.js';
import type { Servable, ServedRunOptions } from './servable.js';

export interface EnsembleModels {
  run(model: string | ModelReference, feeds: Feeds, options?: ServedRunOptions): Promise<Outputs>;
  /** It is not unloaded before the promise settles. */
  use<T>(model: ModelReference, work: (servable: Servable) => Promise<T>): Promise<T>;
  stream(model: string | ModelReference, feeds: Feeds, options?: ServedRunOptions): AsyncGenerator<Outputs, void>;
  /** What is served now. */
  find(model: ModelReference): Servable | undefined;
}

export interface Step {
  readonly model: ModelReference;
  /** The step's inputs, each with the ensemble's tensor. */
  readonly inputs: readonly (readonly [input: string, tensor: string])[];
  readonly outputs: readonly (readonly [output: string, tensor: string])[];
}

/** By step, what a run of an ensemble came from. */
export type Ran = Map<Step, { readonly servable: Servable; readonly outputs: Outputs }>;

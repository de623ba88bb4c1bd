// What a request for an inference asks for, once it is read.

import type { Feeds } from 'tensorlane';
import type { ServedRunOptions } from '../engine/servable.js';
import type { Place, SharedInput } from './shared-memory.js';

export interface RequestedOutput {
  readonly name: string;
  readonly isBinary: boolean;
  /** How many classes are wanted in place of the tensor. */
  readonly classes?: number | undefined;
  /** Where in shared memory it is wanted. */
  readonly place?: Place | undefined;
}

export interface InferRequest {
  readonly id: string | undefined;
  readonly feeds: Feeds;
  /** Inputs that are still to be read. */
  readonly shared: readonly SharedInput[];
  readonly options: ServedRunOptions;
  readonly outputs: readonly RequestedOutput[] | undefined;
  /** Of outputs that say nothing. */
  readonly isBinary: boolean;
}

// What a run of a model takes, and what it gives.

import type { RequestOptions } from '../batching/request-options.js';
import type { Tensor } from '../tensor/types.js';

/** Tensors by the names of inputs. */
export type Feeds = Readonly<Record<string, Tensor>>;

/** Tensors by the names of outputs. */
export type Outputs = Record<string, Tensor>;

export interface RunOptions extends RequestOptions {
  /** The outputs that are wanted; all by default. */
  outputs?: readonly string[] | undefined;
}

// CUDA graphs of a model: for which sizes, and recording them on every lane before the model is used. Rows that a batch lacks are filled up on
// the device, so a batch may only take a graph of more rows where rows change nothing of one another's outputs.

import type { CaptureRequest, Model as NativeModel } from '../../binding.js';
import type { TensorlaneError } from '../core/errors.js';
import { graphsOption as name, refused } from './graph-options.js';
import type { Layout } from './layout.js';

/** What was recorded of a model that was loaded with `batching.graphs`. */
export interface GraphsInfo {
  /** Numbers of rows that there is a graph for, on each lane; none where there are no graphs. */
  readonly sizes: readonly number[];
  /** Why there are none. */
  readonly reason?: string;
}

export interface GraphStats {
  /** Batches that a graph was for. */
  readonly replayed: number;
  /** Rows that these were filled up with. */
  readonly paddedRows: number;
  /** Batches of other shapes, or of more rows than any graph has. */
  readonly plain: number;
}

export type GraphRows = Pick<CaptureRequest, 'inputRows' | 'outputRows'>;

/** What the provider cannot record: the model is loaded again, without graphs. */
export class NotRecorded extends Error {}

/** Which of a model's inputs and outputs have the batch's rows. Errors: ERR_ARGUMENT, where these are not the leading dimension. */
export function rowsOf(layout: Layout): GraphRows {
  const leads = ({ name: value, axis }: { name: string; axis?: number | undefined }) => {
    if (axis === undefined || axis === 0) return axis === 0;
    throw refused(`${name}: the batch of '${value}' is axis ${axis}; graphs are of batches along the first`);
  };
  return { inputRows: layout.inputs.map(leads), outputRows: layout.outputs.map(leads) };
}

/** One after the other: a provider may record one graph at a time. Errors: NotRecorded. */
export async function recordOnLanes(native: NativeModel, request: CaptureRequest): Promise<void> {
  try {
    for (let lane = 0; lane < native.describe().lanes; lane++) await native.capture(lane, request);
  } catch (reason) {
    const { code, message } = reason as TensorlaneError;
    if (code === 'ERR_DEVICE_LOST' || code === 'ERR_DISPOSED') throw reason;
    throw new NotRecorded(message, { cause: reason });
  }
}

/** Why rows may not be filled up: an error where the model has to be batched, else it has no graphs. */
export function dependent(reason: string, isAsked: boolean): Error {
  return isAsked
    ? refused(`${name}: a batch is filled up to the size of a graph, but ${reason}`)
    : new NotRecorded(reason);
}

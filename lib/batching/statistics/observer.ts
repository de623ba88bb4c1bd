// Who is told of one request's batches.

import type { CloseReason } from './closing.js';

/** What is told of one request, for tracing; called while the scheduler works, so that it should do no more than remember. */
export interface RequestObserver {
  /** A batch with it, or with a part of it, starts: again where it is split, or run by itself after its batch failed. */
  started?(batch: StartedBatch): void;
  /** That batch has ended. `deviceMicros`: how long the device was busy with it, as in BatchEvent. */
  ran?(batch: { readonly computeMicros: number; readonly deviceMicros: number }): void;
}

export interface StartedBatch {
  readonly requests: number;
  readonly rows: number;
  /** Why it stopped growing. */
  readonly reason: CloseReason;
}

/** What an observer throws is its owner's to see, and no batch's. */
export function tell(observed: () => void): void {
  try {
    observed();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

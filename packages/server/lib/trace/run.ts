// What is kept of one run of a model: spans, a record for the trace file, or both.

import type { RequestObserver } from 'tensorlane';
import { recordOfRun } from './record.js';
import { spansOfRun } from './spans.js';

/** Follows one run of a model. */
export interface RunTrace {
  /** For the run's options. */
  readonly observer: Required<RequestObserver>;
  /** Does it, so that the runs of its steps are known as such. */
  around?<T>(work: () => T): T;
  end(error?: unknown): void;
}

/** undefined: its request is not traced. */
export function traceRun(name: string, version: number): RunTrace | undefined {
  const spans = spansOfRun(name, version);
  const record = recordOfRun(name, version);
  if (spans === undefined || record === undefined) return spans ?? record;
  return {
    observer: {
      started(batch) {
        spans.observer.started(batch);
        record.observer.started(batch);
      },
      ran(batch) {
        spans.observer.ran(batch);
        record.observer.ran(batch);
      },
    },
    around: (work) => record.around(work),
    end(error) {
      spans.end(error);
      record.end();
    },
  };
}

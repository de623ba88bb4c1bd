// What is kept of one run of a model: spans, a record for the trace file, or both.

import { recordOfRun } from './record.js';
import type { RunTrace } from './run-trace.js';
import { spansOfRun } from './spans.js';

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

// What follows a run of a model, wherever it writes down what it sees.

import type { RequestObserver } from 'tensorlane';

/** Follows one run of a model. */
export interface RunTrace {
  /** For the run's options. */
  readonly observer: Required<RequestObserver>;
  /** Does it, so that the runs of its steps are known as such. */
  around?<T>(work: () => T): T;
  end(error?: unknown): void;
}

// What became of a test.

/**
 * 'pass': the expected outputs came. 'differ': others. 'refused': the model could not be loaded. 'failed': its run. 'crashed': the
 * process ended. 'unreadable': the test itself has what is not read here.
 */
export type Result = 'pass' | 'differ' | 'refused' | 'failed' | 'crashed' | 'unreadable';

/** The model with a free batch, which callers share: what became of that. */
export interface Batched {
  /** Whether the model was batched. */
  readonly enabled: boolean;
  /** By how many there were fewer batches than requests. */
  readonly shared: number;
  /** What somebody got otherwise than alone. */
  readonly wrong?: string;
}

export interface Outcome {
  readonly name: string;
  readonly result: Result;
  readonly detail?: string;
  /** Of tensorlane: in what two callers at once got other than each alone. */
  readonly wrong?: string;
  readonly batched?: Batched;
}

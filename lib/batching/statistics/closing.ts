// Why batches stop growing: the words of statistics, events and metrics.

/** Why a batch stopped growing. */
export type CloseReason =
  /** The next request would not have fitted. */
  | 'full'
  /** It had a preferred size. */
  | 'preferred'
  /** Its oldest request had waited for the maximum delay. */
  | 'delay'
  /** A lane was free, and all that waited was in it. */
  | 'laneFree'
  /** A lane was free, and what else waited has another shape. */
  | 'shape'
  /** More rows would have taken longer than the target latency allows. */
  | 'adaptive'
  /** Its request shares with nobody. */
  | 'alone';

// What the batcher needs of whoever runs the batches. It knows nothing of models: payloads and results are the executor's.

/** The requests of one batch, in the order in which their rows are to lie in it. */
export interface Batch<Payload> {
  readonly payloads: readonly Payload[];
  /** Of each payload, how many of its rows are in this batch. */
  readonly rows: readonly number[];
  /** Of each payload, which of its rows is the first one here; undefined where every payload is here as a whole. */
  readonly starts: readonly number[] | undefined;
  /** The sum of `rows`. */
  readonly total: number;
  /** With how many rows the batch is to run: `total`, or more, where padding fills it up to an allowed size. */
  readonly padded: number;
  /** How many threads its run may use, where that is learned. */
  threads?: number;
  /**
   * For the executor to say how long the batch took, in microseconds, where it knows better than the batcher: to that it seems
   * longer while the JS thread is busy.
   */
  tookMicros?: number;
}

export interface Executor<Payload, Result> {
  /** Takes over what a request brings, while its caller still waits for the call to return. What it throws, the request fails with. */
  hold?(payload: Payload): void;
  /**
   * Runs a batch and gives a result for each payload, in order; a `Failure` among them fails its request alone. Where it
   * rejects, each request of the batch is run once more by itself, so that only the culprits fail; with ERR_OUT_OF_MEMORY as its
   * `code`, the batch is run once more in halves before.
   */
  run(batch: Batch<Payload>): Promise<readonly (Result | Failure)[]>;
  /** One result from those of a request whose rows were in several batches, in order. */
  join?(results: readonly Result[]): Result;
  /** How much of each of a payload's rows is padding, from 0 to 1; counted where it runs. */
  waste?(payload: Payload): number;
  /** The payload is not needed any more: its request was settled, and no batch with it runs. */
  release?(payload: Payload): void;
}

export type FailureReason =
  /** Its signal was aborted. */
  | 'cancelled'
  /** It was queued for longer than its timeout, or its deadline was over or could not be met. */
  | 'expired'
  /** It could not be answered within the target latency any more. */
  | 'overloaded'
  /** The queue was full. */
  | 'queueFull'
  /** It has more rows than a batch may have. */
  | 'oversize'
  /** The executor failed it; the cause is the executor's. */
  | 'failed';

/** What a request that did not succeed resolves to. It is no rejection: whoever awaits it makes the error, and its stack. */
export class Failure {
  constructor(
    readonly reason: FailureReason,
    readonly cause?: unknown,
  ) {}
}

// What the batcher needs of time, so that tests can drive it by hand.

export interface Clock {
  /** Microseconds since some fixed moment. */
  now(): number;
  /** Calls back once after at least so many microseconds; the function returned cancels it and leaves nothing behind. */
  after(microseconds: number, callback: () => void): () => void;
  /** Calls back once the callers that are about to run in this turn of the event loop have run. */
  endOfTurn(callback: () => void): void;
}

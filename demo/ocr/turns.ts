// Shares the JS thread: each piece of pixel work gets a turn of the event loop to itself. A batch that completes
// settles many requests in one moment, and without this their crops and decodings would run back to back and stall
// everything else in the process, which is the very thing the demo measures.

export class Turns {
  #waiting: (() => void)[] = [];
  #took: number[] = [];

  /** Runs `work` in a turn of its own, in the order of asking. */
  take<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        const start = performance.now();
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
        this.#took.push(performance.now() - start);
      });
      if (this.#waiting.length === 1) setImmediate(this.#next);
    });
  }

  // One callback a turn: immediates that are set while immediates run wait for the next turn of the loop.
  #next = (): void => {
    this.#waiting[0]?.();
    this.#waiting.shift();
    if (this.#waiting.length > 0) setImmediate(this.#next);
  };

  /** How many milliseconds each turn took, since the last time of asking. */
  tally(): number[] {
    const took = this.#took;
    this.#took = [];
    return took;
  }
}

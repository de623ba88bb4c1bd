// Callers who ask again as soon as they are answered, until they are told to stop: a load for something else to be measured beside.

export class Busy {
  readonly #all: Promise<unknown>;
  #done = 0;
  #over = false;

  constructor(callers: number, call: () => Promise<unknown>) {
    const caller = async () => {
      while (!this.#over) {
        await call();
        this.#done++;
      }
    };
    this.#all = Promise.all(Array.from({ length: callers }, caller));
  }

  /** How many calls have been answered. */
  get done(): number {
    return this.#done;
  }

  /** Resolves when what was asked for has been answered; rejects, also before, where a call failed. */
  async end(): Promise<void> {
    this.#over = true;
    await this.#all;
  }

  /** Waits so long, or until a call fails, and fails then. */
  async during(wait: Promise<unknown>): Promise<void> {
    await Promise.race([wait, this.#all]);
  }
}

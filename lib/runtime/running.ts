// How many operations are under way, for whoever has to wait for them.

export class Running {
  #count = 0;
  #onIdle: (() => void) | undefined;

  /** To be followed by `end`. */
  begin(): void {
    this.#count++;
  }

  end(): void {
    if (--this.#count === 0) this.#onIdle?.();
  }

  /** Resolves when none is under way; to be asked once, when no more are begun. */
  async idle(): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }
}

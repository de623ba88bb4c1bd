// Jobs that were running when a worker ended without a word. One of them may have ended it, and would take those beside it along again
// and again, until all of them were in the dead letters. The rule: of such jobs a worker runs one at a time; the others go back to
// the queue for a moment.

export class Suspects {
  #running: string | undefined;

  /** Whether it may run now. Whoever got yes says `ended`. */
  mayRun(id: string, stalled: number): boolean {
    if (stalled === 0) return true;
    if (this.#running !== undefined) return false;
    this.#running = id;
    return true;
  }

  ended(id: string): void {
    if (this.#running === id) this.#running = undefined;
  }

  /** For how long one that has to wait is put back: by chance, so that they do not come together again. */
  static delayMs(): number {
    return 100 + Math.random() * 400;
  }
}

// Lets answers out in the order in which their questions came: preserveOrdering.

export class Ordered<T extends object> {
  /** Those not yet let out, in the order in which they came (a map keeps it), with what lets them out once they have ended. */
  readonly #waiting = new Map<T, (() => void) | undefined>();

  came(item: T): void {
    this.#waiting.set(item, undefined);
  }

  /** Lets it out as soon as all before it are out. */
  ended(item: T, deliver: () => void): void {
    this.#waiting.set(item, deliver);
    this.#deliver();
  }

  /** It was given up: it waits for nobody, and nobody for it. */
  left(item: T): void {
    this.#waiting.delete(item);
    this.#deliver();
  }

  #deliver(): void {
    for (const [item, deliver] of this.#waiting) {
      if (deliver === undefined) return;
      this.#waiting.delete(item);
      deliver();
    }
  }
}

// What is known of keys (shapes), of which there may be any number: the one that came first makes room.

const mostKeys = 256;

export class BoundedMap<Value> {
  readonly #known = new Map<string, Value>();

  has(key: string): boolean {
    return this.#known.has(key);
  }

  get(key: string): Value | undefined {
    // Where nothing is known of any key, as mostly of ceilings, none need be hashed.
    return this.#known.size === 0 ? undefined : this.#known.get(key);
  }

  set(key: string, value: Value): void {
    if (this.#known.size >= mostKeys && !this.#known.has(key)) {
      for (const first of this.#known.keys()) {
        this.#known.delete(first);
        break;
      }
    }
    this.#known.set(key, value);
  }

  entries(): IterableIterator<[string, Value]> {
    return this.#known.entries();
  }
}

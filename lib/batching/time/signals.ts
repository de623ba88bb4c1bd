// Listens to abort signals: once to each, however many requests share it. Node warns of a leak where one has eleven listeners,
// and a server may well give its own signal to all that it runs.

export class Signals<T> {
  readonly #onAbort: (item: T, reason: unknown) => void;
  readonly #listening = new Map<AbortSignal, { readonly items: Set<T>; readonly listener: () => void }>();

  constructor(onAbort: (item: T, reason: unknown) => void) {
    this.#onAbort = onAbort;
  }

  add(item: T, signal: AbortSignal): void {
    const known = this.#listening.get(signal);
    if (known !== undefined) {
      known.items.add(item);
      return;
    }
    const items = new Set([item]);
    const listener = () => {
      this.#listening.delete(signal);
      for (const item of items) this.#onAbort(item, signal.reason);
    };
    signal.addEventListener('abort', listener, { once: true });
    this.#listening.set(signal, { items, listener });
  }

  remove(item: T, signal: AbortSignal): void {
    const known = this.#listening.get(signal);
    if (known === undefined) return;
    known.items.delete(item);
    if (known.items.size > 0) return;
    signal.removeEventListener('abort', known.listener);
    this.#listening.delete(signal);
  }
}

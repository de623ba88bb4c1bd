// The tensors of a scope: those that were made in it, and the operations that are still making some.

import { TensorlaneError } from '../core/errors.js';

/** What a scope keeps account of: a device tensor. */
interface Held {
  readonly disposed: boolean;
  dispose(): Promise<void>;
}

/** Until `close`, everything that is added is held; from then on it is disposed as it comes. */
export class Tracked {
  readonly #held = new Set<Held>();
  readonly #disposals: Promise<void>[] = [];
  #closed = false;
  #running = 0;
  #onIdle: (() => void) | undefined;

  add(tensor: Held): void {
    if (this.#closed) this.#disposals.push(tensor.dispose());
    else if (!tensor.disposed) this.#held.add(tensor);
  }

  /** Whether it was held. */
  remove(tensor: Held): boolean {
    return this.#held.delete(tensor);
  }

  /** Of an operation that may add tensors, which ends with `leave`. Errors: ERR_DISPOSED. */
  enter(what: string): void {
    if (this.#closed) throw new TensorlaneError('ERR_DISPOSED', `${what}: the scope has ended`);
    this.#running++;
  }

  leave(): void {
    if (--this.#running === 0) this.#onIdle?.();
  }

  /** Refuses operations, lets those that run end, and disposes what is held. Resolves when all of it is free. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const tensor of [...this.#held]) this.#disposals.push(tensor.dispose());
    this.#held.clear();
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await Promise.all(this.#disposals);
  }
}

// The tensors of a scope: those that were made in it, and the operations that are still making some.

import { TensorlaneError } from '../core/errors.js';
import { Running } from './running.js';

/** What a scope keeps account of: a device tensor. */
interface Held {
  readonly disposed: boolean;
  dispose(): Promise<void>;
}

/** Until `close`, everything that is added is held; from then on it is disposed as it comes. */
export class Tracked {
  readonly #held = new Set<Held>();
  readonly #disposals: Promise<void>[] = [];
  readonly #running = new Running();
  #closed = false;

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
    this.#running.begin();
  }

  leave(): void {
    this.#running.end();
  }

  /** Refuses operations, lets those that run end, and disposes what is held. Resolves when all of it is free. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const tensor of [...this.#held]) this.#disposals.push(tensor.dispose());
    this.#held.clear();
    await this.#running.idle();
    await Promise.all(this.#disposals);
  }
}

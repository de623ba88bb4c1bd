// A part of a program whose tensors are freed at its end.

import { TensorlaneError } from '../core/errors.js';
import { DeviceTensor } from '../runtime/device-tensor.js';
import type { Runner } from '../runtime/runner.js';
import { Tracked } from '../runtime/tracked.js';
import { TensorRoom } from './tensor-room.js';

/**
 * What is made through a scope is freed when the scope ends, unless it is kept: `put`, and what `linalg` and `ops` give for device
 * tensors, with their slices and reshaped tensors. `await using scope = device.scope()` ends it with its block, by an error too.
 *
 * It has the device's methods itself, rather than that it would catch whatever is made while it is open: between two awaits of one
 * request a server works on others, whose tensors no scope of this one may free. What is made through the device, or another
 * scope, is not the scope's.
 */
export class Scope extends TensorRoom implements AsyncDisposable {
  readonly #device: Runner;
  readonly #tracked: Tracked;
  readonly #parent: Tracked | undefined;
  #disposal: Promise<void> | undefined;

  /** @internal Scopes are made by `device.scope()` and `scope.scope()`. */
  constructor(device: Runner, parent?: Tracked) {
    const tracked = new Tracked();
    super(device.within(tracked));
    this.#device = device;
    this.#tracked = tracked;
    this.#parent = parent;
  }

  /** Whether it has ended. */
  get disposed(): boolean {
    return this.#disposal !== undefined;
  }

  /** A scope within this one, to which what it keeps belongs then. It should end first; if it does not, it ends with this one. Errors: ERR_DISPOSED. */
  scope(): Scope {
    if (this.disposed) throw new TensorlaneError('ERR_DISPOSED', 'scope: the scope has ended');
    const inner = new Scope(this.#device, this.#tracked);
    this.#tracked.add(inner);
    return inner;
  }

  /**
   * Takes a tensor out of the scope, and gives it back: it outlives the scope, and belongs to the one around it, or to the caller
   * where there is none. Errors: ERR_ARGUMENT for what is none of this scope's tensors, ERR_DISPOSED.
   */
  keep<T extends DeviceTensor>(tensor: T): T {
    this.#requireTensor(tensor, 'keep');
    if (!this.#tracked.remove(tensor)) {
      throw new TensorlaneError('ERR_ARGUMENT', 'keep: the tensor was not made in this scope, or was kept already');
    }
    tensor.moveTo(this.#parent);
    return tensor;
  }

  /** Takes a tensor that was made elsewhere into the scope, and gives it back: it is freed with the scope. Errors: ERR_ARGUMENT, ERR_DISPOSED. */
  add<T extends DeviceTensor>(tensor: T): T {
    this.#requireTensor(tensor, 'add');
    tensor.moveTo(this.#tracked);
    return tensor;
  }

  /**
   * Ends it: refuses new work, lets what was asked of it finish, and frees its tensors. Resolves when their memory is free. May be
   * called again.
   */
  dispose(): Promise<void> {
    this.#disposal ??= this.#end();
    return this.#disposal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  async #end(): Promise<void> {
    this.#parent?.remove(this);
    await this.#tracked.close();
  }

  #requireTensor(tensor: unknown, what: string): void {
    if (!(tensor instanceof DeviceTensor)) {
      throw new TensorlaneError('ERR_ARGUMENT', `${what}: expected a device tensor`);
    }
    if (this.disposed) throw new TensorlaneError('ERR_DISPOSED', `${what}: the scope has ended`);
    if (tensor.disposed) throw new TensorlaneError('ERR_DISPOSED', `${what}: the tensor has been disposed`);
  }
}

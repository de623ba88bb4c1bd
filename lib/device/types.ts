// A device as its users see it: interfaces that a test's own object can stand in for.

import type { ClassOf, Public } from '../core/types.js';
import { LinearAlgebra as Linalg } from '../linalg/linalg.js';
import { TensorOperations as Operations } from '../ops/ops.js';
import { OpenedDevice } from './device.js';
import { GroupedDevice } from './group.js';
import type { Scope as OpenedScope } from './scope.js';

/** numpy.linalg's operations, and some of scipy.linalg's, on this device: `device.linalg`. */
export interface LinearAlgebra extends Public<Linalg> {}
export const LinearAlgebra: ClassOf<LinearAlgebra> = Linalg as never;

/** What comes before and after a model or a matrix operation, on this device: `device.ops`. */
export interface TensorOperations extends Public<Operations> {}
export const TensorOperations: ClassOf<TensorOperations> = Operations as never;

/** A part of a program whose tensors are freed at its end. Made by `device.scope()`. */
export interface Scope extends Omit<OpenedScope, 'linalg' | 'ops' | 'scope'> {
  readonly linalg: LinearAlgebra;
  readonly ops: TensorOperations;
  /** A scope within this one, to which what it keeps belongs then; it ends with this one at the latest. Errors: ERR_DISPOSED. */
  scope(): Scope;
}

/** A device that is open. Made by `open`. */
export interface Device extends Omit<OpenedDevice, 'linalg' | 'ops' | 'scope' | 'internals'> {
  readonly linalg: LinearAlgebra;
  readonly ops: TensorOperations;
  /** A part of the program whose tensors are freed at its end: `await using scope = device.scope()`. Errors: ERR_DISPOSED. */
  scope(): Scope;
}
export const Device: ClassOf<Device> = {
  name: 'Device',
  prototype: OpenedDevice.prototype as never,
  [Symbol.hasInstance]: (value): value is Device => value instanceof OpenedDevice || value instanceof GroupedDevice,
};

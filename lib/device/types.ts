// A device as its users see it: interfaces that a test's own object can stand in for.

import type { ClassOf, Public } from '../core/types.js';
import { LinearAlgebra as Linalg } from '../linalg/linalg.js';
import { TensorOperations as Operations } from '../ops/ops.js';
import { OpenedDevice } from './device.js';

export interface LinearAlgebra extends Public<Linalg> {}
export const LinearAlgebra: ClassOf<LinearAlgebra> = Linalg as never;

export interface TensorOperations extends Public<Operations> {}
export const TensorOperations: ClassOf<TensorOperations> = Operations as never;

/** A device that is open. Made by `open`. */
export interface Device extends Omit<OpenedDevice, 'linalg' | 'ops'> {
  readonly linalg: LinearAlgebra;
  readonly ops: TensorOperations;
}
export const Device: ClassOf<Device> = OpenedDevice as never;

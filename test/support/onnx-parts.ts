// What tests of many graphs write them in: attributes, weights, and tensors to feed them with.

import { type Tensor, tensor } from 'tensorlane';
import { type Attribute, type Initializer, initializer, randomFloats } from './onnx-builder.js';

export const int = (number: number): Attribute => ({ int: number });
export const list = (...numbers: number[]): Attribute => ({ ints: numbers });
export const real = (float: number): Attribute => ({ float });
export const text = (string: string): Attribute => ({ string });

export const elementsOf = (dims: readonly number[]) => dims.reduce((product, dim) => product * dim, 1);

/** float32 of these dims. */
export const ones = (...dims: number[]): Tensor<'float32'> => tensor(new Float32Array(elementsOf(dims)).fill(1), dims);

/** Random ones of float32, of this seed. */
export const weightsOf =
  (seed: number) =>
  (name: string, ...dims: number[]): Initializer =>
    initializer(name, 'float32', dims, randomFloats(elementsOf(dims), seed));

// A host tensor whose dimensions come in another order than its elements lie: over the same memory, without a copy.
//
// It is a tensor like any other for whoever asks for its `data`, which are then copied in order; a device's operations do not
// ask, but read the elements where they lie.

import { isComplex, type NumericDType, storedLength } from './dtypes.js';
import { hostTensor } from './tensor.js';
import type { Tensor, TypedData } from './types.js';

export class TensorView<T extends NumericDType = NumericDType> {
  readonly type: T;
  readonly dims: readonly number[];
  /** @internal The tensor over whose memory it is. */
  readonly stored: Tensor<T>;
  /** @internal Dimension i is dimension order[i] of `stored`. */
  readonly order: readonly number[];

  /** @internal */
  constructor(stored: Tensor<T>, order: readonly number[]) {
    const { type, dims } = stored as Tensor<NumericDType>;
    this.type = type as T;
    this.dims = order.map((axis) => dims[axis]!);
    this.stored = stored;
    this.order = order;
  }

  /** A copy of the elements, in the order of the dimensions, made on this thread whenever they are asked for. */
  get data(): TypedData[T] {
    const { type, data, dims } = this.stored as Tensor<NumericDType>;
    const steps = new Array<number>(dims.length);
    let step = 1;
    for (let axis = dims.length; axis-- > 0; step *= dims[axis]!) steps[axis] = step;
    const along = this.order.map((axis) => steps[axis]!);
    const parts = isComplex(type) ? 2 : 1;
    const to = (data as Float64Array).slice();
    const count = storedLength(type, step) / parts;
    const at = along.map(() => 0);
    for (let i = 0, from = 0; i < count; i++) {
      for (let part = 0; part < parts; part++) to[i * parts + part] = (data as Float64Array)[from * parts + part]!;
      for (let axis = at.length; axis-- > 0; ) {
        from += along[axis]!;
        if (++at[axis]! < this.dims[axis]!) break;
        from -= along[axis]! * this.dims[axis]!;
        at[axis] = 0;
      }
    }
    return to as TypedData[T];
  }

  /** @internal What onnxruntime-node asks of a tensor. */
  get location(): 'cpu' {
    return 'cpu';
  }
}

/** Whether dimensions stay in their order. */
export const isInOrder = (order: readonly number[]): boolean => order.every((axis, i) => axis === i);

/** Of what is stored, where dimension i of these is dimension order[i] of it. */
export function storedDims(dims: readonly number[], order: readonly number[]): number[] {
  const stored = new Array<number>(dims.length);
  for (const [i, axis] of order.entries()) stored[axis] = dims[i]!;
  return stored;
}

/** A view, where there is something to it. */
export function viewOf<T extends NumericDType>(a: Tensor<T>, order: readonly number[]): Tensor<T> {
  if (!(a instanceof TensorView)) return isInOrder(order) ? a : (new TensorView(a, order) as unknown as Tensor<T>);
  const both = order.map((axis) => a.order[axis]!);
  const { type, data, dims } = a.stored as Tensor<NumericDType>;
  if (isInOrder(both)) return hostTensor(type, data, dims) as Tensor<T>;
  return new TensorView(a.stored, both) as unknown as Tensor<T>;
}

// Operations on tensors of any shape: what comes before and after a model or a matrix operation, on the device, so that a
// chain of them needs no copy. Names and meaning are numpy's and ONNX's.

import type { Operations } from '../../binding.js';
import { addon } from '../addon/load.js';
import { namesOf, requiredWholeNumber, wholeNumber } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { checkOrder } from '../runtime/axes.js';
import {
  checkFloat,
  checkOperand,
  type FloatOperand,
  type Operand,
  type ResultAs,
  type ResultOf,
} from '../runtime/operands.js';
import { checkStoppable, type StoppableOptions } from '../runtime/out.js';
import type { Runner } from '../runtime/runner.js';
import { type CastType, checkCastType } from '../tensor/cast-types.js';
import { elementCount, product } from '../tensor/tensor.js';
import type { Tensor } from '../tensor/types.js';
import { checkReduction, type ReduceOptions } from './axes.js';
import { scalarOperand } from './elements.js';
import { ElementwiseOperations } from './elementwise.js';
import { checkImages, type ImageOptions } from './images.js';
import { checkLengths, checkPick } from './items.js';

export interface TopK<V, I> {
  /** [..., k], the largest elements, largest first. */
  readonly values: V;
  /** [..., k] of int64: where along the last dimension they are. */
  readonly indices: I;
}

export interface PadOptions extends StoppableOptions {
  /** Of each row; by default that of the longest sequence. */
  length?: number | undefined;
  /** What comes behind a sequence: 0 by default. Floats are rounded to the nearest of the type. */
  value?: number | bigint | undefined;
}

type Reduction = Operations['reduce']['reduction'];

const padNames = namesOf<PadOptions>({ length: true, value: true, signal: true, stream: true });

/**
 * Operands are host tensors or device tensors; where one is on the device, so are the results. Host operands of up to 64 KiB may
 * be reused as soon as a call returns; larger ones are read until its promise settles.
 *
 * Every operation rejects with ERR_ARGUMENT, ERR_DTYPE or ERR_SHAPE for what it cannot take, ERR_DISPOSED once its device is
 * gone, ERR_ABORTED by its `signal`, ERR_OUT_OF_MEMORY and ERR_DEVICE_LOST. A NaN or an infinity is a number like any other.
 */
export class TensorOperations extends ElementwiseOperations {
  readonly #runner: Runner;

  /** @internal */
  constructor(runner: Runner) {
    super(runner);
    this.#runner = runner;
  }

  /**
   * The elements as another type, as numpy.astype and ONNX's Cast convert them: [...] to [...]. To a smaller float they are rounded
   * to the nearest, ties to even; a float to an integer is truncated, and saturated where it does not fit, NaN becoming 0;
   * integers wrap; to bool it is whether they are not zero. All types but strings, the 8-bit floats and the 4-bit integers.
   */
  async cast<A extends Operand, T extends CastType>(
    a: A,
    type: T,
    options: StoppableOptions = {},
  ): Promise<ResultAs<A, T>> {
    const where = checkStoppable(options, 'cast');
    const operand = checkOperand(a, 'cast');
    const to = checkCastType(type, 'cast: type');
    const from = checkCastType(operand.type, 'cast');
    const request = { type: from, to, count: product(operand.dims) };
    const shapes = [{ type: to, dims: [...operand.dims] }];
    const [result] = await this.#runner.run('cast', { a: operand }, request, shapes, where);
    return result as ResultAs<A, T>;
  }

  /**
   * The dimensions in another order, as numpy.transpose and ONNX's Transpose have it: dimension i of the result is dimension axes[i]
   * of `a`, by default the last one first. All types but strings and the 4-bit integers.
   */
  async transpose<A extends Operand>(
    a: A,
    axes?: readonly number[],
    options: StoppableOptions = {},
  ): Promise<ResultAs<A, A['type']>> {
    const where = checkStoppable(options, 'transpose');
    const operand = checkOperand(a, 'transpose');
    const { type, dims } = operand;
    const order = checkOrder(axes, dims.length, 'transpose');
    const shapes = [{ type, dims: order.map((axis) => dims[axis]!) }];
    const request = { type, dims: [...dims], axes: order };
    const [result] = await this.#runner.run('transpose', { a: operand }, request, shapes, where);
    return result as ResultAs<A, A['type']>;
  }

  /** The sum along an axis, as numpy.sum: [..., n, ...] to [..., ...]. float32 is summed in float64. Of nothing it is 0. */
  sum<A extends FloatOperand>(a: A, options: ReduceOptions = {}): Promise<ResultOf<A>> {
    return this.#reduce('sum', a, options);
  }

  /** The mean along an axis, as numpy.mean: [..., n, ...] to [..., ...]. float32 is summed in float64. Of nothing it is NaN. */
  mean<A extends FloatOperand>(a: A, options: ReduceOptions = {}): Promise<ResultOf<A>> {
    return this.#reduce('mean', a, options);
  }

  /** The largest element along an axis, as numpy.max: [..., n, ...] to [..., ...]. A NaN gives NaN, nothing -Infinity. */
  max<A extends FloatOperand>(a: A, options: ReduceOptions = {}): Promise<ResultOf<A>> {
    return this.#reduce('max', a, options);
  }

  /** The smallest element along an axis, as numpy.min: [..., n, ...] to [..., ...]. A NaN gives NaN, nothing Infinity. */
  min<A extends FloatOperand>(a: A, options: ReduceOptions = {}): Promise<ResultOf<A>> {
    return this.#reduce('min', a, options);
  }

  /**
   * The 2-norm along an axis, as numpy.linalg.norm with an axis and ONNX's ReduceL2: [..., n, ...] to [..., ...]. The squares on the
   * way neither overflow nor vanish. Of nothing it is 0.
   */
  norm<A extends FloatOperand>(a: A, options: ReduceOptions = {}): Promise<ResultOf<A>> {
    return this.#reduce('norm', a, options);
  }

  /**
   * The index (int64) of the largest element along an axis, as numpy.argmax and ONNX's ArgMax: [..., n, ...] to [..., ...]. The first
   * one where several are; a NaN counts as the largest.
   *
   * Errors: ERR_SHAPE (an axis of no elements).
   */
  async argmax<A extends FloatOperand>(a: A, options: ReduceOptions = {}): Promise<ResultAs<A, 'int64'>> {
    const { operand, request, dims, where } = checkReduction(a, options, 'argmax');
    if (request.length === 0 && product(dims) > 0) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `argmax: dims [${operand.dims.join(', ')}] have no element along the axis`,
      );
    }
    const [result] = await this.#runner.run('argmax', { a: operand }, request, [{ type: 'int64', dims }], where);
    return result as ResultAs<A, 'int64'>;
  }

  /**
   * The k largest elements along the last dimension and where they are, as ONNX's TopK: [..., n] to [..., k], twice. Largest first,
   * the one with the lower index first where they are equal; a NaN counts as the largest. k is at most n and 1024.
   */
  async topK<A extends FloatOperand>(
    a: A,
    k: number,
    options: StoppableOptions = {},
  ): Promise<TopK<ResultOf<A>, ResultAs<A, 'int64'>>> {
    const where = checkStoppable(options, 'topK');
    const operand = checkFloat(a, 'topK', 1);
    const { type } = operand;
    const lead = operand.dims.slice(0, -1);
    const columns = operand.dims.at(-1)!;
    requiredWholeNumber('topK: k', k, 0, Math.min(columns, addon().limits.topK));
    const shapes = [
      { type, dims: [...lead, k] },
      { type: 'int64' as const, dims: [...lead, k] },
    ];
    const request = { type, rows: product(lead), columns, k };
    const [values, indices] = await this.#runner.run('topK', { a: operand }, request, shapes, where);
    return { values, indices } as TopK<ResultOf<A>, ResultAs<A, 'int64'>>;
  }

  /**
   * For each item of the leading dimension, whether it has a NaN or an infinity among its elements: [n, ...] to [n] of bool. What
   * linear algebra would refuse with ERR_NOT_FINITE, in a batch.
   */
  async hasNonFinite<A extends FloatOperand>(a: A, options: StoppableOptions = {}): Promise<ResultAs<A, 'bool'>> {
    const where = checkStoppable(options, 'hasNonFinite');
    const operand = checkFloat(a, 'hasNonFinite', 1);
    const [items, ...rest] = operand.dims as [number, ...number[]];
    const request = { type: operand.type, items, elements: product(rest) };
    const shapes = [{ type: 'bool' as const, dims: [items] }];
    const [result] = await this.#runner.run('hasNonFinite', { a: operand }, request, shapes, where);
    return result as ResultAs<A, 'bool'>;
  }

  /**
   * Items of the leading dimension by their indices, as numpy.take with an axis of 0 and ONNX's Gather: `a` of [n, ...] and `indices`
   * of any dims to [...indices' dims, ...]. Negative indices count from the end. Indices are numbers or a tensor of int32 or int64;
   * those in host memory are checked before the device does anything, those on the device by the device, where the promise rejects
   * when it is done. All types but strings and the 4-bit integers.
   *
   * Errors: ERR_ARGUMENT (an index that is out of range).
   */
  async gather<A extends Operand>(
    a: A,
    indices: readonly number[],
    options?: StoppableOptions,
  ): Promise<ResultAs<A, A['type']>>;
  /** The same by a tensor of indices, int32 or int64, in host memory or on the device. Errors: ERR_ARGUMENT (an index that is out of range). */
  async gather<A extends Operand, I extends Operand<'int32' | 'int64'>>(
    a: A,
    indices: I,
    options?: StoppableOptions,
  ): Promise<ResultAs<A | I, A['type']>>;
  async gather(
    a: Operand,
    indices: readonly number[] | Operand<'int32' | 'int64'>,
    options: StoppableOptions = {},
  ): Promise<unknown> {
    const where = checkStoppable(options, 'gather');
    const { operand, picked, rest, request } = checkPick(a, indices, 'gather');
    const shapes = [{ type: operand.type, dims: [...picked.dims, ...rest] }];
    const operands = { a: operand, indices: picked as Operand };
    const [result] = await this.#runner.run('gather', operands, request, shapes, where);
    return result;
  }

  /**
   * A copy of `a` in which some items of the leading dimension are replaced, as numpy's a[indices] = updates and ONNX's ScatterND: `a` of
   * [n, ...], `indices` of any dims and `updates` of [...indices' dims, ...] to [n, ...]. Where an item is named several times the
   * last one wins. Indices as `gather` takes them. All types but strings and the 4-bit integers.
   *
   * Errors: ERR_ARGUMENT (an index that is out of range).
   */
  async scatter<A extends Operand, U extends Operand>(
    a: A,
    indices: readonly number[],
    updates: U,
    options?: StoppableOptions,
  ): Promise<ResultAs<A | U, A['type']>>;
  /** The same by a tensor of indices, int32 or int64, in host memory or on the device. Errors: ERR_ARGUMENT (an index that is out of range). */
  async scatter<A extends Operand, I extends Operand<'int32' | 'int64'>, U extends Operand>(
    a: A,
    indices: I,
    updates: U,
    options?: StoppableOptions,
  ): Promise<ResultAs<A | I | U, A['type']>>;
  async scatter(
    a: Operand,
    indices: readonly number[] | Operand<'int32' | 'int64'>,
    updates: Operand,
    options: StoppableOptions = {},
  ): Promise<unknown> {
    const where = checkStoppable(options, 'scatter');
    const { operand, picked, rest, request } = checkPick(a, indices, 'scatter');
    const placed = checkOperand(updates, 'scatter: updates');
    const { type, dims } = operand;
    if (placed.type !== type) {
      throw new TensorlaneError('ERR_DTYPE', `scatter: a is ${type} and updates are ${placed.type}; cast one of them`);
    }
    const wanted = [...picked.dims, ...rest];
    if (placed.dims.length !== wanted.length || wanted.some((dim, i) => dim !== placed.dims[i])) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `scatter: expected updates of dims [${wanted.join(', ')}], got [${placed.dims.join(', ')}]`,
      );
    }
    const operands = { a: operand, indices: picked as Operand, updates: placed };
    const [result] = await this.#runner.run('scatter', operands, request, [{ type, dims: [...dims] }], where);
    return result;
  }

  /**
   * Sequences of different lengths as the rows of one tensor, as torch's pad_sequence: `a` of [n, ...] holds them one after the other,
   * `lengths` says how long each is, and the result is [lengths.length, length, ...]. Longer ones are cut off, shorter ones
   * filled up with `value`. All types but strings and the 4-bit integers.
   *
   * Errors: ERR_SHAPE (the lengths do not add up to n).
   */
  async padSequences<A extends Operand>(
    a: A,
    lengths: readonly number[],
    options: PadOptions = {},
  ): Promise<ResultAs<A, A['type']>> {
    const where = checkStoppable(options, 'padSequences', padNames);
    const operand = checkOperand(a, 'padSequences', 1);
    const [total, ...rest] = operand.dims as [number, ...number[]];
    const { type } = operand;
    const each = product(rest);
    const offsets = checkLengths(lengths, total).map((offset) => offset * each);
    const longest = lengths.reduce((most, one) => Math.max(most, one), 0);
    const length = wholeNumber('padSequences: length', options.length, longest, 0);
    const dims = [lengths.length, length, ...rest];
    elementCount(dims, 'padSequences');
    const request = { type, elements: total * each, count: lengths.length, length: length * each };
    const operands = {
      a: operand,
      offsets: { type: 'int64', data: BigInt64Array.from(offsets, BigInt), dims: [offsets.length] } as Tensor<'int64'>,
      value: scalarOperand(type, options.value === undefined ? 0 : options.value, 'padSequences: value'),
    };
    const [result] = await this.#runner.run('pad', operands, request, [{ type, dims }], where);
    return result as ResultAs<A, A['type']>;
  }

  /**
   * Images as vision models take them: uint8 [n, h, w, c] to float32 [n, c, height, width], (pixel * scale - mean) / std, with 1 to 4
   * channels. Resized by bilinear interpolation with half-pixel centres and edges repeated, without antialiasing: OpenCV's
   * INTER_LINEAR, torch's interpolate with align_corners=False.
   */
  async imageToTensor<A extends Operand<'uint8'>>(
    images: A,
    options: ImageOptions = {},
  ): Promise<ResultAs<A, 'float32'>> {
    const { operand, request, where } = checkImages(images, options);
    const { batch, channels, toHeight, toWidth } = request;
    const shapes = [{ type: 'float32' as const, dims: [batch, channels, toHeight, toWidth] }];
    const [result] = await this.#runner.run('imageToTensor', { a: operand }, request, shapes, where);
    return result as ResultAs<A, 'float32'>;
  }

  async #reduce<A extends FloatOperand>(reduction: Reduction, a: A, options: ReduceOptions): Promise<ResultOf<A>> {
    const { operand, request, dims, where } = checkReduction(a, options, reduction);
    const shapes = [{ type: request.type, dims }];
    const [result] = await this.#runner.run('reduce', { a: operand }, { ...request, reduction }, shapes, where);
    return result as ResultOf<A>;
  }
}

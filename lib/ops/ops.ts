// Operations on tensors of any shape: what comes before and after a model or a matrix operation, on the device, so that a
// chain of them needs no copy. Names and meaning are numpy's and ONNX's.

import type { Operations } from '../../binding.js';
import { TensorlaneError } from '../core/errors.js';
import { checkOptions, type Operand, type OperationOptions, type Runner } from '../device/runner.js';
import type { FloatOperand, ResultOf } from '../linalg/shapes.js';
import { arrayClasses, bitsOf, type NumericDType } from '../tensor/dtypes.js';
import { product } from '../tensor/tensor.js';
import type { FloatType, Tensor } from '../tensor/types.js';
import {
  type CastType,
  checkAxis,
  checkCastType,
  checkFloat,
  checkLeading,
  checkOperand,
  checkSize,
  perChannel,
  type ResultAs,
} from './shapes.js';

export interface ReduceOptions extends OperationOptions {
  /** The dimension along which; negative ones count from the end. -1, the last one, by default. */
  axis?: number;
  /** Whether that dimension stays, with a size of 1. */
  keepDims?: boolean;
}

export interface TopK<V, I> {
  /** [..., k]: the largest elements, largest first. */
  readonly values: V;
  /** [..., k] of int64: where along the last dimension they are. */
  readonly indices: I;
}

export interface PadOptions extends OperationOptions {
  /** Of each row; by default that of the longest sequence. */
  length?: number;
  /** What comes behind a sequence: 0 by default. For floats of 16 and 8 bits its bits, as in their data. */
  value?: number | bigint;
}

export interface ImageOptions extends OperationOptions {
  /** Of the result; by default the images' own. */
  height?: number;
  /** Of the result; by default the images' own. */
  width?: number;
  /** What a pixel is multiplied by: 1/255 by default. */
  scale?: number;
  /** What is then subtracted, of all channels or of each: 0 by default. */
  mean?: number | readonly number[];
  /** What the difference is then divided by, of all channels or of each: 1 by default. */
  std?: number | readonly number[];
  /** Whether the first and the third channel change places, before `mean` and `std`: BGR from RGB, and the other way round. */
  swapRedBlue?: boolean;
}

type Reduction = Operations['reduce']['reduction'];

const mostOfTopK = 1024;
const mostPixels = 2 ** 31 - 1;

/**
 * Operands are host tensors or device tensors; where one is on the device, so are the results. Host operands of up to 64 KiB may
 * be reused as soon as a call returns; larger ones are read until its promise settles.
 *
 * Every operation rejects with ERR_ARGUMENT, ERR_DTYPE or ERR_SHAPE for what it cannot take, ERR_DISPOSED once its device is
 * gone, ERR_OUT_OF_MEMORY and ERR_DEVICE_LOST. A NaN or an infinity is a number like any other.
 */
export class TensorOperations {
  readonly #runner: Runner;

  /** @internal */
  constructor(runner: Runner) {
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
    options: OperationOptions = {},
  ): Promise<ResultAs<A, T>> {
    const operand = checkOperand(a, 'cast');
    const to = checkCastType(type, 'cast: type');
    const from = checkCastType(operand.type, 'cast');
    const request = { type: from, to, count: product(operand.dims) };
    const shapes = [{ type: to, dims: [...operand.dims] }];
    const [result] = await this.#runner.run('cast', { a: operand }, request, shapes, options);
    return result as ResultAs<A, T>;
  }

  /**
   * The dimensions in another order, as numpy.transpose and ONNX's Transpose have it: dimension i of the result is dimension axes[i]
   * of `a`, by default the last one first. All types but strings and the 4-bit integers.
   */
  async transpose<A extends Operand>(
    a: A,
    axes?: readonly number[],
    options: OperationOptions = {},
  ): Promise<ResultAs<A, A['type']>> {
    const operand = checkOperand(a, 'transpose');
    const { type, dims } = operand;
    const order = axes === undefined ? dims.map((_, i) => dims.length - 1 - i) : checkAxes(axes, dims.length);
    const shapes = [{ type, dims: order.map((axis) => dims[axis]!) }];
    const request = { type, dims: [...dims], axes: order };
    const [result] = await this.#runner.run('transpose', { a: operand }, request, shapes, options);
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
    const { operand, request, dims } = checkReduction(a, options, 'argmax');
    if (request.length === 0 && product(dims) > 0) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `argmax: dims [${operand.dims.join(', ')}] have no element along the axis`,
      );
    }
    const [result] = await this.#runner.run('argmax', { a: operand }, request, [{ type: 'int64', dims }], options);
    return result as ResultAs<A, 'int64'>;
  }

  /**
   * The k largest elements along the last dimension and where they are, as ONNX's TopK: [..., n] to [..., k], twice. Largest first,
   * the one with the lower index first where they are equal; a NaN counts as the largest. k is at most n and 1024.
   */
  async topK<A extends FloatOperand>(
    a: A,
    k: number,
    options: OperationOptions = {},
  ): Promise<TopK<ResultOf<A>, ResultAs<A, 'int64'>>> {
    const operand = checkFloat(a, 'topK');
    checkLeading(operand, 'topK');
    const { type } = operand;
    const lead = operand.dims.slice(0, -1);
    const columns = operand.dims.at(-1)!;
    checkSize(k, 0, Math.min(columns, mostOfTopK), 'topK: k');
    const shapes = [
      { type, dims: [...lead, k] },
      { type: 'int64' as const, dims: [...lead, k] },
    ];
    const request = { type, rows: product(lead), columns, k };
    const [values, indices] = await this.#runner.run('topK', { a: operand }, request, shapes, options);
    return { values, indices } as TopK<ResultOf<A>, ResultAs<A, 'int64'>>;
  }

  /**
   * For each item of the leading dimension, whether it has a NaN or an infinity among its elements: [n, ...] to [n] of bool. What
   * linear algebra would refuse with ERR_NOT_FINITE, in a batch.
   */
  async hasNonFinite<A extends FloatOperand>(a: A, options: OperationOptions = {}): Promise<ResultAs<A, 'bool'>> {
    const operand = checkFloat(a, 'hasNonFinite');
    checkLeading(operand, 'hasNonFinite');
    const [items, ...rest] = operand.dims as [number, ...number[]];
    const request = { type: operand.type, items, elements: product(rest) };
    const shapes = [{ type: 'bool' as const, dims: [items] }];
    const [result] = await this.#runner.run('hasNonFinite', { a: operand }, request, shapes, options);
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
    options?: OperationOptions,
  ): Promise<ResultAs<A, A['type']>>;
  async gather<A extends Operand, I extends Operand<'int32' | 'int64'>>(
    a: A,
    indices: I,
    options?: OperationOptions,
  ): Promise<ResultAs<A | I, A['type']>>;
  async gather(
    a: Operand,
    indices: readonly number[] | Operand<'int32' | 'int64'>,
    options: OperationOptions = {},
  ): Promise<unknown> {
    const { operand, picked, rest, request } = checkPick(a, indices, 'gather');
    const shapes = [{ type: operand.type, dims: [...picked.dims, ...rest] }];
    const operands = { a: operand, indices: picked as Operand };
    const [result] = await this.#runner.run('gather', operands, request, shapes, options);
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
    options?: OperationOptions,
  ): Promise<ResultAs<A | U, A['type']>>;
  async scatter<A extends Operand, I extends Operand<'int32' | 'int64'>, U extends Operand>(
    a: A,
    indices: I,
    updates: U,
    options?: OperationOptions,
  ): Promise<ResultAs<A | I | U, A['type']>>;
  async scatter(
    a: Operand,
    indices: readonly number[] | Operand<'int32' | 'int64'>,
    updates: Operand,
    options: OperationOptions = {},
  ): Promise<unknown> {
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
    const [result] = await this.#runner.run('scatter', operands, request, [{ type, dims: [...dims] }], options);
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
    const operand = checkOperand(a, 'padSequences');
    checkLeading(operand, 'padSequences');
    const [total, ...rest] = operand.dims as [number, ...number[]];
    const { type } = operand;
    checkOptions(options, 'padSequences');
    const each = product(rest);
    const offsets = checkLengths(lengths, total).map((offset) => offset * each);
    const longest = lengths.reduce((most, one) => Math.max(most, one), 0);
    const length = checkSize(options.length ?? longest, 0, Number.MAX_SAFE_INTEGER, 'padSequences: length');
    const request = { type, elements: total * each, count: lengths.length, length: length * each };
    const operands = {
      a: operand,
      offsets: { type: 'int64', data: BigInt64Array.from(offsets, BigInt), dims: [offsets.length] } as Tensor<'int64'>,
      value: oneElement(type, options.value ?? 0, 'padSequences: value'),
    };
    const shapes = [{ type, dims: [lengths.length, length, ...rest] }];
    const [result] = await this.#runner.run('pad', operands, request, shapes, options);
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
    const operand = checkOperand(images, 'imageToTensor');
    if (operand.type !== 'uint8') {
      throw new TensorlaneError('ERR_DTYPE', `imageToTensor: expected images of uint8, not ${operand.type}`);
    }
    const { dims } = operand;
    const [batch, height, width, channels] = dims as [number, number, number, number];
    if (dims.length !== 4 || channels < 1 || channels > 4 || height < 1 || width < 1) {
      throw new TensorlaneError(
        'ERR_SHAPE',
        `imageToTensor: expected images of [n, h, w, c] with 1 to 4 channels, got dims [${dims.join(', ')}]`,
      );
    }
    checkOptions(options, 'imageToTensor');
    const { scale = 1 / 255, mean = 0, std = 1, swapRedBlue = false } = options;
    const toHeight = checkSize(options.height ?? height, 1, mostPixels, 'imageToTensor: height');
    const toWidth = checkSize(options.width ?? width, 1, mostPixels, 'imageToTensor: width');
    const request = {
      ...{ batch, height, width, channels, toHeight, toWidth, swapRedBlue },
      scale: perChannel(scale, 1, 'imageToTensor: scale')[0]!,
      mean: perChannel(mean, channels, 'imageToTensor: mean'),
      std: perChannel(std, channels, 'imageToTensor: std'),
    };
    if (request.std.includes(0)) {
      throw new TensorlaneError('ERR_ARGUMENT', 'imageToTensor: std must not be 0');
    }
    if (typeof swapRedBlue !== 'boolean' || (swapRedBlue && channels < 3)) {
      throw new TensorlaneError(
        'ERR_ARGUMENT',
        `imageToTensor: swapRedBlue must be a boolean, and false for images of ${channels} channels, got ${String(swapRedBlue)}`,
      );
    }
    const shapes = [{ type: 'float32' as const, dims: [batch, channels, toHeight, toWidth] }];
    const [result] = await this.#runner.run('imageToTensor', { a: operand }, request, shapes, options);
    return result as ResultAs<A, 'float32'>;
  }

  async #reduce<A extends FloatOperand>(reduction: Reduction, a: A, options: ReduceOptions): Promise<ResultOf<A>> {
    const { operand, request, dims } = checkReduction(a, options, reduction);
    const shapes = [{ type: request.type, dims }];
    const [result] = await this.#runner.run('reduce', { a: operand }, { ...request, reduction }, shapes, options);
    return result as ResultOf<A>;
  }
}

/** An operation along one axis: the operand around it, and the result's dims. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
function checkReduction(a: unknown, options: ReduceOptions, what: string) {
  const operand = checkFloat(a, what);
  checkLeading(operand, what);
  checkOptions(options, what);
  const { axis = -1, keepDims = false } = options;
  if (typeof keepDims !== 'boolean') {
    throw new TensorlaneError('ERR_ARGUMENT', `${what}: keepDims must be a boolean, got ${String(keepDims)}`);
  }
  const { dims } = operand;
  const place = checkAxis(axis, dims.length, what);
  const outer = dims.slice(0, place);
  const inner = dims.slice(place + 1);
  const type: FloatType = operand.type;
  const request = { type, outer: product(outer), length: dims[place]!, inner: product(inner) };
  return { operand, request, dims: keepDims ? [...outer, 1, ...inner] : [...outer, ...inner] };
}

/** Each axis once. Errors: ERR_ARGUMENT. */
function checkAxes(axes: unknown, rank: number): number[] {
  if (!Array.isArray(axes) || axes.length !== rank) {
    throw new TensorlaneError('ERR_ARGUMENT', `transpose: expected ${rank} axes, got [${String(axes)}]`);
  }
  const order = axes.map((axis) => checkAxis(axis, rank, 'transpose'));
  if (new Set(order).size !== rank) {
    throw new TensorlaneError('ERR_ARGUMENT', `transpose: every axis must be named once, got [${axes.join(', ')}]`);
  }
  return order;
}

/** Items of the leading dimension, and which. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
function checkPick(a: unknown, indices: unknown, what: string) {
  const operand = checkOperand(a, what);
  checkLeading(operand, what);
  const picked = checkIndices(indices, what);
  const [rows, ...rest] = operand.dims as [number, ...number[]];
  const rowBytes = product(rest) * (bitsOf[operand.type] / 8);
  return { operand, picked, rest, request: { rowBytes, rows, count: product(picked.dims), indexType: picked.type } };
}

/** Where each of the sequences begins, and the last one ends. Errors: ERR_ARGUMENT, ERR_SHAPE. */
function checkLengths(lengths: unknown, total: number): number[] {
  if (!Array.isArray(lengths)) {
    throw new TensorlaneError('ERR_ARGUMENT', `padSequences: lengths must be an array, got ${String(lengths)}`);
  }
  const offsets = [0];
  for (const length of lengths) {
    offsets.push(offsets.at(-1)! + checkSize(length, 0, Number.MAX_SAFE_INTEGER, 'padSequences: a length'));
  }
  if (offsets.at(-1) === total) return offsets;
  throw new TensorlaneError(
    'ERR_SHAPE',
    `padSequences: the lengths add up to ${offsets.at(-1)}, but a has ${total} items`,
  );
}

/** A scalar of the type. Errors: ERR_ARGUMENT. */
function oneElement(type: NumericDType, value: unknown, what: string): Operand {
  const data = new arrayClasses[type](1);
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    throw new TensorlaneError('ERR_ARGUMENT', `${what} must be a number, got ${String(value)}`);
  }
  const isBig = data instanceof BigInt64Array || data instanceof BigUint64Array;
  if (isBig && typeof value === 'number' && !Number.isInteger(value)) {
    throw new TensorlaneError('ERR_ARGUMENT', `${what} must be an integer for ${type}, got ${value}`);
  }
  data[0] = isBig ? BigInt(value) : Number(value);
  return { type, data, dims: [] } as unknown as Operand;
}

/** Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
function checkIndices(indices: unknown, what: string): Operand<'int32' | 'int64'> {
  if (Array.isArray(indices)) {
    const wrong = indices.find((index) => !Number.isSafeInteger(index));
    if (wrong !== undefined || indices.includes(undefined)) {
      throw new TensorlaneError('ERR_ARGUMENT', `${what}: indices must be integers, got ${String(wrong)}`);
    }
    return { type: 'int64', data: BigInt64Array.from(indices, BigInt), dims: [indices.length] } as Tensor<'int64'>;
  }
  const operand = checkOperand(indices, `${what}: indices`);
  if (operand.type === 'int32' || operand.type === 'int64') return operand as Operand<'int32' | 'int64'>;
  throw new TensorlaneError('ERR_DTYPE', `${what}: indices must be int32 or int64, not ${operand.type}`);
}

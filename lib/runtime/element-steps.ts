// The steps of which operations are made, element by element, and those that arrange elements: what one takes, what it makes on the way, and
// what it gives. See steps.ts.

import type { Operations } from '../../binding.js';
import { bitsOf, byteSize, isComplex, type NumericArray, type NumericDType, storedLength } from '../tensor/dtypes.js';
import { arrayOfOne } from '../tensor/elements.js';
import { hostTensor, product } from '../tensor/tensor.js';
import type { FloatType, Tensor } from '../tensor/types.js';
import { broadcastDims, withRank } from './broadcast.js';
import { DeviceTensor } from './device-tensor.js';
import type { Operand } from './operands.js';
import { type Placed, requireFits } from './out.js';
import { complexOf, isInteger, realOf } from './promotion.js';
import type { Results, RunStep, Settings, Step } from './runner.js';
import type { Shape } from './storage.js';
import { keptOf, orderOf, storedOf } from './transposed.js';

type Binary = Operations['binary']['op'];
type Unary = Operations['unary']['op'];
type Reduction = Operations['reduce']['reduction'];

/** The steps of one operation, but for linear algebra. Where an operand is on the device, so is what comes of it. */
export class ElementSteps {
  readonly #runStep: RunStep;
  readonly #made = new Set<DeviceTensor>();
  readonly #pending = new Set<Promise<unknown>>();

  constructor(run: RunStep) {
    this.#runStep = run;
  }

  /** An operand for as long as this goes on, as the type. */
  take(operand: Operand, type: NumericDType, what: string): Promise<Operand> {
    const order = orderOf(operand);
    if (order !== undefined) return this.#inOrder(operand, order, type, what);
    if (operand.type !== type) return this.cast(operand, type);
    return Promise.resolve(this.#keep(keptOf(operand, what)));
  }

  /** A transposed one. */
  async #inOrder(operand: Operand, order: readonly number[], to: NumericDType, what: string): Promise<Operand> {
    const { type, dims } = operand;
    const stored = this.#keep(storedOf(operand, what));
    const settings = { type, dims: [...stored.dims], axes: order };
    const ordered = await this.one('transpose', { a: stored }, settings, { type, dims: [...dims] });
    return this.cast(ordered, to);
  }

  /** The results, of which some are copied to where the caller wants them. */
  async placeAll(results: readonly Operand[], outs: Placed['outs'], what: string): Promise<readonly Operand[]> {
    if (outs === undefined) return results;
    outs.forEach((out, i) => {
      if (out !== undefined) requireFits(out, results[i]!, results[i] instanceof DeviceTensor, what);
    });
    return Promise.all(results.map((result, i) => this.#placeOne(result, outs[i])));
  }

  async #placeOne(from: Operand, out: Operand | undefined): Promise<Operand> {
    if (out === undefined) return from;
    // Not by run(), which would free it if another step fails: it is the caller's.
    const running = this.#runStep({ ...copyOf(from), outs: [out] });
    this.#pending.add(running);
    try {
      await running;
    } finally {
      this.#pending.delete(running);
    }
    return out;
  }

  /** What is given is no longer this one's to free. */
  give(results: readonly Operand[]): readonly Operand[] {
    for (const result of results) if (result instanceof DeviceTensor) this.#made.delete(result);
    return results;
  }

  async end(): Promise<void> {
    // A step that failed leaves others behind that still run.
    await Promise.allSettled(this.#pending);
    // Whoever calls again and again holds no more than one call needs.
    await Promise.allSettled(Array.from(this.#made, (tensor) => tensor.dispose()));
  }

  async run<K extends keyof Operations>(step: Step<K>): Promise<Results> {
    const running = this.#runStep(step);
    this.#pending.add(running);
    try {
      const results = await running;
      for (const result of results) this.#keep(result);
      return results;
    } finally {
      this.#pending.delete(running);
    }
  }

  /** The same elements under other dims. */
  reshape(a: Operand, dims: readonly number[]): Operand {
    if (a instanceof DeviceTensor) return this.#keep(a.view(dims, 'reshape'));
    return hostTensor(a.type, a.data, dims) as Operand;
  }

  /** Some items of the leading dimension, one behind the other, over the same memory. */
  rows(a: Operand, from: number, to: number): Operand {
    if (a instanceof DeviceTensor) return this.#keep(a.slice(from, to));
    const [, ...rest] = a.dims;
    const each = storedLength(a.type, product(rest));
    const data = (a.data as Float64Array).subarray(from * each, to * each);
    return hostTensor(a.type, data, [to - from, ...rest]) as Operand;
  }

  /** So many bools, of which one holds. */
  flag(count: number, at: number, dims: readonly number[]): Operand {
    return hostTensor(
      'bool',
      Uint8Array.from({ length: count }, (_, i) => Number(i === at)),
      dims,
    ) as Operand;
  }

  /** Random numbers of the seed, the same on every device: of the type of `like` and where that is. See native/core/philox.h. */
  async randomNumbers(dims: readonly number[], seed: number, like: Operand): Promise<Operand> {
    const type = realOf(like.type);
    const [numbers] = await this.run({
      name: 'randomNumbers',
      operands: {},
      settings: { type, seed, count: product(dims) },
      results: [{ type, dims: [...dims] }],
      onDevice: like instanceof DeviceTensor,
    });
    return this.cast(numbers!, like.type);
  }

  /** Complex numbers as pairs of real ones, which are one dimension more, of 2. */
  asReal(a: Operand): Operand {
    return this.#as(a, realOf(a.type), [...a.dims, 2]);
  }

  /** Pairs of real numbers as complex ones. */
  asComplex(a: Operand): Operand {
    return this.#as(a, complexOf(a.type), a.dims.slice(0, -1));
  }

  #as(a: Operand, type: NumericDType, dims: readonly number[]): Operand {
    if (a instanceof DeviceTensor) return this.#keep(a.view(dims, 'reshape', type));
    return hostTensor(type, a.data, dims) as Operand;
  }

  /** Of real numbers themselves. */
  async conjugate(a: Operand): Promise<Operand> {
    if (!isComplex(a.type)) return a;
    const signs = hostTensor(realOf(a.type), arrayOf(a.type, [1, -1]), [2]) as Operand;
    return this.asComplex(await this.binary('mul', this.asReal(a), signs));
  }

  /** The last two dimensions exchanged, and conjugates of complex numbers. */
  async adjoint(a: Operand): Promise<Operand> {
    return this.conjugate(await this.transposeMatrices(a));
  }

  /** Absolute values, which are real. */
  sizes(a: Operand): Promise<Operand> {
    return isComplex(a.type) ? this.reduce('norm', this.asReal(a), [a.dims.length]) : this.unary('abs', a);
  }

  /** Of one type, and dims that broadcast. */
  add(a: Operand, b: Operand): Promise<Operand> {
    return this.#arithmetic('add', a, b);
  }

  /** Of one type, and dims that broadcast. */
  subtract(a: Operand, b: Operand): Promise<Operand> {
    return this.#arithmetic('sub', a, b);
  }

  /** Of one type, and dims that broadcast. */
  multiply(a: Operand, b: Operand): Promise<Operand> {
    return this.#arithmetic('mul', a, b);
  }

  /** Integers of other sizes than 32 and 64 bits are the low bits of those of 64, which wrap as they do; of bools it is what is not 0. */
  async #arithmetic(op: 'add' | 'sub' | 'mul', a: Operand, b: Operand): Promise<Operand> {
    const { type } = a;
    // Part by part, which a CUDA device does itself.
    if (isComplex(type) && op !== 'mul') {
      const rank = Math.max(a.dims.length, b.dims.length);
      const parts = [a, b].map((one) => this.asReal(this.reshape(one, withRank(one.dims, rank))));
      return this.asComplex(await this.binary(op, parts[0]!, parts[1]!));
    }
    if (!isInteger(type) || type === 'int32' || type === 'int64') return this.binary(op, a, b);
    const [x, y] = await Promise.all([this.cast(a, 'int64'), this.cast(b, 'int64')]);
    return this.cast(await this.binary(op, x, y), type);
  }

  /** The sums along axes, in ascending order, of any type; integers wrap. */
  async sum(a: Operand, axes: readonly number[]): Promise<Operand> {
    const { type, dims } = a;
    if (isComplex(type)) return this.asComplex(await this.reduce('sum', this.asReal(a), axes));
    if (!isInteger(type)) return this.reduce('sum', a, axes);
    const others = [...dims.keys()].filter((axis) => !axes.includes(axis));
    const kept = others.map((axis) => dims[axis]!);
    const length = product(axes.map((axis) => dims[axis]!));
    const rows = this.reshape(await this.transpose(a, [...others, ...axes]), [product(kept), length]);
    const ones = await this.cast(hostTensor('bool', new Uint8Array(length).fill(1), [length, 1]) as Operand, type);
    return this.reshape(await this.matmul(rows, ones), kept);
  }

  /** The root of the sum of squares along axes, in ascending order. */
  sizeOf(a: Operand, axes: readonly number[]): Promise<Operand> {
    if (!isComplex(a.type)) return this.reduce('norm', a, axes);
    return this.reduce('norm', this.asReal(a), [...axes, a.dims.length]);
  }

  /** Times real numbers that broadcast to it. */
  async scale(a: Operand, factors: Operand): Promise<Operand> {
    if (!isComplex(a.type)) return this.binary('mul', a, factors);
    const pairs = this.reshape(factors, [...factors.dims, 1]);
    return this.asComplex(await this.binary('mul', this.asReal(a), pairs));
  }

  /** To a complex type or from one type of them to another. */
  async #castToComplex(a: Operand, to: NumericDType): Promise<Operand> {
    if (isComplex(a.type)) return this.asComplex(await this.cast(this.asReal(a), realOf(to)));
    const parts = this.reshape(await this.cast(a, realOf(to)), [...a.dims, 1]);
    const isRealPart = hostTensor('bool', Uint8Array.of(1, 0), [2]) as Operand;
    return this.asComplex(await this.where(isRealPart, parts, 0));
  }

  cast(a: Operand, to: NumericDType): Promise<Operand> {
    if (a.type === to) return Promise.resolve(a);
    if (isComplex(to)) return this.#castToComplex(a, to);
    const settings = { type: a.type, to, count: product(a.dims) };
    return this.one('cast', { a }, settings, { type: to, dims: [...a.dims] });
  }

  /** In memory of its own. */
  async copy(a: Operand): Promise<Operand> {
    return (await this.run(copyOf(a)))[0]!;
  }

  /** In host memory, for JS to look at. */
  async read(a: Operand): Promise<Tensor<NumericDType>> {
    if (!(a instanceof DeviceTensor)) return a;
    const [read] = await this.run({ ...copyOf(a), onDevice: false });
    return read as Tensor<NumericDType>;
  }

  /** What JS has made, where the operand `like` is. */
  async place(made: Tensor<NumericDType>, like: Operand): Promise<Operand> {
    if (!(like instanceof DeviceTensor)) return made;
    const [placed] = await this.run({ ...copyOf(made), onDevice: true });
    return placed!;
  }

  /** Of operands of one type that broadcast; a number is taken as the type of `a`. */
  binary(op: Binary, a: Operand, b: Operand | number): Promise<Operand> {
    const right = typeof b === 'number' ? this.scalar(a.type, b) : b;
    const arithmetic = op === 'add' || op === 'sub' || op === 'mul' || op === 'div';
    const type = a.type as Settings<'binary'>['type'];
    const { dims, strides } = broadcastDims([a.dims, right.dims], `${op}: the dims`);
    const settings = { op, type, dims, aStrides: strides[0]!, bStrides: strides[1]! };
    return this.one('binary', { a, b: right }, settings, { type: arithmetic ? type : 'bool', dims });
  }

  /** 1 / a. */
  reciprocal(a: Operand): Promise<Operand> {
    return this.binary('div', this.scalar(a.type, 1), a);
  }

  /** One that the type holds, in host memory. */
  scalar(type: NumericDType, value: number): Operand {
    return hostTensor(type, arrayOfOne(type, value)!, []) as Operand;
  }

  unary(op: Unary, a: Operand): Promise<Operand> {
    const type = a.type as Settings<'unary'>['type'];
    return this.one('unary', { a }, { op, type, count: product(a.dims) }, { type, dims: [...a.dims] });
  }

  /** `a` where the condition holds, else `b`, of one type. A number is taken as the type of the other. */
  async where(condition: Operand, a: Operand | number, b: Operand | number): Promise<Operand> {
    const { type } = typeof a === 'number' ? (b as Operand) : a;
    if (isComplex(type)) {
      const pairs = [a, b].map((one) => this.asReal(typeof one === 'number' ? this.scalar(type, one) : one));
      const both = this.reshape(condition, [...condition.dims, 1]);
      return this.asComplex(await this.where(both, pairs[0]!, pairs[1]!));
    }
    const left = typeof a === 'number' ? this.scalar(type, a) : a;
    const right = typeof b === 'number' ? this.scalar(type, b) : b;
    const { dims, strides } = broadcastDims([condition.dims, left.dims, right.dims], 'where: the dims');
    const [conditionStrides, aStrides, bStrides] = strides as [number[], number[], number[]];
    const settings = { type, dims, conditionStrides, aStrides, bStrides };
    return this.one('where', { condition, a: left, b: right }, settings, { type, dims });
  }

  /** Along axes, in ascending order, which become 1 or go. */
  async reduce(reduction: Reduction, a: Operand, axes: readonly number[], keepDims = false): Promise<Operand> {
    const { dims, type } = a;
    const along = new Set(axes);
    const others = dims.map((_, place) => place).filter((place) => !along.has(place));
    const kept = dims.flatMap((dim, place) => (along.has(place) ? (keepDims ? [1] : []) : [dim]));
    const isTogether = axes.every((axis, i) => axis === axes[0]! + i);
    const from = isTogether ? a : await this.transpose(a, [...others, ...axes]);
    const first = isTogether ? (axes[0] ?? dims.length) : others.length;
    const sizes = {
      outer: product(from.dims.slice(0, first)),
      length: product(from.dims.slice(first, first + axes.length)),
      inner: product(from.dims.slice(first + axes.length)),
    };
    const settings = { type: type as FloatType, ...sizes, reduction };
    return this.one('reduce', { a: from }, settings, { type, dims: kept });
  }

  /** Dimension i of the result is dimension axes[i]; without a copy where only sizes of 1 change their places. */
  transpose(a: Operand, axes: readonly number[]): Promise<Operand> {
    const { type, dims } = a;
    const order = axes.map((axis) => dims[axis]!);
    const moving = axes.filter((axis) => dims[axis] !== 1);
    if (moving.every((axis, i) => i === 0 || moving[i - 1]! < axis)) return Promise.resolve(this.reshape(a, order));
    return this.one('transpose', { a }, { type, dims: [...dims], axes }, { type, dims: order });
  }

  /** The last two dimensions exchanged. */
  transposeMatrices(a: Operand): Promise<Operand> {
    const last = a.dims.length - 1;
    return this.transpose(a, [...a.dims.keys()].slice(0, -2).concat(last, last - 1));
  }

  /** Items of the leading dimension. */
  gather(a: Operand, items: readonly number[]): Promise<Operand> {
    const { type, dims } = a;
    const [rows, ...rest] = dims as [number, ...number[]];
    const indices = hostTensor('int64', BigInt64Array.from(items, BigInt), [items.length]) as Operand;
    const rowBytes = product(rest) * (bitsOf[type] / 8);
    const settings = { rowBytes, rows, count: items.length, indexType: 'int64' as const };
    return this.one('gather', { a, indices }, settings, { type, dims: [items.length, ...rest] });
  }

  /** The same, by indices that were computed: a vector of int64. */
  gatherAt(a: Operand, indices: Operand): Promise<Operand> {
    const { type, dims } = a;
    const [rows, ...rest] = dims as [number, ...number[]];
    const count = indices.dims[0]!;
    const settings = { rowBytes: product(rest) * (bitsOf[type] / 8), rows, count, indexType: 'int64' as const };
    return this.one('gather', { a, indices }, settings, { type, dims: [count, ...rest] });
  }

  /** Along the last dimension, which is no longer than topK takes: the elements, and where they were. */
  async largestFirst(a: Operand): Promise<{ values: Operand; indices: Operand }> {
    const dims = [...a.dims];
    const columns = dims.at(-1)!;
    const type = a.type as FloatType;
    const settings = { type, rows: product(dims.slice(0, -1)), columns, k: columns };
    const results = [
      { type, dims },
      { type: 'int64' as const, dims },
    ];
    const [values, indices] = await this.run({ name: 'topK', operands: { a }, settings, results });
    return { values: values!, indices: indices! };
  }

  /** Where the largest element of each row [rows, n] is: int64 [rows]. */
  largestAt(a: Operand): Promise<Operand> {
    const [outer, length] = a.dims as [number, number];
    const settings = { type: a.type as FloatType, outer, length, inner: 1 };
    return this.one('argmax', { a }, settings, { type: 'int64', dims: [outer] });
  }

  /** Items of any dimension. */
  async pick(a: Operand, axis: number, items: readonly number[]): Promise<Operand> {
    if (axis === 0) return this.gather(a, items);
    const front = [axis, ...[...a.dims.keys()].filter((place) => place !== axis)];
    const picked = await this.gather(await this.transpose(a, front), items);
    return this.transpose(
      picked,
      front.map((_, place) => front.indexOf(place)),
    );
  }

  /** Products of matrices, of one type; leading dimensions broadcast. */
  matmul(a: Operand, b: Operand): Promise<Operand> {
    const [m, k] = a.dims.slice(-2) as [number, number];
    const n = b.dims.at(-1)!;
    const { dims: batchDims, strides } = broadcastDims([a.dims.slice(0, -2), b.dims.slice(0, -2)], 'matmul: the dims');
    const type = a.type as Settings<'matmul'>['type'];
    const settings = { type, m, k, n, tf32: false, batchDims, aStrides: strides[0]!, bStrides: strides[1]! };
    return this.one('matmul', { a, b }, settings, { type, dims: [...batchDims, m, n] });
  }

  protected async one<K extends keyof Operations>(
    name: K,
    operands: Readonly<Record<string, Operand>>,
    settings: Settings<K>,
    result: Shape,
  ): Promise<Operand> {
    return (await this.run({ name, operands, settings, results: [result] }))[0]!;
  }

  #keep<O extends Operand>(operand: O): O {
    if (operand instanceof DeviceTensor) this.#made.add(operand);
    return operand;
  }
}

/** The step that copies the elements of an operand. */
function copyOf(from: Operand): Step<'copy'> {
  const { type, dims } = from;
  const settings = { bytes: byteSize(type, product(dims)) };
  return { name: 'copy', operands: { from }, settings, results: [{ type, dims: [...dims] }] };
}

/** Of as many real numbers. */
function arrayOf(type: NumericDType, values: readonly number[]): NumericArray {
  return realOf(type) === 'float32' ? Float32Array.from(values) : Float64Array.from(values);
}

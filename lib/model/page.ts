// Where requests of one key put their inputs while they wait, so that a batch finds them together.
//
// Small inputs are copied into a slab at once, so their owner may reuse them; large ones (above `copyUpTo` bytes) are kept
// by reference and gathered on the lane. A page takes requests until one of them runs; so requests that run in the order in
// which they came, as they do without priorities, are a batch that lies in its slabs as it is.

import type { BufferPart, RunInput, RunLog } from '../../binding.js';
import { addon } from '../addon/load.js';
import type { Batch } from '../batching/running/executor.js';
import { TensorlaneError } from '../core/errors.js';
import type { NumericArray, NumericArrayClass } from '../tensor/dtypes.js';
import { exactElementOf } from '../tensor/elements.js';
import { product } from '../tensor/tensor.js';
import type { Tensor } from '../tensor/types.js';
import { blocksOf } from './blocks.js';
import { type Given, OnDevice, Whole } from './given.js';
import type { InputLayout, Layout } from './layout.js';
import type { CheckedFeeds } from './signature.js';

/** A run on its way through the batcher: its payload. */
export interface QueuedRun {
  readonly checked: CheckedFeeds;
  /** Indices of the wanted outputs. */
  readonly outputs: readonly number[];
  /** Runs by itself, whatever its shape. */
  readonly alone: boolean;
  /** Whether its outputs are to stay on the device. */
  readonly resident: boolean;
  /** How ONNX Runtime's log tells of it; only of one that runs by itself. */
  readonly log: RunLog | undefined;
  page: Page | undefined;
  /** Its place in the page. */
  place: number;
}

/** Where the elements of one input are: in the slab from `start` on, in the caller's own array, or not in JS. */
type Placed = number | NumericArray | readonly string[] | OnDevice | Whole;
/** What the addon takes. */
type Part = NumericArray | readonly string[] | BufferPart;

/** So many elements of padding are made at once. */
const repeatedElements = 16_384;
/** Up to so many floats are copied sooner one by one than by a call of `set`. */
const fewElements = 32;

class Slab {
  array: NumericArray | undefined;
  used = 0;

  constructor(readonly arrayClass: NumericArrayClass | undefined) {}

  /** Room for so many elements more, which the caller fills. */
  reserve(count: number): number {
    const start = this.used;
    const end = start + count;
    if (this.array === undefined || end > this.array.length) {
      const grown = new this.arrayClass!(Math.max(end * 2, 64));
      if (this.array !== undefined) (grown as Float32Array).set(this.array.subarray(0, start) as Float32Array);
      this.array = grown;
    }
    this.used = end;
    return start;
  }

  append(given: NumericArray): number {
    const Class = this.arrayClass!;
    // The bits of a Buffer, of a Float16Array, or of another realm's array are taken as they are.
    const data = given.constructor === Class ? given : new Class(given.buffer, given.byteOffset, given.length);
    const start = this.reserve(data.length);
    const { array } = this;
    if (data.length <= fewElements && array instanceof Float32Array && data instanceof Float32Array) {
      for (let i = 0; i < data.length; i++) array[start + i] = data[i]!;
    } else (array as Float32Array).set(data as Float32Array, start);
    return start;
  }

  fill(start: number, end: number, element: number | bigint): void {
    (this.array as Float32Array).fill(element as number, start, end);
  }

  /** One large request must not keep its memory for good. */
  clear(): void {
    this.used = 0;
    if (this.array !== undefined && this.array.byteLength > keptBytes) this.array = undefined;
  }
}

/** A buffer is kept for the next batch up to this size; making a larger one anew is little beside what is done with it. */
export const keptBytes = 16 * 2 ** 20;

export class Page {
  rows = 0;
  /** Requests in it that are not settled. */
  live = 0;
  #count = 0;
  /** Whether some input of some request is not in its slab. */
  #scattered = false;
  readonly #layout: Layout;
  readonly #slabs: Slab[];
  /** Of each input, where each request's elements are, and how many: callers may change their tensors after the call. */
  readonly #placed: Placed[][];
  readonly #lengths: number[][];
  /** Of each input, the first request's dims; others differ in the batch axis at most. */
  readonly #dims: number[][];
  /** In bytes. Kept, because it is asked for with each input of each request. */
  readonly #copyUpTo = addon().copyUpTo;

  constructor(layout: Layout) {
    this.#layout = layout;
    this.#slabs = layout.inputs.map(({ arrayClass }) => new Slab(arrayClass));
    this.#placed = layout.inputs.map(() => []);
    this.#lengths = layout.inputs.map(() => []);
    this.#dims = layout.inputs.map(() => []);
  }

  /** Errors: ERR_OUT_OF_MEMORY, after which the page has what it had, and takes no more. */
  add(request: QueuedRun): void {
    const { checked } = request;
    const { tensors } = checked;
    let given = 0;
    try {
      for (let i = 0; i < this.#layout.inputs.length; i++) {
        const input = this.#layout.inputs[i]!;
        if (input.made !== undefined) this.#make(input, checked, tensors);
        else this.#take(input, tensors[given++]!, checked);
      }
    } catch (cause) {
      // Slabs may have elements of it, which are nobody's.
      this.#scattered = true;
      throw cause instanceof RangeError
        ? new TensorlaneError('ERR_OUT_OF_MEMORY', `no memory for the request's inputs: ${cause.message}`, { cause })
        : cause;
    }
    request.page = this;
    request.place = this.#count++;
    this.rows += checked.rows;
    this.live++;
  }

  /** Makes room for others. */
  clear(): void {
    this.rows = 0;
    this.#count = 0;
    this.#scattered = false;
    for (const slab of this.#slabs) slab.clear();
    for (const placed of this.#placed) placed.length = 0;
    for (const lengths of this.#lengths) lengths.length = 0;
  }

  /** One input of a batch whose requests lie in this page and in others of the same key. */
  input(index: number, batch: Batch<QueuedRun>, isWhole: boolean): RunInput {
    const { axis, type } = this.#layout.inputs[index]!;
    const { alone, place } = batch.payloads[0]!;
    const dims = this.#dims[index]!.slice();
    if (alone || axis === undefined) {
      const placed = this.#placed[index]![place]!;
      if (placed instanceof Whole) return placed.input;
      const part = this.#part(index, place, 0, this.#lengths[index]![place]!);
      return { dims, parts: type === 'string' ? [...(part as string[])] : [part as NumericArray | BufferPart] };
    }
    dims[axis] = batch.padded;
    if (isWhole && axis === 0 && type !== 'string' && !this.#scattered) {
      const { array, used } = this.#slabs[index]!;
      return { dims, parts: array === undefined ? [] : [array.subarray(0, used)] };
    }
    const parts = this.#segments(index, axis, batch);
    return { dims, parts: type === 'string' ? (parts as string[][]).flat() : (parts as (NumericArray | BufferPart)[]) };
  }

  /** Whether a batch is all that the page has. */
  isAllOf({ payloads, starts, total, padded }: Batch<QueuedRun>): boolean {
    if (payloads.length !== this.#count || starts !== undefined || total !== padded) return false;
    for (let i = 0; i < payloads.length; i++) {
      if (payloads[i]!.page !== this || payloads[i]!.place !== i) return false;
    }
    return true;
  }

  #take(input: InputLayout, given: Given, { length, padded }: CheckedFeeds): void {
    const { index, padding } = input;
    const pads = padding !== undefined && padded !== length;
    const dims = this.#dims[index]!;
    if (this.#count === 0) {
      dims.length = 0;
      dims.push(...given.dims);
      if (pads) dims[padding.axis] = padded;
    }
    // Device tensors are OnDevice by now.
    const tensor = given as Tensor | OnDevice | Whole;
    if (tensor.data === undefined) {
      this.#place(index, tensor, tensor instanceof Whole ? 0 : product(tensor.dims));
      return;
    }
    if (tensor.type === 'string') this.#place(index, tensor.data.slice(), tensor.data.length);
    else if (pads) {
      const start = this.#pad(input, tensor, padded);
      this.#place(index, start, this.#slabs[index]!.used - start);
    } else {
      const { data } = tensor;
      this.#place(index, data.byteLength > this.#copyUpTo ? data : this.#slabs[index]!.append(data), data.length);
    }
  }

  #place(index: number, place: Placed, length: number): void {
    if (typeof place !== 'number') this.#scattered = true;
    this.#placed[index]!.push(place);
    this.#lengths[index]!.push(length);
  }

  /** Copies a tensor whatever its size, and fills it up along the padded axis. */
  #pad({ index, padding }: InputLayout, { data, dims }: Tensor, padded: number): number {
    const { axis, value } = padding!;
    const { outer, inner } = blocksOf(dims, axis);
    const slab = this.#slabs[index]!;
    const own = dims[axis]! * inner;
    const start = slab.reserve(outer * padded * inner);
    slab.used = start;
    for (let o = 0; o < outer; o++) {
      slab.append((data as NumericArray).subarray(o * own, (o + 1) * own));
      const from = slab.reserve(padded * inner - own);
      slab.fill(from, slab.used, value);
    }
    return start;
  }

  /** An input that callers do not give. */
  #make({ index, made, type }: InputLayout, { length, padded }: CheckedFeeds, tensors: readonly Given[]): void {
    const slab = this.#slabs[index]!;
    const first = this.#layout.given.findIndex(({ axis, padding }) => axis !== undefined && padding !== undefined);
    const rows = tensors[first]!.dims[this.#layout.given[first]!.axis!]!;
    const columns = made === 'mask' ? padded : 1;
    const start = slab.reserve(rows * columns);
    const element = exactElementOf(type as 'float32', made === 'mask' ? 1 : length)!;
    if (made === 'lengths') slab.fill(start, slab.used, element);
    else {
      const none = exactElementOf(type as 'float32', 0)!;
      for (let at = start; at < slab.used; at += padded) {
        slab.fill(at, at + length, element);
        slab.fill(at + length, at + padded, none);
      }
    }
    if (this.#count === 0) this.#dims[index]!.splice(0, 2, rows, ...(made === 'mask' ? [padded] : []));
    this.#place(index, start, rows * columns);
  }

  /** The rows of a batch, and its padding: the last row again. */
  #segments(index: number, axis: number, { payloads, rows, starts, total, padded }: Batch<QueuedRun>): Part[] {
    const { outer, inner } = blocksOf(this.#dims[index]!, axis);
    const parts = new Joined();
    const last = payloads.length - 1;
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < payloads.length; i++) {
        const { page, place, checked } = payloads[i]!;
        const from = (o * checked.rows + (starts?.[i] ?? 0)) * inner;
        page!.#addTo(parts, index, place, from, rows[i]! * inner);
      }
      const { page, place, checked } = payloads[last]!;
      const lastRow = o * checked.rows + (starts?.[last] ?? 0) + rows[last]! - 1;
      page!.#repeat(parts, index, place, lastRow * inner, inner, padded - total);
    }
    return parts.end();
  }

  /** Adds a row so many times: of many small ones, several at once. */
  #repeat(parts: Joined, index: number, place: number, from: number, count: number, times: number): void {
    const { arrayClass } = this.#layout.inputs[index]!;
    const rowsAtOnce = Math.min(times, Math.floor(repeatedElements / Math.max(1, count)));
    const isOnDevice = this.#placed[index]![place] instanceof OnDevice;
    let rest = times;
    if (rowsAtOnce > 1 && arrayClass !== undefined && !isOnDevice) {
      const several = new arrayClass(rowsAtOnce * count);
      const row = this.#part(index, place, from, count) as Float32Array;
      for (let at = 0; at < several.length; at += count) (several as Float32Array).set(row, at);
      for (; rest > rowsAtOnce; rest -= rowsAtOnce) parts.add(several);
      parts.add(several.subarray(0, rest * count));
      return;
    }
    for (; rest > 0; rest--) this.#addTo(parts, index, place, from, count);
  }

  #addTo(parts: Joined, index: number, place: number, from: number, count: number): void {
    const at = this.#placed[index]![place]!;
    if (typeof at === 'number') parts.addOf(this.#slabs[index]!.array!, at + from, count);
    else parts.add(this.#part(index, place, from, count));
  }

  #part(index: number, place: number, from: number, count: number): Part {
    const at = this.#placed[index]![place]!;
    if (at instanceof OnDevice) return count === this.#lengths[index]![place] ? at.part : at.slice(from, count);
    if (typeof at === 'number') return this.#slabs[index]!.array!.subarray(at + from, at + from + count);
    const length = this.#lengths[index]![place]!;
    if (Array.isArray(at)) return count === length ? at : at.slice(from, from + count);
    const whole = stillWhole(at as NumericArray, length, this.#layout.inputs[index]!.name);
    return count === length ? whole : whole.subarray(from, from + count);
  }
}

/** Parts one after the other, in which neighbours in one slab are one part. */
class Joined {
  readonly #parts: Part[] = [];
  #array: NumericArray | undefined;
  #start = 0;
  #end = 0;

  addOf(array: NumericArray, start: number, count: number): void {
    if (array !== this.#array || start !== this.#end) {
      this.#flush();
      this.#array = array;
      this.#start = start;
    }
    this.#end = start + count;
  }

  add(part: Part): void {
    this.#flush();
    this.#parts.push(part);
  }

  end(): Part[] {
    this.#flush();
    return this.#parts;
  }

  #flush(): void {
    if (this.#array !== undefined && this.#end > this.#start)
      this.#parts.push(this.#array.subarray(this.#start, this.#end));
    this.#array = undefined;
  }
}

/** A caller's own array at the moment when it is read: its buffer may have been transferred or resized. Errors: ERR_SHAPE. */
function stillWhole(data: NumericArray, length: number, name: string): NumericArray {
  if (data.length === length) return data;
  if (data.length > length) return data.subarray(0, length);
  throw new TensorlaneError(
    'ERR_SHAPE',
    `input '${name}' had ${length} elements when it was given, but ${data.length} when it was needed: its buffer was ` +
      `transferred or resized; inputs above ${addon().copyUpTo} bytes must stay as they are until the promise settles`,
  );
}

// Puts the requests of one batch together for one native call, and takes its outputs apart again.
//
// Small inputs are copied into a slab at once, so their owner may reuse them; large ones (above `copyUpTo` bytes) are kept
// by reference and gathered on the lane. Assemblies are pooled, and with them their slabs and output buffers, so a steady
// load allocates nothing but what its callers keep.

import type { Model as NativeModel, RunInput, RunOutput } from '../../binding.js';
import type { Assembly, Executor } from '../batching/batcher.js';
import { arrayClasses, type NumericArray, type NumericArrayClass } from '../dtypes.js';
import { TensorlaneError } from '../errors.js';
import { native } from '../native.js';
import type { Tensor } from '../types.js';
import type { Checked, Signature } from './signature.js';

export interface Request {
  readonly checked: Checked;
  readonly outputs: readonly number[];
}

export type Outputs = Record<string, Tensor>;

/** Where a request's elements of one input are: in the slab from `start` on, or in the caller's own array. */
type Placed = number | NumericArray | readonly string[];

class InputSlab {
  array: NumericArray | undefined;
  used = 0;

  constructor(readonly arrayClass: NumericArrayClass | undefined) {}

  append(given: NumericArray): number {
    const Class = this.arrayClass!;
    // The bits of a Buffer, of a Float16Array, or of another realm's array are taken as they are.
    const data = given.constructor === Class ? given : new Class(given.buffer, given.byteOffset, given.length);
    const start = this.used;
    const end = start + data.length;
    if (this.array === undefined || end > this.array.length) {
      const grown = new Class(Math.max(end * 2, 64));
      if (this.array !== undefined) (grown as Float32Array).set(this.array.subarray(0, start) as Float32Array);
      this.array = grown;
    }
    (this.array as Float32Array).set(data as Float32Array, start);
    this.used = end;
    return start;
  }
}

export class ModelExecutor implements Executor<Request, Outputs> {
  /** Called when a batch shows that an output's leading dimension is not the batch. */
  onDisproved: ((reason: string) => void) | undefined;
  readonly #free: ModelAssembly[] = [];

  constructor(
    readonly model: NativeModel,
    readonly signature: Signature,
    readonly keep: number,
  ) {}

  open(): Assembly<Request, Outputs> {
    return this.#free.pop() ?? new ModelAssembly(this);
  }

  recycle(assembly: ModelAssembly): void {
    if (this.#free.length < this.keep) this.#free.push(assembly);
  }
}

class ModelAssembly implements Assembly<Request, Outputs> {
  readonly #executor: ModelExecutor;
  readonly #requests: Request[] = [];
  readonly #slabs: InputSlab[];
  /** Of each input, where each request's elements are. */
  readonly #placed: Placed[][];
  /** As many array elements as each request had of each input: callers may change their tensors after the call. */
  readonly #lengths: number[][];
  /** Of each input, the first request's dims; the others' differ in the leading one at most. */
  readonly #dims: (readonly number[])[] = [];
  /** Whether some input of some request is not in its slab. */
  #scattered = false;
  /** A buffer for each output of the model, as large as the last batch needed. */
  readonly #staging: (Uint8Array | undefined)[] = [];

  constructor(executor: ModelExecutor) {
    this.#executor = executor;
    this.#slabs = executor.signature.inputs.map(({ arrayClass }) => new InputSlab(arrayClass));
    this.#placed = executor.signature.inputs.map(() => []);
    this.#lengths = executor.signature.inputs.map(() => []);
  }

  add(request: Request): void {
    const { tensors } = request.checked;
    for (let i = 0; i < tensors.length; i++) {
      const tensor = tensors[i]!;
      let place: Placed;
      if (tensor.type === 'string') place = tensor.data.slice();
      else if (tensor.data.byteLength > native.copyUpTo) place = tensor.data;
      else place = this.#slabs[i]!.append(tensor.data);
      if (typeof place !== 'number') this.#scattered = true;
      this.#placed[i]!.push(place);
      this.#lengths[i]!.push(tensor.data.length);
      if (this.#requests.length === 0) this.#dims[i] = tensor.dims.slice();
    }
    this.#requests.push(request);
  }

  release(): void {
    this.#requests.length = 0;
    for (const slab of this.#slabs) slab.used = 0;
    for (const placed of this.#placed) placed.length = 0;
    for (const lengths of this.#lengths) lengths.length = 0;
    this.#scattered = false;
    this.#executor.recycle(this);
  }

  async run(places: readonly number[]): Promise<Outputs[]> {
    const { model } = this.#executor;
    const rows: number[] = [];
    for (let i = 0; i < places.length; i++) rows.push(this.#requests[places[i]!]!.checked.rows);
    const total = rows.reduce((sum, count) => sum + count, 0);
    const wanted = this.#wanted(places);
    const several = places.length > 1;
    const result = await model.run({
      inputs: this.#slabs.map((_, input) => this.#input(input, places, total)),
      outputs: wanted,
      rows,
      staging: several ? wanted.map((output) => this.#staging[output]) : [],
    });
    if (!several) return [this.#whole(wanted, result.outputs)];
    return this.#part(places, wanted, result.outputs, rows, total);
  }

  #input(input: number, places: readonly number[], total: number): RunInput {
    const placed = this.#placed[input]!;
    const lengths = this.#lengths[input]!;
    const first = this.#dims[input]!;
    const dims = this.#requests.length > 1 ? [total, ...first.slice(1)] : first;
    const { name, type } = this.#executor.signature.inputs[input]!;
    if (type === 'string') {
      return { dims, parts: places.flatMap((place) => placed[place] as string[]) };
    }
    const slab = this.#slabs[input]!;
    if (!this.#scattered && places.length === this.#requests.length) {
      return { dims, parts: slab.array === undefined ? [] : [slab.array.subarray(0, slab.used)] };
    }
    // Neighbours in the slab make one part.
    const parts: NumericArray[] = [];
    let start = 0;
    let end = 0;
    const flush = () => {
      if (end > start) parts.push(slab.array!.subarray(start, end));
    };
    for (const place of places) {
      const at = placed[place]!;
      if (typeof at === 'number') {
        if (at !== end) {
          flush();
          start = at;
        }
        end = at + lengths[place]!;
      } else {
        flush();
        start = end = 0;
        parts.push(stillWhole(at as NumericArray, lengths[place]!, name));
      }
    }
    flush();
    return { dims, parts };
  }

  /** Requests that want different outputs share a batch, which then gives all that anyone wants. */
  #wanted(places: readonly number[]): readonly number[] {
    const first = this.#requests[places[0]!]!.outputs;
    let same = true;
    for (let i = 1; i < places.length && same; i++) same = this.#requests[places[i]!]!.outputs === first;
    if (same) return first;
    return [...new Set(places.flatMap((place) => this.#requests[place]!.outputs))].sort((a, b) => a - b);
  }

  #whole(wanted: readonly number[], results: readonly RunOutput[]): Outputs {
    const outputs: Outputs = {};
    for (let i = 0; i < wanted.length; i++) {
      const { name, type } = this.#executor.signature.outputs[wanted[i]!]!;
      const { dims, data } = results[i]!;
      const elements = type === 'string' ? (data as string[]) : new arrayClasses[type](data as ArrayBuffer);
      outputs[name] = { type, data: elements, dims } as Tensor;
    }
    return outputs;
  }

  #part(
    places: readonly number[],
    wanted: readonly number[],
    results: readonly RunOutput[],
    rows: readonly number[],
    total: number,
  ): Outputs[] {
    const parted: Outputs[] = places.map(() => ({}));
    for (let i = 0; i < wanted.length; i++) {
      const output = wanted[i]!;
      const { name, type } = this.#executor.signature.outputs[output]!;
      const { dims, data } = results[i]!;
      if (dims[0] !== total) throw this.#disprove(name, dims, total);
      let whole: NumericArray | string[] | undefined;
      let perRow = 1;
      for (let axis = 1; axis < dims.length; axis++) perRow *= dims[axis]!;
      if (type === 'string') whole = data as string[];
      else if (data === undefined) whole = new arrayClasses[type](this.#staging[output]!.buffer);
      else if (!Array.isArray(data)) {
        whole = new arrayClasses[type](data);
        // Next time there is room for as much, and half as much again.
        this.#staging[output] = new Uint8Array(Math.ceil((data.byteLength * 1.5) / 64) * 64);
      }
      let row = 0;
      for (let p = 0; p < places.length; p++) {
        const count = rows[p]!;
        const own = dims.slice();
        own[0] = count;
        if (this.#requests[places[p]!]!.outputs === wanted || this.#requests[places[p]!]!.outputs.includes(output)) {
          const elements =
            whole === undefined
              ? new arrayClasses[type as 'float32']((data as ArrayBuffer[])[p]!)
              : whole.slice(row * perRow, (row + count) * perRow);
          parted[p]![name] = { type, data: elements, dims: own } as Tensor;
        }
        row += count;
      }
    }
    return parted;
  }

  #disprove(name: string, dims: readonly number[], total: number): TensorlaneError {
    const reason = `output '${name}' has ${dims[0] ?? 'no'} rows where ${total} went in, so its leading dimension is not the batch`;
    this.#executor.onDisproved?.(reason);
    return new TensorlaneError('ERR_MODEL', reason);
  }
}

/** A caller's own array at the moment when it is read: its buffer may have been transferred or resized. Errors: ERR_SHAPE. */
function stillWhole(data: NumericArray, length: number, name: string): NumericArray {
  if (data.length === length) return data;
  if (data.length > length) return data.subarray(0, length);
  throw new TensorlaneError(
    'ERR_SHAPE',
    `input '${name}' had ${length} elements when it was given, but ${data.length} when it was needed: its buffer was ` +
      'transferred or resized; inputs above 64 KiB must stay as they are until the promise settles',
  );
}

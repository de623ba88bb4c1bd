// Runs batches of a model: finds their inputs in pages, makes one native call, and takes the outputs apart.
//
// Pages and output buffers are pooled, so a steady load allocates nothing but what its callers keep.

import type { Model as NativeModel, RunInput, RunOutput, TensorOutput } from '../../binding.js';
import type { Batch, Executor } from '../batching/running/executor.js';
import { TensorlaneError } from '../core/errors.js';
import { own, setOwn } from '../core/own.js';
import { arrayClasses } from '../tensor/dtypes.js';
import { hostTensor, product } from '../tensor/tensor.js';
import type { DType, Tensor } from '../tensor/types.js';
import { cut, type Elements, join } from './blocks.js';
import type { Layout, OutputLayout } from './layout.js';
import { keptBytes, Page, type QueuedRun } from './page.js';
import type { Outputs } from './run.js';
import { givenValue } from './values.js';

/** A buffer for each output of the model, as large as batches have needed. */
type Staging = (Uint8Array | undefined)[];

export class ModelExecutor implements Executor<QueuedRun, Outputs> {
  /** Called when a batch shows that the batch axis of an output is none. */
  onDisproved: ((reason: string) => void) | undefined;
  readonly #model: NativeModel;
  readonly #layout: Layout;
  readonly #maxBatchSize: number;
  /** As many as may be in use at once. */
  readonly #keep: number;
  /** Those that still take requests, by key. */
  readonly #open = new Map<string, Page>();
  readonly #freePages: Page[] = [];
  readonly #freeStagings: Staging[] = [];
  /** Whether batches may be filled up on the device. */
  readonly #pads: boolean;
  #disproved = false;

  constructor(
    model: NativeModel,
    layout: Layout,
    options: { maxBatchSize: number; concurrency: number; pads?: boolean },
  ) {
    this.#pads = options.pads === true;
    this.#model = model;
    this.#layout = layout;
    this.#maxBatchSize = options.maxBatchSize;
    this.#keep = options.concurrency + 1;
  }

  hold(request: QueuedRun): void {
    const { key, rows } = request.checked;
    let page = request.alone ? undefined : this.#open.get(key);
    if (page !== undefined && page.rows + rows > this.#maxBatchSize) page = undefined;
    if (page === undefined) {
      page = this.#freePages.pop() ?? new Page(this.#layout);
      if (!request.alone) this.#open.set(key, page);
    }
    try {
      page.add(request);
    } catch (failure) {
      this.#open.delete(key);
      throw failure;
    }
  }

  waste({ checked: { length, padded } }: QueuedRun): number {
    return padded > length ? 1 - length / padded : 0;
  }

  release({ page, checked }: QueuedRun): void {
    if (--page!.live > 0) return;
    if (this.#open.get(checked.key) === page) this.#open.delete(checked.key);
    page!.clear();
    if (this.#freePages.length < this.#keep) this.#freePages.push(page!);
  }

  async run(formed: Batch<QueuedRun>): Promise<Outputs[]> {
    const { payloads } = formed;
    this.#seal(payloads);
    const { page, alone } = payloads[0]! as QueuedRun & { page: Page };
    // What cannot share a batch cannot be filled up either: its outputs would not be parted again.
    const bare = alone || (this.#disproved && payloads.length === 1);
    const batch = bare ? { ...formed, padded: formed.total } : formed;
    const isWhole = page.isAllOf(batch);
    const wanted = this.#wanted(payloads);
    const parted = payloads.length > 1 || batch.padded > batch.total || batch.starts !== undefined;
    const staging = this.#freeStagings.pop() ?? [];
    const { resident, checked, log } = payloads[0]!;
    const inputs = this.#layout.inputs.map((_, index) => page.input(index, batch, isWhole));
    if (checked.overrides.length > 0) inputs.push(...checked.overrides);
    // What is parted or cut to its length is so in host memory.
    const stays = resident && !parted && checked.length === checked.padded;
    try {
      const { outputs, microseconds } = await this.#model.run({
        inputs,
        outputs: wanted,
        rows: parted ? this.#rows(batch, wanted) : batch.rows,
        staging: parted ? wanted.map((output) => staging[output]) : [],
        resident: stays,
        alone: formed.threads === 1,
        ...(this.#pads && { pads: !bare }),
        ...(log === undefined ? {} : { log }),
      });
      formed.tookMicros = microseconds;
      return parted ? this.#part(batch, wanted, outputs, staging) : [this.#whole(payloads[0]!, wanted, outputs, stays)];
    } finally {
      for (const output of wanted) if ((staging[output]?.byteLength ?? 0) > keptBytes) staging[output] = undefined;
      if (this.#freeStagings.length < this.#keep) this.#freeStagings.push(staging);
    }
  }

  /** The model's inputs of one request by itself. */
  inputsOf(request: QueuedRun): RunInput[] {
    const page = new Page(this.#layout);
    page.add(request);
    const { rows } = request.checked;
    const batch = { payloads: [request], rows: [rows], starts: undefined, total: rows, padded: rows };
    return this.#layout.inputs.map((_, index) => page.input(index, batch, true));
  }

  join(results: readonly Outputs[]): Outputs {
    const joined: Outputs = {};
    for (const name of Object.keys(results[0]!)) {
      const { axis } = this.#layout.outputs.find((output) => output.name === name)!;
      const all = results.map((result) => own(result, name)!);
      setOwn(joined, name, axis === undefined ? all[0]! : join(all, axis));
    }
    return joined;
  }

  /** What runs is not added to. */
  #seal(payloads: readonly QueuedRun[]): void {
    let sealed: Page | undefined;
    for (const { page, checked } of payloads) {
      if (page === sealed) continue;
      sealed = page;
      if (this.#open.get(checked.key) === page) this.#open.delete(checked.key);
    }
  }

  /** Requests that want different outputs share a batch, which then gives all that anyone wants. */
  #wanted(payloads: readonly QueuedRun[]): readonly number[] {
    const first = payloads[0]!.outputs;
    let same = true;
    for (let i = 1; i < payloads.length && same; i++) same = payloads[i]!.outputs === first;
    if (same) return first;
    return [...new Set(payloads.flatMap(({ outputs }) => outputs))].sort((a, b) => a - b);
  }

  /** The rows by which native code may part large outputs: of each request, and of the padding. None where an axis is not the first. */
  #rows({ rows, total, padded }: Batch<QueuedRun>, wanted: readonly number[]): readonly number[] {
    if (wanted.some((output) => this.#layout.outputs[output]!.axis !== 0)) return [];
    return padded > total ? [...rows, padded - total] : rows;
  }

  /** Of those that stay on the device, `data` are the Buffers. */
  #whole(
    { checked, alone }: QueuedRun,
    wanted: readonly number[],
    results: readonly RunOutput[],
    stay: boolean,
  ): Outputs {
    const outputs: Outputs = {};
    for (let i = 0; i < wanted.length; i++) {
      const layout = this.#layout.outputs[wanted[i]!]!;
      const { type } = layout;
      if (type === undefined) {
        // What its type says, which is no tensor.
        setOwn(outputs, layout.name, givenValue(layout.info, results[i]!) as unknown as Tensor);
        continue;
      }
      const { dims, data } = madeTensor(layout, results[i]!);
      // Its own outputs are right, but nobody could share a batch with it.
      if (!alone && layout.axis !== undefined && dims[layout.axis] !== checked.rows) {
        this.#disprove(layout, dims, checked.rows);
      }
      const elements = stay || type === 'string' ? data : new arrayClasses[type](data as ArrayBuffer);
      setOwn(outputs, layout.name, trimmed(layout, elements as Elements, dims, checked));
    }
    return outputs;
  }

  #part(
    batch: Batch<QueuedRun>,
    wanted: readonly number[],
    results: readonly RunOutput[],
    staging: Staging,
  ): Outputs[] {
    const { payloads, rows, padded } = batch;
    const parted: Outputs[] = payloads.map(() => ({}));
    for (let i = 0; i < wanted.length; i++) {
      const output = wanted[i]!;
      const layout = this.#layout.outputs[output]!;
      const { name, axis } = layout;
      const type = layout.type as DType; // only tensors have rows
      const { dims, data } = madeTensor(layout, results[i]!);
      if (axis !== undefined && dims[axis] !== padded) {
        throw new TensorlaneError('ERR_MODEL', this.#disprove(layout, dims, padded));
      }
      let whole: Elements | undefined;
      if (type === 'string') whole = data as string[];
      else if (data === undefined) whole = new arrayClasses[type](staging[output]!.buffer);
      else if (!Array.isArray(data)) {
        const { byteLength } = data as ArrayBuffer;
        whole = new arrayClasses[type](data as ArrayBuffer);
        // Next time there is room for as much, and half as much again.
        if (byteLength <= keptBytes) staging[output] = new Uint8Array(Math.ceil((byteLength * 1.5) / 64) * 64);
      }
      let row = 0;
      for (let p = 0; p < payloads.length; p++) {
        const request = payloads[p]!;
        const count = rows[p]!;
        if (request.outputs === wanted || request.outputs.includes(output)) {
          const ownDims = dims.slice();
          if (axis !== undefined) ownDims[axis] = count;
          let elements: Elements;
          if (whole === undefined) elements = new arrayClasses[type as 'float32']((data as ArrayBuffer[])[p]!);
          else if (axis === undefined) elements = whole.slice(0, product(ownDims));
          else elements = cut(whole, dims, axis, row, count);
          setOwn(parted[p]!, name, trimmed(layout, elements, ownDims, request.checked));
        }
        row += count;
      }
    }
    return parted;
  }

  /** Gives the reason. */
  #disprove({ name, axis }: OutputLayout, dims: readonly number[], rows: number): string {
    const reason =
      `output '${name}' has ${dims[axis!] ?? 'no'} rows where ${rows} went in, ` +
      `so its ${axis === 0 ? 'leading dimension' : `dimension ${axis}`} is not the batch`;
    if (!this.#disproved) this.onDisproved?.(reason);
    this.#disproved = true;
    return reason;
  }
}

/** Errors: ERR_MODEL, where it is none: operators leave out what they make in some of their modes alone. */
function madeTensor({ name }: OutputLayout, result: RunOutput): TensorOutput {
  if (result !== null) return result as TensorOutput;
  throw new TensorlaneError(
    'ERR_MODEL',
    `the model made no value of its output '${name}', as of BatchNormalization's mean outside of training; name the wanted ones in \`outputs\``,
  );
}

/**
 * An output that is as long as the batch was padded to is cut to the request's own length. Errors: ERR_MODEL, where it has
 * another length, as what of it is padding is not known then.
 */
function trimmed(
  { name, type, paddedAxes }: OutputLayout,
  whole: Elements,
  wholeDims: readonly number[],
  { length, padded }: { length: number; padded: number },
): Tensor {
  let elements = whole;
  let dims = wholeDims;
  if (length !== padded) {
    for (const axis of paddedAxes) {
      if (dims[axis] !== padded) {
        throw new TensorlaneError(
          'ERR_MODEL',
          `output '${name}' has dims [${wholeDims.join(', ')}], but its axis ${axis} was to be ${padded} long, as the padded ` +
            'inputs are; name the outputs that have their length in padVariableLength.outputs',
        );
      }
      elements = cut(elements, dims, axis, 0, length);
      dims = dims.with(axis, length);
    }
  }
  return hostTensor(type as DType, elements, dims);
}

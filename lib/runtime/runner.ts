// How an operation gets from its operands to its results: host tensors and device tensors go in, and where one of the operands
// is on the device, the results are too.

import type {
  BufferPart,
  ConvertedOperand,
  Buffer as NativeBuffer,
  Device as NativeDevice,
  Results as NativeResults,
  Operations,
} from '../../binding.js';
import { TensorlaneError, toTensorlaneError } from '../core/errors.js';
import { arrayOver, byteSize, type NumericDType } from '../tensor/dtypes.js';
import { checkTensor, elementCount, hostTensor } from '../tensor/tensor.js';
import type { Tensor } from '../tensor/types.js';
import { storedDims, TensorView } from '../tensor/view.js';
import { DeviceTensor } from './device-tensor.js';
import type { Operand } from './operands.js';
import { checkOptions, type OperationOptions } from './options.js';
import { checkOut, type Placed, requireFits } from './out.js';
import { Running } from './running.js';
import { type Stop, stoppable } from './stopping.js';
import { type Shape, Storage, type StorageOwner } from './storage.js';
import type { Tracked } from './tracked.js';
import { hasViews, isOfTransposes, keptOf, orderOf } from './transposed.js';

type OperandName =
  | 'a'
  | 'b'
  | 'pivots'
  | 'condition'
  | 'low'
  | 'high'
  | 'from'
  | 'indices'
  | 'updates'
  | 'offsets'
  | 'value';
/** What an operation is given, without its operands and the choice of where the results go. */
export type Settings<K extends keyof Operations> = Omit<Operations[K], 'onDevice' | 'outs' | 'stop' | OperandName>;

/** The types that operands are to be of, by their names; any where there is none. */
export type OperandTypes = Readonly<Record<string, NumericDType | undefined>>;

interface Call<K extends keyof Operations> {
  readonly name: K;
  readonly operands: Readonly<Record<string, Operand>>;
  readonly types?: OperandTypes | undefined;
  readonly settings: Settings<K>;
  /** Memory for results, in their order. */
  readonly outs?: Placed['outs'];
  readonly stop?: Stop | undefined;
}

/** One step of an operation that is made of others. */
export interface Step<K extends keyof Operations> extends Call<K> {
  readonly results: readonly Shape[];
  /** Where the results go; by default to where one of the operands is. */
  readonly onDevice?: boolean;
}
export type RunStep = <K extends keyof Operations>(step: Step<K>) => Promise<Results>;

/** What an operation gives. `ran`: the name of the routine that did it, where several could have. */
export type Results = Operand[] & { ran?: string };

/** Runs the operations of one device, and keeps account of the memory that its tensors hold. */
export class Runner implements StorageOwner {
  readonly #device: () => NativeDevice;
  /** The device's own runner, where this is one of a scope. */
  readonly #root: Runner;
  readonly #scope: Tracked | undefined;
  readonly #storages = new Set<WeakRef<Storage>>();
  readonly #kernels = new Set<WeakRef<Disposable>>();
  /** The operations of several steps that are under way; the root's counts. */
  readonly #begun = new Running();

  /** `device` gives the open device, or throws ERR_DISPOSED. */
  constructor(device: () => NativeDevice, root?: Runner, scope?: Tracked) {
    this.#device = device;
    this.#root = root ?? this;
    this.#scope = scope;
  }

  /** One of the same device, whose results belong to a scope. */
  within(scope: Tracked): Runner {
    return new Runner(this.#device, this.#root, scope);
  }

  /** `options` have been checked. Operands of other types than `types` says are converted first, as a part of the operation. */
  run<K extends keyof Operations>(
    name: K,
    operands: Readonly<Record<string, Operand>>,
    settings: Settings<K>,
    results: readonly Shape[],
    options: Placed,
    types?: OperandTypes,
  ): Promise<Results> {
    const { outs, signal, what = name } = options;
    if (hasViews(operands)) return this.#ofViews({ name, operands, types, settings, outs }, results, options);
    if (signal === undefined) return this.#run({ name, operands, types, settings, outs }, results, options);
    return stoppable(signal, what, (stop) =>
      this.#run({ name, operands, types, settings, outs, stop }, results, options),
    );
  }

  async #run<K extends keyof Operations>(call: Call<K>, results: readonly Shape[], options: Placed): Promise<Results> {
    const { name, operands, outs } = call;
    this.#scope?.enter(name);
    try {
      const onDevice = isOnDevice(operands);
      outs?.forEach((out, i) => {
        if (out !== undefined) requireFits(out, results[i]!, onDevice, name);
      });
      const buffers = await this.#submit(this.#device(), this.lane(options, name), call, onDevice);
      return this.#take(results, buffers, this.#scope, outs);
    } finally {
      this.#scope?.leave();
    }
  }

  /**
   * An operation of several steps, of which its caller knows nothing: once begun it goes on to its end, though its device or scope
   * is being disposed, or its stream was released. What `steps` gives belongs to the scope, and what it makes before to none.
   */
  compose(what: string, options: Placed, steps: (run: RunStep) => Promise<readonly Operand[]>): Promise<Operand[]> {
    const { signal } = options;
    if (signal === undefined) return this.#compose(what, options, steps);
    return stoppable(signal, what, (stop) => this.#compose(what, options, steps, stop));
  }

  async #compose(
    what: string,
    options: Placed,
    steps: (run: RunStep) => Promise<readonly Operand[]>,
    stop?: Stop,
  ): Promise<Operand[]> {
    const device = this.#device();
    const lane = this.lane(options, what);
    this.#scope?.enter(what);
    this.#root.#begun.begin();
    try {
      const results = await steps((step) => this.#step(device, lane, step, stop));
      for (const [i, result] of results.entries()) {
        if (result instanceof DeviceTensor && options.outs?.[i] === undefined) result.moveTo(this.#scope);
      }
      return [...results];
    } finally {
      this.#root.#begun.end();
      this.#scope?.leave();
    }
  }

  /** For a device that is being disposed, which begins no more. */
  async endSteps(): Promise<void> {
    await this.#begun.idle();
  }

  /** One operation, some of whose operands are transposed. */
  async #ofViews<K extends keyof Operations>(
    call: Call<K>,
    results: readonly Shape[],
    options: Placed,
  ): Promise<Results> {
    const { name, operands, settings } = call;
    let ran: string | undefined;
    const given = await this.compose(options.what ?? name, options, async (run) => {
      const held: Operand[] = [];
      const hold = (one: Operand) => {
        held.push(one);
        return one;
      };
      const flags: Record<string, boolean> = {};
      const take = async (key: string, operand: Operand): Promise<[string, Operand]> => {
        const order = orderOf(operand);
        const a = hold(keptOf(operand, name));
        if (order === undefined) return [key, a];
        if (name === 'matmul' && isOfTransposes(operand)) {
          flags[`${key}Transposed`] = true;
          return [key, a];
        }
        const { type, dims } = operand;
        const step = inOrder(a, order);
        return [key, hold((await run({ ...step, results: [{ type, dims: [...dims] }] }))[0]!)];
      };
      try {
        // All are taken before anything is waited for, and none is left that still runs.
        const taken = await Promise.allSettled(Object.entries(operands).map(([key, one]) => take(key, one)));
        const ordered = taken.map((one) => {
          if (one.status === 'rejected') throw one.reason;
          return one.value;
        });
        const step = { ...call, operands: Object.fromEntries(ordered), settings: { ...settings, ...flags }, results };
        const found = await run(step);
        ran = found.ran;
        return found;
      } finally {
        await Promise.all(held.map((one) => (one instanceof DeviceTensor ? one.dispose() : undefined)));
      }
    });
    return ranBy(given, ran);
  }

  async put(tensor: Tensor, options: OperationOptions): Promise<DeviceTensor> {
    checkOptions(options, 'put');
    if ((tensor as unknown) instanceof DeviceTensor) {
      throw new TensorlaneError('ERR_ARGUMENT', 'put: expected a host tensor, got a device tensor; get() it first');
    }
    const view = (tensor as unknown) instanceof TensorView ? (tensor as unknown as TensorView) : undefined;
    const from = checkTensor(view === undefined ? tensor : view.stored, 'put');
    const { type } = from;
    const { dims } = tensor;
    if (type === 'string') throw new TensorlaneError('ERR_DTYPE', 'put: strings have no place in device memory');
    const bytes = byteSize(type, elementCount(dims, 'put'));
    this.#scope?.enter('put');
    try {
      const device = this.#device();
      const lane = this.lane(options, 'put');
      const [buffer] = await (view === undefined
        ? this.#submit(device, lane, { name: 'copy', operands: { from }, settings: { bytes } }, true, 'put')
        : this.#submit(device, lane, inOrder(from as Operand, view.order), true, 'put'));
      return this.adopt(buffer as NativeBuffer, { type, dims: [...dims] });
    } finally {
      this.#scope?.leave();
    }
  }

  async read(
    shape: Shape,
    from: BufferPart,
    options: OperationOptions,
    out?: Tensor<NumericDType> | undefined,
    order?: readonly number[],
  ): Promise<Tensor<NumericDType>> {
    const lane = this.lane(options, 'get');
    try {
      const { type, dims } = shape;
      if (out !== undefined) requireFits(checkOut(out, 'get: out'), shape, false, 'get');
      const request = { onDevice: false, ...(out !== undefined && { outs: [out.data] }) };
      const device = this.#device();
      const [buffer] = await (order === undefined
        ? device.run('copy', { ...request, from, bytes: from.bytes }, lane)
        : device.run('transpose', { ...request, type, dims: storedDims(dims, order), axes: order, a: from }, lane));
      if (out !== undefined) return out;
      return onHost({ type: shape.type, dims: [...shape.dims] }, buffer as ArrayBuffer);
    } catch (reason) {
      throw toTensorlaneError(reason);
    }
  }

  /** Memory that others have made as a tensor of the device. */
  adopt(buffer: NativeBuffer, shape: Shape): DeviceTensor {
    return this.#adopt(buffer, shape, this.#scope);
  }

  #adopt(buffer: NativeBuffer, { type, dims }: Shape, scope: Tracked | undefined): DeviceTensor {
    const root = this.#root;
    const storage: Storage = new Storage(buffer, root, () => root.#storages.delete(kept));
    const kept = new WeakRef(storage);
    root.#storages.add(kept);
    return new DeviceTensor(storage, 0, type, dims, scope);
  }

  async trim(): Promise<void> {
    await this.#submit(this.#device(), undefined, { name: 'trim', operands: {}, settings: {} }, false);
  }

  /** The lane of the stream, where one is named. Errors: ERR_ARGUMENT, ERR_DISPOSED. */
  lane({ stream }: OperationOptions, what: string): number | undefined {
    return stream?.laneOn(this.#device(), what);
  }

  /** Calls with device tensors' memory, which stays until the call has ended. */
  async using<R>(
    what: string,
    tensors: readonly DeviceTensor[],
    call: (device: NativeDevice, parts: readonly BufferPart[]) => Promise<R>,
    device = this.#device(),
  ): Promise<R> {
    const used: DeviceTensor[] = [];
    const parts: BufferPart[] = [];
    try {
      for (const tensor of tensors) {
        parts.push(tensor.use(this.#root, what));
        used.push(tensor);
      }
      return await call(device, parts);
    } catch (reason) {
      throw toTensorlaneError(reason);
    } finally {
      for (const tensor of used) tensor.unuse();
    }
  }

  /** A kernel that is to be disposed with the device. */
  keep(kernel: Disposable): void {
    for (const kept of this.#kernels) if (kept.deref() === undefined) this.#kernels.delete(kept);
    this.#kernels.add(new WeakRef(kernel));
  }

  /** Lets go of all tensors' memory and of all kernels, for a device that is being disposed: no operation is in flight. */
  async close(): Promise<void> {
    for (const kept of this.#kernels) kept.deref()?.[Symbol.dispose]();
    const live = [...this.#storages].flatMap((kept) => kept.deref() ?? []);
    await Promise.all(live.map((storage) => storage.free()));
  }

  get tensors(): number {
    for (const kept of this.#storages) if (kept.deref() === undefined) this.#storages.delete(kept);
    return this.#storages.size;
  }

  async #step<K extends keyof Operations>(
    device: NativeDevice,
    lane: number | undefined,
    step: Step<K>,
    stop: Stop | undefined,
  ): Promise<Results> {
    const call = stop === undefined ? step : { ...step, stop };
    const buffers = await this.#submit(device, lane, call, step.onDevice ?? isOnDevice(step.operands));
    return this.#take(step.results, buffers, undefined, step.outs);
  }

  #take(results: readonly Shape[], buffers: NativeResults, scope: Tracked | undefined, outs: Placed['outs']): Results {
    const given = results.map((result, i) => {
      const out = outs?.[i];
      if (out !== undefined) return out;
      const buffer = buffers[i]!;
      return buffer instanceof ArrayBuffer ? onHost(result, buffer) : this.#adopt(buffer, result, scope);
    });
    return ranBy(given, buffers.ran);
  }

  #submit<K extends keyof Operations>(
    device: NativeDevice,
    lane: number | undefined,
    { name, operands, types, settings, outs, stop }: Call<K>,
    onDevice: boolean,
    what: string = name,
  ): Promise<NativeResults> {
    // What is spread comes last: V8 copies an object with each name that is added behind a spread.
    const request: Record<string, unknown> = { onDevice, ...settings };
    if (stop !== undefined) request.stop = stop;
    const keys: string[] = [];
    const tensors: DeviceTensor[] = [];
    for (const key in operands) {
      const operand = operands[key]!;
      if (operand instanceof DeviceTensor) {
        keys.push(key);
        tensors.push(operand);
      } else {
        request[key] = ofType(operand, operand.data, types?.[key]);
      }
    }
    const outTensors = outs?.filter((out) => out instanceof DeviceTensor) ?? [];
    tensors.push(...outTensors);
    const call = (of: NativeDevice, parts: readonly BufferPart[]) => {
      for (const [i, key] of keys.entries()) request[key] = ofType(tensors[i]!, parts[i]!, types?.[key]);
      if (outs !== undefined) {
        request.outs = outs.map((out) =>
          out instanceof DeviceTensor ? parts[keys.length + outTensors.indexOf(out)] : out?.data,
        );
      }
      return of.run(name, request as unknown as Operations[K], lane);
    };
    return this.using(what, tensors, call, device);
  }
}

/** Results of which the device has said who made them, or has not. */
export function ranBy(given: Results, ran: string | undefined): Results {
  if (ran !== undefined) given.ran = ran;
  return given;
}

/** Whether one is, and so the results are to be. */
function isOnDevice(operands: Readonly<Record<string, Operand>>): boolean {
  for (const key in operands) if (operands[key] instanceof DeviceTensor) return true;
  return false;
}

/** An operand's elements for a request, as the type that they are to be of. */
function ofType<E extends ArrayBufferView | BufferPart>(
  { type: from }: Operand,
  elements: E,
  to: NumericDType | undefined,
): E | ConvertedOperand {
  return to === undefined || to === from ? elements : { convert: elements, from, to };
}

/** The step that copies elements in the order in which dimension i of the result is dimension order[i] of them. */
function inOrder(a: Operand, order: readonly number[]): Call<'transpose'> {
  return { name: 'transpose', operands: { a }, settings: { type: a.type, dims: [...a.dims], axes: order } };
}

function onHost({ type, dims }: Shape, buffer: ArrayBuffer): Tensor<NumericDType> {
  return hostTensor(type, arrayOver(type, buffer), dims) as Tensor<NumericDType>;
}

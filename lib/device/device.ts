// An open device: its algebra, its models, its streams.

import { basename } from 'node:path';
import type {
  LaneCounters,
  Device as NativeDevice,
  MemoryStats as NativeMemoryStats,
  Model as NativeModel,
} from '../../binding.js';
import { findRuntime } from '../addon/onnxruntime.js';
import { Limiter } from '../batching/limiter.js';
import { TensorlaneError, toTensorlaneError } from '../core/errors.js';
import { LinearAlgebra } from '../linalg/linalg.js';
import { Model } from '../model/model.js';
import { completeOptions, type LoadModelOptions, type ModelSettings } from '../model/options.js';
import { TensorOperations } from '../ops/ops.js';
import type { NumericDType } from '../tensor/dtypes.js';
import type { Tensor } from '../tensor/types.js';
import type { DeviceTensor } from './device-tensor.js';
import { checkParameters, Kernel, type KernelOptions, type KernelParameter } from './kernel.js';
import { type OperationOptions, Runner } from './runner.js';
import { StreamPool } from './streams.js';

export interface DeviceInfo {
  readonly kind: 'cuda' | 'cpu';
  readonly name: string;
  readonly index: number;
  readonly memoryBytes: number;
  /** The algebra library, with its version. */
  readonly library: string;
  /** CPU cores that all operations together may use. */
  readonly threads: number;
  /** CUDA: such as '9.0'. */
  readonly computeCapability?: string;
  /** CUDA: the newest CUDA version that the driver supports. */
  readonly driver?: string;
  /** CUDA: the version of the CUDA runtime that tensorlane was built with. */
  readonly runtime?: string;
  /** Why `open()` gave this device and not a GPU. */
  readonly fallbackReason?: string;
}

export interface DeviceStats {
  readonly streams: {
    readonly size: number;
    /** Lanes with an operation running. */
    readonly busy: number;
    /** Operations that wait for a lane. */
    readonly queued: number;
    /** Operations that have ended since the device was opened. */
    readonly completed: number;
  };
  /** Models that are loaded. */
  readonly models: number;
  /** Memories that device tensors hold; slices share one. */
  readonly tensors: number;
  readonly memory: MemoryStats;
}

/** Memory of a device, in bytes. */
export interface MemoryStats {
  /** What `open({ memory })` allows; 0 where that is all there is. */
  readonly limitBytes: number;
  /** In tensors and operations. */
  readonly usedBytes: number;
  /** The most that was in use at once. */
  readonly peakBytes: number;
  /** Taken from the system: what is used, and what is kept for the next use. */
  readonly reservedBytes: number;
  /** Of the used: in device tensors. */
  readonly tensorBytes: number;
  /** Of the used: kept by streams for their libraries. */
  readonly workspaceBytes: number;
  /** Pinned host memory for staging, taken from the system. */
  readonly pinnedBytes: number;
  /** Of it: in use. */
  readonly pinnedUsedBytes: number;
}

export class Device implements AsyncDisposable {
  readonly info: DeviceInfo;
  readonly linalg: LinearAlgebra;
  readonly ops: TensorOperations;
  readonly streams: StreamPool;
  readonly #native: NativeDevice;
  readonly #runtime: string | undefined;
  readonly #niceness: number;
  /** Held weakly: a model that its user has lost, undisposed, is left to the garbage collector. */
  readonly #models = new Set<WeakRef<Model>>();
  readonly #loading = new Set<Promise<unknown>>();
  readonly #runner: Runner;
  readonly #limiter: Limiter;
  #lastCounters: LaneCounters | undefined;
  #lastMemory: NativeMemoryStats | undefined;
  #disposal: Promise<void> | undefined;

  /** Devices are made by `open`. */
  constructor(
    native: NativeDevice,
    options: {
      niceness: number;
      highPriority: number;
      resources?: number | undefined;
      runtime?: string | undefined;
      fallbackReason?: string | undefined;
    },
  ) {
    this.#native = native;
    this.#runtime = options.runtime;
    this.#niceness = options.niceness;
    const { lanes, ...description } = native.describe();
    this.info =
      options.fallbackReason === undefined ? description : { ...description, fallbackReason: options.fallbackReason };
    this.streams = new StreamPool(native, lanes, options.highPriority);
    this.#limiter = new Limiter(options.resources ?? lanes);
    this.#runner = new Runner(() => this.#open());
    this.linalg = new LinearAlgebra(this.#runner);
    this.ops = new TensorOperations(this.#runner);
  }

  get disposed(): boolean {
    return this.#disposal !== undefined;
  }

  /**
   * Copies a tensor to the device's memory, of any element type but string. Up to 64 KiB it may be reused as soon as the call
   * returns; a larger one is read until the promise settles.
   *
   * Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE, ERR_OUT_OF_MEMORY (the message says what holds the memory), ERR_DISPOSED,
   * ERR_DEVICE_LOST.
   */
  async put<T extends NumericDType>(tensor: Tensor<T>, options: OperationOptions = {}): Promise<DeviceTensor<T>> {
    return (await this.#runner.put(tensor as Tensor, options)) as DeviceTensor<NumericDType> as DeviceTensor<T>;
  }

  /**
   * CUDA: compiles a kernel from CUDA C++ (NVRTC) for this device, once for the same source, name and options. `name` is that
   * of a `__global__` function, with its namespace and template arguments where it has any; `parameters` are what it takes, in
   * order: `await device.kernel(source, 'scale<float>', ['float32[]', 'const float32[]', 'float32', 'int32'])`.
   *
   * Errors: ERR_KERNEL (the message has the compiler's log), ERR_NOT_SUPPORTED (on the CPU), ERR_NO_RUNTIME (NVRTC is missing),
   * ERR_ARGUMENT, ERR_DISPOSED.
   */
  async kernel<const P extends readonly KernelParameter[]>(
    source: string,
    name: string,
    parameters: P,
    { options = [] }: KernelOptions = {},
  ): Promise<Kernel<P>> {
    const device = this.#open();
    if (typeof source !== 'string' || typeof name !== 'string' || name.trim() === '') {
      throw new TensorlaneError('ERR_ARGUMENT', 'kernel: expected the source and the name of a kernel, as strings');
    }
    if (!Array.isArray(parameters)) {
      throw new TensorlaneError(
        'ERR_ARGUMENT',
        `kernel: expected the kernel's parameters, such as ['float32[]', 'int32']`,
      );
    }
    checkParameters(parameters);
    if (!Array.isArray(options) || options.some((option) => typeof option !== 'string')) {
      throw new TensorlaneError(
        'ERR_ARGUMENT',
        `kernel: options must be strings for the compiler, such as '-DTILE=32'`,
      );
    }
    try {
      const compiled = await device.compile({ source, name, options });
      const kernel = new Kernel(compiled, this.#runner, name, parameters);
      this.#runner.keep(kernel);
      return kernel;
    } catch (reason) {
      throw toTensorlaneError(reason);
    }
  }

  /** Gives memory that is kept for reuse back to the system. */
  async trim(): Promise<void> {
    await this.#runner.trim();
  }

  /**
   * Loads an ONNX model from a path or from its bytes. On a CUDA device it runs on the GPU where ONNX Runtime has its CUDA
   * provider, else on the CPU; `model.provider` says which, `model.fallbackReason` why.
   *
   * Errors: ERR_MODEL (no such file, not a model, not supported; a warm-up that fails), ERR_NO_RUNTIME, ERR_ARGUMENT, ERR_DISPOSED.
   */
  async loadModel(source: string | Uint8Array, options: LoadModelOptions = {}): Promise<Model> {
    const device = this.#open();
    if (typeof source !== 'string' && !(source instanceof Uint8Array)) {
      throw new TensorlaneError('ERR_ARGUMENT', `loadModel: expected a path or a Uint8Array, got ${typeof source}`);
    }
    const settings = completeOptions(options, { threads: this.info.threads, resources: this.#limiter.resources });
    const runtime = findRuntime(this.#runtime);
    const loading = device.loadModel(source, {
      runtime,
      threads: settings.threads,
      niceness: this.#niceness,
      ...(this.info.kind === 'cuda' && { cudaDevice: this.info.index }),
    });
    this.#loading.add(loading);
    try {
      const loaded: NativeModel = await loading;
      if (this.#disposal !== undefined) {
        await loaded.close();
        throw new TensorlaneError('ERR_DISPOSED', 'loadModel: the device was disposed meanwhile');
      }
      return await this.#make(
        loaded,
        settings,
        options.name ?? (typeof source === 'string' ? basename(source) : 'model'),
      );
    } catch (reason) {
      const what = typeof source === 'string' ? `loadModel: '${source}': ` : 'loadModel: ';
      throw toTensorlaneError(reason, reason instanceof TensorlaneError ? '' : what);
    } finally {
      this.#loading.delete(loading);
    }
  }

  /** Counters, cheap enough to poll. After disposal: the last ones. */
  stats(): DeviceStats {
    if (this.#disposal === undefined) this.#count();
    const { lanes: size, busy, queued, completed } = this.#lastCounters!;
    const memory = this.#lastMemory!;
    return {
      streams: { size, busy, queued, completed },
      models: this.#liveModels().length,
      tensors: this.#runner.tensors,
      memory: {
        limitBytes: memory.limit,
        usedBytes: memory.used,
        peakBytes: memory.peak,
        reservedBytes: memory.reserved,
        tensorBytes: memory.tensors,
        workspaceBytes: memory.workspaces,
        pinnedBytes: memory.pinned,
        pinnedUsedBytes: memory.pinnedUsed,
      },
    };
  }

  /** Refuses new work, lets what was accepted finish, disposes the models and tensors, and frees the device. May be called again. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  async #make(loaded: NativeModel, settings: ModelSettings, name: string): Promise<Model> {
    let kept: WeakRef<Model> | undefined;
    try {
      const onDisposed = () => kept && this.#models.delete(kept);
      const model = new Model(loaded, settings, { name, limiter: this.#limiter, onDisposed });
      kept = new WeakRef(model);
      this.#liveModels(); // forgets those that were collected
      this.#models.add(kept);
      await model.warmUp();
      return model;
    } catch (reason) {
      // What was loaded is not left behind, whatever the options or the warm-up did.
      if (kept === undefined) await loaded.close();
      else await kept.deref()?.dispose();
      throw reason;
    }
  }

  #count(): void {
    this.#lastCounters = this.#native.counters();
    this.#lastMemory = this.#native.memory();
  }

  async #dispose(): Promise<void> {
    this.#count();
    this.streams.close();
    const lanes = Array.from({ length: this.streams.size }, (_, lane) => lane);
    await Promise.allSettled(this.#loading);
    await Promise.all(this.#liveModels().map((model) => model.dispose()));
    // A device that was lost cannot be waited for, and whoever used it has been told.
    await Promise.allSettled(lanes.map((lane) => this.#native.synchronize(lane)));
    await this.#runner.close();
    this.#count();
    this.#native.close();
  }

  #liveModels(): Model[] {
    const live: Model[] = [];
    for (const kept of this.#models) {
      const model = kept.deref();
      if (model === undefined) this.#models.delete(kept);
      else live.push(model);
    }
    return live;
  }

  #open(): NativeDevice {
    if (this.#disposal !== undefined) throw new TensorlaneError('ERR_DISPOSED', 'the device has been disposed');
    return this.#native;
  }
}

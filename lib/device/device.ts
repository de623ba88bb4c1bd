// An open device: its algebra, its models, its streams, and the tensors in its memory.

import type { LaneCounters, Device as NativeDevice, MemoryStats as NativeMemoryStats } from '../../binding.js';
import type { Advice } from '../batching/statistics/advice.js';
import { TensorlaneError } from '../core/errors.js';
import { LoadedModels } from '../model/loaded-models.js';
import type { LoadModelOptions } from '../model/options.js';
import type { ModelSource } from '../model/source.js';
import type { Model, ModelTypes } from '../model/types.js';
import { compileKernel, type Kernel, type KernelOptions, type KernelParameter } from '../runtime/kernel.js';
import { Runner } from '../runtime/runner.js';
import { StreamPool } from '../runtime/streams.js';
import { Advisor } from './advisor.js';
import { type DeviceInfo, type DeviceStats, memoryStats, streamStats } from './info.js';
import { Scope } from './scope.js';
import { TensorRoom } from './tensor-room.js';

export class OpenedDevice extends TensorRoom implements AsyncDisposable {
  readonly info: DeviceInfo;
  readonly streams: StreamPool;
  readonly #native: NativeDevice;
  readonly #runner: Runner;
  readonly #models: LoadedModels;
  readonly #advisor: Advisor;
  #lastCounters: LaneCounters | undefined;
  #lastMemory: NativeMemoryStats | undefined;
  #disposal: Promise<void> | undefined;

  /** Devices are made by `open`. */
  constructor(
    native: NativeDevice,
    options: {
      niceness: number | null;
      /** As they were asked for; 0: not given. */
      threads: number;
      highPriority: number;
      resources?: number | undefined;
      onnxruntime?: string | undefined;
      onnxruntimeProviders?: string | undefined;
      fallbackReason?: string | undefined;
    },
  ) {
    const runner = new Runner(() => this.#open());
    super(runner);
    this.#runner = runner;
    this.#native = native;
    const { lanes, ...description } = native.describe();
    this.info =
      options.fallbackReason === undefined ? description : { ...description, fallbackReason: options.fallbackReason };
    this.streams = new StreamPool(native, lanes, options.highPriority);
    const { niceness, onnxruntime, onnxruntimeProviders, threads } = options;
    const { kind, index } = this.info;
    const cudaDevice = kind === 'cuda' ? index : undefined;
    const resources = options.resources ?? lanes;
    const models = { resources, threads, lanes, niceness, onnxruntime, onnxruntimeProviders, cudaDevice };
    this.#models = new LoadedModels(
      () => this.#open(),
      { runner, put: (tensor) => runner.put(tensor, {}), areSeveral: false },
      models,
    );
    this.#advisor = new Advisor(kind, this.#models);
  }

  /** @internal For a group of devices. */
  get internals(): { readonly native: NativeDevice; readonly runner: Runner } {
    return { native: this.#native, runner: this.#runner };
  }

  get disposed(): boolean {
    return this.#disposal !== undefined;
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
    options: KernelOptions = {},
  ): Promise<Kernel<P>> {
    return compileKernel(this.#open(), this.#runner, { source, name, parameters }, options);
  }

  /** A part of the program whose tensors are freed at its end: `await using scope = device.scope()`. Errors: ERR_DISPOSED. */
  scope(): Scope {
    this.#open();
    return new Scope(this.#runner);
  }

  /** Gives memory that is kept for reuse back to the system. */
  async trim(): Promise<void> {
    await this.#runner.trim();
  }

  /**
   * Loads an ONNX model from a path, a file: URL, or its bytes, which must not change before the promise settles. On a CUDA device it runs on the GPU where ONNX Runtime has its CUDA
   * provider, else on the CPU; `model.provider` says which, `model.fallbackReason` why.
   *
   * Errors: ERR_MODEL (no such file, not a model, not supported; a warm-up that fails), ERR_NO_RUNTIME, ERR_ARGUMENT, ERR_DISPOSED.
   */
  async loadModel<T extends ModelTypes = ModelTypes>(
    source: ModelSource,
    options: LoadModelOptions = {},
  ): Promise<Model<T>> {
    return (await this.#models.load(source, options)) as unknown as Model<T>;
  }

  /**
   * What is wrong with how requests are served, and what to change: of each model, and of the process. Nothing where nothing is. It tells
   * of what came since the models were loaded or, where it is asked again and again, of the last minute; of fewer than 100 requests it
   * tells nothing. After disposal: nothing.
   */
  advise(): Advice[] {
    return this.#disposal === undefined ? this.#advisor.advise() : [];
  }

  /** Counters, cheap enough to poll. After disposal: the last ones. */
  stats(): DeviceStats {
    if (this.#disposal === undefined) this.#count();
    return {
      streams: streamStats(this.#lastCounters!),
      models: this.#models.count,
      tensors: this.#runner.tensors,
      memory: memoryStats(this.#lastMemory!),
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

  #count(): void {
    this.#lastCounters = this.#native.counters();
    this.#lastMemory = this.#native.memory();
  }

  async #dispose(): Promise<void> {
    this.#count();
    this.streams.close();
    // The last is the lane of small operations.
    const lanes = Array.from({ length: this.streams.size + 1 }, (_, lane) =>
      lane < this.streams.size ? lane : undefined,
    );
    await this.#models.close();
    await this.#runner.endSteps();
    // A device that was lost cannot be waited for, and whoever used it has been told.
    await Promise.allSettled(lanes.map((lane) => this.#native.synchronize(lane)));
    await this.#runner.close();
    this.#count();
    this.#native.close();
  }

  #open(): NativeDevice {
    if (this.#disposal !== undefined) throw new TensorlaneError('ERR_DISPOSED', 'the device has been disposed');
    return this.#native;
  }
}

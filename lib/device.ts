// An open device: its algebra, its models, its streams.

import type { LaneCounters, Device as NativeDevice } from '../binding.js';
import { TensorlaneError, toTensorlaneError } from './errors.js';
import { LinearAlgebra } from './linalg/linalg.js';
import { Model } from './model/model.js';
import { completeOptions, type LoadModelOptions } from './model/options.js';
import { findRuntime } from './runtime.js';
import { StreamPool } from './streams.js';

export interface DeviceInfo {
  readonly kind: 'cuda' | 'cpu';
  readonly name: string;
  readonly index: number;
  readonly memoryBytes: number;
  /** The algebra library, with its version. */
  readonly library: string;
  /** Cores that one operation may use. */
  readonly threads: number;
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
}

export class Device implements AsyncDisposable {
  readonly info: DeviceInfo;
  readonly linalg: LinearAlgebra;
  readonly streams: StreamPool;
  readonly #native: NativeDevice;
  readonly #runtime: string | undefined;
  readonly #niceness: number;
  /** Held weakly: a model that its user has lost, undisposed, is left to the garbage collector. */
  readonly #models = new Set<WeakRef<Model>>();
  readonly #loading = new Set<Promise<unknown>>();
  #lastCounters: LaneCounters | undefined;
  #disposal: Promise<void> | undefined;

  /** Devices are made by `open`. */
  constructor(
    native: NativeDevice,
    options: { niceness: number; runtime?: string | undefined; fallbackReason?: string | undefined },
  ) {
    this.#native = native;
    this.#runtime = options.runtime;
    this.#niceness = options.niceness;
    const { lanes, ...description } = native.describe();
    this.info =
      options.fallbackReason === undefined ? description : { ...description, fallbackReason: options.fallbackReason };
    this.streams = new StreamPool(native, lanes);
    this.linalg = new LinearAlgebra(() => this.#open());
  }

  /**
   * Loads an ONNX model from a path or from its bytes.
   *
   * Errors: ERR_MODEL (no such file, not a model, not supported), ERR_NO_RUNTIME, ERR_ARGUMENT, ERR_DISPOSED.
   */
  async loadModel(source: string | Uint8Array, options: LoadModelOptions = {}): Promise<Model> {
    const device = this.#open();
    if (typeof source !== 'string' && !(source instanceof Uint8Array)) {
      throw new TensorlaneError('ERR_ARGUMENT', `loadModel: expected a path or a Uint8Array, got ${typeof source}`);
    }
    const settings = completeOptions(options, this.info.threads);
    const runtime = findRuntime(this.#runtime);
    const loading = device.loadModel(source, { runtime, threads: settings.threads, niceness: this.#niceness });
    this.#loading.add(loading);
    try {
      const loaded = await loading;
      if (this.#disposal !== undefined) {
        await loaded.close();
        throw new TensorlaneError('ERR_DISPOSED', 'loadModel: the device was disposed meanwhile');
      }
      const model: Model = new Model(loaded, settings, () => this.#models.delete(kept));
      const kept = new WeakRef(model);
      this.#liveModels(); // forgets those that were collected
      this.#models.add(kept);
      return model;
    } catch (reason) {
      const what = typeof source === 'string' ? `loadModel: '${source}': ` : 'loadModel: ';
      throw toTensorlaneError(reason, reason instanceof TensorlaneError ? '' : what);
    } finally {
      this.#loading.delete(loading);
    }
  }

  /** Counters, cheap enough to poll. After disposal: the last ones. */
  stats(): DeviceStats {
    if (this.#disposal === undefined) this.#lastCounters = this.#native.counters();
    const { lanes: size, busy, queued, completed } = this.#lastCounters as LaneCounters;
    return { streams: { size, busy, queued, completed }, models: this.#liveModels().length };
  }

  /** Refuses new work, lets what was accepted finish, disposes the models, and frees the device. May be called again. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  async #dispose(): Promise<void> {
    this.streams.close();
    const lanes = Array.from({ length: this.streams.size }, (_, lane) => lane);
    await Promise.allSettled(this.#loading);
    await Promise.all(this.#liveModels().map((model) => model.dispose()));
    await Promise.all(lanes.map((lane) => this.#native.synchronize(lane)));
    this.#lastCounters = this.#native.counters();
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

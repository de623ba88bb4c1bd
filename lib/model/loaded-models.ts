// The models of a device: loading them, and disposing of those that are left when the device is.

import { basename } from 'node:path';
import type { Device as NativeDevice, Model as NativeModel, ProviderRequest } from '../../binding.js';
import { placeBesideCudaProvider } from '../addon/cuda-provider.js';
import { findOnnxRuntime } from '../addon/onnxruntime.js';
import { Limiter } from '../batching/running/limiter.js';
import type { Served } from '../batching/statistics/advice.js';
import { TensorlaneError, toTensorlaneError } from '../core/errors.js';
import { NotRecorded } from './graphs.js';
import { type DeviceMemory, LoadedModel } from './model.js';
import { completeLoadModelOptions, type LoadModelOptions, type ModelSettings } from './options.js';
import { type ModelSource, modelSource } from './source.js';
import { readTuned } from './tuned-file.js';

/** How models run on a device. */
export interface LoadedModelsOptions {
  /** What the batches of all models share. */
  readonly resources: number;
  /** Cores that one run may use where its model's options do not say; 0: all, on threads that models share. */
  readonly threads: number;
  /** The device's. */
  readonly lanes: number;
  /** Of ONNX Runtime's threads. */
  readonly niceness: number | null;
  /** Path of ONNX Runtime's shared library, where the user has named it. */
  readonly onnxruntime: string | undefined;
  /** Folder of its CUDA provider, the same. */
  readonly onnxruntimeProviders?: string | undefined;
  /** The GPU to run on, where ONNX Runtime can. */
  readonly cudaDevice: number | undefined;
}

/** A model that is loaded, and what stands for it. */
export interface ServedModel extends Served {
  readonly key: object;
}

export class LoadedModels {
  readonly #device: () => Pick<NativeDevice, 'loadModel'>;
  readonly #memory: DeviceMemory;
  readonly #options: LoadedModelsOptions;
  readonly #limiter: Limiter;
  /** Held weakly: a model that its user has lost, undisposed, is left to the garbage collector. */
  readonly #models = new Set<WeakRef<LoadedModel>>();
  readonly #loading = new Set<Promise<unknown>>();
  #closed = false;
  /** Told of each model as soon as it is loaded and warmed up. */
  onLoaded: (model: LoadedModel) => void = () => {};

  /** `device` gives the open device, or throws ERR_DISPOSED. */
  constructor(device: () => Pick<NativeDevice, 'loadModel'>, memory: DeviceMemory, options: LoadedModelsOptions) {
    this.#device = device;
    this.#memory = memory;
    this.#options = options;
    this.#limiter = new Limiter(options.resources);
  }

  async load(given: ModelSource, asked: LoadModelOptions): Promise<LoadedModel> {
    this.#device(); // before anything is waited for
    const source = modelSource(given);
    const options = typeof asked?.tuned === 'string' ? { ...asked, tuned: await readTuned(asked.tuned) } : asked;
    const device = this.#device();
    const { threads, lanes, resources, niceness, cudaDevice } = this.#options;
    const settings = completeLoadModelOptions(options, { threads, lanes, resources, cudaDevice });
    const { path: runtime, remedy } = placeBesideCudaProvider(
      findOnnxRuntime(this.#options.onnxruntime),
      this.#options.onnxruntimeProviders,
    );
    let loading: Promise<NativeModel> | undefined;
    /** `noGraphs`: why it is loaded without. */
    const load = async (noGraphs?: string): Promise<LoadedModel> => {
      const { inputs = {}, outputs = {} } = settings.batchAxis;
      const examines = settings.batching !== 'off' && !settings.independentRows;
      const rows = examines ? { rows: { inputs, outputs } } : {};
      const { session, externalData } = settings;
      const isCuda = ({ name, library }: ProviderRequest) => name === 'cuda' && library === undefined;
      const providers = settings.providers.map((one) =>
        isCuda(one) && remedy !== undefined ? { ...one, remedy } : one,
      );
      const { preprocess, postprocess } = settings;
      const steps = {
        ...(preprocess.length > 0 && { preprocess }),
        ...(postprocess.length > 0 && { postprocess }),
      };
      const given = { ...(session && { session }), ...(externalData && { externalData }) };
      loading = device.loadModel(source, {
        runtime,
        threads: settings.threads,
        niceness,
        providers,
        ...rows,
        ...given,
        ...steps,
        ...(settings.graphs !== undefined && noGraphs === undefined && { graphs: true }),
      });
      this.#loading.add(loading);
      const loaded = await loading;
      if (this.#closed) {
        await loaded.close();
        throw new TensorlaneError('ERR_DISPOSED', 'loadModel: the device was disposed meanwhile');
      }
      const name = options.name ?? (typeof source === 'string' ? basename(source) : 'model');
      try {
        return await this.#make(loaded, settings, name, noGraphs);
      } catch (reason) {
        if (!(reason instanceof NotRecorded)) throw reason;
        this.#loading.delete(loading);
        return load(reason.message);
      }
    };
    try {
      const model = await load();
      this.onLoaded(model);
      return model;
    } catch (reason) {
      const what = typeof source === 'string' ? `loadModel: '${source}': ` : 'loadModel: ';
      throw toTensorlaneError(reason, reason instanceof TensorlaneError ? '' : what);
    } finally {
      if (loading !== undefined) this.#loading.delete(loading);
    }
  }

  /** What is known of those that are loaded and not disposed, for advice. */
  served(): ServedModel[] {
    return this.#live().map((model) => this.servedOf(model));
  }

  servedOf(model: LoadedModel): ServedModel {
    const { resources, ...served } = model.served();
    const mostByResources = Math.max(1, Math.floor(this.#limiter.resources / resources));
    return { ...served, mostByResources, key: model };
  }

  /** For how long any batch has run, on the scheduler's clock. */
  busyMicros(now: number): number {
    return this.#limiter.time.busyMicros(now);
  }

  /** Of those that are loaded and not disposed. */
  get count(): number {
    return this.#live().length;
  }

  /** Lets go of all models, also of those that are being loaded. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#loading);
    await Promise.all(this.#live().map((model) => model.dispose()));
  }

  async #make(
    loaded: NativeModel,
    settings: ModelSettings,
    name: string,
    noGraphs: string | undefined,
  ): Promise<LoadedModel> {
    let kept: WeakRef<LoadedModel> | undefined;
    try {
      const onDisposed = () => kept && this.#models.delete(kept);
      const readsDevice = this.#options.cudaDevice === undefined;
      const tensors = { ...this.#memory, readsDevice };
      const model = new LoadedModel(loaded, settings, { name, limiter: this.#limiter, tensors, onDisposed });
      kept = new WeakRef(model);
      this.#live(); // forgets those that were collected
      this.#models.add(kept);
      await model.prepare(noGraphs);
      return model;
    } catch (reason) {
      // What was loaded is not left behind, whatever the options or the warm-up did.
      if (kept === undefined) await loaded.close();
      else await kept.deref()?.dispose();
      throw reason;
    }
  }

  #live(): LoadedModel[] {
    const live: LoadedModel[] = [];
    for (const kept of this.#models) {
      const model = kept.deref();
      if (model === undefined) this.#models.delete(kept);
      else live.push(model);
    }
    return live;
  }
}

// A loaded model behind its batcher.

import type { Model as NativeModel } from '../../binding.js';
import { Batcher, type BatcherStats, Failure } from '../batching/batcher.js';
import { systemClock } from '../clock.js';
import { TensorlaneError, toTensorlaneError } from '../errors.js';
import type { Tensor, ValueInfo } from '../types.js';
import { ModelExecutor, type Outputs, type Request } from './assembly.js';
import { checkRunOptions, type ModelSettings } from './options.js';
import { type Batchable, Signature } from './signature.js';

export interface RunOptions {
  /** Cancels the request while it is queued (ERR_ABORTED). A batch that has started runs to its end. */
  signal?: AbortSignal;
  /** How long the request may be queued before it is given up (ERR_TIMEOUT). */
  timeoutMicros?: number;
  /** The outputs that are wanted; all by default. */
  outputs?: readonly string[];
}

export interface ModelBatching {
  /** Whether requests share batches. */
  readonly enabled: boolean;
  /** Why not, where they do not. */
  readonly reason?: string;
  readonly maxBatchSize: number;
  readonly maxQueueDelayMicros: number;
}

export type ModelStats = BatcherStats;

export class Model implements AsyncDisposable {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly concurrency: number;
  /** What ONNX Runtime runs it on. */
  readonly provider: 'cpu' | 'cuda';
  /** Why a model of a CUDA device does not run on the GPU. */
  readonly fallbackReason: string | undefined;
  readonly #native: NativeModel;
  readonly #signature: Signature;
  readonly #batcher: Batcher<Request, Outputs>;
  readonly #settings: ModelSettings;
  readonly #onDisposed: () => void;
  #batchable: Batchable;
  #disposal: Promise<void> | undefined;

  /** Models are made by `device.loadModel`. */
  constructor(native: NativeModel, settings: ModelSettings, onDisposed: () => void) {
    this.#native = native;
    this.#onDisposed = onDisposed;
    this.#settings = settings;
    const description = native.describe();
    this.provider = description.provider;
    this.fallbackReason = description.fallbackReason;
    this.#signature = new Signature(description);
    this.inputs = this.#signature.inputs.map(({ name, type, dims, dimNames }) => ({ name, type, dims, dimNames }));
    this.outputs = this.#signature.outputs;
    this.concurrency = settings.concurrency;
    this.#batchable =
      settings.batching === 'off'
        ? { enabled: false, reason: 'batching was switched off when the model was loaded' }
        : this.#signature.batchable(settings.batching === 'asked');
    const executor = new ModelExecutor(native, this.#signature, settings.concurrency + 1);
    executor.onDisproved = (reason) => {
      this.#batchable = { enabled: false, reason };
    };
    const { maxBatchSize, maxQueueDelayMicros } = settings;
    this.#batcher = new Batcher(
      executor,
      { maxBatchSize, maxQueueDelayMicros, concurrency: settings.concurrency },
      systemClock,
    );
  }

  get batching(): ModelBatching {
    const { maxBatchSize, maxQueueDelayMicros } = this.#settings;
    return this.#batchable.enabled
      ? { enabled: true, maxBatchSize, maxQueueDelayMicros }
      : { enabled: false, reason: this.#batchable.reason, maxBatchSize: 1, maxQueueDelayMicros: 0 };
  }

  /**
   * Runs the model on one request of one or more rows, in a batch with whatever else is waiting.
   *
   * Inputs of up to 64 KiB may be reused at once; larger ones are read until the promise settles. The outputs belong to
   * the caller alone.
   *
   * Errors: ERR_ARGUMENT (a name), ERR_DTYPE, ERR_SHAPE, ERR_ABORTED, ERR_TIMEOUT, ERR_DISPOSED, ERR_MODEL (the model's
   * own), ERR_OUT_OF_MEMORY.
   */
  async run(feeds: Readonly<Record<string, Tensor>>, options?: RunOptions): Promise<Outputs> {
    if (this.#batcher.closed) throw new TensorlaneError('ERR_DISPOSED', 'run: the model has been disposed');
    const batched = this.#batchable.enabled;
    const checked = this.#signature.check(feeds, batched);
    const outputs = this.#signature.outputIndices(options?.outputs);
    if (options) checkRunOptions(options);
    const outcome = await this.#batcher.submit(
      { checked, outputs },
      {
        key: checked.key,
        rows: checked.rows,
        alone: !batched,
        signal: options?.signal,
        timeoutMicros: options?.timeoutMicros,
      },
    );
    if (outcome instanceof Failure) throw errorOf(outcome, options);
    return outcome;
  }

  stats(): ModelStats {
    return this.#batcher.stats();
  }

  /** Refuses new requests, lets the accepted ones finish, and frees the model. May be called again. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  async #dispose(): Promise<void> {
    await this.#batcher.close();
    await this.#native.close();
    this.#onDisposed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}

function errorOf(failure: Failure, options: RunOptions | undefined): TensorlaneError {
  switch (failure.reason) {
    case 'cancelled':
      return new TensorlaneError('ERR_ABORTED', 'run: aborted by its signal', { cause: failure.cause });
    case 'expired':
      return new TensorlaneError('ERR_TIMEOUT', `run: not started within ${options?.timeoutMicros} microseconds`);
    case 'failed':
      return toTensorlaneError(failure.cause, 'run: ');
  }
}

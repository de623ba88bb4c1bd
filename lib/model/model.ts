// A loaded model behind its batcher.

import type { Model as NativeModel } from '../../binding.js';
import { systemClock } from '../addon/clock.js';
import { Batcher } from '../batching/batcher.js';
import { errorOf } from '../batching/errors.js';
import { Failure } from '../batching/executor.js';
import type { Limiter } from '../batching/limiter.js';
import { checkRequestOptions } from '../batching/request-options.js';
import type { BatcherStats } from '../batching/stats.js';
import { TensorlaneError, toTensorlaneError } from '../core/errors.js';
import type { ValueInfo } from '../tensor/types.js';
import { ModelExecutor } from './executor.js';
import { type Batchable, Layout } from './layout.js';
import type { ModelSettings } from './options.js';
import type { QueuedRun } from './page.js';
import { checkRunOptions, type Feeds, type Outputs, type RunOptions } from './run.js';
import { Sequence, type SequenceOptions } from './sequence.js';
import { Signature } from './signature.js';
import { warmUp } from './warmup.js';

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
  /** In events and metrics. */
  readonly name: string;
  /** What `run` takes: an input that the library makes (`padVariableLength`) is not among them. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly concurrency: number;
  /** What ONNX Runtime runs it on. */
  readonly provider: 'cpu' | 'cuda';
  /** Why a model of a CUDA device does not run on the GPU. */
  readonly fallbackReason: string | undefined;
  readonly #native: NativeModel;
  readonly #layout: Layout;
  readonly #signature: Signature;
  readonly #batcher: Batcher<QueuedRun, Outputs>;
  readonly #settings: ModelSettings;
  readonly #onDisposed: () => void;
  #batchable: Batchable;
  #disposal: Promise<void> | undefined;

  /** Models are made by `device.loadModel`. Errors: ERR_ARGUMENT, for options that the model contradicts. */
  constructor(
    native: NativeModel,
    settings: ModelSettings,
    { name, limiter, onDisposed }: { name: string; limiter: Limiter; onDisposed: () => void },
  ) {
    this.name = name;
    this.#native = native;
    this.#onDisposed = onDisposed;
    this.#settings = settings;
    const description = native.describe();
    this.provider = description.provider;
    this.fallbackReason = description.fallbackReason;
    this.#layout = new Layout(description, settings.batchAxis, settings.padding);
    this.#signature = new Signature(this.#layout);
    this.inputs = this.#layout.given.map(valueInfo);
    this.outputs = this.#layout.outputs.map(valueInfo);
    this.concurrency = settings.batcher.concurrency;
    this.#batchable =
      settings.batching === 'off'
        ? { enabled: false, reason: 'batching was switched off when the model was loaded' }
        : this.#layout.batchable(settings.batching === 'asked', description.rows);
    const executor = new ModelExecutor(native, this.#layout, settings.batcher);
    executor.onDisproved = (reason) => {
      this.#batchable = { enabled: false, reason };
    };
    const share = { of: limiter, ...settings.rateLimiter };
    this.#batcher = new Batcher(executor, settings.batcher, { clock: systemClock, name, limiter: share });
  }

  get disposed(): boolean {
    return this.#disposal !== undefined;
  }

  get batching(): ModelBatching {
    const { maxBatchSize, maxQueueDelayMicros } = this.#settings.batcher;
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
   * Errors: ERR_ARGUMENT (a name), ERR_DTYPE, ERR_SHAPE, ERR_ABORTED, ERR_TIMEOUT, ERR_QUEUE_FULL, ERR_OVERLOADED (with
   * `retryAfterMicros`), ERR_DISPOSED, ERR_MODEL (the model's own), ERR_OUT_OF_MEMORY.
   */
  async run(feeds: Feeds, options?: RunOptions): Promise<Outputs> {
    if (this.#batcher.closed) throw new TensorlaneError('ERR_DISPOSED', 'run: the model has been disposed');
    if (options !== undefined) {
      checkRunOptions(options);
      checkRequestOptions(options, this.#settings.batcher, 'run');
    }
    const batched = this.#batchable.enabled;
    const checked = this.#signature.checkFeeds(feeds, batched);
    const outputs = this.#signature.outputIndices(options?.outputs);
    const outcome = await this.#batcher.submit(
      { checked, outputs, alone: !batched, page: undefined, place: 0 },
      {
        key: checked.key,
        rows: checked.rows,
        alone: !batched,
        signal: options?.signal,
        priority: options?.priority,
        timeoutMicros: options?.timeoutMicros,
      },
    );
    if (outcome instanceof Failure) throw errorOf(outcome, 'run');
    return outcome;
  }

  /**
   * A sequence of runs that carries state from each to the next: of `states`, each output of a run becomes the input of the
   * next. Runs of one sequence keep their order; those of different sequences share batches. The state stays in host memory
   * between runs; on the CPU, that is where the model reads it.
   *
   * Errors: ERR_ARGUMENT, ERR_DISPOSED.
   */
  sequence(options: SequenceOptions): Sequence {
    if (this.#batcher.closed) throw new TensorlaneError('ERR_DISPOSED', 'sequence: the model has been disposed');
    return new Sequence(this, options);
  }

  /** Counters and histograms, cheap enough to poll. */
  stats(): ModelStats {
    return this.#batcher.stats();
  }

  /** @internal `loadModel` waits for it. */
  async warmUp(): Promise<void> {
    const { warmup, batcher } = this.#settings;
    if (warmup === undefined) return;
    const batchable = this.#batchable;
    const alone = !batchable.enabled;
    const sizes = warmup.batchSizes ?? batcher.allowedBatchSizes ?? [1, batcher.maxBatchSize];
    const check = (row: Feeds) => this.#checkWarmupRow(row, alone);
    for (const { rows, feeds } of warmUp(this.#layout.given, alone ? [1] : sizes, warmup, check)) {
      const checked = this.#signature.checkFeeds(feeds, !alone);
      const request = { checked, outputs: this.#signature.allOutputs, alone, page: undefined, place: 0 };
      try {
        await this.#batcher.warmUp(request, rows);
      } catch (reason) {
        // The warm-up may be the first to see that the model's rows cannot be told apart.
        if (batchable !== this.#batchable) return this.warmUp();
        if (this.#disposal === undefined) throw toTensorlaneError(reason, `warmup of ${rows} rows: `);
      }
      if (this.#disposal !== undefined) {
        throw new TensorlaneError('ERR_DISPOSED', 'loadModel: the device was disposed while the model warmed up');
      }
    }
  }

  #checkWarmupRow(row: Feeds, alone: boolean): void {
    try {
      const { rows } = this.#signature.checkFeeds(row, !alone);
      if (rows === 1) return;
      throw new TensorlaneError('ERR_SHAPE', `run: one row of each input is wanted, got ${rows}`);
    } catch (reason) {
      const { code, message } = reason as TensorlaneError;
      throw new TensorlaneError(code, message.replace(/^run: /, 'warmup.inputs: '));
    }
  }

  /** Refuses new requests, lets the accepted ones finish, and frees the model. May be called again. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  async #dispose(): Promise<void> {
    await this.#batcher.close();
    try {
      await this.#native.close();
    } finally {
      this.#onDisposed();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}

function valueInfo({ name, type, dims, dimNames }: ValueInfo): ValueInfo {
  return { name, type, dims, dimNames };
}

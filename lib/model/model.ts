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
import type { BatchingFinding } from './finding.js';
import { Independence } from './independence.js';
import { type Batchable, Layout } from './layout.js';
import type { ModelSettings } from './options.js';
import type { QueuedRun } from './page.js';
import { checkRunOptions, type Feeds, type Outputs, type RunOptions } from './run.js';
import { type RunInTurn, Sequence, type SequenceOptions } from './sequence.js';
import { type CheckedFeeds, Signature } from './signature.js';
import { failedWarmup, warmupRow, warmupRuns } from './warmup.js';

export interface ModelBatching {
  /** Whether requests share batches. */
  readonly enabled: boolean;
  /** Why not, where they do not; or why some may not. */
  readonly reason?: string;
  readonly maxBatchSize: number;
  readonly maxQueueDelayMicros: number;
  /** What was found of the model's rows, where it was looked for: to be kept, and given to a later load of the same model. */
  readonly finding?: BatchingFinding;
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
  /** Where it was asked whether rows change one another's outputs. */
  readonly #independence: Independence | undefined;
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
        : this.#layout.batchable(settings.batching === 'asked');
    if (settings.batching === 'asked' && !this.#batchable.enabled) throw impossible(this.#batchable.reason);
    if (description.rows !== undefined) {
      this.#independence = new Independence(native, this.#layout, description.rows, settings.finding);
    }
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
    const { refusal, doubt, finding } = this.#independence ?? {};
    const found = finding === undefined ? {} : { finding };
    const alone = { enabled: false, maxBatchSize: 1, maxQueueDelayMicros: 0, ...found };
    if (!this.#batchable.enabled) return { ...alone, reason: this.#batchable.reason };
    if (refusal !== undefined) return { ...alone, reason: mixes(refusal) };
    const reason = doubt === undefined ? {} : { reason: `for shapes of which it is shown only, since ${doubt}` };
    return { enabled: true, maxBatchSize, maxQueueDelayMicros, ...reason, ...found };
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
    const { checked, alone } = this.#check(feeds);
    const outputs = this.#signature.outputIndices(options?.outputs);
    const outcome = await this.#batcher.submit(
      { checked, outputs, alone, page: undefined, place: 0 },
      {
        key: checked.key,
        rows: checked.rows,
        alone,
        signal: options?.signal,
        abortWhileRunning: options?.abortWhileRunning,
        priority: options?.priority,
        timeoutMicros: options?.timeoutMicros,
        deadlineMicros: options?.deadlineMicros,
      },
    );
    if (outcome instanceof Failure) throw errorOf(outcome, 'run');
    return outcome;
  }

  /** What is to run, and whether by itself. */
  #check(feeds: unknown): { checked: CheckedFeeds; alone: boolean } {
    if (!this.#batchable.enabled) return { checked: this.#signature.checkFeeds(feeds, false), alone: true };
    const checked = this.#signature.checkFeeds(feeds, true);
    if (this.#independence === undefined || this.#independence.holds(checked)) return { checked, alone: false };
    return { checked: wholly(checked), alone: true };
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
    const { inputs, outputs } = this;
    const run = (feeds: Feeds, options: RunOptions) => this.run(feeds, options);
    const runInTurn = (turn: RunInTurn, options: RunOptions) => this.#runInTurn(turn, options);
    return new Sequence({ inputs, outputs, run, runInTurn }, options);
  }

  /** A run of a sequence that waits for those before it. */
  async #runInTurn({ feeds, ...turn }: RunInTurn, options: RunOptions): Promise<Outputs> {
    if (this.#batcher.closed) throw new TensorlaneError('ERR_DISPOSED', 'run: the model has been disposed');
    checkRequestOptions(options, this.#settings.batcher, 'run');
    const outputs = this.#signature.outputIndices(options.outputs);
    let refusal: unknown;
    const make = () => {
      try {
        const { checked, alone } = this.#check(feeds());
        const payload: QueuedRun = { checked, outputs, alone, page: undefined, place: 0 };
        return { payload, key: checked.key, rows: checked.rows, alone };
      } catch (reason) {
        refusal = reason;
        throw reason;
      }
    };
    const { signal, abortWhileRunning, priority, timeoutMicros, deadlineMicros } = options;
    const given = { signal, abortWhileRunning, priority, timeoutMicros, deadlineMicros };
    const outcome = await this.#batcher.submitInTurn({ ...turn, make }, given);
    if (!(outcome instanceof Failure)) return outcome;
    // What the caller gave was wrong, and is named in full already.
    throw refusal === undefined ? errorOf(outcome, 'run') : toTensorlaneError(refusal);
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
    const row = warmupRow(this.#layout.given, warmup);
    const checkedRow = this.#checkWarmupRow(row, batchable.enabled);
    const alone = !batchable.enabled || (await this.#independence?.learn(checkedRow)) === false;
    const sizes = alone ? [1] : (warmup.batchSizes ?? batcher.allowedBatchSizes ?? [1, batcher.maxBatchSize]);
    for (const { rows, feeds } of warmupRuns(this.#layout.given, row, sizes, warmup)) {
      const checked = this.#signature.checkFeeds(feeds, !alone);
      const request = { checked, outputs: this.#signature.allOutputs, alone, page: undefined, place: 0 };
      try {
        await this.#batcher.warmUp(request, { key: checked.key, rows });
      } catch (reason) {
        // The warm-up may be the first to see that the model's rows cannot be told apart.
        if (batchable !== this.#batchable) return this.warmUp();
        if (this.#disposal === undefined) throw failedWarmup(reason, rows, this.#layout.given, warmup);
      }
      if (this.#disposal !== undefined) {
        throw new TensorlaneError('ERR_DISPOSED', 'loadModel: the device was disposed while the model warmed up');
      }
    }
  }

  #checkWarmupRow(row: Feeds, batched: boolean): CheckedFeeds {
    try {
      const checked = this.#signature.checkFeeds(row, batched);
      const { rows } = checked;
      if (rows === 1) return checked;
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
    await this.#independence?.close();
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

/** As a request that runs by itself, all rows of which are one to the batcher. */
function wholly(checked: CheckedFeeds): CheckedFeeds {
  return { ...checked, rows: 1 };
}

function mixes(reason: string): string {
  return (
    `rows of a batch may change one another's outputs: ${reason}; ` +
    'if they do not, load the model with batching: { independentRows: true }'
  );
}

function impossible(reason: string): TensorlaneError {
  return new TensorlaneError(
    'ERR_ARGUMENT',
    `loadModel: batching was asked for, and is impossible: ${reason}; ` +
      'name the axis of its batch in batching.batchAxis (null for an input or output that has none), or leave batching out',
  );
}

function valueInfo({ name, type, dims, dimNames }: ValueInfo): ValueInfo {
  return { name, type, dims, dimNames };
}

// A loaded model behind its batcher.

import type { Model as NativeModel } from '../../binding.js';
import { systemClock } from '../addon/clock.js';
import { Batcher } from '../batching/batcher.js';
import { errorOf } from '../batching/errors.js';
import type { Tuned } from '../batching/learning/tuned.js';
import type { BatcherSettings } from '../batching/options.js';
import { checkRequestOptions } from '../batching/request-options.js';
import { Failure } from '../batching/running/executor.js';
import type { Limiter } from '../batching/running/limiter.js';
import type { Served } from '../batching/statistics/advice.js';
import type { BatcherStats } from '../batching/statistics/stats.js';
import { TensorlaneError, toTensorlaneError } from '../core/errors.js';
import type { DeviceTensor } from '../runtime/device-tensor.js';
import type { Runner } from '../runtime/runner.js';
import type { Tensor, ValueInfo } from '../tensor/types.js';
import { inHostMemory, onDevice, requireNumbers } from './device-values.js';
import { ModelExecutor } from './executor.js';
import type { BatchingFinding } from './finding.js';
import { useDeviceTensors } from './given.js';
import { dependent, type GraphRows, type GraphStats, type GraphsInfo, recordOnLanes, rowsOf } from './graphs.js';
import { Independence } from './independence.js';
import { type Batchable, Layout } from './layout.js';
import type { ModelSettings } from './options.js';
import type { QueuedRun } from './page.js';
import type { NodePlacement } from './providers.js';
import { checkRunOptions, type Feeds, logOf, type Outputs, type RunOptions } from './run.js';
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

/** How ONNX Runtime has loaded a model. */
export interface ModelInfo {
  readonly provider: string;
  readonly fallbackReason?: string;
  /** Where its inputs and outputs lie while it runs: with 'device', lanes go on while the device works, and nothing is copied twice. */
  readonly memory: 'host' | 'device';
  /** Of ONNX Runtime's: all lanes of a device run one, and share its weights. */
  readonly sessions: number;
  /** Of a model that was loaded with `batching.graphs`. */
  readonly graphs?: GraphsInfo;
  /** Which provider runs which node. Undefined where the CPU runs all of them, and with an ONNX Runtime before 1.24, which does not tell. */
  readonly nodes?: readonly NodePlacement[];
}

export interface ModelStats extends BatcherStats {
  /** Of a model that has CUDA graphs. */
  readonly graphs?: GraphStats;
}

/** How a model gets at the tensors of its device. */
export interface TensorAccess extends DeviceMemory {
  /** Whether ONNX Runtime reads the device's memory, whatever it computes on: where that is the host's. */
  readonly readsDevice: boolean;
}

/** The memory that device tensors are in. */
export interface DeviceMemory {
  readonly runner: Runner;
  readonly put: (tensor: Tensor) => Promise<DeviceTensor>;
  /** Of several devices: what a run is given from it, and leaves there, goes through host memory. */
  readonly areSeveral: boolean;
}

interface ModelSurroundings {
  readonly name: string;
  readonly limiter: Limiter;
  readonly tensors: TensorAccess;
  readonly onDisposed: () => void;
}

/** One of each device, where there are several. */
type OneOrMoreNatives = NativeModel & { readonly sessions?: number };

export class LoadedModel implements AsyncDisposable {
  /** In events and metrics. */
  readonly name: string;
  /** What `run` takes: an input that the library makes (`padVariableLength`) is not among them. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** Initializers that a run may be given another value for, as if they were inputs; such a run shares no batch. */
  readonly overridableInitializers: readonly ValueInfo[];
  readonly concurrency: number;
  /** What ONNX Runtime runs it on: 'cpu', 'cuda', or the name of a plugin. */
  readonly provider: string;
  /** Why not on the first of the providers that were asked for; on a CUDA device, why not on the GPU. */
  readonly fallbackReason: string | undefined;
  readonly #info: ModelInfo;
  /** Of a model that was to have some. */
  #graphs: GraphsInfo | undefined;
  #graphStats: GraphStats | undefined;
  readonly #executor: ModelExecutor;
  readonly #native: NativeModel;
  readonly #layout: Layout;
  readonly #signature: Signature;
  readonly #batcher: Batcher<QueuedRun, Outputs>;
  readonly #settings: ModelSettings;
  readonly #tensors: TensorAccess;
  /** Whether ONNX Runtime reads and writes the device's memory. */
  readonly #readsDevice: boolean;
  readonly #onDisposed: () => void;
  /** Where it was asked whether rows change one another's outputs. */
  readonly #independence: Independence | undefined;
  #batchable: Batchable;
  #disposal: Promise<void> | undefined;

  /** Models are made by `device.loadModel`. Errors: ERR_ARGUMENT, for options that the model contradicts. */
  constructor(
    native: OneOrMoreNatives,
    settings: ModelSettings,
    { name, limiter, tensors, onDisposed }: ModelSurroundings,
  ) {
    this.name = name;
    this.#tensors = tensors;
    this.#native = native;
    this.#onDisposed = onDisposed;
    this.#settings = settings;
    const description = native.describe();
    this.provider = description.provider;
    this.fallbackReason = description.fallbackReason;
    this.#info = infoOf(description, native.sessions ?? 1);
    this.#layout = new Layout(description, settings.batchAxis, settings.padding);
    const inMemory = description.inDeviceMemory && this.#layout.ofNumbers;
    this.#readsDevice = !tensors.areSeveral && (tensors.readsDevice || inMemory);
    this.#signature = new Signature(this.#layout, this.#readsDevice);
    this.inputs = this.#layout.given.map(({ info }) => info);
    this.outputs = this.#layout.outputs.map(({ info }) => info);
    this.overridableInitializers = this.#layout.overridable;
    this.concurrency = settings.batcher.concurrency;
    this.#batchable =
      settings.batching === 'off'
        ? { enabled: false, reason: 'batching was switched off when the model was loaded' }
        : this.#layout.batchable(settings.batching === 'asked');
    if (settings.batching === 'asked' && !this.#batchable.enabled) throw impossible(this.#batchable.reason);
    if (description.rows !== undefined) {
      const rows = { ...description.rows, graph: withSteps(description.rows.graph, settings) };
      this.#independence = new Independence(native, this.#layout, rows, settings.finding);
    }
    const { maxBatchSize, concurrency } = settings.batcher;
    const pads = settings.graphs !== undefined;
    const executor = new ModelExecutor(native, this.#layout, { maxBatchSize, concurrency, pads });
    this.#executor = executor;
    executor.onDisproved = (reason) => {
      this.#batchable = { enabled: false, reason };
    };
    const share = { of: limiter, ...settings.rateLimiter };
    this.#batcher = new Batcher(executor, this.#batcherSettings(description), {
      clock: systemClock,
      name,
      limiter: share,
    });
  }

  /** Where requests share no batches, how many rows they have is not left to learn; nor how many threads, where it has its own. */
  #batcherSettings({ threads, sharesThreads }: ReturnType<NativeModel['describe']>): BatcherSettings {
    const { batcher, learns } = this.#settings;
    if (learns === undefined) return batcher;
    const rows = this.#batchable.enabled ? {} : { leastRows: 1, mostRows: 1 };
    const bounds = { ...learns.bounds, ...rows, leastThreads: sharesThreads ? 1 : threads, mostThreads: threads };
    return { ...batcher, learns: { bounds, tuned: learns.tuned } };
  }

  get info(): ModelInfo {
    return this.#graphs === undefined ? this.#info : { ...this.#info, graphs: this.#graphs };
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
   * the caller alone. Device tensors may be disposed at once. With `resident`, outputs are device tensors (no overload says so:
   * it would take away the types of runs that feed on one another).
   *
   * Errors: ERR_ARGUMENT (a name), ERR_NOT_SUPPORTED (a value that cannot be passed in or out), ERR_DTYPE, ERR_SHAPE, ERR_ABORTED,
   * ERR_TIMEOUT, ERR_QUEUE_FULL and ERR_OVERLOADED (both with `retryAfterMicros`), ERR_DISPOSED, ERR_MODEL (the model's own),
   * ERR_OUT_OF_MEMORY.
   */
  async run(feeds: Feeds, options?: RunOptions): Promise<Outputs> {
    if (this.#batcher.closed) throw new TensorlaneError('ERR_DISPOSED', 'run: the model has been disposed');
    if (options !== undefined) {
      checkRunOptions(options);
      checkRequestOptions(options, this.#settings.batcher, 'run');
    }
    const outputs = this.#signature.outputIndices(options?.outputs);
    const checked = this.#check(feeds, options);
    if (checked === undefined || checked.onDevice || options?.resident) {
      return this.#runOnDevice(feeds, checked, outputs, options ?? {});
    }
    const { key, rows, alone } = checked;
    const log = options && logOf(options);
    const payload = { checked, outputs, alone, resident: false, log, page: undefined, place: 0 };
    const outcome = await this.#batcher.submit(payload, { key, rows, alone }, options);
    if (outcome instanceof Failure) throw errorOf(outcome, 'run');
    return outcome;
  }

  /** Of inputs that are on the device, all or some, or of outputs that stay there. */
  async #runOnDevice(
    feeds: Feeds,
    checkedThere: CheckedFeeds | undefined,
    outputs: readonly number[],
    options: RunOptions,
  ): Promise<Outputs> {
    const resident = options.resident === true;
    if (resident) requireNumbers(this.#layout, outputs);
    const checked = checkedThere ?? this.#check(await inHostMemory(feeds), options)!;
    const { key, rows, alone, onDevice: used } = checked;
    const held = used ? useDeviceTensors(checked.tensors, this.#tensors.runner) : [];
    const stays = resident && this.#readsDevice;
    try {
      const log = logOf(options);
      const payload = { checked, outputs, alone, resident: stays, log, page: undefined, place: 0 };
      const outcome = await this.#batcher.submit(payload, { key, rows, alone }, options);
      if (outcome instanceof Failure) throw errorOf(outcome, 'run');
      return resident ? ((await onDevice(outcome, this.#tensors)) as unknown as Outputs) : outcome;
    } finally {
      for (const tensor of held) tensor.unuse();
    }
  }

  /** What is to run; undefined where device tensors have to come to host memory first. */
  #check(feeds: unknown, options: RunOptions | undefined): CheckedFeeds | undefined {
    const byItself = options?.alone === true;
    const checked = this.#signature.checkFeeds(feeds, this.#batchable.enabled && !byItself, !byItself);
    if (checked === undefined || checked.alone) return checked;
    if (options !== undefined && logOf(options) !== undefined) return wholly(checked);
    if (this.#independence === undefined) return checked;
    // What is found out of a row, is so by its elements.
    if (checked.onDevice && this.#independence.wants(checked)) return undefined;
    return this.#independence.holds(checked) ? checked : wholly(checked);
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
        const checked = this.#check(feeds(), options)!; // of host tensors
        const { key, rows, alone } = checked;
        const log = logOf(options);
        const payload: QueuedRun = { checked, outputs, alone, resident: false, log, page: undefined, place: 0 };
        return { payload, key, rows, alone };
      } catch (reason) {
        refusal = reason;
        throw reason;
      }
    };
    const outcome = await this.#batcher.submitInTurn({ ...turn, make }, options);
    if (!(outcome instanceof Failure)) return outcome;
    // What the caller gave was wrong, and is named in full already.
    throw refusal === undefined ? errorOf(outcome, 'run') : toTensorlaneError(refusal);
  }

  /**
   * What was learned of how many rows a batch has and how many batches run at once: plain data, to be given to a later load as `tuned`.
   * Undefined where the options say both, or there is a target latency.
   */
  get tuned(): Tuned | undefined {
    return this.#batcher.tuned;
  }

  /**
   * Ends the profile of a model that was loaded with `session.enableProfiling`, before the model is disposed: its file is complete when
   * this returns. The file's path; undefined for a model that is not profiled. Errors: ERR_DISPOSED.
   */
  endProfiling(): string | undefined {
    if (this.disposed) throw new TensorlaneError('ERR_DISPOSED', 'endProfiling: the model has been disposed');
    return this.#native.endProfiling() || undefined;
  }

  /** Counters and histograms, cheap enough to poll. */
  stats(): ModelStats {
    const stats = this.#batcher.stats();
    if (!this.#graphs?.sizes.length) return stats;
    return { ...stats, graphs: this.#graphStats ?? this.#native.graphCounters() };
  }

  /** @internal What `device.advise()` looks at, and how many of the device's resources a batch takes. */
  served(): Omit<Served, 'mostByResources'> & { readonly resources: number } {
    const { batcher, padding, rateLimiter } = this.#settings;
    const { enabled, reason } = this.batching;
    return {
      name: this.name,
      stats: this.stats(),
      alone: enabled ? undefined : (reason ?? 'its rows are not known to be independent'),
      maxBatchSize: batcher.maxBatchSize,
      maxQueueDelayMicros: batcher.maxQueueDelayMicros,
      allowedBatchSizes: batcher.allowedBatchSizes,
      padsLengths: padding !== undefined,
      targetLatencyMicros: batcher.targetLatencyMicros,
      resources: rateLimiter.resources,
    };
  }

  /** @internal `loadModel` waits for it. `noGraphs`: why none are recorded. Errors: also NotRecorded. */
  async prepare(noGraphs?: string): Promise<void> {
    await this.#warmUp();
    const { graphs } = this.#settings;
    if (graphs === undefined) return;
    const rows = rowsOf(this.#layout);
    const reason = noGraphs ?? this.#native.describe().noGraphs;
    this.#graphs = reason === undefined ? await this.#record(graphs, rows) : { sizes: [], reason };
  }

  async #record(sizes: readonly number[], rows: GraphRows): Promise<GraphsInfo> {
    const isAsked = this.#settings.batching === 'asked';
    const warmup = this.#settings.warmup ?? {};
    const row = warmupRow(this.#layout.given, warmup);
    const batchable = this.#batchable;
    if (!batchable.enabled) throw dependent(batchable.reason, isAsked);
    const mayPad = await this.#independence?.learn(this.#checkWarmupRow(row, true));
    const { refusal, doubt } = this.#independence ?? {};
    if (mayPad === false) throw dependent(mixes(refusal ?? doubt!), isAsked);
    for (const { feeds } of warmupRuns(this.#layout.given, row, sizes, { ...warmup, count: 1 })) {
      const checked = this.#signature.checkFeeds(feeds, true)!;
      const outputs = this.#signature.outputIndices(undefined);
      const inputs = this.#executor.inputsOf(queued(checked, outputs, false));
      await recordOnLanes(this.#native, { inputs, ...rows });
    }
    return { sizes };
  }

  async #warmUp(): Promise<void> {
    const { warmup, batcher } = this.#settings;
    if (warmup === undefined) return;
    const batchable = this.#batchable;
    const row = warmupRow(this.#layout.given, warmup);
    const checkedRow = this.#checkWarmupRow(row, batchable.enabled);
    const alone = !batchable.enabled || (await this.#independence?.learn(checkedRow)) === false;
    const sizes = alone ? [1] : (warmup.batchSizes ?? batcher.allowedBatchSizes ?? [1, batcher.maxBatchSize]);
    for (const { rows, feeds } of warmupRuns(this.#layout.given, row, sizes, warmup)) {
      const checked = this.#signature.checkFeeds(feeds, !alone)!;
      const outputs = this.#signature.outputIndices(undefined);
      const request = queued(checked, outputs, alone);
      try {
        await this.#batcher.warmUp(request, { key: checked.key, rows });
      } catch (reason) {
        // The warm-up may be the first to see that the model's rows cannot be told apart.
        if (batchable !== this.#batchable) return this.#warmUp();
        if (this.#disposal === undefined) throw failedWarmup(reason, rows, this.#layout.given, warmup);
      }
      if (this.#disposal !== undefined) {
        throw new TensorlaneError('ERR_DISPOSED', 'loadModel: the device was disposed while the model warmed up');
      }
    }
  }

  #checkWarmupRow(row: Feeds, batched: boolean): CheckedFeeds {
    try {
      const checked = this.#signature.checkFeeds(row, batched)!;
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
    if (this.#graphs !== undefined) this.#graphStats = this.#native.graphCounters();
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

function infoOf(description: ReturnType<NativeModel['describe']>, sessions: number): ModelInfo {
  const { provider, fallbackReason, inDeviceMemory, nodes } = description;
  return {
    provider,
    memory: inDeviceMemory ? 'device' : 'host',
    sessions,
    ...(fallbackReason !== undefined && { fallbackReason }),
    ...(nodes !== undefined && { nodes }),
  };
}

/** What was found of a model's shapes is by what callers give, which is another thing where there are steps before it. */
function withSteps(graph: string, { preprocess }: ModelSettings): string {
  return graph === '' || preprocess.length === 0 ? graph : `${graph} after ${JSON.stringify(preprocess)}`;
}

function queued(checked: CheckedFeeds, outputs: readonly number[], alone: boolean): QueuedRun {
  return { checked, outputs, alone, resident: false, log: undefined, page: undefined, place: 0 };
}

/** As a request that runs by itself, all rows of which are one to the batcher. */
function wholly(checked: CheckedFeeds): CheckedFeeds {
  return { ...checked, rows: 1, alone: true };
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

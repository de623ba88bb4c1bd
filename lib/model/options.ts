// The options of loadModel, checked and completed.

import type { ProviderRequest, SessionSettings } from '../../binding.js';
import type { Bounds } from '../batching/learning/surface.js';
import { checkedTuned, type Tuned } from '../batching/learning/tuned.js';
import {
  type BatcherOptions,
  type BatcherSettings,
  batcherOptionNames,
  completeBatcherOptions,
  defaultConcurrency,
  mostConcurrency,
} from '../batching/options.js';
import {
  ascendingIntegers,
  flag,
  isPlainObject,
  mostThreads,
  namesOf,
  plainObject,
  refuseUnknown,
  wholeNumber,
} from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';
import { shown } from '../core/shown.js';
import type { ModelValue } from '../tensor/types.js';
import { type BatchingFinding, checkedFinding } from './finding.js';
import { completeGraphs, graphSizes } from './graph-options.js';
import { completeProviders, type Provider } from './providers.js';
import {
  checkedExternalData,
  completeSessionOptions,
  type ExternalDataFile,
  type SessionOptions,
} from './session-options.js';
import {
  checkStepsInBatches,
  completeSteps,
  type NamedSteps,
  type PostprocessStep,
  type PreprocessStep,
} from './steps.js';

export interface BatchingOptions extends Omit<BatcherOptions, 'concurrency'> {
  /**
   * That each row's outputs come of its own inputs alone, whatever other rows a batch has. By default the model's graph has to
   * show it. Where this is said and wrong, callers get answers that depend on who else asks.
   */
  independentRows?: boolean | undefined;
  /** What was found when the model was loaded before: `model.batching.finding`. That of another model is not used. */
  finding?: BatchingFinding | undefined;
  /**
   * Whether loading fails where the model cannot be batched; true by default. false: its batch is looked for as without options, and
   * where there is none, requests run alone.
   */
  required?: boolean | undefined;
  /**
   * On a CUDA device, with a provider that can: numbers of rows, ascending, for each of which every lane records a CUDA graph while the model is
   * loaded. A batch runs as the smallest that it fits in, filled up. Where the model cannot be recorded it runs without, and
   * `model.info.graphs` says why.
   */
  graphs?: readonly number[] | undefined;
  /** Which axes are the batch, where they are not the leading ones. */
  batchAxis?: BatchAxisOptions | undefined;
  /**
   * Lets requests of different lengths share batches. true: of a model whose inputs have one length, each at most one free axis beside the batch's
   * and all of one name, these axes are padded with zeros; of others nothing is.
   */
  padVariableLength?: PaddingOptions | boolean | undefined;
}

/** By name, for inputs and outputs. null: not of the batch. An input like that (a sampling rate) shares batches with equal ones. */
export interface BatchAxisOptions {
  inputs?: Readonly<Record<string, number | null>> | undefined;
  outputs?: Readonly<Record<string, number | null>> | undefined;
}

export interface PaddingOptions {
  /** Inputs with a length that differs between requests, the same one in all of them: its axis, and what to fill up with, 0 by default. */
  inputs: Readonly<Record<string, { axis: number; value?: number | undefined }>>;
  /**
   * Outputs with that length, by name, with its axis or axes: they are cut to the request's own. Without this, all axes to
   * which the model gives the same name as to the padded ones of inputs.
   */
  outputs?: Readonly<Record<string, number | readonly number[]>> | undefined;
  /** The lengths to pad to, ascending; powers of two by default. A longer request keeps its own length. */
  lengths?: readonly number[] | undefined;
  /** An input of the model, [rows, length], that gets 1 where elements are a request's own and 0 where they are padding. */
  maskInput?: string | undefined;
  /** An input of the model, [rows], that gets each row's own length. */
  lengthInput?: string | undefined;
}

export interface RateLimiterOptions {
  /** What one batch takes of the device's resources (`open({ resources })`) while it runs; 1 by default. */
  resources?: number | undefined;
  /** How much of the device's time the model gets beside others, where all want more than there is; 1 by default. */
  weight?: number | undefined;
}

export interface WarmupOptions {
  /** One row of each input; zeros by default, with 1 for what is free of its dims. */
  inputs?: Readonly<Record<string, ModelValue>> | undefined;
  /** Sizes, in rows; `allowedBatchSizes` by default, or 1 and `maxBatchSize`. */
  batchSizes?: readonly number[] | undefined;
  /** Runs of each size; 1 by default. */
  count?: number | undefined;
}

export interface LoadModelOptions {
  /**
   * How requests share batches; false runs every request alone. By default a model is batched where all its inputs and
   * outputs have a free leading dimension that is surely the batch. Options, even empty ones, ask for it: where it cannot be, loading fails
   * (`required`).
   */
  batching?: BatchingOptions | false | undefined;
  /**
   * Batches in flight at once, each on a lane of its own, over one copy of the weights. By default as many as give the most, up to one
   * for each lane of the device, or two; with `targetLatencyMicros` this is only the most. At most 1024.
   */
  concurrency?: number | undefined;
  /**
   * What a model like this has learned on a machine like this: `model.tuned`, what `tensorlane tune` wrote, or the path of a file that has
   * either as JSON.
   */
  tuned?: Tuned | string | undefined;
  /**
   * Cores that one run may use, on threads of the model's own. By default those of `open({ threads })`; without them all cores, on
   * threads that models share: they help a run while there are cores to spare, where it is learned that this helps, and keep out of the way under load.
   */
  threads?: number | undefined;
  /** How the model shares the device with others. */
  rateLimiter?: RateLimiterOptions | undefined;
  /** Runs the model before `loadModel` resolves, so that the first requests do not pay for what is done once. */
  warmup?: WarmupOptions | boolean | undefined;
  /**
   * What it is to run on, in order: each gets those nodes that it can run and that none before it took. On a CUDA device
   * ['cuda', 'cpu'] by default, else ['cpu']. Where one cannot be had, the next is tried, and `model.fallbackReason` says why;
   * without 'cpu' among them loading fails then. Nodes that none of them runs are the CPU's in any case: `model.info.nodes`.
   */
  providers?: readonly Provider[] | undefined;
  /**
   * What callers' inputs go through before the model, by the names of inputs, on the device and off the JS thread: bytes of images go up,
   * and `model.inputs` says what is to be given. Images of one size share batches.
   */
  preprocess?: Readonly<Record<string, readonly PreprocessStep[]>> | undefined;
  /** What outputs go through before callers get them, by the names of outputs: `model.outputs` says what is given. */
  postprocess?: Readonly<Record<string, readonly PostprocessStep[]>> | undefined;
  /** Names the model in events and metrics; its file's name by default. */
  name?: string | undefined;
  /** ONNX Runtime's own settings, under onnxruntime-node's names. */
  session?: SessionOptions | undefined;
  /** Files of weights beside a model that is given as bytes, or in place of those on disk. */
  externalData?: readonly ExternalDataFile[] | undefined;
}

export interface ModelSettings {
  readonly batching: 'off' | 'asked' | 'found';
  readonly batcher: BatcherSettings;
  /** What is left to learn; of threads it is known when the model is loaded. */
  readonly learns:
    | { readonly bounds: Omit<Bounds, 'leastThreads' | 'mostThreads'>; readonly tuned: Tuned | undefined }
    | undefined;
  /** The user says so; else the graph has to show it. */
  readonly independentRows: boolean;
  readonly finding: BatchingFinding | undefined;
  readonly batchAxis: BatchAxisOptions;
  /** Sizes to record; undefined: none. */
  readonly graphs: readonly number[] | undefined;
  /** true: as the model's inputs have it. */
  readonly padding: PaddingOptions | true | undefined;
  /** 0: not given. */
  readonly threads: number;
  readonly rateLimiter: { readonly resources: number; readonly weight: number };
  readonly warmup: WarmupOptions | undefined;
  /** As the addon takes them, like what follows. */
  readonly providers: readonly ProviderRequest[];
  readonly preprocess: readonly NamedSteps[];
  readonly postprocess: readonly NamedSteps[];
  readonly session: SessionSettings | undefined;
  readonly externalData: readonly { path: string; data: Uint8Array }[] | undefined;
}

const names = namesOf<LoadModelOptions>({
  batching: true,
  concurrency: true,
  tuned: true,
  threads: true,
  rateLimiter: true,
  warmup: true,
  providers: true,
  preprocess: true,
  postprocess: true,
  name: true,
  session: true,
  externalData: true,
});
/** Nobody has said how large batches are at most: what has very many rows is not split into as many runs as these are small. */
const mostParts = 256;
/** What says how many rows a batch has. */
const fixRows = ['maxBatchSize', 'preferredBatchSizes', 'allowedBatchSizes', 'maxQueueDelayMicros'] as const;
const axesNames = namesOf<BatchAxisOptions>({ inputs: true, outputs: true });
const paddingNames = namesOf<PaddingOptions>({
  inputs: true,
  outputs: true,
  lengths: true,
  maskInput: true,
  lengthInput: true,
});
const rateLimiterNames = namesOf<RateLimiterOptions>({ resources: true, weight: true });
const warmupNames = namesOf<WarmupOptions>({ inputs: true, batchSizes: true, count: true });
const batchingNames = new Set([
  ...batcherOptionNames.filter((name) => name !== 'concurrency'),
  'batchAxis',
  'finding',
  'graphs',
  'independentRows',
  'padVariableLength',
  'required',
]);

/** Errors: ERR_ARGUMENT, naming the option, its value and what is allowed. */
export function completeLoadModelOptions(
  options: LoadModelOptions,
  device: { threads: number; lanes: number; resources: number; cudaDevice: number | undefined },
): ModelSettings {
  refuseUnknown(plainObject('loadModel: options', options), names, 'loadModel');
  const batching = options.batching === undefined ? {} : options.batching;
  if (batching !== false) {
    if (!isPlainObject(batching)) {
      throw new TensorlaneError(
        'ERR_ARGUMENT',
        `loadModel: batching must be an object or false, got ${shown(batching)}`,
      );
    }
    refuseUnknown(batching, batchingNames, 'loadModel: batching');
  }
  if (options.name !== undefined && typeof options.name !== 'string') {
    throw new TensorlaneError('ERR_ARGUMENT', `loadModel: name must be a string, got ${shown(options.name)}`);
  }
  const given: BatchingOptions = batching === false ? {} : batching;
  const { batchAxis = {}, finding, graphs, independentRows, padVariableLength, required, ...batcher } = given;
  const asked = options.batching !== undefined && flag('batching.required', required, true);
  const hasTarget = given.targetLatencyMicros !== undefined;
  const atOnce = Math.max(defaultConcurrency, device.lanes);
  const concurrency = wholeNumber('concurrency', options.concurrency, atOnce, 1, mostConcurrency);
  const sizes = graphSizes(graphs);
  // A batch of more rows would run without.
  const { maxBatchSize = batcher.allowedBatchSizes === undefined ? sizes?.at(-1) : undefined } = batcher;
  const settings = completeBatcherOptions({ ...batcher, maxBatchSize, concurrency }, 'batching');
  const saysRows = (['maxBatchSize', 'allowedBatchSizes', 'splitOversize'] as const).some(
    (name) => batcher[name] !== undefined,
  );
  const fixesRows = batching === false || fixRows.some((name) => batcher[name] !== undefined);
  const bounds = {
    leastRows: fixesRows ? settings.maxBatchSize : 1,
    mostRows: settings.maxBatchSize,
    leastAtOnce: options.concurrency === undefined ? 1 : concurrency,
    mostAtOnce: concurrency,
  };
  const padding = padVariableLength === undefined ? undefined : checkedPadding(padVariableLength);
  const steps = {
    preprocess: completeSteps('preprocess', options.preprocess),
    postprocess: completeSteps('postprocess', options.postprocess),
  };
  checkStepsInBatches(steps, checkedAxes(batchAxis), padding !== undefined);
  const tuned = options.tuned === undefined ? undefined : checkedTuned(options.tuned); // one in a file has been read
  const providers = completeProviders(options.providers, device.cudaDevice);
  const session = options.session === undefined ? undefined : completeSessionOptions(options.session);
  const isFixed = fixesRows && options.concurrency !== undefined;
  return {
    batching: batching === false ? 'off' : asked ? 'asked' : 'found',
    batcher: saysRows ? settings : { ...settings, mostParts },
    // With a target, rows and lanes are bounds, and threads are left.
    learns: isFixed && !hasTarget ? undefined : { bounds, tuned },
    independentRows: flag('batching.independentRows', independentRows, false),
    finding: finding === undefined ? undefined : checkedFinding(finding),
    batchAxis,
    graphs: completeGraphs(sizes, {
      maxBatchSize: settings.maxBatchSize,
      cudaDevice: device.cudaDevice,
      providers,
      parallel: session?.parallel === true,
    }),
    padding,
    threads: wholeNumber('threads', options.threads, device.threads, 1, mostThreads),
    rateLimiter: checkedRateLimiter(options.rateLimiter === undefined ? {} : options.rateLimiter, device.resources),
    warmup: checkedWarmup(options.warmup, settings),
    providers,
    ...steps,
    session,
    externalData: options.externalData === undefined ? undefined : checkedExternalData(options.externalData),
  };
}

function checkedAxes(axes: BatchAxisOptions): BatchAxisOptions {
  const name = 'batching.batchAxis';
  refuseUnknown(plainObject(name, axes), axesNames, name);
  for (const kind of ['inputs', 'outputs'] as const) {
    const given = axes[kind];
    if (given === undefined) continue;
    for (const [value, axis] of Object.entries(plainObject(`${name}.${kind}`, given))) {
      if (axis !== null) wholeNumber(`${name}.${kind}.${value}`, axis, 0, 0);
    }
  }
  return axes;
}

function checkedPadding(padding: PaddingOptions | boolean): PaddingOptions | true | undefined {
  const name = 'batching.padVariableLength';
  if (typeof padding === 'boolean') return padding || undefined;
  refuseUnknown(plainObject(name, padding), paddingNames, name);
  const inputs = Object.entries(plainObject(`${name}.inputs`, padding.inputs));
  if (inputs.length === 0) throw new TensorlaneError('ERR_ARGUMENT', `${name}.inputs must name at least one input`);
  for (const [input, how] of inputs) {
    const what = `${name}.inputs.${input}`;
    refuseUnknown(plainObject(what, how), new Set(['axis', 'value']), what);
    wholeNumber(`${what}.axis`, how.axis ?? null, 0, 0);
    if (how.value !== undefined && typeof how.value !== 'number') {
      throw new TensorlaneError('ERR_ARGUMENT', `${what}.value must be a number, got ${shown(how.value)}`);
    }
  }
  const outputs = padding.outputs === undefined ? {} : padding.outputs;
  for (const [output, axes] of Object.entries(plainObject(`${name}.outputs`, outputs))) {
    for (const axis of [axes].flat()) wholeNumber(`${name}.outputs.${output}`, axis ?? null, 0, 0);
  }
  ascendingIntegers(`${name}.lengths`, padding.lengths);
  for (const role of ['maskInput', 'lengthInput'] as const) {
    const input = padding[role];
    if (input === undefined || typeof input === 'string') continue;
    throw new TensorlaneError('ERR_ARGUMENT', `${name}.${role} must be the name of an input, got ${shown(input)}`);
  }
  return padding;
}

function checkedRateLimiter(options: RateLimiterOptions, resources: number) {
  const name = 'rateLimiter';
  refuseUnknown(plainObject(name, options), rateLimiterNames, name);
  const { weight = 1 } = options;
  if (typeof weight !== 'number' || !(weight > 0 && weight < Number.POSITIVE_INFINITY)) {
    throw new TensorlaneError('ERR_ARGUMENT', `${name}.weight must be a number above 0, got ${shown(weight)}`);
  }
  return { weight, resources: wholeNumber(`${name}.resources`, options.resources, 1, 1, resources) };
}

function checkedWarmup(
  options: WarmupOptions | boolean | undefined,
  batcher: BatcherSettings,
): WarmupOptions | undefined {
  if (options === undefined || options === false) return undefined;
  if (options === true) return {};
  if (!isPlainObject(options)) {
    throw new TensorlaneError('ERR_ARGUMENT', `warmup must be true, false or an object, got ${shown(options)}`);
  }
  refuseUnknown(options, warmupNames, 'warmup');
  wholeNumber('warmup.count', options.count, 1, 1);
  if (options.inputs !== undefined) plainObject('warmup.inputs', options.inputs);
  const { batchSizes } = options;
  if (batchSizes !== undefined && !Array.isArray(batchSizes)) {
    throw new TensorlaneError('ERR_ARGUMENT', `warmup.batchSizes must be an array, got ${shown(batchSizes)}`);
  }
  for (const size of batchSizes ?? []) wholeNumber('warmup.batchSizes', size ?? null, 1, 1, batcher.maxBatchSize);
  return options;
}

// Models that are JS: NAME/VERSION/model.mjs, with `inputs`, `outputs` and an async `run` that may call other models, so that a chain of them is
// served as one, and each of its steps shares batches with other requests'.
//
// The rule: what it says it takes and gives is checked, and what it throws is told as its own failure.

import { type Device, type Feeds, type Outputs, type RunOptions, TensorlaneError, type ValueInfo } from 'tensorlane';
import { byType } from '../core/dtypes.js';
import { shown, wrongOption } from '../core/options.js';
import type { FoundConfig } from '../repository/config.js';
import { emptyConfig, type TritonConfig } from '../triton/config.js';
import { readLabels } from '../triton/labels.js';
import { requireServed } from '../triton/options.js';
import { requireNoSteps } from '../triton/steps.js';
import { type Described, describe } from '../triton/values.js';
import { LateError, type Modules } from './modules.js';
import { overOf } from './over.js';
import type { ModelReference } from './reference.js';
import { type Runnable, Servable, type ServedRunOptions } from './servable.js';
import type { VersionStatistics } from './statistics.js';

/** A value that a JS model takes or gives. -1 is a dimension that is free; without dims, any rank is. */
export interface JsValue {
  readonly name: string;
  readonly type: string;
  readonly dims?: readonly number[] | undefined;
}

export interface JsModels {
  run(model: string | ModelReference, feeds: Feeds, options?: RunOptions): Promise<Outputs>;
  /** The answers of a decoupled model as they come, and the one of any other. */
  stream(model: string | ModelReference, feeds: Feeds, options?: RunOptions): AsyncGenerator<Outputs, void>;
}

/** What `run` of a JS model is given besides its inputs. */
export interface JsContext {
  /** Other models of the server. Errors: those of `engine.run`. */
  readonly models: JsModels;
  readonly device: Device;
  /** Aborts when nobody waits for the result any more. */
  readonly signal: AbortSignal;
}

/** What model.mjs exports. */
export interface JsModel {
  readonly inputs: readonly JsValue[];
  readonly outputs: readonly JsValue[];
  /** An async generator function (async function*) makes it a decoupled model: what it yields are its answers, as many as there are. */
  run(inputs: Feeds, context: JsContext): Promise<Outputs> | AsyncGenerator<Outputs, void>;
}

export const jsPlatform = 'tensorlane_js';

/** What a configuration may say of a model in JS: what it takes and gives, and what its classes are called. Errors: ERR_ARGUMENT. */
function requireJsConfig(config: TritonConfig, isDecoupled: boolean): void {
  requireServed(config, isDecoupled);
  requireNoSteps(config);
  const { dynamic_batching: dynamic, sequence_batching: sequences } = config;
  if (!['', 'tensorlane'].includes(config.backend))
    throw wrongOption(`backend '${config.backend}' is not that of model.mjs`);
  const said = [
    [config.max_batch_size > 0, 'max_batch_size'],
    [dynamic !== undefined, 'dynamic_batching'],
    [sequences !== undefined, 'sequence_batching'],
    [config.instance_group.length > 0, 'instance_group'],
    [config.model_warmup.length > 0, 'model_warmup'],
  ] as const;
  const wrong = said.find(([isSaid]) => isSaid);
  if (wrong !== undefined) throw wrongOption(`${wrong[1]}: a model in JS has none; the models that it runs do`);
}

interface JsVersion {
  readonly name: string;
  readonly version: number;
  readonly file: string;
  readonly config: FoundConfig | undefined;
  readonly statistics: VersionStatistics;
  readonly device: Device;
  readonly models: JsModels;
  readonly modules: Modules;
  /** Of its files. */
  readonly fingerprint: string;
}

/** Errors: LateError; ERR_MODEL (it cannot be imported), ERR_ARGUMENT (what it exports is no model, or its configuration is not of it). */
export async function loadJs(version: JsVersion): Promise<Servable> {
  const { name, file, config, statistics } = version;
  let module: Partial<JsModel>;
  try {
    module = await version.modules.load(file, version.fingerprint);
  } catch (cause) {
    if (cause instanceof LateError) throw cause;
    throw new TensorlaneError('ERR_MODEL', `${file} cannot be imported: ${(cause as Error)?.message}`, { cause });
  }
  const { run } = module;
  if (typeof run !== 'function') throw new TensorlaneError('ERR_ARGUMENT', `${file} exports no function run`);
  const inputs = valuesOf(file, 'inputs', module.inputs);
  const outputs = valuesOf(file, 'outputs', module.outputs);
  const isDecoupled = Object.prototype.toString.call(run) === '[object AsyncGeneratorFunction]';
  if (config !== undefined) requireJsConfig(config.config, isDecoupled);
  const values = describe(config?.config ?? emptyConfig(), inputs, outputs);
  const runnable: Runnable = {
    inputs: values.inputs,
    outputs: values.outputs,
    platform: jsPlatform,
    priorityLevels: 1,
    parts: [],
    config: config?.config,
    ...(config === undefined ? {} : { labels: await readLabels(config) }),
    async run(feeds, options) {
      const { over, context, wanted } = begin(version, values, feeds, options);
      const results = await over.race(
        (async () => run(values.toModel(feeds), context))().catch((reason: unknown) => {
          throw own(name, reason);
        }),
      );
      return values.toClient(pick(name, results, wanted));
    },
    ...(isDecoupled ? { stream: streamOf(version, values, run as StreamingRun) } : {}),
    stats: () => undefined,
    dispose: async () => {},
  };
  return new Servable(name, version.version, runnable, statistics);
}

type StreamingRun = (inputs: Feeds, context: JsContext) => AsyncGenerator<Outputs, void>;

/** What each run begins with. Errors: ERR_ARGUMENT. */
function begin(
  { name, models, device }: JsVersion,
  { inputs, outputs }: Described,
  feeds: Feeds,
  { signal, deadlineMicros, priority, outputs: wanted = outputs.map((one) => one.name) }: ServedRunOptions,
) {
  requireNames(name, 'input', inputs, Object.keys(feeds));
  requireNames(name, 'output', outputs, wanted);
  const missing = inputs.find((input) => feeds[input.name] === undefined);
  if (missing !== undefined) throw new TensorlaneError('ERR_ARGUMENT', `${name}: input '${missing.name}' is missing`);
  const over = overOf({ signal, deadlineMicros });
  const of = (options: RunOptions = {}) => ({
    signal: over.signal,
    ...(priority === undefined ? {} : { priority }),
    ...options,
  });
  const context: JsContext = {
    models: {
      run: (model, given, options) => models.run(model, given, of(options)),
      stream: (model, given, options) => models.stream(model, given, of(options)),
    },
    device,
    signal: over.signal,
  };
  return { over, context, wanted };
}

function streamOf(version: JsVersion, values: Described, run: StreamingRun) {
  const { name } = version;
  return async function* stream(feeds: Feeds, options: ServedRunOptions): AsyncGenerator<Outputs, void> {
    const stopped = new AbortController();
    const signal = options.signal === undefined ? stopped.signal : AbortSignal.any([options.signal, stopped.signal]);
    const { over, context, wanted } = begin(version, values, feeds, { ...options, signal });
    const answers = run(values.toModel(feeds), context);
    const next = () =>
      answers.next().catch((reason: unknown) => {
        throw own(name, reason);
      });
    try {
      for (;;) {
        const { done, value } = await over.race(next());
        if (done === true) return;
        yield values.toClient(pick(name, value, wanted));
      }
    } finally {
      // What it waits for at the moment it need not wait for, and we do not: it may not listen.
      stopped.abort();
      answers.return().catch(() => {});
    }
  };
}

function valuesOf(file: string, what: string, values: unknown): ValueInfo[] {
  if (!Array.isArray(values)) throw new TensorlaneError('ERR_ARGUMENT', `${file}: ${what} must be an array`);
  return values.map(({ name, type, dims }: Partial<JsValue>, at) => {
    const called = `${file}: ${what}[${at}]`;
    if (typeof name !== 'string' || name === '') throw new TensorlaneError('ERR_ARGUMENT', `${called} has no name`);
    const element = byType.get(type ?? '');
    if (element === undefined) {
      const known = [...byType.keys()].join(', ');
      throw new TensorlaneError('ERR_ARGUMENT', `${called}: type must be one of ${known}, got ${shown(type)}`);
    }
    if (dims !== undefined && !(Array.isArray(dims) && dims.every((dim) => Number.isInteger(dim) && dim >= -1))) {
      throw new TensorlaneError('ERR_ARGUMENT', `${called}: dims must be integers of at least -1`);
    }
    return { name, type: element.type, dims, dimNames: (dims ?? []).map(() => undefined) };
  });
}

function requireNames(model: string, what: string, known: readonly ValueInfo[], names: readonly string[]): void {
  const unknown = names.find((name) => !known.some((one) => one.name === name));
  if (unknown === undefined) return;
  const list = known.map((one) => one.name).join(', ');
  throw new TensorlaneError('ERR_ARGUMENT', `${model} has no ${what} '${unknown}'; it has ${list}`);
}

function pick(model: string, results: unknown, wanted: readonly string[]): Outputs {
  const given = (results ?? {}) as Outputs;
  const missing = wanted.find((name) => given[name] === undefined);
  if (missing === undefined) return Object.fromEntries(wanted.map((name) => [name, given[name]!]));
  throw new TensorlaneError('ERR_MODEL', `${model}: its run gave no output '${missing}'`);
}

/** The library's own failures are told as they are. */
function own(model: string, reason: unknown): TensorlaneError {
  if (reason instanceof TensorlaneError) return reason;
  return new TensorlaneError('ERR_MODEL', `${model} failed: ${(reason as Error)?.message ?? shown(reason)}`, {
    cause: reason,
  });
}

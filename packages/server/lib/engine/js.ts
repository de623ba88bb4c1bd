// Models that are JS: NAME/VERSION/model.mjs, with `inputs`, `outputs` and an async `run` that may call other models, so that a chain of them is
// served as one, and each of its steps shares batches with other requests'.
//
// The rule: what it says it takes and gives is checked, and what it throws is told as its own failure.

import { pathToFileURL } from 'node:url';
import { type Device, type Feeds, type Outputs, type RunOptions, TensorlaneError, type ValueInfo } from 'tensorlane';
import { byType } from '../core/dtypes.js';
import { shown } from '../core/options.js';
import type { ModelReference } from './engine.js';
import { type Runnable, Servable } from './servable.js';
import type { VersionStatistics } from './statistics.js';

/** A value that a JS model takes or gives. -1 is a dimension that is free; without dims, any rank is. */
export interface JsValue {
  readonly name: string;
  readonly type: string;
  readonly dims?: readonly number[] | undefined;
}

/** What `run` of a JS model is given besides its inputs. */
export interface JsContext {
  /** Other models of the server. Errors: those of `engine.run`. */
  readonly models: { run(model: string | ModelReference, feeds: Feeds, options?: RunOptions): Promise<Outputs> };
  readonly device: Device;
  /** Aborts when nobody waits for the result any more. */
  readonly signal: AbortSignal;
}

/** What model.mjs exports. */
export interface JsModel {
  readonly inputs: readonly JsValue[];
  readonly outputs: readonly JsValue[];
  run(inputs: Feeds, context: JsContext): Promise<Outputs>;
}

export const jsPlatform = 'tensorlane_js';

type RunModel = JsContext['models']['run'];

let loads = 0;

/** Errors: ERR_MODEL (it cannot be imported), ERR_ARGUMENT (what it exports is no model). */
export async function loadJs(
  name: string,
  version: number,
  file: string,
  statistics: VersionStatistics,
  device: Device,
  runModel: RunModel,
): Promise<Servable> {
  let module: Partial<JsModel>;
  try {
    // Node keeps a module by its URL: what is loaded anew needs another.
    module = (await import(`${pathToFileURL(file).href}?load=${++loads}`)) as Partial<JsModel>;
  } catch (cause) {
    throw new TensorlaneError('ERR_MODEL', `${file} cannot be imported: ${(cause as Error)?.message}`, { cause });
  }
  const { run } = module;
  if (typeof run !== 'function') throw new TensorlaneError('ERR_ARGUMENT', `${file} exports no function run`);
  const inputs = valuesOf(file, 'inputs', module.inputs);
  const outputs = valuesOf(file, 'outputs', module.outputs);
  const runnable: Runnable = {
    inputs,
    outputs,
    platform: jsPlatform,
    priorityLevels: 1,
    async run(feeds, { signal, deadlineMicros, priority, outputs: wanted = outputs.map((one) => one.name) }) {
      requireNames(name, 'input', inputs, Object.keys(feeds));
      requireNames(name, 'output', outputs, wanted);
      const missing = inputs.find((input) => feeds[input.name] === undefined);
      if (missing !== undefined)
        throw new TensorlaneError('ERR_ARGUMENT', `${name}: input '${missing.name}' is missing`);
      const late = deadlineMicros === undefined ? undefined : AbortSignal.timeout(Math.ceil(deadlineMicros / 1000));
      const over = AbortSignal.any([signal, late].filter((one) => one !== undefined));
      const models = {
        run: (model: string | ModelReference, given: Feeds, options: RunOptions = {}) =>
          runModel(model, given, { signal: over, ...(priority === undefined ? {} : { priority }), ...options }),
      };
      const results = await untilOver(
        over,
        late,
        (async () => run(feeds, { models, device, signal: over }))().catch((reason: unknown) => {
          throw own(name, reason);
        }),
      );
      return pick(name, results, wanted);
    },
    stats: () => undefined,
    dispose: async () => {},
  };
  return new Servable(name, version, runnable, statistics);
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

function untilOver<T>(over: AbortSignal, late: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () =>
      reject(
        late?.aborted
          ? new TensorlaneError('ERR_TIMEOUT', 'run: not answered by its deadline')
          : new TensorlaneError('ERR_ABORTED', 'run: cancelled by its signal'),
      );
    if (over.aborted) stop();
    over.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => over.removeEventListener('abort', stop));
  });
}

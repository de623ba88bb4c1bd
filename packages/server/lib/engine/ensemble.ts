// Ensembles: models that are steps of other models, put together by config.pbtxt. Each step runs as soon as its inputs are there, and shares
// batches with other requests'.
//
// The rule: that every tensor comes from one place, and none from itself, is shown when it is loaded; and that it fits what the steps' models take and give.

import { type Feeds, type Outputs, type Tensor, TensorlaneError, type ValueInfo } from 'tensorlane';
import { wrongOption } from '../core/options.js';
import type { FoundConfig } from '../repository/config.js';
import type { TritonConfig, TritonInput, TritonOutput, TritonStep } from '../triton/config.js';
import { readLabels } from '../triton/labels.js';
import { requireServed } from '../triton/options.js';
import { requireNoSteps } from '../triton/steps.js';
import { dataTypeOf, elementTypeOf } from '../triton/values.js';
import { classesOf } from './ensemble-classes.js';
import type { EnsembleModels, Ran, Step } from './ensemble-steps.js';
import { overOf } from './over.js';
import { type Runnable, Servable, type ServedRunOptions } from './servable.js';
import type { VersionStatistics } from './statistics.js';

const ensemblePlatform = 'ensemble';

interface EnsembleVersion {
  readonly name: string;
  readonly version: number;
  readonly found: FoundConfig;
  readonly statistics: VersionStatistics;
  readonly models: EnsembleModels;
}

/** Errors: ERR_ARGUMENT (the configuration), ERR_NOT_FOUND (a step's model). */
export async function loadEnsemble({ name, version, found, statistics, models }: EnsembleVersion): Promise<Servable> {
  const { config } = found;
  requireServed(config);
  requireNoSteps(config);
  if (!['', ensemblePlatform].includes(config.platform)) {
    throw wrongOption(`platform '${config.platform}' is none of an ensemble`);
  }
  for (const what of ['instance_group', 'model_warmup'] as const) {
    if (config[what].length > 0) throw wrongOption(`${what}: it is its steps' models that have it`);
  }
  const inputs = config.input.map((one) => seenValue('input', one, config));
  const outputs = config.output.map((one) => seenValue('output', one, config));
  if (inputs.length === 0 || outputs.length === 0) throw wrongOption('an ensemble says its inputs and outputs');
  const steps = config.ensemble_scheduling!.step.map(stepOf);
  const partsNow = () => steps.map((step, at) => partOf(name, step, at, models));
  const served = partsNow();
  requireFlow(inputs, outputs, steps);
  requireFit(config, steps, served);
  const most = config.max_batch_size;
  const runs = new WeakMap<Outputs, Ran>();
  const runnable: Runnable = {
    inputs,
    outputs,
    platform: ensemblePlatform,
    priorityLevels: 1,
    config,
    ...classesOf(name, steps, models, await readLabels(found), runs),
    parts: [...new Set(steps.map(({ model }) => model.name))],
    fits: () => {
      try {
        requireFit(config, steps, partsNow());
        return true;
      } catch {
        return false;
      }
    },
    keepsState: served.some(({ keepsState }) => keepsState),
    ...(most > 0 ? { maxBatchSize: most } : {}),
    async run(feeds, options) {
      const given = requireFeeds(name, inputs, feeds, most);
      const names = outputs.map((one) => one.name);
      const unknown = options.outputs?.find((one) => !names.includes(one));
      if (unknown !== undefined) {
        throw new TensorlaneError('ERR_ARGUMENT', `'${name}' has no output '${unknown}'; it has ${names.join(', ')}`);
      }
      const ran: Ran = new Map();
      const results = await runSteps(steps, models, given, options.outputs ?? names, options, ran);
      runs.set(results, ran);
      return results;
    },
    stats: () => undefined,
    dispose: async () => {},
  };
  return new Servable(name, version, runnable, statistics);
}

function stepOf({ model_name: name, model_version: version, ...step }: TritonStep, at: number): Step {
  if (name === '') throw wrongOption(`ensemble_scheduling: step ${at} has no model_name`);
  if (step.model_namespace !== '') throw wrongOption(`ensemble_scheduling: step ${at}: there are no namespaces here`);
  const inputs = Object.entries(step.input_map);
  const outputs = Object.entries(step.output_map);
  if (inputs.length === 0 || outputs.length === 0) {
    throw wrongOption(`ensemble_scheduling: step ${at} ('${name}') must have an input_map and an output_map`);
  }
  return { model: version > 0 ? { name, version } : { name }, inputs, outputs };
}

/** Errors: ERR_NOT_FOUND; ERR_ARGUMENT, where it leads back to the ensemble. */
function partOf(ensemble: string, { model }: Step, at: number, models: EnsembleModels): Servable {
  const what = `ensemble_scheduling: step ${at}`;
  if (leadsTo(ensemble, model.name, models)) throw wrongOption(`${what}: '${model.name}' runs '${ensemble}' itself`);
  const servable = models.find(model);
  if (servable?.decoupled)
    throw wrongOption(`${what}: '${model.name}' is decoupled, which steps of ensembles are not here`);
  if (servable !== undefined) return servable;
  const version = model.version === undefined ? '' : `version ${model.version} of `;
  throw new TensorlaneError('ERR_NOT_FOUND', `${what}: ${version}'${model.name}' is not loaded`);
}

function leadsTo(ensemble: string, name: string, models: EnsembleModels): boolean {
  if (name === ensemble) return true;
  return (models.find({ name })?.parts ?? []).some((part) => leadsTo(ensemble, part, models));
}

/** Every tensor has one source, and can be had. Errors: ERR_ARGUMENT. */
function requireFlow(inputs: readonly ValueInfo[], outputs: readonly ValueInfo[], steps: readonly Step[]): void {
  const sources = new Set(inputs.map(({ name }) => name));
  for (const { model, outputs: produced } of steps) {
    for (const [, tensor] of produced) {
      if (sources.has(tensor))
        throw wrongOption(`ensemble_scheduling: '${tensor}' of '${model.name}' has another source`);
      sources.add(tensor);
    }
  }
  const used = new Set(steps.flatMap((step) => step.inputs.map(([, tensor]) => tensor)));
  for (const tensor of [...used, ...outputs.map(({ name }) => name)]) {
    if (!sources.has(tensor)) throw wrongOption(`ensemble_scheduling: no step gives '${tensor}'`);
  }
  const idle = inputs.find(({ name }) => !used.has(name));
  if (idle !== undefined) throw wrongOption(`ensemble_scheduling: no step takes the input '${idle.name}'`);
  // What runs in a circle is never ready.
  const ready = new Set(inputs.map(({ name }) => name));
  let left = [...steps];
  while (left.length > 0) {
    const next = left.filter((step) => step.inputs.every(([, tensor]) => ready.has(tensor)));
    if (next.length === 0) {
      const names = left.map(({ model }) => `'${model.name}'`).join(', ');
      throw wrongOption(`ensemble_scheduling: steps wait for each other: ${names}`);
    }
    for (const step of next) for (const [, tensor] of step.outputs) ready.add(tensor);
    left = left.filter((step) => !next.includes(step));
  }
}

/** Names and types are those of the steps' models. Errors: ERR_ARGUMENT. */
function requireFit(config: TritonConfig, steps: readonly Step[], served: readonly Servable[]): void {
  const types = new Map<string, string>(
    [...config.input, ...config.output].map(({ name, data_type: type }) => [name, type]),
  );
  for (const [at, step] of steps.entries()) {
    const servable = served[at]!;
    const what = `ensemble_scheduling: step ${at} ('${servable.name}')`;
    const unfed = servable.inputs.find(
      ({ name, type }) => type !== 'optional' && !step.inputs.some(([input]) => input === name),
    );
    if (unfed !== undefined) throw wrongOption(`${what}: its input '${unfed.name}' is not in input_map`);
    const check = (kind: 'input' | 'output', values: readonly ValueInfo[], name: string, tensor: string) => {
      const info = values.find((one) => one.name === name);
      if (info === undefined) {
        const known = values.map((one) => one.name).join(', ');
        throw wrongOption(`${what} has no ${kind} '${name}'; it has ${known}`);
      }
      const type = dataTypeOf(info.type) ?? info.type;
      const other = types.get(tensor);
      if (other !== undefined && other !== type)
        throw wrongOption(`${what}: '${tensor}' is ${other}, but '${name}' ${type}`);
      types.set(tensor, type);
    };
    for (const [name, tensor] of step.outputs) check('output', servable.outputs, name, tensor);
    for (const [name, tensor] of step.inputs) check('input', servable.inputs, name, tensor);
  }
}

function seenValue(
  what: string,
  { name, data_type: type, dims, reshape }: TritonInput | TritonOutput,
  config: TritonConfig,
) {
  if (name === '') throw wrongOption(`an ${what} has no name`);
  if (reshape !== null) throw wrongOption(`${what} '${name}': an ensemble reshapes nothing`);
  const seen = config.max_batch_size > 0 ? [-1, ...dims] : dims;
  const element = elementTypeOf(type, `${what} '${name}'`);
  return { name, type: element.type, dims: seen, dimNames: seen.map(() => undefined) } as ValueInfo;
}

/** What the ensemble takes, by its own names. Errors: ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE. */
function requireFeeds(model: string, inputs: readonly ValueInfo[], feeds: Feeds, most: number): Map<string, Tensor> {
  const unknown = Object.keys(feeds).find((name) => !inputs.some((input) => input.name === name));
  if (unknown !== undefined) {
    const known = inputs.map(({ name }) => name).join(', ');
    throw new TensorlaneError('ERR_ARGUMENT', `'${model}' has no input '${unknown.slice(0, 200)}'; it takes ${known}`);
  }
  return new Map(
    inputs.map(({ name, type, dims }) => {
      const tensor = feeds[name] as Tensor | undefined;
      if (tensor === undefined) throw new TensorlaneError('ERR_ARGUMENT', `'${model}': input '${name}' is missing`);
      if (tensor.type !== type) {
        throw new TensorlaneError('ERR_DTYPE', `'${model}': input '${name}' is ${type}, got ${tensor.type}`);
      }
      const has = dims as readonly number[];
      const fits = has.length === tensor.dims.length && has.every((dim, at) => dim === -1 || dim === tensor.dims[at]);
      if (!fits || (most > 0 && tensor.dims[0]! > most)) {
        const rows = most > 0 ? `, of at most ${most} rows` : '';
        throw new TensorlaneError(
          'ERR_SHAPE',
          `'${model}': input '${name}' has dims [${has.join(', ')}]${rows}, got [${tensor.dims.join(', ')}]`,
        );
      }
      return [name, tensor];
    }),
  );
}

/** `ran` is told of each step. Errors: those of the steps, the first that fails; what still waits is cancelled then. */
async function runSteps(
  steps: readonly Step[],
  models: EnsembleModels,
  given: ReadonlyMap<string, Tensor>,
  wanted: readonly string[],
  options: ServedRunOptions,
  ran: Ran,
): Promise<Outputs> {
  const over = overOf(options);
  const failed = new AbortController();
  const signal = AbortSignal.any([over.signal, failed.signal]);
  const tensors = new Map<string, Promise<Tensor>>([...given].map(([name, tensor]) => [name, Promise.resolve(tensor)]));
  const { sequence, priority } = options;
  const left = new Set(neededSteps(steps, wanted));
  const all: Promise<void>[] = [];
  while (left.size > 0) {
    for (const step of left) {
      if (!step.inputs.every(([, tensor]) => tensors.has(tensor))) continue;
      left.delete(step);
      const work = (async () => {
        const feeds: Record<string, Tensor> = {};
        for (const [input, tensor] of step.inputs) feeds[input] = await tensors.get(tensor)!;
        return models.use(step.model, async (servable) => {
          const outputs = await servable.run(feeds, {
            signal,
            outputs: step.outputs.map(([output]) => output),
            ...(priority === undefined ? {} : { priority }),
            ...(sequence !== undefined && servable.keepsState ? { sequence } : {}),
          });
          ran.set(step, { servable, outputs });
          return outputs;
        });
      })();
      for (const [output, tensor] of step.outputs) {
        const one = work.then((outputs) => outputs[output]!);
        // It is told by the step.
        one.catch(() => {});
        tensors.set(tensor, one);
      }
      all.push(
        work.then(
          () => {},
          (reason: unknown) => {
            failed.abort();
            throw reason;
          },
        ),
      );
    }
  }
  await over.race(Promise.all(all));
  return Object.fromEntries(
    await Promise.all(wanted.map(async (name) => [name, await tensors.get(name)!] as const)),
  ) as Outputs;
}

/** Those that what is wanted comes from. */
function neededSteps(steps: readonly Step[], wanted: readonly string[]): Step[] {
  const needed = new Set<Step>();
  const add = (tensor: string) => {
    const step = steps.find(({ outputs }) => outputs.some(([, name]) => name === tensor));
    if (step === undefined || needed.has(step)) return;
    needed.add(step);
    for (const [, input] of step.inputs) add(input);
  };
  for (const name of wanted) add(name);
  return steps.filter((step) => needed.has(step));
}

// The options of the engine, checked and completed.

import path from 'node:path';
import type { Device, DeviceName, LoadModelOptions, OpenOptions } from 'tensorlane';
import { flagOf, integerOf, numberOf, objectOf, shown, wrongOption } from '../core/options.js';
import { checkTraceOptions, type TraceOptions } from '../trace/settings.js';

export type LoadOptions = Omit<LoadModelOptions, 'name'>;

/** Which versions are served: the highest few, all, or those that are named. */
export type VersionPolicy =
  | { readonly latest: number }
  | { readonly all: true }
  | { readonly specific: readonly number[] };

export interface ModelConfig {
  /** The folder with its versions; by default the one of its name in the repository. */
  folder?: string | undefined;
  /** `{ latest: 1 }` by default. */
  versions?: VersionPolicy | undefined;
  /** Names for versions, as 'stable'. One moves only to a version that is loaded. */
  labels?: Readonly<Record<string, number>> | undefined;
  /** Options of `device.loadModel`, on top of those for all models. A warm-up comes by default. */
  load?: LoadOptions | undefined;
}

export interface EngineOptions {
  /** A folder of NAME/VERSION/model.onnx (with NAME/config.pbtxt, where there is more to say) and of NAME.onnx. */
  repository?: string | undefined;
  /** What is to be said of a model, by its name: those of the repository need nothing. */
  models?: Readonly<Record<string, ModelConfig>> | undefined;
  /** Options of `device.loadModel` for every model. */
  load?: LoadOptions | undefined;
  /** One that is open already, which stays its owner's to dispose; or what `open` takes. By default the best that works here. */
  device?: Device | DeviceName | OpenOptions | undefined;
  /** How often the folders are looked at for new versions, in seconds; 1 by default, 0: only once. */
  pollSeconds?: number | undefined;
  /** Whether linear algebra is served, as models named linalg.svd, linalg.solve and so on; false by default. */
  linalg?: boolean | undefined;
  /** Whether models are loaded and unloaded, and settings of traces and logs changed, by calls, too; false by default. */
  explicitControl?: boolean | undefined;
  /** Whether requests may have tensors in shared memory of this machine (/dev/shm), which clients register; false by default. */
  sharedMemory?: boolean | undefined;
  /** Which requests are traced, and where to; all of them, to OpenTelemetry, by default. */
  trace?: TraceOptions | undefined;
}

export interface ModelSettings {
  readonly folder: string | undefined;
  /** Undefined, where nothing is said. */
  readonly versions: VersionPolicy | undefined;
  readonly labels: ReadonlyMap<string, number>;
  /** Its own, without those for all models. */
  readonly load: LoadOptions;
}

export interface EngineSettings {
  readonly repository: string | undefined;
  readonly models: ReadonlyMap<string, ModelSettings>;
  /** Of every model. */
  readonly load: LoadOptions;
  readonly device: Device | DeviceName | OpenOptions | undefined;
  readonly pollSeconds: number;
  readonly linalg: boolean;
  readonly explicitControl: boolean;
  readonly sharedMemory: boolean;
  readonly trace: TraceOptions;
}

export const engineOptionNames: Readonly<Record<keyof EngineOptions, true>> = {
  repository: true,
  models: true,
  load: true,
  device: true,
  pollSeconds: true,
  linalg: true,
  explicitControl: true,
  sharedMemory: true,
  trace: true,
};
const modelNames: Readonly<Record<keyof ModelConfig, true>> = {
  folder: true,
  versions: true,
  labels: true,
  load: true,
};

/** Errors: ERR_ARGUMENT, naming the option. */
export function checkEngineOptions(options: EngineOptions): EngineSettings {
  objectOf('options', options, engineOptionNames);
  const { repository, models = {}, load = {} } = options;
  if (repository !== undefined && (typeof repository !== 'string' || repository === '')) {
    throw wrongOption(`repository must be a folder's path, got ${shown(repository)}`);
  }
  return {
    repository: repository === undefined ? undefined : path.resolve(repository),
    models: checkModels(models),
    load,
    device: options.device,
    pollSeconds: numberOf('pollSeconds', options.pollSeconds, 1, 0, 86_400),
    linalg: flagOf('linalg', options.linalg, false),
    explicitControl: flagOf('explicitControl', options.explicitControl, false),
    sharedMemory: flagOf('sharedMemory', options.sharedMemory, false),
    trace: checkTraceOptions(options.trace),
  };
}

/** Errors: ERR_ARGUMENT, naming the option. */
export function checkModels(models: Readonly<Record<string, ModelConfig>>): Map<string, ModelSettings> {
  if (Object.prototype.toString.call(models) !== '[object Object]') {
    throw wrongOption(`models must be an object, by the models' names, got ${shown(models)}`);
  }
  return new Map(Object.entries(models).map(([name, config]) => [name, checkModelConfig(`models.${name}`, config)]));
}

function checkModelConfig(name: string, config: ModelConfig): ModelSettings {
  objectOf(name, config, modelNames);
  const { folder, labels = {} } = config;
  if (folder !== undefined && (typeof folder !== 'string' || folder === '')) {
    throw wrongOption(`${name}.folder must be a folder's path, got ${shown(folder)}`);
  }
  for (const [label, version] of Object.entries(labels)) integerOf(`${name}.labels.${label}`, version, 0, 1);
  return {
    folder: folder === undefined ? undefined : path.resolve(folder),
    versions: checkPolicy(`${name}.versions`, config.versions),
    labels: new Map(Object.entries(labels)),
    load: config.load ?? {},
  };
}

function checkPolicy(name: string, policy: VersionPolicy | undefined): VersionPolicy | undefined {
  if (policy === undefined) return undefined;
  objectOf<{ latest?: number; all?: true; specific?: readonly number[] }>(name, policy, {
    latest: true,
    all: true,
    specific: true,
  });
  if (Object.keys(policy).length !== 1) throw wrongOption(`${name} must be one of latest, all and specific`);
  if ('latest' in policy) integerOf(`${name}.latest`, policy.latest ?? null, 1, 1);
  else if ('all' in policy) {
    if (policy.all !== true) throw wrongOption(`${name}.all must be true, got ${shown(policy.all)}`);
  } else {
    if (!Array.isArray(policy.specific)) throw wrongOption(`${name}.specific must be an array of versions`);
    for (const version of policy.specific) integerOf(`${name}.specific`, version ?? null, 1, 1);
  }
  return policy;
}

/** Of a model that nothing is said of. */
export const noSettings: ModelSettings = { folder: undefined, versions: undefined, labels: new Map(), load: {} };
export const defaultPolicy: VersionPolicy = { latest: 1 };

/** What is said later stands above what is said before, and so within `batching`. */
export function mergedLoad(...all: readonly LoadOptions[]): LoadOptions {
  const merged: LoadOptions = {};
  for (const one of all) {
    const batching = merged.batching && one.batching ? { ...merged.batching, ...one.batching } : undefined;
    Object.assign(merged, one, batching && { batching });
  }
  return merged;
}

/** Those of the versions found that a policy wants, the highest first. */
export function wantedVersions(policy: VersionPolicy, found: Iterable<number>): number[] {
  const descending = [...found].sort((a, b) => b - a);
  if ('latest' in policy) return descending.slice(0, policy.latest);
  if ('all' in policy) return descending;
  return descending.filter((version) => policy.specific.includes(version));
}

// Loads a version of a model, of whatever kind its files say that it is.

import { type Device, TensorlaneError } from 'tensorlane';
import { wrongOption } from '../core/options.js';
import type { FoundVersion } from '../repository/scan.js';
import { configFile } from '../triton/config.js';
import { loadEnsemble } from './ensemble.js';
import type { EnsembleModels } from './ensemble-steps.js';
import { loadJs } from './js.js';
import { loadLinalg } from './linalg.js';
import type { Modules } from './modules.js';
import { loadOnnx } from './onnx.js';
import type { LoadOptions } from './options.js';
import type { Servable } from './servable.js';
import type { VersionStatistics } from './statistics.js';

/** Of what comes from no file. */
export const builtInFile = '';

interface LoadRequest {
  readonly device: Device;
  readonly name: string;
  readonly version: number;
  readonly found: FoundVersion;
  readonly statistics: VersionStatistics;
  /** The model's name in events and metrics. */
  readonly batcher: string;
  readonly load: { readonly all: LoadOptions; readonly own: LoadOptions };
  /** For models that run others. */
  readonly models: EnsembleModels;
  /** For those in JS. */
  readonly modules: Modules;
}

/** Errors: those of what is loaded; ERR_ARGUMENT, with the file, for what a configuration says. */
export async function loadVersion(request: LoadRequest): Promise<Servable> {
  const { device, name, version, statistics, batcher, load, models, modules } = request;
  const { file, config, fingerprint } = request.found;
  if (file === builtInFile) return loadLinalg(device, name, version, batcher, statistics);
  try {
    const called = config?.config.name;
    if (called && called !== name) throw wrongOption(`its name is '${called}', but that of its folder '${name}'`);
    if (config?.config.ensemble_scheduling !== undefined) {
      return await loadEnsemble({ name, version, found: config, statistics, models });
    }
    if (file.endsWith('.mjs')) {
      return await loadJs({ name, version, file, config, statistics, device, models, modules, fingerprint });
    }
    const warn = (message: string) => warnOf(`${name}/${configFile}: ${message}`);
    return await loadOnnx({ device, name, version, file, statistics, batcher, load, config, warn });
  } catch (error) {
    throw config === undefined ? error : ofConfig(error, config.source);
  }
}

/** Tells whose configuration is wrong. */
function ofConfig(error: unknown, file: string): unknown {
  if (!(error instanceof TensorlaneError) || error.code !== 'ERR_ARGUMENT') return error;
  return new TensorlaneError(error.code, `${file}: ${error.message}`, { cause: error });
}

const warned = new Set<string>();

/** What is done otherwise than a configuration says: once a process. */
function warnOf(message: string): void {
  if (warned.has(message)) return;
  warned.add(message);
  process.emitWarning(message, { type: 'TensorlaneWarning' });
}

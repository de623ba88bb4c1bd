// What a model is to run on: ONNX Runtime's execution providers, those that it has built in by their names, others by the path of
// their library. What is unknown, or of another kind than its name asks for, is refused by name.

import type { ProviderRequest } from '../../binding.js';
import { plainObject, refuseUnknown, requiredWholeNumber, text, wrong } from '../core/arguments.js';

/** One that ONNX Runtime has built in, with options under ONNX Runtime's own names. */
export interface BuiltInProvider {
  readonly name: 'cuda';
  /** As in { cudnn_conv_algo_search: 'EXHAUSTIVE' }. */
  readonly options?: Readonly<Record<string, string>> | undefined;
}

/** One that comes as a library of its own: a plugin, as ONNX Runtime 1.23 and later take it. */
export interface PluginProvider {
  /** The library's path. It stays loaded until the process ends. */
  readonly library: string;
  /** Of the provider, as the library has it: 'NvTensorRTRTXExecutionProvider', say. */
  readonly name: string;
  /** Which of its devices: the id that the device's memory has. By default that of a CUDA device; on the CPU the first there is. */
  readonly device?: number | undefined;
  /** Under the provider's own names. */
  readonly options?: Readonly<Record<string, string>> | undefined;
}

export type Provider = 'cpu' | 'cuda' | BuiltInProvider | PluginProvider;

/** Which provider runs a node of a model. */
export interface NodePlacement {
  /** By ONNX Runtime's name: 'CUDAExecutionProvider', say. */
  readonly provider: string;
  /** As the graph has it that ONNX Runtime made of the model's; may be empty. */
  readonly name: string;
  readonly operator: string;
}

const builtIn = ['cpu', 'cuda'] as const;
const expected = "'cpu', 'cuda', { name: 'cuda', options } or { library, name, device, options }";

/**
 * As the addon takes them. `gpu` is the CUDA device's index, undefined on the CPU: what computes there by default.
 * Errors: ERR_ARGUMENT.
 */
export function completeProviders(given: readonly Provider[] | undefined, gpu: number | undefined): ProviderRequest[] {
  if (given === undefined) return gpu === undefined ? [] : [{ name: 'cuda', device: gpu }, { name: 'cpu' }];
  if (!Array.isArray(given) || given.length === 0) throw wrong(`providers must be an array of ${expected}`, given);
  return given.map((one, i) => completeProvider(`providers[${i}]`, one, gpu));
}

function completeProvider(what: string, given: Provider, gpu: number | undefined): ProviderRequest {
  const onGpu = gpu === undefined ? {} : { device: gpu };
  if (typeof given === 'string') {
    if (!builtIn.includes(given)) throw wrong(`${what} must be ${expected}`, given);
    return given === 'cpu' ? { name: 'cpu' } : { name: given, ...onGpu };
  }
  const isPlugin = 'library' in plainObject(what, given);
  refuseUnknown(given, new Set(isPlugin ? ['library', 'name', 'device', 'options'] : ['name', 'options']), what);
  const name = text(`${what}.name`, given.name ?? null)!;
  const options = given.options === undefined ? {} : { options: pairsOf(`${what}.options`, given.options) };
  if (!isPlugin) {
    if (name !== 'cuda') throw wrong(`${what}.name must be 'cuda', or stand beside its library`, name);
    return { name, ...onGpu, ...options };
  }
  const { library, device } = given as PluginProvider;
  const chosen = device === undefined ? onGpu : { device: requiredWholeNumber(`${what}.device`, device, 0) };
  return { name, library: text(`${what}.library`, library ?? null)!, ...chosen, ...options };
}

/** Keys and values in turn. */
function pairsOf(what: string, options: Readonly<Record<string, string>>): string[] {
  return Object.entries(plainObject(what, options)).flatMap(([key, value]) => {
    if (typeof value !== 'string' || value.includes('\0')) throw wrong(`${what}.${key} must be a string`, value);
    return [text(`${what}: a key`, key)!, value];
  });
}

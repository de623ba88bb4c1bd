// Execution providers: which device a session runs on.
//
// The rule it keeps: a provider that cannot run refuses the session, also beside 'cpu'. Clients fall back on that by themselves, and what
// was asked of a GPU is never answered by a CPU unasked.

/** Where a session runs, and what else has to be there because it was named. */
export interface Placement {
  readonly runsOn: 'cpu' | `cuda:${number}`;
  /** In the list's order, and before the refusal. */
  readonly needs: readonly `cuda:${number}`[];
  /** Of the first provider that cannot run whatever there is: of several that cannot, the first in the list is told. */
  readonly refusal?: Error | undefined;
}

const webgpuOptions: Readonly<Record<string, 'a string' | 'a boolean' | 'a string array'>> = {
  preferredLayout: 'a string',
  validationMode: 'a string',
  storageBufferCacheMode: 'a string',
  uniformBufferCacheMode: 'a string',
  queryResolveBufferCacheMode: 'a string',
  defaultBufferCacheMode: 'a string',
  enableRobustness: 'a boolean',
  forceCpuNodeNames: 'a string array',
};

/** Errors: as onnxruntime-node has them, where the provider's library is not there. */
export function placement(providers: unknown): Placement {
  if (providers === undefined || providers === null) return { runsOn: 'cpu', needs: [] };
  if (!Array.isArray(providers)) {
    throw new TypeError('Invalid argument: sessionOptions.executionProviders must be an array.');
  }
  const found: Placement['runsOn'][] = [];
  let refusal: Error | undefined;
  for (const [index, provider] of providers.entries()) {
    const device = deviceOf(provider, index);
    if (typeof device === 'string') {
      found.push(device);
      continue;
    }
    // Behind CUDA, a GPU's other ways are no longer needed; what is wrongly said of them is an error still.
    if (found[0]?.startsWith('cuda') && !(device instanceof TypeError)) continue;
    refusal = device;
    break;
  }
  const needs = found.filter((device) => device !== 'cpu');
  if (refusal !== undefined && needs.length === 0) throw refusal;
  return { runsOn: found[0] ?? 'cpu', needs, refusal };
}

/** An error where it cannot run. */
function deviceOf(provider: unknown, index: number): Placement['runsOn'] | Error {
  const name = typeof provider === 'string' ? provider : (provider as { name?: unknown } | null)?.name;
  const what = `Invalid argument: sessionOptions.executionProviders[${index}]`;
  if (typeof name !== 'string') {
    return new TypeError(`${what} must be either a string or an object with property 'name'.`);
  }
  const options = typeof provider === 'string' ? {} : (provider as Readonly<Record<string, unknown>>);
  if ('deviceId' in options && typeof options.deviceId !== 'number') return new TypeError('A number was expected');
  switch (name) {
    case 'cpu':
      return 'cpu';
    case 'cuda':
      // As C has it: 1.5 is 1.
      return `cuda:${((options.deviceId as number | undefined) ?? 0) | 0}`;
    case 'tensorrt':
      return missingLibrary('TensorRT');
    case 'webgpu':
      return webgpuRefusal(options);
    default:
      return new TypeError(`${what} is unsupported: '${name}'.`);
  }
}

function webgpuRefusal(options: Readonly<Record<string, unknown>>): Error {
  for (const [option, value] of Object.entries(options)) {
    const problem = option === 'name' ? undefined : webgpuProblem(option, value);
    if (problem !== undefined) return new TypeError(`Invalid argument: ${problem}`);
  }
  return new Error('Failed to get a WebGPU adapter: No supported adapters');
}

function webgpuProblem(option: string, value: unknown): string | undefined {
  if (!Object.hasOwn(webgpuOptions, option)) return `WebGPU EP has an unrecognized option: '${option}'.`;
  const kind = webgpuOptions[option]!;
  if (kind === 'a string array' && Array.isArray(value)) {
    return value.every((one) => typeof one === 'string') ? undefined : `elements of "${option}" must be strings.`;
  }
  return kind === `a ${typeof value}` ? undefined : `"${option}" must be ${kind}.`;
}

export function missingLibrary(provider: 'Cuda' | 'TensorRT', cause?: unknown): Error {
  const message = `OrtSessionOptionsAppendExecutionProvider_${provider}: Failed to load shared library`;
  return new Error(message, cause === undefined ? undefined : { cause });
}

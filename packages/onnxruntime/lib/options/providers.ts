// Execution providers: which device a session runs on.
//
// The rule it keeps: a provider that cannot run refuses the session, also beside 'cpu'. Clients fall back on that by themselves, and what
// was asked of a GPU is never answered by a CPU unasked.

/** Where a session runs, and what else has to be there because it was named. */
export interface Placement {
  readonly runsOn: 'cpu' | `cuda:${number}`;
  readonly needs: readonly `cuda:${number}`[];
}

const webgpuOptions = new Set([
  'name',
  'deviceId',
  'preferredLayout',
  'validationMode',
  'storageBufferCacheMode',
  'uniformBufferCacheMode',
  'queryResolveBufferCacheMode',
  'defaultBufferCacheMode',
  'enableRobustness',
  'forceCpuNodeNames',
]);

/** Errors: as onnxruntime-node has them, where the provider's library is not there. */
export function placement(providers: unknown): Placement {
  if (providers === undefined || providers === null) return { runsOn: 'cpu', needs: [] };
  if (!Array.isArray(providers)) {
    throw new TypeError('Invalid argument: sessionOptions.executionProviders must be an array.');
  }
  const found = providers.map(deviceOf);
  return { runsOn: found[0] ?? 'cpu', needs: found.filter((device) => device !== 'cpu') };
}

function deviceOf(provider: unknown, index: number): Placement['runsOn'] {
  const name = typeof provider === 'string' ? provider : (provider as { name?: unknown } | null)?.name;
  if (typeof name !== 'string') {
    throw new TypeError(
      `Invalid argument: sessionOptions.executionProviders[${index}] must be either a string or an object with property 'name'.`,
    );
  }
  switch (name) {
    case 'cpu':
      return 'cpu';
    case 'cuda': {
      const { deviceId = 0 } = (typeof provider === 'string' ? {} : provider) as { deviceId?: unknown };
      if (Number.isSafeInteger(deviceId) && (deviceId as number) >= 0) return `cuda:${deviceId as number}`;
      throw new RangeError(`Invalid argument: CUDA EP has no device ${String(deviceId)}.`);
    }
    case 'tensorrt':
      throw missingLibrary('TensorRT');
    case 'webgpu': {
      const stray = typeof provider === 'string' ? undefined : Object.keys(provider as object).find(isUnknown);
      if (stray !== undefined) {
        throw new TypeError(`Invalid argument: WebGPU EP has an unrecognized option: '${stray}'.`);
      }
      throw new Error('Failed to get a WebGPU adapter: No supported adapters');
    }
    default:
      throw new TypeError(`Invalid argument: sessionOptions.executionProviders[${index}] is unsupported: '${name}'.`);
  }
}

function isUnknown(option: string): boolean {
  return !webgpuOptions.has(option);
}

export function missingLibrary(provider: 'Cuda' | 'TensorRT', cause?: unknown): Error {
  const message = `OrtSessionOptionsAppendExecutionProvider_${provider}: Failed to load shared library`;
  return new Error(message, cause === undefined ? undefined : { cause });
}

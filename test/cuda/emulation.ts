// The emulated device's controls (test/emulation/control.cpp), where the tests run on it.

import { createRequire } from 'node:module';
import type { PluginProvider } from 'tensorlane';

interface Control {
  /** The nth call from now on of `call` ('': of any) fails with the CUDA error; `late`: when its stream comes to it. */
  planFault(call: string, nth: number, error: number, late?: boolean): void;
  /** Forgets what is planned. */
  clearFaults(): void;
  /** Forgets what is planned, and the errors that would last. */
  clear(): void;
  calls(name?: string): number;
  live(): {
    deviceAllocations: number;
    pinnedAllocations: number;
    streams: number;
    events: number;
    pools: number;
    graphs: number;
  };
}

const path = process.env.TENSORLANE_EMULATION;

/** Undefined on a real GPU. */
export const emulation: Control | undefined =
  path === undefined ? undefined : (createRequire(import.meta.url)(path) as Control);

/** ONNX Runtime's provider for it, as a plugin. */
export const plugin: PluginProvider | undefined = process.env.TENSORLANE_EMULATED_PROVIDER
  ? { library: process.env.TENSORLANE_EMULATED_PROVIDER, name: 'EmulatedCudaExecutionProvider' }
  : undefined;

/** cudaError_t. */
export const cudaError = { outOfMemory: 2, illegalAddress: 700, devicesUnavailable: 46, unknown: 999 } as const;

// The backend that onnxruntime-common asks for sessions, by the names of execution providers.

import type { Backend, InferenceSession } from 'onnxruntime-common';
import { createHandler } from './session/create';

/** An execution provider, and whether its library comes with the package. */
export interface SupportedBackend {
  name: string;
  bundled: boolean;
}

/** The names that onnxruntime-node registers on Linux. A session that asks for one of them where it cannot run is refused. */
export function listSupportedBackends(): SupportedBackend[] {
  return [
    { name: 'cpu', bundled: true },
    { name: 'webgpu', bundled: true },
    { name: 'cuda', bundled: false },
    { name: 'tensorrt', bundled: false },
  ];
}

export const onnxruntimeBackend: Backend = {
  async init(): Promise<void> {},
  createInferenceSessionHandler(pathOrBytes: string | Uint8Array, options: InferenceSession.SessionOptions = {}) {
    return createHandler(pathOrBytes, options);
  },
};

// The backend that onnxruntime-common asks for sessions, by the names of execution providers.

import type { Backend, InferenceSession } from 'onnxruntime-common';

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
    // What makes sessions is loaded with the first of them: importing the package stays as cheap as onnxruntime-node's.
    const { createHandler } = require('./session/create') as typeof import('./session/create');
    return createHandler(pathOrBytes, options);
  },
};

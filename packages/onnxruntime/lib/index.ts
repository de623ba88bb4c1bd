// The package's surface: all of onnxruntime-common, with a backend that runs on tensorlane.
//
// The rule it keeps: whoever has onnxruntime-node's name resolved to this package sees the same exports, in CommonJS and in ES
// modules, of the same onnxruntime-common. Nothing native is loaded before the first session is made.

import { env, registerBackend } from 'onnxruntime-common';
import { listSupportedBackends, onnxruntimeBackend } from './backend';
import type { TensorlaneOptions } from './options/tensorlane';
import { extendSessions } from './session/extend';
import type { SessionModel } from './session/model';
import { version } from './version';

export * from 'onnxruntime-common';
export type { SessionModel, TensorlaneOptions };
export { listSupportedBackends };

declare module 'onnxruntime-common' {
  interface Env {
    /** tensorlane's own options, for sessions that are made from now on. */
    tensorlane: TensorlaneOptions;
  }
  interface InferenceSession {
    /** The model as tensorlane has it: `stats()`, `batching`, and the rest. */
    readonly tensorlane: SessionModel;
  }
}

for (const { name } of listSupportedBackends()) registerBackend(name, onnxruntimeBackend, 100);
Object.defineProperty(env.versions, 'node', { value: version, enumerable: true });
// Not enumerable: what copies or prints the environment finds onnxruntime-node's.
Object.defineProperty(env, 'tensorlane', { value: {}, writable: true, configurable: true });
extendSessions();

// What onnxruntime-node has at dist/binding.js, where some look for whether it can be loaded.

import { listSupportedBackends } from './backend';
import { engine } from './session/engine';

export const binding = { listSupportedBackends };

/** Loads what runs the sessions. Errors: where it is not installed. */
export function initOrt(): void {
  engine();
}

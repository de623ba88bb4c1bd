// What sessions have beyond onnxruntime-common's: the model underneath, and outputs that are no tensors.

import { InferenceSession, Tensor } from 'onnxruntime-common';
import type { Model } from 'tensorlane';
import { behind } from '../values/outputs';
import { SessionHandler } from './handler';

type Run = (this: { handler: unknown }, ...args: unknown[]) => Promise<Record<string, unknown>>;

/** May be called again: of one onnxruntime-common, sessions are extended once. */
export function extendSessions(): void {
  const { prototype } = InferenceSession as unknown as { prototype: { run: Run } };
  if ('tensorlane' in prototype) return;
  const { run } = prototype;
  Object.defineProperty(prototype, 'tensorlane', {
    get(this: { handler: unknown }): Model | undefined {
      return this.handler instanceof SessionHandler ? this.handler.model : undefined;
    },
    configurable: true,
  });
  // onnxruntime-common lets only tensors out; what is no tensor goes through it as one that stands for it.
  prototype.run = function (...args) {
    const running = run.apply(this, args);
    const { handler } = this;
    return handler instanceof SessionHandler && handler.givesOtherThanTensors ? running.then(unwrapped) : running;
  };
}

function unwrapped(results: Record<string, unknown>): Record<string, unknown> {
  for (const [name, result] of Object.entries(results)) if (result instanceof Tensor) results[name] = behind(result);
  return results;
}

// What sessions have beyond onnxruntime-common's: the model underneath, and outputs that are no tensors.

import { InferenceSession } from 'onnxruntime-common';
import type { SessionHandler } from './handler';
import type { SessionModel } from './model';

/** Of this package's sessions a SessionHandler: others may have registered backends of their own. */
interface Session {
  readonly handler: Partial<SessionHandler> | undefined;
}
type Results = Record<string, unknown>;
type Run = (this: Session, ...args: unknown[]) => Promise<Results>;

/** May be called again: of one onnxruntime-common, sessions are extended once. */
export function extendSessions(): void {
  const { prototype } = InferenceSession as unknown as { prototype: { run: Run } };
  if ('tensorlane' in prototype) return;
  const { run } = prototype;
  Object.defineProperty(prototype, 'tensorlane', {
    get(this: Session): SessionModel | undefined {
      return this.handler?.model;
    },
    configurable: true,
  });
  // onnxruntime-common lets only tensors out; what is no tensor goes through it as one that stands for it.
  prototype.run = function (...args) {
    const running = run.apply(this, args);
    const unwrap = this.handler?.unwrap;
    return unwrap === undefined ? running : running.then(unwrap);
  };
}

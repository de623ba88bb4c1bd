// Operations that a signal takes back. One that has not begun is rejected at once, and its operands are no longer read; one that has
// begun ends between two matrices of its batch, or between two of its steps, or else gives what it has computed.

import type { Stop as NativeStop } from '../../binding.js';
import { addon } from '../addon/load.js';
import { Signals } from '../batching/time/signals.js';
import { wrong } from '../core/arguments.js';
import { TensorlaneError } from '../core/errors.js';

/** What an operation is given, for whoever takes it back. */
export type Stop = NativeStop;

/** Errors: ERR_ARGUMENT. */
export function checkSignal(signal: unknown, what: string): AbortSignal | undefined {
  if (signal === undefined) return undefined;
  if (typeof (signal as AbortSignal | null)?.addEventListener === 'function') return signal as AbortSignal;
  throw wrong(`${what}: signal must be an AbortSignal`, signal);
}

/** Errors: ERR_ABORTED. */
export function refuseAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw aborted(signal, what);
}

interface Waiting {
  readonly stop: Stop;
  readonly takeBack: () => void;
}

const waiting = new Signals<Waiting>(({ stop, takeBack }) => {
  if (stop.stop()) takeBack();
});
const neverBegun = Symbol();

/** Errors: ERR_ABORTED, and those of the call. */
export async function stoppable<R>(signal: AbortSignal, what: string, call: (stop: Stop) => Promise<R>): Promise<R> {
  refuseAborted(signal, what);
  const stop = new (addon().Stop)();
  let item: Waiting | undefined;
  try {
    // What is taken back is not waited for: it ends by itself, and nobody asks how.
    return await new Promise<R>((resolve, reject) => {
      item = { stop, takeBack: () => reject(neverBegun) };
      waiting.add(item, signal);
      call(stop).then(resolve, reject);
    });
  } catch (reason) {
    // Here, where the stack is the caller's.
    if (reason === neverBegun || isAborted(reason)) throw aborted(signal, what);
    throw reason;
  } finally {
    waiting.remove(item!, signal);
  }
}

const isAborted = (reason: unknown) => reason instanceof TensorlaneError && reason.code === 'ERR_ABORTED';

function aborted(signal: AbortSignal, what: string): TensorlaneError {
  return new TensorlaneError('ERR_ABORTED', `${what}: aborted by its signal`, { cause: signal.reason });
}

// The end of a run of several steps: its client hangs up, or its deadline passes, whatever its steps do.

import { type RunOptions, TensorlaneError } from 'tensorlane';

export interface Over {
  /** Aborts at the end: for the steps. */
  readonly signal: AbortSignal;
  /** What `work` gives, unless the end comes first. Errors: ERR_ABORTED, ERR_TIMEOUT, those of `work`. */
  race<T>(work: Promise<T>): Promise<T>;
}

export function overOf({ signal, deadlineMicros }: RunOptions): Over {
  const late = deadlineMicros === undefined ? undefined : lateAfter(deadlineMicros);
  const over = AbortSignal.any([signal, late].filter((one) => one !== undefined));
  const race = <T>(work: Promise<T>) =>
    new Promise<T>((resolve, reject) => {
      const stop = () =>
        reject(
          late?.aborted
            ? new TensorlaneError('ERR_TIMEOUT', 'run: not answered by its deadline')
            : new TensorlaneError('ERR_ABORTED', 'run: cancelled by its signal'),
        );
      if (over.aborted) stop();
      over.addEventListener('abort', stop, { once: true });
      work.then(resolve, reject).finally(() => over.removeEventListener('abort', stop));
    });
  return { signal: over, race };
}

/** A time that is over already is no timer's to tell. */
function lateAfter(micros: number): AbortSignal {
  return micros > 0 ? AbortSignal.timeout(Math.ceil(micros / 1000)) : AbortSignal.abort();
}

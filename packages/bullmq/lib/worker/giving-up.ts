// Jobs that are cancelled or late while they run.

import { TensorlaneError } from 'tensorlane';

/** What runs on after that is nobody's. */
export async function untilGivenUp<R>(signal: AbortSignal, run: () => Promise<R> | R): Promise<R> {
  if (signal.aborted) throw givenUp(signal);
  let stop = () => {};
  const given = new Promise<never>((_, reject) => {
    stop = () => reject(givenUp(signal));
  });
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([run(), given]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

export function givenUp({ reason }: AbortSignal): TensorlaneError {
  if (reason instanceof TensorlaneError) return reason;
  return new TensorlaneError('ERR_ABORTED', typeof reason === 'string' ? reason : 'it was cancelled while it ran');
}

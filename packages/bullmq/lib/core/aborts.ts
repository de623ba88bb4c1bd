// Who waits until a signal says otherwise. The rule: of a signal that many wait with, such as one of a request that has many jobs, one listener
// hears, since Node takes more than ten for a leak and says so.

interface Waiting {
  readonly acts: Set<() => void>;
  hear(): void;
}

const bySignal = new WeakMap<AbortSignal, Waiting>();

/** Of a signal that is not aborted yet; `act` is another function each time. Gives what ends it. */
export function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal === undefined) return () => {};
  let waiting = bySignal.get(signal);
  if (waiting === undefined) {
    const acts = new Set<() => void>();
    waiting = {
      acts,
      hear: () => {
        for (const one of acts) one();
      },
    };
    bySignal.set(signal, waiting);
  }
  const { acts, hear } = waiting;
  if (acts.size === 0) signal.addEventListener('abort', hear);
  acts.add(act);
  return () => {
    if (acts.delete(act) && acts.size === 0) signal.removeEventListener('abort', hear);
  };
}

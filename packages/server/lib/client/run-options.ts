// What a run at a server takes.

import type { RunOptions, TensorGiven } from 'tensorlane';

/** What a run takes of `RunOptions`; outputs come to this process. */
export type RemoteRunOptions = Pick<RunOptions, 'outputs' | 'signal' | 'priority' | 'timeoutMicros' | 'deadlineMicros'>;
export type RemoteFeeds = Readonly<Record<string, TensorGiven>>;

export const runNames: Readonly<Record<keyof RemoteRunOptions, true>> = {
  outputs: true,
  signal: true,
  priority: true,
  timeoutMicros: true,
  deadlineMicros: true,
};

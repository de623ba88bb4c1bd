// What the scheduler tells node:diagnostics_channel, for tracing. Where nobody listens, it costs a look at a flag.

import { channel } from 'node:diagnostics_channel';
import type { FailureReason } from '../running/executor.js';
import type { CloseReason } from './closing.js';

/** On the channel `tensorlane:batch`, when a batch has ended. */
export interface BatchEvent {
  /** The name of the model or batcher. */
  readonly batcher: string;
  /** Why the batch stopped growing. */
  readonly reason: CloseReason;
  readonly requests: number;
  readonly rows: number;
  readonly paddedRows: number;
  /** From the arrival of its first request to its start. */
  readonly formingMicros: number;
  /** From its start to its end, with all that was run again. */
  readonly computeMicros: number;
  /** How long the device was busy with it, where the executor tells; else computeMicros. */
  readonly deviceMicros: number;
  /** Whether every request of it failed. */
  readonly failed: boolean;
}

/** On the channel `tensorlane:request`, when a request that was accepted is settled. */
export interface RequestEvent {
  readonly batcher: string;
  readonly outcome: 'completed' | FailureReason;
  readonly rows: number;
  /** From 1, the highest. */
  readonly priority: number;
  /** From its arrival to now. */
  readonly totalMicros: number;
}

export const channels = { batch: channel('tensorlane:batch'), request: channel('tensorlane:request') };

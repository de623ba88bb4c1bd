// tensorlane/batching: the scheduler by itself, for functions of one's own.

export { Batched, type BatchedOptions, batched } from './batched.js';
export type { Clock } from './clock.js';
export type { CloseReason } from './closing.js';
export type { BatchEvent, RequestEvent } from './events.js';
export { type Batch, type Executor, Failure, type FailureReason } from './executor.js';
export type { RequestObserver, StartedBatch } from './observer.js';
export type { BatcherOptions, QueuePolicy } from './options.js';
export type { RequestOptions } from './request-options.js';
export type { AdaptiveStats, BatcherStats, MeasuredSetting } from './stats.js';

// tensorlane/batching: the scheduler by itself, for functions of one's own.

export { Batched, type BatchedOptions, batched } from './batched.js';
export type { BatcherOptions, QueuePolicy } from './options.js';
export type { RequestOptions } from './request-options.js';
export { type Batch, type Executor, Failure, type FailureReason } from './running/executor.js';
export type { CloseReason } from './statistics/closing.js';
export type { BatchEvent, RequestEvent } from './statistics/events.js';
export type { RequestObserver, StartedBatch } from './statistics/observer.js';
export type { AdaptiveStats, BatcherStats, MeasuredSetting } from './statistics/stats.js';
export type { Clock } from './time/clock.js';

// @tensorlane/bullmq's public surface.

export type { SharedOptions } from './job/settings.js';
export type { WorkerReport } from './job/workers.js';
export { FileStore } from './payload/file-store.js';
export { type S3Credentials, S3Store, type S3StoreOptions } from './payload/s3-store.js';
export type { PayloadStore } from './payload/store.js';
export { decodeTensors, encodeTensors, type Tensors } from './payload/tensors.js';
export type { AddOptions, BackoffOptions } from './producer/add-options.js';
export type { Step, StepOutput } from './producer/flow.js';
export { type DeadLetter, JobHandle, type JobState, type ResultOptions } from './producer/handle.js';
export type { QueueStatus } from './producer/load.js';
export { type JobToAdd, TensorQueue, type TensorQueueOptions } from './producer/queue.js';
export { ShardedQueue, type ShardedQueueOptions } from './producer/shards.js';
export type { Connection } from './redis/connection.js';
export type { HandlerContext } from './worker/handler-context.js';
export type { Handler, ModelGiven } from './worker/handlers.js';
export type { JsContext } from './worker/js-model.js';
export { TensorWorker, type TensorWorkerOptions, type WorkerStats } from './worker/worker.js';
